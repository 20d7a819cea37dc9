"""One job as Hydra runs it, for a third of what `hydra.core.utils.run_job` takes.

That one copies the whole configuration five times, and makes the text of its `hydra` node anew for each job. Here the
job's own part has come as a copy, and the `hydra` node, which is read-only, is the same for callbacks, `HydraConfig`
and JobReturn. `tests/hydra_optuna_async_sweeper/worker/test_job.py` holds both ways equal in all that a job can see.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, env_override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST, is_entered, set_up_logging
from hydra_plugins.hydra_search.yaml_text import yaml_text

from .._upstream import flush_loggers, hidden_hydra, keep_traceback

if TYPE_CHECKING:
    from hydra.conf import HydraConf
    from hydra.types import HydraContext, TaskFunction

    from ._job_config import ComposedJob

# Where the `hydra` nodes of two jobs differ that have the same choices of config groups and of Hydra's own settings.
OF_JOB = ("job", "overrides", "runtime", "sweep")

log = logging.getLogger("hydra.core.utils")  # the errors of jobs are Hydra's


def run_job(
    task_function: "TaskFunction", job: "ComposedJob", hydra_context: "HydraContext", subdir: str | None = None
) -> JobReturn:
    """Run a job of a sweep.

    Args:
        task_function: gets the job's own configuration.
        job: its configuration.
        hydra_context: of the search.
        subdir: what `hydra.sweep.subdir` is, if that is known.

    Returns:
        what the job returned, or the Exception that has ended it.

    Raises:
        BaseException: what is no Exception; callbacks have heard of the end.
    """
    config, instance = job.config, HydraConfig.instance()
    before, here = instance.cfg, Path.cwd()
    instance.cfg = cast("HydraConf", config)  # as far as `${hydra:...}` needs it
    try:
        hydra = config.hydra
        runtime, sweep = hydra.runtime, hydra.sweep
        output_dir = Path(str(sweep.dir), subdir or str(sweep.subdir))
        with read_write(runtime), open_dict(runtime):
            runtime.output_dir = os.path.abspath(output_dir)  # noqa: PTH100  # as Hydra: links are kept
        OmegaConf.set_readonly(hydra, True)
        instance.cfg = cast("HydraConf", hidden := _hidden(config))
        OmegaConf.copy_cache(from_config=config, to_config=job.task_config)
        output_dir.mkdir(parents=True, exist_ok=True)
        hydra = hidden.hydra
        working_dir = output_dir if is_entered(hydra.job.chdir) else here
        with _working_directory(working_dir):
            set_up_logging(hydra.job_logging, hydra.verbose, hydra_context)
            if hydra.output_subdir is not None:
                _save_configs(job, hidden)
            returned = JobReturn(
                overrides=OmegaConf.to_container(hydra.overrides.task),  # type: ignore[arg-type]  # a list
                cfg=job.task_config,
                hydra_cfg=hidden,
                working_dir=str(working_dir),
                task_name=JobRuntime.instance().get("name"),
            )
            _call(task_function, config, hydra_context, returned)
        return returned
    finally:
        instance.cfg = before


def _hidden(config: DictConfig) -> DictConfig:
    """Return the `hydra` node for HydraConfig: the same one, but for `env_set`, which Hydra resolves for it alone."""
    if not config.hydra.job.env_set:
        return hidden_hydra(config)
    copy = deepcopy(config)
    with read_write(copy.hydra.job.env_set):
        OmegaConf.resolve(copy.hydra.job.env_set)
    return hidden_hydra(copy)


@contextmanager
def _working_directory(path: Path) -> Iterator[None]:
    here = Path.cwd()
    if path == here:
        yield
        return
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(here)


def _save_configs(job: "ComposedJob", hidden: DictConfig) -> None:
    hydra, texts = hidden.hydra, job.hydra_texts
    folder = Path(hydra.runtime.output_dir, hydra.output_subdir)
    folder.mkdir(parents=True, exist_ok=True)
    texts |= _texts_of(yaml_text(_what_differs(hydra)) if texts else OmegaConf.to_yaml(hidden))
    files = {
        "config.yaml": OmegaConf.to_yaml(job.task_config),
        "hydra.yaml": "hydra:\n" + "".join(texts.values()),
        "overrides.yaml": OmegaConf.to_yaml(hydra.overrides.task),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _what_differs(hydra: DictConfig) -> dict[str, object]:
    """Return what is this job's own of the `hydra` node, as it is written."""
    subdir = OmegaConf.to_container(hydra.sweep, resolve=False)["subdir"]  # type: ignore[call-overload, index]
    of_job = hydra.job
    job = {"id": of_job.id, "num": of_job.num}
    if not HAS_WHITELIST:  # in 1.4 it is the same text in every job
        job["override_dirname"] = OmegaConf.to_container(of_job, resolve=False)["override_dirname"]  # type: ignore[call-overload, index]
    if of_job.env_set:
        job["env_set"] = OmegaConf.to_container(of_job.env_set)
    return {
        "hydra": {
            "job": job,
            "overrides": {"task": OmegaConf.to_container(hydra.overrides.task, resolve=False)},
            "runtime": {"output_dir": hydra.runtime.output_dir},
            "sweep": {"subdir": subdir},
        }
    }


def _texts_of(hydra_yaml: str) -> dict[str, str]:
    """Return the lines of each key in the `hydra` node, and of each key inside those that have what is a job's own."""
    texts = {}
    for part in _split(hydra_yaml, indent=2)[1:]:
        key = _key(part)
        first, *others = _split(part, indent=4) if key in OF_JOB else [part]
        texts[key] = first
        texts |= {f"{key}.{_key(other)}": other for other in others}
    return texts


def _split(text: str, indent: int) -> list[str]:
    """Split before each key of this depth. Lines that go on with a value have more spaces, those of a list a dash."""
    return re.split(rf"^(?= {{{indent}}}[^ \n-])", text, flags=re.M)


def _key(text: str) -> str:
    return text.partition(":")[0].strip()


def _call(task_function: "TaskFunction", config: DictConfig, hydra_context: "HydraContext", job: JobReturn) -> None:
    """Call the function. Callbacks hear of its start, and of its end however it comes, then without `env_set`."""
    is_started = False
    try:
        with env_override(job.hydra_cfg.hydra.job.env_set):  # type: ignore[union-attr]  # a job has one
            is_started = True
            hydra_context.callbacks.on_job_start(config=config, task_function=task_function)
            try:
                job.return_value = task_function(job.cfg)
                job.status = JobStatus.COMPLETED
            except Exception as error:
                _fail(job, error)
                keep_traceback(job, error)
                _log_to_files()
    except BaseException as error:
        _fail(job, error)
        raise
    finally:
        flush_loggers()
        if is_started:
            hydra_context.callbacks.on_job_end(config=config, job_return=job)


def _fail(job: JobReturn, error: BaseException) -> None:
    job.return_value, job.status = error, JobStatus.FAILED


def _log_to_files() -> None:
    """Write the error that is being handled into the job's own log; whoever sees the sweep is told otherwise."""
    record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "Job failed", (), sys.exc_info())
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler) and record.levelno >= handler.level:
            handler.handle(record)
