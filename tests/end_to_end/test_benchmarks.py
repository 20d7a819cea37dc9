"""The benchmarks run, so that what README quotes can be measured again."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment


def printed_by(script: str, *arguments: str) -> list[str]:
    """Run a benchmark; return the lines that it printed."""
    path = ROOT / "tests/benchmarks" / script
    done = subprocess.run([sys.executable, path, *arguments], env=environment(), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_simulated_searches_repeat_real_command_lines_to_the_digit_and_are_compared() -> None:
    said = printed_by("quality.py", "branin", "conditional", "--seeds=2", "--trials=12")
    assert said[0].startswith("3 command lines of 14 trials and their simulations agree to the digit.")
    assert [line.split("|")[1].strip() for line in said[2:]] == ["task", "---", "branin", "conditional", "pooled"]


@pytest.mark.slow
def test_start_and_memory_of_all_contestants_are_a_table_with_ratios() -> None:
    said = printed_by("start.py", "--trials=2", "--rounds=1", "--first=3")
    assert said[0] == "2 trials that do nothing, 1 rounds"
    assert len(said[4:]) == 3
    for line in said[4:]:
        assert re.fullmatch(r"\| [^|]+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \| [1-9]\d+ \| [\d.]+ \|", line)


@pytest.mark.slow
def test_many_workers_are_compared_with_the_ideal_with_mlflow_and_without() -> None:
    said = printed_by("many_workers.py", "--sizes=4x0.1x2", "--rounds=1")
    assert [line.rsplit("|", 4)[0] for line in said[2:]] == [
        f"| 4 of 0.1 s on 2 workers | {mlflow} " for mlflow in ("off", "on")
    ]


@pytest.mark.slow
def test_study_that_grows_is_compared_with_plain_optuna_and_with_its_own_beginning() -> None:
    said = printed_by("growth.py", "--asked=30", "--trials=20", "--rounds=1", "--first=1")
    assert [line.split("|")[1].strip() for line in said if line and not line.startswith("|---")] == [
        *("an ask at 30 trials", "TPE", "multivariate TPE"),
        *(said[5].split("|")[1].strip(), "random"),
    ]
    assert all(re.fullmatch(r"\| [^|]+ (\| [\d.]+ ){3,5}\|", line) for line in [*said[2:4], *said[7:]])
