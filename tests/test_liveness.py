import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hydra_plugins.hydra_optuna_async_sweeper import _liveness
from hydra_plugins.hydra_optuna_async_sweeper._liveness import SILENCE, UNOWNED, Owner, owner_is_gone


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.communicate()


def owned_by(pid: int) -> dict[str, object]:
    return {"worker": _liveness._process.__wrapped__(pid).as_attribute()}


def test_process_of_this_machine_is_gone_when_it_has_ended(process: subprocess.Popen[bytes]) -> None:
    attributes = owned_by(process.pid)
    assert not owner_is_gone(attributes, seconds_since_start=10 * SILENCE, now=0)
    process.kill()
    process.wait()
    assert owner_is_gone(attributes, seconds_since_start=0, now=0)


def test_killed_process_that_nobody_has_waited_for_is_gone(process: subprocess.Popen[bytes]) -> None:
    attributes = owned_by(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner_is_gone(attributes, seconds_since_start=0, now=0)


def test_other_process_with_the_number_of_an_ended_one_is_not_its_owner() -> None:
    me = Owner.me()
    assert me.is_alive()
    assert owner_is_gone({"worker": Owner(me.host, me.pid, me.started - 100).as_attribute()}, 0, 0)


@pytest.mark.parametrize(
    ("beat", "since_start", "gone"),
    [
        (1000 - SILENCE + 5, 500, False),
        (1000 - SILENCE - 5, 500, True),
        (None, SILENCE - 5, False),
        (None, SILENCE + 5, True),
    ],
)
def test_process_of_another_machine_is_gone_when_it_is_silent(
    beat: float | None, since_start: float, gone: bool
) -> None:
    attributes: dict[str, object] = {"worker": Owner(f"not-{socket.gethostname()}", 1, 1.0).as_attribute()}
    attributes |= {} if beat is None else {"beat": beat}
    assert owner_is_gone(attributes, since_start, now=1000.0) is gone


@pytest.mark.parametrize(("since_start", "gone"), [(UNOWNED - 1, False), (UNOWNED + 1, True)])
def test_claimed_trial_without_an_owner_is_given_up_after_a_while(since_start: float, gone: bool) -> None:
    assert owner_is_gone({}, since_start, now=1000.0) is gone
