"""A sweep directory holds one search: taken by making its `multirun.yaml`, given back if nothing came of it.

A search whose name is the time of its start shares that with no other: where two start in the same second, one of them
is named anew, with its directory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from .files import MULTIRUN

STUDY_NAME = "hydra.sweeper.study_name"


@dataclass(frozen=True)
class Claim:
    """The directory of a search, and those that were made for it, the innermost first."""

    directory: str
    created: tuple[str, ...]


def claim(directory: Path, text: str) -> Claim:
    """Take a directory for a search, whose configuration is `text`. Of two processes that try at once, one gets it.

    Raises:
        FileExistsError: it is taken.
        OSError: it can't be made.
    """
    created = tuple(str(path) for path in (directory, *directory.parents) if not path.exists())
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / MULTIRUN).open("x", encoding="utf-8") as file:
        file.write(text)
    return Claim(str(directory), created)


def release_if_unused(claimed: Claim) -> None:
    """Remove what `claim` has made, unless something else was written there."""
    directory = Path(claimed.directory)
    if not directory.is_dir() or [path.name for path in directory.iterdir()] != [MULTIRUN]:
        return
    (directory / MULTIRUN).unlink()
    for path in map(Path, claimed.created):
        if any(path.iterdir()):
            return
        path.rmdir()


def study_name_of(config: DictConfig) -> str:
    """Return the name of the search; of one that has none, the application's and the time of its start."""
    given = OmegaConf.select(config, STUDY_NAME)
    if given is not None:
        return str(given)
    start = OmegaConf.create({"start": "${now:%Y-%m-%d_%H-%M-%S}"})
    OmegaConf.copy_cache(from_config=config, to_config=start)
    name = f"{config.hydra.job.name}-{start.start}"
    OmegaConf.get_cache(config).setdefault("now", {}).update(OmegaConf.get_cache(start)["now"])
    return name


def name_of_search(otherwise: str, *, _root_: DictConfig) -> str:
    """Return the sweeper's study_name, where it has one: for `${name_of_search:...}`."""
    name = OmegaConf.select(_root_, STUDY_NAME)
    return otherwise if name is None else str(name)


def is_timed(config: DictConfig) -> bool:
    """Tell whether the name of the search, and its directory, are made of the time of its start: nobody has chosen it.

    Who chooses the name of a search may share it, or go on with it.
    """
    name, directory = study_name_of(config), str(config.hydra.sweep.dir)
    starts = _starts(config).values()
    return any(start in name for start in starts) and any(start in directory for start in starts)


def new_names(config: DictConfig) -> Iterator[None]:
    """Name the search anew at each step but the first, in its configuration, and so for all who read that."""
    yield
    starts = _starts(config)
    for number in count(2):
        OmegaConf.get_cache(config)["now"].update({format_: f"{start}-{number}" for format_, start in starts.items()})
        yield


def _starts(config: DictConfig) -> Mapping[Any, str]:  # Any: OmegaConf's own key, the resolver's arguments
    """Return what `${now:...}` has given for the formats that tell the second; a configuration asks once for each."""
    known = OmegaConf.get_cache(config).get("now", {})
    return {format_: start for format_, start in known.items() if "%S" in str(format_)}
