"""What several searches are side by side: the best of each, what they took, what differs, and what that tells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra_plugins.hydra_search.trials import (
    Outcome,
    constraints_of,
    feasible_first,
    finished,
    is_feasible,
    violation_of,
)

from ._best_so_far import feasible, value_within
from ._compared import Compared
from ._comparison_notes import notes
from ._confirmed import mean_text
from ._course import Course, course_of, seconds_text
from ._hypervolume import hypervolumes
from ._settings import differing
from ._trials import value_text

DIGITS = ".6g"
NONE = ""


@dataclass(frozen=True)
class Table:
    """Rows of texts, one text for each search."""

    title: str
    rows: dict[str, list[str]]
    none: str = ""  # what is said where there are no rows


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    courses: list[Course]
    groups: list[list[Course]]  # those whose values can stand on one axis
    notes: list[str]
    tables: list[Table]
    hypervolumes: dict[str, float] = field(default_factory=dict)  # by the name of the search

    @property
    def names(self) -> list[str]:
        """The searches in the order in which they were named."""
        return [course.search.name for course in self.courses]

    @property
    def title(self) -> str:
        """The searches in words."""
        return f"{', '.join(self.names[:-1])} and {self.names[-1]}"


def compare(searches: Sequence[Compared]) -> Comparison:
    """Work out everything that is shown."""
    courses = [course_of(search) for search in searches]
    goals = dict.fromkeys(course.goal for course in courses)
    groups = [[course for course in courses if course.goal == goal] for goal in goals]
    volumes = {name: volume for group in groups for name, volume in hypervolumes([c.search for c in group]).items()}
    of_search, of_jobs = differing([course.settings for course in courses])
    same = "None that is recorded differs."
    keys = dict.fromkeys(key for course in courses for key in course.parameters)
    tables = [
        Table("The best of each", _results(courses, groups, volumes)),
        Table("Settings of the searches that differ", of_search, same),
        Table("Configuration and space that differ", of_jobs, same),
        Table(
            "Parameters of the best",
            {key: [_value(course, key) for course in courses] for key in keys},
            "No search has a finished trial yet.",
        ),
    ]
    return Comparison(courses, groups, notes(courses, groups), tables, volumes)


def _results(
    courses: Sequence[Course], groups: Sequence[Sequence[Course]], volumes: dict[str, float]
) -> dict[str, list[str]]:
    """Return the table of results; rows that are empty for all are left out."""
    rows: dict[str, list[str]] = {"status": [course.search.status for course in courses]}
    if len(groups) > 1:
        rows["objective"] = [course.goal_text for course in courses]
    for metric in dict.fromkeys(metric for course in courses for metric, _ in course.goal):
        rows[f"best {metric}"] = [_best_text(course, metric) for course in courses]
    rows |= _of_fronts(courses, groups, volumes)
    single = [len(course.goal) == 1 for course in courses]
    rows["of trial"] = [str(c.best.number) if c.best and one else NONE for c, one in zip(courses, single, strict=True)]
    rows["confirmed"] = [mean_text(course.confirmed) if course.confirmed else NONE for course in courses]
    rows |= _at_equal_budget(courses, groups)
    for outcome in Outcome:
        if outcome in (Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED) or any(outcome in c.counts for c in courses):
            rows[outcome] = [str(course.counts.get(outcome, 0)) for course in courses]
    if any(constraints_of(trial) for course in courses for trial in finished(course.search.trials)):
        rows["feasible"] = [str(len(feasible(course.search.trials))) for course in courses]
    rows["time to the best"] = [seconds_text(course.seconds_to_best) for course in courses]
    rows["total time"] = [seconds_text(course.clock.total if course.clock else None) for course in courses]
    rows["median time of a finished trial"] = [seconds_text(course.median_seconds) for course in courses]
    rows["started"] = [f"{c.clock.begin:%Y-%m-%d %H:%M:%S}" if c.clock else NONE for c in courses]
    return {name: texts for name, texts in rows.items() if any(texts)}


def _best_text(course: Course, metric: str) -> str:
    """Return the best value of one objective, and whether no trial keeps the constraints."""
    places = [place for place, (name, _) in enumerate(course.goal) if name == metric]
    if not places:
        return NONE
    if course.best is None:
        return "no finished trial"
    if len(course.goal) == 1:
        broken = "" if is_feasible(course.best) else " (infeasible)"
        return f"{course.best.values[0]:{DIGITS}}{broken}"
    points = course.curves[places[0]]
    return f"{points[-1].value:{DIGITS}}" if points else "no feasible trial"


def _of_fronts(
    courses: Sequence[Course], groups: Sequence[Sequence[Course]], volumes: dict[str, float]
) -> dict[str, list[str]]:
    if all(len(course.goal) == 1 for course in courses):
        return {}
    joint: dict[str, int] = {}
    for group in groups:
        pairs = [(course, trial) for course in group for trial in course.ranked]
        directions = group[0].search.facts.directions
        best = feasible_first(pairs, lambda p: violation_of(p[1]), lambda p: p[1].values, directions)
        joint |= {course.search.name: sum(owner is course for owner, _ in best) for course in group if len(group) > 1}
    several = [(course if len(course.goal) > 1 else None, course.search.name) for course in courses]
    return {
        "trials on its Pareto front": [str(len(course.ranked)) if course else NONE for course, _ in several],
        "of these on the front of all": [str(joint.get(name, NONE)) if course else NONE for course, name in several],
        "hypervolume": [_number(volumes.get(name)) for _, name in several],
    }


def _at_equal_budget(courses: Sequence[Course], groups: Sequence[Sequence[Course]]) -> dict[str, list[str]]:
    """Return the best so far after as many trials, and after as much time, as every search of a group has had."""
    rows: dict[str, list[str]] = {}
    for group in groups:
        having = [course for course in group if course.curves[0]]
        if len(having) < 2 or len(group[0].goal) > 1:
            continue
        metric, trials = group[0].goal[0][0], min(course.over for course in having)
        seconds = min(course.clock.total for course in having if course.clock)
        if any(course.over != trials for course in having):
            of_trials = f"best {metric} after {trials} trial{'s' if trials > 1 else ''}"
            rows[of_trials] = [_best_within(c, trials, math.inf) if c in having else NONE for c in courses]
        of_time = f"best {metric} after {seconds_text(seconds)}"
        rows[of_time] = [_best_within(c, math.inf, seconds) if c in having else NONE for c in courses]
    return rows


def _best_within(course: Course, trials: float, seconds: float) -> str:
    return _number(value_within(course.curves[0], trials, seconds))


def _value(course: Course, key: str) -> str:
    """Return a parameter of the best trial as in an override."""
    return value_text(course.parameters[key]) if key in course.parameters else NONE


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:{DIGITS}}"
