"""The front door: what a search found, as a page, a table, a summary, and the overrides that repeat the best trial."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.files import BEST, REPORT, SUMMARY, TABLE, write_aside
from hydra_plugins.hydra_search.trials import Outcome, over, searched

from ._facts import SearchFacts, SpaceRow

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["SearchFacts", "SpaceRow", "command_of", "note_running", "status_of", "write_report"]


def command_of(facts: SearchFacts, overrides: Sequence[str]) -> str:
    """Return the command, for a shell, of a single run with the overrides of a trial's job, as best.txt has them."""
    from ._trials import command_of

    return command_of(facts, overrides)


def write_report(
    facts: SearchFacts, trials: Sequence["FrozenTrial"], directory: Path, status: str, every: float = 15.0
) -> None:
    """Write trials.csv, best.txt, summary.md and report.html, the cheap ones first: some seconds for 2,000 trials.

    Each is written aside and renamed. Where nothing repeats the best trial there is no best.txt.

    Args:
        facts: what the trials don't tell.
        trials: of the whole study, by number.
        directory: the sweep directory, which holds the jobs' directories.
        status: `running`, `ended by n_trials`, `interrupted`, or another short text. A page that is written while the
            search is running reloads itself, until it has been without a sign of life for a few times `every`.
        every: seconds, after which a running search writes it again, or notes that it still runs.
    """
    from ._advice import advise
    from ._branches import sections
    from ._curves import all_curves
    from ._figures import search_plots
    from ._page import Page
    from ._places import pictures_part, places_of, tracking_of
    from ._plots import importances
    from ._tables import summary, trials_csv
    from ._trials import find_best

    places, tracking = places_of(trials, directory), tracking_of(directory)
    write_aside(directory / TABLE, trials_csv(facts, trials, places))
    best = find_best(facts, trials, directory)
    if best is None or best.overrides is None:
        (directory / BEST).unlink(missing_ok=True)
    else:
        write_aside(directory / BEST, " ".join(best.overrides) + "\n")
    of_search = searched(trials)
    measured = importances(facts, of_search)
    advice = advise(facts, of_search)
    write_aside(directory / SUMMARY, summary(facts, trials, best, advice, status))
    curves = all_curves(of_search)
    course, parameters = search_plots(facts, of_search, curves), sections(facts, of_search, measured)
    pictures = pictures_part(places[best.trial.number], directory) if best else ""
    page = Page(
        facts, trials, status, best, advice, course, parameters, curves, places, tracking, pictures, every
    )  # fmt: skip
    write_aside(directory / REPORT, page.html())


def note_running(directory: Path) -> None:
    """Note in the report of a running search that it still runs, where there is nothing new to write."""
    from ._page import still_running

    write_aside(directory / REPORT, still_running((directory / REPORT).read_text(encoding="utf-8")))


def status_of(facts: SearchFacts, trials: Sequence["FrozenTrial"]) -> str:
    """Say from the trials alone how far the search is."""
    from ._trials import counts

    ended = len(over(trials, facts.max_retries))
    if ended >= facts.n_trials:
        return "complete"
    running = counts(facts, trials).get(Outcome.RUNNING)
    left = f", {running} were running when last seen" if running else ""
    return f"unfinished: {ended} of {facts.n_trials} trials are over{left}"
