"""Writing and reading many rows at once, without SQLAlchemy's work for each row.

For the one hot path there is: reports, in batches of hundreds. Rows are given
as *images*, the very values that a ledger body carries (see
`gardefou.storage.records.Mapped.image`), so that table and ledger cannot say
different things. Whoever writes state here writes its events in the same
transaction, with `write_events`, each with the images of what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple, cast

import orjson
import sqlalchemy as sa

from gardefou.clock import to_micros
from gardefou.errors import Stale
from gardefou.ids import Ids
from gardefou.storage import tables
from gardefou.storage.fast import driver, translating
from gardefou.storage.types import Instant, Json, Names, dumps

Image = dict[str, Any]

#: From this many rows on PostgreSQL's COPY is faster than single inserts in a pipeline.
_COPY_FROM = 20
_NONE: dict[type[Any], str | None] = {list: "[]", dict: "{}", str: '""', type(None): None}
#: Rows of one statement on SQLite: the driver lets others run once for all of them.
_TOGETHER = 50
#: Unique violation, serialisation failure, deadlock: another transaction was there first.
_RACES = frozenset({"23505", "40001", "40P01"})
_SALT = 32


class Noted(NamedTuple):
    """One event on its way into the ledger, with the images of the rows that it changed.

    ``rows`` are ``[table name, image]`` pairs; images are taken as they are
    when the event is written.
    """

    kind: str
    by: str
    platform: str
    account: str
    about: str
    detail: dict[str, Any]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a table's images become rows for the driver: packed columns (JSON as text) come last."""

    columns: tuple[str, ...]
    plain: Callable[[Image], tuple[Any, ...]]
    packed: tuple[str, ...]
    booleans: tuple[str, ...]
    #: PostgreSQL's types of ``columns``.
    kinds: tuple[str, ...]
    key: tuple[str, ...]

    def row(self, image: Image) -> tuple[Any, ...]:
        """Return the values in the sequence of ``columns``."""
        # Nearly every list is empty.
        return (
            *self.plain(image),
            *[dumps(image[name]) if image[name] else _NONE[type(image[name])] for name in self.packed],
        )

    def image(self, row: Sequence[Any]) -> Image:
        """Return the image of a row that was read in the sequence of ``columns``."""
        image = dict(zip(self.columns, row, strict=True))
        for name in self.packed:
            image[name] = orjson.loads(image[name])
        for name in self.booleans:
            image[name] = bool(image[name])
        return image


@cache
def _shape(table: sa.Table) -> _Shape:
    # Plain texts: SQLAlchemy's names are a type of their own, which JSON keys may not be.
    columns = {str(column.name): column for column in table.columns}
    packed = tuple(name for name, column in columns.items() if isinstance(column.type, Json | Names))
    plain = tuple(name for name in columns if name not in packed)
    return _Shape(
        columns=plain + packed,
        plain=cast("itemgetter[Any]", itemgetter(*plain)),
        packed=packed,
        booleans=tuple(name for name, column in columns.items() if isinstance(column.type, sa.Boolean)),
        kinds=tuple(_kind(columns[name]) for name in plain + packed),
        key=tuple(str(column.name) for column in table.primary_key.columns),
    )


def _kind(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.Boolean):
        return "boolean"
    if isinstance(column.type, Instant | sa.BigInteger):
        return "bigint"
    if isinstance(column.type, sa.LargeBinary):
        return "bytea"
    return "integer" if isinstance(column.type, sa.Integer) else "text"


def columns_of(table: sa.Table, prefix: str) -> str:
    """Return the columns of a table as `images_of` expects them, for a SELECT."""
    return ", ".join(f'{prefix}."{name}"' for name in _shape(table).columns)


def images_of(table: sa.Table, rows: Iterable[Sequence[Any]]) -> list[Image]:
    """Return the images of rows that a SELECT of `columns_of` found."""
    shape = _shape(table)
    return [shape.image(row) for row in rows]


def insert_images(connection: sa.Connection, table: sa.Table, images: Iterable[Image]) -> None:
    """Insert new rows."""
    shape = _shape(table)
    _insert(connection, table.name, shape.columns, [shape.row(image) for image in images])


