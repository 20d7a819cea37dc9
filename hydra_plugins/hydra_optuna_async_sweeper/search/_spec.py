"""What is searched: every setting read and checked before anything is made, as plain values for all processes."""

import logging
import math
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from hydra_plugins.hydra_search.claims import is_timed, study_name_of
from hydra_plugins.hydra_search.errors import bad_input, shown, suggestion
from hydra_plugins.hydra_search.files import KEEP_ARTIFACTS, n_kept
from hydra_plugins.hydra_search.jobs import Check, check_job, compose_job
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.settings import (
    Setting,
    check_direction,
    check_directory,
    check_launcher,
    check_settings,
    nothing_to_vary,
    read_command_line,
    read_params,
)
from hydra_plugins.hydra_search.wishes import Wish

from .._targets import load_custom_space
from ..space._overrides import with_overrides, without_constants
from ..space._tree import Space, parse_space
from ..storage._resolve import resolve_storage
from ..storage._storage import StudyStorage
from ..worker._gpu import devices_of
from ..worker._job_config import Composer
from ..worker._output import AUTO, JOB_OUTPUT
from ..worker._sampler import Plain
from ._confirm import Confirmation, read_confirmation
from ._constraints import Constraint, read_constraints
from ._directories import check_pattern, refuse_leftovers
from ._earlier import NewSearch
from ._fingerprint import Fingerprint, fingerprint_of
from ._first import first_trials, grid_of, size_of
from ._limits import dry_run_of, n_checkpoints_of, stagnation_of, target_of, timeout_of, trial_timeout_of
from ._makers import makers_of
from ._notify_url import check_notify_url

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

    from ..config import OptunaAsyncSweeperConf

log = logging.getLogger(__name__)

REFUSE, WARN = ON_MISMATCH = ("refuse", "warn")
RUN, REUSE, RESAMPLE = DUPLICATES = ("run", "reuse", "resample")


@dataclass(frozen=True)
class Search:
    """One sweep over one study. Two sweeps with the same study and storage share the work."""

    study_name: str
    storage: StudyStorage
    directions: tuple[str, ...]
    metrics: tuple[str, ...]  # the objectives' names, as many as directions
    n_trials: int  # the study's total, counted over all sweeps
    n_jobs: int
    sweep_dir: str  # absolute
    sampler: Plain
    pruner: Plain | None
    space: Space
    fixed: tuple[str, ...]  # overrides that every job gets
    composed: Mapping[tuple[str, ...], DictConfig]  # what was composed already, for the workers' `Composer`
    custom_search_space: str | None
    enqueued: tuple[Plain, ...]  # Optuna parameters of the trials that the user wants first
    max_failure_rate: float
    max_retries: int
    max_initial_failures: int | None  # that are alike, after which the search stops
    timeout: float | None  # seconds from the start, after which no trial starts
    trial_timeout: float | None  # seconds
    target: float | None
    max_stagnation_trials: int | None  # in a row that have not bettered the best by min_improvement
    min_improvement: float
    constraints: tuple[Constraint, ...]
    confirmation: Confirmation | None
    report: bool  # whether to write report.html and the files that go with it
    # the GPUs that are shared out among the workers: their names, none for those that a worker sees; None to leave it
    devices: tuple[str, ...] | None = None
    on_mismatch: str = REFUSE
    duplicates: str = RESAMPLE
    keep_checkpoints: int | None = None  # of so many of the best trials; None for all, as keep_artifacts
    keep_artifacts: int | None = None
    dry_run: int | None = None  # so many trials are to be shown, and none run
    # of enqueued trials, by the text of their point: which one of an earlier search each repeats
    warm_started: Mapping[str, str] = field(default_factory=dict)
    job_output: str = AUTO
    shares: bool = True  # goes on with a study of this name, and works beside others: its name was chosen
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    sweeper: Owner = field(default_factory=Owner.me)  # the process that started the workers: they leave when it is gone
    key: str = field(default_factory=lambda: uuid.uuid4().hex)  # of this sweep alone
    started: float = field(default_factory=time.time)  # seconds since the epoch
    grid_size: int | None = None  # the points of a grid, which bound n_trials
    # What people want of the search while it runs, see `as_wished`, which sets the last three.
    heard: frozenset[str] = frozenset()  # the wishes that are not this sweep's: they were there when it began
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    state: str | None = None  # PAUSE, STOP or CANCEL
    timed_out: bool = False  # as the sweep itself has said, whose clock the deadline is by

    @property
    def deadline(self) -> float:
        """When no trial starts any more, in seconds since the epoch, by the clock of the sweep's machine."""
        return math.inf if self.timeout is None else self.started + self.timeout


