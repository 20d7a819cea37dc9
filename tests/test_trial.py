import threading
from decimal import Decimal

import numpy as np
import pytest

from hydra_plugins.hydra_trial import InvalidObjective, every, listening, objective_values, report


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


def test_report_does_nothing_without_a_listener_and_reaches_each_one_inside_the_block() -> None:
    heard: list[tuple[float, int]] = []
    report(0.1, 0)
    with listening(lambda value, step: heard.append((value, step))):
        report(np.float32(0.5), np.int64(3))
    report(0.9, 1)
    assert heard == [(0.5, 3)]


def test_exception_of_a_listener_reaches_the_training_loop() -> None:
    def stop(value: float, step: int) -> None:
        raise StopIteration(step)

    with listening(stop), pytest.raises(StopIteration):
        report(1.0, 0)


def test_value_for_which_one_listener_raises_is_heard_by_all() -> None:
    heard: list[float] = []

    def stop(value: float, step: int) -> None:
        raise StopIteration(step)

    with (
        listening(lambda value, step: heard.append(value)),
        listening(stop),
        listening(lambda value, step: heard.append(value)),
        pytest.raises(StopIteration),
    ):
        report(1.0, 0)
    assert heard == [1.0, 1.0]


@pytest.mark.parametrize(("value", "step"), [("0.9", 0), (None, 0), (0.9, "1"), (0.9, 1.5), (0.9, True)])
def test_report_of_a_wrong_type_names_the_argument(value: object, step: object) -> None:
    with pytest.raises(TypeError, match=r"report\(value, step\): (value|step) must be"):
        report(value, step)  # type: ignore[arg-type]


def test_report_of_a_negative_step_is_refused() -> None:
    with pytest.raises(ValueError, match="step must be 0 or more, got -1"):
        report(0.5, -1)


def test_call_is_made_again_and_again_inside_the_block_only() -> None:
    calls: list[None] = []
    twice = threading.Event()

    def call() -> None:
        calls.append(None)
        if len(calls) == 2:
            twice.set()

    with every(0.01, call, "test"):
        assert twice.wait(10)
    count = len(calls)
    assert not threading.Event().wait(0.05) and len(calls) == count
