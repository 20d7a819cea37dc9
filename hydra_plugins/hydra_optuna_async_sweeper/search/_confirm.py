"""The best trials run again when the search is done: `confirm: {top: 5, key: seed, values: [1, 2, 3, 4, 5]}`."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.confirmation import first_place
from hydra_plugins.hydra_search.errors import bad_input, one_line, suggestion
from hydra_plugins.hydra_search.grammar import override_text
from hydra_plugins.hydra_search.owner import is_ours
from hydra_plugins.hydra_search.trials import (
    CONFIRMS,
    best_of_search,
    best_trials,
    confirmed_trials,
    is_confirmation,
    searched,
)

from ._progress import DIGITS
from ._stop import ALIKE, FAILURES

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..worker._job_config import Composer
    from ._spec import Search

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
    branches: Sequence[Sequence[str]],
    fixed: Sequence[str],
    composer: "Composer",
) -> Confirmation | None:
    """Read the setting.

    Args:
        value: what it is set to.
        config: the sweep's, which must have the key.
        directions: of the objectives.
        branches: what the search varies in a job of each branch, as overrides.
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
    _check_key(key, config, {line.lstrip("+").partition("=")[0] for lines in branches for line in lines})
    texts = [override_text(each) for each in values] if isinstance(values, list) else []
    if not texts or len(set(texts)) < len(texts):
        raise bad_input(f"{KEY}.values", values, "must be a list of different values, one for each run", EXAMPLE)
    confirmation = Confirmation(top, tuple(f"{key}={text}" for text in texts))
    for override in confirmation.overrides:
        try:
            composer.compose(with_override([*branches[0], *fixed], override), 0)
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


def may_confirm(reason: str, search: "Search") -> bool:
    """Tell whether a search that ended for this reason confirms its best trials: not one that fails."""
    return search.confirmation is not None and reason not in (FAILURES, ALIKE)


def missing(trials: Sequence[FrozenTrial], search: "Search") -> list[tuple[FrozenTrial, dict[str, object]]]:
    """Return the runs that nobody has begun, as trials to run again with the attribute that makes each a confirmation.

    None while a trial of the search runs, which may be one of the best.
    """
    confirmation = search.confirmation
    if confirmation is None or any(t.state is TrialState.RUNNING and is_ours(t) for t in searched(trials)):
        return []
    begun = {(of["trial"], of["override"]) for of in (t.user_attrs[CONFIRMS] for t in trials if is_confirmation(t))}
    return [
        (trial, {CONFIRMS: {"trial": trial.number, "override": override}})
        for trial in candidates(trials, search.directions, confirmation.top)
        for override in confirmation.overrides
        if (trial.number, override) not in begun
    ]


def candidates(trials: Sequence[FrozenTrial], directions: Sequence[str], top: int) -> list[FrozenTrial]:
    """Return so many of the trials that the search thinks best, with different parameters."""
    distinct: list[FrozenTrial] = []
    for trial in best_of_search(trials, directions):
        if len(distinct) < top and not any(trial.params == other.params for other in distinct):
            distinct.append(trial)
    return distinct


def say_confirmed(search: "Search", trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Log what was confirmed, and whether the first place is clear. Returns mean and spread of the first's runs."""
    found = confirmed_trials(trials)
    ranked = [(t.number, t.values[0]) for t in best_trials(trials, search.directions) if t.number in found]
    if not ranked:
        if search.confirmation is not None:
            log.warning("No trial was confirmed: no confirming run has finished.")
        return {}
    metric, first = search.metrics[0], found[ranked[0][0]]
    log.info(f"Confirmed with {', '.join(first.values)}: mean ± standard deviation of the runs")
    for number, value in ranked:
        of = found[number]
        log.info(f"    Trial {number}: {metric} {of.mean:{DIGITS}} ± {of.std:.2g}; in the search {value:{DIGITS}}")
    if sentence := first_place([(number, found[number]) for number, _ in ranked]):
        log.info(sentence)
    return {"confirmed_mean": first.mean, "confirmed_std": first.std}
