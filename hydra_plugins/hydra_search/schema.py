"""Whether the settings fit the types that their schemas declare, said by the name that the user knows."""

import re

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from .errors import BadInput, bad_input, one_line
from .secrets import ASKED_FOR
from .settings import Setting, plain

SWEEPER, SPACE = "hydra.sweeper", "hydra.sweeper.params"  # its own checks know more of the space
CHECKED_ELSEWHERE = ("sampler", "pruner")
# OmegaConf's words for types, at the end of its errors
TYPES = {"to Integer": "a whole number", "to Float": "a number", "not a valid bool": "true or false"}


def check_types(config: DictConfig) -> None:
    """Refuse, by BadInput, a setting of sweeper or launcher that can't be resolved, or converted to its type."""
    for node in (SWEEPER, "hydra.launcher"):
        _check_below(config, node)


def _check_below(config: DictConfig, key: str) -> None:
    """Read everything below `key`. The schema's own error names neither the setting nor where its value comes from."""
    node = OmegaConf.select(config, key)
    raw = OmegaConf.to_container(node, resolve=False)
    for name, written in ((str(name), raw[name]) for name in raw) if isinstance(raw, dict) else ():
        if f"{key}.{name}" == SPACE:
            continue
        try:
            is_dict = OmegaConf.is_dict(node[name])
        except MissingMandatoryValue:
            if key == SWEEPER and name not in CHECKED_ELSEWHERE:  # as in a command that was printed without its secret
                raise bad_input(f"{key}.{name}", ASKED_FOR, "must be given", f"Set {key}.{name}.") from None
            continue
        except OmegaConfBaseException as error:
            if "${hydra:" not in str(written):
                raise _does_not_fit(config, f"{key}.{name}", written, error) from error
            continue
        if is_dict:
            _check_below(config, f"{key}.{name}")


def _does_not_fit(config: DictConfig, key: str, written: object, error: OmegaConfBaseException) -> BadInput:
    pointer = re.fullmatch(r"\$\{([\w.]+)\}", str(written))
    source = pointer[1] if pointer else key
    setting = Setting(f"{source} ({key})" if pointer else key, OmegaConf.select(config, source) if pointer else written)
    reason = one_line(str(error).partition("\n")[0])
    wanted = next((words for kind, words in TYPES.items() if kind in reason), None)
    rule = f"must be {wanted}" if wanted else f"can't be what it takes ({reason})"
    return bad_input(setting.name, plain(setting.value), rule, f"Set {source} to a value that fits.")
