"""How the tests start applications and servers, and read back what was recorded."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST
from tests.preloaded import Preloaded, PreloadedApp
from tests.thorough import AGAIN

ROOT = Path(__file__).parent.parent
APPS = ROOT / "tests" / "apps"

# A shell that starts the tests in the background makes them ignore Ctrl-C, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ASKS_FOR_1_4 = "train.py and conf/ are for Hydra 1.4"
NO_UPSTREAM = "hydra-optuna-sweeper for today's Optuna asks for Hydra 1.4"
if not HAS_WHITELIST:
    collect_ignore = ["sklearn_training", "benchmarks", "test_conf.py", "test_whitelist.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what repeats another test's case in another guise."""
    for item in items:
        if AGAIN.search(item.nodeid):
            item.add_marker("thorough")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what Hydra 1.3 does not have; under 1.4 nothing."""
    mark = item.get_closest_marker("only_on_hydra_1_4")
    if mark and not HAS_WHITELIST:
        pytest.skip(mark.args[0])


def skip_if_it_needs_1_4(app: str, args: tuple[str, ...]) -> None:
    """Skip the test if an application, or the sweeper that it takes by default, is not for the Hydra that is here."""
    if HAS_WHITELIST:
        return
    if app == "train.py":
        pytest.skip(ASKS_FOR_1_4)
    named = [arg for arg in args if arg.startswith("--config-name") and arg != "--config-name=config"]
    if app in ("tracked.py", "quadratic.py") and not named:
        pytest.skip(NO_UPSTREAM)


RunApp = Callable[..., subprocess.CompletedProcess[str]]
App = subprocess.Popen[str] | PreloadedApp
StartApp = Callable[..., App]


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The developer's own tracking settings must not leak in, nor anything leave the machine."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    kept |= {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MPLBACKEND": "agg"}
    # A server has a dozen processes for jobs that no test gives it.
    kept |= {"PYTHONUNBUFFERED": "1", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # Threads that wait for others sleep, and leave the cores to other tests: boosted trees in half the time.
    kept |= {"OMP_WAIT_POLICY": "PASSIVE"}
    return kept | (extra or {})


def command(app: str, args: tuple[str, ...]) -> list[str]:
    script = ROOT / "train.py" if app == "train.py" else APPS / app
    return [sys.executable, str(script), *args]


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    """The process that forks the applications of this test process."""
    process = Preloaded(environment())
    yield process
    process.close()


@pytest.fixture
def run_app(start_app: StartApp) -> RunApp:
    """Run `train.py` or an application below tests/apps to its end, in the test's own directory."""

    def run(app: str, *args: str, timeout: float = 240, **how: Any) -> subprocess.CompletedProcess[str]:
        process = start_app(app, *args, errors_apart=True, **how)
        output, errors = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    return run


@pytest.fixture
def start_app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartApp]:
    """Start an application without waiting, in a process group of its own; whatever is left of it is ended.

    It is forked from one that has imported everything; with an environment of its own, it is a new interpreter.
    """
    started: list[App] = []

    def start(
        app: str, *args: str, cwd: Path = tmp_path, env: dict[str, str] | None = None, errors_apart: bool = False
    ) -> App:
        skip_if_it_needs_1_4(app, args)
        if env is None:
            _, *argv = command(app, args)
            output = tmp_path.with_name(f"{tmp_path.name}.{len(started)}.out")
            errors = output.with_suffix(".err") if errors_apart else output
            by = request.getfixturevalue("preloaded")
            process: App = PreloadedApp(by, argv, cwd, environment(), output, errors)
        else:
            process = subprocess.Popen(
                command(app, args), cwd=cwd, env=environment(env), text=True, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        end_group(process)


def end_group(process: App) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


class MLflowServer:
    """A real `mlflow server` on a free port of the loopback interface, that can be killed and started again."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.folder = folder
        self.store = store or f"sqlite:///{folder}/server.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        stores = ["--backend-store-uri", self.store]
        artifacts = ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *arguments, *stores, *artifacts],
                cwd=self.folder,
                env=environment(),
                text=True,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self.answers, 180, "the mlflow server to answer")

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        if self.process:
            end_group(self.process)


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.05)


@pytest.fixture
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflowServer]:
    server = MLflowServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()
