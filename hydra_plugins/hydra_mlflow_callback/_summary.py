"""What a search found, from the records of its jobs. Pure: data in, data out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ._payload import clean_key
from ._record import JobRecord
from ._settings import Settings

TABLE_ROWS = 10
LINKS = 5


@dataclass(frozen=True)
class Summary:
    """What goes onto the parent run, and the text that is printed and kept as an artifact."""

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    text: str
    # Markdown for the parent's description: a table, and links to the best runs
    note: str
    links: str


def summarize(records: Sequence[JobRecord], settings: Settings) -> Summary:
    """Count the jobs, find the best ones (several objectives: the Pareto front), and describe them."""
    counts = Counter(record.status for record in records)
    tags = {f"jobs.{status.lower()}": str(counts[status]) for status in ("FINISHED", "FAILED", "KILLED")}
    best = best_records(records, settings.directions)
    pruned = sum(record.pruned for record in records)
    killed = f"{counts['KILLED']} killed" + (f" ({pruned} of them pruned)" if pruned else "")
    lines = [f"Jobs: {counts['FINISHED']} finished, {counts['FAILED']} failed, {killed}"]
    metrics: dict[str, float] = {f"jobs_{status.lower()}": float(counts[status]) for status in counts}
    params: dict[str, str] = {}
    if len(settings.directions) == 1 and best:
        first = best[0]
        params = {clean_key(f"best_{key}"): value for key, value in swept(first).items()}
        metrics["best_value"] = first.values[0]  # and as best_<metric>, a curve
        tags |= {"best.trial": first.name} | ({"best.run_id": first.run_id} if first.run_id else {})
    elif best:
        lines.append(f"Best trials, none of which beats another in everything: {len(best)}")
    for record in best[:TABLE_ROWS]:
        lines += describe(record, settings)
    table = note(records, best, settings, lines[0])
    shown = ranked(records, settings.directions[0]) if len(settings.directions) == 1 else best
    return Summary(metrics, params, tags, "\n".join(lines) + "\n", table, links(shown[:LINKS], settings))


def best_records(records: Sequence[JobRecord], directions: Sequence[str]) -> list[JobRecord]:
    """Return the finished jobs that no other beats in every objective; of equal single bests, the first."""
    signs = [1.0 if direction == "maximize" else -1.0 for direction in directions]
    finished = [r for r in records if r.status == "FINISHED" and signs and len(r.values) == len(signs)]
    if len(signs) == 1:
        return [max(finished, key=lambda r: signs[0] * r.values[0])] if finished else []
    scores = [tuple(s * v for s, v in zip(signs, r.values, strict=True)) for r in finished]
    return [r for r, mine in zip(finished, scores, strict=True) if not any(dominates(other, mine) for other in scores)]


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether `one` is at least as good everywhere and better somewhere (larger is better)."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and one != other


def swept(record: JobRecord) -> dict[str, str]:
    """Return the parameters that the search chose for this job."""
    return dict(line.lstrip("+").partition("=")[::2] for line in record.overrides if "=" in line)


def describe(record: JobRecord, settings: Settings) -> list[str]:
    """Return the lines that name a best trial, its values and its parameters."""
    values = ", ".join(f"{n}: {v:.6g}" for n, v in zip(settings.metrics, record.values, strict=True))
    params = " ".join(f"{key}={value}" for key, value in swept(record).items())
    return [f"Best trial: {record.name}, {values}", f"Best parameters: {params or '(none were searched)'}"]


def note(records: Sequence[JobRecord], best: Sequence[JobRecord], settings: Settings, counts: str) -> str:
    """Return the parent's description, Markdown: the counts and a table of the best trials."""
    if not settings.directions:
        return counts
    single = len(settings.directions) == 1
    shown = ranked(records, settings.directions[0]) if single else list(best)
    if not shown:
        return counts
    keys = list(dict.fromkeys(key for record in shown[:TABLE_ROWS] for key in swept(record)))
    rows = [["trial", *settings.metrics, *keys], ["---"] * (1 + len(settings.metrics) + len(keys))]
    for record in shown[:TABLE_ROWS]:
        params = swept(record)
        rows.append([record.name, *(f"{v:.6g}" for v in record.values), *(params.get(key, "") for key in keys)])
    return f"{counts}\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows)


def links(best: Sequence[JobRecord], settings: Settings) -> str:
    """Return a line of Markdown that leads from the parent's page to those of the best runs."""
    page = f"#/experiments/{settings.experiment_id}/runs"
    found = [f"[{record.name}]({page}/{record.run_id})" for record in best if record.run_id]
    return f"Best runs: {', '.join(found)}" if found else ""


def ranked(records: Sequence[JobRecord], direction: str) -> list[JobRecord]:
    """Return the finished jobs, best first, earlier before later among equals."""
    finished = [record for record in records if record.status == "FINISHED" and record.values]
    return sorted(finished, key=lambda r: r.values[0], reverse=direction == "maximize")
