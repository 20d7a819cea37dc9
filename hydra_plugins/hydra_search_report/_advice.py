"""What the numbers of a search suggest to do next. Pure: trials in, sentences out, each with its support."""

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.errors import one_line, without_numbers
from hydra_plugins.hydra_search.grammar import as_written, override_text
from hydra_plugins.hydra_search.trials import (
    INTERRUPTED,
    MAXIMIZE,
    SWEEPER,
    WARNING,
    WORKER,
    best_trials,
    finished,
    reason_of,
)

from ._facts import SearchFacts, SpaceRow
from ._ranges import place_in, wider
from ._separation import makes_no_difference
from ._trials import branch_text, last_moment, space_rows, worker_of

# A best value in the outer 2 % of its range, on the scale on which it was searched, stands at the edge.
EDGE = 0.02
ENOUGH_FOR_EDGE = 10
LEAST_NEAR_EDGE = 3  # of the five best: one alone stands there by chance
ENOUGH_FOR_IMPORTANCE = 40
# Below this share of busy time the workers waited more than they worked.
BUSY = 0.5
ENOUGH_ROUNDS = 3  # the end of a search, where some wait for the last trial, is no reason yet
FEW_SECONDS = 10.0
MANY_FAILURES, SHARE_OF_FAILURES = 3, 0.1
SHARE_OF_EQUALS = 0.5
# What a metric is worth when every prediction is the same; balanced accuracy: one by the number of classes.
OF_CONSTANT = {"roc_auc": 0.5, "matthews_corrcoef": 0.0, "cohen_kappa": 0.0}
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Advice:
    """One suggestion."""

    kind: str
    text: str
    override: str = ""  # what to add to the command line


