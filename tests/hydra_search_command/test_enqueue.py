"""`enqueue` adds one trial to be tried next, if the search space has it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.enqueue import SPACE
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search_command.__main__ import main
from tests.searches import FACTS

from ..hydra_search_report.cases import plain
from .refused import refused

ENTRIES: dict[str, Any] = {
    "depth": "range(1, 9)",
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "model": {
        "choices": {"svm": {"model.C": "interval(0.1, 10)", "model.kernel": {"choices": ["rbf", None]}}, "mlp": {}}
    },
    "+size": {"choices": {"1": {"gamma": "interval(0, 1)"}, "2": {"gamma": "interval(0, 2)"}}},
}


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna_journal.log")))
    study = optuna.create_study(study_name="demo", storage=storage, direction="maximize")
    study.set_user_attr(SPACE, json.loads(json.dumps(parse_space(ENTRIES).entries())))
    return study


def test_space_that_was_kept_is_the_one_that_was_written() -> None:
    space = parse_space(ENTRIES)
    again = parse_space(json.loads(json.dumps(space.entries())))
    assert [(path, p.name, p.domain.distribution) for path, p in again.walk()] == [
        (path, p.name, p.domain.distribution) for path, p in space.walk()
    ]


def test_trial_waits_with_the_parameters_that_optuna_has(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["model=svm", "model.C=1", "model.kernel=null", "+size=2", "gamma=1.5"]
    main(["enqueue", str(tmp_path), *lines, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["trial"] == 0 and said["is_next"] is False
    (trial,) = study.get_trials()
    expected = {"model": "svm", "model.C": 1.0, "model.kernel": None, "+size": 2, "2/gamma": 1.5}
    assert trial.state is TrialState.WAITING and trial.system_attrs["fixed_params"] == expected
    assert said["params"] == expected and study.ask().number == 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["dept=3"], "not a key of the search space, got 3. Did you mean depth?"),
        (["depth=9"], "not in the search space of this key, got 9"),
        (["depth=1.5"], "not in the search space"),
        (["depth=true"], "not in the search space"),
        (["model=forest"], "Choose from [svm, mlp]"),
        (["model=mlp", "model.C=1"], "belongs to a branch that the point does not choose"),
        (["model.C=1"], "Write model: svm into the point"),
        (["depth"], "can't be read"),
        (["depth=1,2"], "must set one value"),
        (["~depth"], "must set one value"),
        (["depth=1", "depth=2"], "sets depth once more"),
        (["depth="], "not in the search space"),
    ],
)
def test_what_is_not_in_the_space_is_refused_in_one_line_and_nothing_waits(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], message: str
) -> None:
    assert message in refused(capsys, "enqueue", str(tmp_path), *lines)
    assert not study.get_trials()


def test_study_that_does_not_say_its_space_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna_journal.log")))
    optuna.create_study(study_name="demo", storage=storage)
    assert "does not say in which space" in refused(capsys, "enqueue", str(tmp_path), "depth=3")


@pytest.mark.parametrize(
    ("n_trials", "said"),
    [
        (20, "trial 4 is tried next: depth=3\n"),
        (4, "The search demo has no trial left to begin; it is tried when demo goes on, with a larger n_trials: more"),
    ],
)
def test_running_search_with_room_tries_it_next(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], n_trials: int, said: str
) -> None:
    study.add_trials(plain(3))
    study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs={"worker": Owner.me().as_attribute()}))
    replace(FACTS, n_trials=n_trials, extend="more").save(tmp_path)
    main(["enqueue", str(tmp_path), "depth=3"])
    assert said in capsys.readouterr().out


def test_search_that_is_over_says_how_it_is_tried(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.add_trials(plain(3))
    replace(FACTS, n_trials=3).save(tmp_path)
    main(["enqueue", str(tmp_path), "depth=3"])
    out = capsys.readouterr().out
    assert out.startswith("trial 3 waits: depth=3\n") and "The search demo is complete; it is tried when" in out
