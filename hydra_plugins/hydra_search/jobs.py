"""A job of a search, composed as a launcher would before anything runs, and shown to the application's own check.

Also what plugins ask one another before the first job: a sweeper for its search, a callback for its worker.
"""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from .errors import BadInput, bad_input, one_line, suggestion
from .hydra_line import instantiate
from .settings import plugin_class
from .waiting import said_if_slow

Check = Callable[[DictConfig], None]
Compose = Callable[[list[str]], DictConfig]


@runtime_checkable
class ChecksSearch(Protocol):
    """A sweeper class that checks its own search before other callbacks start. The preflight callback asks for it."""

    def check_search(self, config: DictConfig, loader: ConfigLoader, check: Check | None) -> None:
        """Refuse, by BadInput, what can't be run. Nothing is made. Called on the class, before there is a sweeper.

        Args:
            config: the composed config of the sweep, with its hydra node.
            loader: composes a job's config.
            check: the application's own check of a job's config.
        """


@runtime_checkable
class RefusesSearch(Protocol):
    """A callback that refuses a search under any sweeper. Who makes something for the search lets it do so first."""

    def refuse(self, config: DictConfig) -> None:
        """Refuse, by BadInput, what can't be run. Called again for the same config, it does nothing."""


def let_others_refuse(config: DictConfig) -> None:
    """Let the callbacks that refuse searches do so now, wherever they stand in the list. Raises BadInput."""
    for node in config.hydra.callbacks.values():
        target = OmegaConf.select(node, "_target_") if OmegaConf.is_dict(node) else None
        kind = instantiate({"_target_": target, "_partial_": True}).func if target else None
        if isinstance(kind, type) and issubclass(kind, RefusesSearch):
            instantiate(node).refuse(config)


def refuse_search(config: DictConfig, check: Check | None = None) -> bool:
    """Let the sweeper check its search, see ChecksSearch. Returns False if it is none that does. Raises BadInput."""
    sweeper = plugin_class(Sweeper, str(OmegaConf.select(config, "hydra.sweeper._target_")))
    if not isinstance(sweeper, ChecksSearch):
        return False
    sweeper.check_search(config, GlobalHydra.instance().config_loader(), check)
    return True


@runtime_checkable
class RunsDry(Protocol):
    """A sweeper class that can say what it would do. Who makes something for a search asks by `is_dry_run`."""

    def is_dry(self, config: DictConfig) -> bool:
        """Tell whether this configuration asks for it. Called on the class, before there is a sweeper."""


def is_dry_run(config: DictConfig) -> bool:
    """Tell whether nothing is to be made for this search. A key of a sweeper that has no such run says nothing."""
    sweeper = plugin_class(Sweeper, str(OmegaConf.select(config, "hydra.sweeper._target_")))
    return isinstance(sweeper, RunsDry) and sweeper.is_dry(config)


@runtime_checkable
class ChecksWorker(Protocol):
    """A callback that wants to look around in each worker process before its first trial."""

    def on_worker_start(self) -> None:
        """Refuse, by ValueError, a machine from which the worker does not see what the callback needs."""


DEFAULT_SUBDIR = "${hydra.job.num}"
# Modules that a callback needs in each worker. A sweeper may have them imported once, before there are workers.
WORKER_IMPORTS: list[str] = []


@runtime_checkable
class EndsWorker(Protocol):
    """A callback that has something to finish in each worker process after its last trial."""

    def on_worker_end(self) -> None:
        """Finish it. Not called in a process that is told to end, or killed."""


def compose_job(
    config: DictConfig,
    loader: ConfigLoader,
    lines: Sequence[str],
    fixed: Sequence[str],
    written: Mapping[str, object],
    compose: Compose | None = None,
) -> DictConfig:
    """Compose the config of the first job with these overrides, hydra's node included.

    Args:
        config: the composed config of the sweep.
        loader: composes a job's config, as for the launchers.
        lines: `key=value` of each swept key.
        fixed: overrides that every job has.
        written: what the space says of each swept key, for the message.
        compose: a quicker way to the same config than the loader's.

    Raises:
        BadInput: a key is unknown, or the config does not take the value.
    """
    try:
        every = [*lines, *fixed]
        job = compose(every) if compose else loader.load_sweep_config(config, every)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise _unknown_key(config, loader, lines, fixed, written) or BadInput(
            f"{' '.join(lines)}: no job can be composed with this. {_one_line(error)}"
        ) from error
    with open_dict(job):
        job.hydra.job.num, job.hydra.job.id = 0, "0"
    return job


