"""The benchmarks run, so that what README quotes can be measured again."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment


@pytest.mark.slow
def test_simulated_searches_repeat_real_command_lines_to_the_digit_and_are_compared() -> None:
    script = ROOT / "tests/benchmarks/quality.py"
    arguments = ["branin", "conditional", "--seeds=2", "--trials=12"]
    done = subprocess.run([sys.executable, script, *arguments], env=environment(), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("3 command lines of 14 trials and their simulations agree to the digit.")
    assert [line.split("|")[1].strip() for line in said[2:]] == ["task", "---", "branin", "conditional", "pooled"]
