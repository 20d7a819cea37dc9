import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from hydra_plugins.hydra_search.owner import SILENCE, UNOWNED, Owner, every, of_process, owner_is_gone


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.communicate()


def owned_by(pid: int) -> dict[str, object]:
    return {"worker": of_process.__wrapped__(pid).as_attribute()}


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


def test_process_and_its_children_are_mine(process: subprocess.Popen[bytes]) -> None:
    assert Owner.me().is_mine()
    child = of_process.__wrapped__(process.pid)
    assert child.is_mine()
    assert not of_process.__wrapped__(os.getppid()).is_mine()
    assert not Owner("elsewhere", os.getpid(), child.started).is_mine()
    process.kill()
    process.wait()
    assert not child.is_mine(), "its number may be another process's by now"


def test_owner_is_read_back_from_what_is_kept_with_a_trial() -> None:
    assert Owner.of_attribute(Owner.me().as_attribute()) == Owner.me()


def test_process_is_asked_to_end_but_never_this_one(process: subprocess.Popen[bytes]) -> None:
    Owner.me().terminate()
    owner = of_process.__wrapped__(process.pid)
    Owner("elsewhere", owner.pid, owner.started).terminate()
    assert process.poll() is None
    owner.terminate()
    assert process.wait(10) == -15


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
