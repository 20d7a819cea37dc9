"""What YAML may call in the sweeper's settings: classes of the kind that is asked for, at every depth.

Hydra adds the application's whitelist to every other one, so that the user's own sampler can be named: what decides is
the kind.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from hydra.errors import HydraException

from hydra_plugins.hydra_search.errors import bad_input, one_line
from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST, instantiate
from hydra_plugins.hydra_search.targets import Spec, targets

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from optuna import Trial

    CustomSpace = Callable[[DictConfig, Trial], None]


def make(spec: Spec, kinds: tuple[type, ...], whitelist: Sequence[str], arguments: Spec | None = None) -> object:
    """Call the `_target_` of `spec`, which gives one of the first of `kinds`. Raises as `check_targets` does.

    Args:
        arguments: more of them, objects that no configuration can hold.
    """
    check_targets(spec, kinds, whitelist)
    if arguments is None:
        made = instantiate(dict(spec), whitelist)
    else:
        call = cast("Callable[..., object]", instantiate({**spec, "_partial_": True}, whitelist))
        made = call(**arguments)
    if not isinstance(made, kinds[0]):
        raise TypeError(f"{spec['_target_']} makes no {kinds[0].__name__}")
    return made


def is_pythons_own(name: object, found: object) -> bool:
    """Tell whether something is of the standard library, by its name or by where it was made."""
    return any(str(of).partition(".")[0] in sys.stdlib_module_names for of in (name, getattr(found, "__module__", "")))


def check_targets(spec: Spec, kinds: tuple[type, ...], whitelist: Sequence[str]) -> None:
    """Let every `_target_` in `spec` be a class of `kinds`, or a function that `whitelist` names in full.

    Nothing is called. Below the first one may be a function of the application's own whitelist with `_partial_: true`,
    which is handed over as it is. Hydra 1.3 has no whitelist: there it may be any but Python's own, `os.system` say.

    Args:
        spec: plain values, without interpolations.
        kinds: base classes, the first one of what is made, all of its parts.
        whitelist: names as in Hydra's execution whitelist, which has the application's own beside them.

    Raises:
        TypeError: one is something else.
        HydraException: one is in no whitelist, or can't be imported.
    """
    for _, part in targets(spec):
        name, is_handed_over = part["_target_"], bool(part.get("_partial_")) and part is not spec
        allowed = [] if is_handed_over else list(whitelist)
        found = instantiate({"_target_": name, "_partial_": True}, allowed).func
        wanted = kinds[:1] if part is spec else kinds
        is_of_kind = name in whitelist or (isinstance(found, type) and issubclass(found, wanted))
        if is_handed_over and not HAS_WHITELIST and is_pythons_own(name, found):
            raise TypeError(f"{name} is a function of Python itself, which is not handed over")
        if not is_handed_over and not is_of_kind:
            raise TypeError(f"{name} is no {' or '.join(kind.__name__ for kind in wanted)}")


def load_custom_space(path: str | None) -> "CustomSpace | None":
    """Return upstream's `custom_search_space`, a function that suggests more parameters; None if there is none.

    Raises:
        BadInput: it can't be imported, or is not in the execution whitelist.
    """
    if not path:
        return None
    try:
        function: Any = instantiate({"_target_": path, "_partial_": True})  # Any: whatever the user's function is
        if not HAS_WHITELIST and is_pythons_own(path, function.func):
            raise HydraException(f"{path} is a function of Python itself")
    except HydraException as error:
        rule = f"can't be used ({one_line(error.__cause__ or error).rstrip('.')})"
        remedy = f"Name a function(config, trial) of an importable module, and write {path!r} into the whitelist: "
        remedy += "@hydra.main(execution_whitelist=[...])."
        raise bad_input("hydra.sweeper.custom_search_space", path, rule, remedy) from error
    return cast("CustomSpace", function)
