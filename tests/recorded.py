"""Reads back what a search left in MLflow."""

from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType


class Recorded:
    """All runs of a tracking store: parents first found by having no parent, children under their parent's id."""

    def __init__(self, where: Path | str) -> None:
        self.client = MlflowClient(f"sqlite:///{where}/mlflow.db" if isinstance(where, Path) else where)
        experiments = [e.experiment_id for e in self.client.search_experiments()]
        self.runs: list[Run] = list(self.client.search_runs(experiments, "", ViewType.ALL, 5000))
        self.parents = [run for run in self.runs if "mlflow.parentRunId" not in run.data.tags]

    @property
    def parent(self) -> Run:
        (parent,) = self.parents
        return parent

    @property
    def children(self) -> dict[str, Run]:
        children = [run for run in self.runs if run.data.tags.get("mlflow.parentRunId") == self.parent.info.run_id]
        by_name = {str(run.info.run_name): run for run in children}
        assert len(by_name) == len(children), "two runs carry one name"
        return by_name

    def statuses(self) -> dict[str, str]:
        return {name: run.info.status for name, run in self.children.items()}

    def artifacts(self, run: Run, folder: str = "") -> set[str]:
        found: set[str] = set()
        for item in self.client.list_artifacts(run.info.run_id, folder or None):
            found |= self.artifacts(run, item.path) if item.is_dir else {item.path}
        return found
