"""The best trials as a few lines of text, for a terminal."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from ._facts import SearchFacts
from ._trials import best_trials, by_key, seconds_of, space_rows, value_text

SHOWN = 5


def best_table(facts: SearchFacts, trials: Sequence[FrozenTrial], width: int) -> str:
    """Return the five best trials, of several objectives the first of the Pareto front, as aligned columns.

    Parameters that do not fit into `width` characters are left out; nothing is returned where no trial finished.
    """
    ranked = best_trials(trials, facts.directions)
    if not ranked:
        return ""
    shown = ranked[:SHOWN]
    points = [by_key(trial, space_rows(facts, trials)) for trial in shown]
    columns = [["trial", *(str(trial.number) for trial in shown)]]
    for place, metric in enumerate(facts.metrics):
        columns.append([metric, *(f"{trial.values[place]:.6g}" for trial in shown)])
    columns.append(["seconds", *(f"{seconds_of(trial) or 0.0:.1f}" for trial in shown)])
    for key in dict.fromkeys(key for point in points for key in point):
        columns.append([key, *(short(point[key]) if key in point else "-" for point in points)])
    lines = [""] * (len(shown) + 1)
    for column in columns:
        widest = max(map(len, column))
        if len(lines[0]) + widest + 2 > width:
            lines = [f"{line}  ..." if row == 0 else line for row, line in enumerate(lines)]
            break
        lines = [f"{line}  {cell:>{widest}}" for line, cell in zip(lines, column, strict=True)]
    title = f"The best {len(shown)} of {len(ranked)} finished trials:"
    if len(facts.directions) > 1:
        title = f"{len(shown)} of the {len(ranked)} trials that no other beats in everything:"
    return "\n".join([title, *lines])


def short(value: object) -> str:
    """Write a parameter for reading; what repeats it exactly stands in best.txt."""
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)
