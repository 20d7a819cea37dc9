"""What a search found, from the records of its jobs. Pure: data in, data out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from hydra_plugins.hydra_search.confirmation import Confirmed, confirmed, confirmed_first
from hydra_plugins.hydra_search.trials import MAXIMIZE, feasible_first

from ._payload import clean_key
from ._record import JobRecord
from .config import Settings

TABLE_ROWS = 10
LINKS = 5

Point = tuple[str, float, int, int]


@dataclass(frozen=True)
class Summary:
    """What goes onto the parent run."""

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    # of best_trial.txt
    text: str
    note: str  # Markdown for the parent's description: a table, and links to the best runs
    links: str


def summarize(records: Sequence[JobRecord], settings: Settings) -> Summary:
    """Count the jobs, find the best ones (several objectives: the Pareto front), and describe them."""
    counts, line = ended(records), counted(records)
    tags = {f"jobs.{status.lower()}": str(counts[status]) for status in ("FINISHED", "PRUNED", "FAILED", "KILLED")}
    metrics = {f"jobs_{status.lower()}": float(counts[status]) for status in counts}
    params: dict[str, str] = {}
    best = ranked(records, settings.directions)
    text, described = [line], best[:TABLE_ROWS]
    if len(settings.directions) == 1 and best:
        first = best[0]
        params = {clean_key(f"best_{key}"): value for key, value in swept(first).items()}
        metrics["best_value"] = first.values[0]  # and as best_<metric>, a curve
        metrics |= confirmed_metrics(records, first, settings)
        tags |= {"best.trial": first.name} | ({"best.run_id": first.run_id} if first.run_id else {})
        described = [first]
    elif best:
        text.append(f"Best trials, none of which beats another in everything: {len(best)}")
    text += [row for record in described for row in describe(record, settings)]
    table = note(best[:TABLE_ROWS], settings)
    about = f"{line}\n\n{table}" if table else line
    return Summary(metrics, params, tags, "\n".join(text) + "\n", about, links(best[:LINKS], settings))


def ended(records: Sequence[JobRecord]) -> Counter[str]:
    """Return how many jobs ended how. MLflow has no status for a pruned one and shows KILLED, with a tag."""
    return Counter("PRUNED" if record.pruned else record.status for record in records)


def counted(records: Sequence[JobRecord]) -> str:
    """Return the line that says how many jobs ended how."""
    counts = ended(records)
    cut_short = f", {counts['PRUNED']} pruned" if counts["PRUNED"] else ""
    return f"Jobs: {counts['FINISHED']} finished{cut_short}, {counts['FAILED']} failed, {counts['KILLED']} killed"


def ranked(records: Sequence[JobRecord], directions: Sequence[str]) -> list[JobRecord]:
    """Return the finished jobs, best first as trials are; of several objectives the front; no direction, none."""
    finished = [r for r in of_search(records) if directions and len(r.values) == len(directions)]
    by_search = feasible_first(finished, _violation, lambda record: record.values, directions)
    if len(directions) != 1:
        return by_search
    found, maximize = confirmed_records(records), directions[0] == MAXIMIZE
    return confirmed_first(by_search, lambda record: record.number, found, maximize=maximize)


def of_search(records: Sequence[JobRecord]) -> list[JobRecord]:
    """Return the finished jobs of the search itself: those that confirm others are left out."""
    return [record for record in records if record.status == "FINISHED" and record.confirms is None]


def confirmed_records(records: Sequence[JobRecord]) -> dict[int, Confirmed]:
    """Return what has been confirmed, by the number of the job."""
    done = [record for record in records if record.status == "FINISHED" and record.values]
    return confirmed((r.confirms, r.overrides[-1], r.values[0]) for r in done if r.confirms is not None)


def confirmed_metrics(records: Sequence[JobRecord], best: JobRecord, settings: Settings) -> dict[str, float]:
    """Return mean and standard deviation of the runs that confirm the best job; nothing where it is not confirmed."""
    of = confirmed_records(records).get(-1 if best.number is None else best.number)
    name = clean_key(f"confirmed_{settings.metrics[0]}")
    return {f"{name}_mean": of.mean, f"{name}_std": of.std} if of else {}


def _violation(record: JobRecord) -> float:
    return record.violation


def swept(record: JobRecord) -> dict[str, str]:
    """Return the parameters that the search chose for this job."""
    return dict(line.lstrip("+").partition("=")[::2] for line in record.overrides if "=" in line)


def describe(record: JobRecord, settings: Settings) -> list[str]:
    """Return the lines that name a best trial, its values and its parameters."""
    values = ", ".join(f"{n}: {v:.6g}" for n, v in zip(settings.metrics, record.values, strict=True))
    params = " ".join(f"{key}={value}" for key, value in swept(record).items())
    return [f"Best trial: {record.name}, {values}", f"Best parameters: {params or '(none were searched)'}"]


def note(best: Sequence[JobRecord], settings: Settings) -> str:
    """Return a table of the best trials, Markdown; empty if there are none."""
    if not best:
        return ""
    keys = list(dict.fromkeys(key for record in best for key in swept(record)))
    rows = [["trial", *settings.metrics, *keys], ["---"] * (1 + len(settings.metrics) + len(keys))]
    for record in best:
        params = swept(record)
        rows.append([record.name, *(f"{v:.6g}" for v in record.values), *(params.get(key, "") for key in keys)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def links(best: Sequence[JobRecord], settings: Settings) -> str:
    """Return a line of Markdown that leads from the parent's page to those of the best runs."""
    page = f"#/experiments/{settings.experiment_id}/runs"
    found = [f"[{record.name}]({page}/{record.run_id})" for record in best if record.run_id]
    return f"Best runs: {', '.join(found)}" if found else ""


def best_curve(records: Sequence[JobRecord], settings: Settings) -> list[Point]:
    """Return the points (key, value, time in ms, step) of `best_<metric>`, for each objective on its own.

    The step is the number of finished jobs, in the order in which they ended. The points of the same jobs are the same
    whenever they are drawn, and MLflow keeps a point once however often it is logged.
    """
    finished = sorted((r for r in of_search(records) if r.values), key=lambda r: (r.end_time, r.number))
    points: list[Point] = []
    for i, (metric, direction) in enumerate(zip(settings.metrics, settings.directions, strict=False)):
        best = accumulate(finished, partial(_better, i, direction))
        steps = enumerate(zip(finished, best, strict=True), start=1)
        points += [(clean_key(f"best_{metric}"), b.values[i], r.end_time or 0, step) for step, (r, b) in steps]
    return sorted(points, key=lambda point: point[3])


def _better(objective: int, direction: str, one: JobRecord, other: JobRecord) -> JobRecord:
    return feasible_first([one, other], _violation, lambda record: [record.values[objective]], [direction])[0]
