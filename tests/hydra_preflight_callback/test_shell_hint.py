import subprocess
import sys

import pytest

from hydra_plugins.hydra_preflight_callback.shell_hint import cut_arguments
from tests.conftest import APPS, environment


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        (["x=interval(1,", "10)"], ["x=interval(1, 10)"]),
        (["n=1", "e=[{a:", "1.0,", "b:", "2}]", "m=2"], ["e=[{a: 1.0, b: 2}]"]),
        (["x=interval(1, 10)", "y={a: 1}", "-m"], []),
        (["x=interval(1,"], []),
        (["x='('", "y=1", "z=)"], []),
    ],
)
def test_argument_that_the_shell_has_cut_is_found_whole(arguments: list[str], whole: list[str]) -> None:
    assert list(cut_arguments(arguments)) == whole


@pytest.mark.slow
def test_unquoted_bracket_gets_a_hint_beside_hydras_own_error() -> None:
    command = [sys.executable, str(APPS / "quadratic.py"), "-m", "x=interval(1,", "10)"]
    done = subprocess.run(command, env=environment(), text=True, capture_output=True)
    assert done.returncode == 1
    assert "Put it in quotes: 'x=interval(1, 10)'" in done.stderr
