"""Opening the store: one write path and one read path, on SQLite or PostgreSQL.

On SQLite a write transaction opens with ``BEGIN IMMEDIATE``, issued from
SQLAlchemy's ``begin`` event with the driver in autocommit: left to itself the
driver runs the first SELECT outside the transaction, and a deferred BEGIN that
turns into a write loses to whoever wrote in between. A lock in the process
queues writers fairly instead of letting them poll the file's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import StaticPool

from gardefou.errors import InvalidInput

_BUSY_SECONDS = 30
_POOL = 24


class Store:
    """A database with Gardefou's tables. Application nodes hold no other state.

    `begin` opens a write transaction that commits when the block ends and rolls
    back when it raises; `read` opens one that only reads. Never call a platform
    inside either.
    """

    def __init__(self, url: str, writer: sa.Engine, reader: sa.Engine, *, one_connection: bool) -> None:
        self.url = url
        self.is_sqlite = writer.dialect.name == "sqlite"
        self.writer = writer
        self.reader = reader
        self._queue = threading.Lock()
        self._one_connection = one_connection
        self._writing = threading.local()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Open a write transaction; on SQLite one at a time in this process."""
        if getattr(self._writing, "on", False):
            msg = "a write transaction is already open in this thread"
            raise RuntimeError(msg)
        self._writing.on = True
        try:
            if self.is_sqlite:
                with self._queue, self.writer.begin() as connection:
                    yield connection
            else:
                with self.writer.begin() as connection:
                    yield connection
        finally:
            self._writing.on = False

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a read-only view: a snapshot on SQLite, read committed on PostgreSQL."""
        if self._one_connection:
            with self._queue, self.writer.begin() as connection:
                yield connection
            return
        with self.reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.writer.dispose()
        self.reader.dispose()


def open_store(url: str) -> Store:
    """Open the store at a SQLAlchemy URL; ``sqlite://`` alone is a store in memory.

    The tables must be there: see `gardefou.storage.migrate.upgrade`.

    Raises:
        InvalidInput: neither SQLite nor PostgreSQL (`store/url`).
    """
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        memory = parsed.database in (None, "", ":memory:")
        if memory:
            only = _sqlite(parsed, "BEGIN IMMEDIATE", memory=True)
            return Store(url, only, only, one_connection=True)
        return Store(
            url,
            _sqlite(parsed, "BEGIN IMMEDIATE", memory=False),
            _sqlite(parsed, "BEGIN DEFERRED", memory=False),
            one_connection=False,
        )
    if backend == "postgresql":
        engine = sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=_POOL, max_overflow=_POOL)
        return Store(url, engine, engine, one_connection=False)
    raise InvalidInput("store/url", f"Use a sqlite or postgresql URL, not {backend!r}.", field="GARDEFOU_DATABASE_URL")


def _sqlite(url: sa.URL, begin: str, *, memory: bool) -> sa.Engine:
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {"pool_size": _POOL, "max_overflow": _POOL}
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS}, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver stays out of transactions
        cursor = connection.cursor()
        if not memory:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    @event.listens_for(engine, "begin")
    def open_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
