from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_search_report.__main__ import main
from hydra_plugins.hydra_search_report.report import status_of
from tests.searches import CONDITIONAL, FACTS, conditional, made_up
from tests.sweeps import opened_below

from .cases import plain


def test_report_of_a_killed_search_is_made_from_what_it_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CONDITIONAL.save(tmp_path)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna_journal.log")))
    study = optuna.create_study(study_name="demo", storage=storage, direction="maximize")
    study.add_trials(conditional(6))
    study.ask()
    main([str(tmp_path)])
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert "unfinished: 6 of 20 trials are over, 1 were running when last seen" in (tmp_path / "summary.md").read_text()


def test_report_of_a_study_in_a_database_is_made_again_without_naming_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    with database_at(url).opened() as storage:
        optuna.create_study(study_name="demo", storage=storage, direction="maximize").add_trials(plain(3))
    replace(FACTS, storage=url).save(tmp_path)
    main([str(tmp_path)])
    assert (tmp_path / "report.html").exists() and "3 finished" in (tmp_path / "summary.md").read_text()
    assert not opened_below(tmp_path), "and nothing is left open"


def test_database_that_cannot_be_opened_is_told_in_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(FACTS, storage="sqlite:////absent/study.db").save(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "the study's database can't be opened (unable to open database file)" in capsys.readouterr().err


@pytest.mark.parametrize("facts", [True, False])
def test_directory_without_a_search_is_refused(facts: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if facts:
        FACTS.save(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert (
        "name the study's storage with --storage URL" if facts else "holds no recorded search"
    ) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"lost": "worker lost", "retries": 2}, "complete"),
        ({"lost": "worker lost", "retries": 1}, "unfinished: 3 of 4 trials are over"),
        ({"lost": "interrupted", "retries": 2}, "unfinished: 3 of 4 trials are over"),
        ({"error": "ValueError: no"}, "complete"),
    ],
)
def test_lost_trial_counts_for_the_budget_when_its_retries_are_used_up(
    attributes: dict[str, object], status: str
) -> None:
    trials = [*plain(3), made_up(3, TrialState.FAIL, **attributes)]  # type: ignore[arg-type]  # attributes of a trial
    assert status_of(replace(FACTS, n_trials=4, max_retries=2), trials) == status


def test_report_on_a_full_disk_fails_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    with database_at(url).opened() as storage:
        optuna.create_study(study_name="demo", storage=storage).add_trials(plain(3))
    replace(FACTS, storage=url).save(tmp_path)
    (tmp_path / "trials.csv").mkdir()  # what can't be replaced by a file is as good as no room
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("the report can't be written: [Errno 21]")


def test_help_says_what_it_makes_and_from_what(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0
    assert "python -m hydra_plugins.hydra_search_report" in said and "the sweep directory" in said
    assert "report.html, trials.csv, summary.md and best.txt" in said and "--storage" in said
