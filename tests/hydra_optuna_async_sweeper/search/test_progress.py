import io
import os
import pty
import random
from dataclasses import replace

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.search import _progress
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.search._tally import Tally
from hydra_plugins.hydra_search.trials import CONFIRMS, best_trials
from hydra_plugins.hydra_search.wishes import PAUSE
from tests.sweeps import made_up_search


def search(direction: str = "maximize") -> Search:
    return made_up_search(n_trials=10, directions=(direction,), max_retries=3)


def trials() -> list[FrozenTrial]:
    return [
        create_trial(state=TrialState.COMPLETE, value=0.5),
        create_trial(state=TrialState.COMPLETE, value=0.75),
        create_trial(state=TrialState.PRUNED, value=0.9),
        create_trial(state=TrialState.FAIL),
        create_trial(state=TrialState.FAIL, user_attrs={"lost": "worker lost"}),
        create_trial(state=TrialState.RUNNING),
        create_trial(state=TrialState.WAITING),
    ]


def progress_line(trials: list[FrozenTrial], search: Search, seconds: float, over_before: int) -> str:
    best = best_trials(trials, search.directions)
    return _progress.progress_line(Tally(search, trials), best[0] if best else None, seconds, over_before)


def test_line_counts_what_counts_and_leaves_lost_trials_out() -> None:
    line = progress_line(trials(), search(), seconds=8.0, over_before=0)
    assert line == "4/10 trials, 1 running, 1 pruned, 1 failed, best 0.75, about 12 s left"


def test_best_of_a_minimization_is_the_smallest() -> None:
    assert "best 0.5," in progress_line(trials(), search(direction="minimize"), 8.0, 0)


def test_time_left_is_reckoned_from_this_sweep_alone() -> None:
    line = progress_line(trials(), search(), seconds=8.0, over_before=2)
    assert line.endswith("about 24 s left")
    assert "left" not in progress_line(trials(), search(), seconds=8.0, over_before=4)


def test_line_of_a_paused_search_says_so_and_estimates_nothing() -> None:
    line = progress_line(trials(), replace(search(), state=PAUSE), seconds=8.0, over_before=0)
    assert line == "4/10 trials, 1 running, 1 pruned, 1 failed, best 0.75, paused"


def test_best_that_is_shown_is_that_of_all_trials_whatever_has_ended_between_two_looks() -> None:
    for seed in range(20):
        chance, shown, of = random.Random(seed), io.StringIO(), search()
        progress, tally = _progress.Progress(of, 0), Tally(of)
        progress._display = _progress.PlainProgress(shown)
        known: list[FrozenTrial] = []
        for number in range(30):
            cost = chance.choice([None, None, -1.0, 1.0])
            confirms = {CONFIRMS: {"trial": chance.randrange(20), "override": "seed=1"}} if number > 20 else {}
            constraints = {} if cost is None or confirms else {"constraints:cost": cost}
            known.append(create_trial(value=chance.random(), system_attrs=constraints, user_attrs=confirms))
            known[-1].number = number
            if chance.random() < 0.5:
                progress._display._last = 0.0  # ten seconds have passed
                progress.look(tally.look(list(known)))
                best = best_trials(known, of.directions)[0]
                assert f"best {best.values[0]:.4g}" in shown.getvalue().splitlines()[-1]
        progress.close()


def test_nothing_finished_yet_is_said_without_best_or_time() -> None:
    assert progress_line([], search(), 1.0, 0) == "0/10 trials, 0 running"


@pytest.fixture
def terminal() -> tuple[int, int]:
    return pty.openpty()


def test_line_of_a_terminal_is_drawn_on_its_last_row_and_given_back(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = terminal
    import fcntl
    import struct
    import termios

    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 30, 0, 0))
    with os.fdopen(writer, "w") as stream:
        progress = _progress.progress_on(stream)
        progress.show("x" * 50)
        progress.close()
        written = ""
        while not written.endswith("\x1b[r\x1b8"):
            written += os.read(reader, 10000).decode()
    os.close(reader)
    assert "\x1b[1;19r" in written and f"\x1b[20;1H\x1b[2K{'x' * 29}\x1b8" in written
    assert written.endswith("\x1b7\x1b[r\x1b8"), "the scrolling region must be the whole screen again"


def test_log_file_gets_plain_lines(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (tmp_path_factory.mktemp("log") / "out").open("w") as stream:
        assert isinstance(_progress.progress_on(stream), _progress.PlainProgress)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.C=0.00012345678", "model.C=0.0001235"), ("n=123456789", "n=123456789"), ("x=1e-05", "x=1e-05"),
        ("kind=svm", "kind=svm"), ("x=null", "x=null"), ("sizes=[1.23456789,2]", "sizes=[1.23456789,2]"),
    ],
)  # fmt: skip
def test_a_line_shows_four_digits_of_a_real_number_and_all_of_a_whole_one(override: str, line: str) -> None:
    assert _progress.brief(override) == line
