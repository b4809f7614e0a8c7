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
#: Gives the rows of a statement that was sent.
Asked = Callable[[], Sequence[Sequence[Any]]]

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
    insert_rows(connection, table, shape.columns, [shape.row(image) for image in images])


def insert_rows(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows whose values are as the driver takes them."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if _postgres(connection):
        kinds = _kinds(table, tuple(columns))
        statement = f'INSERT INTO "{table.name}" ({names}) SELECT * FROM {_unnest(kinds)}'  # noqa: S608 - own names
        send_rows(connection, statement, kinds, rows, prepare=True)
        return
    with translating(connection), closing(driver(connection).cursor()) as cursor:
        marks = ", ".join(["?"] * len(columns))
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - own names
        whole = len(rows) - len(rows) % _TOGETHER
        together = statement + f", ({marks})" * (_TOGETHER - 1) if whole else ""
        for first in range(0, whole, _TOGETHER):
            cursor.execute(together, list(chain.from_iterable(rows[first : first + _TOGETHER])))
        cursor.executemany(statement, rows[whole:])


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
        names = ", ".join(f'"{name}"' for name in shape.columns)
        sets = ", ".join(f'"{name}" = given."{name}"' for name in free)
        kinds = (*shape.kinds, "integer")
        where = " AND ".join(f'held."{name}" = given."{name}"' for name in shape.key)
        statement = (
            f'UPDATE "{table.name}" AS held SET {sets} FROM {_unnest(kinds)} AS given({names}, "was")'  # noqa: S608 - own names
            f' WHERE {where} AND held."version" = given."was"'
        )
        done = int(send_rows(connection, statement, kinds, rows).rowcount)
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
    if _postgres(connection):
        # One statement for both tables.
        send_rows(connection, _EVENTS_AT_ONCE, _EVENT_KINDS, rows, prepare=True)
        return
    insert_rows(connection, tables.event, EVENT_COLUMNS, rows)
    insert_rows(connection, tables.event_pending, ("platform", "id"), [row[:2] for row in rows])


def send_rows(
    connection: sa.Connection,
    statement: str,
    kinds: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    *,
    prepare: bool = False,
) -> Any:
    """Run a statement over rows on PostgreSQL, where they stand as ``unnest`` of an array each column."""
    from psycopg import RawCursor  # noqa: PLC0415 - needed only where there is a PostgreSQL

    from gardefou.storage.arrays import columns  # noqa: PLC0415

    with translating(connection):
        return RawCursor(driver(connection)).execute(cast("Any", statement), columns(kinds, rows), prepare=prepare)


def _unnest(kinds: tuple[str, ...]) -> str:
    return f"unnest({', '.join(f'${place}::{kind}[]' for place, kind in enumerate(kinds, 1))})"


@cache
def _kinds(table: sa.Table, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_kind(table.c[name]) for name in columns)


EVENT_COLUMNS = ("platform", "id", "kind", "at", "by", "account", "about", "salt", "body")
assert set(EVENT_COLUMNS) == {column.name for column in tables.event.columns}
_NAMES = ", ".join(f'"{name}"' for name in EVENT_COLUMNS)
_EVENT_KINDS = _kinds(tables.event, EVENT_COLUMNS)
_EVENTS_AT_ONCE = (
    f"WITH given({_NAMES}) AS (SELECT * FROM {_unnest(_EVENT_KINDS)}),"  # noqa: S608 - own names
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


def each(connection: sa.Connection, source: str, table: str, where: str, *, hold: bool = False) -> str:
    """Return a FROM clause with the rows of a table for each of ``given``, in its sequence.

    PostgreSQL looks each up by itself, whatever it believes of the table: of
    one that it has not counted yet it believes that a platform has one row, and
    reads all of them for a join. ``hold``: rows are locked as they are found.
    """
    if not _postgres(connection):
        return f"{source} CROSS JOIN {table} WHERE {where}"
    held = " FOR UPDATE" if hold else ""
    return f"{source} CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {where} OFFSET 0{held}) AS {table}"  # noqa: S608 - own clauses


def its_own(connection: sa.Connection, table: str, where: str, *, required: bool) -> str:
    """Return a join with the one row of a table that ``where`` finds by its key, looked up for each row before it.

    Left to itself PostgreSQL may merge instead, and read a table of millions from its
    beginning for a page of its end; and of a table that it has not counted yet it
    believes that many rows share a key, and makes a bitmap of the one that it finds.
    ``required``: rows that have none are left out; else it is null.
    """
    if not _postgres(connection):
        return f"{'CROSS' if required else 'LEFT'} JOIN {table} ON {where}"
    one = f"LATERAL (SELECT * FROM {table} WHERE {where} LIMIT 1) AS {table}"  # noqa: S608 - own clauses
    return f"CROSS JOIN {one}" if required else f"LEFT JOIN {one} ON true"


def ask(connection: sa.Connection, statement: str, values: tuple[Any, ...], *, binary: bool = False) -> Asked:
    """Run a SELECT as `select` does; its rows can be had once the exchange that it is part of is over (`together`).

    Within it too, which then waits for all that was sent until then.
    """
    if not _postgres(connection):
        rows = select(connection, statement, values)
        return lambda: rows
    found: Asked = _cursor(connection, statement, values, binary=binary).fetchall
    return found


def select(
    connection: sa.Connection, statement: str, values: tuple[Any, ...], *, binary: bool = False
) -> Sequence[Sequence[Any]]:
    """Run a SELECT whose parameters are written ``?``, whatever the driver calls them.

    ``binary``: PostgreSQL sends what it found as it stores it; bytes are half as long so.
    """
    with translating(connection):
        if _postgres(connection):
            found = _cursor(connection, statement, values, binary=binary)
        else:
            found = driver(connection).execute(statement, values)
        rows: Sequence[Sequence[Any]] = found.fetchall()
    return rows


def _cursor(connection: sa.Connection, statement: str, values: tuple[Any, ...], *, binary: bool) -> Any:
    # Never prepared: a plan made while a table was nearly empty would be kept when it is full.
    return driver(connection).execute(statement.replace("?", "%s"), values, prepare=False, binary=binary)


def lost_a_race(error: BaseException) -> bool:
    """Whether a transaction failed only because another was there first: run it again."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) in _RACES


def _postgres(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"
