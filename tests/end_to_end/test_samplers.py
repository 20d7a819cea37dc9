"""Samplers and pruners in a real search: their faults, their state, constraints, and what diverges."""

import math
from pathlib import Path

import pytest
import yaml

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of

slow = pytest.mark.slow
SEARCH = ("--multirun",)


def sampler(name: str, **settings: object) -> list[str]:
    return [
        f"hydra/sweeper/sampler={name}",
        *(f"hydra.sweeper.sampler.{key}={value}" for key, value in settings.items()),
    ]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("suggest", "no job can be composed: no parameters for it. ValueError: the sampler broke suggest"),
        pytest.param(
            "before", "no job can be composed: no parameters for it. ValueError: the sampler broke before", marks=slow
        ),
        pytest.param("after", "the sampler, after the trial: ValueError: the sampler broke after", marks=slow),
    ],
)
def test_trial_for_which_the_sampler_raises_fails_with_the_reason_and_is_not_tried_again(
    run_app: RunApp, sweep: Path, where: str, reason: str
) -> None:
    done = run_app("sampled.py", *SEARCH, *sampler("raising", where=where), "hydra.sweeper.n_trials=4")
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert states(trials) == {0: "COMPLETE", 1: "COMPLETE", 2: "FAIL", 3: "FAIL"}
    assert {trial.user_attrs["error"] for trial in trials[2:]} == {reason}
    assert "Traceback" not in done.stderr + done.stdout


@slow
def test_point_that_the_space_does_not_have_fails_its_trial_and_the_search_goes_on(
    run_app: RunApp, sweep: Path
) -> None:
    arguments = [*SEARCH, "+hydra.sweeper.params.kind='a, b'", *sampler("random")]
    assert run_app("sampled.py", *arguments, "hydra.sweeper.n_trials=1").returncode == 0
    study = study_of(sweep)
    study.enqueue_trial({"kind": "absent"})
    done = run_app("sampled.py", *arguments, "hydra.sweeper.n_trials=3")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert states(trials_of(sweep)) == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE"}
    assert "'absent' not in" in trials_of(sweep)[1].user_attrs["error"]


def study_of(sweep: Path):  # type: ignore[no-untyped-def]
    from optuna import load_study
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(sweep / "optuna_journal.log")))
    return load_study(study_name="search", storage=storage)


@slow
def test_search_ends_when_brute_force_has_tried_every_point(run_app: RunApp, sweep: Path) -> None:
    arguments = [*SEARCH, "hydra.sweeper.params={x: 'range(0.0, 1.0, 0.25)'}", *sampler("brute_force")]
    done = run_app("sampled.py", *arguments, "hydra.sweeper.n_trials=20")
    assert done.returncode == 0 and "Ended by: sampler" in done.stdout, done.stderr
    tried = [trial for trial in trials_of(sweep) if trial.state.name == "COMPLETE"]
    assert sorted(trial.params["x"] for trial in tried) == [0.0, 0.25, 0.5, 0.75]


