"""The sweeper plugin: a doorway. Optuna is imported when the sweep starts, not at Hydra's start-up."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from hydra_plugins.hydra_search.claims import is_timed, new_names
from hydra_plugins.hydra_search.errors import BadInput, DatabaseGone
from hydra_plugins.hydra_search.files import MULTIRUN, is_full
from hydra_plugins.hydra_search.hydra_line import as_multirun
from hydra_plugins.hydra_search.schema import check_types
from hydra_plugins.hydra_search.settings import check_settings, plain
from hydra_plugins.hydra_search.waiting import said_if_slow

from .config import OptunaAsyncSweeperConf

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from hydra_plugins.hydra_search.jobs import Check

    from .search._spec import Search


class OptunaAsyncSweeper(Sweeper):
    """Searches with Optuna, and keeps every worker busy: the study is the queue. See OptunaAsyncSweeperConf."""

    # what `check_search` has prepared, and from which configuration
    _checked: "ClassVar[tuple[DictConfig, Search] | None]" = None

    def __init__(self, **settings: Any) -> None:  # Any: the fields of OptunaAsyncSweeperConf, as Hydra passes them
        known = (
            OptunaAsyncSweeperConf.__dataclass_fields__
        )  # a key of the application's own beside them is its own affair
        values: dict[str, Any] = {key: plain(value) for key, value in settings.items() if key in known}
        self.settings = OptunaAsyncSweeperConf(**({"metric": None} | values))  # its default is for Hydra to resolve

    @classmethod
    def check_search(cls, config: "DictConfig", loader: "ConfigLoader", check: "Check | None") -> None:
        """Refuse what can't be run, see ChecksSearch. What is checked here need not be checked by `sweep` again."""
        from .search._processes import check_joblib
        from .search._processes import prepare as prepare_workers

        is_dry = cls.is_dry(config)
        prepare = prepare_nothing if is_dry else prepare_workers
        if cls._checked and cls._checked[0] is config and check is None:
            prepare(config.hydra.launcher, cls._checked[1].n_jobs)  # somebody may have found out what workers need
            return
        check_settings(config)
        check_types(config)
        check_joblib(config.hydra.launcher)
        prepare(config.hydra.launcher, config.hydra.sweeper.n_jobs)
        with said_if_slow("Importing Optuna"):
            from .search._directories import take_sweep_dir
            from .search._resume import check_resume
            from .search._spec import prepare_search
        for _ in new_names(config):
            if is_timed(config) and Path(config.hydra.sweep.dir, MULTIRUN).exists():
                continue
            given = config.hydra.sweeper
            known = [key for key in given if key != "_target_" and not OmegaConf.is_missing(given, key)]
            settings = cls(**{str(key): given[key] for key in known}).settings
            search = prepare_search(settings, config, loader, check)
            with said_if_slow(f"Opening the study at {search.storage.shown}"):
                check_resume(search, config)
            if is_dry or search.shares or take_sweep_dir(search.sweep_dir, config):
                break
        cls._checked = (config, search)
        prepare(config.hydra.launcher, search.n_jobs)

    @classmethod
    def is_dry(cls, config: "DictConfig") -> bool:
        """Tell whether the search is only to say what it would do, see RunsDry."""
        return OmegaConf.select(config, "hydra.sweeper.dry_run") is not None

    def setup(self, *, hydra_context: "HydraContext", task_function: "TaskFunction", config: "DictConfig") -> None:
        """Keep what the sweep is made of."""
        self._context, self._task_function, self._config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Run the search to its end. Bad input, a failed or an interrupted search end the program by SystemExit."""
        with as_multirun(self._config, self._context):
            self._sweep()

    def _sweep(self) -> None:
        from .search._dry_run import say_plan
        from .search._notify import word_at_the_end
        from .search._sweep import Sweep

        try:
            search = self._prepared()
            if search.dry_run:
                say_plan(search, self._config, self._context, self._task_function)
                return
            sweep = Sweep.open(search, self._config, self._context, self._task_function)
            word = word_at_the_end(self.settings.notify_url, sweep.queue, self._config)
            with closing(sweep.queue), word:
                sweep.run()
        except BadInput as error:
            raise SystemExit(str(error)) from None
        except DatabaseGone as error:
            raise SystemExit(f"{error}\nNothing is lost: when it is back, the same study_name goes on.") from None
        except OSError as error:
            if not is_full(error):
                raise
            remedy = f"Make room; study_name={self._config.hydra.sweeper.study_name} goes on."
            place = self._config.hydra.sweep.dir
            raise SystemExit(f"hydra.sweep.dir: the disk is full ({error}), got {place}. {remedy}") from None

    def _prepared(self) -> "Search":
        self.check_search(self._config, self._context.config_loader, None)
        assert self._checked  # noqa: S101  # it was, just now
        return self._checked[1]


def prepare_nothing(launcher: "DictConfig", n_jobs: int) -> None:
    """Start no process: there will be no workers."""
