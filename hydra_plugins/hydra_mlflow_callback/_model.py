"""The model that a job leaves behind, as a model of MLflow's: logged once, and registered if that is wished."""

import io
import json
import logging
import pickle
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra_plugins.hydra_search.errors import SearchError
from hydra_plugins.hydra_search.files import EXAMPLE, MODEL

from ._active_run import in_experiment
from ._payload import MAX_TAG_LENGTH, clean_tags, shorten
from ._reach import made_once
from ._record import JOB_KEY, JobRecord
from .config import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from sklearn.base import BaseEstimator

log = logging.getLogger(__name__)

TRUSTED = "model.skops_trusted_types"  # the tag of a run that lists them


# The tag of a trial's run that holds what the search chose for it, JSON.
SEARCHED = "hydra.searched"


class NoModel(SearchError):
    """A model is to be registered, but the job has left none that MLflow can take."""


def log_model(client: "MlflowClient", settings: Settings, record: JobRecord, directory: Path) -> bool:
    """Log the estimator in the job's directory with its run, and register it; tell whether the run has a model.

    Repeatable: a model that the run has, and a version that the model has, are not made again.

    Raises:
        NoModel: it is to be registered, but is not there, or is no scikit-learn estimator.
    """
    path = directory / MODEL
    if not settings.log_model or record.status != "FINISHED" or not (path.is_file() or settings.register_model):
        return False
    run_id = str(record.run_id)
    model_id = _known_model(client, run_id)
    if model_id is None:
        model = load_estimator(path)
        if model is None and settings.register_model:
            raise NoModel(
                f"{settings.named('register_model')}: needs a fitted scikit-learn estimator in the job's {MODEL}, got "
                f"{settings.register_model}; there is none in {directory}"
            )
        if model is None:
            return False
        how = _format_of(client, settings, model, run_id)
        if how is None:
            return False
        try:
            with in_experiment(settings.experiment_id):  # the run's: also after the job, and in another process
                model_id = _new_model(model, run_id, directory / EXAMPLE, how)
        except (ValueError, TypeError, AttributeError) as error:  # of the model itself, asked for its prediction
            if settings.register_model:
                raise NoModel(f"{settings.named('register_model')}: the model can't be logged ({error})") from error
            raise
    if settings.register_model:
        version = register(client, settings.register_model, run_id, model_id)
        tell_origin(client, settings, record, version)
    return True


def _format_of(
    client: "MlflowClient", settings: Settings, model: "BaseEstimator", run_id: str
) -> dict[str, object] | None:
    """Return how the model is to be written, None if only as a pickle that is not allowed. Raises NoModel as above."""
    how = how_to_write(model, allow_pickle=settings.allow_pickle)
    if how is None and settings.register_model:
        raise NoModel(
            f"{settings.named('register_model')}: skops can't keep the model, and pickles are not allowed, got "
            f"{settings.register_model}. Set {settings.source('allow_pickle')}=true to register it as a pickle."
        )
    if how is None:
        log.warning("It stays a file. Set %s=true to log it as a pickle.", settings.source("allow_pickle"))
        return None
    trusted = cast("list[str]", how.get("skops_trusted_types", []))
    if trusted:
        client.set_tag(run_id, TRUSTED, shorten(", ".join(trusted), MAX_TAG_LENGTH))
    return how


def _known_model(client: "MlflowClient", run_id: str) -> str | None:
    outputs = client.get_run(run_id).outputs
    return outputs.model_outputs[0].model_id if outputs and outputs.model_outputs else None


def load_estimator(path: Path) -> "BaseEstimator | None":
    """Read the estimator that the job has just written; None, with a warning, where the file holds something else."""
    if not path.is_file():
        return None
    import joblib
    from sklearn.base import BaseEstimator

    try:
        model = joblib.load(path)
    except Exception as error:  # what a pickle raises is anything; the file stays an artifact
        log.warning("%s can't be loaded, so it is no MLflow model: %s", path, error)
        return None
    if isinstance(model, BaseEstimator):
        return model
    log.warning("%s holds no scikit-learn estimator but a %s, so it is no MLflow model", path, type(model).__name__)
    return None


def _new_model(model: "BaseEstimator", run_id: str, example_file: Path, how: Mapping[str, object]) -> str:
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import Model, infer_signature

    example = pd.read_parquet(example_file) if example_file.is_file() else None
    signature = None if example is None else infer_signature(example, model.predict(example))
    # Unlike mlflow.sklearn.log_model, this names the run, which may not be the active one any more.
    logged = Model.log(
        artifact_path=None,
        name="model",
        flavor=mlflow.sklearn,
        run_id=run_id,
        sk_model=model,
        signature=signature,
        input_example=example,
        pip_requirements=requirements_of(model),
        **how,
    )
    return str(logged.model_id)


