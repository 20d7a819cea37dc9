"""The options of the MLflow callback, `override hydra/callbacks: mlflow`, and what is checked of them before a job."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.claims import name_of_search
from hydra_plugins.hydra_search.errors import BadInput, bad_input, shown
from hydra_plugins.hydra_search.files import KEEP_ARTIFACTS, n_kept
from hydra_plugins.hydra_search.hydra_line import register_resolver, store
from hydra_plugins.hydra_search.settings import check_direction, plain, read_setting
from hydra_plugins.hydra_search.urls import by_variable, from_variables

NODE = "hydra.callbacks.mlflow"


register_resolver("name_of_search", name_of_search)


@dataclass
class MLflowCallbackConf:
    """One field per option; the defaults serve any Hydra application."""

    _target_: str = "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"

    # false records nothing and does not import mlflow
    # e.g. false
    enabled: bool = True

    # Where the runs go: sqlite:///FILE (relative to where the command was started), http(s)://HOST:PORT, postgresql://...
    # e.g. http://tracking.example:5000
    tracking_uri: str = "${oc.env:MLFLOW_TRACKING_URI,sqlite:///mlflow.db}"

    # Made if it is not there yet
    # e.g. digits
    experiment_name: str = "${oc.env:MLFLOW_EXPERIMENT_NAME,${hydra.job.name}}"

    # Name of the parent run of a search: the sweeper's study_name, where it has one
    # e.g. first_try
    run_name: str = "${name_of_search:${hydra.job.name}-${now:%Y-%m-%d_%H-%M-%S}}"

    # Name of the run of a single job, which is no search. null: as `run_name`
    # e.g. once
    single_run_name: str | None = "${hydra.job.name}-single-${now:%Y-%m-%d_%H-%M-%S}"

    # What the job returns: a name, or a list of names for several objectives. null: "value"
    # e.g. [accuracy, fit_seconds]
    metric: Any = None

    # maximize or minimize, or a list of them: decides which run is the best. null: no run is
    # e.g. [maximize, minimize]
    direction: Any = None

    # Config keys (with all below them) that are no parameters of the job
    # e.g. [logging, paths]
    exclude_params: list[str] = field(default_factory=list)

    # Config keys that are secret, as patterns (`api.*`), with all below them: recorded as ***. Keys with the name of a
    # secret (token, password, api_key, ...) and what comes by ${oc.env:...} are secret anyway; `!api.url` is recorded
    # e.g. ['api.*', '!api.url']
    redact: list[str] = field(default_factory=list)

    # Also upload what stands in the output directory of each job and of the search
    # e.g. false
    log_artifacts: bool = True

    # Which of these files, as patterns of their paths: a file must fit one, and none that begins with `!`; only such
    # leave out what fits. Empty: all. Checkpoints, for one, may be large, and are on the disk already
    # e.g. ['!*.ckpt', '!checkpoints/*']
    artifacts: list[str] = field(default_factory=list)

    # Of which jobs of a search artifacts and models go too: of `all`, as each ends; of `none`; or of the `best 10`,
    # when the search ends. Parameters and metrics go at once. By default as the sweeper keeps them in the jobs'
    # directories; more than is kept there can't be uploaded. What has been uploaded stays when the search goes on
    # e.g. best 10
    keep_artifacts: Any = "${oc.select:hydra.sweeper.keep_artifacts,all}"

    # Log a fitted scikit-learn estimator that a job leaves in model.joblib as an MLflow model, with the rows in
    # input_example.parquet (features only) as its example and for its signature
    # e.g. false
    log_model: bool = True

    # Log a model that skops, which runs no code, can't keep as a pickle, which may run any when somebody loads it.
    # false: it stays a file of the run
    # e.g. true
    allow_pickle: bool = False

    # Name in the model registry under which a single run's model becomes the next version, with a link to the trial
    # that the run repeats. null: not registered
    # e.g. digits
    register_model: str | None = None

    # Jobs do not wait for a server. Seconds that the end of a search may take to deliver what it has not taken
    # meanwhile; then the command is said that delivers the rest
    # e.g. 60
    delivery_timeout: float = 600.0

    # Tags of the parent and of every nested run
    # e.g. {team: vision}
    tags: dict[str, str] = field(default_factory=dict)


# A YAML option hides the entry of its name, and its schema with it: `mlflow_schema` stays reachable for such an option.
_conf = OmegaConf.structured(MLflowCallbackConf)
OmegaConf.set_struct(_conf.tags, False)  # a tag of any name is set without a `+`
for _name in ("mlflow", "mlflow_schema"):
    store("hydra/callbacks", _name, {"mlflow": _conf}, "hydra_mlflow_callback")


@dataclass(frozen=True)
class Settings:
    """The options as plain values, in every process; `experiment_id` is empty until the experiment is open."""

    tracking_uri: str
    experiment_name: str
    run_name: str
    metrics: tuple[str, ...] = ("value",)
    directions: tuple[str, ...] = ()
    exclude_params: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    log_artifacts: bool = True
    artifacts: tuple[str, ...] = ()
    keep_artifacts: Any = "all"
    log_model: bool = True
    allow_pickle: bool = False
    register_model: str | None = None
    single_run_name: str | None = None
    delivery_timeout: float = 600.0
    tags: Mapping[str, str] = field(default_factory=dict)
    experiment_id: str = ""
    # an option -> the name under which the user sets it; see `named`
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Settings":  # Any: values as YAML has them
        """Build the settings from the fields of MLflowCallbackConf, `enabled` left out."""
        known = {key: plain(value) for key, value in options.items()}
        metrics = _as_tuple(known.pop("metric", None)) or ("value",)
        directions = _as_tuple(known.pop("direction", None))
        for listed in ("exclude_params", "redact", "artifacts"):
            known[listed] = _as_tuple(known.get(listed))
        return cls(metrics=metrics, directions=directions, **known)  # type: ignore[arg-type]  # checked by the schema

    def __getstate__(self) -> dict[str, Any]:  # Any: pickle's own type
        """Travel without what the environment holds of the URI: each process reads its own."""
        return self.__dict__ | {"tracking_uri": by_variable(self.tracking_uri)}

    def __setstate__(self, state: dict[str, Any]) -> None:  # Any: as above
        """Read this process's own environment."""
        self.__dict__.update(state | {"tracking_uri": from_variables(state["tracking_uri"])})

    @property
    def n_kept(self) -> int | None:
        """Of how many of the best jobs of a search files are uploaded, at its end; None for all. Raises BadInput."""
        return n_kept(self.keep_artifacts, self.named("keep_artifacts"), self.source("keep_artifacts"))

    def named(self, option: str) -> str:
        """Return the key that the user sets, and the option's own: `uri (hydra.callbacks.mlflow.tracking_uri)`."""
        return self.names.get(option, f"{NODE}.{option}")

    def source(self, option: str) -> str:
        """Return the key to set on the command line."""
        return self.named(option).partition(" ")[0]


