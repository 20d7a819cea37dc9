"""What only the asynchronous sweeper does: resume, stop rules, pruning, branches, points to try first, lost workers."""

import os
import re
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from tests.conftest import RunApp, StartApp, environment, wait_for
from tests.recorded import Recorded
from tests.studies import finished, running, states, trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials, wait_for_jobs

slow = pytest.mark.slow


def overrides(sweep: Path, number: int) -> set[str]:
    return set(yaml.safe_load((sweep / f"{number}/.hydra/overrides.yaml").read_text()))


def xs(trials: list[FrozenTrial]) -> list[float]:
    return [trial.params["x"] for trial in trials]


@slow
def test_same_study_name_again_runs_what_is_missing(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    first = run_app("tracked.py", *SEARCH, n_trials(3))
    assert first.returncode == 0, first.stderr
    before = trials_of(sweep)
    second = run_app("tracked.py", *SEARCH, n_trials(5))
    assert second.returncode == 0, second.stderr
    assert "Resuming with 3 finished trials of 5" in second.stdout
    trials = trials_of(sweep)
    assert states(trials) == dict.fromkeys(range(5), "COMPLETE")
    assert trials[:3] == before
    assert len(set(xs(trials))) == 5
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(5)}
    assert Recorded(tmp_path).parent.info.status == "FINISHED"


