"""Sending beside the work: all of it in the end, or what a limit allows; never more than there is room for."""

import threading
import time

import pytest

from hydra_plugins.hydra_mlflow_callback import _backlog
from hydra_plugins.hydra_mlflow_callback._backlog import Backlog


@pytest.mark.parametrize(("uri", "at_a_time"), [("http://server", 4), ("databricks", 4), ("sqlite:///a.db", 1)])
def test_all_is_sent_by_the_end_several_at_a_time_to_a_server(uri: str, at_a_time: int) -> None:
    backlog, lock, now, most, sent = Backlog(uri), threading.Lock(), [0], [0], []

    def send(number: int) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
            sent.append(number)

    assert all(backlog.put(lambda n=n: send(n)) for n in range(12))
    backlog.end()
    assert (sorted(sent), most[0]) == (list(range(12)), at_a_time)
    assert "mlflow-delivery" not in {thread.name for thread in threading.enumerate()}


def test_end_that_has_no_time_waits_for_what_is_under_way_only() -> None:
    backlog, begun, gate, sent = Backlog("sqlite:///a.db"), threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        gate.wait(10)
        sent.append("first")

    backlog.put(first)
    backlog.put(lambda: sent.append("second"))
    assert begun.wait(10)
    threading.Timer(0.2, gate.set).start()
    backlog.end(seconds=0)
    assert sent == ["first"]


def test_backlog_that_is_full_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backlog, "LARGEST_BACKLOG", 1)
    backlog, begun, gate = Backlog("sqlite:///a.db"), threading.Event(), threading.Event()
    backlog.put(lambda: begun.set() or (gate.wait(10) and None))  # type: ignore[func-returns-value]
    assert begun.wait(10)
    assert [backlog.put(lambda: None) for _ in range(3)] == [True, False, False]
    gate.set()
    backlog.end()
