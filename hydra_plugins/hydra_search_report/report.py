"""The front door: what a search found, as a page, a table, a summary, and the overrides that repeat the best trial."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.files import BEST, REPORT, SUMMARY, TABLE, write_aside
from hydra_plugins.hydra_search.trials import Outcome, over, searched

from ._facts import SearchFacts, SpaceRow

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["SearchFacts", "SpaceRow", "status_of", "write_report"]


def write_report(facts: SearchFacts, trials: Sequence["FrozenTrial"], directory: Path, status: str) -> None:
    """Write trials.csv, best.txt, summary.md and report.html, the cheap ones first: some seconds for 2,000 trials.

    Each is written aside and renamed. Where nothing repeats the best trial there is no best.txt.

    Args:
        facts: what the trials don't tell.
        trials: of the whole study, by number.
        directory: the sweep directory, which holds the jobs' directories.
        status: `running`, `ended by n_trials`, `interrupted`, or another short text.
    """
    from ._advice import advise
    from ._branches import sections
    from ._figures import search_plots
    from ._page import Page
    from ._plots import importances
    from ._tables import summary, trials_csv
    from ._trials import find_best

    write_aside(directory / TABLE, trials_csv(facts, trials, directory))
    best = find_best(facts, trials, directory)
    if best is None or best.overrides is None:
        (directory / BEST).unlink(missing_ok=True)
    else:
        write_aside(directory / BEST, " ".join(best.overrides) + "\n")
    of_search = searched(trials)
    measured = importances(facts, of_search)
    advice = advise(facts, of_search)
    write_aside(directory / SUMMARY, summary(facts, trials, best, advice, status))
    course, parameters = search_plots(facts, of_search), sections(facts, of_search, measured)
    write_aside(directory / REPORT, Page(facts, trials, status, best, advice, course, parameters).html())


def status_of(facts: SearchFacts, trials: Sequence["FrozenTrial"]) -> str:
    """Say from the trials alone how far the search is."""
    from ._trials import counts

    ended = len(over(trials, facts.max_retries))
    if ended >= facts.n_trials:
        return "complete"
    running = counts(facts, trials).get(Outcome.RUNNING)
    left = f", {running} were running when last seen" if running else ""
    return f"unfinished: {ended} of {facts.n_trials} trials are over{left}"
