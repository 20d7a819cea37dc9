"""A block that may take so long: what interrupts it, and what is left alone."""

import signal
import threading
import time
from contextlib import suppress

import pytest

from hydra_plugins.hydra_optuna_async_sweeper.worker import _timeout
from hydra_plugins.hydra_optuna_async_sweeper.worker._timeout import NUMBER, JobTimedOut, OutOfTime, time_limit


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(_timeout, "SECONDS_OF_GRACE", 0.3)
    return []


def test_block_in_time_is_left_alone_and_the_signal_is_whose_it_was(ended: list[str]) -> None:
    before, threads = signal.getsignal(NUMBER), threading.active_count()
    for seconds in (30.0, None):
        with time_limit(seconds, lambda: ended.append("end")):
            time.sleep(0.01)
    with pytest.raises(KeyError), time_limit(30.0, lambda: ended.append("end")):
        raise KeyError
    assert (signal.getsignal(NUMBER), threading.active_count(), ended) == (before, threads, [])


def test_sleep_is_interrupted_at_the_limit_and_not_by_what_handles_errors(ended: list[str]) -> None:
    begun = time.monotonic()
    with (
        pytest.raises(JobTimedOut, match=r"trial_timeout: the job had not ended after 0\.2 s"),
        time_limit(0.2, lambda: ended.append("end")),
        suppress(Exception),
    ):
        time.sleep(20)
    assert 0.2 <= time.monotonic() - begun < 5 and ended == []


@pytest.mark.parametrize("error", [ValueError, None])
def test_block_that_handles_the_interruption_has_timed_out_all_the_same(
    ended: list[str], error: type[Exception] | None
) -> None:
    with pytest.raises(JobTimedOut), time_limit(0.1, lambda: ended.append("end")):
        try:
            time.sleep(20)
        except OutOfTime:
            if error is not None:
                raise error("interrupted") from None
    assert ended == []


def test_block_that_goes_on_is_reported_after_the_grace(ended: list[str]) -> None:
    with pytest.raises(JobTimedOut), time_limit(0.1, lambda: ended.append("end")):
        with suppress(OutOfTime):
            time.sleep(20)
        until = time.monotonic() + 20
        while not ended and time.monotonic() < until:
            time.sleep(0.01)
    assert ended == ["end"]


def test_ctrl_c_is_ctrl_c(ended: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt), time_limit(0.1, lambda: ended.append("end")):
        try:
            time.sleep(20)
        except OutOfTime:
            raise KeyboardInterrupt from None


def test_block_in_another_thread_is_interrupted_in_its_python_code(ended: list[str]) -> None:
    found: list[BaseException] = []

    def job() -> None:
        try:
            with time_limit(0.1, lambda: ended.append("end")):
                for _ in range(2000):
                    time.sleep(0.01)
        except JobTimedOut as error:
            found.append(error)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join(15)
    assert len(found) == 1 and ended == []
