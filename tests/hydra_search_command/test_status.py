"""`status` tells how far a search is, whoever made the study."""

import json
import os
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.sweeps import SweepRecord, write_sweep
from hydra_plugins.hydra_search.wishes import make_wish, write_wish
from hydra_plugins.hydra_search_command.__main__ import main
from tests.searches import CONDITIONAL, FACTS, conditional, made_up

from ..hydra_search_report.cases import plain

KEYS = [
    "study_name", "state", "reason", "storage", "directory", "directions", "metrics", "n_trials", "n_over", "counts",
    "best", "workers", "sweeps", "time_left", "last_error", "wishes", "time",
]  # fmt: skip
GONE = replace(Owner.me(), started=1.0)
ELSEWHERE = Owner("another-machine", 4711, 1000.0, "far")


def studied(folder: Path, **how: Any) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(folder / "optuna_journal.log")))
    return optuna.create_study(study_name="demo", storage=storage, **({"direction": "maximize"} | how))


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(["status", *arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def sweep(owner: Owner, ended: str | None = None, **how: Any) -> SweepRecord:
    return SweepRecord("key", owner.as_attribute(), time.time(), 2, 20, how.get("timeout"), ended=ended)


def test_json_has_these_keys_and_help_explains_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    studied(tmp_path).add_trials(conditional(6))
    CONDITIONAL.save(tmp_path)
    found = asked(capsys, str(tmp_path))
    assert list(found) == KEYS
    assert list(found["counts"]) == [
        "finished", "pruned", "failed", "repeated", "confirming", "lost", "running", "waiting",
    ]  # fmt: skip
    assert list(found["best"][0]) == ["trial", "values", "params", "directory"]
    assert list(found["time_left"]) == ["timeout_seconds", "estimated_seconds"]
    with pytest.raises(SystemExit):
        main(["status", "--help"])
    said = capsys.readouterr().out
    assert not [key for key in KEYS if f"\n  {key} " not in said]


def test_running_search_says_who_runs_what_since_when_and_how_long_it_may_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = studied(tmp_path)
    study.add_trials([made_up(number, values=[0.5 + number / 10], seconds=30.0) for number in range(2)])
    worker = Owner.me().as_attribute()
    study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs={"worker": worker, "beat": [1, time.time() - 5]}))
    study.add_trial(create_trial(state=TrialState.WAITING, user_attrs={"queued": True}))
    write_sweep(study._storage, study._study_id, sweep(Owner.me(), timeout=600.0))
    FACTS.save(tmp_path)
    found = asked(capsys, str(tmp_path))
    assert (found["state"], found["n_trials"], found["n_over"]) == ("running", 20, 2)
    assert found["counts"] | {"finished": 2, "running": 1, "waiting": 1} == found["counts"]
    (who,) = found["workers"]
    assert (who["pid"], who["alive"], who["trial"]) == (os.getpid(), True, 2)
    assert 5 <= who["seconds_since_sign"] < 300
    assert datetime.fromisoformat(who["started"]) <= datetime.now()
    assert [one["pid"] for one in found["sweeps"]] == [os.getpid()]
    assert found["time_left"]["estimated_seconds"] == 18 * 30.0
    assert 300 < found["time_left"]["timeout_seconds"] <= 600
    main(["status", str(tmp_path)])
    said = capsys.readouterr().out
    assert said.startswith("demo: running\n") and f":{os.getpid()} runs trial 2 for" in said
    assert "about 9 min, estimated by" in said and "2 of 20 are over (2 finished, 1 running, 1 waiting)" in said


