"""The recipes in tests/apps/recipes: how this goes into somebody's own code, each run as its user would run it.

Lightning and hydra-zen are no dependencies of anything here: where one is not installed, as in CI, its recipe is
skipped.
"""

import math
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna import Study, load_study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from hydra_plugins.hydra_search.files import JOURNAL, RESULTS
from tests.conftest import APPS, NO_UPSTREAM, RunApp, StartApp, wait_for
from tests.recorded import Recorded
from tests.studies import running
from tests.tracked import joblib

RECIPES = APPS / "recipes"

pytestmark = pytest.mark.slow


def search(run_app: RunApp, recipe: str, *args: str) -> None:
    """Run the recipe's own command, into a directory that the test knows."""
    named = ("hydra.sweeper.study_name=search", "hydra.sweep.dir=search", "hydra.sweeper.report=false")
    done = run_app(f"recipes/{recipe}/train.py", "--multirun", *named, *args)
    assert done.returncode == 0, done.stdout + done.stderr


def study_in(folder: Path, search: str = "search") -> Study:
    storage = JournalStorage(JournalFileBackend(str(folder / search / JOURNAL)))
    return load_study(study_name=None, storage=storage)


def check_pruned_curves(recorded: Recorded, metric: str, trials: int, steps: int) -> list[str]:
    """Every trial is a nested run with its curve; those that the pruner ended have shorter ones. Returns the others."""
    assert recorded.parent.info.status == "FINISHED"
    assert set(recorded.children) == {f"trial-{number}" for number in range(trials)}
    lengths = {
        name: len({point.step for point in recorded.client.get_metric_history(run.info.run_id, metric)})
        for name, run in recorded.children.items()
    }
    pruned = {name for name, run in recorded.children.items() if "hydra.pruned" in run.data.tags}
    assert pruned and all(lengths[name] < steps for name in pruned)
    finished = sorted(lengths.keys() - pruned)
    assert all(lengths[name] == steps and recorded.children[name].info.status == "FINISHED" for name in finished)
    return finished


@pytest.mark.parametrize("recipe", sorted(path.name for path in RECIPES.iterdir() if (path / "config.yaml").exists()))
def test_recipe_begins_with_the_command_that_runs_it(recipe: str) -> None:
    assert (RECIPES / recipe / "config.yaml").read_text().startswith("# python train.py --multirun\n")