def advise(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> list[Advice]:
    """Return what the trials support, the most useful first; nothing where they are too few."""
    rows = space_rows(facts, trials)
    return list(
        chain(
            _failures(trials),
            _warnings(facts, trials),
            _constant(facts, trials),
            _equals(facts, trials),
            _unreported(facts, trials),
            _edges(facts, trials, rows),
            _unimportant(facts, trials, rows),
            _idle(facts, trials),
        )
    )


def _edges(facts: SearchFacts, trials: Sequence[FrozenTrial], rows: Sequence[SpaceRow]) -> Iterator[Advice]:
    """Yield each parameter whose best value stands at an edge that can be moved."""
    ranked = best_trials(trials, facts.directions)
    if len(facts.directions) > 1 or not ranked:
        return
    best = ranked[0]
    for row in rows:
        peers = [trial for trial in ranked if row.name in trial.params]
        if row.name not in best.params or len(peers) < ENOUGH_FOR_EDGE:
            continue
        value, distribution = best.params[row.name], best.distributions[row.name]
        place = place_in(value, distribution)
        widened = None if place is None else wider(distribution, upper=place > 0.5)
        if place is None or widened is None or min(place, 1 - place) > EDGE:
            continue
        upper = place > 0.5
        places = [place_in(trial.params[row.name], distribution) for trial in peers[:5]]
        near = sum(p is not None and (p > 0.9 if upper else p < 0.1) for p in places)
        if near < LEAST_NEAR_EDGE:
            continue
        edge = distribution.high if upper else distribution.low  # type: ignore[attr-defined]  # it has a place in it
        text = (
            f"Widen {row.key}{_in_branch(row)}: its best value {value:.4g} is at the {'upper' if upper else 'lower'} "
            f"edge {edge:.4g} of its range, and {near} of the {len(places)} best trials are in that outer tenth."
        )
        yield Advice("edge", text, f"'{row.key}={widened}'" if _stands_once(row, rows) else "")


def _unimportant(facts: SearchFacts, trials: Sequence[FrozenTrial], rows: Sequence[SpaceRow]) -> Iterator[Advice]:
    """Yield each parameter that makes no difference, for any objective, wherever it was tried."""
    best = best_trials(trials, facts.directions)[:1] if len(facts.directions) == 1 else []
    for row in rows:
        count = sum(row.name in trial.params for trial in finished(trials))
        if count >= ENOUGH_FOR_IMPORTANCE and makes_no_difference(row.name, trials, facts.directions):
            text = (
                f"Fix {row.key}{_in_branch(row)}: over {count} finished trials, which have tried all of its range, no "
                "part of it was better than another, neither alone nor beside another parameter."
            )
            found = [override_text(as_written(trial.params[row.name])) for trial in best if row.name in trial.params]
            override = shlex.quote(f"{row.key}={found[0]}") if found and _stands_once(row, rows) else ""
            yield Advice("unimportant", text, override)


def _idle(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Iterator[Advice]:
    """Yield that the last session's workers waited, or were fewer than asked for."""
    session = _last_session(trials)
    if facts.n_jobs < 2 or len(session) < ENOUGH_ROUNDS * facts.n_jobs:
        return
    end = last_moment(session)
    start = min(trial.datetime_start for trial in session if trial.datetime_start)
    seconds = (end - start).total_seconds()
    if seconds < FEW_SECONDS:
        return
    worked = sum(((t.datetime_complete or end) - t.datetime_start).total_seconds() for t in session if t.datetime_start)
    busy, workers = worked / (seconds * facts.n_jobs), len({worker_of(trial) for trial in session})
    if 2 * workers <= facts.n_jobs:
        remedy = f"lower {facts.n_jobs_key}, or look why the launcher starts fewer."
        text = f"Only {workers} of {facts.n_jobs} workers ran trials: {remedy}"
        yield Advice("idle", text, f"{facts.n_jobs_key}={workers}")
    elif busy < BUSY:
        text = (
            f"The {facts.n_jobs} workers ran trials in {busy:.0%} of their time ({worked:.0f} s of "
            f"{seconds * facts.n_jobs:.0f} s): fewer workers, or longer trials, would waste less."
        )
        yield Advice("idle", text)


def _last_session(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that the last of the study's sweeps has run."""
    started = [trial for trial in trials if trial.datetime_start and worker_of(trial)]
    if not started:
        return []
    last = max(started, key=lambda trial: trial.datetime_start or last_moment([]))
    sweeper = last.user_attrs[WORKER].get(SWEEPER)
    return [trial for trial in started if trial.user_attrs[WORKER].get(SWEEPER) == sweeper]


def _failures(trials: Sequence[FrozenTrial]) -> Iterator[Advice]:
    """Yield the reasons that many trials failed for."""
    # lost ones too: their reason costs time whether or not another trial repeats them
    ended = [trial for trial in trials if trial.state.is_finished() and reason_of(trial) != INTERRUPTED]
    failed = [trial for trial in ended if trial.state is TrialState.FAIL]
    lines = [(trial.number, reason_of(trial).strip().splitlines()[0]) for trial in failed if reason_of(trial).strip()]
    for alike, count in Counter(without_numbers(line) for _, line in lines).most_common():
        if count >= MANY_FAILURES and count >= SHARE_OF_FAILURES * len(ended):
            example, line = next(pair for pair in lines if without_numbers(pair[1]) == alike)
            shown = line if len(line) <= 200 else f"{line[:197]}..."
            text = f"{count} of {len(ended)} trials failed for the same reason, trial {example} first: {shown}"
            yield Advice("failures", text)


def _warnings(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Iterator[Advice]:
    """Yield what jobs say against their own results, if many do or the best one does."""
    done = finished(trials)
    best = {trial.number for trial in best_trials(trials, facts.directions)[:1]}
    texts = Counter(str(trial.user_attrs[WARNING]) for trial in done if trial.user_attrs.get(WARNING))
    for text, count in texts.most_common():
        saying = [trial.number for trial in done if str(trial.user_attrs.get(WARNING)) == text]
        if best & set(saying) or count >= max(MANY_FAILURES, SHARE_OF_EQUALS * len(done)):
            which = "the best among them" if best & set(saying) else f"trial {saying[0]} first"
            yield Advice("warning", f"{count} of {len(done)} finished trials warn, {which}: {one_line(text)[:200]}")


def _constant(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Iterator[Advice]:
    """Yield that the best trial is no better than one that predicts the majority class for everything."""
    ranked = best_trials(trials, facts.directions)
    if len(facts.directions) > 1 or facts.directions[0] != MAXIMIZE or len(ranked) < MANY_FAILURES:
        return
    metric, value = facts.metrics[0], ranked[0].values[0]
    chance = OF_CONSTANT.get(metric)
    if metric == "balanced_accuracy" and value > 1 / MOST_CLASSES:
        chance = 1 / round(1 / value)
    if chance is not None and chance < 1 and value <= chance + 1e-9:
        text = (
            f"The best {metric} of {len(ranked)} finished trials, {value:.4g}, is what predicting the majority class "
            "every time gives: nothing was learnt. Weigh the classes, or look whether the features tell of the target."
        )
        yield Advice("constant", text)


def _equals(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Iterator[Advice]:
    """Yield the objectives that can't tell the trials apart."""
    done = finished(trials)
    if len(done) < ENOUGH_FOR_EDGE:
        return
    for index, metric in enumerate(facts.metrics):
        values = [trial.values[index] for trial in done]
        best = (max if facts.directions[index] == MAXIMIZE else min)(values)
        same = sum(math.isclose(value, best, rel_tol=1e-6, abs_tol=1e-12) for value in values)
        if same == len(values):
            text = (
                f"All {same} finished trials have the same {metric}, {best:.6g}: it does not depend on what is varied."
            )
            yield Advice("flat", text)
        elif same >= SHARE_OF_EQUALS * len(values):
            text = (
                f"{same} of {len(values)} finished trials share the best {metric}, {best:.6g}: it can't tell them "
                "apart. Use a finer metric, more data, or cross-validation."
            )
            yield Advice("flat", text)


def _unreported(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Iterator[Advice]:
    """Yield that a pruner has nothing to look at."""
    ended = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if facts.pruner is None or facts.pruner.startswith(("NopPruner", "auto")) or len(ended) < 5:
        return
    if not any(trial.intermediate_values for trial in ended):
        text = (
            f"{facts.pruner} had nothing to prune by: none of {len(ended)} trials reported an intermediate value. "
            "Call report(value, step) in the job, or leave the pruner out."
        )
        yield Advice("unreported", text)


def _stands_once(row: SpaceRow, rows: Sequence[SpaceRow]) -> bool:
    """Tell whether an override of the key means this parameter alone: it replaces the key in every branch."""
    return sum(other.key == row.key for other in rows) == 1


def _in_branch(row: SpaceRow) -> str:
    """Name the branch of a row."""
    return f" ({branch_text(row.branch)})" if row.branch else ""