def check_job(config: DictConfig, check: Check | None) -> None:
    """Call the application's check on a job's config, given as the task function would get it, without hydra's node.

    Raises:
        BadInput: the check refuses the config.
    """
    if check is None:
        return
    with _as_current_job(config):
        task_config = copy.deepcopy(config)
        with open_dict(task_config):
            task_config.pop("hydra", None)
        try:
            with said_if_slow("The application checks a job, and loads what it needs for that"):
                check(task_config)
        except BadInput:
            raise
        except InstantiationException as error:
            raise BadInput(_one_line(error.__cause__ or error)) from error
        except (ValueError, OSError, HydraException, OmegaConfBaseException) as error:
            raise BadInput(_one_line(error)) from error


def subdir_of(job: DictConfig) -> str:
    """Return the directory in the sweep's that Hydra would give to this job.

    Raises:
        BadInput: it can't be resolved.
    """
    hydra = job.hydra
    if _subdir_of(hydra) == DEFAULT_SUBDIR:  # to resolve any takes a job of a search as long as to draw its values
        return str(hydra.job.num)
    try:
        with _as_current_job(job):
            return str(hydra.sweep.subdir)
    except OmegaConfBaseException as error:
        raise _bad_subdir(job, f"can't be resolved ({_one_line(error).rstrip('.')})") from error


def check_subdirs(config: DictConfig, jobs: Iterable[DictConfig]) -> None:
    """Refuse, by BadInput, a `hydra.sweep.subdir` that gives the same directory to all of these jobs of a sweep."""
    if len({os.path.normpath(subdir_of(job)) for job in jobs}) == 1:
        raise _bad_subdir(config, "gives several jobs one directory, where each would overwrite what the last has left")


def _bad_subdir(config: DictConfig, rule: str) -> BadInput:
    return bad_input("hydra.sweep.subdir", _subdir_of(config.hydra), rule, f"Write {DEFAULT_SUBDIR}, Hydra's own.")


def _subdir_of(hydra: DictConfig) -> object:
    """Return `hydra.sweep.subdir` as it is written."""
    sweep = OmegaConf.to_container(hydra.sweep, resolve=False)
    return sweep.get("subdir") if isinstance(sweep, dict) else None


def _unknown_key(
    config: DictConfig, loader: ConfigLoader, lines: Sequence[str], fixed: Sequence[str], written: Mapping[str, object]
) -> BadInput | None:
    """Find the entry whose key the job's config lacks, by composing the job without the entries that aren't groups."""
    names = {line.partition("=")[0]: line for line in lines}
    chosen = [line for key, line in names.items() if loader.get_group_options(key.lstrip("+").partition("@")[0])]
    try:
        job = loader.load_sweep_config(config, [*chosen, *fixed])
    except (HydraException, OmegaConfBaseException, ValueError):
        return None
    with open_dict(job):
        job.pop("hydra")
    known = set(_keys(OmegaConf.to_container(job, resolve=False)))
    for key, line in names.items():
        if line not in chosen and "@" not in key and not key.startswith("+") and key not in known:
            rule = f"unknown config key{' with ' + ' '.join(chosen) if chosen else ''}"
            beside = {name for name in known if name.split(".")[0] == key.split(".")[0]}
            remedy = suggestion(key, beside or known)
            remedy += " Every option of a swept group must have the key." if chosen else ""
            return bad_input(key, written.get(key, line), rule, remedy)
    return None


def _keys(config: object, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key below a plain config, containers before their items."""
    items = config.items() if isinstance(config, Mapping) else enumerate(config) if isinstance(config, list) else ()
    for key, value in items:
        yield f"{prefix}{key}"
        yield from _keys(value, f"{prefix}{key}.")


@contextmanager
def _as_current_job(config: DictConfig) -> Iterator[None]:
    """Let `${hydra:...}` resolve as in the job."""
    current = HydraConfig.instance().cfg
    # `set_config` would copy it, for each trial; all that is asked of it is its hydra node.
    HydraConfig.instance().cfg = config  # type: ignore[assignment]
    try:
        yield
    finally:
        HydraConfig.instance().cfg = current


def _one_line(error: BaseException) -> str:
    parts = [str(error)]
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        parts.append(str(error.__cause__))
    if not isinstance(error, (ValueError, OSError, HydraException, OmegaConfBaseException)):
        parts.insert(0, f"{type(error).__name__}:")
    return one_line(" ".join(parts))
