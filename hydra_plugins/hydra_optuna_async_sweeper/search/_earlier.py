"""Earlier searches, as `warm_start` names them: each by its sweep directory, or by its name and its storage."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hydra_plugins.hydra_search.errors import BadInput, bad_input, shown, suggestion
from hydra_plugins.hydra_search.files import FINGERPRINT, JOURNAL, MULTIRUN, read_object
from hydra_plugins.hydra_search.settings import plain
from hydra_plugins.hydra_search.trials import best_trials
from hydra_plugins.hydra_search.urls import MASK

from ..storage._journal import Journal
from ..storage._resolve import resolve_storage
from ..storage._storage import STORAGE, StudyStorage

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

KEY = "hydra.sweeper.warm_start"
EXAMPLE = "Write [{study: first_try, top: 5}], for example, with `storage: URL` where the name alone does not tell."
TOP = 5


@dataclass(frozen=True)
class Entry:
    """One earlier search, as the setting names it."""

    where: str  # what the messages call it: `hydra.sweeper.warm_start[0]`
    study: str  # its name, or its sweep directory
    storage: object  # as hydra.sweeper.storage, or a journal's path; None where it is to be found
    top: int


@dataclass(frozen=True)
class NewSearch:
    """The search that is to start warm."""

    study_name: str
    directions: tuple[str, ...]
    sweep_dir: Path
    storage: StudyStorage


@dataclass(frozen=True)
class Earlier:
    """An earlier search."""

    study_name: str
    shown: str  # where its study lives
    ranked: "list[FrozenTrial]"  # its finished trials, best first; of several objectives, those of the front


def read_entries(value: object) -> list[Entry]:
    """Read the setting. Raises BadInput."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_input(KEY, value, "must be a list of earlier searches", EXAMPLE)
    return [_entry(item, f"{KEY}[{i}]") for i, item in enumerate(value)]


def _entry(item: object, where: str) -> Entry:
    if not isinstance(item, Mapping) or "study" not in item:
        raise bad_input(where, item, "must be a mapping that names a study", EXAMPLE)
    known = ("study", "storage", "top")
    for key in item:
        if key not in known:
            raise bad_input(f"{where}.{key}", item[key], "is no key of an entry", suggestion(str(key), known))
    study, top = item["study"], item.get("top", TOP)
    if isinstance(study, bool) or not isinstance(study, (str, int)) or study == "":
        raise bad_input(f"{where}.study", study, "must be a study's name or its sweep directory", EXAMPLE)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise bad_input(f"{where}.top", top, "must be a number of trials, 1 or more", EXAMPLE)
    return Entry(where, str(study), item.get("storage"), top)


def find_earlier(entry: Entry, new: NewSearch) -> Earlier:
    """Read the study of an entry.

    Raises:
        BadInput: it is not there, it is the new search itself, or it has other objectives.
    """
    where = f"{entry.where}.study"
    name, storage = _place_of(entry, new)
    if (name, storage) == (new.study_name, new.storage):
        raise bad_input(where, entry.study, "is this search itself", "Name an earlier one.")
    with _as_said_of(f"{entry.where}.storage"), storage.look() as opened:
        names = _names_in(opened) if opened else []
        if opened is None or name not in names:
            remedy = suggestion(name, names) if names else "Write its sweep directory, or add `storage: URL`."
            raise bad_input(where, entry.study, f"there is no study {name!r} in {storage.shown}", remedy)
        study_id = opened.get_study_id_from_name(name)
        directions = tuple(direction.name.lower() for direction in opened.get_study_directions(study_id))
        trials = opened.get_all_trials(study_id, deepcopy=False)
    if directions != new.directions:
        rule = f"has the objectives {shown(list(directions))}, and this search has {shown(list(new.directions))}"
        raise bad_input(where, entry.study, rule, "Name a study with the same ones.")
    return Earlier(name, storage.shown, best_trials(trials, directions))


def _names_in(storage: "BaseStorage") -> list[str]:
    return [study.study_name for study in storage.get_all_studies()]


def _place_of(entry: Entry, new: NewSearch) -> tuple[str, StudyStorage]:
    """Return the study's name and where it is: in the storage that is named, its directory's, or the new search's."""
    beside = new.sweep_dir.parent / entry.study
    directory = next((path.absolute() for path in (Path(entry.study), beside) if path.is_dir()), None)
    name = _name_in(directory) if directory else entry.study
    if entry.storage is not None:
        return name, _resolved(entry.storage, f"{entry.where}.storage")
    found = _storage_of(directory, f"{entry.where}.study") if directory else None
    if found is None and isinstance(new.storage, Journal):  # which holds no study but its own
        return name, Journal((directory or beside) / JOURNAL)
    return name, found or new.storage


def _resolved(value: object, where: str) -> StudyStorage:
    if isinstance(value, str) and "://" not in value:
        path = Path(value).absolute()
        return Journal(path / JOURNAL if path.is_dir() else path)
    with _as_said_of(where):
        return resolve_storage(value, Path.cwd(), Path.cwd())


@contextmanager
def _as_said_of(where: str) -> Iterator[None]:
    """Let a message about a storage name the setting that it comes from."""
    try:
        yield
    except BadInput as error:
        text = str(error)
        raise BadInput(f"{where}{text.removeprefix(STORAGE)}" if text.startswith(STORAGE) else text) from None


def _name_in(directory: Path) -> str:
    """Return the name of a sweep directory's study: what it says itself, or else its own name."""
    return str(read_object(directory / FINGERPRINT).get("study_name", directory.name))


def _storage_of(directory: Path, where: str) -> StudyStorage | None:
    """Return where the search of a sweep directory has kept its study; None where that can't be told."""
    if (directory / JOURNAL).exists():
        return Journal(directory / JOURNAL)
    try:
        config = OmegaConf.load(directory / MULTIRUN)
        value = plain(OmegaConf.select(config, STORAGE))
        base = Path(str(OmegaConf.select(config, "hydra.runtime.cwd") or Path.cwd()))
    except (OSError, YAMLError, OmegaConfBaseException):
        return None
    if value is None or MASK in str(value):
        return None
    with _as_said_of(where):
        return resolve_storage(value, directory, base)