@pytest.mark.parametrize(
    ("owner", "ended", "wish", "state"),
    [
        (Owner.me(), None, None, ("running", None)),
        (ELSEWHERE, None, None, ("running", None)),
        (Owner.me(), None, "pause", ("paused", "pause asked for")),
        (Owner.me(), None, "resume", ("running", None)),
        (GONE, None, None, ("interrupted", None)),
        (GONE, None, "stop", ("stopped", "stop asked for")),
        (GONE, None, "cancel", ("stopped", "cancel asked for")),
        (GONE, None, "pause", ("interrupted", "pause asked for")),
        (GONE, None, "resume", ("interrupted", None)),
        (GONE, "interrupted", None, ("interrupted", "interrupted")),
        (GONE, "ended by n_trials", None, ("complete", "n_trials")),
        (GONE, "ended by timeout", None, ("complete", "timeout")),
        (GONE, "ended by stop", "stop", ("stopped", "stop asked for")),
        (GONE, "cancelled", "cancel", ("stopped", "cancel asked for")),
        (GONE, "cancelled", "resume", ("stopped", "cancel")),
        (GONE, "ended by max_failure_rate", None, ("failed", "max_failure_rate")),
        (GONE, "failed", None, ("failed", "failed")),
        (GONE, "ended by None", None, ("interrupted", "ended by None")),
    ],
)
def test_state_is_what_the_last_sweep_and_people_say(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    owner: Owner,
    ended: str | None,
    wish: str | None,
    state: tuple[str, str | None],
) -> None:
    study = studied(tmp_path)
    study.add_trials(plain(3))
    write_sweep(study._storage, study._study_id, sweep(owner, ended))
    if wish:
        write_wish(study._storage, study._study_id, make_wish("state", wish))
    found = asked(capsys, str(tmp_path))
    assert found["state"] == state[0]
    assert (found["reason"] or "").startswith(state[1] or "") and bool(found["reason"]) == bool(state[1])
    assert [one["wish"] for one in found["wishes"]] == ([wish] if wish else [])


@pytest.mark.parametrize(
    ("n_trials", "worker", "state", "alive"),
    [
        (3, None, "complete", []),
        (20, None, "unfinished", []),
        (20, GONE, "interrupted", [False]),
        (20, Owner.me(), "running", [True]),
        (20, ELSEWHERE, "running", [True]),
    ],
)
def test_trials_alone_tell_the_state_where_no_sweep_has(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    n_trials: int,
    worker: Owner | None,
    state: str,
    alive: list[bool],
) -> None:
    study = studied(tmp_path)
    study.add_trials(plain(3))
    if worker:
        attributes = {"worker": worker.as_attribute(), "beat": [1, time.time()]}
        study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs=attributes))
    replace(FACTS, n_trials=n_trials).save(tmp_path)
    found = asked(capsys, str(tmp_path))
    assert found["state"] == state and [one["alive"] for one in found["workers"]] == alive


def test_last_error_and_parameters_are_told_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = studied(tmp_path)
    distributions = {"model.api_key": optuna.distributions.CategoricalDistribution(["abc-123"])}
    study.add_trial(create_trial(value=1.0, params={"model.api_key": "abc-123"}, distributions=distributions))
    study.add_trial(made_up(1, TrialState.FAIL, start=5.0, error="ValueError: at postgresql://me:word@db/x"))
    study.add_trial(made_up(2, TrialState.FAIL, start=2.0, error="an earlier one"))
    study.add_trial(made_up(3, TrialState.FAIL, start=9.0, lost="interrupted"))
    found = asked(capsys, str(tmp_path))
    assert found["best"][0]["params"] == {"model.api_key": "***"}
    error = found["last_error"]
    assert (error["trial"], error["outcome"]) == (1, "failed")
    assert error["reason"] == "ValueError: at postgresql://me:***@db/x"
    main(["status", str(tmp_path)])
    assert "abc-123" not in capsys.readouterr().out


def test_study_of_plain_optuna_with_two_objectives_gives_its_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = studied(tmp_path, direction=None, directions=["minimize", "maximize"])
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.number), n_trials=3)
    study.ask()
    found = asked(capsys, "demo", "--storage", str(tmp_path / "optuna_journal.log"))
    assert found["directory"] is None and found["n_trials"] is None and found["metrics"] == ["value_0", "value_1"]
    assert sorted(t.number for t in study.best_trials) == sorted(one["trial"] for one in found["best"])
    assert [one["alive"] for one in found["workers"]] == [None] and found["state"] == "running"
    main(["status", "demo", "--storage", str(tmp_path / "optuna_journal.log")])
    assert "another program runs trial 3" in capsys.readouterr().out


def test_study_without_trials_has_no_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    studied(tmp_path)
    found = asked(capsys, str(tmp_path))
    assert (found["best"], found["workers"], found["last_error"], found["state"]) == ([], [], None, "unfinished")
