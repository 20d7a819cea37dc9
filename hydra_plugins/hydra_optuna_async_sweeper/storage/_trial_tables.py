"""Optuna's tables of trials in a PostgreSQL server: read and written by one statement each, and read by what is new."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from . import _statements as sql

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine, Row

USER, SYSTEM = "trial_user_attributes", "trial_system_attributes"
SPECIAL = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}
TIMES_ARE_IN_UTC = int(optuna.__version__.partition(".")[0]) >= 5  # else in each machine's own time
as_distribution = cache(json_to_distribution)


@dataclass(frozen=True)
class Look:
    """What is new in a study, and from where to look the next time."""

    trials: list[FrozenTrial]
    since: str
    server: str  # when it was started
    attributes: Mapping[str, object]  # of the study: those that steer its search, new or not


@dataclass
class TrialTables:
    """The tables, as an engine reaches them."""

    engine: "Engine"

    def look(self, study_id: int, first: int, since: str | None, is_all: bool) -> Look:
        """Read the trials that have changed since a look.

        Args:
            study_id: of the study.
            first: all trials with a smaller id have ended, and are known.
            since: of that look; None reads all trials from `first` on.
            is_all: whether what a job has written since its trial began is looked for as well.
        """
        statement = sql.READ_ALL_NEW if is_all else sql.READ_NEW
        of_study, trials = self._read(statement, study=study_id, first=first, since=since)
        now = next(row for row in of_study if row.kind == "now")
        return Look(trials, now.name, now.text, _steering(of_study))

    def read(self, trial_id: int) -> FrozenTrial:
        """Read a trial. Raises KeyError if it is not there."""
        _, trials = self._read(sql.READ, ids=[trial_id])
        if not trials:
            raise KeyError(trial_id)
        return trials[0]

    def _read(self, statement: str, **given: object) -> "tuple[list[Row[Any]], list[FrozenTrial]]":
        rows: dict[int, list[Row[Any]]] = {}
        for row in self._rows(statement, **given):
            rows.setdefault(row.trial_id, []).append(row)
        return rows.pop(0), [_trial(trial_id, rows[trial_id]) for trial_id in sorted(rows)]

    def steering(self, study_id: int) -> Mapping[str, object]:
        """Read the attributes of the study that steer its search."""
        return _steering(self._rows(sql.STEERING, study=study_id))

    def claim(self, ids: Sequence[int], key: str, value: object) -> int | None:
        """Let the first of these trials run that waits and that nobody else takes at this moment, by one statement.

        Args:
            ids: of the trials, in the order of the queue.
            key: of a user attribute which that trial is given.
            value: of this attribute.

        Returns:
            its id; None if none of them waits.
        """
        now = stored_time(datetime.now())
        given = {"ids": list(ids), "key": key, "value": json.dumps(value)}
        return next((row.trial_id for row in self._rows(sql.CLAIM, **given, now=now)), None)

    def claimed(self, ids: Sequence[int], key: str, value: object) -> int | None:
        """Return the id of the one of these trials that runs with such an attribute; None if there is none."""
        found = self._rows(sql.CLAIMED, ids=list(ids), key=key, value=json.dumps(value))
        return next((row.trial_id for row in found), None)

    def add_waiting(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Add trials that wait, of which nothing but the attributes is kept."""
        with self.engine.begin() as connection:  # numbers are counted under Optuna's own lock
            _execute(connection, "SELECT study_id FROM studies WHERE study_id = :study FOR UPDATE", study=study_id)
            ids = sorted(_execute(connection, sql.ADD, study=study_id, n=len(trials)).scalars())
            for table, of in ((USER, "user_attrs"), (SYSTEM, "system_attrs")):
                rows = [
                    {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
                    for trial_id, trial in zip(ids, trials, strict=True)
                    for key, value in getattr(trial, of).items()
                ]
                if rows:
                    _execute(connection, sql.ADD_ATTRIBUTES.format(table=table), rows=json.dumps(rows))

    def begin(self, trial_id: int) -> bool:
        """Let a waiting trial run. Returns whether it waited, as for all that follow: whether it was open."""
        return self._writes(sql.BEGIN, id=trial_id, now=stored_time(datetime.now()))

    def close(self, trial_id: int, state: TrialState, values: Iterable[float] | None) -> bool:
        """End an open trial, with its objective values."""
        now, numbers = stored_time(datetime.now()), list(values or ())
        finite = [None if math.isinf(number) else float(number) for number in numbers]
        given = {"values": finite, "kinds": [_kind(number) for number in numbers]}
        return bool(self._rows(sql.CLOSE, id=trial_id, state=state.name, now=now, **given))

    def set_attribute(self, table: str, trial_id: int, key: str, value: object) -> bool:
        """Set an attribute of an open trial, in the table `USER` or `SYSTEM`."""
        return self._writes(sql.SET_ATTRIBUTE.format(table=table), id=trial_id, key=key, value=json.dumps(value))

    def set_param(self, trial_id: int, name: str, value: float, distribution: BaseDistribution) -> bool:
        """Set a parameter, in its internal representation, of an open trial."""
        text = distribution_to_json(distribution)
        return self._writes(sql.SET_PARAM, id=trial_id, name=name, value=float(value), distribution=text)

    def set_step(self, trial_id: int, step: int, value: float) -> bool:
        """Set an intermediate value of an open trial."""
        kind = "NAN" if math.isnan(value) else _kind(value)
        given = {"step": step, "value": float(value) if kind == "FINITE" else None, "kind": kind}
        return self._writes(sql.SET_STEP, id=trial_id, **given)

    @cached_property
    def _autocommit(self) -> "Engine":
        """The same connection; a statement is a transaction, and no other is begun and ended around it."""
        return self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _rows(self, statement: str, **given: object) -> "Sequence[Row[Any]]":
        with self._autocommit.connect() as connection:
            return _execute(connection, statement, **given).all()

    def _writes(self, statement: str, **given: object) -> bool:
        with self._autocommit.connect() as connection:
            return _execute(connection, statement, **given).rowcount > 0


def _execute(connection: "Connection", statement: str, **given: object) -> "CursorResult[Any]":
    return connection.execute(_text(statement), given)


@cache
def _text(statement: str) -> Any:  # Any: sqlalchemy need not be imported
    from sqlalchemy import text

    return text(statement)


def _steering(rows: "Iterable[Row[Any]]") -> dict[str, object]:
    return {row.name: json.loads(row.text) for row in rows if row.kind == "steering"}


def stored_time(local: datetime | None) -> datetime | None:
    """Return a time, which is that of this machine, as Optuna's tables have it."""
    return local.astimezone(UTC).replace(tzinfo=None) if local and TIMES_ARE_IN_UTC else local


def local_time(stored: datetime | None) -> datetime | None:
    """Return what `stored_time` was given."""
    return stored.replace(tzinfo=UTC).astimezone().replace(tzinfo=None) if stored and TIMES_ARE_IN_UTC else stored


def _kind(value: float) -> str:
    return "FINITE" if not math.isinf(value) else "INF_POS" if value > 0 else "INF_NEG"


def _trial(trial_id: int, rows: "list[Row[Any]]") -> FrozenTrial:
    of: Mapping[str, list[Row[Any]]] = {kind: [] for kind in ("trial", "value", "param", "user", "system", "step")}
    for row in sorted(rows, key=lambda row: row.place):
        of[row.kind].append(row)
    (trial,) = of["trial"]
    distributions = {row.name: as_distribution(row.text) for row in of["param"]}
    return FrozenTrial(
        number=trial.place,
        state=TrialState[trial.name],
        value=None,
        values=[SPECIAL.get(row.name, row.value) for row in of["value"]] or None,
        datetime_start=local_time(trial.begun),
        datetime_complete=local_time(trial.ended),
        params={row.name: distributions[row.name].to_external_repr(row.value) for row in of["param"]},
        distributions=distributions,
        user_attrs={row.name: json.loads(row.text) for row in of["user"]},
        system_attrs={row.name: json.loads(row.text) for row in of["system"]},
        intermediate_values={row.place: SPECIAL.get(row.name, row.value) for row in of["step"]},
        trial_id=trial_id,
    )
