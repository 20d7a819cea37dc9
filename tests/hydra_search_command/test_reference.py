"""The reference and the schema say what the sweeper and the callbacks take, and nothing else."""

import json
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from jsonschema import Draft202012Validator
from omegaconf import OmegaConf

from hydra_plugins.hydra_search_command.__main__ import main
from hydra_plugins.hydra_search_command._options import Option, nodes
from tests.conftest import APPS, ROOT, environment

NODES = {node.key: node for node in nodes() if node.key not in ("hydra.sweeper.sampler", "hydra.sweeper.pruner")}
OPTIONS = [option for node in NODES.values() for option in node.options]
CHOICES = ["hydra/callbacks=[preflight, mlflow]"]


def composed(*overrides: str) -> Any:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic"):
        return compose("asynchronous", [*CHOICES, *overrides], return_hydra_config=True)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_every_key_is_explained_and_its_example_is_one_that_hydra_takes(option: Option) -> None:
    assert len(option.meaning) > 10
    assert option.example
    written = composed(option.example)
    assert OmegaConf.select(written, option.key, throw_on_missing=False) != option.default


def test_reference_has_every_key_that_hydra_composes() -> None:
    config = composed()
    for key, node in NODES.items():
        keys = {f"{key}.{name}" for name in OmegaConf.select(config, key)}
        of_hydra = {f"{key}.{own}" for own in ("_target_", "_recursive_", "checked")}
        assert keys - of_hydra == {option.key for option in node.options}


def test_reference_of_a_part_has_only_that_and_its_default_and_example(capsys: pytest.CaptureFixture[str]) -> None:
    main(["reference", "hydra.sweeper.n_t"])
    text = capsys.readouterr().out
    assert "hydra.sweeper.n_trials: whole number = 20" in text
    assert "e.g. hydra.sweeper.n_trials=200" in text
    assert "timeout" not in text and "mlflow" not in text


def test_key_that_is_none_names_those_that_are_there_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["reference", "hydra.swiper"])
    assert left.value.code == 2
    assert "no key begins with 'hydra.swiper'; there are hydra.callbacks.mlflow" in capsys.readouterr().err


def schema(capsys: pytest.CaptureFixture[str]) -> Draft202012Validator:
    main(["schema"])
    printed = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(printed)
    return Draft202012Validator(printed)


def test_schema_takes_what_hydra_composes_and_what_is_written_in_conf(capsys: pytest.CaptureFixture[str]) -> None:
    validator = schema(capsys)
    hydra = OmegaConf.to_container(composed().hydra, resolve=False)
    wanted = {"sweeper": hydra["sweeper"], "callbacks": hydra["callbacks"]}
    for part in ("pruner", "sampler", "params"):
        wanted["sweeper"].pop(part, None)
    assert not [error.message for error in validator.iter_errors({"hydra": wanted})]
    own = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/hydra/sweeper/optuna_async.yaml"), resolve=False)
    assert not [error.message for error in validator.iter_errors({"hydra": {"sweeper": own}})]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sweeper": {"n_trails": 20}},
        {"sweeper": {"n_trials": "many"}},
        {"sweeper": {"report": 3}},
        {"callbacks": {"mlflow": {"tags": "a"}}},
    ],
)
def test_schema_finds_what_hydra_would_refuse(capsys: pytest.CaptureFixture[str], wrong: dict[str, object]) -> None:
    assert list(schema(capsys).iter_errors({"hydra": wrong}))
    assert not list(schema(capsys).iter_errors({"hydra": {"sweeper": {"n_trials": "${n}"}}, "other": wrong}))


def test_command_is_installed_and_says_its_verbs() -> None:
    asked = [sys.executable, "-m", "hydra_plugins.hydra_search_command", "--help"]
    done = subprocess.run(asked, env=environment(), text=True, capture_output=True, check=True)
    assert "reference" in done.stdout and "schema" in done.stdout
    (script,) = entry_points(group="console_scripts", name="hydra-search")
    assert script.load() is main
