"""A comparison in Markdown, for a terminal and for notes; and in plain containers, for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra_plugins.hydra_search.trials import directory_of, is_feasible

from ._comparison import Comparison, Table
from ._course import Course

LONGEST_TEXT = 80
MOST_ROWS = 40  # of a table of settings; the page has all


def markdown(comparison: Comparison) -> str:
    """Return headings, sentences and tables, a column for each search."""
    parts = [f"# {_cell(comparison.title)}", *map(_cell, comparison.notes)]
    for table in comparison.tables:
        parts += [f"## {table.title}", _table(table, comparison.names)]
    return "\n\n".join(parts) + "\n"


def _table(table: Table, names: Sequence[str]) -> str:
    if not table.rows:
        return table.none
    lines = [["", *names], ["---"] * (len(names) + 1)]
    lines += [[name, *texts] for name, texts in list(table.rows.items())[:MOST_ROWS]]
    left = len(table.rows) - MOST_ROWS
    more = f"\n\n{left} more stand on the page." if left > 0 else ""
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + more


def _cell(text: str) -> str:
    short = text if len(text) <= LONGEST_TEXT or " " in text[:LONGEST_TEXT] else f"{text[:LONGEST_TEXT]}…"
    return " ".join(short.split()).replace("|", "\\|")


def plain(comparison: Comparison) -> dict[str, Any]:
    """Return everything, by the names of the searches; what is not known is None."""
    _, of_search, of_jobs, parameters = comparison.tables
    names = comparison.names
    return {
        "searches": [_plain(course, comparison.hypervolumes.get(course.search.name)) for course in comparison.courses],
        "comparable": len(comparison.groups) == 1,
        "notes": comparison.notes,
        "settings": _by_name({**of_search.rows, **of_jobs.rows}, names),
        "parameters": {
            key: {course.search.name: course.parameters.get(key) for course in comparison.courses}
            for key in parameters.rows
        },
    }


def _by_name(rows: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, dict[str, str | None]]:
    return {key: {name: text or None for name, text in zip(names, texts, strict=True)} for key, texts in rows.items()}


def _plain(course: Course, hypervolume: float | None) -> dict[str, Any]:
    search, best, single = course.search, course.best, len(course.goal) == 1
    return {
        "name": search.name,
        "study_name": search.facts.study_name,
        "storage": search.place,
        "directory": str(search.directory) if search.directory else None,
        "metrics": list(search.facts.metrics),
        "directions": list(search.facts.directions),
        "status": search.status,
        "trials": {str(outcome): count for outcome, count in course.counts.items()},
        "best": None if best is None else {
            "trial": best.number, "values": best.values, "params": course.parameters, "feasible": is_feasible(best),
            "directory": str(directory_of(best, search.directory)) if search.directory else None,
        },
        "confirmed": None if course.confirmed is None else {
            "mean": course.confirmed.mean, "std": course.confirmed.std, "runs": dict(course.confirmed.values),
        },
        "front": None if single else [trial.number for trial in course.ranked],
        "hypervolume": hypervolume,
        "seconds": {
            "to_best": course.seconds_to_best, "total": course.clock.total if course.clock else None,
            "median_trial": course.median_seconds,
        },
        "best_so_far": [
            {"metric": metric, "direction": direction, "points": [
                {"trials": point.over, "seconds": point.seconds, "value": point.value, "trial": point.trial}
                for point in curve
            ]}
            for (metric, direction), curve in zip(course.goal, course.curves, strict=True)
        ],
    }  # fmt: skip
