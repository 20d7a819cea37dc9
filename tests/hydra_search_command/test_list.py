"""`list` shows the searches below a directory, or in a storage."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hydra_plugins.hydra_search_command.__main__ import main
from tests.searches import FACTS

from .refused import refused
from .test_found import in_database, in_journal

KEYS = [
    "study_name", "state", "n_trials", "n_over", "best", "started", "changed", "directory", "storage", "problem",
]  # fmt: skip


def test_searches_below_a_directory_are_listed_and_one_that_can_not_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"))
    replace(FACTS, n_trials=3).save(Path("multirun/demo"))
    in_journal(Path("multirun/2026-03-01/12-00-00"), "dated")
    Path("multirun/damaged").mkdir()
    Path("multirun/damaged/.search.json").write_text("{")
    main(["list", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert all(list(row) == KEYS for row in rows)
    named = {row["study_name"]: row for row in rows}
    assert set(named) == {"demo", "dated", None}
    assert (named["demo"]["state"], named["demo"]["n_over"], named["demo"]["n_trials"]) == ("complete", 3, 3)
    assert named["demo"]["directory"] == "multirun/demo" and named["demo"]["best"]["values"]
    assert named["dated"]["state"] == "unfinished"
    assert "can't be read" in named[None]["problem"]
    main(["list", "multirun"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[0] == "search" and len(said) == 4 and any(line.startswith("demo ") for line in said)


def test_studies_of_a_storage_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = in_database(tmp_path)
    in_database(tmp_path, "other")
    main(["list", "--storage", url, "--json"])
    assert [row["study_name"] for row in json.loads(capsys.readouterr().out)] == ["demo", "other"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "there is no directory 'absent'"),
        (["--storage", "sqlite:///absent.db"], "there is no database"),
        ([".", "--storage", "sqlite:///absent.db"], "not both"),
    ],
)
def test_place_that_is_not_there_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "list", *arguments)


def test_directory_without_searches_lists_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out) == []
    main(["list", str(tmp_path)])
    assert capsys.readouterr().out == f"no search in {tmp_path}\n"
