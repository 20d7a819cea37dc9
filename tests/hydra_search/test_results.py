from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from hydra_plugins.hydra_search.errors import InvalidObjective
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import (
    Attempt,
    forget_result,
    load_result,
    mark_lost,
    objective_values,
    reason_of_loss,
    save_result,
)


@pytest.mark.parametrize(
    "value", [1, 0.5, np.float32(0.5), np.int64(3), np.array(0.25), np.array([0.25]), [0.5], (0.5,)]
)
def test_finite_number_is_an_objective(value: object) -> None:
    assert len(objective_values(value)) == 1


@pytest.mark.parametrize(
    "value",
    [
        None, "0.9", b"1", True, float("nan"), float("inf"), -float("inf"), {}, [], [1, 2], Decimal, [None],
        np.bool_(True), np.array(False), [np.bool_(True)], np.array([0.5, 0.25]), np.array([]), np.complex128(1),
        10**400, np.float64("nan"), np.array("0.5"), np.datetime64("2026-01-01"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_was_returned(value: object) -> None:
    with pytest.raises(InvalidObjective, match="must return"):
        objective_values(value)


def test_several_objectives_keep_their_order_and_number() -> None:
    for returned in (0.9, 12), np.array([0.9, 12]):
        assert objective_values(returned, 2) == (0.9, 12.0)
    with pytest.raises(InvalidObjective, match=r"2 value\(s\), got 3"):
        objective_values((1, 2, 3), 2)
    with pytest.raises(InvalidObjective, match=r"2 value\(s\), got 1: 0.5"):
        objective_values(0.5, 2)


MINE = Attempt(Owner.me(), 7)
OTHERS = [
    Attempt(Owner.me(), 8),
    Attempt(Owner.me(), None),
    Attempt(replace(Owner.me(), pid=1), 7),
    Attempt(replace(Owner.me(), started=1.5), 7),
    Attempt(replace(Owner.me(), machine="another"), 7),
]


def test_result_is_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert load_result(tmp_path, MINE) is None
    save_result(tmp_path, (0.1 + 0.2, 3), MINE)
    assert load_result(tmp_path, MINE) == [0.1 + 0.2, 3.0]
    assert [path.name for path in tmp_path.iterdir()] == [".result.json"]


@pytest.mark.parametrize("other", OTHERS, ids=["trial", "single job", "pid", "start", "machine"])
def test_what_another_attempt_has_left_counts_for_nothing(tmp_path: Path, other: Attempt) -> None:
    save_result(tmp_path, [0.5], other)
    mark_lost(tmp_path, "worker lost", other)
    assert (load_result(tmp_path, MINE), reason_of_loss(tmp_path, MINE)) == (None, None)
    assert (load_result(tmp_path, other), reason_of_loss(tmp_path, other)) == ([0.5], "worker lost")


@pytest.mark.parametrize("text", ['{"values": [0.5]}', '{"val', "[0.5]", "null", "\udce9", '{"trial": 7, "worker": 3}'])
def test_file_that_is_nobodys_counts_for_nothing(tmp_path: Path, text: str) -> None:
    for name in (".result.json", ".lost"):
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert (load_result(tmp_path, MINE), reason_of_loss(tmp_path, MINE)) == (None, None)


def test_directory_of_an_earlier_attempt_holds_nothing_of_it_any_more(tmp_path: Path) -> None:
    save_result(tmp_path, [0.5], MINE)
    mark_lost(tmp_path, "worker lost", MINE)
    (tmp_path / ".mlflow_run.json").touch()
    (tmp_path / "model.joblib").touch()
    forget_result(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.joblib"]
    forget_result(tmp_path / "absent")


def test_trial_that_made_no_directory_is_not_marked(tmp_path: Path) -> None:
    mark_lost(tmp_path / "3", "worker lost", MINE)
    assert not (tmp_path / "3").exists()
