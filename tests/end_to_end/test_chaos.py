"""Processes of a search are killed at random moments, and the search is started again: nothing is lost, nothing twice.

CHAOS_SEED=7 pytest tests/end_to_end/test_chaos.py      repeats the choices of a run that printed 7
CHAOS_KILLS=100 pytest tests/end_to_end/test_chaos.py   kills as often, over as many more trials
"""

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from optuna.trial import FrozenTrial, TrialState

from tests.conftest import StartApp
from tests.recorded import Recorded
from tests.studies import finished, trials_of

if TYPE_CHECKING:
    import subprocess

KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
TRIALS, WORKERS, SECONDS = 4 * KILLS, 3, 24 * KILLS
SEARCH = (
    "--multirun", "--config-name=asynchronous", "hydra/launcher=joblib", f"hydra.launcher.n_jobs={WORKERS}",
    f"hydra.sweeper.n_jobs={WORKERS}", f"hydra.sweeper.n_trials={TRIALS}", "hydra.sweeper.max_retries=1000",
    "seconds=interval(0.1, 0.9)",
)  # fmt: skip


class Chaos:
    """Starts the search as often as needed, and kills what belongs to it."""

    def __init__(self, start: StartApp, sweep: Path, rng: random.Random) -> None:
        self.start, self.sweep, self.rng = start, sweep, rng
        self.search: subprocess.Popen[str] = start("tracked.py", *SEARCH)
        self.groups = [self.search.pid]
        self.killed: list[str] = []

    def run(self) -> None:
        """Let the search end by itself, but not before it was hit KILLS times."""
        end = time.monotonic() + SECONDS
        due, delay = self.next_hit()
        while (code := self.search.poll()) != 0 or len(self.killed) < KILLS:
            assert time.monotonic() < end, f"not done after {SECONDS} s: {len(self.done())} trials, {self.killed}"
            if code is not None:
                assert code == -signal.SIGKILL, (
                    f"ended by itself: {code}, {self.killed}\n{self.search.communicate()[0]}"
                )
                self.search = self.start("tracked.py", *SEARCH)
                self.groups.append(self.search.pid)
            if len(self.killed) < KILLS and len(self.done()) >= due:
                time.sleep(delay)
                self.hit()
                due, delay = self.next_hit()
            time.sleep(0.05)

    def next_hit(self) -> tuple[int, float]:
        """How many trials must have finished before the next hit, and how long to wait then."""
        done, left = len(self.done()), max(KILLS - len(self.killed), 1)
        return done + self.rng.randint(0, max(0, (TRIALS - 6 - done) // left)), self.rng.uniform(0, 0.7)

    def hit(self) -> None:
        victims = sorted(self.processes(), key=lambda process: process.pid)
        if not victims:
            return
        search = [process for process in victims if process.pid == self.search.pid]
        victim = self.rng.choice(search if search and self.rng.random() < 0.3 else victims)
        name = "search" if victim.pid == self.search.pid else "worker"
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return
        self.killed.append(name)

    def processes(self) -> list[psutil.Process]:
        """Everything that the searches started, orphans included."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getpgid(process.pid) in self.groups and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def done(self) -> list[FrozenTrial]:
        return finished(trials_of(self.sweep))


@pytest.mark.slow
def test_search_whose_processes_are_killed_again_and_again_ends_complete_and_consistent(
    start_app: StartApp, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(10_000)))
    print(f"CHAOS_SEED={seed}")
    sweep = tmp_path / "multirun/search"
    chaos = Chaos(start_app, sweep, random.Random(seed))
    chaos.run()
    print("killed:", *chaos.killed, f"; {len(chaos.groups)} starts")
    assert len(chaos.killed) >= KILLS

    trials = trials_of(sweep)
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.FAIL}
    assert all("lost" in trial.user_attrs for trial in trials if trial.state is TrialState.FAIL)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert len(complete) == TRIALS
    assert len({trial.params["x"] for trial in complete}) == TRIALS

    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED"
    assert "RUNNING" not in {run.info.status for run in recorded.runs}
    for trial in complete:
        run = recorded.children[f"trial-{trial.number}"]
        record = json.loads((sweep / str(trial.number) / ".mlflow_run.json").read_text())
        assert (run.info.status, record["status"]) == ("FINISHED", "FINISHED")
        assert trial.value == trial.params["x"] == run.data.metrics["score"] == record["values"][0]
        assert (sweep / str(trial.number) / ".hydra/config.yaml").is_file()
