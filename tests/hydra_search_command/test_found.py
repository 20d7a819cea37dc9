"""A search is found by its directory or by its name, and nothing is made where there is none."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_search.errors import NotFound
from hydra_plugins.hydra_search.studies import trials_of
from hydra_plugins.hydra_search_command._found import found
from tests.searches import FACTS
from tests.sweeps import opened_below

from ..hydra_search_report.cases import plain


def in_journal(directory: Path, *names: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(directory / "optuna_journal.log")))
    for name in names or ("demo",):
        optuna.create_study(study_name=name, storage=storage, direction="maximize").add_trials(plain(3))


def in_database(folder: Path, name: str = "demo") -> str:
    url = f"sqlite:///{folder}/study.db"
    with database_at(url).opened() as storage:
        optuna.create_study(study_name=name, storage=storage, direction="maximize").add_trials(plain(3))
    return url


@pytest.mark.parametrize("argument", ["multirun/demo", "multirun/demo/", "demo", "{tmp_path}/multirun/demo"])
@pytest.mark.parametrize("has_facts", [True, False])
def test_search_in_a_journal_is_found_by_its_directory_and_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, has_facts: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"))
    if has_facts:
        FACTS.save(Path("multirun/demo"))
    with found(argument.format(tmp_path=tmp_path)) as search:
        assert search.study_name == "demo" and search.directory is not None
        assert search.directory.samefile("multirun/demo")
        assert len(trials_of(search.storage, "demo")) == len(search.study().trials) == 3
        search.storage.set_study_user_attr(search.study_id, "key", 1)
        assert search.facts == (FACTS if has_facts else None)
    assert not opened_below(tmp_path)


def test_search_in_a_database_is_found_by_directory_and_by_name_with_its_storage(tmp_path: Path) -> None:
    url = in_database(tmp_path)
    (tmp_path / "sweep").mkdir()
    replace(FACTS, storage=url).save(tmp_path / "sweep")
    for argument, storage in ((str(tmp_path / "sweep"), None), ("demo", url), (str(tmp_path / "sweep"), url)):
        with found(argument, storage) as search:
            assert len(trials_of(search.storage, search.study_name)) == 3
            assert (search.directory is None) == (argument == "demo")
        assert not opened_below(tmp_path)


@pytest.mark.parametrize("own", [True, False], ids=["with .fingerprint.json", "without"])
def test_search_without_report_is_found_by_the_database_that_its_configuration_names(
    tmp_path: Path, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", in_database(tmp_path))
    text = "hydra:\n  sweeper: {storage: '${url}'}\n  runtime: {cwd: /absent}\nurl: '${oc.env:WHERE}'\n"
    (tmp_path / "multirun.yaml").write_text(text)
    if own:
        (tmp_path / ".fingerprint.json").write_text(json.dumps({"study_name": "demo"}))
    with found(str(tmp_path)) as search:
        assert search.study_name == "demo" and len(search.study().trials) == 3


def test_password_comes_from_the_environment_and_is_asked_for_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(FACTS, address="postgresql+psycopg://me:${oc.env:PW_OF_TEST}@127.0.0.1:1/db").save(tmp_path)
    with pytest.raises(NotFound, match=r"kept in no file; set PW_OF_TEST in the environment, or name it with --stor"):
        found(str(tmp_path)).__enter__()
    monkeypatch.setenv("PW_OF_TEST", "hidden-word")
    with pytest.raises(NotFound, match="can't be opened") as refused:
        found(str(tmp_path)).__enter__()
    assert "hidden-word" not in str(refused.value)
    replace(FACTS, storage="postgresql+psycopg://me:***@127.0.0.1:1/db").save(tmp_path)
    with pytest.raises(NotFound, match="set OPTUNA_STORAGE_URL"):
        found(str(tmp_path)).__enter__()
    monkeypatch.setenv("OPTUNA_STORAGE_URL", "postgresql+psycopg://me:hidden-word@127.0.0.1:1/db")
    with pytest.raises(NotFound, match="can't be opened"):
        found(str(tmp_path)).__enter__()


@pytest.mark.parametrize(
    ("argument", "storage", "message"),
    [
        ("deno", None, "there is no search 'deno', nor 'multirun/deno'; did you mean 'demo'?"),
        ("multirun/deno", None, "did you mean 'demo'?"),
        ("other", None, "a study in a database is named with --storage URL"),
        ("empty", None, "'empty' holds no recorded search"),
        ("deno", "sqlite:///{tmp_path}/study.db", "there is no study 'deno'; did you mean 'demo'?"),
        ("demo", "sqlite:///{tmp_path}/absent.db", "there is no database"),
        ("demo", "sqlite:////absent/study.db", "can't be opened"),
        ("demo", "sqlite:///{tmp_path}/empty.db", "holds no studies of Optuna"),
        ("demo", "sqlite:///{tmp_path}/text.db", "can't be opened (file is not a database)"),
        ("demo", "sqlite://", "there is no database"),
        ("demo", "nodatabase://here", "can't be opened"),
        ("demo", "{tmp_path}/absent.log", "does not exist"),
        ("demo", "{tmp_path}/text.db", "the journal"),
        ("two", None, "holds 2 studies"),
        ("multirun/damaged", None, "can't be read"),
    ],
)
def test_what_is_not_there_is_refused_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, storage: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"))
    in_journal(Path("multirun/two"), "one", "other")
    in_database(tmp_path)
    Path("empty").mkdir()
    Path("empty.db").touch()
    Path("text.db").write_text("no database, and no journal\n" * 100)
    Path("multirun/damaged").mkdir()
    Path("multirun/damaged/.search.json").write_text("{")
    before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
    with pytest.raises(NotFound) as refused:
        found(argument, storage and storage.format(tmp_path=tmp_path)).__enter__()
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before
    assert not opened_below(tmp_path)


def test_database_that_goes_away_while_it_is_read_is_told_in_one_line(tmp_path: Path) -> None:
    url = in_database(tmp_path)
    with pytest.raises(NotFound, match=r"does not answer \(no such table: studies\)"), found("demo", url) as search:
        with closing(sqlite3.connect(tmp_path / "study.db")) as database:
            database.execute("DROP TABLE studies")
        trials_of(search.storage, "demo")
    assert not opened_below(tmp_path)


def test_study_is_found_in_a_directory_of_another_name_the_latest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for day, changed in (("2026-03-01", 2.0), ("2026-03-02", 1.0)):
        directory = Path("multirun") / day / "12-00-00"
        in_journal(directory)
        FACTS.save(directory)
        os.utime(directory, (changed, changed))
    with found("demo") as search:
        assert search.directory == Path("multirun/2026-03-01/12-00-00")


def test_directory_of_the_same_name_with_another_study_does_not_stand_for_a_study_in_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"), "another")
    replace(FACTS, study_name="another").save(Path("multirun/demo"))
    with found("demo", in_database(tmp_path)) as search:
        assert search.study_name == "demo" and search.directory is None
