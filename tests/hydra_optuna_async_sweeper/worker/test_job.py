"""A job of ours beside Hydra's own: the same in everything that the job, its callbacks and its directory show."""

import logging
import os
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core import utils
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException, ReadonlyConfigError

from hydra_plugins.hydra_optuna_async_sweeper.worker._job import run_job
from hydra_plugins.hydra_optuna_async_sweeper.worker._job_config import Composer
from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST
from tests.conftest import APPS
from tests.hydra_lines import TODAYS, allowing

Job = Callable[[DictConfig], object]
WHITELIST = allowing("hydra_plugins.*") if HAS_WHITELIST else {}


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in {*root.handlers} - {*handlers}:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "forest"), job_name="train", **TODAYS):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def sweep(loader: ConfigLoader, tmp_path: Path) -> DictConfig:
    given = ["hydra/launcher=basic", f"hydra.sweep.dir='{tmp_path}/sweep/${{now:%Y}}'"]
    config = loader.load_configuration("config", given, run_mode=RunMode.MULTIRUN)
    _ = config.hydra.sweep.dir, config.study_name  # with the time in it, as Hydra has it before the first job
    return config


def seen(config: DictConfig) -> dict[str, object]:
    """What a configuration is to whoever has it."""
    found: dict[str, object] = {
        "written": OmegaConf.to_container(config, resolve=False),
        "keys": [str(key) for key in config],
        "flags": (OmegaConf.is_readonly(config), OmegaConf.is_struct(config)),
        "types": [OmegaConf.get_type(config, key) for key in config if not OmegaConf.is_missing(config, key)],
    }
    for key in config:
        try:
            found[f"{key}, resolved"] = str(OmegaConf.select(config, str(key)))
        except OmegaConfBaseException as error:
            found[f"{key}, resolved"] = type(error).__name__
    return found


