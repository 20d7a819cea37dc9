"""A sweep directory holds one search: claimed by creating its `multirun.yaml`, given up if nothing came of it."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ._search_space import bad_input

CLAIM = "multirun.yaml"  # Hydra's basic sweeper writes the same file with the same content


@dataclass(frozen=True)
class Claim:
    """The directory of a search, and those that were made for it, the innermost first."""

    directory: str
    created: tuple[str, ...]


def claim_sweep_dir(config: DictConfig) -> Claim:
    """Take `hydra.sweep.dir` for this search. Of two processes that try at once, one gets it.

    Raises:
        BadInput: it already holds a search, whose jobs the new one would overwrite, or it can't be written.
    """
    directory = Path(config.hydra.sweep.dir)
    created = tuple(str(path) for path in (directory, *directory.parents) if not path.exists())
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(path.name.isdecimal() or path.name == "optimization_results.yaml" for path in directory.iterdir()):
            raise FileExistsError
        with (directory / CLAIM).open("x", encoding="utf-8") as file:
            file.write(OmegaConf.to_yaml(config))
    except FileExistsError:
        knob = "study_name=<name>, or " if "study_name" in config else ""
        rule = "already holds a search, which this sweeper would overwrite"
        raise bad_input("hydra.sweep.dir", directory, rule, f"Set {knob}hydra.sweep.dir=<directory>.") from None
    except OSError as error:
        remedy = "Set hydra.sweep.dir=<directory> to one that you may write."
        raise bad_input("hydra.sweep.dir", directory, f"can't be used ({error})", remedy) from error
    return Claim(str(directory), created)


def release_if_unused(claim: Claim) -> None:
    """Remove what `claim_sweep_dir` made, unless something else was written there."""
    directory = Path(claim.directory)
    if [path.name for path in directory.iterdir()] != [CLAIM]:
        return
    (directory / CLAIM).unlink()
    for path in map(Path, claim.created):
        if any(path.iterdir()):
            return
        path.rmdir()
