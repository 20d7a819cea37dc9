import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_search.owner import SILENCE, UNOWNED, Owner, Watch, every, is_ours, of_process
from tests.conftest import environment


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.communicate()


def owned_by(pid: int) -> dict[str, object]:
    return {"worker": of_process(pid).as_attribute()}


ELSEWHERE: dict[str, object] = {"worker": Owner("another boot pid:[1]", 1, 1.0, socket.gethostname()).as_attribute()}


class Watched:
    """One running trial under the eyes of a process whose monotonic clock is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.watch, self.clock = Watch(), 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.clock)

    def is_gone(self, attributes: Mapping[str, object], after: float, step: float = 1.0) -> bool:
        """Look every `step` seconds; tell whether the trial is taken for lost `after` that many."""
        end = self.clock + after
        while self.clock < end:
            self.watch.gone({7: attributes})
            self.clock = min(end, self.clock + step)
        return self.watch.gone({7: attributes}) == {7}


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_process_of_this_machine_is_gone_when_it_has_ended(process: subprocess.Popen[bytes], watched: Watched) -> None:
    attributes = owned_by(process.pid)
    assert not watched.is_gone(attributes, after=10 * SILENCE)
    process.kill()
    process.wait()
    assert watched.is_gone(attributes, after=0)


def test_killed_process_that_nobody_has_waited_for_is_gone(process: subprocess.Popen[bytes], watched: Watched) -> None:
    attributes = owned_by(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert watched.is_gone(attributes, after=0)


def test_stopped_process_of_this_machine_lives_however_long(process: subprocess.Popen[bytes], watched: Watched) -> None:
    process.send_signal(signal.SIGSTOP)
    assert not watched.is_gone(owned_by(process.pid), after=10 * SILENCE)


def test_other_process_with_the_number_of_an_ended_one_is_not_its_owner(watched: Watched) -> None:
    me = Owner.me()
    assert me.is_alive()
    assert watched.is_gone({"worker": replace(me, started=me.started - 1).as_attribute()}, after=0)


def test_clock_that_is_set_makes_nobody_another() -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD_WITH_ANOTHER_CLOCK], text=True, capture_output=True, check=True, env=environment()
    )
    assert child.stdout.split() == ["True", "True"]


CHILD_WITH_ANOTHER_CLOCK = """
import os, time, psutil
from hydra_plugins.hydra_search.owner import Owner, of_process
me = Owner.me()
time.time, before = lambda: 0.0, time.time
psutil.boot_time = psutil._pslinux.boot_time = lambda: 3.0
print(me.is_alive(), of_process(os.getpid()) == me)
"""


@pytest.mark.parametrize(("seconds", "gone"), [(SILENCE, False), (SILENCE + 1, True)])
@pytest.mark.parametrize("beat", [None, 12.5, [3, 1e9], [3, -1e9]])
def test_process_that_cannot_be_seen_is_gone_when_its_beat_stood_still_while_we_looked(
    watched: Watched, beat: object, seconds: float, gone: bool
) -> None:
    attributes = ELSEWHERE | ({} if beat is None else {"beat": beat})
    assert watched.is_gone(attributes, after=seconds) is gone


def test_beat_that_changes_is_life_whatever_time_it_names(watched: Watched) -> None:
    for beat in (5.0, -1e9, 1e12, 5.0, [1, 5.0], [2, 5.0]):
        assert not watched.is_gone(ELSEWHERE | {"beat": beat}, after=SILENCE - 1)


def test_watcher_that_was_stopped_or_has_just_come_watches_anew(watched: Watched) -> None:
    assert not watched.is_gone(ELSEWHERE, after=SILENCE - 1)
    watched.clock += 10 * SILENCE
    assert not watched.is_gone(ELSEWHERE, after=SILENCE)
    assert watched.is_gone(ELSEWHERE, after=1)


def test_one_of_several_is_gone_and_the_ended_are_forgotten(watched: Watched) -> None:
    watched.watch.gone({1: ELSEWHERE, 2: ELSEWHERE})
    watched.clock += 20
    watched.watch.gone({1: ELSEWHERE})
    for beat in range(5):
        watched.clock += 20
        found = watched.watch.gone({1: ELSEWHERE, 2: ELSEWHERE, 3: ELSEWHERE | {"beat": beat}})
    assert found == {1}


@pytest.mark.parametrize(("since_start", "gone"), [(UNOWNED, False), (UNOWNED + 1, True)])
def test_claimed_trial_without_an_owner_is_given_up_after_a_while(
    watched: Watched, since_start: float, gone: bool
) -> None:
    assert watched.is_gone({}, after=since_start) is gone


@pytest.mark.parametrize(
    ("attributes", "params", "ours"),
    [
        (ELSEWHERE, {"x": 0.5}, True),
        ({"worker": {"host": "a", "pid": 1, "started": 0.5}}, {}, True),
        ({"queued": True}, {}, True),
        ({"queued": True, "retry_of": 1, "retries": 1}, {}, True),
        ({"queued": True}, {"x": 0.5}, False),
        ({"queued": True, "note": "theirs"}, {}, False),
        ({}, {}, False),
        ({"worker": "a name"}, {}, False),
        ({"worker": {"host": "a"}}, {}, False),
        ({"queued": True, "worker": 3}, {}, False),
    ],
)
def test_running_trial_is_ours_if_a_worker_has_it_or_may_have_died_over_it(
    attributes: dict[str, object], params: dict[str, float], ours: bool
) -> None:
    distributions = {name: FloatDistribution(0, 1) for name in params}
    trial = create_trial(state=TrialState.RUNNING, user_attrs=attributes, params=params, distributions=distributions)
    assert is_ours(trial) is ours


def test_process_and_its_children_are_mine(process: subprocess.Popen[bytes]) -> None:
    assert Owner.me().is_mine()
    child = of_process(process.pid)
    assert child.is_mine()
    assert not of_process(os.getppid()).is_mine()
    assert not replace(Owner.me(), machine="elsewhere").is_mine()
    process.kill()
    process.wait()
    assert not child.is_mine(), "its number may be another process's by now"


def test_owner_is_read_back_from_what_is_kept_with_a_trial() -> None:
    assert Owner.of_attribute(Owner.me().as_attribute()) == Owner.me()
    old = Owner.of_attribute({"host": socket.gethostname(), "pid": os.getpid(), "started": 1.5})
    assert old is not None and (old.pid, old.started, old.is_here()) == (os.getpid(), 1.5, False)
    assert [Owner.of_attribute(other) for other in (None, "me", 3, {}, {"host": "a", "pid": None}, [])] == [None] * 6


def test_host_name_makes_nobody_another() -> None:
    assert replace(Owner.me(), host="other") == Owner.me()
    assert replace(Owner.me(), machine="other") != Owner.me()


@pytest.mark.parametrize("own_proc", [True, False])
def test_process_in_another_container_is_not_here_though_host_name_and_number_are_mine(own_proc: bool) -> None:
    code = "import json; from hydra_plugins.hydra_search.owner import Owner; me = Owner.me();"
    code += "print(json.dumps([me.as_attribute(), me.is_here(), me.is_alive(), me.is_mine()]))"
    container = ["unshare", "--pid", "--fork", *(["--mount-proc"] if own_proc else []), sys.executable, "-c", code]
    done = subprocess.run(container, text=True, capture_output=True, env=environment())
    if "Operation not permitted" in done.stderr:
        pytest.skip("may not make a PID namespace")
    attribute, *at_home = json.loads(done.stdout)
    assert at_home == [True, True, True]
    other = Owner.of_attribute(attribute)
    assert other is not None and other.host == Owner.me().host and not other.is_here()


def test_process_is_asked_to_end_but_never_this_one(process: subprocess.Popen[bytes]) -> None:
    Owner.me().terminate()
    owner = of_process(process.pid)
    replace(owner, machine="elsewhere").terminate()
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
