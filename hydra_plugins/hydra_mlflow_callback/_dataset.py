"""The data that a job has used, as an input of its run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATASET_FILE = "dataset.json"


def log_dataset(client: "MlflowClient", run_id: str, directory: Path) -> None:
    """Log what the job says of its data in dataset.json: an object with at least `name` and `digest`, and `source`.

    A file of that name with other content is an artifact like any other. MLflow keeps an input once, however often it
    is logged.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    content = described(directory)
    if content is None:
        return
    source = str(content.get("source", ""))
    profile = {key: value for key, value in content.items() if key not in ("name", "digest", "source")}
    dataset = Dataset(
        name=str(content["name"]),
        digest=str(content["digest"]),
        source_type="local" if Path(source).is_absolute() else "code",
        source=json.dumps({"uri": source}),
        profile=json.dumps(profile),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])


def described(directory: Path) -> dict[str, object] | None:
    """Return the job's description of its data, if it has left one."""
    try:
        content = json.loads((directory / DATASET_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) and {"name", "digest"} <= content.keys() else None
