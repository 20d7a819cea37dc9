"""What a job reports while it runs: kept in the study, and judged by the pruner."""

from dataclasses import dataclass, field

from optuna import Trial, TrialPruned

from hydra_plugins import hydra_trial

from .._upstream import trial_id


class Pruned(hydra_trial.TrialPruned, TrialPruned):
    """The pruner has seen enough; caught as Optuna's exception or as ours."""


@dataclass
class Reporter:
    """Hands intermediate values to the study, and ends the job when the pruner says so."""

    trial: Trial
    _steps: set[int] = field(default_factory=set)

    def __call__(self, value: float, step: int) -> None:
        """Keep one value; the first of a step counts. `nan` is the worst that a pruner can see.

        With several objectives there is nothing to prune by, and Optuna's own `report` takes nothing.
        """
        if len(self.trial.study.directions) == 1:
            self.trial.report(value, step)
            if self.trial.should_prune():
                raise Pruned(f"pruned at step {step} with {value:g}")
        elif step not in self._steps:
            self._steps.add(step)
            self.trial.storage.set_trial_intermediate_value(trial_id(self.trial), step, value)
