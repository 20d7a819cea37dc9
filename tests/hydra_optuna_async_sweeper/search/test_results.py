import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.search._go_on import resume_command
from hydra_plugins.hydra_optuna_async_sweeper.search._results import write_results
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_search.commands import interpreter
from tests.sweeps import made_up_search

SEARCH = made_up_search(study_name="iris", sweep_dir="/data/multirun/iris")
AT_NOON = replace(SEARCH, sweep_dir="/data/multirun/12-00-00")


@pytest.mark.parametrize(
    ("argv", "search", "has_study_name", "command"),
    [
        (["train.py", "-m", "n_trials=9"], SEARCH, True, "python train.py -m n_trials=9 study_name=iris"),
        (["a.py", "-m", "study_name=old"], SEARCH, True, "python a.py -m study_name=iris"),
        (["a.py", "-m", "study_name=i${now:%S}", "x=1"], SEARCH, True, "python a.py -m x=1 study_name=iris"),
        (["a.py", "-m"], SEARCH, False, "python a.py -m hydra.sweeper.study_name=iris"),
        (
            ["a.py", "-m", "hydra.sweeper.study_name=iris"], SEARCH, True,
            "python a.py -m hydra.sweeper.study_name=iris",
        ),
        (
            ["a.py", "-m", "hydra.sweep.dir=${now:%H}"], AT_NOON, False,
            "python a.py -m hydra.sweeper.study_name=iris hydra.sweep.dir=/data/multirun/12-00-00",
        ),
        (["a.py", "x=interval(0, 1)"], SEARCH, True, "python a.py 'x=interval(0, 1)' study_name=iris"),
    ],
)  # fmt: skip
def test_command_names_the_study_and_keeps_the_rest(
    argv: list[str], search: Search, has_study_name: bool, command: str
) -> None:
    assert resume_command(argv, search, has_study_name=has_study_name) == command.replace("python", interpreter(), 1)


@pytest.mark.parametrize("name", ["a, b", "it's", "x=1", "12", "null", "a b", "{a}"])
def test_hydra_reads_the_name_from_the_command_as_it_was(name: str) -> None:
    line = shlex.split(resume_command(["a.py"], replace(SEARCH, study_name=name), has_study_name=True))[2]
    assert str(OverridesParser.create().parse_override(line).value()) == name


def trial(number: int, *values: float) -> FrozenTrial:
    made = create_trial(
        state=TrialState.COMPLETE,
        values=list(values),
        params={"x": values[0]},
        distributions={"x": FloatDistribution(0, 1)},
    )
    made.number = number
    return made


def test_best_of_equals_is_the_first(tmp_path: Path) -> None:
    search = replace(SEARCH, sweep_dir=str(tmp_path), directions=("minimize",))
    assert write_results(search, [trial(0, 0.5), trial(1, 0.25), trial(2, 0.25)])
    assert yaml.safe_load((tmp_path / "optimization_results.yaml").read_text()) == {
        "name": "optuna", "best_params": {"x": 0.25}, "best_value": 0.25, "best_trial": 1,
        "best_job_dir": str(tmp_path / "1"),
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["optimization_results.yaml"]


def test_nothing_is_written_where_nothing_was_found(tmp_path: Path) -> None:
    failed = create_trial(state=TrialState.FAIL)
    assert not write_results(replace(SEARCH, sweep_dir=str(tmp_path)), [failed])
    assert not list(tmp_path.iterdir())
