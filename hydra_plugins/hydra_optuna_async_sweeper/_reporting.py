"""The search's report: refreshed while the search runs, complete at its end. It never fails a search."""

import logging
import re
import shlex
import shutil
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report._facts import SearchFacts, SpaceRow
from hydra_plugins.hydra_search_report._surroundings import git_state, program_of, versions

from ._database import masked
from ._domain import stored_text
from ._results import interpreter, resume_command
from ._search_space import shown
from ._space_entries import parse_space
from ._storage import described

if TYPE_CHECKING:
    from ._search import Plain, Search

log = logging.getLogger(__name__)

# Nobody looks more often, and a report takes at most a twentieth of the time.
SECONDS_BETWEEN_REFRESHES = 30.0
SHARE = 20
# Knobs of a sweeper that make no difference to a single job: best.txt leaves them out.
OF_SEARCH_ONLY = ("study_name", "n_trials", "timeout", "storage", "params")


class Report:
    """The files that hydra_search_report makes in the sweep directory."""

    def __init__(self, facts: SearchFacts, directory: Path) -> None:
        self.directory = directory
        self.facts = facts
        facts.save(directory)
        self._due = time.monotonic() + SECONDS_BETWEEN_REFRESHES
        self._seen = 0

    def refresh(self, trials: Sequence[FrozenTrial]) -> None:
        """Write the report again if trials have ended since, and not too soon after the last time."""
        over = sum(trial.state.is_finished() for trial in trials)
        if time.monotonic() < self._due or over == self._seen:
            return
        started = time.monotonic()
        self._write(trials, "running")
        self._seen = over
        self._due = time.monotonic() + max(SECONDS_BETWEEN_REFRESHES, SHARE * (time.monotonic() - started))

    def finish(self, trials: Sequence[FrozenTrial], status: str) -> None:
        """Write the last report, and say where to look."""
        if not any(trial.state is not TrialState.WAITING for trial in trials):
            return
        from hydra_plugins.hydra_search_report._terminal import best_table

        table = best_table(self.facts, trials, shutil.get_terminal_size((120, 24)).columns)
        if table:
            log.info(table)
        if self._write(trials, status):
            log.info(f"Report: {self.facts.directory}/report.html")
        if self.facts.storage.endswith(".log") or "://" in self.facts.storage:
            log.info(f"Look at the study: optuna-dashboard {shlex.quote(self.facts.storage)}")

    def _write(self, trials: Sequence[FrozenTrial], status: str) -> bool:
        try:
            from hydra_plugins.hydra_search_report._report import write_report

            write_report(self.facts, trials, self.directory, status)
        except Exception:  # a picture of the search is not worth the search
            log.warning("The report could not be made.", exc_info=True)
            return False
        return True


def facts_of(search: "Search", config: DictConfig) -> SearchFacts:
    """Collect what the trials themselves don't tell."""
    sweeper = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    places = dict(sweeper) if isinstance(sweeper, dict) else {}
    points_to = [re.fullmatch(r"\$\{([\w.]+)\}", str(places.get(key))) for key in OF_SEARCH_ONLY]
    keys = [match[1] for match in points_to if match]
    space = space_rows(search)
    return SearchFacts(
        study_name=search.study_name,
        directions=search.directions,
        metrics=metric_names(config, len(search.directions)),
        n_trials=search.n_trials,
        n_jobs=search.n_jobs,
        directory=as_typed(search.sweep_dir),
        command=masked(shlex.join([interpreter(), *sys.argv])),
        program=program_of(sys.argv, interpreter()),
        resume=masked(resume_command(sys.argv, search, has_knob="study_name" in config)),
        sampler=maker_text(search.sampler),
        pruner=None if (text := maker_text(search.pruner)) == "NopPruner()" else text,
        seed=int(str(search.sampler["seed"])) if search.sampler.get("seed") is not None else None,
        choices=fixed_choices(config, {row.key for row in space}),
        space=space,
        fixed=tuple(map(masked, search.fixed)),
        search_keys=tuple(dict.fromkeys([*keys, *(key.partition(".")[0] for key in keys)])),
        max_retries=search.max_retries,
        versions=versions(),
        started=time.time(),
        storage=as_typed(described(search.storage)),
        **dict(zip(("git_commit", "git_dirty"), git_state(Path(sys.argv[0]).absolute().parent), strict=True)),  # type: ignore[arg-type]  # a pair of both types
    )


def fixed_choices(config: DictConfig, varied: Collection[str]) -> dict[str, str]:
    """Return the option of each config group that the search does not vary."""
    chosen = [(str(group), option) for group, option in config.hydra.runtime.choices.items()]
    return {
        group: str(option)
        for group, option in reversed(chosen)  # Hydra lists the last of the defaults list first
        if option and not group.startswith("hydra/") and group not in varied
    }


def metric_names(config: DictConfig, count: int) -> tuple[str, ...]:
    """Return the names of the objectives, as the preflight callback was told; numbered ones otherwise."""
    given = OmegaConf.select(config, "hydra.callbacks.preflight.metric")
    names = tuple(map(str, given)) if OmegaConf.is_list(given) else (str(given),) if given else ()
    if len(names) == count:
        return names
    return ("value",) if count == 1 else tuple(f"value_{i}" for i in range(count))


def space_rows(search: "Search") -> tuple[SpaceRow, ...]:
    """Return every parameter of the search space, by branch."""
    return tuple(
        SpaceRow(
            key=parameter.config_key,
            name=parameter.name,
            written=", ".join(map(stored_text, parameter.branches))
            if parameter.branches
            else shown(parameter.domain.written),
            branch=path,
        )
        for path, parameter in parse_space(search.space).walk()
    )


def maker_text(spec: "Plain | None") -> str:
    """Write a sampler or a pruner: `TPESampler(seed=1)`, with the arguments that are set."""
    if not spec:
        return ""
    arguments = [f"{key}={shown(value)}" for key, value in spec.items() if key != "_target_" and value is not None]
    return f"{str(spec.get('_target_', '')).rpartition('.')[2]}({', '.join(arguments)})"


def as_typed(path: str) -> str:
    """Return a path as a person would type it here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if path.startswith(f"{here}/") else path