def surroundings() -> dict[str, object]:
    root = logging.getLogger()
    return {
        "cwd": Path.cwd(),
        "environment": {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
        "handlers": [(type(handler).__name__, getattr(handler, "baseFilename", None)) for handler in root.handlers],
        "level": (root.level, logging.getLogger("train").level),
    }


def seen_of_hydra() -> dict[str, object]:
    hidden, hydra = HydraConfig.instance().cfg, HydraConfig.get()
    assert hidden is not None
    dir_, changes = hydra.runtime.output_dir, {"job": {"num": 99}}
    with pytest.raises(ReadonlyConfigError):
        hydra.merge_with(changes)  # type: ignore[attr-defined]  # a DictConfig
    return {
        "all": seen(hidden),  # type: ignore[arg-type]  # the same
        "node": OmegaConf.to_container(hydra, resolve=False),
        "directory": (dir_, hydra.sweep.subdir, hydra.sweep.dir, hydra.job.override_dirname),
        "callbacks": OmegaConf.to_container(hydra.callbacks, resolve=True),
        "env_set": dict(hydra.job.env_set),
    }


class Spy(Callback):
    """Notes what it is told, and when."""

    def __init__(self, name: str, notes: list[object]) -> None:
        self.name, self.notes = name, notes

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._note("start", config, sorted(kwargs))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        self._note("end", config, sorted(kwargs))
        value = job_return._return_value
        travelled = pickle.loads(pickle.dumps(job_return))
        chain = getattr(travelled, "_remote_exception_chain", None)  # of Hydra 1.4
        self.notes.append(
            {
                "return": (job_return.status, type(value), str(value), job_return.overrides, job_return.task_name),
                "directory": str(job_return.working_dir),
                "cfg": seen(job_return.cfg),  # type: ignore[arg-type]  # a job has one
                "hydra": OmegaConf.to_container(job_return.hydra_cfg, resolve=False),  # type: ignore[arg-type]
                "travelled": (travelled.status, getattr(travelled, "_remote_traceback", None) is None, bool(chain)),
            }
        )

    def _note(self, what: str, config: DictConfig, others: list[str]) -> None:
        self.notes += [self.name, what, others, seen(config), seen_of_hydra(), surroundings()]


def files(folder: Path) -> dict[str, object]:
    """What lies below a folder, by names; of a log, the lines without times and without the lines of a traceback."""
    found = {}
    for path in sorted(folder.rglob("*")):
        text = path.read_text(encoding="utf-8") if path.is_file() else "a folder"
        if path.suffix == ".log":
            text = "\n".join(re.sub(r"^\[\S+ \S+?\]", "", x) for x in text.splitlines() if not x.startswith("  "))
        found[str(path.relative_to(folder))] = text
    return found


def outcome(run: Callable[[HydraContext, Job], JobReturn], loader: ConfigLoader, folder: Path, job: Job) -> list[Any]:
    """Run a job, and return all that was seen of it, in order."""
    notes: list[Any] = []
    callbacks = Callbacks()
    callbacks.callbacks = [Spy("one", notes), Spy("two", notes)]
    context = HydraContext(loader, callbacks, **WHITELIST)

    def task(config: DictConfig) -> object:
        notes.extend(["job", seen(config), seen_of_hydra(), surroundings()])
        logging.getLogger("train").warning("from the job")
        logging.getLogger("train").debug("in detail")
        with open_dict(config):
            config.changed = {"by": "the job"}
        return job(config)

    before = HydraConfig.instance().cfg, Path.cwd(), dict(os.environ)
    try:
        run(context, task)
    except BaseException as error:
        notes.append(("raised", type(error), str(error)))
    notes.append((HydraConfig.instance().cfg is before[0], Path.cwd() == before[1], dict(os.environ) == before[2]))
    notes.append(files(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return notes


def as_hydra_runs(loader: ConfigLoader, sweep: DictConfig, lines: list[str], number: int) -> Any:
    def run(context: HydraContext, task: Job) -> JobReturn:
        config = loader.load_sweep_config(sweep, lines)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        return utils.run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)

    return run


def whitelisted(context: HydraContext) -> AbstractContextManager[object]:
    """As the launcher does it, around the worker."""
    if not HAS_WHITELIST:
        return nullcontext()
    from hydra._internal.execution_policy import execution_whitelist

    whitelist: AbstractContextManager[object] = execution_whitelist(context.execution_whitelist, reset=True)
    return whitelist


def as_we_run(composer: Composer, lines: list[str], number: int) -> Any:
    def run(context: HydraContext, task: Job) -> JobReturn:
        with whitelisted(context):
            return run_job(task, composer.compose_job(lines, number), context)

    return run


def fails(config: DictConfig) -> object:
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise ValueError("outer") from error


def is_interrupted(config: DictConfig) -> object:
    raise KeyboardInterrupt


def succeeds(config: DictConfig) -> object:
    return config.seed


ODD_TEXTS = [
    "+odd={number: '5', float: '1e3', yes: 'yes', none: null, empty: '', text: 'null', list: [], map: {}}",
    "+text='é 漢字 \U0001f600 : # - \\' \" %'",
    "+lines='first\nsecond\n\nfourth '",
    f"+long='{'word ' * 40}'",
    "+path='${hydra:runtime.output_dir}/${seed}'",
    "+missing=???",
]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["model.max_depth=5", "seed=3"],
        ["model=svm", "model.C=0.5"],
        ["hydra.job.chdir=true"],
        ["hydra.output_subdir=null"],
        ["hydra.output_subdir=a/b"],
        ["hydra.verbose=true"],
        ["hydra.verbose=[train]"],
        ["hydra/job_logging=none"],
        ["hydra/job_logging=stdout", "seed=3"],
        ["+hydra.job.env_set={NUMBER: '5', HOME: /nowhere}"],
        pytest.param(
            ["+hydra.job.env_set={OF_JOB: '${seed}', NUMBER: '5', HOME: /nowhere}", "seed=7"],
            marks=pytest.mark.only_on_hydra_1_4("Hydra 1.3 can't find what env_set refers to, here it is found"),
        ),
        ["hydra.sweep.subdir='${hydra.job.override_dirname}/${hydra.job.num}'", "seed=1", "model.max_depth=4"],
        ["hydra.job.name=other_${seed}", "seed=4"],
        ODD_TEXTS,
    ],
    ids=str,
)
def test_job_sees_and_leaves_what_hydras_own_does(
    loader: ConfigLoader, sweep: DictConfig, tmp_path: Path, lines: list[str]
) -> None:
    composer, folder = Composer(loader, sweep), tmp_path / "sweep"
    outcome(as_we_run(composer, [*lines, "++seed=99"], 3), loader, folder, succeeds)  # which must leave no trace
    expected = outcome(as_hydra_runs(loader, sweep, lines, 7), loader, folder, succeeds)
    assert outcome(as_we_run(composer, lines, 7), loader, folder, succeeds) == expected
    assert len(expected) > 20 and expected[-1], "it has been run, and has left files"


