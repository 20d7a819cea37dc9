"""What is refused, and what is not, under the sweepers that check nothing themselves."""

import logging

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig

from hydra_plugins.hydra_preflight_callback._other_sweepers import (
    branches,
    check_search,
    entry_of,
    grammar_of,
    read_space,
    require_enumerable,
)
from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.grammar import parse_entry
from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST
from tests.conftest import NO_UPSTREAM
from tests.hydra_preflight_callback.conftest import Compose

RAY, BASIC = "hydra/launcher=ray", "hydra/sweeper=basic"


@pytest.fixture
def compose(loader: ConfigLoader) -> Compose:
    """Compose the config of a sweep with one of the other sweepers as `--multirun` does."""

    def composed(*overrides: str) -> DictConfig:
        if BASIC not in overrides and not HAS_WHITELIST:
            pytest.skip(NO_UPSTREAM)
        name = "config" if HAS_WHITELIST else "basic"
        return loader.load_configuration(name, list(overrides), run_mode=RunMode.MULTIRUN)

    return composed


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["n_trials=1", "n_jobs=8"],
        ["+search_space={model.lr: 'tag(log, interval(1e-4, 1e-1))', depth: 'range(1, 9)'}"],
        ["x=range(0,1,0.1)", "depth=5", "hydra/sweeper=grid"],
        ["search_space={x: 'int(interval(0, 9))'}", "hydra/sweeper=grid"],
        ["search_space=null", "depth=range(1,3)"],
        ["model=linear,momentum", "model.lr=interval(0,1)"],
        ["model=momentum", "model.momentum=interval(0,1)"],
        ["+extra=choice(1,2)"],
        ["hydra/sweeper=basic", "model=glob(*)"],
        ["hydra/sweeper=basic"],
        pytest.param(
            [BASIC, "+hydra.sweeper.params={x: 3, depth: 'range(1, 3)'}"],
            marks=pytest.mark.only_on_hydra_1_4("1.3 takes no mapping where there is none yet"),
        ),
        ["hydra/launcher=joblib", "n_jobs=2"],
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"],
        [RAY, "+hydra.launcher.ray.init={runtime_env: {}, x: '${hydra:job.id}'}"],
        ["direction=[maximize]"],
        ["hydra.sweeper.max_failure_rate=0.5"],
    ],
)
def test_accepted(compose: Compose, loader: ConfigLoader, overrides: list[str]) -> None:
    check_search(compose(*overrides), loader, metric="score")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("n_trials=0", "n_trials (hydra.sweeper.n_trials): must be a whole number, 1 or more, got 0. Set n_trials=20"),
        ("n_trials=abc", "n_trials (hydra.sweeper.n_trials): must be a whole number, 1 or more, got abc."),
        ("n_trials=2.5", "must be a whole number, 1 or more, got 2.5."),
        ("n_trials=true", "must be a whole number, 1 or more, got true."),
        ("n_trials=null", "must be a whole number, 1 or more, got null."),
        ("hydra.sweeper.n_trials=-3", "hydra.sweeper.n_trials: must be a whole number, 1 or more, got -3."),
        ("n_jobs=-1", "n_jobs (hydra.sweeper.n_jobs): must be a whole number, 1 or more, got -1. Set n_jobs=1"),
        ("direction=maximise", "direction (hydra.sweeper.direction): must be maximize or minimize, got maximise. Did"),
        ("direction=Maximize", "got Maximize. Did you mean maximize?"),
        ("direction=null", "must be maximize or minimize, got null. Known: maximize, minimize."),
        ("direction=[]", "must be maximize or minimize, got null."),
        ("direction=[maximize,down]", "must be maximize or minimize, got down. Known: maximize, minimize."),
        ("direction=[maximize,minimize]", "one for each of the 1 metric(s) [score], got [maximize, minimize]."),
        ("hydra.sweeper.max_failure_rate=1.5", "must be a number between 0 and 1, got 1.5. Set hydra.sweeper.max_fail"),
        ("search_space=null", "(hydra.sweeper.params): a search needs at least one key to vary, got null."),
        ("search_space=5", "search_space (hydra.sweeper.params): must map config keys to sweeps, got 5."),
        ("~search_space", "(hydra.sweeper.params): a search needs at least one key to vary, got null."),
        ("x=0.5", "the command line fixes every key of the space, got [x]. Leave at least one"),
        ("++x=0.5", "would undo every trial's own value, got ++x=0.5. Write x=<value>"),
        ("x=interval(3,1)", "x: low must not be above high, got interval(3,1). Write interval(1, 3)."),
        ("model=glob(*)", "model: the Optuna sweeper can't read glob, got glob(*). Name the options"),
        ("hydra/sweeper=grid", "x: the grid sampler tries every value and can't draw from an interval, got"),
        ("+search_space={model.lrr: 'range(1, 3)'}", "model.lrr: unknown config key, got range(1, 3). Did you"),
        ("+search_space={zzz: 'range(1, 3)'}", "zzz: unknown config key, got range(1, 3). Known: data, dep"),
        ("+search_space={x.y: 'range(1, 3)'}", "x.y: unknown config key, got range(1, 3)."),
        ("+search_space={model: 'choice(linear, momentun)'}", "group model, got momentun. Did you mean momentum?"),
        ("+search_space={x: 'tag(lgo, interval(1, 2))'}", "x: unknown tag lgo, got tag(lgo, interval(1, 2)). Did you"),
        ("+search_space={x: {type: int, low: 1, high: 5}}", "got {type: int, low: 1, high: 5}. Write x: int("),
    ],
)
def test_refused(compose: Compose, loader: ConfigLoader, override: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_search(compose(override), loader, metric="score")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs: must be a whole number"),
        ([RAY, "+hydra.launcher.ray.init.runtime_env={py_executable: sh}"], "launcher.ray.init.runtime_env: could run"),
        ([RAY, "+hydra.launcher.ray.remote={runtime_env: {env_vars: {BASH_ENV: x}}}"], "remote.runtime_env: could"),
        ([RAY, "+evil={runtime_env: {pip: [x]}}", "hydra.launcher.ray.init='${evil}'"], "init.runtime_env: could run"),
        ([RAY, "+hydra.launcher.ray.init.job_config={runtime_env: {conda: x}}"], "ray.init.job_config: could run"),
        (["hydra/sweeper=basic", "x=interval(0,1)"], "x: the basic sweeper tries every value"),
        (["model=linear,momentum", "model.momentum=interval(0,1)"], "unknown config key with model=linear,"),
        (["hydra/sweeper=grid", "depth=1,2", "x=0.5"], "x: fixed on the command line, but upstream's grid"),
        (["hydra/sweeper=basic", "model=linear,nothing"], "no such option of the config group model, got nothing."),
    ],
)
def test_refused_together(compose: Compose, loader: ConfigLoader, overrides: list[str], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_search(compose(*overrides), loader, metric="score")
    assert message in str(refused.value)


@pytest.mark.parametrize("sweeper", ["optuna", "basic"])
def test_timeout_that_nothing_obeys(compose: Compose, loader: ConfigLoader, sweeper: str) -> None:
    with pytest.raises(BadInput, match=f"^timeout: hydra/sweeper={sweeper} can't stop.*got 60. Set timeout=null"):
        check_search(compose(f"hydra/sweeper={sweeper}"), loader, timeout=60)


def test_two_metrics_need_two_directions(compose: Compose, loader: ConfigLoader) -> None:
    with pytest.raises(BadInput, match=r"2 metric\(s\) \[a, b\], got maximize. Set direction=\[maximize,maximize\]"):
        check_search(compose(), loader, metric=["a", "b"])
    check_search(compose("direction=[maximize,minimize]"), loader, metric=["a", "b"])


def test_command_line_replaces_and_removes(
    compose: Compose, loader: ConfigLoader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    space = read_space(compose("+search_space={depth: 'range(1, 3)'}", "x=range(4,6)", "depth=7"), loader)
    assert [(entry.key, entry.first()) for entry in space.entries] == [("x", "4")]
    assert "depth=7" in space.fixed
    assert "depth=7 on the command line takes depth out of the search space." in caplog.messages


def test_custom_search_space_needs_no_params(compose: Compose, loader: ConfigLoader) -> None:
    assert read_space(compose("search_space=null", "hydra.sweeper.custom_search_space=my.space"), loader).entries == ()


def test_one_job_for_every_option_of_a_group(compose: Compose, loader: ConfigLoader) -> None:
    space = read_space(compose("model=linear,momentum", "depth=2,3"), loader)
    assert list(branches(space, loader)) == [
        {"x": "0.0", "model": "linear", "depth": "2"},
        {"x": "0.0", "model": "momentum", "depth": "2"},
    ]


def test_check_sees_every_branch_as_the_job_would(compose: Compose, loader: ConfigLoader) -> None:
    seen: list[tuple[object, ...]] = []

    def check(config: DictConfig) -> None:
        seen.append((config.model.lr, config.x, config.depth, "hydra" in config))

    check_search(compose("model=linear,momentum", "depth=9"), loader, check=check)
    assert seen == [(0.1, 0.0, 9, False), (0.2, 0.0, 9, False)]


@pytest.mark.parametrize(
    ("value", "rule", "remedy"),
    [
        ({"type": "int", "low": 1, "high": 5}, "needs hydra/sweeper=optuna_async", "Write x: int(interval(1, 5)),"),
        ({"choices": {"svm": {"C": "interval(1, 2)"}}}, "needs hydra/sweeper=optuna_async", "Write range(1, 6)"),
        ({"lr": "interval(0, 1)"}, "not a mapping", "x.lr: range(1, 6)"),
    ],
)
def test_mapping_is_refused(value: object, rule: str, remedy: str) -> None:
    with pytest.raises(BadInput) as refused:
        entry_of("x", value)
    message = str(refused.value)
    assert message.startswith("x: ") and rule in message and remedy in message


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"type": "int", "low": 1, "high": 5}, "int(interval(1, 5))"),
        ({"type": "int", "low": 1, "high": 5, "step": 2}, "range(1, 6, 2)"),
        ({"type": "int", "low": 1, "high": 64, "log": True}, "tag(log, int(interval(1, 64)))"),
        ({"type": "float", "low": 1e-4, "high": 0.1, "log": True}, "tag(log, interval(0.0001, 0.1))"),
        ({"type": "float", "low": 0, "high": 1, "step": 0.1}, None),
        ({"type": "categorical", "choices": ["gini", 1, True, None]}, "choice(gini, 1, true, null)"),
        ({"choices": {"svm": {}}}, None),
        ({"type": "int", "low": 1}, None),
    ],
)
def test_typed_form_in_grammar_of(spec: dict[str, object], text: str | None) -> None:
    assert grammar_of(spec) == text


@pytest.mark.parametrize(
    ("text", "whole_numbers", "refused"),
    [
        ("interval(0, 1)", True, True),
        ("int(interval(0, 9))", False, True),
        ("int(interval(0, 9))", True, False),
        ("range(0, 1, 0.1)", False, False),
        ("glob(*)", False, False),
    ],
)
def test_enumerable(text: str, whole_numbers: bool, refused: bool) -> None:
    entry = parse_entry("x", text)
    if not refused:
        require_enumerable(entry, "the sweeper", whole_numbers=whole_numbers)
        return
    with pytest.raises(BadInput, match=r"^x: the sweeper tries every value.* got .*choice"):
        require_enumerable(entry, "the sweeper", whole_numbers=whole_numbers)
