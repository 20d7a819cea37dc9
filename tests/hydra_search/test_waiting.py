"""The line that says what takes its time."""

import logging
import threading

import pytest

from hydra_plugins.hydra_search import waiting
from hydra_plugins.hydra_search.waiting import said_if_slow


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(waiting, "SECONDS_OF_SILENCE", 0.05)
    monkeypatch.setattr(waiting, "_said", set())
    caplog.set_level(logging.INFO)


def wait_for_a_line(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(500):
        if caplog.messages:
            return
        threading.Event().wait(0.01)


def test_what_takes_long_is_said_once_however_often_it_is_done(caplog: pytest.LogCaptureFixture) -> None:
    with said_if_slow("Loading"):
        wait_for_a_line(caplog)
    with said_if_slow("Loading"):
        threading.Event().wait(0.2)
    assert caplog.messages == ["Loading ..."]


def test_what_is_quick_is_not_said_neither_then_nor_later(caplog: pytest.LogCaptureFixture) -> None:
    with said_if_slow("Loading"):
        pass
    threading.Event().wait(0.2)
    assert caplog.messages == []


def test_what_fails_ends_the_waiting_too(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="no data"), said_if_slow("Loading"):
        raise ValueError("no data")
    threading.Event().wait(0.2)
    assert caplog.messages == []
