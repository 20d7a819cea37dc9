"""What a search leaves: its best, logged and in optimization_results.yaml; the facts for its report; how to go on."""

import logging
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.commands import as_typed, interpreter
from hydra_plugins.hydra_search.errors import shown
from hydra_plugins.hydra_search.files import RESULTS, write_aside
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.settings import read_setting
from hydra_plugins.hydra_search.trials import best_trials, directory_of, finished
from hydra_plugins.hydra_search.urls import kept
from hydra_plugins.hydra_search_report.report import SearchFacts, SpaceRow

from ..space._parameter import stored_text
from ..worker._sampler import is_auto
from ._confirming import say_confirmed
from ._constraints import count_feasible
from ._go_on import extend_command, resume_command
from ._makers import maker_text, prunes
from ._progress import brief, values_text
from ._report import NoReport, Report

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ._spec import Search

log = logging.getLogger(__name__)

# Settings of a sweeper that make no difference to a single job: best.txt leaves out the keys of the same name, from
# which they come. Another name, as in `study_name: ${model.name}`, is of something that the job may need.
OF_SEARCH_ONLY = ("study_name", "n_trials", "timeout", "storage", "warm_start", "dry_run", "notify_url")


def write_results(search: "Search", trials: "Sequence[FrozenTrial]") -> bool:
    """Log the best trial, or the Pareto front, and write the results file. Returns False if no trial finished."""
    ranked = best_trials(trials, search.directions)
    if not ranked:
        return False
    nothing_to_prune = sum(len(trial.intermediate_values) > 1 for trial in trials) == 0
    if nothing_to_prune and prunes(search.pruner) and not is_auto(search.pruner):
        log.warning(
            "hydra.sweeper.pruner: had nothing to prune, as no job reported more than one value. Let the job call "
            "report(value, step) in its loop, or set hydra/sweeper/pruner=none."
        )
    content: dict[str, object] = {"name": "optuna", **count_feasible(search.constraints, finished(trials))}
    if len(search.directions) == 1:
        best, means = ranked[0], say_confirmed(search, trials)
        log.info(f"Best trial: {_line_of(search, best)}")
        content |= {"best_params": best.params, "best_value": best.value, **_place_of(search, best), **means}
    else:
        log.info(f"Number of Pareto solutions: {len(ranked)}")
        for trial in ranked:
            log.info(f"    Trial {_line_of(search, trial)}")
        content["solutions"] = [{"params": t.params, "values": t.values, **_place_of(search, t)} for t in ranked]
    write_aside(Path(search.sweep_dir, RESULTS), OmegaConf.to_yaml(OmegaConf.create(content)))
    return True


def _line_of(search: "Search", trial: "FrozenTrial") -> str:
    """Write a trial's number, values and parameters in one line; optimization_results.yaml has them exactly."""
    keys = {row.name: row.key for row in space_rows(search)}
    params = [brief(f"{keys.get(name, name)}={stored_text(value)}") for name, value in trial.params.items()]
    return f"{trial.number}, {values_text(search.metrics, trial.values)}, {' '.join(params)}"


def _place_of(search: "Search", trial: "FrozenTrial") -> dict[str, object]:
    return {"best_trial": trial.number, "best_job_dir": str(directory_of(trial, search.sweep_dir))}


def report_of(search: "Search", config: DictConfig) -> NoReport:
    """Return the report that the search asks for."""
    return Report(facts_of(search, config), Path(search.sweep_dir)) if search.report else NoReport()


def facts_of(search: "Search", config: DictConfig) -> SearchFacts:
    """Return what the report needs to know of the search beside its trials."""
    space, pruner = space_rows(search), maker_text(search.pruner)
    n_jobs, secrets = read_setting(config, "hydra.sweeper.n_jobs"), secrets_of(config)
    argv = secrets.command(sys.argv)
    return SearchFacts(
        study_name=search.study_name,
        directions=search.directions,
        metrics=search.metrics,
        n_trials=search.n_trials,
        n_jobs=search.n_jobs,
        n_jobs_key=n_jobs.source if n_jobs else "hydra.sweeper.n_jobs",
        directory=as_typed(search.sweep_dir),
        resume=resume_command(argv, search, has_study_name="study_name" in config),
        extend=extend_command(argv, search, config),
        sampler=maker_text(search.sampler),
        pruner=pruner if prunes(search.pruner) else None,
        seed=int(str(search.sampler["seed"])) if search.sampler.get("seed") is not None else None,
        choices=_fixed_choices(config, {row.key for row in space}),
        space=space,
        fixed=tuple(map(secrets.override, search.fixed)),
        search_keys=search_keys(config),
        of_single_run=of_single_run(search, config),
        max_retries=search.max_retries,
        storage=as_typed(search.storage.shown),
        address=kept(search.storage.url),
        redact=(*secrets.patterns, *sorted(secrets.origin)),
    ).with_surroundings(argv, interpreter())


def search_keys(config: DictConfig) -> tuple[str, ...]:
    """Return the application's keys from which the sweeper's settings come that no single job needs."""
    read = {key: read_setting(config, f"hydra.sweeper.{key}") for key in (*OF_SEARCH_ONLY, "params")}
    sources = {key: setting.source for key, setting in read.items() if setting and setting.source != setting.name}
    named = [[source, key] for key, source in sources.items() if source.partition(".")[0] == key]
    space = sources.get("params")  # a space is read by nobody else, whatever it is called
    return tuple(dict.fromkeys([*(key for pair in named for key in pair), *([space] if space else [])]))


def of_single_run(search: "Search", config: DictConfig) -> tuple[str, ...]:
    """Return the overrides without which the command of a single run would search again."""
    loader, name = GlobalHydra.instance().config_loader(), config.hydra.job.config_name
    try:
        alone = loader.load_configuration(name, list(search.fixed), run_mode=RunMode.RUN)
    except HydraException:  # an override that needs what the search varies
        alone = loader.load_configuration(name, [], run_mode=RunMode.RUN)
    return ("hydra.mode=RUN",) if alone.hydra.mode is RunMode.MULTIRUN else ()


def _fixed_choices(config: DictConfig, varied: Collection[str]) -> dict[str, str]:
    chosen = [(str(group), option) for group, option in config.hydra.runtime.choices.items()]
    return {
        group: str(option)
        for group, option in reversed(chosen)  # Hydra lists the last of the defaults list first
        if option and not group.startswith("hydra/") and group not in varied
    }


def space_rows(search: "Search") -> tuple[SpaceRow, ...]:
    """Return every parameter of the search space, by branch."""
    return tuple(
        SpaceRow(
            key=parameter.config_key,
            name=parameter.name,
            written=", ".join(map(stored_text, parameter.branches))
            if parameter.branches
            else shown(parameter.domain.entry),
            branch=path,
        )
        for path, parameter in search.space.walk()
    )
