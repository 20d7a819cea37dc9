"""Whether a parameter separates good trials from bad ones, as far as trials that a sampler has chosen can tell.

An importance that is measured over such trials is small, too, where one option is so good that the sampler tries hardly
another. So a parameter makes no difference only if every part of its range was tried often enough, and no part has the
better trials: neither of all, nor of the better half, nor within any part of any other parameter, which is where a
parameter shows that decides only together with another. What can't be seen is never taken for no difference.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.trials import ERROR, MAXIMIZE

PARTS = 4  # of a range of numbers, equal on its own scale
LEAST_IN_PART = 6
LEAST_IN_STRATUM = 8
# Standard deviations above its mean, over groups that do not differ, from which the statistic says that they do.
IN_ALL, IN_STRATUM = 1.5, 2.5


def makes_no_difference(name: str, trials: Sequence[FrozenTrial], directions: Sequence[str]) -> bool:
    """Tell whether the trials give reason to believe that a parameter matters for no objective.

    Args:
        name: the parameter, as it is called in the trials.
        trials: of the study; those without the parameter are left out.
        directions: `maximize` or `minimize`, for each objective.
    """
    mine = [trial for trial in trials if name in trial.params and _has_ended(trial)]
    part = {trial.number: part_of(trial.params[name], trial.distributions[name]) for trial in mine}
    tried = Counter(part[trial.number] for trial in mine if trial.state is TrialState.COMPLETE)
    if not mine or len({*map(str, part.values())}) < 2 or not _covers(tried, mine[-1].distributions[name]):
        return False
    strata = _strata(name, mine)
    return not any(_separates(part, mine, strata, index, way) for index, way in enumerate(directions))


def part_of(value: object, distribution: BaseDistribution) -> Hashable:
    """Return the part of its range that a value is in: the option, or the number of the part."""
    if not isinstance(distribution, (FloatDistribution, IntDistribution)) or not isinstance(value, (int, float)):
        return str(value)
    low, high = float(distribution.low), float(distribution.high)
    if high <= low:
        return 0
    if distribution.log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return min(int(PARTS * (value - low) / (high - low)), PARTS - 1)


def statistic(groups: Iterable[Sequence[float]]) -> float:
    """Return how far the groups' ranks are apart: Kruskal-Wallis' H, as standard deviations above its mean.

    Over groups that do not differ, H is close to chi-squared with one degree of freedom less than groups: its mean are
    the degrees of freedom, its variance is twice as much.
    """
    filled = [group for group in groups if group]
    values = sorted(value for group in filled for value in group)
    total, degrees = len(values), len(filled) - 1
    places: dict[float, list[int]] = defaultdict(list)
    for place, value in enumerate(values, start=1):
        places[value].append(place)
    ties = sum(len(found) ** 3 - len(found) for found in places.values())
    if degrees < 1 or ties == total**3 - total:
        return 0.0
    rank = {value: (found[0] + found[-1]) / 2 for value, found in places.items()}
    squares = sum(sum(rank[value] for value in group) ** 2 / len(group) for group in filled)
    h = (12 * squares / (total * (total + 1)) - 3 * (total + 1)) / (1 - ties / (total**3 - total))
    return (h - degrees) / math.sqrt(2 * degrees)


def _has_ended(trial: FrozenTrial) -> bool:
    # a job that was pruned or failed says something of its parameters; a worker that was lost says nothing
    failed = trial.state is TrialState.FAIL and ERROR in trial.user_attrs
    return failed or trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _covers(tried: Counter[Hashable], distribution: BaseDistribution) -> bool:
    """Tell whether each part that the range has was tried often enough."""
    if isinstance(distribution, CategoricalDistribution):
        parts: set[Hashable] = {part_of(choice, distribution) for choice in distribution.choices}
    elif isinstance(distribution, IntDistribution) and distribution.high - distribution.low < PARTS * distribution.step:
        numbers = range(distribution.low, distribution.high + 1, distribution.step)
        parts = {part_of(number, distribution) for number in numbers}
    else:
        parts = set(range(PARTS))
    return len(parts) > 1 and all(tried[part] >= LEAST_IN_PART for part in parts)


def _strata(name: str, trials: Sequence[FrozenTrial]) -> list[list[FrozenTrial]]:
    """Return the trials by each part of each other parameter."""
    strata: dict[tuple[str, Hashable], list[FrozenTrial]] = defaultdict(list)
    for trial in trials:
        for other, value in trial.params.items():
            if other != name:
                strata[other, part_of(value, trial.distributions[other])].append(trial)
    return [stratum for stratum in strata.values() if len(stratum) >= LEAST_IN_STRATUM]


def _separates(
    part: dict[int, Hashable],
    trials: Sequence[FrozenTrial],
    strata: Sequence[Sequence[FrozenTrial]],
    index: int,
    direction: str,
) -> bool:
    """Tell whether some part of the range has the better trials, of one objective."""
    sign = -1.0 if direction == MAXIMIZE else 1.0
    loss = {t.number: sign * t.values[index] if t.state is TrialState.COMPLETE else math.inf for t in trials}
    better_half = sorted(trials, key=lambda trial: loss[trial.number])[: (len(trials) + 1) // 2]

    def apart(shown: Sequence[FrozenTrial]) -> float:
        groups: dict[Hashable, list[float]] = defaultdict(list)
        for trial in shown:
            groups[part[trial.number]].append(loss[trial.number])
        return statistic(groups.values())

    return apart(trials) > IN_ALL or apart(better_half) > IN_ALL or any(apart(s) > IN_STRATUM for s in strata)
