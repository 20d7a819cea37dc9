"""The sweeper plugin: a doorway. Optuna is imported when the sweep starts, not at Hydra's start-up."""

from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

from .preflight_callback import PreflightCallback

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from ._search import Search


class OptunaAsyncSweeper(Sweeper):
    """Searches with Optuna, and keeps every worker busy: the study is the queue. See OptunaAsyncSweeperConf."""

    def __init__(self, **settings: Any) -> None:  # Any: the fields of OptunaAsyncSweeperConf
        """Take what Hydra passes; the settings are read from the configuration, as the user wrote them."""

    def setup(self, *, hydra_context: "HydraContext", task_function: "TaskFunction", config: "DictConfig") -> None:
        """Keep what the sweep is made of."""
        self._context, self._task_function, self._config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Run the search to its end. Bad input, a failed or an interrupted search end the program by SystemExit."""
        from ._patience import DatabaseGone
        from ._preparation import prepare_search
        from ._search_space import BadInput
        from ._sweep import Sweep

        try:
            search = self._checked_before() or prepare_search(self._config, self._context.config_loader)
            sweep = Sweep.open(search, self._config, self._context, self._task_function)
        except BadInput as error:
            raise SystemExit(str(error)) from None
        try:
            sweep.run()
        except DatabaseGone as error:
            raise SystemExit(f"{error}\nNothing is lost: when it is back, the same study_name goes on.") from None

    def _checked_before(self) -> "Search | None":
        """Return what the preflight callback has prepared, if there is one."""
        callbacks = self._context.callbacks.callbacks
        return next((callback.search for callback in callbacks if isinstance(callback, PreflightCallback)), None)
