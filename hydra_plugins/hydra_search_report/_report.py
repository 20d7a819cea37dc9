"""The files of a report, each written aside and renamed: a page, a table, a summary, and what repeats the best."""

from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from ._advice import Advice, advise
from ._best import find_best
from ._branches import all_branches, sections
from ._facts import SearchFacts
from ._figures import search_plots
from ._files import write_aside
from ._page import page
from ._records import summary, trials_csv
from ._rerun import one_line
from ._studies import importances
from ._trials import space_rows

PAGE, TABLE, SUMMARY, BEST = "report.html", "trials.csv", "summary.md", "best.txt"


def write_report(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path, status: str) -> None:
    """Write everything; the cheap files first.

    Args:
        facts: what the trials don't tell.
        trials: of the whole study, by number.
        directory: the sweep directory; each job's stands in it under its trial's number.
        status: `running`, `ended by n_trials`, `interrupted`, or another short text.
    """
    write_records(facts, trials, directory, status)
    write_page(facts, trials, directory, status)


def write_records(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path, status: str) -> None:
    """Write trials.csv, best.txt and summary.md: a fraction of a second, so it can be done often."""
    write_aside(directory / TABLE, trials_csv(facts, trials, directory))
    best = find_best(facts, trials, directory)
    if best is None or best.overrides is None:
        (directory / BEST).unlink(missing_ok=True)
    else:
        write_aside(directory / BEST, one_line(best.overrides))
    write_aside(directory / SUMMARY, summary(facts, trials, best, advice_on(facts, trials), status))


def write_page(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path, status: str) -> None:
    """Write report.html: some seconds for thousands of trials."""
    rows = space_rows(facts, trials)
    measured = importances(facts, trials, all_branches(rows), rows)
    content = page(
        facts,
        trials,
        find_best(facts, trials, directory),
        advise(facts, trials, measured),
        search_plots(facts, trials),
        sections(facts, trials, rows, measured),
        status,
    )
    write_aside(directory / PAGE, content)


def advice_on(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> list[Advice]:
    """Return what the trials suggest."""
    rows = space_rows(facts, trials)
    return advise(facts, trials, importances(facts, trials, all_branches(rows), rows))
