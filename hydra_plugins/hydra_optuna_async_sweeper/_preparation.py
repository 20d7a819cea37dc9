"""From Hydra's configuration to a `Search`: every setting read and checked before anything is made."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from ._composition import Composer
from ._custom_space import load_custom_space
from ._jobs import Check, check_job, compose_job
from ._pruner import make_pruner
from ._sampler import instantiate_sampler, is_grid
from ._search import Plain, Search
from ._search_space import BadInput, bad_input
from ._settings import check_direction, check_launcher, check_settings, plain
from ._space import Space
from ._space_entries import parse_space
from ._space_overrides import with_overrides
from ._storage import resolve_storage

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

log = logging.getLogger(__name__)


def prepare_search(
    config: DictConfig, loader: "ConfigLoader", *, check: Check | None = None, metric: object = None
) -> Search:
    """Return the search that the configuration and the command line describe.

    Args:
        config: the composed configuration of the sweep, with its hydra node.
        loader: composes a job's config, as for the launchers.
        check: the application's own check of a job's config.
        metric: name, or list of names, of what the job returns.

    Raises:
        BadInput: something can't be run as it is.
    """
    check_settings(config)
    check_launcher(config)
    check_direction(config, metric)
    values = {str(key): plain(value) for key, value in config.hydra.sweeper.items()}
    sampler = cast("Plain", values["sampler"])
    directions = as_tuple(values["direction"])
    given = OverridesParser.create(loader).parse_overrides(list(config.hydra.overrides.task))
    entries, fixed = with_overrides(entries_of(values), given)
    fixed_keys = {override.key_or_group for override in given if not override.is_sweep_override()}
    space = parse_space(entries)
    if not space.parameters and not values["custom_search_space"]:
        raise nothing_to_vary(values["params"])
    check_constructible(sampler, cast("Plain | None", values["pruner"]))
    load_custom_space(cast("str | None", values["custom_search_space"]))
    composer = Composer(loader, config)
    check_branches(config, loader, space, fixed, check, composer)
    points = [*asked_points(values, space, config, fixed_keys), *grid_points(sampler, space)]
    sweep_dir = Path(config.hydra.sweep.dir).absolute()
    n_trials = int(cast("int", values["n_trials"]))
    if is_grid(sampler):
        n_trials = min(n_trials, len(points))
        log.info(f"Updating num of trials to {n_trials} due to using GridSampler.")
    return Search(
        study_name=str(values["study_name"] or f"{config.hydra.job.name}-{time.strftime('%Y-%m-%d_%H-%M-%S')}"),
        storage=resolve_storage(values["storage"], sweep_dir, Path.cwd()),
        directions=directions,
        n_trials=n_trials,
        n_jobs=int(cast("int", values["n_jobs"])),
        sweep_dir=str(sweep_dir),
        sampler=sampler,
        pruner=cast("Plain | None", values["pruner"]),
        space=entries,
        fixed=tuple(fixed),
        bases=composer.bases,
        custom_search_space=cast("str | None", values["custom_search_space"]),
        points=tuple(points),
        max_failure_rate=float(cast("float", values["max_failure_rate"])),
        max_retries=int(cast("int", values["max_retries"])),
        deadline=deadline_of(values["timeout"]),
        target=target_of(values["target"], directions),
        report=bool(values["report"]),
        devices=devices_of(values["devices"]),
    )


def check_branches(
    config: DictConfig,
    loader: "ConfigLoader",
    space: Space,
    fixed: Sequence[str],
    check: Check | None,
    composer: Composer,
) -> None:
    """Compose a job of every branch, and show it to the application's check."""
    written = {parameter.key: parameter.domain.written for _, parameter in space.walk()}
    for lines in space.branches():
        job = compose_job(config, loader, lines, fixed, written, lambda every: composer.compose(every, 0))
        check_job(job, check)


def entries_of(values: Mapping[str, object]) -> dict[str, object]:
    """Return the sweeper's `params` as plain entries."""
    params = values["params"]
    if params is not None and not isinstance(params, Mapping):
        raise bad_input("hydra.sweeper.params", params, "must map config keys to sweeps", "Write key: interval(0, 1).")
    return {str(key): value for key, value in (params or {}).items()}


