import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hydra_plugins.hydra_search_report._trials import counts_text, find_best, without_blanks
from hydra_plugins.hydra_search_report.report import write_report
from tests.searches import FACTS, made_up

from .cases import CASES, TWO, job, plain


def test_best_text_survives_the_splitting_of_a_shell(tmp_path: Path) -> None:
    lines = ["model=svm", "model.C=1e-05", "model.layers=[50, 50]", "note='a\"b'", "n_trials=9", "+new={a: 1, b: [x]}"]
    job(tmp_path, 2, lines)
    write_report(replace(FACTS, search_keys=("n_trials",)), plain(3), tmp_path, "")
    split = subprocess.run(
        ["bash", "-c", "printf '%s\\n' $(cat best.txt)"], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    expected = ["model=svm", "model.C=1e-05", "model.layers=[50,50]", "note='a\"b'", "+new={a:1,b:[x]}"]
    assert split.stdout.splitlines() == expected
    assert "python train.py $(cat multirun/demo/best.txt)" in (tmp_path / "summary.md").read_text()


def test_value_that_needs_its_blank_is_given_by_the_full_command(tmp_path: Path) -> None:
    job(tmp_path, 2, ["note='a b'", "x=1"])
    write_report(FACTS, plain(3), tmp_path, "")
    assert (tmp_path / "best.txt").read_text() == "note='a b' x=1\n"
    command = "python train.py " + shlex.join(["note='a b'", "x=1"])
    assert command in (tmp_path / "summary.md").read_text()
    assert "$(cat" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("a=[1, 'b', {c: 2}]", "a=[1,'b',{c:2}]"),
        ("a='b c'", "a='b c'"),
        ("a=b c", "a=b c"),
        ("a=[x, 'b c']", "a=[x, 'b c']"),
        ("a=${b}", "a=${b}"),
        ("a=choice(1, 2)", "a=choice(1, 2)"),
        ("~a", "~a"),
        ("a=extend_list(1, 2)", "a=extend_list(1, 2)"),
    ],
)
@pytest.mark.filterwarnings("ignore:extend_list")
def test_blanks_go_only_where_the_meaning_stays(line: str, without: str) -> None:
    assert without_blanks(line) == without


def test_best_text_of_an_earlier_state_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "best.txt").write_text("old")
    write_report(*CASES["only failed"], tmp_path, "")
    assert not (tmp_path / "best.txt").exists()
    assert "No trial finished" in (tmp_path / "summary.md").read_text()


def test_best_of_several_objectives_is_the_first_of_the_front(tmp_path: Path) -> None:
    trials = [made_up(0, values=[0.1, 9]), made_up(1, values=[0.9, 5]), made_up(2, values=[0.8, 1])]
    job(tmp_path, 1, ["a=1"])
    write_report(TWO, trials, tmp_path, "")
    assert (tmp_path / "best.txt").read_text() == "a=1\n"
    assert (
        "trial 1, the first of 2 on the Pareto front with accuracy 0.9, seconds 5"
        in (tmp_path / "summary.md").read_text()
    )


def test_best_of_a_program_that_is_not_known_is_repeated_by_its_overrides(tmp_path: Path) -> None:
    job(tmp_path, 2, ["x=0.2"])
    best = find_best(replace(FACTS, program=""), plain(3), tmp_path)
    assert best is not None
    assert (best.full_command, best.short_command) == ("x=0.2", "$(cat multirun/demo/best.txt)")


def test_counts_say_how_many_trials_keep_their_constraints() -> None:
    trials = [made_up(n, values=[n]) for n in range(3)]
    assert counts_text(FACTS, trials, "none") == "3 finished, of 20 wanted"
    for trial, broken in zip(trials, (1.0, -1.0, 0.0), strict=True):
        trial.system_attrs["constraints"] = (broken,)
    assert counts_text(FACTS, trials, "none") == "3 finished, of 20 wanted; 2 of 3 finished are feasible"
