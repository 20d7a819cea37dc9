"""A battery of bad inputs: one short message, status 1 or 2, nothing made and nothing damaged."""

import hashlib
from pathlib import Path

import pytest

from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST
from tests.conftest import RunApp

TRAIN, SMALL, SWEEP, BARE = "train.py", "quadratic.py", "--multirun", "mlflow=off"
ASYNC, BASIC = "--config-name=asynchronous", "hydra/sweeper=basic"
LONG = "x" * 300
MOST_LINES = 5 if HAS_WHITELIST else 6  # Hydra 1.3's own messages have one more


def csv(name: str, target: str = "y") -> list[str]:
    return [BARE, "dataset=csv", f"dataset.path={name}", f"dataset.target={target}"]


def space(text: str) -> list[str]:
    return [SWEEP, ASYNC, f"+search_space={text}"]


def sampler(text: str) -> list[str]:
    return [SWEEP, ASYNC, f"hydra.sweeper.sampler={text}"]


def storage(text: str) -> list[str]:
    return [SWEEP, ASYNC, f"hydra.sweeper.storage={text}"]


# what the application is told -> a part of what it says
CASES: list[tuple[str, list[str], str]] = [
    (TRAIN, csv("folder"), "dataset.path must name an existing file"),
    (TRAIN, csv("bytes.csv"), "can't be read as one"),
    (TRAIN, csv("empty.csv"), "is empty"),
    (TRAIN, csv("one.csv", "''"), "dataset.target must be a column"),
    (TRAIN, csv("/proc/self/mem"), "Input/output error"),
    (TRAIN, [BARE, "dataset=csv"], "dataset.path"),
    (TRAIN, [BARE, "dataset=parquet", "dataset.path=one.csv", "dataset.target=y"], "must be a Parquet file"),
    (TRAIN, [BARE, "hydra.run.dir=file/out"], "hydra.run.dir: can't be used"),
    (TRAIN, [BARE, "hydra.run.dir=/proc/out"], "hydra.run.dir: can't be used"),
    (TRAIN, [BARE, f"hydra.run.dir={LONG}"], "hydra.run.dir: can't be used"),
    (TRAIN, [BARE, "metric=[]"], "metric: must be a scorer of scikit-learn"),
    (TRAIN, [BARE, "metric={accuracy: 1, speed: 2}"], "metric: must be a scorer of scikit-learn"),
    (TRAIN, [BARE, "splitter=stratified_kfold", "splitter.n_splits=1000000000"], "n_splits=1000000000"),
    (TRAIN, [BARE, "splitter.test_size=2.0"], "test_size=2.0"),
    (TRAIN, [BARE, "seed=abc"], "'abc' cannot be used to seed"),
    (TRAIN, [BARE, "model=svm", "+model.colour=1"], "unexpected keyword argument 'colour'"),
    (TRAIN, [BARE, "~model._target_"], "model: must be a mapping with a _target_"),
    (TRAIN, [BARE, "model._target_=sklearn.cluster.KMeans"], "unexpected keyword argument"),
    (TRAIN, [BARE, "splitter._target_=sklearn.svm.SVC"], "EXECUTION_WHITELIST['splitter']"),
    (TRAIN, [BARE, "++model.base={_target_: sklearn.utils._testing.create_memmap_backed_data}"], "model.base"),
    (TRAIN, [BARE, "+a=${b}", "+b=${a}", "model.max_depth=${a}"], "Recursive interpolation"),
    (TRAIN, [BARE, "model.n_estimators=[1,2"], "model.n_estimators=[1,2"),
    (TRAIN, [BARE, SWEEP, "hydra.mode=FOO"], "FOO"),
    (TRAIN, [BARE, SWEEP, "+a=${b}", "+b=${a}", "n_trials=${a}"], "n_trials: can't be resolved"),
    (TRAIN, [SWEEP, "mlflow.tracking_uri=nonsense://x"], "mlflow.tracking_uri"),
    (TRAIN, [SWEEP, "mlflow.tracking_uri=''"], "mlflow.tracking_uri"),
    (TRAIN, ["mlflow.tracking_uri=sqlite:////proc/x.db"], "mlflow.tracking_uri"),
    (TRAIN, [SWEEP, "mlflow.experiment_name=''"], "mlflow.experiment_name"),
    (TRAIN, [SWEEP, "hydra.callbacks.mlflow.delivery_timeout=0"], "hydra.callbacks.mlflow.delivery_timeout"),
    (TRAIN, [SWEEP, "hydra.callbacks.mlflow.delivery_timeout=soon"], "delivery_timeout"),
    (TRAIN, [BARE, SWEEP, "hydra/launcher=ray", "+hydra.launcher.ray.remote.runtime_env={pip: [x]}"], "runtime_env"),
    (TRAIN, [BARE, SWEEP, "hydra/launcher=ray", "hydra.launcher.ray.init.address=127.0.0.1:1"], "no Ray cluster"),
    (TRAIN, [BARE, "+hydra.callbacks.own={_target_: os.mkdir, path: made}"], "EXECUTION_WHITELIST"),
    (TRAIN, [BARE, "+hydra.callbacks.own=5"], "hydra.callbacks.own"),
    (TRAIN, [BARE, "study_name=${study_name}"], "hydra.callbacks.mlflow"),
    (TRAIN, [SWEEP, "mlflow.enabled=maybe"], "hydra.callbacks.mlflow.enabled"),
    (SMALL, [SWEEP, ASYNC, "n_trials=1e3"], "n_trials"),
    (TRAIN, [BARE, SWEEP, "hydra.launcher.timeout=60"], "hydra.launcher.timeout: would end a worker"),
    (TRAIN, [BARE, SWEEP, "hydra.launcher.backend=threading"], "hydra.launcher.backend: must be one of loky, multi"),
    (SMALL, [SWEEP, ASYNC, "n_trials=[]"], "n_trials"),
    (SMALL, [SWEEP, ASYNC, "n_trials=true"], "n_trials"),
    (SMALL, [SWEEP, ASYNC, "n_trials=${nowhere}"], "n_trials"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweep.dir=file"], "hydra.sweep.dir"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweep.dir=/proc/search"], "hydra.sweep.dir"),
    (SMALL, [SWEEP, ASYNC, f"study_name={LONG}"], "hydra.sweep.dir"),
    (SMALL, [SWEEP, "hydra.sweep.dir=file"], "hydra.sweep.dir"),
    (SMALL, [SWEEP, BASIC, "search_space=null", "depth=1,2", "hydra.sweep.dir=file/search"], "hydra.sweep.dir"),
    (SMALL, storage("sqlite:///folder"), "hydra.sweeper.storage"),
    (SMALL, storage("sqlite:////proc/x/study.db"), "hydra.sweeper.storage"),
    (SMALL, storage("nosuchdb://x"), "hydra.sweeper.storage"),
    (SMALL, storage("5"), "hydra.sweeper.storage"),
    (SMALL, storage("{}"), "hydra.sweeper.storage"),
    (SMALL, storage("{_target_: optuna.storages.run_grpc_proxy_server, storage: null}"), "is no BaseStorage"),
    (SMALL, storage("{_target_: optuna.storages.RDBStorage}"), "hydra.sweeper.storage"),
    (SMALL, sampler("null"), "sampler"),
    (SMALL, sampler("tpe"), "sampler"),
    (SMALL, sampler("{_target_: optuna.samplers.NoSuch}"), "sampler"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweeper.sampler._target_=quadratic.check"], "quadratic.check is no BaseSampler"),
    (SMALL, [SWEEP, ASYNC, "seed=-1"], "seed"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweeper.pruner=median"], "pruner"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweeper.custom_search_space=os.system"], "custom_search_space"),
    (SMALL, space("{x: {type: float, low: nan, high: 1}}"), "x"),
    (SMALL, space("{x: {type: float, low: 0, high: inf}}"), "x"),
    (SMALL, space("{x: 'interval(0, inf)'}"), "x"),
    (SMALL, space("{x: {type: categorical, choices: []}}"), "x"),
    (SMALL, space("{x: 'choice()'}"), "x"),
    (SMALL, space("{x: 'interval(a, b)'}"), "x"),
    (SMALL, space("{depth: 'range(0, 1, 0)'}"), "depth"),
    (SMALL, space("{depth: {type: int, low: 1, high: 3, step: -1}}"), "depth"),
    (SMALL, space("{depth: {type: int, low: 1, high: 3, step: 2, log: true}}"), "depth"),
    (SMALL, space("{'größe': 'interval(0, 1)'}"), "größe"),
    (SMALL, space("{x: null}"), "x"),
    (SMALL, space("{model: {choices: {}}}"), "model"),
    (SMALL, [SWEEP, ASYNC, "search_space=[1]"], "search_space"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweeper.enqueue=5"], "enqueue"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweeper.enqueue=[5]"], "enqueue"),
    (SMALL, [SWEEP, ASYNC, "hydra.sweeper.devices=[]"], "devices"),
    (SMALL, [SWEEP, ASYNC, "direction=[]"], "direction"),
    (SMALL, [SWEEP, "direction=[]"], "direction"),
    (SMALL, [SWEEP, ASYNC, "timeout=nan"], "timeout"),
    (SMALL, [SWEEP, "x=choice()"], "choice"),
    (SMALL, [SWEEP, "x='abc"], "x='abc"),
    (SMALL, [SWEEP, ASYNC, "x=interval(0,"], "interval(0,"),
    (SMALL, [SWEEP, ASYNC, "data=\N{RIGHT-TO-LEFT OVERRIDE}\N{GRINNING FACE}.csv"], "data"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the cases name."""
    found = tmp_path / "work"
    (found / "folder").mkdir(parents=True)
    (found / "file").write_text("a file")
    (found / "one.csv").write_text("x,y\n1,2\n3,4\n")
    (found / "bytes.csv").write_bytes(b"x,y\n\xff\xfe\x00,1\n")
    (found / "empty.csv").touch()
    return found


def content(folder: Path) -> dict[str, str]:
    """Every path below a folder, with what a file holds."""
    files = {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}
    return {str(path.relative_to(folder)): hashlib.sha256(held).hexdigest() for path, held in files.items()}


def assert_refused(run_app: RunApp, folder: Path, app: str, args: list[str], said: str) -> None:
    before = content(folder)
    done = run_app(app, *args, cwd=folder)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    message = done.stderr.strip()
    assert said in message and len(message.splitlines()) <= MOST_LINES and len(message) < 1_000, message
    assert content(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize(("app", "args", "said"), CASES, ids=[" ".join(args)[-60:] for _, args, _ in CASES])
def test_bad_input_ends_with_one_message_and_nothing_is_made(
    run_app: RunApp, folder: Path, app: str, args: list[str], said: str
) -> None:
    assert_refused(run_app, folder, app, args, said)


@pytest.mark.slow
def test_bad_input_leaves_a_finished_search_as_it_was(run_app: RunApp, folder: Path) -> None:
    assert run_app(SMALL, SWEEP, ASYNC, "n_trials=2", cwd=folder).returncode == 0
    for args, said in [
        (["n_trials=none"], "n_trials"),
        (["direction=[maximize,minimize]"], "direction"),
        (["hydra.sweeper.sampler._target_=os.mkdir"], "sampler"),
        (["hydra.sweeper.pruner._target_=optuna.samplers.RandomSampler"], "pruner"),
        (["hydra.sweeper.enqueue=[{x: lots}]"], "enqueue"),
        (["hydra.sweeper.storage=sqlite:////proc/x/study.db"], "storage"),
        (["x=interval(0, nowhere)"], "interval"),
        (["data=nowhere.csv"], "data"),
    ]:
        assert_refused(run_app, folder, SMALL, [SWEEP, ASYNC, *args], said)