def insert_rows(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows whose values are as the driver takes them."""
    _insert(connection, table.name, columns, rows)


def update_images(connection: sa.Connection, table: sa.Table, images: Sequence[Image]) -> None:
    """Replace rows, each the version before its own.

    Raises:
        Stale: one of them was changed by someone else first (`<table>/stale`).
    """
    if not images:
        return
    shape = _shape(table)
    free = [name for name in shape.columns if name not in shape.key]
    rows = [(*shape.row(image), image["version"] - 1) for image in images]
    if _postgres(connection):
        # One statement with a column each as an array, as `pairs_source` does it.
        names = ", ".join(f'"{name}"' for name in shape.columns)
        sets = ", ".join(f'"{name}" = given."{name}"' for name in free)
        arrays = ", ".join(f"%s::{kind}[]" for kind in (*shape.kinds, "integer"))
        where = " AND ".join(f'held."{name}" = given."{name}"' for name in shape.key)
        statement = (
            f'UPDATE "{table.name}" AS held SET {sets} FROM unnest({arrays}) AS given({names}, "was")'  # noqa: S608 - own names
            f' WHERE {where} AND held."version" = given."was"'
        )
        with translating(connection):
            columns = [list(column) for column in zip(*rows, strict=True)]
            done = int(driver(connection).execute(statement, columns, prepare=False).rowcount)
    else:
        place = {name: index for index, name in enumerate((*shape.columns, "was"))}
        order = itemgetter(*(place[name] for name in (*free, *shape.key, "was")))
        sets = ", ".join(f'"{name}" = ?' for name in free)
        where = " AND ".join(f'"{name}" = ?' for name in (*shape.key, "version"))
        statement = f'UPDATE "{table.name}" SET {sets} WHERE {where}'  # noqa: S608 - own names
        done = connection.exec_driver_sql(statement, [order(row) for row in rows]).rowcount
    if done != len(rows):
        raise Stale(f"{table.name}/stale", "Someone else changed it first; read it again and decide anew.")


def event_rows(
    events: Sequence[Noted], *, now: datetime, ids: Ids, salts: Callable[[int], bytes]
) -> list[tuple[Any, ...]]:
    """Return the rows of events, in the sequence of `EVENT_COLUMNS` and as the driver takes them.

    A body is the JSON that the leaf commits to, its keys sorted.
    """
    made = ids.many(len(events))
    salt = salts(_SALT * len(events))
    at = to_micros(now)
    return [
        (
            event.platform,
            event_id,
            event.kind,
            at,
            event.by,
            event.account,
            event.about,
            salt[place : place + _SALT],
            orjson.dumps(
                {
                    "about": event.about,
                    "account": event.account,
                    "by": event.by,
                    "detail": event.detail,
                    "kind": event.kind,
                    "platform": event.platform,
                    "rows": event.rows,
                },
                option=orjson.OPT_SORT_KEYS,
            ),
        )
        for event_id, place, event in zip(made, range(0, len(salt), _SALT), events, strict=True)
    ]


def write_events(
    connection: sa.Connection, events: Sequence[Noted], *, now: datetime, ids: Ids, salts: Callable[[int], bytes]
) -> list[str]:
    """Write events at once; return their ids, in sequence."""
    rows = event_rows(events, now=now, ids=ids, salts=salts)
    insert_events(connection, rows)
    return [row[1] for row in rows]


def insert_events(connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert events, in the sequence of `EVENT_COLUMNS` and as the driver takes them, and note each as pending."""
    if not rows:
        return
    if _postgres(connection) and len(rows) < _COPY_FROM:
        # One statement with a column each as an array, for both tables.
        driver(connection).execute(
            _EVENTS_AT_ONCE, [list(column) for column in zip(*rows, strict=True)], binary=True, prepare=True
        )
        return
    _insert(connection, "event", EVENT_COLUMNS, rows)
    _insert(connection, "event_pending", ("platform", "id"), [row[:2] for row in rows])


def copied(connection: sa.Connection, rows: Sequence[Any]) -> bool:
    """Whether so many rows are inserted by COPY, which cannot be one statement among others of an exchange."""
    return _postgres(connection) and len(rows) >= _COPY_FROM


def forget_pending(connection: sa.Connection, events: Sequence[tuple[str, str]]) -> None:
    """Note that events, by platform and id, are pending no more."""
    if _postgres(connection):
        source, values = pairs_source(connection, events)
        statement = f"DELETE FROM event_pending USING {source} WHERE platform = given.a AND id = given.b"  # noqa: S608 - own clauses
        with translating(connection):
            driver(connection).execute(statement, values, prepare=False)
        return
    with translating(connection):
        driver(connection).executemany("DELETE FROM event_pending WHERE platform = ? AND id = ?", events)


EVENT_COLUMNS = ("platform", "id", "kind", "at", "by", "account", "about", "salt", "body")
assert set(EVENT_COLUMNS) == {column.name for column in tables.event.columns}
_ARRAYS = ", ".join(f"%b::{_kind(tables.event.c[name])}[]" for name in EVENT_COLUMNS)
_NAMES = ", ".join(f'"{name}"' for name in EVENT_COLUMNS)
_EVENTS_AT_ONCE = (
    f"WITH given({_NAMES}) AS (SELECT * FROM unnest({_ARRAYS})),"  # noqa: S608 - own names
    f" made AS (INSERT INTO event ({_NAMES}) SELECT * FROM given)"
    " INSERT INTO event_pending (platform, id) SELECT platform, id FROM given"
)


def pairs_source(connection: sa.Connection, pairs: Sequence[tuple[str, str]]) -> tuple[str, tuple[Any, ...]]:
    """Return a FROM clause that holds pairs of texts as ``given(a, b)``, and its parameters."""
    if _postgres(connection):
        firsts, seconds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return "unnest(%s::text[], %s::text[]) AS given(a, b)", (firsts, seconds)
    text = orjson.dumps(pairs).decode()
    return "(SELECT json_extract(value, '$[0]') AS a, json_extract(value, '$[1]') AS b FROM json_each(?)) AS given", (
        text,
    )


def texts_source(connection: sa.Connection, texts: Sequence[str]) -> tuple[str, tuple[Any, ...]]:
    """Return a FROM clause that holds texts as ``given(a)``, and its parameters."""
    if _postgres(connection):
        return "unnest(%s::text[]) AS given(a)", (list(texts),)
    return "(SELECT value AS a FROM json_each(?)) AS given", (orjson.dumps(list(texts)).decode(),)


def select(
    connection: sa.Connection, statement: str, values: tuple[Any, ...], *, binary: bool = False
) -> Sequence[Sequence[Any]]:
    """Run a SELECT whose parameters are written ``?``, whatever the driver calls them.

    ``binary``: PostgreSQL sends what it found as it stores it; bytes are half as long so.
    """
    if _postgres(connection):
        # Never prepared: a plan made while a table was nearly empty would be kept when it is full.
        with translating(connection):
            found = driver(connection).execute(statement.replace("?", "%s"), values, prepare=False, binary=binary)
            rows: Sequence[Sequence[Any]] = found.fetchall()
        return rows
    return connection.exec_driver_sql(statement, values).fetchall()


def lost_a_race(error: BaseException) -> bool:
    """Whether a transaction failed only because another was there first: run it again."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) in _RACES


def _postgres(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _insert(connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    with translating(connection), closing(driver(connection).cursor()) as cursor:
        if _postgres(connection) and len(rows) >= _COPY_FROM:
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s" if _postgres(connection) else "?"] * len(columns))
        statement = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - own names
        whole = 0 if _postgres(connection) else len(rows) - len(rows) % _TOGETHER
        together = statement + f", ({marks})" * (_TOGETHER - 1) if whole else ""
        for first in range(0, whole, _TOGETHER):
            cursor.execute(together, list(chain.from_iterable(rows[first : first + _TOGETHER])))
        cursor.executemany(statement, rows[whole:])