@slow
def test_complete_search_again_runs_nothing_and_tells_the_result(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    first = run_app("tracked.py", *SEARCH)
    before = trials_of(sweep)
    second = run_app("tracked.py", *SEARCH)
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert trials_of(sweep) == before
    (best,) = re.findall(r"Best trial: .+", first.stdout)
    assert best in second.stdout and "#" not in second.stdout
    assert len(Recorded(tmp_path).runs) == 5


@slow
@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_two_searches_on_one_study_at_once_share_the_work_and_each_ends_when_it_has_what_it_asked_for(
    start_app: StartApp, tmp_path: Path, sweep: Path, storage: str
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    arguments = [f"hydra.sweeper.storage={url}"] if storage == "sqlite" else []
    where, gate = url if arguments else sweep, tmp_path / "gate"
    rest = ("seconds=0.3", f"wait_for={gate}", *arguments)
    searches = [start_app("tracked.py", *SEARCH, n_trials(n), *rest) for n in (4, 12)]
    wait_for_jobs(sweep, 2, 120)
    gate.touch()
    wait_for(lambda: len(finished(trials_of(where))) >= 4, 120, "what the smaller one has asked for")
    gate.unlink()
    outputs = [searches[0].communicate(timeout=120)[0]]
    assert searches[1].poll() is None, "the smaller one does not wait for the larger one"
    assert Recorded(tmp_path).parent.info.status == "RUNNING", "nor does it close the larger one's parent run"
    gate.touch()
    outputs.append(searches[1].communicate(timeout=120)[0])
    assert [search.returncode for search in searches] == [0, 0], "\n".join(outputs)
    assert states(trials_of(where)) == dict.fromkeys(range(12), "COMPLETE")
    started = [re.findall(r"\t#(\d+) :", output) for output in outputs]
    assert sorted(map(int, [*started[0], *started[1]])) == list(range(12))
    assert started[0] and started[1], "both must have worked"
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED", "one search, one parent run"
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(12)}


@slow
def test_no_trial_starts_after_the_timeout(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, n_trials(1000), "seconds=0.3", "hydra.sweeper.timeout=3")
    assert done.returncode == 0, done.stderr
    assert "Ended by: timeout" in done.stdout
    trials = [trial for trial in trials_of(sweep) if trial.state is not TrialState.WAITING]
    assert states(trials) == dict.fromkeys(range(len(trials)), "COMPLETE") and len(trials) > 1
    starts = [trial.datetime_start.timestamp() for trial in trials if trial.datetime_start]
    assert max(starts) - min(starts) < 3


@slow
def test_search_stops_when_the_target_is_reached(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, n_trials(50), "hydra.sweeper.target=0.8")
    assert done.returncode == 0, done.stderr
    assert "Ended by: target" in done.stdout
    values = [trial.value or 0 for trial in finished(trials_of(sweep))]
    assert values[-1] >= 0.8 > max(values[:-1], default=0)


@slow
def test_too_many_failures_over_the_whole_search_end_it(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    arguments = ["bad_job=all", n_trials(8), "hydra.sweeper.max_failure_rate=0.25"]
    done = run_app("tracked.py", *SEARCH, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("3 trials failed, more than max_failure_rate=0.25 of n_trials=8 allows.")
    assert "the job broke on purpose" in done.stderr and "Traceback" not in done.stderr
    assert Counter(trial.state for trial in trials_of(sweep))[TrialState.FAIL] == 3
    assert Recorded(tmp_path).parent.info.status == "FAILED"


@slow
def test_when_every_trial_fails_the_search_fails(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    done = run_app("tracked.py", *SEARCH, "bad_job=all", "bad='nan'")
    assert done.returncode == 1
    assert done.stderr.strip() == "No trial finished, so there is no best one."
    assert states(trials_of(sweep)) == dict.fromkeys(range(4), "FAIL")
    assert Recorded(tmp_path).parent.info.status == "FAILED"


INTERRUPTIONS = [
    pytest.param(signal.SIGINT, os.killpg, 130, 2, id="ctrl_c-joblib", marks=slow),
    pytest.param(signal.SIGTERM, os.kill, 143, 1, id="sigterm-basic", marks=slow),
    pytest.param(signal.SIGTERM, os.killpg, 143, 2, id="sigterm_to_all-joblib", marks=slow),
]


@pytest.mark.parametrize(("sent", "send", "code", "workers"), INTERRUPTIONS)
def test_interrupted_search_is_completed_by_the_command_that_it_prints(
    run_app: RunApp,
    start_app: StartApp,
    tmp_path: Path,
    sweep: Path,
    sent: signal.Signals,
    send: Callable[[int, int], None],
    code: int,
    workers: int,
) -> None:
    gate = tmp_path / "gate"
    arguments = [*SEARCH, f"wait_for={gate}", *(joblib(workers) if workers > 1 else [])]
    search = start_app("tracked.py", *arguments)
    begun = wait_for_jobs(sweep, workers)
    send(search.pid, sent)
    output = search.communicate(timeout=30)[0]
    assert search.returncode == code, output
    assert "Traceback" not in output
    lost = trials_of(sweep)
    assert not running(lost)
    assert [t.number for t in lost if t.state is TrialState.FAIL and t.user_attrs["lost"]] == begun
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "KILLED"
    assert recorded.statuses() == {f"trial-{i}": "KILLED" for i in begun}

    gate.touch()
    (command,) = re.findall(r"To go on: (.+)", output)
    argv = shlex.split(command)
    if workers == 1:
        done = subprocess.run(argv, cwd=tmp_path, env=environment(), text=True, capture_output=True, timeout=120)
    else:
        done = run_app("tracked.py", *argv[2:])
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 4, TrialState.FAIL: workers}
    assert {lost[i].params["x"] for i in begun} < set(xs(finished(trials))), "what was interrupted is tried again"
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED"
    assert Counter(recorded.statuses().values()) == {"FINISHED": 4, "KILLED": workers}


@slow
def test_worker_that_is_told_to_end_puts_its_trial_back_and_the_search_goes_on(
    start_app: StartApp, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    search = start_app("tracked.py", *SEARCH, f"wait_for={gate}", *joblib(2))
    wait_for_jobs(sweep, 2)
    os.kill(running(trials_of(sweep))[0].user_attrs["worker"]["pid"], signal.SIGTERM)
    wait_for(lambda: any("lost" in trial.user_attrs for trial in trials_of(sweep)), 20, "the trial to be put back")
    gate.touch()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0 and "Traceback" not in output, output
    (lost,) = [trial for trial in trials_of(sweep) if "lost" in trial.user_attrs]
    assert lost.user_attrs["lost"] == "interrupted", "which is no failed try"
    assert len(finished(trials_of(sweep))) == 4
    assert Counter(Recorded(tmp_path).statuses().values()) == {"FINISHED": 4, "KILLED": 1}


@slow
def test_trial_that_the_pruner_ends_is_pruned_with_its_curve(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    done = run_app(
        "tracked.py", *SEARCH, "steps=3", "hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1",
        "hydra.sweeper.pruner.n_warmup_steps=1", "hydra.sweeper.enqueue=[{x: 0.9}, {x: 0.1}]", n_trials(2),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert states(trials) == {0: "COMPLETE", 1: "PRUNED"}
    assert trials[1].intermediate_values == {0: 0.1, 1: 1.1}
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == {"trial-0": "FINISHED", "trial-1": "KILLED"}
    run = recorded.children["trial-1"]
    assert run.data.tags["hydra.pruned"] == "true"
    assert "pruned at step 1 with 1.1" in run.data.tags["hydra.status_reason"]
    curve = recorded.client.get_metric_history(run.info.run_id, "score")
    assert [(metric.step, metric.value) for metric in curve] == [(0, 0.1), (1, 1.1)]
    assert "traceback.txt" not in recorded.artifacts(run)
    assert recorded.parent.info.status == "FINISHED"


@slow
@pytest.mark.parametrize("pruner", ["none", "percentile", "hyperband", "successive_halving", "threshold", "wilcoxon"])
def test_search_with_any_pruner_completes_its_budget(run_app: RunApp, sweep: Path, pruner: str) -> None:
    bound = ["hydra.sweeper.pruner.lower=0.3"] if pruner == "threshold" else []
    done = run_app("tracked.py", *PLAIN, "steps=3", f"hydra/sweeper/pruner={pruner}", *bound, n_trials(10))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert [trial.number for trial in finished(trials)] == list(range(10))
    if pruner == "threshold":
        assert {t.number: t.state.name for t in trials} == {
            t.number: "PRUNED" if t.params["x"] < 0.3 else "COMPLETE" for t in trials
        }


GRID = ("hydra/sweeper/sampler=grid", "hydra.sweeper.params.x='choice(0.1, 0.2, 0.3)'", "size=range(1, 3)")
GRID_POINTS = sorted((x, size) for x in (0.1, 0.2, 0.3) for size in (1, 2))


def grid_of(trials: list[FrozenTrial]) -> list[tuple[float, int]]:
    return sorted((trial.params["x"], trial.params["size"]) for trial in trials)


@slow
@pytest.mark.parametrize("workers", [1, 3])
def test_grid_tries_each_point_once_also_across_a_resume(run_app: RunApp, sweep: Path, workers: int) -> None:
    arguments = [*PLAIN, *GRID, *(joblib(workers) if workers > 1 else [])]
    first = run_app("tracked.py", *arguments, n_trials(4))
    assert first.returncode == 0, first.stderr
    assert len(set(grid_of(finished(trials_of(sweep))))) == 4
    second = run_app("tracked.py", *arguments, n_trials(100))
    assert second.returncode == 0, second.stderr
    assert grid_of(finished(trials_of(sweep))) == grid_of(trials_of(sweep)) == GRID_POINTS


@slow
def test_points_that_the_user_wants_first_are_tried_before_the_others_of_a_grid_and_once(
    run_app: RunApp, sweep: Path
) -> None:
    first = "hydra.sweeper.enqueue=[{x: 0.2, size: 2}]"
    done = run_app("tracked.py", *PLAIN, *GRID, first, n_trials(100))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert [(trial.params["x"], trial.params["size"]) for trial in trials[:1]] == [(0.2, 2)]
    assert grid_of(finished(trials)) == grid_of(trials) == GRID_POINTS
    assert "Updating num of trials to 6 due to using GridSampler." in done.stdout


@slow
@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_points_depend_on_the_seed_and_not_on_the_number_of_workers(
    run_app: RunApp, tmp_path: Path, sampler: str
) -> None:
    points = []
    for workers in (1, 4):
        arguments = [*(joblib(workers) if workers > 1 else []), f"hydra.sweep.dir={workers}", n_trials(10)]
        done = run_app("tracked.py", *PLAIN, f"hydra/sweeper/sampler={sampler}", "size=range(1, 9)", *arguments)
        assert done.returncode == 0, done.stderr
        points.append({trial.number: trial.params for trial in trials_of(tmp_path / str(workers))})
    assert points[0] == points[1]
    assert len({params["x"] for params in points[0].values()}) == 10


@slow
def test_only_the_active_branch_reaches_the_job(run_app: RunApp, sweep: Path) -> None:
    branches = (
        "{choices: {a: {size: 'int(interval(1, 9))'}, b: {size: 'choice(small, large)', long_text: 'choice(p, q)'}}}"
    )
    done = run_app("tracked.py", *PLAIN, f"+hydra.sweeper.params.branch={branches}", n_trials(12))
    assert done.returncode == 0, done.stderr
    seen = set()
    for trial in trials_of(sweep):
        job = dict(line.split("=") for line in overrides(sweep, trial.number))
        seen.add(job["branch"])
        if job["branch"] == "a":
            assert set(job) == {"x", "branch", "size"} and 1 <= int(job["size"]) <= 9
            assert set(trial.params) == {"x", "branch", "a/size"}
        else:
            assert set(job) == {"x", "branch", "size", "long_text"} and job["size"] in ("small", "large")
            assert set(trial.params) == {"x", "branch", "b/size", "long_text"}
    assert seen == {"a", "b"}


@slow
def test_typed_form_keeps_both_ends_and_the_step(run_app: RunApp, sweep: Path) -> None:
    entries = ["size={type: int, low: 2, high: 4}", "seconds={type: float, low: 0.0, high: 0.02, step: 0.01}"]
    entries += ["long_text={type: categorical, choices: [p, q]}"]
    done = run_app("tracked.py", *PLAIN, *(f"+hydra.sweeper.params.{entry}" for entry in entries), n_trials(20))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert {trial.params["size"] for trial in trials} == {2, 3, 4}
    assert {trial.params["seconds"] for trial in trials} == {0.0, 0.01, 0.02}
    assert {trial.params["long_text"] for trial in trials} == {"p", "q"}


@slow
def test_points_to_try_first_come_first_and_once(run_app: RunApp, sweep: Path) -> None:
    arguments = ["hydra.sweeper.enqueue=[{x: 0.25}, {x: 0.75}]", "hydra.sweeper.enqueue_defaults=true"]
    for total in (5, 7):
        done = run_app("tracked.py", *PLAIN, *arguments, n_trials(total))
        assert done.returncode == 0, done.stderr
    points = xs(trials_of(sweep))
    assert points[:3] == [0.25, 0.75, 0.5]
    assert len(points) == 7 and not {0.25, 0.5, 0.75} & set(points[3:])


@slow
@pytest.mark.parametrize("workers", [1, 2])
def test_custom_search_space_adds_parameters_to_the_job(run_app: RunApp, sweep: Path, workers: int) -> None:
    arguments = ["hydra.sweeper.custom_search_space=tracked.search_space", *(joblib(workers) if workers > 1 else [])]
    done = run_app("tracked.py", *PLAIN, *arguments, n_trials(6))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert len(trials) == 6
    for trial in trials:
        assert trial.params["size"] in (range(1, 4) if trial.params["x"] < 0.5 else range(100, 301))
        assert f"size={trial.params['size']}" in overrides(sweep, trial.number)


@slow
@pytest.mark.parametrize("name", ["os.mkdir", "tracked.search_spaec", "nowhere.at_all"])
def test_custom_search_space_that_may_not_or_cannot_be_called_is_refused(
    run_app: RunApp, tmp_path: Path, name: str
) -> None:
    done = run_app("tracked.py", *PLAIN, f"hydra.sweeper.custom_search_space={name}")
    assert done.returncode == 1
    assert done.stderr.startswith("hydra.sweeper.custom_search_space") and f"got {name}" in done.stderr
    assert "whitelist" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@slow
def test_job_knows_its_trial(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, "mark_trial=true", *joblib(2), n_trials(6))
    assert done.returncode == 0, done.stderr
    assert [trial.user_attrs["seen_number"] for trial in trials_of(sweep)] == list(range(6))
    assert run_app("tracked.py", "mark_trial=true", "hydra.callbacks.mlflow.enabled=false").returncode == 0


@slow
def test_trial_of_a_killed_worker_is_put_back(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    done = run_app("tracked.py", *SEARCH, "bad_job=1", "bad=kill", "seconds=0.2", *joblib(2))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    trials = trials_of(sweep)
    assert len(finished(trials)) == 4 and trials[1].state is TrialState.FAIL
    assert trials[1].user_attrs["lost"] == "worker lost"
    (again,) = [trial for trial in trials if trial.user_attrs.get("retry_of") == 1]
    assert again.state is TrialState.COMPLETE and again.params == trials[1].params
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED"
    started = [t for t in trials if (sweep / f"{t.number}/.mlflow_run.json").exists()]
    assert {t.number for t in started} >= {1, again.number}
    assert recorded.statuses() == {
        f"trial-{t.number}": "FINISHED" if t.state is TrialState.COMPLETE else "KILLED" for t in started
    }


@pytest.mark.slow
def test_custom_search_space_that_raises_fails_the_trial_in_one_line(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, "hydra.sweeper.custom_search_space=tracked.broken_space", n_trials(2))
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    assert "Trial 0 failed: no job can be composed: custom_search_space: KeyError: 'absent'" in done.stdout
    assert states(trials_of(sweep)) == dict.fromkeys(range(2), "FAIL")


@slow
@pytest.mark.parametrize("callbacks", ["killer_first_to_hear", "killer_last_to_hear"])
def test_trial_whose_worker_is_killed_after_the_job_is_finished_everywhere_and_not_run_again(
    run_app: RunApp, tmp_path: Path, sweep: Path, callbacks: str
) -> None:
    done = run_app("tracked.py", *SEARCH, f"hydra/callbacks={callbacks}", *joblib(2))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert trials[1].state is TrialState.COMPLETE and trials[1].value == trials[1].params["x"]
    assert [t.number for t in trials if t.user_attrs.get("retry_of") == 1] == []
    assert len(finished(trials)) == 4
    run = Recorded(tmp_path).children["trial-1"]
    assert run.info.status == "FINISHED" and run.data.metrics["score"] == trials[1].value


@slow
@pytest.mark.parametrize("rate", [0, 1])
def test_trial_that_kills_its_worker_is_put_back_max_retries_times(run_app: RunApp, sweep: Path, rate: int) -> None:
    arguments = ["bad_job=all", "bad=kill", n_trials(1), "hydra.sweeper.max_retries=2", *joblib(2)]
    done = run_app("tracked.py", *PLAIN, *arguments, f"hydra.sweeper.max_failure_rate={rate}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert ("1 trials failed" if rate == 0 else "No trial finished") in done.stderr
    trials = trials_of(sweep)
    assert states(trials) == dict.fromkeys(range(3), "FAIL")
    assert len(set(xs(trials))) == 1
    assert [trial.user_attrs.get("retries", 0) for trial in trials] == [0, 1, 2]


@slow
@pytest.mark.parametrize("bad", ["none of it", "raise"])
def test_job_that_ends_after_its_trial_was_taken_for_lost_counts_nowhere(
    start_app: StartApp, tmp_path: Path, sweep: Path, bad: str
) -> None:
    gate = tmp_path / "gate"
    arguments = ["bad_job=0", "bad=raise"] if bad == "raise" else []
    search = start_app("tracked.py", *SEARCH, f"wait_for={gate}", *arguments)
    wait_for(lambda: (sweep / "0/waiting").exists(), 60, "the first job")
    storage = Journal(sweep / "optuna_journal.log").open()
    (trial,) = running(trials_of(sweep))
    storage.set_trial_user_attr(trial._trial_id, "lost", "silent for too long")
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    gate.touch()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0, output
    assert "Trial 0 was given up as lost" in output
    trials = trials_of(sweep)
    assert Counter(t.state for t in trials) == {TrialState.COMPLETE: 4, TrialState.FAIL: 1}
    assert trials[0].state is TrialState.FAIL and trials[0].value is None
    (again,) = [t for t in trials if t.user_attrs.get("retry_of") == 0]
    assert again.params == trials[0].params
    assert not (sweep / "0/.result.json").exists() and "silent for too long" in (sweep / "0/.lost").read_text()
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == {f"trial-{t.number}": "FINISHED" if t.value else "KILLED" for t in trials}
    assert recorded.parent.data.tags["jobs.finished"] == "4"
    assert "silent for too long" in recorded.children["trial-0"].data.tags["hydra.status_reason"]


@slow
def test_job_whose_trial_was_closed_with_its_own_result_is_finished(
    start_app: StartApp, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    search = start_app("tracked.py", *SEARCH, f"wait_for={gate}", "hydra.sweeper.enqueue=[{x: 0.25}]", n_trials(1))
    wait_for(lambda: (sweep / "0/waiting").exists(), 60, "the first job")
    storage = Journal(sweep / "optuna_journal.log").open()
    storage.set_trial_state_values(running(trials_of(sweep))[0]._trial_id, TrialState.COMPLETE, [0.25])
    gate.touch()
    assert search.wait(60) == 0
    assert Recorded(tmp_path).statuses() == {"trial-0": "FINISHED"}


@slow
@pytest.mark.parametrize("tail", ['{"op_code": 4, "worker_id": "a-', "{"])
def test_journal_with_a_damaged_last_line_is_resumed(run_app: RunApp, sweep: Path, tail: str) -> None:
    assert run_app("tracked.py", *PLAIN, n_trials(2)).returncode == 0
    with (sweep / "optuna_journal.log").open("a") as journal:
        journal.write(tail)
    done = run_app("tracked.py", *PLAIN, n_trials(4))
    assert done.returncode == 0, done.stderr
    assert states(trials_of(sweep)) == dict.fromkeys(range(4), "COMPLETE")


@slow
def test_worker_whose_search_is_killed_finishes_its_trial_and_leaves(
    start_app: StartApp, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    search = start_app("tracked.py", *PLAIN, f"wait_for={gate}", n_trials(20), *joblib(2))
    wait_for_jobs(sweep, 2)
    workers = psutil.Process(search.pid).children(recursive=True)
    assert len(workers) >= 2
    os.kill(search.pid, signal.SIGKILL)
    search.wait()
    time.sleep(0.5)
    gate.touch()
    wait_for(lambda: not any(worker.is_running() for worker in workers), 20, "all processes to leave")
    assert not running(trials_of(sweep))
    assert len(finished(trials_of(sweep))) == 2, "no new trial without a search"


def test_jobs_that_enter_their_directories_stay_in_the_sweep_directory(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", *PLAIN, n_trials(2), "hydra.job.chdir=true")
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(tmp_path).parts[:-2] for path in tmp_path.rglob("overrides.yaml")}
    assert found == {("multirun", "search", "0"), ("multirun", "search", "1")}
