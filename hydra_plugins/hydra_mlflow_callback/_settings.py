"""The callback's options, checked once and then plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Settings:
    """What the callback needs to know in every process; `experiment_id` is empty until the experiment is open."""

    tracking_uri: str
    experiment_name: str
    run_name: str
    metrics: tuple[str, ...] = ("value",)
    directions: tuple[str, ...] = ()
    exclude_params: tuple[str, ...] = ()
    log_artifacts: bool = True
    log_model: bool = True
    register_model: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    experiment_id: str = ""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Settings":  # Any: values as YAML has them
        """Build the settings from the fields of MLflowCallbackConf; ends the program if they contradict each other."""
        known = {key: value for key, value in options.items() if key not in ("metric", "direction")}
        metrics = _as_tuple(options.get("metric")) or ("value",)
        directions = _as_tuple(options.get("direction"))
        for direction in directions:
            if direction not in DIRECTIONS:
                stop(f"direction must be maximize or minimize; got {direction!r}")
        if directions and len(directions) != len(metrics):
            stop(f"direction must have one entry per metric; got {list(directions)} for metric={list(metrics)}")
        check_register_model(known.get("register_model"), enabled=True, log_model=known.get("log_model", True))
        known["exclude_params"] = tuple(known.get("exclude_params", ()))
        return cls(metrics=metrics, directions=directions, **known)


def check_register_model(name: object, *, enabled: bool, log_model: bool = True) -> None:
    """End the program if a model is to be registered that nobody would log, or under an impossible name."""
    if name is None:
        return
    if not isinstance(name, str) or not name.strip() or set(name) & {"/", ":"}:
        stop(f"mlflow.register_model must be a name without / and :; got {name!r}")
    if not enabled:
        stop(f"mlflow.register_model={name!r} needs MLflow, which is switched off; leave out mlflow=off")
    if not log_model:
        stop(f"mlflow.register_model={name!r} needs a model to register; add save_model=true")


def stop(message: str) -> NoReturn:
    """End the program with one message and status 1. Hydra would turn an Exception of a callback into a warning."""
    raise SystemExit(message)


def _as_tuple(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(map(str, value))
    return (str(value),)
