"""The options of this package in Hydra's ConfigStore.

A YAML option named like an entry here replaces it and drops its schema. So what `conf/` refines is registered as
`<name>_schema`; an option lists the schema first in its defaults, then `_self_`.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf
from omegaconf import MISSING, DictConfig, OmegaConf

from hydra_plugins.hydra_search.errors import BadInput, bad_input
from hydra_plugins.hydra_search.hydra_line import register_resolver, store

from .pruner_config import PRUNERS
from .sampler_config import ASYNC, IS_UPSTREAM_HERE, SAMPLERS
from .worker._gpu import gpu_count

PROVIDER = "hydra_optuna_async_sweeper"

register_resolver("gpu_count", gpu_count)


UPSTREAM = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


def metric_of_search(*, _root_: DictConfig) -> object:
    """Return the metric that the preflight callback was told. Hydra asks for it as it makes the sweeper.

    Raises:
        SystemExit: that is upstream's, by a `_target_` line which a project had before, and it would end with a
            traceback about settings that it does not know.
    """
    try:
        if OmegaConf.select(_root_, "hydra.sweeper._target_") == UPSTREAM:
            rule = "names hydra-optuna-sweeper's class, and hydra/sweeper=optuna_async has brought its settings"
            remedy = "Delete the line hydra.sweeper._target_, or choose hydra/sweeper=optuna."
            raise bad_input("hydra.sweeper._target_", UPSTREAM, rule, remedy)
    except BadInput as error:  # OmegaConf would wrap it
        raise SystemExit(str(error)) from None
    return OmegaConf.select(_root_, "hydra.callbacks.preflight.metric")


register_resolver("metric_of_search", metric_of_search)


@dataclass
class OptunaAsyncSweeperConf:
    """hydra-optuna-sweeper's settings, which mean the same, and what the asynchronous sweeper adds."""

    _target_: str = ASYNC
    _recursive_: bool = False  # Hydra 1.3 would call what `sampler` and `pruner` name before anybody has looked at it
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}, {"pruner": "none"}])

    # Ends trials that are not worth going on with. Needs a single objective, and report(value, step) in the job's loop
    # e.g. {_target_: optuna.pruners.MedianPruner}
    pruner: Any = MISSING

    # One of hydra/sweeper/sampler, or a class of the application's own, with any settings. `seed` seeds each trial
    # apart, also where the class takes none; a sampler that is not Optuna's own may keep a state: each worker has one
    # e.g. {_target_: optuna.samplers.TPESampler, seed: 42}
    sampler: Any = MISSING

    # `minimize` or `maximize`; a list of them for several objectives
    # e.g. [maximize, minimize]
    direction: Any = "minimize"

    # Name of the study, of its MLflow run and of its directory
    # e.g. first_try
    study_name: str | None = None

    # A database's URL, or a `_target_` of optuna.storages. null: a journal in the sweep directory
    # e.g. sqlite:///study.db
    storage: Any = None

    # How many workers run trials at the same time
    # e.g. 4
    n_jobs: int = 2

    # Name of a function(config, trial) that suggests more parameters
    # e.g. my_package.spaces.more
    custom_search_space: str | None = None

    # Name, or list of names, of what the job returns, for the report; as many as there are directions. null: "value".
    # A search that has named it for the preflight callback need not name it twice
    # e.g. [accuracy, fit_seconds]
    metric: Any = "${metric_of_search:}"

    # The study's total number of trials: the same study_name again runs what is missing
    # e.g. 200
    n_trials: int = 20

    # Seconds after which no trial starts
    # e.g. 3600
    timeout: float | None = None

    # Seconds that a job may take. Then an exception interrupts it, and 10 s later its process is ended, if that is not
    # the sweep's own; the trial has failed, and is not retried
    # e.g. 600
    trial_timeout: float | None = None

    # Stop when a trial reaches this value
    # e.g. 0.99
    target: float | None = None

    # Stop when so many trials in a row, finished or pruned, have not bettered the best value by `min_improvement`.
    # Needs a single objective; null: go on
    # e.g. 30
    max_stagnation_trials: int | None = None

    # By how much a trial must better the best one to count for max_stagnation_trials
    # e.g. 0.001
    min_improvement: float = 0.0

    # What a trial must keep to be the best: a name to "<= number" or ">= number", {fit_seconds: "<= 2"}. The numbers
    # are those of the job's metrics.json, or what it sets by hydra_trial.set_user_attr. Samplers that know constraints
    # (tpe, gp, nsgaii) look for trials that keep them; without such a number a trial fails
    # e.g. {fit_seconds: '<= 2'}
    constraints: Any = None

    # When the search is done, run its `top` best trials again, each under all these values of a key, and let the best
    # mean win: {top: 5, key: seed, values: [1, 2, 3, 4, 5]}. These runs count neither for n_trials nor for timeout, and
    # no sampler sees them. Needs a single objective
    # e.g. {top: 5, key: seed, values: [1, 2, 3, 4, 5]}
    confirm: Any = None

    # Share of n_trials that may fail before the search stops. 0: stop at the first failure. A trial that returns nan or
    # infinity has failed, but does not count here: it is its parameters that are no good
    # e.g. 0.2
    max_failure_rate: float = 0.0

    # Stop when the first so many trials of a sweep have all failed for one reason. null: go on
    # e.g. null
    max_initial_failures: int | None = 5

    # How often a trial whose worker was lost is run again
    # e.g. 0
    max_retries: int = 3

    # Trials to run first, by config key: [{model.C: 1.0}, ...]; what one leaves open is drawn
    # e.g. [{model.C: 1.0}, {model.C: 10.0}]
    enqueue: list[Any] | None = None

    # Also try the configuration's own values first
    # e.g. true
    enqueue_defaults: bool = False

    # GPUs, one for each worker: `auto` for those that the worker sees, or a list of them as in CUDA_VISIBLE_DEVICES.
    # null: every worker sees them all. `n_jobs=${gpu_count:}` starts as many workers as there are GPUs
    # e.g. [0, 1]
    devices: Any = None

    # When the study was begun with another configuration, but for what is searched and the settings of the search:
    # `refuse` to mix trials that don't compare, or `warn` and go on
    # e.g. warn
    on_mismatch: str = "refuse"

    # What to do with a draw that repeats the parameters of a trial that has ended or runs: `resample` draws again a few
    # times, then does as `reuse`, which gives the trial the known end without running the job, and doesn't count it for
    # n_trials; `run` runs it again: the choice for an objective that is not deterministic. Enqueued, retried and grid
    # trials always run. The search ends when it draws nothing new, 30 times in a row
    # e.g. run
    duplicates: str = "resample"

    # Of how many of the best trials the checkpoints are kept that lie in hydra_trial.checkpoint_dir(). The others are
    # removed while the search runs, never those of a trial that runs or is requeued. Of several objectives, so many of
    # the Pareto front, when the search ends. 0: none; null: all
    # e.g. 3
    keep_checkpoints: int | None = None

    # Of which trials the jobs' directories keep all that jobs leave there: `all`, `none`, or the `best 10`. From the
    # others all is removed, while the search runs, but the records: .hydra/, metrics.json, dataset.json, *.log and what
    # the search itself writes. The MLflow callback uploads artifacts and models of the same trials, see its own key
    # e.g. best 10
    keep_artifacts: Any = "all"

    # Write report.html, trials.csv, summary.md and best.txt into the sweep directory
    # e.g. false
    report: bool = True

    # Where a job's output goes: all that it prints and logs, also from C code and child processes. `file`: into the
    # trial's log, the <job name>.log in its directory, and the console has a line when a trial starts and one when it
    # ends. `console`: there, and only what it logs into the log as well. `auto`: `file` where n_jobs is above 1 and
    # workers are processes of their own. Jobs that are threads of one process write to the console in any case
    # e.g. console
    job_output: str = "auto"

    # Entries of the search space: Hydra's sweep grammar, {type, low, high, step, log, choices}, or
    # {choices: {option: entries}}. A constant is what every trial has for its key
    # e.g. {x: 'interval(0, 1)', n: 'range(1, 9)', kind: 'choice(a, b)'}
    params: Any = None


for _name in ("optuna_async", "optuna_async_schema"):
    store("hydra/sweeper", _name, OptunaAsyncSweeperConf, PROVIDER)
if IS_UPSTREAM_HERE:
    from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf

    store("hydra/sweeper", "optuna_schema", OptunaSweeperConf, PROVIDER)
store("hydra/launcher", "joblib_schema", JobLibLauncherConf, PROVIDER)
for _name, _sampler in SAMPLERS.items():
    store("hydra/sweeper/sampler", _name, _sampler, PROVIDER)
for _name, _pruner in PRUNERS.items():
    store("hydra/sweeper/pruner", _name, _pruner, PROVIDER)
