"""What differs between the lines of Hydra that this works with: 1.4 has a whitelist of what YAML may call, 1.3 none.

https://hydra.cc/docs/advanced/execution_whitelist/
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from inspect import signature
from types import ModuleType
from typing import Any

import hydra
from hydra import version
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

HAS_WHITELIST = "execution_whitelist" in signature(hydra.main).parameters


class _Once(SourceFileLoader):
    """Runs a module that has been run no second time."""

    def exec_module(self, module: ModuleType) -> None:
        """Run it, as the one that everybody else imports."""
        if "_was_run" in vars(module):
            return
        known = sys.modules.setdefault(module.__name__, module)
        try:
            super().exec_module(module)
        except BaseException:
            if known is module:
                sys.modules.pop(module.__name__, None)
            raise
        vars(module)["_was_run"] = True


def scanned_once(folders: Sequence[str]) -> None:
    """Let no module in the folders of a package be run twice in a process, but by a new import.

    The scanner of Hydra 1.3 runs every module below `hydra_plugins`, also those that have been imported, again: whoever
    has imported a class before it would then have another one than whoever does after, and `except BadInput` miss it.
    """
    if not HAS_WHITELIST:
        for folder in folders:
            sys.path_importer_cache[folder] = FileFinder(folder, (_Once, SOURCE_SUFFIXES))


def instantiate(
    spec: Any, whitelist: Sequence[str] | None = None, *, only: bool = False, **settings: Any
) -> Any:  # Any: as in Hydra's own
    """Call the `_target_` of `spec`. Where Hydra has no whitelist, whoever asks has looked at what is to be called.

    Args:
        spec: a `_target_` with its arguments.
        whitelist: what may be called, beside what the application allows; None leaves it to the application.
        only: not beside it.
        settings: more of Hydra's, as `_partial_`.
    """
    if HAS_WHITELIST and whitelist is not None:
        settings["_execution_whitelist_"] = _only(whitelist) if only else list(whitelist)
    return hydra.utils.instantiate(spec, **settings)


def _only(whitelist: Sequence[str]) -> Any:  # Any: a class of Hydra 1.4
    from hydra.utils import execution_whitelist

    return execution_whitelist(list(whitelist), reset=True)


def context_like(context: HydraContext, **parts: Any) -> HydraContext:
    """Return a context with other parts, and the same whitelist."""
    return HydraContext(**parts, **_whitelist(context))


@contextmanager
def as_multirun(config: DictConfig, context: HydraContext) -> Iterator[None]:
    """Do around a sweep what Hydra 1.4 does: `${hydra:...}` is found, callbacks hear of an end by an error too."""
    if HAS_WHITELIST:
        yield
        return
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(config)
    try:
        yield
    except BaseException as error:
        context.callbacks.on_multirun_end(config=config, config_name=config.hydra.job.config_name)
        vars(error)["callbacks_know"] = True
        raise
    finally:
        instance.cfg = before


def hear_of_failure(sweeper: type, end: Callable[[], None]) -> None:
    """Let `end` be called where the next sweep of a class is left by an error. Hydra 1.4 tells callbacks itself."""
    if HAS_WHITELIST:
        return
    sweep: Callable[..., Any] = getattr(sweeper, "sweep")  # noqa: B009  # of any class of sweepers

    @wraps(sweep)
    def heard(*arguments: Any, **named: Any) -> Any:  # Any: Hydra's own
        setattr(sweeper, "sweep", sweep)  # noqa: B010
        try:
            return sweep(*arguments, **named)
        except BaseException as error:
            if "callbacks_know" not in vars(error):
                end()
            raise

    setattr(sweeper, "sweep", heard)  # noqa: B010


def is_entered(chdir: bool | None) -> bool:
    """Tell whether a job's directory is the one that it runs in, by its `hydra.job.chdir`.

    Where that is null, it is in Hydra 1.3 with `version_base` unset or 1.1.
    """
    if chdir is not None or HAS_WHITELIST:
        return bool(chdir)
    base_at_least: Any = getattr(version, "base_at_least")  # noqa: B009  # of Hydra 1.3
    return not base_at_least("1.2")


def set_up_logging(settings: Any, verbose: Any, context: HydraContext) -> None:  # Any: nodes of a configuration
    """Configure Python's logging as Hydra does for `context`."""
    configure_log(settings, verbose, **_whitelist(context))


def _whitelist(context: HydraContext) -> Mapping[str, Any]:
    return {"execution_whitelist": context.execution_whitelist} if HAS_WHITELIST else {}


def register_resolver(name: str, resolver: Callable[..., object]) -> None:
    """Let `${name:...}` call a function, instead of another one of this name."""
    register: Any = getattr(OmegaConf, "register_resolver" if HAS_WHITELIST else "register_new_resolver")
    register(name, resolver, replace=True)


def store(group: str, name: str, node: object, provider: str) -> None:
    """Register an option, again where a worker imports a module over the store that it was sent."""
    again: dict[str, Any] = {"replace": True} if HAS_WHITELIST else {}
    ConfigStore.instance().store(group=group, name=name, node=node, provider=provider, **again)
