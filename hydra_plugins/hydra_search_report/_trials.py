"""Questions about trials: where in the space they are, when and by whom they were run, the best and what repeats it."""

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial
from yaml import YAMLError

from hydra_plugins.hydra_search.files import BEST
from hydra_plugins.hydra_search.grammar import parser
from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.trials import (
    RETRY_OF,
    WORKER,
    Outcome,
    best_trials,
    directory_of,
    finished,
    is_feasible,
    outcome_of,
    time_of_beat,
)

from ._facts import BranchPath, SearchFacts, SpaceRow

# For each branch, () the whole space: how much each config key matters for each objective, 0 to 1.
Importances = Mapping[BranchPath, Sequence[Mapping[str, float]]]


def counts(facts: SearchFacts, trials: Iterable[FrozenTrial]) -> dict[Outcome, int]:
    """Count the trials by outcome, those that occur."""
    found = Counter(outcome_of(trial, facts.max_retries) for trial in trials)
    return {outcome: found[outcome] for outcome in Outcome if found[outcome]}


def counts_text(facts: SearchFacts, trials: Sequence[FrozenTrial], none: str) -> str:
    """Return `7 finished, 1 failed, of 20 wanted`; where some break constraints, also how many keep them."""
    found = ", ".join(f"{number} {outcome}" for outcome, number in counts(facts, trials).items())
    found = found.replace(Outcome.WAITING, f"{Outcome.WAITING} (queued, not begun)")
    done = finished(trials)
    kept = sum(map(is_feasible, done))
    feasible = f"; {kept} of {len(done)} finished are feasible" if kept < len(done) else ""
    return f"{found or none}, of {facts.n_trials} wanted{feasible}"


def seconds_of(trial: FrozenTrial) -> float | None:
    """Return how long the trial took; None if it did not start, or is not over."""
    if trial.datetime_start is None or trial.datetime_complete is None:
        return None
    return (trial.datetime_complete - trial.datetime_start).total_seconds()


def worker_of(trial: FrozenTrial) -> str:
    """Return `host:pid` of the process that ran the trial, empty if nobody recorded it."""
    worker = trial.user_attrs.get(WORKER)
    return f"{worker.get('host', '')}:{worker.get('pid', '')}" if isinstance(worker, dict) else ""


def last_moment(trials: Iterable[FrozenTrial]) -> datetime:
    """Return when something was last recorded of these trials; now, if nothing was."""
    moments = [moment for trial in trials for moment in (trial.datetime_start, trial.datetime_complete) if moment]
    beats = [time_of_beat(trial.user_attrs) for trial in trials if not trial.state.is_finished()]
    moments += [datetime.fromtimestamp(beat) for beat in beats if beat is not None]
    return max(moments, default=datetime.now())


def retries_of(trials: Iterable[FrozenTrial]) -> dict[int, int]:
    """Return the number of the trial that repeats a lost one, by the lost one's."""
    return {trial.user_attrs[RETRY_OF]: trial.number for trial in trials if RETRY_OF in trial.user_attrs}


def finite(values: Iterable[float | None]) -> bool:
    """Tell whether all are proper numbers."""
    return all(value is not None and math.isfinite(value) for value in values)


def value_text(value: object) -> str:
    """Write a parameter's value as in an override; a number exactly."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def space_rows(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> tuple[SpaceRow, ...]:
    """Return the rows of the space, and one for each parameter that only the trials know."""
    known = {row.name for row in facts.space}
    names = dict.fromkeys(name for trial in trials for name in trial.params if name not in known)
    return (*facts.space, *(SpaceRow(name, name, "") for name in names))


def by_key(trial: FrozenTrial, rows: Sequence[SpaceRow]) -> dict[str, object]:
    """Return the trial's parameters under their config keys."""
    return {row.key: trial.params[row.name] for row in rows if row.name in trial.params}


def branches(rows: Sequence[SpaceRow]) -> list[BranchPath]:
    """Return the whole space, (), and every branch that has parameters of its own."""
    return list(dict.fromkeys([(), *(row.branch for row in rows)]))


