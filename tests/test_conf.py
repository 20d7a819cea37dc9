"""The configuration: every combination composes, every typo is refused with a suggestion."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from tests.conftest import ROOT, RunApp
from train import build

CONF = ROOT / "conf"
YAML_FILES = sorted(CONF.rglob("*.yaml"))
SWEEPERS = ["optuna_async", "optuna", "grid", "random", "basic"]
LAUNCHERS = ["joblib", "basic"]
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml") if path.stem != "default")
TRACKING = ["local", "server", "off"]


@pytest.fixture(scope="module", autouse=True)
def in_conf() -> Iterator[None]:
    with initialize_config_dir(str(CONF), job_name="train"):
        yield


@pytest.mark.parametrize(("sweeper", "launcher", "tracking"), list(itertools.product(SWEEPERS, LAUNCHERS, TRACKING)))
def test_every_combination_of_groups_composes_and_says_each_knob_once(
    sweeper: str, launcher: str, tracking: str
) -> None:
    groups = [f"hydra/sweeper={sweeper}", f"hydra/launcher={launcher}", f"mlflow={tracking}"]
    knobs = ["n_jobs=3", "n_trials=7", "seed=5", "study_name=mine", "direction=minimize"]
    cfg = compose("config", [*groups, *knobs, "hydra.job.num=0"], return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    assert cfg.hydra.sweep.dir == "multirun/mine"
    assert cfg.hydra.callbacks.mlflow.enabled == (tracking != "off")
    assert cfg.hydra.callbacks.mlflow.run_name == "mine"
    if launcher == "joblib":
        assert cfg.hydra.launcher.n_jobs == 3
    if sweeper != "basic":
        sweep = cfg.hydra.sweeper
        assert (sweep.n_trials, sweep.n_jobs, sweep.study_name, str(sweep.direction)) == (7, 3, "mine", "minimize")
        assert sweep.sampler.seed == 5
        assert dict(sweep.params) == dict(cfg.search_space)
    assert cfg.model.random_state == cfg.splitter.random_state == 5


@pytest.mark.parametrize("model", MODELS)
def test_each_model_brings_its_own_space_of_keys_that_exist(model: str) -> None:
    cfg = compose("config", [f"model={model}"])
    assert cfg.search_space == OmegaConf.load(CONF / "search_space" / f"{model}.yaml")
    for key in cfg.search_space:
        assert OmegaConf.select(cfg, str(key), throw_on_missing=False) is not None or "." in str(key)
        assert (CONF / str(key)).is_dir() or str(key).removeprefix("model.") in cfg.model


@pytest.mark.parametrize("sweeper", SWEEPERS)
def test_default_space_is_one_that_the_sweeper_can_search(sweeper: str) -> None:
    space = compose("config", [f"hydra/sweeper={sweeper}"]).search_space
    forest = OmegaConf.load(CONF / "search_space/random_forest.yaml")
    models = ["random_forest", "extra_trees", "svm"]
    expected = {"model": {"choices": {model: OmegaConf.load(CONF / f"search_space/{model}.yaml") for model in models}}}
    assert space == (expected if sweeper == "optuna_async" else forest)


def test_sweeper_of_ones_own_is_swapped_in_by_one_override_though_no_default_space_is_made_for_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "hydra/sweeper").mkdir(parents=True)
    (tmp_path / "hydra/sweeper/own.yaml").write_text((CONF / "hydra/sweeper/optuna_async.yaml").read_text())
    cfg = compose("config", ["hydra/sweeper=own", f"hydra.searchpath=[file://{tmp_path}]"])
    assert (cfg.search_space, cfg.model._target_) == ({}, "sklearn.ensemble.RandomForestClassifier")


@pytest.mark.parametrize("sampler", ["tpe", "motpe", "random", "qmc", "cmaes", "gp", "nsgaii", "nsgaiii", "grid"])
def test_every_sampler_composes_with_the_seed(sampler: str) -> None:
    cfg = compose("config", [f"hydra/sweeper/sampler={sampler}", "hydra.job.num=0"], return_hydra_config=True)
    assert cfg.hydra.sweeper.sampler.seed == 42


@pytest.mark.parametrize("experiment", sorted(path.stem for path in (CONF / "experiment").glob("*.yaml")))
def test_every_experiment_composes_and_names_its_command(experiment: str) -> None:
    compose("config", [f"experiment={experiment}"])
    text = (CONF / f"experiment/{experiment}.yaml").read_text()
    assert f"python train.py --multirun experiment={experiment}" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typo", "suggestion"),
    [("modle=svm", "model"), ("model=random_forst", "random_forest"), ("n_trails=3", "n_trials"),
     ("model.max_dept=3", "max_depth"), ("hydra.sweeper.n_trails=3", "n_trials"), ("hydra/sweeper=optna", "optuna"),
     ("hydra.callbacks.mlflow.run_nam=x", "run_name"), ("mlflow.tracking_url=x", "tracking_uri")],
)  # fmt: skip
def test_typo_is_refused_with_a_suggestion(run_app: RunApp, typo: str, suggestion: str) -> None:
    done = run_app("train.py", "--multirun", typo)
    assert done.returncode != 0
    assert suggestion in done.stderr
    assert "Traceback" not in done.stderr


def test_text_columns_of_many_values_cost_few_columns_and_rare_values_share_one() -> None:
    rows = 3_000
    table = pd.DataFrame(
        {
            "name": [f"customer-{i}" for i in range(rows)],
            "order": [f"order-{i // 2}" for i in range(rows)],
            "city": ["x", "y", None] * (rows // 3),
            "number": range(rows),
        }
    )
    cfg = compose("config", ["preprocessor=standard"])
    encoder = build(cfg, "preprocessor").fit(table)
    columns = list(encoder.get_feature_names_out())
    assert len([name for name in columns if "name" in name]) == 1
    assert len([name for name in columns if "order" in name]) == 255
    assert [name for name in columns if "city" in name] == [f"categories__city_{value}" for value in ("x", "y", "nan")]
    unseen = pd.DataFrame({"name": ["new"], "order": ["new"], "city": ["new"], "number": [1]})
    assert encoder.transform(unseen).shape == (1, 260)


def test_yaml_files_stay_short() -> None:
    assert YAML_FILES
    assert not [path.name for path in YAML_FILES if len(path.read_text().splitlines()) > 40]


# What other packages bring beside.
NOT_FOR_THE_COMMAND_LINE = {"motpe", "ray_aws", "submitit_local", "submitit_slurm"}


def test_help_says_how_to_search_and_names_every_choice_of_hydras_groups(run_app: RunApp) -> None:
    said = run_app("train.py", "--help").stdout
    assert "python train.py --multirun" in said and "hydra-search reference" in said
    loader = GlobalHydra.instance().config_loader()
    for group in ("sweeper", "sweeper/sampler", "sweeper/pruner", "launcher", "callbacks"):
        (line,) = [line for line in said.splitlines() if line.startswith(f"hydra/{group}: ")]
        there = {name for name in loader.get_group_options(f"hydra/{group}") if not name.endswith("_schema")}
        assert set(line.partition(": ")[2].split(", ")) == there - NOT_FOR_THE_COMMAND_LINE
