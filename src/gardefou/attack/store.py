"""A store in memory whose past can be put back at once: each of its transactions is a savepoint of one outer one.

Copying the whole store for every state would cost more than the moves do, as
every statement is prepared anew after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import StaticPool

from gardefou.storage.engine import Store
from gardefou.storage.fast import UNWRITTEN, Waiting


class Nested(sqlite3.Connection):
    """A connection whose commit and rollback end a savepoint; the outer transaction is never committed."""

    inside = False

    def open_step(self) -> None:
        """Begin what the flow takes for a transaction."""
        self.execute("SAVEPOINT step")
        self.inside = True

    def commit(self) -> None:
        """Keep what was written since `open_step`."""
        if self.inside:
            self.inside = False
            self.execute("RELEASE step")

    def rollback(self) -> None:
        """Undo what was written since `open_step`."""
        if self.inside:
            self.inside = False
            self.execute("ROLLBACK TO step")
            self.execute("RELEASE step")


class _Unlocked(Store):
    """A store of one thread: nobody waits for a turn, and one connection for each purpose is lent again and again."""

    @contextmanager
    def begin(self, *, keep: bool = True) -> Iterator[sa.Connection]:
        """Open a write transaction: a savepoint of the outer one."""
        connection = self._lent_writer
        if connection.in_transaction():
            msg = "a write transaction is already open"
            raise RuntimeError(msg)
        with connection.begin() as step:
            yield connection
            if not keep:
                step.rollback()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Read without a transaction: the outer one shows one moment."""
        yield self._lent_reader

    @cached_property
    def _lent_writer(self) -> sa.Connection:
        return self.writer.connect()

    @cached_property
    def _lent_reader(self) -> sa.Connection:
        driver = driver_of(self._lent_writer)
        self._lent_writer.rollback()
        return sa.create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool).connect()


def open_nested() -> Store:
    """Return an empty store in memory of this kind."""
    options: dict[str, Any] = {"check_same_thread": False, "factory": Nested, "cached_statements": 2000}
    engine = sa.create_engine("sqlite://", connect_args=options, poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        driver_of(connection).open_step()

    @event.listens_for(engine, "before_cursor_execute")
    def write_first(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        waiting: Waiting | None = connection.info.get(UNWRITTEN)
        if waiting is not None:
            waiting.write()
            if not statement.startswith("SELECT"):
                waiting.ahead.clear()

    return _Unlocked("sqlite://", engine, engine, one_connection=True)


def driver_of(connection: sa.Connection) -> Nested:
    """Return the driver's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, Nested)
    return driver


class Past:
    """The store's moments that can be returned to, one within the other."""

    def __init__(self, store: Store) -> None:
        with store.writer.connect() as connection:
            self.driver = driver_of(connection)
        self.driver.execute("BEGIN")
        self._depth = 0
        #: Rows written in all, at the time when each moment was as it was.
        self._written: dict[int, int] = {}

    def mark(self) -> int:
        """Remember this moment; return its number."""
        self._depth += 1
        self.driver.execute(f"SAVEPOINT past{self._depth}")
        self._written[self._depth] = self.driver.total_changes
        return self._depth

    def back_to(self, mark: int) -> None:
        """Return to a moment; it can be returned to again."""
        if self._depth != mark or self.driver.total_changes != self._written[mark]:
            self.driver.execute(f"ROLLBACK TO past{mark}")
            self._written[mark] = self.driver.total_changes
        self._depth = mark

    def forget(self, mark: int) -> None:
        """Return to a moment, and no longer remember it."""
        self.back_to(mark)
        self.driver.execute(f"RELEASE past{mark}")
        self._depth = mark - 1
