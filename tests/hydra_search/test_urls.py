import socket

import pytest

from hydra_plugins.hydra_search.urls import is_dead_loopback, masked, passwords_of, without_user


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
        ("https://t0ken@host/x", "https://***@host/x"),
        ("https://user:a/b:c#d?e@host:5000/x", "https://user:***@host:5000/x"),
        ("postgresql://user:12/34@host/db", "postgresql://user:***@host/db"),
        ("mongodb+srv://u:p%40q@h", "mongodb+srv://u:***@h"),
        ("redis://:secret@h/0", "redis://:***@h/0"),
        ("http://h/?passwd=a#b&b=1", "http://h/?passwd=***&b=1"),
        ("'url=https://h/x?pwd=q' x=1", "'url=https://h/x?pwd=***' x=1"),
        ("https://h/x?api_key=a&access_token=b&page=2", "https://h/x?api_key=***&access_token=***&page=2"),
        ("host=h user=u password=a,b;c dbname=d", "host=h user=u password=*** dbname=d"),
        ("host=h password='a b' port=1", "host=h password=*** port=1"),
        ("Server=x;PWD=abc;UID=1", "Server=x;PWD=***;UID=1"),
        ("max_tokens=5 pad_token=0 token=???", "max_tokens=5 pad_token=0 token=???"),
    ],
)
def test_passwords_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_password_of_an_address_is_known_as_written_and_decoded() -> None:
    assert passwords_of("db: postgresql://u:p%40q@h/d?x=1") == {"p%40q", "p@q"}
    assert passwords_of("postgresql://h/d?password=a") == {"a"}
    assert passwords_of("postgresql://optuna:optuna@h/d") == set(), "would be hidden everywhere"


def test_address_to_click_on_has_no_user() -> None:
    assert without_user("http://me:p@ss@h:5000/x?a=1") == "http://h:5000/x?a=1"


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
