import pickle
import time

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_preflight_callback.preflight_callback import PreflightCallback
from hydra_plugins.hydra_search import waiting
from hydra_plugins.hydra_search.errors import BadInput, InvalidObjective
from hydra_plugins.hydra_search.hydra_line import instantiate
from hydra_plugins.hydra_search.jobs import check_job
from tests.hydra_preflight_callback.conftest import Compose


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


def test_check_that_takes_its_time_is_said_while_it_runs(
    compose: Compose, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SECONDS_OF_SILENCE", 0.05)
    monkeypatch.setattr(waiting, "_said", set())
    caplog.set_level("INFO")
    said: list[str] = []

    def check(_config: DictConfig) -> None:
        time.sleep(0.5)
        said.extend(caplog.messages)

    check_job(compose(), check)
    assert said == ["The application checks a job, and loads what it needs for that ..."]


@pytest.mark.parametrize("returned", [float("nan"), float("-inf"), None, "0.5", True, (0.5, 0.5), [], object()])
def test_result_that_is_no_number_fails_the_job(compose: Compose, returned: object) -> None:
    job = JobReturn(status=JobStatus.COMPLETED, _return_value=returned)
    PreflightCallback().on_job_end(running(compose()), job)
    assert job.status is JobStatus.FAILED
    assert isinstance(job._return_value, InvalidObjective)


@pytest.mark.parametrize(
    ("overrides", "returned"), [([], 0.5), ([], -3), (["direction=[maximize,minimize]"], (0.5, 2))]
)
def test_result_that_counts(compose: Compose, overrides: list[str], returned: object) -> None:
    job = JobReturn(status=JobStatus.COMPLETED, _return_value=returned)
    PreflightCallback().on_job_end(running(compose(*overrides)), job)
    assert (job.status, job.return_value) == (JobStatus.COMPLETED, returned)


def test_nothing_that_a_job_returns_fails_it_under_the_basic_sweeper(loader: ConfigLoader) -> None:
    job = JobReturn(status=JobStatus.COMPLETED, _return_value=None)
    PreflightCallback().on_job_end(running(loader.load_configuration("basic", [], run_mode=RunMode.MULTIRUN)), job)
    assert (job.status, job.return_value) == (JobStatus.COMPLETED, None)


def running(config: DictConfig) -> DictConfig:
    config.hydra.mode, config.hydra.job.num = RunMode.MULTIRUN, 0
    return config


def test_workers_get_the_callback_without_the_check() -> None:
    callback = PreflightCallback(check=lambda _config: None, metric=OmegaConf.create(["a", "b"]))
    copy = pickle.loads(pickle.dumps(callback))
    assert (copy.check, copy.metric) == (None, ["a", "b"])


def test_whitelist_that_names_the_callback_where_it_once_was_goes_on_working(compose: Compose) -> None:
    once = "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback"
    assert compose().hydra.callbacks.preflight._target_ == once, "so that such a whitelist serves"
    assert isinstance(instantiate({"_target_": once}, [once]), PreflightCallback)
