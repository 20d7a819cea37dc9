"""A study in a PostgreSQL server as the processes of a search use it: what is known already is not read again."""

import threading
import time
from collections.abc import Container, Mapping, Sequence
from copy import deepcopy as copied
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.storages import RDBStorage, get_storage
from optuna.trial import FrozenTrial, TrialState

from .._upstream import trial_id as trial_id_of
from ._trial_tables import SYSTEM, USER, TrialTables

# Transactions are numbered by 32 bits: who has not looked for so long can't tell old from new.
SECONDS_TO_REMEMBER = 3600.0


@dataclass
class Known:
    """What this process has read of a study."""

    trials: list[FrozenTrial] = field(default_factory=list)  # by number
    place: dict[int, int] = field(default_factory=dict)  # there, by id
    n_ended: int = 0  # so many of the first ones have ended, and are never read again
    # For each kind of look: from where the next one looks, in which life of the server, and until when that holds.
    since: dict[bool, tuple[str, str, float]] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)  # of parameters that were set from here

    def put(self, trial: FrozenTrial) -> None:
        """Note a trial as it is now. New ones come in the order of their numbers."""
        place = self.place.setdefault(trial_id_of(trial), len(self.trials))
        self.trials[place : place + 1] = [trial]

    @property
    def first(self) -> int:
        """The smallest id that may have changed."""
        while self.n_ended < len(self.trials) and self.trials[self.n_ended].state.is_finished():
            self.n_ended += 1
        return trial_id_of(self.trials[self.n_ended - 1]) + 1 if self.n_ended else 0


class IncrementalStorage:
    """Optuna's storage of a database, with its own ways where a worker of a thousand would wait for them.

    What is not here is done by Optuna, and so is what a statement does not do: that raises Optuna's errors.
    """

    def __init__(self, database: RDBStorage) -> None:
        self.database = database
        self.tables = TrialTables(database.engine)
        self._optuna = get_storage(database)
        self._known: dict[int, Known] = {}
        self._is_unsure = False  # whether the answer to a claim was lost
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:  # Any: whatever a storage has
        return getattr(self._optuna, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the study's trials as they are, by number."""
        trials, _ = self.look(study_id, is_all=True)
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copied(trials) if deepcopy else trials

    def get_n_trials(self, study_id: int, state: Container[TrialState] | TrialState | None = None) -> int:
        """Return how many there are, in these states."""
        states = (state,) if isinstance(state, TrialState) else state
        return len(self.get_all_trials(study_id, deepcopy=False, states=states))

    def look(self, study_id: int, is_all: bool) -> tuple[list[FrozenTrial], Mapping[str, object]]:
        """Return the study's trials by number, not to be changed, and the attributes that steer its search.

        Args:
            study_id: of the study.
            is_all: whether what jobs have written since their trials began is wanted as well.

        Raises:
            KeyError: there is no such study.
        """
        with self._lock:
            known = self._known.setdefault(study_id, Known())
            since, server, until = known.since.get(is_all, (None, "", 0.0))
            looked = time.monotonic()
            look = self.tables.look(study_id, known.first, since if looked < until else None, is_all)
            if server and server != look.server:  # after a crash it counts transactions anew, and may have lost some
                known = self._known[study_id] = Known()
                look = self.tables.look(study_id, 0, None, is_all)
            for trial in look.trials:
                known.put(trial)
            for kind in {False, is_all}:
                known.since[kind] = (look.since, look.server, looked + SECONDS_TO_REMEMBER)
            if not known.trials:
                self.get_study_name_from_id(study_id)
            return list(known.trials), look.attributes

    def steering(self, study_id: int) -> Mapping[str, object]:
        """Return what people wish of the search, and what its sweeps say of themselves: attributes of the study."""
        return self.tables.steering(study_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return the trial as it is. Raises KeyError."""
        known = self._study_of(trial_id)
        if known is not None and (trial := known.trials[known.place[trial_id]]).state.is_finished():
            return trial
        return self.tables.read(trial_id)

    def claim(self, trials: Sequence[FrozenTrial], key: str, value: object) -> FrozenTrial | None:
        """Take the first of these trials that waits and that nobody else takes, and give it a user attribute.

        It may be done twice: what an answer that was lost had claimed is found again by this attribute.
        """
        by_id = {trial_id_of(trial): trial for trial in trials}
        taken = self.tables.claimed(list(by_id), key, value) if self._is_unsure else None
        if taken is None:
            self._is_unsure = True
            taken = self.tables.claim(list(by_id), key, value)
        self._is_unsure = False
        return None if taken is None else by_id[taken]

    def add_waiting(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Add trials that wait, with their attributes."""
        self.tables.add_waiting(study_id, trials)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Let a waiting trial run, or end one; see Optuna."""
        if state is TrialState.RUNNING and values is None:
            is_done = self.tables.begin(trial_id)
        else:
            is_done = state.is_finished() and self.tables.close(trial_id, state, values)
        return is_done or self.database.set_trial_state_values(trial_id, state, values)

    def set_trial_user_attr(self, trial_id: int, key: str, value: object) -> None:
        """See Optuna, as for all that follow."""
        if not self.tables.set_attribute(USER, trial_id, key, value):
            self.database.set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:  # Any: Optuna's word for JSON
        if not self.tables.set_attribute(SYSTEM, trial_id, key, value):
            self.database.set_trial_system_attr(trial_id, key, value)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        if not self.tables.set_step(trial_id, step, intermediate_value):
            self.database.set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """The first of a name is compared by Optuna with those that the study has."""
        known = self._study_of(trial_id)
        before = None if known is None else known.distributions.get(param_name)
        if before is not None:
            check_distribution_compatibility(before, distribution)
        if before is None or not self.tables.set_param(trial_id, param_name, param_value_internal, distribution):
            self.database.set_trial_param(trial_id, param_name, param_value_internal, distribution)
        if known is not None:
            known.distributions[param_name] = distribution

    def _study_of(self, trial_id: int) -> Known | None:
        return next((known for known in self._known.values() if trial_id in known.place), None)
