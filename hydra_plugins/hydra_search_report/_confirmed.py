"""What was confirmed: the best trials by the mean of their repeated runs, as a table of the page and of the summary."""

import html
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.confirmation import Confirmed, first_place
from hydra_plugins.hydra_search.trials import best_trials, confirmed_trials

from ._facts import SearchFacts
from ._places import trial_link


def ranking(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, Confirmed]]:
    """Return the confirmed trials with their runs, best mean first."""
    found = confirmed_trials(trials)
    return [(trial, found[trial.number]) for trial in best_trials(trials, facts.directions) if trial.number in found]


def mean_text(of: Confirmed) -> str:
    """Write mean, standard deviation and number of runs."""
    return f"{of.mean:.6g} ± {of.std:.2g} ({len(of.values)} runs)"


def confirmation_part(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    """Return the section of the page, HTML; empty where nothing was confirmed."""
    ranked = ranking(facts, trials)
    if not ranked:
        return ""
    overrides = list(ranked[0][1].values)
    heads = ["trial", f"mean {facts.metrics[0]}", "standard deviation", *overrides, "in the search"]
    lines = []
    for trial, of in ranked:
        numbers = [of.mean, of.std, *(of.values.get(override) for override in overrides), trial.values[0]]
        cells = [f'<td class="number">{"" if number is None else f"{number:.6g}"}</td>' for number in numbers]
        lines.append(f'<tr><td class="number">{trial_link(trial.number)}</td>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    scroll = f'<div class="scroll" tabindex="0" aria-label="Confirmed trials">{table}</div>'
    return (
        '<section aria-labelledby="confirmation"><h2 id="confirmation">Confirmation</h2>\n'
        f"<p>{html.escape(_about(ranked))}</p>\n{scroll}</section>\n"
    )


def confirmation_paragraphs(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> list[str]:
    """Return the same in short, Markdown."""
    ranked = ranking(facts, trials)
    if not ranked:
        return []
    lines = ["| trial | confirmed | in the search |", "| --- | --- | --- |"]
    lines += [f"| {trial.number} | {mean_text(of)} | {trial.values[0]:.6g} |" for trial, of in ranked]
    return [_about(ranked), "\n".join(lines)]


def _about(ranked: Sequence[tuple[FrozenTrial, Confirmed]]) -> str:
    sentence = first_place([(trial.number, of) for trial, of in ranked])
    overrides = ", ".join(ranked[0][1].values)
    return (
        f"The best trials of the search were run again with {overrides}, and ranked by these runs. {sentence}".strip()
    )
