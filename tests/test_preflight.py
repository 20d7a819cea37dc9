import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_optuna_async_sweeper._jobs import branches, check_job
from hydra_plugins.hydra_optuna_async_sweeper._preflight import check_search, read_space
from hydra_plugins.hydra_optuna_async_sweeper._search_space import BadInput
from hydra_plugins.hydra_optuna_async_sweeper._sweep_dir import claim_sweep_dir, release_if_unused
from hydra_plugins.hydra_optuna_async_sweeper.preflight_callback import PreflightCallback
from hydra_plugins.hydra_trial import InvalidObjective

from .conftest import APPS

Compose = Callable[..., DictConfig]


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def compose(loader: ConfigLoader) -> Compose:
    """Compose the config of a sweep as `--multirun` does."""
    return lambda *overrides: loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)


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
        ["hydra/sweeper=basic", "+hydra.sweeper.params={x: 3, depth: 'range(1, 3)'}"],
        ["hydra/launcher=joblib", "n_jobs=2"],
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
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"], "hydra.launcher.n_jobs: must be a whole number"),
        (["hydra/sweeper=basic", "x=interval(0,1)"], "x: the basic sweeper tries every value"),
        (["model=linear,momentum", "model.momentum=interval(0,1)"], "unknown config key with model=linear,"),
        (
            ["hydra/sweeper=grid", "depth=1,2", "x=0.5"],
            "x: fixed on the command line, but upstream's grid",
        ),
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
    assert [(dimension.key, dimension.first()) for dimension in space.dimensions] == [("x", "4")]
    assert "depth=7" in space.fixed
    assert "depth=7 on the command line takes depth out of the search space." in caplog.messages


def test_custom_search_space_needs_no_params(compose: Compose, loader: ConfigLoader) -> None:
    assert (
        read_space(compose("search_space=null", "hydra.sweeper.custom_search_space=my.space"), loader).dimensions == ()
    )


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


def wrapped() -> InstantiationException:
    error = InstantiationException("Error in call to target 'load'")
    error.__cause__ = OSError("path: the file must exist, got x.csv")
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("target: no such column,\n  got y"), "target: no such column, got y"),
        (FileNotFoundError("path: the file must exist, got x.csv"), "path: the file must exist, got x.csv"),
        (wrapped(), "path: the file must exist, got x.csv"),
        (InstantiationException("Target 'os.system' is not allowed."), "Target 'os.system' is not allowed."),
    ],
)
def test_what_the_check_raises_becomes_the_message(compose: Compose, error: Exception, message: str) -> None:
    def check(_config: DictConfig) -> None:
        raise error

    config = compose()
    with pytest.raises(BadInput) as refused:
        check_job(config, check)
    assert str(refused.value) == message
    assert "hydra" in config


@pytest.mark.parametrize("left", ["7", "optimization_results.yaml", "multirun.yaml"])
def test_directory_of_another_search_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir()
    config = OmegaConf.create({"study_name": "a", "hydra": {"sweep": {"dir": str(tmp_path)}}})
    with pytest.raises(BadInput, match=f"^hydra.sweep.dir: already holds.*got {tmp_path}. Set study_name="):
        claim_sweep_dir(config)
    assert [path.name for path in tmp_path.iterdir()] == [left]


def test_unused_claim_leaves_nothing(tmp_path: Path) -> None:
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "multirun" / "a")}}})
    release_if_unused(claim_sweep_dir(config))
    assert not list(tmp_path.iterdir())


def test_used_claim_stays(tmp_path: Path) -> None:
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "a")}}})
    claim = claim_sweep_dir(config)
    (tmp_path / "a" / "0").mkdir()
    release_if_unused(claim)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"0", "multirun.yaml"}
    with pytest.raises(BadInput, match="already holds a search"):
        claim_sweep_dir(config)


@pytest.mark.parametrize("returned", [float("nan"), float("-inf"), None, "0.5", True, (0.5, 0.5), [], object()])
def test_result_that_is_no_number_fails_the_job(compose: Compose, returned: object) -> None:
    job = JobReturn(status=JobStatus.COMPLETED, _return_value=returned)
    PreflightCallback().on_job_end(running(compose()), job)
    assert job.status is JobStatus.FAILED
    assert isinstance(job._return_value, InvalidObjective)


@pytest.mark.parametrize(
    ("overrides", "returned"),
    [([], 0.5), ([], -3), (["direction=[maximize,minimize]"], (0.5, 2)), (["hydra/sweeper=basic"], None)],
)
def test_result_that_counts(compose: Compose, overrides: list[str], returned: object) -> None:
    job = JobReturn(status=JobStatus.COMPLETED, _return_value=returned)
    PreflightCallback().on_job_end(running(compose(*overrides)), job)
    assert (job.status, job.return_value) == (JobStatus.COMPLETED, returned)


def running(config: DictConfig) -> DictConfig:
    config.hydra.mode, config.hydra.job.num = RunMode.MULTIRUN, 0
    return config


def test_workers_get_the_callback_without_the_check() -> None:
    callback = PreflightCallback(check=lambda _config: None, metric=OmegaConf.create(["a", "b"]))
    copy = pickle.loads(pickle.dumps(callback))
    assert (copy.check, copy.metric) == (None, ["a", "b"])
