from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from hydra_plugins.hydra_search.errors import InvalidObjective
from hydra_plugins.hydra_search.results import (
    forget_result,
    is_marked_lost,
    load_result,
    mark_lost,
    objective_values,
    save_result,
)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(3), np.array(0.25), [0.5], (0.5,)])
def test_finite_number_is_an_objective(value: object) -> None:
    assert len(objective_values(value)) == 1


@pytest.mark.parametrize(
    "value", [None, "0.9", b"1", True, float("nan"), float("inf"), -float("inf"), {}, [], [1, 2], Decimal, [None]]
)
def test_anything_else_is_refused_with_what_was_returned(value: object) -> None:
    with pytest.raises(InvalidObjective, match="must return"):
        objective_values(value)


def test_several_objectives_keep_their_order_and_number() -> None:
    assert objective_values((0.9, 12), 2) == (0.9, 12.0)
    with pytest.raises(InvalidObjective, match=r"2 value\(s\), got 3"):
        objective_values((1, 2, 3), 2)
    with pytest.raises(InvalidObjective, match=r"2 value\(s\), got 1: 0.5"):
        objective_values(0.5, 2)


def test_result_is_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert load_result(tmp_path) is None
    save_result(tmp_path, (0.1 + 0.2, 3))
    assert load_result(tmp_path) == [0.1 + 0.2, 3.0]
    assert [path.name for path in tmp_path.iterdir()] == [".result.json"]


def test_directory_of_an_earlier_trial_holds_neither_its_result_nor_its_loss(tmp_path: Path) -> None:
    save_result(tmp_path, [0.5])
    mark_lost(tmp_path, "worker lost")
    assert is_marked_lost(tmp_path)
    forget_result(tmp_path)
    assert (load_result(tmp_path), is_marked_lost(tmp_path)) == (None, False)
    forget_result(tmp_path / "absent")


def test_trial_that_made_no_directory_is_not_marked(tmp_path: Path) -> None:
    mark_lost(tmp_path / "3", "worker lost")
    assert not (tmp_path / "3").exists()
