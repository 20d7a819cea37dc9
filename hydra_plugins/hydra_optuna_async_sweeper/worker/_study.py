"""The study as one running trial has it: with the trial's own sampler, and the one way to close the trial."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.errors import DatabaseGone, one_line
from hydra_plugins.hydra_search.trials import (
    ERROR,
    EXHAUSTED,
    REPEATS,
    RESERVED,
    UNDEFINED,
    best_first,
    constraints_of,
    finished,
    is_confirmation,
    searched,
    violation_of,
)

from .._upstream import after_trial, trial_id
from ..search._constraints import excesses

if TYPE_CHECKING:
    from collections.abc import Container

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

    from hydra_plugins.hydra_search.secrets import Secrets

    from ..search._constraints import Constraint
    from ..search._spec import Search

log = logging.getLogger(__name__)

LONGEST_ERROR = 2000  # characters of a failed trial's reason in the study


class Searched:
    """The trials of a growing study that are the search's own; each says so from its beginning, and is asked once."""

    def __init__(self) -> None:
        self._n_asked = 0
        self._others: set[int] = set()  # the places of trials that confirm others

    def of(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return them. `trials` are all of the study, each always in the same place."""
        if len(trials) < self._n_asked:  # a server that crashed has forgotten some
            self._n_asked, self._others = 0, set()
        new = range(self._n_asked, len(trials))
        self._others.update(place for place in new if is_confirmation(trials[place]))
        self._n_asked = len(trials)
        if not self._others:
            return trials
        return [trial for place, trial in enumerate(trials) if place not in self._others]


class OfSearch:
    """A storage as samplers and pruners see it: without the trials that confirm others, of which they learn nothing."""

    def __init__(self, storage: "BaseStorage", searched: Searched | None = None) -> None:
        self._storage = storage
        self._searched = searched or Searched()
        self._is_still = False
        self._seen: list[FrozenTrial] | None = None

    @contextmanager
    def still(self) -> Iterator[None]:
        """Show all trials as they are at the first look, as long as the block lasts: they are read once."""
        self._is_still = True
        try:
            yield
        finally:
            self._is_still, self._seen = False, None

    def __getattr__(self, name: str) -> Any:  # Any: whatever a storage has
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: "Container[TrialState] | None" = None
    ) -> list[FrozenTrial]:
        """Return the trials of the search."""
        if deepcopy:
            return searched(self._storage.get_all_trials(study_id, deepcopy, states))
        trials = self._seen
        if trials is None:
            trials = self._searched.of(self._storage.get_all_trials(study_id, deepcopy=False))
        if self._is_still:
            self._seen = trials
        return trials if states is None else [trial for trial in trials if trial.state in states]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best one, by its value alone. Raises ValueError where there is none."""
        best = self._storage.get_best_trial(study_id)
        if not is_confirmation(best):
            return best
        direction = self._storage.get_study_directions(study_id)[0].name.lower()
        done = finished(self.get_all_trials(study_id, deepcopy=False))
        return best_first(done, lambda trial: trial.values, [direction])[0]


class StudyOfTrial(Study):
    """A study in the hands of a worker, for one trial."""

    def __init__(
        self,
        search: "Search",
        storage: "BaseStorage",
        sampler: "BaseSampler",
        pruner: "BasePruner",
        trial: FrozenTrial,
        secrets: "Secrets",
        searched: Searched | None = None,
    ) -> None:
        self._of_search = OfSearch(storage, searched)
        super().__init__(search.study_name, cast("BaseStorage", self._of_search), sampler, pruner)
        self.storage = storage
        self.trial_id = trial_id(trial)
        self.number = trial.number
        self._sweeper = search.sweeper
        self._secrets = secrets

    def still(self) -> AbstractContextManager[None]:
        """Show samplers the study as it is now, through all their questions while a trial is drawn."""
        return self._of_search.still()

    def stop(self) -> None:
        """End the search: the sampler has nothing more to try. Optuna's own `stop` works in `optimize` only."""
        self.storage.set_trial_user_attr(self.trial_id, EXHAUSTED, self._sweeper.as_attribute())

    def close(self, state: TrialState, values: list[float] | None = None) -> TrialState:
        """Let the sampler look at the trial, and write its end.

        Without what a sampler writes then, as whether constraints are kept, the trial can't be compared: if the sampler
        raises, it has failed.

        Args:
            state: how the trial ended.
            values: of a complete trial, shape (n_objectives,); a pruned one has its last intermediate value.

        Returns:
            how it ended: `state`, or as failed.

        Raises:
            UpdateFinishedTrialError: somebody else has closed it.
        """
        trial = self.storage.get_trial(self.trial_id)
        if trial.state.is_finished():
            raise UpdateFinishedTrialError(f"Trial {self.number} is {trial.state.name} already.")
        if state is TrialState.PRUNED:
            values = _last_value(trial, len(self.directions))
        try:
            after_trial(self, trial, state, values)
        except (UpdateFinishedTrialError, DatabaseGone):
            raise
        except Exception as error:  # the sampler's code, or the user's constraints
            if state is not TrialState.FAIL:
                self._note(f"the sampler, after the trial: {type(error).__name__}: {one_line(error)}")
            state, values = TrialState.FAIL, None
        self.storage.set_trial_state_values(self.trial_id, state, values)
        return state

    def constrain(self, constraints: "tuple[Constraint, ...]", directory: Path) -> float:
        """Note by how much the job in this directory breaks each constraint. Raises as `excesses` does.

        Returns:
            the sum, 0 for a trial that keeps them.
        """
        if not constraints:
            return 0.0
        left = self.storage.get_trial(self.trial_id).user_attrs
        for name, excess in excesses(constraints, directory, left).items():
            Trial(self, self.trial_id).set_constraint(name, excess)
        return violation_of(self.storage.get_trial(self.trial_id))

    def repeat(self, known: FrozenTrial) -> TrialState:
        """Close the trial as `known` is, which has the same parameters, with all that its job has left in the study.

        Returns and raises what `close` does.
        """
        of_job = {key: value for key, value in known.user_attrs.items() if key not in RESERVED}
        for key, value in (of_job | {REPEATS: known.number}).items():
            self.storage.set_trial_user_attr(self.trial_id, key, value)
        for key, value in constraints_of(known).items():
            self.storage.set_trial_system_attr(self.trial_id, key, value)
        for step, reported in known.intermediate_values.items():
            self.storage.set_trial_intermediate_value(self.trial_id, step, reported)
        return self.close(known.state, known.values)

    def fail(self, reason: str, log_file: Path | None = None, *, undefined: bool = False) -> None:
        """Close the trial as failed, with its reason. Raises UpdateFinishedTrialError, as `close` does.

        Args:
            reason: in a line.
            log_file: with all that its job has printed, where the console does not show that.
            undefined: its result is nan or infinite, which is no fault of the code.
        """
        if undefined:
            self.storage.set_trial_user_attr(self.trial_id, UNDEFINED, True)
        self._note(reason, log_file)
        self.close(TrialState.FAIL)

    def _note(self, reason: str, log_file: Path | None = None) -> None:
        reason = self._secrets.text(reason)
        log.error(f"Trial {self.number} failed: {f'{one_line(reason)} (its log: {log_file})' if log_file else reason}")
        self.storage.set_trial_user_attr(self.trial_id, ERROR, reason[:LONGEST_ERROR])


def _last_value(trial: FrozenTrial, n_objectives: int) -> list[float] | None:
    """Return what Optuna takes for the values of a pruned trial; none where the last one is undefined."""
    last = None if trial.last_step is None else trial.intermediate_values[trial.last_step]
    return None if last is None or last != last or n_objectives > 1 else [last]
