"""What `hydra.sweeper.storage` says, checked: nothing, a URL, or a `_target_`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from hydra.errors import HydraException

from hydra_plugins.hydra_search.errors import bad_input, one_line
from hydra_plugins.hydra_search.files import JOURNAL
from hydra_plugins.hydra_search.urls import MASK

from .._targets import check_targets
from ._database import SQLITE_FILE, Database, SQLite
from ._journal import Journal
from ._postgresql import PostgreSQL
from ._storage import STORAGE, STORAGE_KINDS, TARGETS, Custom, StudyStorage, Target

REMEDY = "Leave it null for a journal file in the sweep directory, or write sqlite:///study.db."


def resolve_storage(value: object, sweep_dir: Path, base: Path) -> StudyStorage:
    """Return where the study lives: the default filled in, relative paths made absolute. Nothing is made.

    Args:
        value: null, a URL, or a mapping with a `_target_` of optuna.storages.
        sweep_dir: where the default journal stands.
        base: what relative paths are relative to.

    Raises:
        BadInput: neither, a storage that only one process can see, or a database that does not let us in.
    """
    if value is None:
        return Journal(sweep_dir / JOURNAL)
    if isinstance(value, str):
        return _reachable(database_at(_absolute_url(value, base)))
    target = str(value.get("_target_", "")) if isinstance(value, Mapping) else ""
    if not target.startswith("optuna.storages."):
        raise bad_input(STORAGE, value, "must be null, a URL, or a _target_ of optuna.storages", REMEDY)
    _check_made_of_storages(cast("Target", value))
    if target.endswith("InMemoryStorage"):
        remedy = "Leave it null: a journal file in the sweep directory costs about as little."
        raise bad_input(STORAGE, target, "a storage in memory can't be shared with the workers", remedy)
    found = _absolute_paths(cast("Mapping[str, object]", value), base)
    return _reachable(database_at(str(found.get("url")), found)) if target.endswith("RDBStorage") else Custom(found)


def database_at(url: str, target: Target | None = None) -> "Database":
    """Return the database of a URL.

    Args:
        url: of SQLAlchemy; the path of a SQLite file is absolute.
        target: the RDBStorage to make instead of the one that serves this URL best.
    """
    if url.startswith("sqlite"):
        found = SQLITE_FILE.match(url)
        return SQLite(url, target, Path(found[2]) if found else None)
    return PostgreSQL(url, target) if url.startswith("postgresql") else Database(url, target)


def _check_made_of_storages(target: Target) -> None:
    try:
        check_targets(target, STORAGE_KINDS, TARGETS)
    except (TypeError, HydraException) as error:
        rule = f"can't be made ({one_line(error.__cause__ or error)})"
        raise bad_input(STORAGE, dict(target), rule, REMEDY) from error


def _reachable(database: Database) -> Database:
    database.check_reachable(STORAGE)
    return database


def _absolute_url(url: str, base: Path) -> str:
    if "://" not in url:
        hidden = re.sub(r":\S*@", f":{MASK}@", url)  # what looks like none may be one with a slip, and have a password
        raise bad_input(STORAGE, hidden, "must be a database URL", REMEDY)
    return SQLITE_FILE.sub(lambda found: f"{found[1]}{base / found[2]}", url, count=1)


def _absolute_paths(target: Target, base: Path) -> Target:
    found: dict[str, object] = {}
    for key, value in target.items():
        if isinstance(value, Mapping):
            found[key] = _absolute_paths(value, base)
        elif key == "file_path":
            found[key] = str(base / str(value))
        else:
            found[key] = _absolute_url(value, base) if key == "url" and isinstance(value, str) else value
    return found