def prepare_search(
    settings: "OptunaAsyncSweeperConf", config: DictConfig, loader: "ConfigLoader", check: Check | None = None
) -> Search:
    """Return the search that settings, configuration and command line describe; nothing is made. See ChecksSearch.

    Raises:
        BadInput: something can't be run as it is.
    """
    sweep_dir, directions = _checked_place(config, settings), _names_of(settings.direction)
    params, given = read_params(config), read_command_line(config, loader)
    space, fixed = _space_of(params, given.values(), settings.custom_search_space)
    sampler, pruner = makers_of(settings, config, space, directions)
    timeout, trial_timeout = timeout_of(settings.timeout, config), trial_timeout_of(settings.trial_timeout)
    composer = Composer(loader, config)
    jobs = _check_branches(config, loader, space, fixed, check, composer)
    if not settings.custom_search_space:  # it may name parameters that are not known before a trial
        check_pattern(config, space, fixed, composer.compose)
    new = NewSearch(study_name_of(config), directions, sweep_dir, _storage_of(settings, sweep_dir))
    (enqueued, warm_started), grid = first_trials(settings, space, config, given.values(), new), grid_of(sampler, space)
    metrics, grid_size = _metrics_of(settings.metric, len(directions)), size_of(grid, enqueued) if grid else None
    search = Search(
        study_name=new.study_name,
        storage=new.storage,
        directions=directions,
        metrics=metrics,
        n_trials=_n_trials_of(settings.n_trials, grid_size),
        n_jobs=settings.n_jobs,
        sweep_dir=str(sweep_dir),
        sampler=sampler,
        pruner=pruner,
        space=space,
        fixed=tuple(fixed),
        composed=composer.composed,
        custom_search_space=settings.custom_search_space,
        enqueued=tuple(enqueued),
        max_failure_rate=settings.max_failure_rate,
        max_retries=settings.max_retries,
        max_initial_failures=settings.max_initial_failures,
        timeout=timeout,
        trial_timeout=trial_timeout,
        target=target_of(settings.target, directions),
        max_stagnation_trials=stagnation_of(settings, directions),
        min_improvement=settings.min_improvement,
        constraints=read_constraints(settings.constraints),
        confirmation=read_confirmation(settings.confirm, config, directions, jobs, fixed, composer),
        report=settings.report,
        devices=devices_of(settings.devices),
        on_mismatch=_checked("on_mismatch", settings.on_mismatch, ON_MISMATCH),
        duplicates=_checked("duplicates", settings.duplicates, DUPLICATES),
        keep_checkpoints=n_checkpoints_of(settings.keep_checkpoints),
        keep_artifacts=n_kept(settings.keep_artifacts, KEEP_ARTIFACTS),
        dry_run=dry_run_of(settings.dry_run),
        warm_started=warm_started,
        job_output=_checked("job_output", settings.job_output, JOB_OUTPUT),
        shares=not is_timed(config),
        fingerprint=fingerprint_of(config, space, jobs, metrics),
        grid_size=grid_size,
    )
    refuse_leftovers(search.sweep_dir, search.study_name, search.storage, search.storage.is_there)
    return search


def _checked_place(config: DictConfig, settings: "OptunaAsyncSweeperConf") -> Path:
    """Refuse, by BadInput, what needs no look at the space. Returns the sweep directory."""
    check_settings(config)
    check_notify_url(settings.notify_url)
    check_launcher(config)
    check_direction(config, settings.metric)
    sweep_dir = Path(config.hydra.sweep.dir).absolute()
    check_directory("hydra.sweep.dir", sweep_dir, config.hydra.sweep.dir)
    return sweep_dir


def _storage_of(settings: "OptunaAsyncSweeperConf", sweep_dir: Path) -> StudyStorage:
    return resolve_storage(settings.storage, sweep_dir, Path.cwd())


def _n_trials_of(n_trials: int, size_of_grid: int | None) -> int:
    if size_of_grid is None:
        return n_trials
    n_trials = min(n_trials, size_of_grid)
    log.info(f"Updating num of trials to {n_trials} due to using GridSampler.")
    return n_trials


def _space_of(params: Setting, given: Collection[Override], more: str | None) -> tuple[Space, list[str]]:
    written = params.value if isinstance(params.value, Mapping) else {}
    entries, constants = without_constants({str(key): value for key, value in written.items()}, given)
    left, fixed = with_overrides(entries, given)
    space = parse_space(left)
    load_custom_space(more)
    if not space.parameters and not more:
        raise nothing_to_vary(params)
    return space, [*constants, *fixed]


def _check_branches(
    config: DictConfig,
    loader: "ConfigLoader",
    space: Space,
    fixed: Sequence[str],
    check: Check | None,
    composer: Composer,
) -> list[tuple[list[str], DictConfig]]:
    """Compose and check a job of each branch. Returns their overrides and configurations."""
    jobs: list[tuple[list[str], DictConfig]] = []
    written = {parameter.key: parameter.domain.entry for _, parameter in space.walk()}
    for overrides in space.branches():
        job = compose_job(config, loader, overrides, fixed, written, lambda all_of_job: composer.compose(all_of_job, 0))
        check_job(job, check)
        jobs.append((overrides, job))
    return jobs


def _checked(key: str, value: object, known: Sequence[str]) -> str:
    if value not in known:
        rule = f"must be {', '.join(known[:-1])} or {known[-1]}"
        raise bad_input(f"hydra.sweeper.{key}", value, rule, suggestion(shown(value), known))
    return str(value)


def _names_of(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _metrics_of(metric: object, n_objectives: int) -> tuple[str, ...]:
    if metric:
        return _names_of(metric)
    return ("value",) if n_objectives == 1 else tuple(f"value_{i}" for i in range(n_objectives))
