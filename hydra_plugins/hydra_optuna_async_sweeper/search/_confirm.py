"""The best trials run again when the search is done: `confirm: {top: 5, key: seed, values: [1, 2, 3, 4, 5]}`."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_search.errors import bad_input, one_line, suggestion
from hydra_plugins.hydra_search.grammar import override_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..worker._job_config import Composer

log = logging.getLogger(__name__)

KEY = "hydra.sweeper.confirm"
EXAMPLE = "Write {top: 5, key: seed, values: [1, 2, 3, 4, 5]}, for example."


@dataclass(frozen=True)
class Confirmation:
    """Which trials run again, and how."""

    top: int  # so many of the best
    overrides: tuple[str, ...]  # once with each


def with_override(overrides: Sequence[str], override: str) -> list[str]:
    """Return a job's overrides with this one in place of what else sets its key."""
    key = override.partition("=")[0]
    return [*(line for line in overrides if line.lstrip("+").partition("=")[0] != key), override]


def read_confirmation(
    value: object,
    config: DictConfig,
    directions: Sequence[str],
    jobs: Sequence[tuple[Sequence[str], DictConfig]],
    fixed: Sequence[str],
    composer: "Composer",
) -> Confirmation | None:
    """Read the setting.

    Args:
        value: what it is set to.
        config: the sweep's, which must have the key.
        directions: of the objectives.
        jobs: what the search varies in a job of each branch, as overrides, and its configuration.
        fixed: overrides that every job has.
        composer: composes what a job would be under each value.

    Raises:
        BadInput: it can't be used.
    """
    if value is None:
        return None
    if len(directions) > 1:
        raise bad_input(KEY, value, "needs a single objective: of several, there is no first place", "Leave it null.")
    if not isinstance(value, Mapping) or set(value) != {"top", "key", "values"}:
        raise bad_input(KEY, value, "must have top, key and values, and nothing else", EXAMPLE)
    top, key, values = value["top"], str(value["key"]), value["values"]
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise bad_input(f"{KEY}.top", top, "must be a number of trials, 1 or more", EXAMPLE)
    _check_key(key, config, {line.lstrip("+").partition("=")[0] for lines, _ in jobs for line in lines})
    texts = [override_text(each) for each in values] if isinstance(values, list) else []
    if not texts or len(set(texts)) < len(texts):
        raise bad_input(f"{KEY}.values", values, "must be a list of different values, one for each run", EXAMPLE)
    confirmation = Confirmation(top, tuple(f"{key}={text}" for text in texts))
    for override in confirmation.overrides:
        try:
            composer.compose(with_override([*jobs[0][0], *fixed], override), 0)
        except (HydraException, OmegaConfBaseException) as error:
            rule = f"no job can be composed with one of them ({one_line(error)})"
            raise bad_input(f"{KEY}.values", override, rule, "Correct it.") from error
    return confirmation


def _check_key(key: str, config: DictConfig, varied: "Collection[str]") -> None:
    place, _, name = key.rpartition(".")
    node = OmegaConf.select(config, place) if place else config
    known = [str(each) for each in node if each != "hydra"] if isinstance(node, DictConfig) else []
    if name not in known:
        raise bad_input(f"{KEY}.key", key, "must be a key of the configuration", suggestion(name, known))
    if key in varied:
        raise bad_input(f"{KEY}.key", key, "must not be searched itself", "Name one that no trial varies, as the seed.")