def how_to_write(model: "BaseEstimator", *, allow_pickle: bool) -> dict[str, object] | None:
    """Return the format: skops, MLflow's default, with the types of this very model trusted; else cloudpickle or None.

    What is trusted beyond skops' own list is said: whoever loads the model runs these types' code.
    """
    import skops.io
    from mlflow.sklearn import SERIALIZATION_FORMAT_CLOUDPICKLE

    try:
        content = skops.io.dumps(model)
        trusted = skops.io.get_untrusted_types(data=content)
        skops.io.loads(content, trusted=trusted)
    except Exception as error:  # skops refuses what it does not know with many kinds of errors
        log.warning("skops can't keep this model: %s", error)
        return {"serialization_format": SERIALIZATION_FORMAT_CLOUDPICKLE} if allow_pickle else None
    if trusted:
        log.info("The model is kept by skops, which is to trust %s", ", ".join(trusted))
    return {"skops_trusted_types": trusted}


def requirements_of(model: object) -> list[str]:
    """Return the installed distributions, with their versions, whose classes and functions the pickled model holds.

    MLflow's own way loads the model in another process and takes several seconds for each.
    """
    seen = _ModuleNames(io.BytesIO(), protocol=pickle.HIGHEST_PROTOCOL)
    seen.dump(model)
    owners = metadata.packages_distributions()
    names = {"cloudpickle", "skops", *(name for module in seen.modules for name in owners.get(module, ()))}
    return [f"{name}=={metadata.version(name)}" for name in sorted(names)]


class _ModuleNames(pickle.Pickler):
    """Notes the top-level module of everything that goes into a pickle."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the pickler's own
        super().__init__(*args, **kwargs)
        self.modules: set[str] = set()

    def reducer_override(self, obj: object) -> Any:  # Any: NotImplemented, pickle's word for "as usual"
        owner = obj if hasattr(obj, "__module__") else type(obj)
        self.modules.add(str(owner.__module__).partition(".")[0])
        return NotImplemented


def register(client: "MlflowClient", name: str, run_id: str, model_id: str) -> "ModelVersion":
    """Make the run's model the next version of the registered model `name`, unless it is a version of it already."""
    import mlflow

    def find() -> "ModelVersion | None":
        versions = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
        return versions[0] if versions else None

    version = find() or made_once(find, lambda: mlflow.register_model(f"models:/{model_id}", name))
    log.info("Use the model: mlflow.sklearn.load_model('models:/%s/%s')", name, version.version)
    return version


def tell_origin(client: "MlflowClient", settings: Settings, record: JobRecord, version: "ModelVersion") -> None:
    """Link a registered model, and the run that made it, to the trial that the run repeats and to its search."""
    trial = repeated_trial(client, settings, record)
    if trial is None:
        return
    runs, search = f"#/experiments/{settings.experiment_id}/runs", trial.data.tags["mlflow.parentRunId"]
    names = {"trial": str(trial.info.run_name), "search": trial.data.tags.get("study_name", search)}
    for key, value in (names | {"trial.run_id": trial.info.run_id, "search.run_id": search}).items():
        client.set_tag(str(record.run_id), f"origin.{key}", value)
        client.set_model_version_tag(version.name, version.version, f"origin.{key}", value)
    text = f"Repeats [{names['trial']}]({runs}/{trial.info.run_id}) of the search [{names['search']}]({runs}/{search})."
    client.update_model_version(version.name, version.version, text)


def repeated_trial(client: "MlflowClient", settings: Settings, record: JobRecord) -> "Run | None":
    """Find the trial whose searched overrides the run has, and whose options; the latest of those that say most."""
    own = {line.lstrip("+") for line in record.overrides}
    options = {key: value for key, value in clean_tags(record.tags).items() if key != JOB_KEY}
    found: list[tuple[int, int, Run]] = []
    for run in client.search_runs([settings.experiment_id], "attributes.status = 'FINISHED'", max_results=5000):
        searched = {line.lstrip("+") for line in json.loads(run.data.tags.get(SEARCHED, "[]"))}
        if searched and searched <= own and options.items() <= run.data.tags.items():
            found.append((len(searched), run.info.start_time, run))
    return max(found, key=lambda item: item[:2])[2] if found else None
