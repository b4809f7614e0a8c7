"""Rows as PostgreSQL's arrays, a column each, in its binary format: any number of rows in one statement.

The driver's own arrays take a microsecond for each value, and its COPY two
exchanges for each table and no other statement beside it. Imported only where
there is a PostgreSQL, as the driver is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

#: Type numbers of `pg_type`, and how a value is written: PostgreSQL's ``…send`` functions.
_TYPES: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "boolean": (16, Struct(">?").pack),
    "bytea": (17, bytes),
    "bigint": (20, Struct(">q").pack),
    "integer": (23, Struct(">i").pack),
    "tid": (27, bytes),
    "text": (25, str.encode),
}
#: Dimensions, whether there are NULLs, the type, how many, counted from.
_HEAD = Struct(">iiIii").pack
_LENGTH = Struct(">i").pack
_NULL = _LENGTH(-1)


class Column(bytes):
    """A column of values as one array (`array_recv` in PostgreSQL's arrayfuncs.c)."""

    __slots__ = ()


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        """Return it as it is; its type is the one that the statement casts it to."""
        return obj


def known_to(connection: psycopg.Connection[Any]) -> None:
    """Have the driver send columns on this connection."""
    connection.adapters.register_dumper(Column, _ColumnDumper)


def column(kind: str, values: Sequence[Any]) -> Column:
    """Return values, None among them, as an array of one of the types in `_TYPES`."""
    number, write = _TYPES[kind]
    count = len(values)
    if None in values:
        return Column(_HEAD(1, 1, number, count, 1) + b"".join(_part(write, value) for value in values))
    if count and values[0] == values[-1] and values.count(values[0]) == count:
        # Half of the columns are the same in every row of a batch.
        return Column(_HEAD(1, 0, number, count, 1) + _part(write, values[0]) * count)
    written = list(map(write, values))
    parts = chain.from_iterable(zip(map(_LENGTH, map(len, written)), written, strict=True))
    return Column(_HEAD(1, 0, number, count, 1) + b"".join(parts))


def columns(kinds: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Column]:
    """Return rows, at least one, as an array for each of their columns."""
    return [column(kind, values) for kind, values in zip(kinds, zip(*rows, strict=True), strict=True)]


def _part(write: Callable[[Any], bytes], value: Any) -> bytes:
    if value is None:
        return _NULL
    written = write(value)
    return _LENGTH(len(written)) + written
