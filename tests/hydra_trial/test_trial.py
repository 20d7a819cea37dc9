import math
from pathlib import Path

import numpy as np
import pytest

from hydra_plugins import hydra_trial
from hydra_plugins.hydra_trial import (
    checkpoint_dir,
    confirmed_number,
    listening,
    muted,
    report,
    running,
    set_user_attr,
    trial_number,
)


def test_report_does_nothing_without_a_listener_and_reaches_each_one_inside_the_block() -> None:
    heard: list[tuple[float, int]] = []
    report(0.1, 0)
    with listening(lambda value, step: heard.append((value, step))):
        report(np.float32(0.5), np.int64(3))
    report(0.9, 1)
    assert heard == [(0.5, 3)]


def test_report_inside_a_muted_block_is_not_heard() -> None:
    heard: list[int] = []
    with listening(lambda value, step: heard.append(step)):
        report(0.1, 0)
        with muted(), muted():
            report(0.2, 1)
        with pytest.raises(KeyError), muted():
            raise KeyError
        report(0.3, 2)
    assert heard == [0, 2]


def test_value_of_a_diverged_job_is_heard() -> None:
    heard: list[float] = []
    with listening(lambda value, step: heard.append(value)):
        report(float("nan"), 0)
        report(float("-inf"), 1)
    assert math.isnan(heard[0]) and heard[1] == -math.inf


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


class Trial:
    """What a sweeper lends to a job."""

    number = 7
    confirms = 3

    def __init__(self) -> None:
        self.kept: dict[str, object] = {}

    def set_user_attr(self, key: str, value: object) -> None:
        self.kept[key] = value

    def checkpoint_dir(self) -> Path:
        return Path("of/trial/7")


def test_job_knows_its_trial_inside_the_block_only() -> None:
    trial = Trial()
    with running(trial):
        assert trial_number() == 7
        assert confirmed_number() == 3
        set_user_attr("note", [1])
    assert trial_number() is None
    assert confirmed_number() is None
    set_user_attr("note", [2])
    assert trial.kept == {"note": [1]}


def test_checkpoints_of_a_job_without_a_trial_lie_in_the_working_directory_where_there_is_no_hydra_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with running(Trial()):
        assert checkpoint_dir() == Path("of/trial/7")
    assert checkpoint_dir() == tmp_path


def test_package_offers_jobs_these_names_and_no_more() -> None:
    asked, told = (
        {"checkpoint_dir", "confirmed_number", "trial_number"},
        {"TrialPruned", "muted", "report", "set_user_attr"},
    )
    assert set(hydra_trial.__all__) == asked | told