def rows_of(branch: BranchPath, rows: Sequence[SpaceRow]) -> list[SpaceRow]:
    """Return the rows that every trial of a branch has, without the choices that lead to it."""
    chosen = {key for key, _ in branch}
    return [row for row in rows if row.branch == branch[: len(row.branch)] and row.key not in chosen]


def is_in(trial: FrozenTrial, branch: BranchPath, rows: Sequence[SpaceRow]) -> bool:
    """Tell whether a trial took the choices that lead to a branch."""
    for depth, (key, option) in enumerate(branch):
        names = [row.name for row in rows if row.key == key and row.branch == branch[:depth]]
        if not any(name in trial.params and value_text(trial.params[name]) == option for name in names):
            return False
    return True


def branch_text(branch: BranchPath) -> str:
    """Write a branch: `model=svm, model.kernel=rbf`."""
    return ", ".join(f"{key}={option}" for key, option in branch)


@dataclass(frozen=True)
class Best:
    """The best trial, or the first of the Pareto front."""

    trial: FrozenTrial
    front: int  # trials that share its rank: those of the front; 1 for a single objective
    overrides: list[str] | None  # the overrides that repeat it; None: its directory keeps none
    full_command: str = ""  # the command with every override, quoted for a shell
    short_command: str = ""  # the command that reads best.txt; empty where a shell would split a value


def find_best(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path) -> Best | None:
    """Return the best finished trial, None if there is none."""
    ranked = best_trials(trials, facts.directions)
    if not ranked:
        return None
    front = len(ranked) if len(facts.directions) > 1 else 1
    overrides = _overrides(directory_of(ranked[0], directory), facts)
    if overrides is None:
        return Best(ranked[0], front, None)
    short = "" if any(map(_has_blank, overrides)) else f"$(cat {shlex.quote(f'{facts.directory}/{BEST}')})"
    return Best(ranked[0], front, overrides, _command(facts, shlex.join(overrides)), short and _command(facts, short))


def without_blanks(line: str) -> str:
    """Write an override without blanks, if it means the same: `[1, 2]` is `[1,2]`, but `'a b'` needs its blank.

    A shell splits what `$(cat best.txt)` gives at every blank, quoted or not, and Hydra's grammar has no other way to
    write one.
    """
    if not _has_blank(line):
        return line
    try:
        override = parser().parse_override(line)
        shorter = f"{line.partition('=')[0]}={override.get_value_element_as_str()}"
        again = parser().parse_override(shorter)
    except HydraException:  # a sweep has no text
        return line
    same = (again.type, again.value()) == (override.type, override.value())  # extend_list(1, 2) is not [1,2]
    return shorter if same and not _has_blank(shorter) else line


def _overrides(job_directory: Path, facts: SearchFacts) -> list[str] | None:
    """Return what Hydra kept of a job, without what only the search reads; None if it is gone."""
    try:
        lines = OmegaConf.to_container(OmegaConf.load(job_directory / ".hydra" / "overrides.yaml"))
    except (OSError, YAMLError):
        return None
    return repeating(map(str, lines), facts) if isinstance(lines, list) else None


def repeating(lines: Iterable[str], facts: SearchFacts) -> list[str]:
    """Return the overrides that run a trial's job by itself, of those that it had in the search."""
    kept = [line for line in lines if line.partition("=")[0].lstrip("+~") not in facts.search_keys]
    return [*map(without_blanks, Secrets(facts.redact).command(kept)), *facts.of_single_run]


def _has_blank(line: str) -> bool:
    return any(blank in line for blank in " \t\n")


def command_of(facts: SearchFacts, lines: Iterable[str]) -> str:
    """Return the command that runs a trial's job by itself, for a shell; see `repeating`."""
    return _command(facts, shlex.join(repeating(lines, facts)))


def _command(facts: SearchFacts, overrides: str) -> str:
    return f"{facts.program} {overrides}".strip()
