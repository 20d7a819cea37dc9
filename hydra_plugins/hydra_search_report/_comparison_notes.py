"""What a reader has to know before comparing the numbers of several searches, in sentences."""

from collections.abc import Sequence
from datetime import datetime

from hydra_plugins.hydra_search.trials import Outcome, best_of_search, feasible_first, is_feasible, violation_of

from ._course import Course
from ._difference import confirmed_difference
from ._settings import other_measure

DIGITS = ".6g"
MOST_KEYS = 5  # that a sentence names


def notes(courses: Sequence[Course], groups: Sequence[Sequence[Course]]) -> list[str]:
    """Return the sentences.

    Args:
        courses: of all searches.
        groups: of them, by their objectives.
    """
    found = []
    if len(groups) > 1:
        each = "; ".join(f"{_listed(group)}: {group[0].goal_text}" for group in groups)
        found.append(f"The searches optimize different things ({each}): their values are not comparable.")
    differ = other_measure([course.settings for course in courses])
    if differ and any(len(group) > 1 for group in groups):
        more = f" and {len(differ) - MOST_KEYS} more" if len(differ) > MOST_KEYS else ""
        shown = ", ".join(differ[:MOST_KEYS]) + more
        found.append(f"The jobs differ in {shown}: values compare only if these do not change what is measured.")
    found += [note for group in groups if (note := _ranking(group))]
    firsts = [f"{c.search.name}: trial {c.best.number}" for c in courses if c.best and len(c.goal) > 1]
    if firsts:  # the best values are those of several trials
        chosen = "; ".join(firsts)
        found.append(f"Parameters of several objectives are those of the first trial on the Pareto front ({chosen}).")
    without = [course for course in courses if not course.ranked]
    if without:
        found.append(f"{_listed(without)} {'have' if len(without) > 1 else 'has'} no finished trial.")
    running = [course for course in courses if course.counts.get(Outcome.RUNNING)]
    if running:
        moment = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        found.append(f"{_listed(running)} had running trials when this was made, {moment}.")
    unknown = [c for c in courses if c.settings.of_jobs is None or c.settings.of_search is None]
    if unknown:
        found.append(f"Of {_listed(unknown)} not all settings are recorded; what is not recorded is left empty.")
    return found


def _ranking(group: Sequence[Course]) -> str:
    """Say which search has the best value, by how much, and whether that is more than luck."""
    found = [course for course in group if course.best is not None]
    if len(found) < 2 or len(group[0].goal) > 1:
        return ""
    metric, direction = group[0].goal[0]
    if all(course.confirmed for course in found):
        return confirmed_difference([(c.search.name, c.confirmed) for c in found if c.confirmed], direction)
    of_search = [(course, best_of_search(course.search.trials, [direction])[0]) for course in found]
    ranked = feasible_first(of_search, lambda p: violation_of(p[1]), lambda p: p[1].values, [direction])
    (first, best), (second, other) = ranked[:2]
    caution = (
        "Each search is one draw, and the best of many noisy values flatters: whether it is more than luck, only "
        "searches under several seeds, or confirmed trials (hydra.sweeper.confirm) on both sides can tell."
    )
    if best.values == other.values and is_feasible(best) == is_feasible(other):
        return f"{first.search.name} and {second.search.name} have found the same best {metric}. {caution}"
    beside = f"{best.values[0]:{DIGITS}}, beside {other.values[0]:{DIGITS}} of {second.search.name}"
    kept = "" if is_feasible(other) == is_feasible(best) else ", which keeps no constraints"
    return f"{first.search.name} has found the best {metric}: {beside}{kept}. {caution}"


def _listed(courses: Sequence[Course]) -> str:
    return ", ".join(course.search.name for course in courses)
