"""Writing and reading many rows at once, without SQLAlchemy's work for each row.

For the one hot path there is: reports, in batches of hundreds. Rows are given
as *images*, the very values that a ledger body carries (see
`gardefou.storage.records.Mapped.image`), so that table and ledger cannot say
different things. Whoever writes state here writes its events in the same
transaction, with `write_events`, each with the images of what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from gardefou.clock import to_micros
from gardefou.errors import Stale
from gardefou.ids import Ids
from gardefou.storage import tables
from gardefou.storage.types import Json, Names, dumps

Image = dict[str, Any]

#: From this many rows on PostgreSQL's COPY is faster than single inserts in a pipeline.
_COPY_FROM = 20
_NONE: dict[type[Any], str | None] = {list: "[]", dict: "{}", str: '""', type(None): None}
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
        plain=itemgetter(*plain),
        packed=packed,
        booleans=tuple(name for name, column in columns.items() if isinstance(column.type, sa.Boolean)),
        key=tuple(str(column.name) for column in table.primary_key.columns),
    )


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


def update_images(connection: sa.Connection, table: sa.Table, images: Sequence[Image]) -> None:
    """Replace rows, each the version before its own.

    Raises:
        Stale: one of them was changed by someone else first (`<table>/stale`).
    """
    if not images:
        return
    shape = _shape(table)
    mark = _mark(connection)
    free = [name for name in shape.columns if name not in shape.key]
    sets = ", ".join(f'"{name}" = {mark}' for name in free)
    where = " AND ".join(f'"{name}" = {mark}' for name in (*shape.key, "version"))
    place = {name: index for index, name in enumerate(shape.columns)}
    order = itemgetter(*(place[name] for name in (*free, *shape.key)))
    rows = [(*order(shape.row(image)), image["version"] - 1) for image in images]
    done = connection.exec_driver_sql(f'UPDATE "{table.name}" SET {sets} WHERE {where}', rows)  # noqa: S608 - own names
    if done.rowcount != len(rows):
        raise Stale(f"{table.name}/stale", "Someone else changed it first; read it again and decide anew.")


def write_events(
    connection: sa.Connection, events: Sequence[Noted], *, now: datetime, ids: Ids, salts: Callable[[int], bytes]
) -> list[str]:
    """Write events with one statement a table; return their ids, in sequence.

    A body is byte for byte the one that `gardefou.storage.work.event_row` makes.
    """
    made = ids.many(len(events))
    salt = salts(_SALT * len(events))
    at = to_micros(now)
    rows = [
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
    _insert(connection, "event", _EVENT_COLUMNS, rows)
    _insert(connection, "event_pending", ("platform", "id"), [row[:2] for row in rows])
    return made


_EVENT_COLUMNS = ("platform", "id", "kind", "at", "by", "account", "about", "salt", "body")
assert set(_EVENT_COLUMNS) == {column.name for column in tables.event.columns}


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


def select(connection: sa.Connection, statement: str, values: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
    """Run a SELECT whose parameters are written ``?``, whatever the driver calls them."""
    text = statement.replace("?", "%s") if _postgres(connection) else statement
    return connection.exec_driver_sql(text, values).fetchall()


def lost_a_race(error: BaseException) -> bool:
    """Whether a transaction failed only because another was there first: run it again."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) in _RACES


def _postgres(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _mark(connection: sa.Connection) -> str:
    return "%s" if _postgres(connection) else "?"


def _insert(connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if _postgres(connection) and len(rows) >= _COPY_FROM:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join([_mark(connection)] * len(columns))
    statement = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - own names
    connection.exec_driver_sql(statement, list(rows))