def nothing_to_vary(params: object) -> BadInput:
    """Tell whether there was no space, or the command line has taken everything out of it."""
    if params:
        rule, remedy = "the command line fixes every key of the space", "Leave at least one to the search."
        return bad_input("hydra.sweeper.params", params, rule, remedy)
    remedy = "Set search_space, or sweep a key on the command line: 'key=interval(0, 1)'."
    return bad_input("hydra.sweeper.params", params, "a search needs at least one key to vary", remedy)


def check_constructible(sampler: "Plain", pruner: "Plain | None") -> None:
    """Refuse arguments that the sampler or the pruner does not take."""
    makers: list[tuple[str, Plain | None, Callable[[], object]]] = [("pruner", pruner, lambda: make_pruner(pruner))]
    if not is_grid(sampler):
        makers.append(("sampler", sampler, lambda: instantiate_sampler(sampler)))
    for key, spec, make in makers:
        try:
            make()
        except Exception as error:  # whatever Optuna raises for an argument, wrapped by Hydra
            reason = " ".join(str(error.__cause__ or error).split())
            remedy = f"Correct hydra.sweeper.{key}, or choose another hydra/sweeper/{key}."
            raise bad_input(f"hydra.sweeper.{key}", dict(spec or {}), f"can't be made ({reason})", remedy) from error


def asked_points(
    values: Mapping[str, object], space: Space, config: DictConfig, fixed_keys: set[str]
) -> list[dict[str, object]]:
    """Return the points that the user wants tried first: `enqueue`, and the model's own defaults.

    What the command line fixes is no part of a point.
    """
    listed = values["enqueue"] or []
    if not isinstance(listed, list):
        raise bad_input("hydra.sweeper.enqueue", listed, "must be a list of points", "Write [{model.C: 1.0}].")
    left = [{k: v for k, v in p.items() if k not in fixed_keys} if isinstance(p, Mapping) else p for p in listed]
    points = [space.point(point, f"hydra.sweeper.enqueue[{i}]") for i, point in enumerate(left)]
    if values["enqueue_defaults"]:
        choices = config.hydra.runtime.choices
        point, left_out = space.defaults(lambda key: choices.get(key) or plain(OmegaConf.select(config, key)))
        if left_out:
            log.info(f"The defaults of {', '.join(left_out)} are outside the search space and are drawn instead.")
        points.append(point)
    return points


def grid_points(sampler: "Plain", space: Space) -> list[dict[str, object]]:
    """Return every point of a grid, in an order that the seed decides; nothing for other samplers."""
    if not is_grid(sampler):
        return []
    points = space.grid()
    random.Random(cast("int | None", sampler.get("seed"))).shuffle(points)  # noqa: S311  # an order, no secret
    return points


def deadline_of(timeout: object) -> float | None:
    """Turn seconds from now into seconds since the epoch."""
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or timeout <= 0:
        remedy = "Set timeout=600 for ten minutes, or timeout=null."
        raise bad_input("timeout (hydra.sweeper.timeout)", timeout, "must be a number of seconds above 0", remedy)
    return time.time() + timeout


def target_of(target: object, directions: Sequence[str]) -> float | None:
    """Check the value at which to stop."""
    if target is None:
        return None
    if not isinstance(target, (int, float)) or isinstance(target, bool):
        raise bad_input("hydra.sweeper.target", target, "must be a number", "Set hydra.sweeper.target=0.95.")
    if len(directions) > 1:
        remedy = "Leave it null, and bound the search by n_trials or timeout."
        raise bad_input("hydra.sweeper.target", target, "needs a single objective", remedy)
    return float(target)


def devices_of(devices: object) -> tuple[str, ...] | None:
    """Return the GPUs to share out; none for those that each worker sees."""
    if devices is None or devices == "auto":
        return None if devices is None else ()
    if not isinstance(devices, list) or not devices or any(isinstance(name, (bool, float)) for name in devices):
        rule = "must be null, auto, or a list of GPUs"
        raise bad_input("hydra.sweeper.devices", devices, rule, "Set hydra.sweeper.devices=auto, or =[0,1].")
    return tuple(map(str, devices))


def as_tuple(value: object) -> tuple[str, ...]:
    """Return one direction, or a list of them, as a tuple of names."""
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
