"""Where studies live, opened by whoever looks from outside: nothing is made, and no connection is kept."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Absent, NotFound, one_line
from .urls import MASK, known, masked, missing_variable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage
    from optuna.storages.journal import JournalFileOpenLock
    from optuna.trial import FrozenTrial

SECONDS_TO_CONNECT = 10
SECONDS_OF_A_LOCK = 60  # that SQLite's driver waits for
KNOW_CONNECT_TIMEOUT = re.compile(r"(postgresql(\+psycopg2?)?|mysql(\+(pymysql|mysqldb))?)://")
ANOTHER = "name it with --storage URL"


def limits_of(url: str) -> dict[str, object]:
    """Return the driver's arguments by which it does not wait for ever, for a server that is away for example."""
    if url.startswith("sqlite"):
        return {"timeout": SECONDS_OF_A_LOCK}
    return {"connect_timeout": SECONDS_TO_CONNECT} if KNOW_CONNECT_TIMEOUT.match(url) else {}


def journal_lock(path: Path) -> "JournalFileOpenLock":
    """Return the lock that every writer of a journal takes, this project's and the file's own backend."""
    from ._journal_lock import JournalLock

    return JournalLock(path)


@contextmanager
def opened(place: str) -> Iterator["BaseStorage"]:
    """Open the storage at a place, and close its connections at the end. It can be read and written.

    Args:
        place: the URL of a database, perhaps with `${oc.env:NAME}` for what the environment holds, or the path of a
            journal file.

    Raises:
        NotFound: there is none, it can't be opened, does not answer, or its password is kept in no file.
    """
    if "://" not in place:
        yield _journal(Path(place))
        return
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    storage = _database(_with_password(place))
    try:
        yield storage
    except (StorageInternalError, SQLAlchemyError) as error:  # it has gone away, or is damaged
        raise NotFound(f"the study's database does not answer ({_reason(error.__cause__ or error)})") from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def study_id_of(storage: "BaseStorage", study_name: str) -> int:
    """Return the number by which a storage knows a study.

    Raises:
        NotFound: there is no study of this name; one whose name is like it is told.
    """
    try:
        return storage.get_study_id_from_name(study_name)
    except KeyError:
        known_names = [study.study_name for study in storage.get_all_studies()]
        raise Absent(f"there is no study {study_name!r}{like(study_name, known_names)}") from None


def trials_of(storage: "BaseStorage", study_name: str) -> list["FrozenTrial"]:
    """Return a study's trials by number; they are not to be changed. Raises NotFound."""
    return storage.get_all_trials(study_id_of(storage, study_name), deepcopy=False)


def like(name: str, known_names: Iterable[str]) -> str:
    """Return what names a name like this one, for the end of a message; empty where there is none."""
    near = get_close_matches(name, list(known_names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _journal(path: Path) -> "BaseStorage":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not path.is_file():
        raise Absent(f"{str(path)!r} does not exist; name the study's storage with --storage URL")
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=journal_lock(path)))
    except Exception as error:  # whatever a damaged line makes Optuna raise
        raise NotFound(f"the journal {str(path)!r} can't be read ({one_line(error)})") from error


def _with_password(url: str) -> str:
    whole = known(url)
    name = missing_variable(whole)
    if name or MASK in whole:
        remedy = f"set {name} in the environment" if name else "set OPTUNA_STORAGE_URL to the whole address"
        raise NotFound(f"the password of {url} is kept in no file; {remedy}, or {ANOTHER}")
    return whole


def _database(url: str) -> "RDBStorage":
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy import NullPool
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    engine: dict[str, object] = {"poolclass": NullPool, "connect_args": limits_of(url)}  # keeps no connection
    storage = RDBStorage.__new__(RDBStorage)
    try:
        _refuse_absent(url)
        storage.__init__(url, engine, skip_table_creation=True)  # type: ignore[misc]  # to have the engine after an error
    except (ImportError, SQLAlchemyError, ValueError, RuntimeError) as error:  # the last: of another version of Optuna
        with suppress(AttributeError):
            storage.engine.dispose()
        raise NotFound(f"the study's database can't be opened ({_reason(error)}); {ANOTHER}") from error
    return storage


def _reason(error: BaseException) -> str:
    return masked(str(getattr(error, "orig", None) or error).partition("\n")[0])


def _refuse_absent(url: str) -> None:
    """Refuse, by Absent, a database without Optuna's tables: opening it would make them, and the file too."""
    from sqlalchemy import NullPool, create_engine, inspect, make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and "uri=true" not in url.lower():
        file = Path(parsed.database or "")
        if file.parent.is_dir() and not file.is_file():
            raise Absent(f"there is no database {masked(url)!r}")
    engine = create_engine(parsed, poolclass=NullPool, connect_args=limits_of(url))
    try:
        if not inspect(engine).has_table("studies"):
            raise Absent(f"{masked(url)!r} holds no studies of Optuna")
    finally:
        engine.dispose()
