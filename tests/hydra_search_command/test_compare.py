"""`compare A B ...` finds the searches, refuses what is none, prints Markdown or JSON, and writes a page."""

import json
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from hydra_plugins.hydra_search_command.__main__ import main
from tests.searches import CONDITIONAL, FACTS, conditional
from tests.sweeps import opened_below

from .refused import refused
from .test_found import in_database, in_journal


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two searches in journals, in the folder where the command is started."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "other"):
        in_journal(Path("multirun", name), name)
        replace(FACTS, study_name=name, n_trials=3).save(Path("multirun", name))
    return tmp_path


def test_markdown_is_printed_and_the_page_is_named_last(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "one", "multirun/other/"])
    said = capsys.readouterr().out
    assert said.startswith("# one and other\n") and said.endswith("\n\nPage: comparison.html\n")
    assert "| status | complete | complete |" in said and "| best accuracy | 0.2 | 0.2 |" in said
    assert "<h1>one and other</h1>" in Path("comparison.html").read_text()
    assert not opened_below(here)


def test_output_that_ends_with_md_is_the_markdown_and_no_page(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "one", "other", "--output", "notes.md"])
    said = capsys.readouterr().out
    assert said == f"{Path('notes.md').read_text()}\nMarkdown: notes.md\n"
    assert not Path("comparison.html").exists()


def test_json_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "one", "other", "--json", "--output", "page.html"])
    content = json.loads(capsys.readouterr().out)
    assert content.keys() == {"searches", "comparable", "notes", "settings", "parameters", "output"}
    first = content["searches"][0]
    assert first.keys() == {
        "name", "study_name", "storage", "directory", "metrics", "directions", "status", "trials", "best", "confirmed",
        "front", "hypervolume", "seconds", "best_so_far",
    }  # fmt: skip
    assert first["best"] == {
        "trial": 2, "values": [0.2], "params": {"x": 0.2}, "feasible": True, "directory": "multirun/one/2",
    }  # fmt: skip
    assert first["seconds"] == {"to_best": 7.0, "total": 7.0, "median_trial": 2.0}
    assert first["best_so_far"][0]["points"][1] == {"trials": 2, "seconds": 4.5, "value": 0.1, "trial": 1}
    assert content["parameters"] == {"x": {"one": 0.2, "other": 0.2}}
    assert content["output"] == "page.html" and Path("page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one"], "a comparison needs two searches or more, got one"),
        (["one", "one"], "is the same search as one, got one"),
        (["one", "other", "multirun/../multirun/one"], "is the same search as one, got multirun/../multirun/one"),
        (["one", "onee"], "did you mean 'one'?"),
        (["one", "."], "there is no search '.'"),
        (["one", "third", "--storage", "sqlite:///absent.db"], "there is no database"),
        (["one", "other", "--output", "page.pdf"], "must end with .html or .md, got page.pdf"),
        (["one", "other", "--output", "absent/page.html"], "must be a file in a directory that exists"),
    ],
)
def test_what_can_not_be_compared_is_refused_in_one_line_and_nothing_is_written(
    here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    said = refused(capsys, "compare", *arguments)
    assert said.startswith("hydra-search compare: ") and (message in said or "holds no recorded search" in said)
    assert sorted(here.rglob("*")) == before


def test_no_search_at_all_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert "SEARCH" in refused(capsys, "compare")


def test_database_by_name_and_directories_with_storages_of_their_own_are_compared(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = in_database(here, "third")
    main(["compare", "third", "one", "multirun/other", "--storage", url])
    said = capsys.readouterr().out
    assert said.startswith("# third, one and other\n")
    assert "| status | 3 trials, of a budget that is not recorded | complete | complete |" in said
    assert "Of third, one, other not all settings are recorded" in said


def test_same_name_in_two_places_is_told_apart_by_what_was_typed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_journal(Path("elsewhere/one"), "one")
    main(["compare", "one", "elsewhere/one/"])
    assert capsys.readouterr().out.startswith("# one and elsewhere/one\n")
    url = in_database(here, "twin")
    assert "is the same search as twin" in refused(capsys, "compare", "twin", "twin", "--storage", url)


def test_two_thousand_trials_of_a_journal_are_compared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = here / "multirun/one/optuna_journal.log"
    journal.unlink()
    storage = JournalStorage(JournalFileBackend(str(journal)))
    optuna.create_study(study_name="one", storage=storage, direction="maximize").add_trials(conditional(2000))
    replace(CONDITIONAL, study_name="one", n_trials=2000).save(here / "multirun/one")
    main(["compare", "one", "other"])
    assert "| best accuracy after 3 trials |" in capsys.readouterr().out
    assert Path("comparison.html").stat().st_size < 6e6


def test_study_without_trials_is_shown_as_such(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(
        study_name="empty", storage=JournalStorage(JournalFileBackend(str(here / "empty.log"))), direction="maximize"
    )
    main(["compare", "one", "empty", "--storage", "empty.log"])
    said = capsys.readouterr().out
    assert "no finished trial" in said and "empty has no finished trial." in said