def test_pytorch_loop_is_pruned_and_leaves_a_checkpoint_for_each_trial(run_app: RunApp, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the recipe is about the package torch")
    search(run_app, "pytorch")
    finished = check_pruned_curves(Recorded(tmp_path), "loss", trials=12, steps=20)
    for name in finished:
        number = name.removeprefix("trial-")
        checkpoint = torch.load(tmp_path / "search/checkpoints" / number / "checkpoint.pt", weights_only=True)
        assert len(checkpoint["losses"]) == 20


def test_pytorch_loop_that_is_killed_in_the_middle_ends_with_the_value_of_one_that_was_not(
    start_app: StartApp, run_app: RunApp, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="the recipe is about the package torch")
    one = ("hydra.sweeper.n_trials=1", "hydra/sweeper/pruner=none", "epochs=400")
    search(run_app, "pytorch", *one, "hydra.sweep.dir=undisturbed")
    (undisturbed,) = study_in(tmp_path, "undisturbed").trials
    own = ("hydra.sweeper.study_name=search", "hydra.sweep.dir=search", "hydra.sweeper.report=false", *joblib(1))
    killed = start_app("recipes/pytorch/train.py", "--multirun", *one, *own)
    kept = tmp_path / "search/checkpoints/0/checkpoint.pt"
    wait_for(kept.exists, 120, "the first checkpoint")
    (worker,) = {trial.user_attrs["worker"]["pid"] for trial in running(study_in(tmp_path).trials)}
    os.kill(worker, signal.SIGKILL)
    output = killed.communicate(timeout=240)[0]
    assert killed.returncode == 0, output
    lost, again = study_in(tmp_path).trials
    assert lost.user_attrs["lost"] and again.user_attrs["retry_of"] == 0
    (epoch,) = re.findall(r"Going on after epoch (\d+)", (tmp_path / "search/1/train.log").read_text())
    assert int(epoch) < 399 and again.params == undisturbed.params
    assert again.value == undisturbed.value
    assert again.intermediate_values == undisturbed.intermediate_values
    assert len(torch.load(kept, weights_only=True)["losses"]) == 400


def test_pytorch_loop_trains_once_without_a_search(run_app: RunApp, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the recipe is about the package torch")
    done = run_app("recipes/pytorch/train.py", "hydra.run.dir=once", "epochs=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "once/checkpoint.pt").exists()
    assert Recorded(tmp_path).parent.data.metrics["loss"] > 0


def test_lightnings_logger_writes_into_the_trials_own_run(run_app: RunApp, tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="the recipe is about the package lightning, which is no dependency")
    search(run_app, "lightning")
    recorded = Recorded(tmp_path)
    finished = check_pruned_curves(recorded, "loss", trials=8, steps=5)
    assert len(recorded.runs) == 9, "the logger has made runs of its own"
    assert all({"train_loss", "val_loss"} <= recorded.children[name].data.metrics.keys() for name in finished)


def test_lightgbm_is_pruned_by_a_callback_that_reports(run_app: RunApp, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the recipe is about the package lightgbm")
    search(run_app, "lightgbm")
    check_pruned_curves(Recorded(tmp_path), "log_loss", trials=12, steps=30)


def test_hydra_zens_configuration_is_searched_in_parallel(run_app: RunApp, tmp_path: Path) -> None:
    pytest.importorskip("hydra_zen", reason="the recipe is about the package hydra-zen, which is no dependency")
    search(run_app, "hydra_zen", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
    recorded = Recorded(tmp_path)
    assert set(recorded.statuses().values()) == {"FINISHED"} and len(recorded.children) == 6
    for run in recorded.children.values():
        assert run.data.metrics["loss"] == pytest.approx((float(run.data.params["x"]) - 0.3) ** 2 + 1)


@pytest.mark.only_on_hydra_1_4(NO_UPSTREAM)
def test_project_of_hydra_optuna_sweeper_changes_one_line_of_yaml_and_adds_one(run_app: RunApp, tmp_path: Path) -> None:
    lines = (RECIPES / "hydra_optuna_sweeper/config.yaml").read_text().splitlines(keepends=True)
    (tmp_path / "conf").mkdir()
    before = [line.replace("optuna_async # was: optuna", "optuna") for line in lines if "# new" not in line]
    assert len(lines) - len(before) == 1 and sum(line not in lines for line in before) == 1
    (tmp_path / "conf/config.yaml").write_text("".join(before))
    results = {}
    for sweeper, options in (("optuna", [f"--config-path={tmp_path}/conf"]), ("optuna_async", [])):
        done = run_app(
            "recipes/hydra_optuna_sweeper/train.py", "--multirun", f"hydra.sweep.dir={sweeper}", *options
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(list(tmp_path.glob(f"{sweeper}/[0-9]*"))) == 8
        results[sweeper] = yaml.safe_load((tmp_path / sweeper / RESULTS).read_text())
    assert results["optuna"].keys() <= results["optuna_async"].keys()
    for found in results.values():
        point = found["best_params"]
        assert found["best_value"] == (point["x"] - 2) ** 2 + (point["y"] + 5) ** 2
    assert len(Recorded(tmp_path).children) == 8


def test_script_of_optuna_and_mlflow_leaves_the_same_runs_as_yaml(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("recipes/optuna_mlflow_script/before.py")
    assert done.returncode == 0, done.stdout + done.stderr
    search(run_app, "optuna_mlflow_script")
    recorded = Recorded(tmp_path)
    names = {experiment.experiment_id: experiment.name for experiment in recorded.client.search_experiments()}
    for experiment in ("before", "after"):
        runs = [run for run in recorded.runs if names[run.info.experiment_id] == experiment]
        (parent,) = [run for run in runs if run in recorded.parents]
        children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        assert parent.info.run_name == "search" and len(children) == 6
        assert all({"C", "kernel"} <= run.data.params.keys() for run in children)
        assert parent.data.metrics["best_accuracy"] == max(run.data.metrics["accuracy"] for run in children)
        assert {"best_C", "best_kernel"} <= parent.data.params.keys()


def meant_by_wandb(parameter: dict[str, Any]) -> BaseDistribution:
    if "values" in parameter:
        return CategoricalDistribution(parameter["values"])
    low, high, kind = parameter["min"], parameter["max"], parameter["distribution"]
    if kind == "int_uniform":
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=kind == "log_uniform_values", step=parameter.get("q"))


def test_wandb_sweep_is_the_same_space_in_yaml(run_app: RunApp, tmp_path: Path) -> None:
    sweep = yaml.safe_load((RECIPES / "wandb_sweep/sweep.yaml").read_text())
    search(run_app, "wandb_sweep")
    parameters = sweep["parameters"]
    searched = {name: meant_by_wandb(given) for name, given in parameters.items() if "value" not in given}
    study = study_in(tmp_path)
    assert len(study.trials) == sweep["run_cap"] and study.direction.name.lower() == sweep["metric"]["goal"]
    assert all(trial.distributions == searched for trial in study.trials)
    recorded = Recorded(tmp_path)
    least = sweep["early_terminate"]["min_iter"]
    assert all(run.data.params["epochs"] == str(parameters["epochs"]["value"]) for run in recorded.children.values())
    assert all(math.isfinite(run.data.metrics[sweep["metric"]["name"]]) for run in recorded.children.values())
    assert min(len(trial.intermediate_values) for trial in study.trials) >= least
