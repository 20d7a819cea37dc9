"""A password that comes by the environment stays there."""

import pickle

import pytest

from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_search.urls import by_variable, from_variables, missing_variable


@pytest.mark.parametrize(
    ("variable", "written"),
    [
        ("postgresql://u:p4ss%40w@h/d", "${oc.env:MINE}"),
        ("p4ss%40w", "postgresql://u:${oc.env:MINE}@h/d"),
        ("u:p4ss%40w@h", "postgresql://${oc.env:MINE}/d"),
    ],
)
def test_what_the_environment_holds_of_a_password_is_named_and_not_written(
    variable: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://u:p4ss%40w@h/d"
    monkeypatch.setenv("MINE", variable)
    assert (by_variable(url), from_variables(written)) == (written, url)
    monkeypatch.delenv("MINE")
    assert missing_variable(from_variables(written)) == "MINE"
    assert by_variable(url) == url, "it came by another way"


def test_address_without_a_password_is_written_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "http://host:5000")
    assert by_variable("http://host:5000") == "http://host:5000"


def test_pickles_for_the_workers_hold_no_password_and_are_read_with_the_workers_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "postgresql://u:p4ssw0rd@h/d"
    monkeypatch.setenv("MINE", url)
    settings = Settings("http://me:p4ssw0rd@h:5000", "e", "r")
    monkeypatch.setenv("OTHER", settings.tracking_uri)
    for thing in (database_at(url), database_at(url, {"_target_": "optuna.storages.RDBStorage", "url": url}), settings):
        content = pickle.dumps(thing)
        assert b"p4ssw0rd" not in content
        assert pickle.loads(content) == thing
    content = pickle.dumps(database_at(url))
    monkeypatch.setenv("MINE", "postgresql://u:its-own@h/d")
    assert pickle.loads(content).url == "postgresql://u:its-own@h/d"
