"""What pruning saves: the k-fold experiment with its pruner and without, in the same run.

python tests/benchmarks/pruning.py
"""

import tempfile
from pathlib import Path

from async_sweeper import row
from measured import Measured, measure
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tests.conftest import command


def kfold(pruner: str, folder: Path) -> Measured:
    """Run `experiment=kfold` as it is, or without pruning."""
    # random search, so that both try the same points
    plain = [
        "experiment=kfold",
        "hydra/sweeper/sampler=random",
        "mlflow=off",
        "n_jobs=2",
        "study_name=kfold",
        "hydra.sweeper.confirm=null",
    ]
    without = ["hydra.sweeper.pruner.min_resource=1000"] if pruner == "none" else []  # more than there are folds
    return measure(command("train.py", ("--multirun", *plain, *without)), folder)


def describe(name: str, done: Measured) -> float:
    """Print one line of the table; return the number of folds that were fitted."""
    backend = JournalFileBackend(str(done.folder / "multirun/kfold/optuna_journal.log"))
    storage = JournalStorage(backend)
    trials = storage.get_all_trials(storage.get_study_id_from_name("kfold"))
    folds = sum(len(trial.intermediate_values) for trial in trials)
    pruned = sum(trial.state is TrialState.PRUNED for trial in trials)
    best = max(trial.value or 0.0 for trial in trials if trial.state is TrialState.COMPLETE)
    row(name, len(trials), pruned, folds, f"{done.seconds:.1f}", f"{best:.4f}")
    return folds


if __name__ == "__main__":
    row("pruner", "trials", "pruned", "folds fitted", "wall, s", "best accuracy")
    row(*["---"] * 6)
    with tempfile.TemporaryDirectory() as folder:
        full = kfold("none", Path(folder, "none"))
        pruned = kfold("successive_halving", Path(folder, "pruned"))
        share = describe("successive_halving", pruned) / describe("none", full)
    print(f"\nFolds: {share:.2f}, wall: {pruned.seconds / full.seconds:.2f} of the search without pruning.")