def without_log(notes: list[Any]) -> list[Any]:
    """Leave out a job's own log, to which Hydra 1.3 does not write the error; here it is there under 1.3 too."""
    *others, left = notes
    return [*others, {path: text for path, text in left.items() if HAS_WHITELIST or not path.endswith(".log")}]


@pytest.mark.parametrize(
    "job", [fails, pytest.param(is_interrupted, marks=pytest.mark.only_on_hydra_1_4("1.3 tells no callback of it"))]
)
@pytest.mark.parametrize("line", ["hydra.job.chdir=true", "+hydra.job.env_set={OF_JOB: x}"])
def test_job_that_fails_is_seen_to_fail_as_under_hydra(
    loader: ConfigLoader, sweep: DictConfig, tmp_path: Path, job: Job, line: str
) -> None:
    expected = outcome(as_hydra_runs(loader, sweep, [line], 1), loader, tmp_path / "sweep", job)
    notes = outcome(as_we_run(Composer(loader, sweep), [line], 1), loader, tmp_path / "sweep", job)
    assert without_log(notes) == without_log(expected)
    assert job is is_interrupted or "ValueError: outer" in str(notes[-1])


@pytest.mark.skipif(HAS_WHITELIST, reason="1.4 knows one default only")
@pytest.mark.filterwarnings("ignore:Future Hydra versions")
@pytest.mark.parametrize(("base", "is_entered"), [("1.1", True), ("1.2", False)])
def test_job_runs_where_hydra_1_3_lets_it_by_default(tmp_path: Path, base: str, is_entered: bool) -> None:
    with initialize_config_dir(str(APPS / "forest"), job_name="train", version_base=base):  # type: ignore[call-arg]
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [f"hydra.sweep.dir={tmp_path}/sweep"], run_mode=RunMode.MULTIRUN)
        _ = config.study_name  # the time in it, as in `sweep`
        expected = outcome(as_hydra_runs(loader, config, [], 3), loader, tmp_path / "sweep", succeeds)
        notes = outcome(as_we_run(Composer(loader, config), [], 3), loader, tmp_path / "sweep", succeeds)
    assert notes == expected
    assert [note["cwd"] == tmp_path / "sweep/3" for note in notes if "cwd" in note] == [is_entered] * 5


def test_configuration_of_one_job_is_no_other_jobs(loader: ConfigLoader, sweep: DictConfig, tmp_path: Path) -> None:
    composer = Composer(loader, sweep)
    kept = []

    def job(config: DictConfig) -> object:
        kept.append(config)
        return 0.0

    for number in (0, 1):
        outcome(as_we_run(composer, [f"seed={number}"], number), loader, tmp_path / "sweep", job)
    kept[1].model.max_depth = 99
    assert [config.seed for config in kept] == [0, 1] and kept[0].model.max_depth != 99
