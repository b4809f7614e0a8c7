"""Statements compiled once a process, not once for the engine of each test: a fourth of the tests' own work otherwise.

SQLAlchemy keeps what it compiled by engine and dialect. Every engine of a run
is made in the same way, so they share one cache here, and dialects of a kind
count as the same.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_STATEMENTS = 5_000


def share() -> None:
    """Let every engine that is made from now on share what was compiled."""
    shared: Any = LRUCache(_STATEMENTS)
    engine: Any = sa.Engine
    engine._compiled_cache = property(lambda _: shared, lambda _, made: None)
    kinds: tuple[Any, ...] = (PGDialect_psycopg, SQLiteDialect_pysqlite)
    for kind in kinds:
        kind.__hash__ = _hash_of_kind
        kind.__eq__ = _of_one_kind


def _hash_of_kind(dialect: object) -> int:
    return hash(type(dialect))


def _of_one_kind(dialect: object, other: object) -> bool:
    return type(dialect) is type(other)