@slow
@pytest.mark.parametrize("workers", [1, 2])
def test_sampler_with_a_state_is_kept_by_each_worker_with_a_seed_of_its_own(
    run_app: RunApp, sweep: Path, workers: int
) -> None:
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}", f"hydra.sweeper.n_jobs={workers}"]
    again = "hydra.sweeper.duplicates=run"  # each worker counts from 0
    done = run_app("sampled.py", *SEARCH, *sampler("counting"), *launcher, again)
    assert done.returncode == 0, done.stderr
    assert "Sampler: Counting(seed=1), one for each worker, as it may keep a state" in done.stdout
    by_worker: dict[tuple[int, int], list[float]] = {}
    for trial in trials_of(sweep):
        by_worker.setdefault(tuple(trial.user_attrs["seed_and_worker"]), []).append(trial.params["x"])
    assert all(drawn == [i / 100 for i in range(len(drawn))] for drawn in by_worker.values()), "none starts again"
    assert len({seed for seed, _ in by_worker}) == len(by_worker)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["hydra/sweeper/pruner=median", "hydra.sweeper.direction=[maximize,minimize]"],
            "hydra.sweeper.pruner: needs a single objective: of several, none is the one to prune by, got MedianPruner",
        ),
        (
            [*sampler("cmaes"), "hydra.sweeper.direction=[maximize,minimize]"],
            "hydra.sweeper.sampler: can't be made (If the study is being used for multi-objective optimization,",
        ),
        pytest.param(["hydra.sweeper.pruner=???"], "hydra.sweeper.pruner: must be set, got nothing.", marks=slow),
        pytest.param(["hydra.sweeper.sampler=???"], "hydra.sweeper.sampler: must be set, got nothing.", marks=slow),
    ],
)
def test_sampler_or_pruner_that_can_not_serve_the_search_is_refused_before_anything_is_made(
    run_app: RunApp, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run_app("sampled.py", *SEARCH, *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())


@slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_auto_pruner_ends_a_trial_that_is_worse_than_the_median_of_five(
    run_app: RunApp, sweep: Path, n_jobs: int
) -> None:
    first = [f"{{x: {x}}}" for x in (0.5, 0.6, 0.7, 0.8, 0.9)]
    auto = ["hydra/sweeper/pruner=auto", "steps=3", f"hydra.sweeper.n_jobs={n_jobs}"]
    done = run_app(
        "sampled.py", *SEARCH, *auto, f"hydra.sweeper.enqueue=[{','.join(first)}]", "hydra.sweeper.n_trials=5"
    )
    assert done.returncode == 0, done.stderr
    points = "hydra.sweeper.enqueue=[{x: 0.1},{x: 0.95}]"
    done = run_app("sampled.py", *SEARCH, *auto, points, "hydra.sweeper.n_trials=7", "hydra.sweeper.report=true")
    assert done.returncode == 0, done.stderr
    assert states(trials_of(sweep)) == {**dict.fromkeys([0, 1, 2, 3, 4, 6], "COMPLETE"), 5: "PRUNED"}
    assert list(trials_of(sweep)[5].intermediate_values) == [0]
    assert "<dt>pruner</dt><dd>auto: MedianPruner()</dd>" in (sweep / "report.html").read_text()


@slow
@pytest.mark.parametrize(
    "nothing_to_prune_by", [["objectives=2", "hydra.sweeper.direction=[maximize,minimize]", "steps=2"], ["steps=0"]]
)
def test_auto_pruner_of_several_objectives_or_of_jobs_that_report_nothing_is_quiet(
    run_app: RunApp, sweep: Path, nothing_to_prune_by: list[str]
) -> None:
    done = run_app(
        "sampled.py", *SEARCH, "hydra/sweeper/pruner=auto", *nothing_to_prune_by, "hydra.sweeper.n_trials=8",
        "hydra.sweeper.report=true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(states(trials_of(sweep)).values()) == {"COMPLETE"}
    assert "nothing to prune" not in done.stdout
    assert "nothing to prune" not in (sweep / "report.html").read_text()


@slow
@pytest.mark.parametrize("reported", ["nan", "inf"])
def test_job_that_diverges_is_pruned_and_the_report_draws_what_it_reported(
    run_app: RunApp, sweep: Path, reported: str
) -> None:
    pruner = ["hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1", "hydra.sweeper.report=true"]
    points = "hydra.sweeper.enqueue=[{x: 0.1},{x: 0.2},{x: 0.9},{x: 0.3}]"
    direction = "hydra.sweeper.direction=minimize"
    given = ["steps=3", f"reported={reported}", points, direction, "hydra.sweeper.n_trials=4"]
    done = run_app("sampled.py", *SEARCH, *pruner, *given)
    assert done.returncode == 0, done.stderr
    diverged = trials_of(sweep)[2]
    assert diverged.state.name == "PRUNED" and list(diverged.intermediate_values) == [0]
    assert not math.isfinite(diverged.intermediate_values[0])
    assert (sweep / "report.html").exists() and "could not be made" not in done.stdout


@slow
def test_job_that_prunes_itself_is_pruned_and_several_objectives_keep_their_curves(
    run_app: RunApp, sweep: Path
) -> None:
    points = "hydra.sweeper.enqueue=[{x: 0.25},{x: 0.75}]"
    several = ["objectives=2", "hydra.sweeper.direction=[maximize,minimize]"]
    done = run_app(
        "sampled.py", *SEARCH, *several, points, "gives_up=true", "steps=2", "hydra.sweeper.n_trials=2",
        "hydra.sweeper.report=true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert states(trials_of(sweep)) == {0: "COMPLETE", 1: "PRUNED"}
    assert [trial.intermediate_values for trial in trials_of(sweep)] == [{0: 0.25, 1: 0.26}, {0: 0.75, 1: 0.76}]
    assert "could not be made" not in done.stdout


@slow
def test_best_keeps_the_constraints_in_results_report_best_txt_and_mlflow(
    run_app: RunApp, sweep: Path, tmp_path: Path
) -> None:
    constrained = ["hydra.sweeper.sampler.constraints_func={_target_: sampled.constraints, _partial_: true}"]
    points = ["hydra.sweeper.enqueue=[{x: 0.9},{x: 0.25},{x: 0.4},{x: 0.8}]", "hydra.sweeper.n_trials=4"]
    pruner = "hydra/sweeper/pruner=median"
    tracked = ["hydra/callbacks=[preflight,mlflow]", "hydra.callbacks.mlflow.direction=maximize"]
    done = run_app("sampled.py", *SEARCH, *points, *constrained, *tracked, pruner, "hydra.sweeper.report=true")
    assert done.returncode == 0, done.stderr
    parent = Recorded(tmp_path).parent.data
    assert (parent.tags["best.trial"], parent.params["best_x"]) == ("trial-2", "0.4")
    assert parent.metrics["best_value"] == 0.4
    assert yaml.safe_load((sweep / "optimization_results.yaml").read_text())["best_params"] == {"x": 0.4}
    assert (sweep / "best.txt").read_text() == "x=0.4\n"
    assert "hydra.sweeper.pruner: had nothing to prune, as no job reported more than one value." in done.stdout


@slow
def test_best_txt_repeats_the_best_where_the_configuration_names_the_study_and_asks_for_a_search(
    run_app: RunApp, sweep: Path, tmp_path: Path
) -> None:
    named = ["+hydra.sweeper.params.kind='a, b'", "+study=one"]
    done = run_app("sampled.py", "--config-name=always_multirun", *named, "hydra.sweeper.report=true")
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / "multirun/search"
    overrides = (sweep / "best.txt").read_text().split()
    kept = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert f"kind={kept['best_params']['kind']}" in overrides and "hydra.mode=RUN" in overrides
    single = run_app("sampled.py", "--config-name=always_multirun", *overrides, "hydra.run.dir=single")
    assert single.returncode == 0 and (tmp_path / "single/.hydra").exists(), single.stderr
    job = yaml.safe_load(Path(kept["best_job_dir"], ".hydra/config.yaml").read_text())
    assert yaml.safe_load((tmp_path / "single/.hydra/config.yaml").read_text()) == job


def test_genetic_sampler_takes_its_mutation_and_its_reference_points_from_yaml(run_app: RunApp, sweep: Path) -> None:
    several = ["objectives=2", "hydra.sweeper.direction=[maximize,minimize]", "hydra.sweeper.n_trials=8"]
    points = "[[0.0,1.0],[0.5,0.5],[1.0,0.0]]"
    mutation = "{_target_: optuna.samplers.nsgaii.PolynomialMutation}"
    genetic = sampler("nsgaiii", population_size=2, reference_points=points, mutation=mutation, mutation_prob=1.0)
    done = run_app("sampled.py", *SEARCH, *several, *genetic)
    assert done.returncode == 0, done.stderr
    assert states(trials_of(sweep)) == dict.fromkeys(range(8), "COMPLETE")


def test_points_of_another_shape_than_the_objectives_are_refused(run_app: RunApp, sweep: Path) -> None:
    several = ["objectives=2", "hydra.sweeper.direction=[maximize,minimize]"]
    done = run_app("sampled.py", *SEARCH, *several, *sampler("nsgaiii", reference_points="[[0.0,1.0],[0.5]]"))
    assert done.returncode == 1 and "hydra.sweeper.sampler: can't be made" in done.stderr, done.stderr
    assert not sweep.exists()


def test_function_that_is_no_sampler_is_refused_before_anything_is_made(run_app: RunApp, sweep: Path) -> None:
    done = run_app(
        "sampled.py", *SEARCH, "hydra.sweeper.sampler._target_=os.system", "+hydra.sweeper.sampler.command=ls"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "hydra.sweeper.sampler: can't be made (" in done.stderr and "os.system" in done.stderr
    assert not sweep.exists()
