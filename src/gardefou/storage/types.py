"""Column types: how instants, lists and JSON values are stored, the same on both databases."""

from __future__ import annotations

from abc import abstractmethod
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


class Plain(TypeDecorator[Any]):
    """A type that both databases store alike: ``bind`` and ``read`` are all there is to it."""

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.Text
    cache_ok = True

    @staticmethod
    @abstractmethod
    def bind(value: Any) -> Any:
        """Return the value as the driver takes it."""

    @staticmethod
    @abstractmethod
    def read(value: Any) -> Any:
        """Return the value that the driver gave."""

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Store it."""
        return self.bind(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Read it."""
        return self.read(value)


class Instant(Plain):
    """An aware datetime, stored as whole microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    @staticmethod
    def bind(value: datetime | None) -> int | None:
        """Store microseconds."""
        return None if value is None else to_micros(value)

    @staticmethod
    def read(value: int | None) -> datetime | None:
        """Read an aware datetime in UTC."""
        return None if value is None else from_micros(value)


class Names(Plain):
    """A tuple of texts, stored as a JSON list; its sequence is kept."""

    cache_ok = True

    @staticmethod
    def bind(value: Iterable[str] | None) -> str | None:
        """Store a JSON list."""
        if value is None:
            return None
        return dumps(list(value)) if value else "[]"

    @staticmethod
    def read(value: str | None) -> tuple[str, ...] | None:
        """Read a tuple."""
        if value is None:
            return None
        return () if value == "[]" else tuple(orjson.loads(value))


class Json(Plain):
    """A JSON value, stored as text with sorted keys."""

    cache_ok = True

    @staticmethod
    def bind(value: Any) -> str | None:
        """Store JSON text."""
        return None if value is None else dumps(value)

    @staticmethod
    def read(value: str | None) -> Any:
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
