"""Which errors are the thing's own, how often a server is asked that does not answer, and what is made only once."""

import errno
import json
import os
import socket
import threading
import time

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    ENDPOINT_NOT_FOUND,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)

from hydra_plugins.hydra_mlflow_callback._reach import Breaker, RunGone, beside_a_job, is_refused, made_once


def answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (MlflowException("limit", INVALID_PARAMETER_VALUE), True),
        (MlflowException("null byte", BAD_REQUEST), True),
        (MlflowException("gone", RESOURCE_DOES_NOT_EXIST), True),
        (answered(413), True),
        (ValueError("out of range"), True),
        (OSError(errno.ENAMETOOLONG, "File name too long"), True),
        (MlflowException("Max retries exceeded"), False),
        (MlflowException("locked", TEMPORARILY_UNAVAILABLE), False),
        (MlflowException("who are you", PERMISSION_DENIED), False),
        (MlflowException("a proxy that has just begun", ENDPOINT_NOT_FOUND), False),
        (answered(404), False),
        (answered(503), False),
        (json.JSONDecodeError("a page of a proxy", "<html>", 0), False),
        (requests.ConnectionError(), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_error_is_a_refusal_only_if_the_same_would_be_refused_again(error: Exception, refused: bool) -> None:
    assert is_refused(error) is refused


def test_server_that_has_not_answered_is_asked_again_only_after_pauses_that_grow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._reach.time.monotonic", lambda: clock[0])
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        breaker = Breaker(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert not breaker.is_open()
        breaker.note(ValueError("refused"))
        breaker.note(RunGone("run"))
        assert not breaker.is_open(), "the server has answered"
        breaker.note(MlflowException("Max retries exceeded"))
        for pause in (15, 30, 60, 120, 240, 240):
            clock[0] += pause - 1
            assert breaker.is_open()
            clock[0] += 2
            assert breaker.is_open(), "asked, and nobody has answered"
            clock[0] -= 1


def test_server_that_answers_again_is_asked_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker("http://server")
    breaker.trip()
    assert breaker.is_open()
    monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._reach.FIRST_PAUSE", 0.0)
    breaker = Breaker("sqlite:///a.db")
    breaker.trip()
    time.sleep(0.01)
    assert not breaker.is_open()


@pytest.mark.parametrize("arrives", [True, False])
def test_what_is_made_on_a_server_is_sent_once_and_looked_for_before_it_is_sent_again(
    arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    made: list[str] = []

    def make() -> str:
        retries.append(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"])
        if len(retries) == 1 and not arrives:
            raise MlflowException("connection reset")
        made.append("a run")
        if len(retries) == 1:
            raise MlflowException("timed out")
        return made[0]

    retries: list[str] = []
    assert made_once(lambda: made[0] if made else None, make) == "a run"
    assert made == ["a run"] and retries == ["0"] * (1 if arrives else 2)
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    with pytest.raises(ValueError, match="refused"):
        made_once(lambda: None, lambda: int("refused"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process that has threads: so has a job's
@pytest.mark.parametrize(("uri", "waits"), [("sqlite:///a.db", True), ("http://server", False)])
def test_job_that_forks_waits_for_what_is_being_written_to_a_file_and_for_no_server(uri: str, waits: bool) -> None:
    writes, may_end, written = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        with beside_a_job(uri):
            writes.set()
            may_end.wait(0.5)
            written.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert writes.wait(10)
    child = os.fork()
    if not child:
        with beside_a_job(uri):  # which nobody holds in the child
            os._exit(0 if written.is_set() == waits else 1)
    was_written = written.is_set()
    may_end.set()
    thread.join()
    assert was_written == waits and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
