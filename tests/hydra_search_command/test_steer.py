"""What the verbs that steer a search refuse, and what they leave in the study."""

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.sweeps import SweepRecord, write_sweep
from hydra_plugins.hydra_search.wishes import wishes_in
from hydra_plugins.hydra_search_command.__main__ import main
from hydra_plugins.hydra_search_command._found import found

from .refused import refused
from .test_found import in_journal

HERE = Owner.me()
RECORD = SweepRecord("k", HERE.as_attribute(), started=1.0, n_jobs=1, n_trials=3, timeout=None)


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The directory of a search whose sweep is this process."""
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"))
    keep(RECORD)
    return "multirun/demo"


def keep(record: SweepRecord) -> None:
    with found("demo") as search:
        write_sweep(search.storage, search.study_id, record)


def wished() -> dict[str, object]:
    with found("demo") as search:
        attributes = search.storage.get_study_user_attrs(search.study_id)
    return {concern: wish.value for concern, wish in wishes_in(attributes).items()}


def test_last_wish_of_each_concern_is_kept(demo: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["pause", demo], ["set", demo, "n_trials=9"], ["stop", demo], ["set", demo, "timeout=null"]):
        main(arguments)
    assert wished() == {"state": "stop", "n_trials": 9, "timeout": None}
    assert "demo: timeout=null asked for by " in capsys.readouterr().out
    main(["set", demo, "n_trials=7", "hydra.sweeper.timeout=1.5", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [(wish["concern"], wish["value"]) for wish in told["wishes"]] == [("n_trials", 7), ("timeout", 1.5)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("n_trials=-1", "n_trials: must be a whole number of 1 or more, got -1."),
        ("n_trials=ten", "n_trials: must be a whole number of 1 or more, got ten."),
        ("n_trials=0", "got 0."),
        ("n_trials=", "got an empty string."),
        ("n_trials", "must set n_trials or timeout, got n_trials. Write n_trials=200"),
        ("timeout=-3", "timeout: must be a number of seconds above 0, got -3."),
        ("timeout=nan", "got nan."),
        ("timeout=soon", "got soon."),
        ("n_trial=3", "must set n_trials or timeout, got n_trial=3. Did you mean n_trials?"),
        ("n_jobs=3", "must set n_trials or timeout, got n_jobs=3."),
    ],
)
def test_value_that_can_not_be_set_is_refused_in_one_line(
    demo: str, capsys: pytest.CaptureFixture[str], given: str, message: str
) -> None:
    assert message in refused(capsys, "set", demo, "timeout=5", given)
    assert wished() == {}


@pytest.mark.parametrize("verb", [["stop"], ["cancel"], ["pause"], ["resume"], ["set", "n_trials=5"]])
def test_search_that_does_not_run_is_refused(demo: str, capsys: pytest.CaptureFixture[str], verb: list[str]) -> None:
    keep(RECORD.end("ended by n_trials"))
    with pytest.raises(SystemExit) as left:
        main([verb[0], demo, *verb[1:]])
    assert left.value.code == 2 and wished() == {}
    assert capsys.readouterr().err == f"hydra-search {verb[0]}: the search 'demo' is not running\n"


def test_pause_that_has_outlived_its_sweep_is_taken_back(demo: str) -> None:
    main(["pause", demo])
    keep(RECORD.end("interrupted"))
    main(["resume", demo])
    assert wished() == {"state": "resume"}


def test_search_of_a_killed_sweep_runs_as_long_as_a_worker_of_it_lives(demo: str) -> None:
    dead = HERE.as_attribute() | {"started": 1.0}
    keep(SweepRecord("k", dead, started=1.0, n_jobs=1, n_trials=3, timeout=None))
    with pytest.raises(SystemExit):
        main(["stop", demo])
    with found("demo") as search:
        trial = search.study().ask()
        trial.set_user_attr("worker", HERE.as_attribute())
        assert search.study().trials[-1].state is TrialState.RUNNING
    main(["stop", demo])
    assert wished() == {"state": "stop"}
