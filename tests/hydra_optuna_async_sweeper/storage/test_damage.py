"""Journals that were damaged in many ways: each goes on with what is whole, says what it left out, and keeps a copy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_search.errors import BadInput

N_TRIALS = 4
LINES = {"study": 1, "attribute": 2, "trial 1": 4, "end of trial 2": 7}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A study of four trials, made and ended one by one; every second line makes a trial."""
    journal = Journal(tmp_path / "journal.log")
    storage = journal.open()
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "s")
    storage.set_study_user_attr(study_id, "key", "value")
    for number in range(N_TRIALS):
        waiting = create_trial(
            state=TrialState.RUNNING, params={"x": number / 10}, distributions={"x": FloatDistribution(0, 1)}
        )
        trial_id = storage.create_new_trial(study_id, waiting)
        storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [number / 10])
    return journal


def trials_of(journal: Journal) -> list[FrozenTrial]:
    storage = journal.open()
    return storage.get_all_trials(storage.get_study_id_from_name("s"))


def replaced(line: int, content: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines[: line - 1], content, *lines[line:]]


def shortened(line: int, n: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines[: line - 1], lines[line - 1][:n] + b"\n", *lines[line:]]


def without(key: str, line: int) -> Callable[[list[bytes]], list[bytes]]:
    def damage(lines: list[bytes]) -> list[bytes]:
        entry = json.loads(lines[line - 1])
        del entry[key]
        return [*lines[: line - 1], json.dumps(entry, separators=(",", ":")).encode() + b"\n", *lines[line:]]

    return damage


DAMAGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, int]] = {
    # the damage, the line that is named, how many trials are kept
    "garbage for a trial": (replaced(5, b"\x00\xff garbage\n"), 5, 1),
    "zeros": (replaced(7, b"\x00" * 80 + b"\n"), 7, 2),
    "half a trial": (shortened(5, 40), 5, 1),
    "half an end": (shortened(6, 60), 6, N_TRIALS),
    "half an attribute": (shortened(2, 30), 2, N_TRIALS),
    "empty line": (replaced(8, b"\n"), 8, 3),
    "not an object": (replaced(9, b"[1, 2]\n"), 9, 3),
    "a number": (replaced(9, b"17\n"), 9, 3),
    "unknown operation": (replaced(9, b'{"op_code":99,"worker_id":"w"}\n'), 9, 3),
    "end without values": (without("values", 6), 6, N_TRIALS),
    "end without a trial": (without("trial_id", 6), 6, N_TRIALS),
    "trial without a study": (without("study_id", 5), 5, 1),
    "no operation": (without("op_code", 6), 6, 2),
    "another text at the end": (lambda lines: [*lines, b"<<<<<<< HEAD\n"], 11, N_TRIALS),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_journal_goes_on_with_what_is_whole_and_keeps_a_copy(
    journal: Journal, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage, line, n_kept = DAMAGES[name]
    before = trials_of(journal)
    journal.file.write_bytes(b"".join(damage(journal.file.read_bytes().splitlines(keepends=True))))
    damaged = journal.file.read_bytes()
    after = trials_of(journal)
    assert [trial.params for trial in after] == [trial.params for trial in before[:n_kept]]
    assert {trial.number: trial.value for trial in after if trial.state is TrialState.COMPLETE}.items() <= {
        trial.number: trial.value for trial in before
    }.items()
    assert f"{journal.file}, line {line}: damaged (" in caplog.messages[0]
    copy = journal.file.with_name("journal.log.damaged")
    assert copy.read_bytes() == damaged and str(copy) in caplog.text
    caplog.clear()
    assert len(trials_of(journal)) == n_kept and not caplog.messages, "once is enough"


def test_second_damage_keeps_a_copy_of_its_own(journal: Journal) -> None:
    for _ in range(2):
        with journal.file.open("ab") as file:
            file.write(b"garbage\n")
        trials_of(journal)
    assert {path.name for path in journal.file.parent.glob("*.damaged*")} == {
        "journal.log.damaged", "journal.log.damaged-2",
    }  # fmt: skip


def test_journal_that_is_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal.log").mkdir()
    with pytest.raises(BadInput, match=r"hydra.sweeper.storage: can't be opened \(Is a directory\)"):
        Journal(tmp_path / "journal.log").open()
