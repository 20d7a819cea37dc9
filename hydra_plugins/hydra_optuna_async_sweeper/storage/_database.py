"""A study in a database: a SQLite file, or a server of any kind."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from filelock import FileLock
from optuna.storages import BaseStorage, RDBStorage, get_storage

from hydra_plugins.hydra_search.errors import bad_input, one_line
from hydra_plugins.hydra_search.settings import check_directory
from hydra_plugins.hydra_search.studies import limits_of
from hydra_plugins.hydra_search.urls import by_variable, from_variables, masked

from ._retry import RetryingStorage, retry
from ._storage import STORAGE, StudyStorage, Target, instantiated
from ._upstream import database_of

SQLITE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)")


@dataclass(frozen=True)
class Database(StudyStorage):
    """A database server that Optuna can use."""

    url: str
    target: Target | None = None
    file: Path | None = None

    def __getstate__(self) -> dict[str, object]:
        """Travel without what the environment holds of the URL: each process reads its own."""
        return self._with_url(by_variable)

    def __setstate__(self, state: dict[str, object]) -> None:
        """Read this process's own environment."""
        self.__dict__.update(state)
        self.__dict__.update(self._with_url(from_variables))

    def _with_url(self, change: Callable[[str], str]) -> dict[str, object]:
        target = self.target and {k: change(v) if isinstance(v, str) else v for k, v in self.target.items()}
        return self.__dict__ | {"url": change(self.url), "target": target}

    def open(self) -> BaseStorage:
        """Connect, and make the tables."""
        return get_storage(made(self.url) if self.target is None else instantiated(self.target))

    @property
    def shown(self) -> str:
        """The URL, or the name of what makes it."""
        return masked(self.url) if self.target is None else str(self.target["_target_"])

    def is_there(self) -> bool:
        """Look for Optuna's tables."""
        from sqlalchemy import NullPool, create_engine, inspect
        from sqlalchemy.exc import DatabaseError

        if not super().is_there():
            return False
        engine = create_engine(self.url, poolclass=NullPool)
        try:
            return retry(lambda: inspect(engine).has_table("studies"))
        except DatabaseError as error:
            rule, remedy = f"can't be read ({one_line(error.orig)})", "Name another database, or see what it holds."
            raise bad_input(STORAGE, self.shown, rule, remedy) from None

    def close(self, storage: BaseStorage) -> None:
        """Give this thread's connection back, and close those that no thread uses."""
        database = database_of(storage.once if isinstance(storage, RetryingStorage) else storage)
        database.remove_session()
        database.engine.dispose()

    def check_reachable(self, key: str) -> None:
        """Connect once, and leave.

        Raises:
            BadInput: there is no driver for it, nobody answers, or we are not let in. `key` is the setting to name.
        """
        from sqlalchemy import NullPool, create_engine
        from sqlalchemy.exc import SQLAlchemyError

        try:
            create_engine(self.url, poolclass=NullPool, connect_args=limits_of(self.url)).connect().close()
        except ImportError as error:
            remedy = "For PostgreSQL: pip install 'psycopg[binary]', and write postgresql+psycopg://..."
            rule = f"its database driver is not installed ({error})"
            raise bad_input(key, masked(self.url), rule, remedy) from None
        except (SQLAlchemyError, ValueError) as error:
            remedy = "Write postgresql+psycopg://user:password@host:port/database, and see that the server runs."
            rule = f"can't be opened ({one_line(getattr(error, 'orig', None) or error)})"
            raise bad_input(key, masked(self.url), rule, remedy) from None


@dataclass(frozen=True)
class SQLite(Database):
    """A SQLite file, where two workers can claim one trial at the same moment."""

    claims_atomically: ClassVar[bool] = False

    def open(self) -> BaseStorage:
        """Open it, its folder is made too. Each method of what is returned waits while others have locked the file."""
        return cast("BaseStorage", RetryingStorage(retry(self._open)))  # has what a BaseStorage has

    def _open(self) -> BaseStorage:
        if self.file is None:
            return self._made()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.file.with_name(f"{self.file.name}.lock")):  # of two that make the tables one would fail
            return self._made()

    def _made(self) -> BaseStorage:
        if self.target is not None:
            return get_storage(instantiated(self.target))
        return get_storage(made(self.url, {"connect_args": limits_of(self.url)}))

    def check_reachable(self, key: str) -> None:
        """Ask only for its name: the file is made when it is opened."""
        if self.file is None:
            rule = "names no file that the workers could share"
            raise bad_input(key, masked(self.url), rule, "Write sqlite:///study.db.")
        if self.file.is_dir():
            raise bad_input(key, masked(self.url), "names a directory", "Write sqlite:///study.db.")
        check_directory(key, self.file.parent, masked(self.url))


def made(url: str, engine_kwargs: dict[str, object] | None = None) -> RDBStorage:
    """Return Optuna's storage of the database; if it can't be made, no connection of it is left open."""
    storage = RDBStorage.__new__(RDBStorage)
    try:
        storage.__init__(url, engine_kwargs)  # type: ignore[misc]  # in two steps, to have the engine after an error
    except BaseException:
        if engine := getattr(storage, "engine", None):
            engine.dispose()
        raise
    return storage
