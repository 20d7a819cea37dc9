import socket

import pytest

from hydra_plugins.hydra_search.urls import is_dead_loopback, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:secret@host/db", "postgresql://user:***@host/db"),
        ("postgresql+psycopg://user:s@cr:et/@host:5432/db", "postgresql+psycopg://user:***@host:5432/db"),
        ("storage.url=mysql://u:p'w\"@h/d n_jobs=2", "storage.url=mysql://u:***@h/d n_jobs=2"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("http://tracking.example:5000/#/experiments/1", "http://tracking.example:5000/#/experiments/1"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("plain text: nothing@all", "plain text: nothing@all"),
    ],
)
def test_passwords_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_loopback_is_dead_only_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_dead_loopback(f"http://127.0.0.1:{port}")
    assert is_dead_loopback(f"http://127.0.0.1:{port}")
    assert is_dead_loopback(f"postgresql+psycopg://u:p@localhost:{port}/db")


@pytest.mark.parametrize(
    "url", ["", "sqlite:///x.db", "http://tracking.invalid:5000", "http://[::1", "postgresql://db/x"]
)
def test_other_addresses_are_never_called_dead(url: str) -> None:
    assert not is_dead_loopback(url)
