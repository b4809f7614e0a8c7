"""Column types: how instants, lists and JSON values are stored, the same on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from gardefou.clock import from_micros, to_micros


def dumps(value: object) -> str:
    """Return JSON with sorted keys: equal values are equal texts."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as whole microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Store microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read an aware datetime in UTC."""
        return None if value is None else from_micros(value)


class Names(TypeDecorator[tuple[str, ...]]):
    """A tuple of texts, stored as a JSON list; its sequence is kept."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Store a JSON list."""
        return None if value is None else dumps(list(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002
        """Read a tuple."""
        return None if value is None else tuple(orjson.loads(value))


class Json(TypeDecorator[Any]):
    """A JSON value, stored as text with sorted keys."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Store JSON text."""
        return None if value is None else dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Read the value."""
        return None if value is None else orjson.loads(value)


def plain(value: Any) -> Any:
    """Return a value as it stands in a ledger body: instants as microseconds, tuples as lists."""
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, tuple | frozenset):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    return value


def unplain(value: Any, column: sa.Column[Any]) -> Any:
    """Return the value of a ledger body as its column takes it: the inverse of `plain`."""
    if value is None:
        return None
    if isinstance(column.type, Instant):
        return from_micros(value)
    if isinstance(column.type, Names):
        return tuple(value)
    return value
