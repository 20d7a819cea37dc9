"""The Pareto front as a table: its trials side by side in every objective."""

import html
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import MAXIMIZE, best_trials

from ._facts import SearchFacts
from ._places import trial_link

MOST_SHOWN = 30


def front_part(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    """Return the section of the page, HTML; empty for a single objective, and as long as there is one trial on it."""
    front = best_trials(trials, facts.directions) if len(facts.directions) > 1 else []
    if len(front) < 2:
        return ""
    best = [
        (max if direction == MAXIMIZE else min)(trial.values[place] for trial in front)
        for place, direction in enumerate(facts.directions)
    ]
    heads = ["trial", *(f"{metric} ({direction})" for metric, direction in _pairs(facts))]
    head = "".join(f'<th scope="col" class="number">{html.escape(text)}</th>' for text in heads)
    lines = []
    for trial in sorted(front, key=lambda trial: trial.values[0], reverse=facts.directions[0] == MAXIMIZE)[:MOST_SHOWN]:
        cells = [
            f'<td class="number{" most" if value == most else ""}">{value:.6g}</td>'
            for value, most in zip(trial.values, best, strict=True)
        ]
        lines.append(f'<tr><td class="number">{trial_link(trial.number)}</td>{"".join(cells)}</tr>')
    about = f"{len(front)} trials are beaten by no other in every objective at once"
    about += f"; the first {MOST_SHOWN} are shown." if len(front) > MOST_SHOWN else "."
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return (
        '<section aria-labelledby="front"><h2 id="front">Pareto front</h2>\n'
        f'<p class="muted">{about} The best in an objective is marked.</p>\n'
        f'<div class="scroll" tabindex="0" aria-label="Pareto front">{table}</div></section>\n'
    )


def _pairs(facts: SearchFacts) -> list[tuple[str, str]]:
    return list(zip(facts.metrics, facts.directions, strict=True))
