"""`report` and `deliver` do what the commands of the two packages do, by directory or by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search_command.__main__ import main
from hydra_plugins.hydra_search_command._found import found
from tests.searches import FACTS

from .refused import refused
from .test_found import in_database, in_journal


@pytest.mark.parametrize("argument", ["demo", "multirun/demo"])
def test_report_is_written_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argument: str
) -> None:
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"))
    FACTS.save(Path("multirun/demo"))
    main(["report", argument])
    assert capsys.readouterr().out == "multirun/demo/report.html\n"
    assert "3 finished" in Path("multirun/demo/summary.md").read_text()
    main(["report", argument, "--json"])
    assert json.loads(capsys.readouterr().out) == {"study_name": "demo", "report": "multirun/demo/report.html"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "demo", "--storage", "{url}"], "report: the sweep directory of 'demo' is not known here"),
        (["report", "bare"], "report: 'multirun/bare' holds no recorded search"),
        (["report", "absent"], "report: there is no search 'absent'"),
        (["deliver", "absent"], "deliver: 'absent' holds no recorded search"),
        (["deliver", "demo", "--storage", "{url}"], "deliver: the sweep directory of 'demo' is not known here"),
        (["deliver", "lost", "--storage", "{url}"], "deliver: there is no study 'lost'"),
        (["deliver", "bare"], "deliver: 'bare' was not recorded in MLflow"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line_with_status_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    url = in_database(tmp_path)
    in_journal(Path("multirun/bare"), "bare")
    assert refused(capsys, *(argument.format(url=url) for argument in arguments)).startswith(f"hydra-search {message}")


def test_report_on_a_full_disk_fails_in_words_with_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replace(FACTS, storage=in_database(tmp_path)).save(tmp_path)
    (tmp_path / "trials.csv").mkdir()  # what can't be replaced by a file is as good as no room
    with pytest.raises(SystemExit) as left:
        main(["report", str(tmp_path)])
    assert left.value.code == 1 and "the report can't be written" in capsys.readouterr().err


def test_report_of_a_search_that_runs_says_so(tmp_path: Path) -> None:
    in_journal(tmp_path)
    FACTS.save(tmp_path)
    with found(str(tmp_path)) as search:
        running = create_trial(state=TrialState.RUNNING, user_attrs={"worker": Owner.me().as_attribute()})
        search.study().add_trial(running)
    main(["report", str(tmp_path)])
    assert "unfinished" not in (tmp_path / "summary.md").read_text()
    assert "running" in (tmp_path / "summary.md").read_text()
