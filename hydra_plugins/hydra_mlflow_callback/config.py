"""The options of the MLflow callback: `override hydra/callbacks: mlflow`."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class MLflowCallbackConf:
    """One field per option; the defaults serve any Hydra application."""

    _target_: str = "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"

    # false records nothing and does not import mlflow
    enabled: bool = True

    # Where the runs go: sqlite:///FILE (relative to where the command was started), http(s)://HOST:PORT, postgresql://...
    tracking_uri: str = "${oc.env:MLFLOW_TRACKING_URI,sqlite:///mlflow.db}"

    # Made if it is not there yet
    experiment_name: str = "${oc.env:MLFLOW_EXPERIMENT_NAME,${hydra.job.name}}"

    # Name of the parent run; in a single run, of the run
    run_name: str = "${hydra.job.name}-${now:%Y-%m-%d_%H-%M-%S}"

    # What the job returns: a name, or a list of names for several objectives. null: "value"
    metric: Any = None

    # maximize or minimize, or a list of them: tells which run is the best. null: no run is
    direction: Any = None

    # Config keys (with all below them) that are no parameters of the job
    exclude_params: list[str] = field(default_factory=list)

    # Also upload what stands in the output directory of each job and of the search
    log_artifacts: bool = True

    # Log a fitted scikit-learn estimator that a job leaves in model.joblib as an MLflow model, with the rows in
    # input_example.parquet (features only) as its example and for its signature
    log_model: bool = True

    # Name in the model registry under which a single run's model becomes the next version. null: not registered
    register_model: str | None = None

    # Tags of the parent and of every nested run
    tags: dict[str, str] = field(default_factory=dict)


# A YAML option hides the entry of its name, and its schema with it: `mlflow_schema` stays reachable for such an option.
for _name in ("mlflow", "mlflow_schema"):
    ConfigStore.instance().store(
        group="hydra/callbacks",
        name=_name,
        node={"mlflow": MLflowCallbackConf},
        provider="hydra_mlflow_callback",
        replace=True,  # joblib workers import this again over the store they were sent
    )