def checked(settings: Settings, config: DictConfig, *, enabled: bool) -> Settings:
    """Return the settings, with the names that the user knows the options by.

    Raises:
        BadInput: no such direction, or not as many as metrics; a model is to be registered that nobody would log, under
            an impossible name, or by a search.
    """
    found = {option: read_setting(config, f"{NODE}.{option}") for option in MLflowCallbackConf.__dataclass_fields__}
    names = {option: setting.name for option, setting in found.items() if setting and " " in setting.name}
    name = found["run_name"]  # which a search that was named anew has changed
    settings = replace(settings, names=names, run_name=str(name.value) if name else settings.run_name)
    if enabled and settings.directions:
        check_direction(config, list(settings.metrics), f"{NODE}.direction")
    if enabled and not settings.experiment_name.strip():
        remedy = f"Set {settings.source('experiment_name')}=my_search, for example."
        raise bad_input(settings.named("experiment_name"), settings.experiment_name, "must be a name", remedy)
    if not settings.delivery_timeout > 0:
        rule, remedy = "must be a number of seconds above 0", f"Set {settings.source('delivery_timeout')}=600."
        raise bad_input(settings.named("delivery_timeout"), settings.delivery_timeout, rule, remedy)
    if enabled:
        _check_keep_artifacts(settings, config)
    if settings.register_model is not None:
        _check_register_model(settings, enabled, config.hydra.mode is RunMode.MULTIRUN)
    return settings


def _check_keep_artifacts(settings: Settings, config: DictConfig) -> None:
    number, key = settings.n_kept, settings.named("keep_artifacts")
    if config.hydra.mode is not RunMode.MULTIRUN:
        return
    if number and not settings.directions:
        remedy = (
            f"Set {settings.source('direction')}=minimize, for example, or {settings.source('keep_artifacts')}=all."
        )
        raise bad_input(key, settings.keep_artifacts, "needs a direction, to know which are the best", remedy)
    there = read_setting(config, KEEP_ARTIFACTS)
    on_disk = n_kept(there.value, there.name) if there else None
    if there and on_disk is not None and (number is None or number > on_disk):
        rule = f"must not be more than is kept in the jobs' directories, {there.name}={shown(there.value)}"
        raise bad_input(key, settings.keep_artifacts, rule, f"Leave {settings.source('keep_artifacts')} out.")


def _check_register_model(settings: Settings, enabled: bool, is_search: bool) -> None:
    name, source = settings.register_model or "", settings.source("register_model")

    def refused(rule: str, remedy: str) -> BadInput:
        return bad_input(settings.named("register_model"), name, rule, remedy)

    if not name.strip() or set(name) & {"/", ":"}:
        raise refused("must be a name without / and :", f"Set {source}=my_model, for example.")
    if not enabled:
        remedy = f"Set {settings.source('enabled')}=true, or leave {source} out."
        raise refused("needs MLflow, which is switched off", remedy)
    if not settings.log_model:
        raise refused("needs a model to register", f"Set {settings.source('log_model')}=true.")
    if is_search:
        remedy = f"Search without it, and then run the best job again, by itself, with {source}={name}."
        raise refused("registers one model, and a search makes many", remedy)


def run_id_of_job() -> str | None:
    """Return the id of the run that this job writes into, which is made now if need be; null where there is none.

    `${mlflow_run_id:}`, for loggers that want to be told, as Lightning's MLFlowLogger. It is not in the environment: a
    run would have to be made before each job, and `mlflow.start_run()` would go on with that run, and end it.
    """
    if "mlflow" not in sys.modules:
        return None
    import mlflow

    run = mlflow.active_run()
    return str(run.info.run_id) if run else None


register_resolver("mlflow_run_id", run_id_of_job)


def _as_tuple(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else (str(value),)
