"""What is secret in a configuration, by name and by origin, and that nothing else is hidden."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_search.secret_sources import secrets_of, secrets_of_job
from hydra_plugins.hydra_search.secrets import Secrets


def shown(config: dict[str, Any], *redact: str) -> Any:
    """Return what is recorded of a configuration, interpolations resolved."""
    node = OmegaConf.create(config)
    return secrets_of(node, redact).tree(OmegaConf.to_container(node, resolve=True))


@pytest.mark.parametrize(
    ("config", "recorded"),
    [
        ({"api": {"token": "t0ken", "url": "http://x"}}, {"api": {"token": "***", "url": "http://x"}}),
        ({"credentials": {"user": "me", "a": "b"}}, {"credentials": {"user": "me", "a": "***"}}),
        ({"password": 12345, "num_tokens": 5, "tokens": 512}, {"password": "***", "num_tokens": 5, "tokens": 512}),
        ({"password": None, "use_token": True, "token": ""}, {"password": None, "use_token": True, "token": ""}),
        ({"servers": [{"pwd": "x"}]}, {"servers": [{"pwd": "***"}]}),
        ({"secrets": ["a", "b"]}, {"secrets": ["***", "***"]}),
        ({"token": "abc-123", "text": "use abc-123 here"}, {"token": "***", "text": "use *** here"}),
        ({"db": "postgresql://u:p4ss@h/d", "x": "p4ss"}, {"db": "postgresql://u:***@h/d", "x": "***"}),
        ({"author": "me", "auth": "basic", "launcher": "basic"}, {"author": "me", "auth": "***", "launcher": "basic"}),
    ],
)  # fmt: skip
def test_secret_by_name_is_left_out(config: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert shown(config) == recorded


@pytest.mark.parametrize(
    "config",
    [
        {"x": "${oc.env:MINE}"},
        {"x": "before ${oc.env:MINE} after"},
        {"x": "${oc.env:MINE,default}"},
        {"x": "${oc.env:OTHER,${oc.env:MINE}}"},
        {"x": "${oc.decode:${oc.env:MINE}}"},
        {"x": "${y}", "y": "${oc.env:MINE}"},
        {"x": {"a": "${.b}", "b": "${..y}"}, "y": "${oc.env:MINE}"},
        {"x": "${y}", "y": {"a": ["${oc.env:MINE}"]}},
        {"x": "${y.a}", "y": "${z}", "z": {"a": "${oc.env:MINE}"}},
        {"x": "${${which}}", "which": "y", "y": "${oc.env:MINE}"},
        {"x": "${oc.env:${name}}", "name": "MINE"},
        {"x": "http://host/${oc.env:MINE}/hook"},
    ],
)
def test_value_from_the_environment_is_left_out_by_whatever_way_it_comes(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "h4nter-two")
    assert "***" in str(shown(config)) and "h4nter-two" not in str(shown(config))


def test_parts_of_a_decoded_variable_are_left_out_by_another_key_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "{a: abc, n: 5}")
    config = {"x": "${oc.decode:${oc.env:MINE}}", "y": "${x}"}
    assert shown(config) == {"x": {"a": "***", "n": 5}, "y": {"a": "***", "n": 5}}


def test_what_a_variable_says_of_things_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = {"DB_HOST": "db7", "USER": "me", "ROOT": str(tmp_path), "N": "8", "WHERE": "http://tracking.example:5000"}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    assert shown({name: f"${{oc.env:{name}}}" for name in known}) == known
    assert shown({"x": "${oc.env:NOT_SET,a default}"}) == {"x": "a default"}
    monkeypatch.setenv("WHERE", "http://me:pa55@tracking.example")
    assert shown({"x": "${oc.env:WHERE}", "y": "is pa55"}) == {"x": "http://me:***@tracking.example", "y": "is ***"}


def test_redact_adds_keys_by_pattern_and_shows_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE_OF", "production")
    config = {"mine": {"a": {"b": "x1"}}, "other": "x", "token": "t", "stage": "${oc.env:STAGE_OF}"}
    recorded = {"mine": {"a": {"b": "***"}}, "other": "***", "token": "t", "stage": "production"}
    assert shown(config, "mine.*", "oth?r", "!token", "!stage") == recorded


def test_patterns_are_those_of_any_callback() -> None:
    config = {"a": "x1", "hydra": {"callbacks": {"one": {"redact": ["a"]}, "two": {}, "three": None}}}
    assert secrets_of(OmegaConf.create(config)).keys == ("a",)


def test_value_that_cannot_be_resolved_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    config = OmegaConf.create({"token": "${nowhere}", "password": "abcdef9", "x": "${oc.env:NOT_SET}"})
    assert secrets_of(config).values == ("abcdef9",)


def test_override_and_command_show_no_secret_and_ask_for_it() -> None:
    secrets = Secrets(patterns=("mine",))
    lines = ["api.token=a b", "+db/mine=x", "++a.pwd='1 2'", "lr=0.1", "url=ab://u:p@h", "db={password: x,a: 1}"]
    assert [secrets.override(line) for line in lines] == [
        "api.token=***", "+db/mine=x", "++a.pwd=***", "lr=0.1", "url=ab://u:***@h", "db={password: ***,a: 1}",
    ]  # fmt: skip
    assert secrets.command(["train.py", "-m", "token=a", "x=1"]) == ["train.py", "-m", "token=???", "x=1"]


def test_secret_of_each_job_is_known_though_the_configuration_is_read_once() -> None:
    def job(token: str) -> Any:
        hydra = {
            "overrides": {"task": [f"token={token}"]}, "runtime": {"choices": {"a": "b"}, "output_dir": "o"},
            "sweep": {"dir": "s"},
        }  # fmt: skip
        return OmegaConf.create({"token": token, "hydra": hydra})

    assert secrets_of_job(job("first-1")).hide("first-1 second-2") == "*** second-2"
    assert secrets_of_job(job("second-2")).hide("first-1 second-2") == "*** ***"


def test_key_from_which_a_secret_takes_its_value_is_left_out_too() -> None:
    config = {"hook": "https://chat/s3cr3t", "n": 5, "a": {"webhook": "${hook}", "tokens": "${n}"}, "x": "to s3cr3t"}
    assert shown(config) == config | {"hook": "***", "a": {"webhook": "***", "tokens": 5}}


def test_secret_that_an_override_refers_to_is_known_beside_one_that_refers_to_nothing() -> None:
    def job(x: str) -> Any:
        hydra = {
            "overrides": {"task": ["token=tok-${x}", f"x={x}", "+r=${nosuch}"]},
            "runtime": {"choices": {"of": "this test"}, "output_dir": "o"}, "sweep": {"dir": "s"},
        }  # fmt: skip
        return OmegaConf.create({"token": "tok-${x}", "x": x, "hydra": hydra})

    assert secrets_of_job(job("one")).hide("tok-one tok-two") == "*** tok-two"
    assert secrets_of_job(job("two")).hide("tok-one tok-two") == "*** ***"
