"""What a study that grows costs: an ask at 10,000 trials, the last trials beside the first ones, memory.

    python tests/benchmarks/growth.py [--asked 10000] [--trials 3000] [--rounds 3]

An ask is all that gives a trial its parameters: here it is claimed from a journal, drawn as a worker draws it, looked
up among the points that are known, and written; plain Optuna has its study in memory. Both draw with the same sampler,
in turn, in CPU time, as a disk's time says nothing of the study's size. Trials that do nothing are run by 2 workers;
the first 100 are counted from when each of them has ended one. Medians of the rounds.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
from measured import Measured, sweep
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_optuna_async_sweeper.worker._draw import Points, draw, wait_for
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Samplers, everywhere
from hydra_plugins.hydra_optuna_async_sweeper.worker._study import Searched, StudyOfTrial
from hydra_plugins.hydra_search.secrets import Secrets
from tests.studies import finished, trials_of
from tests.sweeps import made_up_search, queue_of

SPACE = parse_space({**{f"x{i}": "interval(0.0, 1.0)" for i in range(4)}, "n": "range(0, 1000)"})
ASKS = 10  # of each in a round
WINDOW = 100  # trials
WORKERS = 2
SEARCHES = {"random": ("random", False), "random, MLflow": ("random", True), "TPE": ("tpe", False)}


def asks(n_trials: int, multivariate: bool, folder: Path) -> Iterator[tuple[float, float]]:
    """Yield pairs of what an ask takes in a study of so many trials: this, and plain Optuna. CPU milliseconds."""
    settings = {"seed": 1, "multivariate": multivariate, "constant_liar": True}
    sampler = {"_target_": "optuna.samplers.TPESampler", **settings}
    search = made_up_search(folder, space=SPACE, n_trials=2 * n_trials, sampler=sampler)
    queue, samplers = queue_of(search), Samplers(sampler, everywhere(SPACE), "s")
    points, searched = Points(), Searched()
    plain = optuna.create_study(direction="maximize", sampler=TPESampler(**settings))
    chance, distributions = random.Random(1), everywhere(SPACE)
    for _ in range(n_trials):
        params = {f"x{i}": chance.random() for i in range(4)} | {"n": chance.randrange(1000)}
        trial = create_trial(params=params, distributions=distributions, value=sum(params.values()) - params["n"])
        plain.add_trial(trial)
        queue.storage.create_new_trial(queue.study_id, trial)

    def this() -> Callable[[], object]:
        claimed = queue.claim()
        assert claimed
        study = StudyOfTrial(search, queue.storage, RandomSampler(), NopPruner(), claimed, Secrets(), searched)
        drawn = draw(study, claimed, samplers.of_trial, SPACE.suggest, search.duplicates, points)
        wait_for(study, drawn, points)
        drawn.held.release()
        return lambda: study.close(TrialState.COMPLETE, [1.0])

    def theirs() -> Callable[[], object]:
        asked = plain.ask()
        SPACE.suggest(asked)
        return lambda: plain.tell(asked, 1.0)

    for contestant in (this, theirs):  # the first ask of a worker reads the study
        contestant()()
    while True:
        yield taken(this), taken(theirs)


def taken(ask: Callable[[], Callable[[], object]]) -> float:
    """Return the CPU milliseconds of an ask; its trial ends afterwards."""
    start = time.process_time()
    end = ask()
    milliseconds = 1000 * (time.process_time() - start)
    end()
    return milliseconds


def search_of(name: str, n_trials: int, folder: Path) -> Measured:
    """Run a search of trials that do nothing."""
    sampler, mlflow = SEARCHES[name]
    settings = [f"hydra.sweeper.n_jobs={WORKERS}", "hydra/launcher=joblib", f"hydra/sweeper/sampler={sampler}"]
    trials = f"hydra.sweeper.n_trials={n_trials}"
    return sweep("optuna_async", folder, *settings, trials, mlflow=mlflow, memory=True)


def first_and_last(sweep_dir: Path) -> tuple[float, float]:
    """Return the milliseconds between the ends of two trials, of the first and of the last `WINDOW`."""
    ended = sorted(finished(trials_of(sweep_dir)), key=lambda trial: trial.datetime_complete)
    pids, times = [trial.user_attrs["worker"]["pid"] for trial in ended], [trial.datetime_complete for trial in ended]
    begun = max(pids.index(pid) for pid in set(pids))
    n = min(WINDOW, (len(times) - begun) // 2)
    spans = (times[begun + n] - times[begun], times[-1] - times[-1 - n])
    return spans[0].total_seconds() * 1000 / n, spans[1].total_seconds() * 1000 / n


def print_asks(n_trials: int, rounds: int) -> None:
    print(f"| an ask at {n_trials:,} trials | this, ms | plain Optuna in memory, ms | beside it |\n|---|---|---|---|")
    for name, multivariate in (("TPE", False), ("multivariate TPE", True)):
        with tempfile.TemporaryDirectory() as folder:
            pairs = asks(n_trials, multivariate, Path(folder))
            ours, theirs = zip(*(next(pairs) for _ in range(rounds * ASKS)), strict=True)
        this, plain = statistics.median(ours), statistics.median(theirs)
        print(f"| {name} | {this:.1f} | {plain:.1f} | {this / plain:.2f} |", flush=True)


def print_searches(n_trials: int, rounds: int, names: list[str]) -> None:
    head = f"{n_trials:,} trials, {WORKERS} workers | first {WINDOW}, ms a trial | last {WINDOW}"
    print(
        f"\n| {head} | beside the first | peak memory, MiB | of {n_trials // 10:,} trials |\n|---|---|---|---|---|---|"
    )
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name, rows in found.items():
                few, many = (
                    search_of(name, n, Path(folder, f"{name}-{n}-{number}")) for n in (n_trials // 10, n_trials)
                )
                first, last = first_and_last(many.folder / "multirun" / "search")
                rows.append((first, last, last / first, many.peak_memory_mib, few.peak_memory_mib))
    for name, rows in found.items():
        first, last, ratio, many_mib, few_mib = map(statistics.median, zip(*rows, strict=True))
        print(f"| {name} | {first:.1f} | {last:.1f} | {ratio:.2f} | {many_mib:.0f} | {few_mib:.0f} |")


def main() -> None:
    """Measure, and print Markdown tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--asked", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first", type=int, metavar="N", help="only the first N of the searches")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print_asks(given.asked, given.rounds)
    print_searches(given.trials, given.rounds, list(SEARCHES)[: given.first])


if __name__ == "__main__":
    main()
