"""What every process of a search knows: plain values that travel to the workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ._liveness import Owner

Plain = Mapping[str, object]


@dataclass(frozen=True)
class Search:
    """One sweep over one study. Two sweeps with the same study and storage share the work."""

    study_name: str
    # a URL, or a `_target_` of optuna.storages with its arguments; paths in it are absolute
    storage: "str | Plain"
    directions: tuple[str, ...]
    # the study's total, counted over all sweeps
    n_trials: int
    n_jobs: int
    sweep_dir: str
    sampler: Plain
    pruner: Plain | None
    # entries of the search space, by config key
    space: Plain
    # override lines that every job gets
    fixed: tuple[str, ...]
    # what was composed already, for the workers' `Composer`
    bases: Mapping[tuple[str, ...], bytes]
    custom_search_space: str | None
    # Optuna parameters of the trials to try first: the user's own points, or a grid's
    points: tuple[Plain, ...]
    max_failure_rate: float
    max_retries: int
    # seconds since the epoch, after which no trial starts
    deadline: float | None
    target: float | None
    # whether to write report.html and the files that go with it
    report: bool
    # the GPUs that are shared out among the workers: their names, none for those that a worker sees; None to leave it
    devices: tuple[str, ...] | None = None
    # the process that started the workers: they leave when it is gone
    sweeper: Owner = field(default_factory=Owner.me)
