"""Opening the store: one write path and one read path, on SQLite or PostgreSQL.

On SQLite a write transaction opens with ``BEGIN IMMEDIATE``, issued from
SQLAlchemy's ``begin`` event with the driver in autocommit: left to itself the
driver runs the first SELECT outside the transaction, and a deferred BEGIN that
turns into a write loses to whoever wrote in between. A lock in the process
queues writers fairly instead of letting them poll the file's lock.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import StaticPool

from gardefou.errors import InvalidInput
from gardefou.storage import servers
from gardefou.storage.fast import UNWRITTEN, Waiting, opened, translating

_BUSY_SECONDS = 30
#: How long the file is waited for when it is to be written anew; another opening does it else.
_HELD_SECONDS = 2
_POOL = 24
#: Blocks that share a commit on SQLite at most, and for how many seconds others may join.
_TOGETHER = 64
_JOIN_SECONDS = 0.02
_PATIENCE = 0.5
_NEVER = 1_000_000_000
_WRITERS_CACHE, _READERS_CACHE = 65_536, 2_048
#: Pages of SQLite's log (4 KiB each) from which it begins anew once it is folded back, and those from which
#: whoever commits folds it, if nobody does beside.
_LONG_LOG, _LONGEST_LOG = 8_000, 24_000
_FOLD = "PRAGMA wal_checkpoint(PASSIVE)"
#: SQLite's connections for reading that are kept whatever happens; any more are closed once nobody has needed them
#: for so many seconds. Each holds some 4 MiB: its pages and its statements.
_KEPT, _IDLE_SECONDS = 4, 60


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
        self._line = _Line(writer)
        #: SQLite's connections for reading that nobody uses now, and since when; the one used last is taken next.
        #: Cheaper to keep than the pool's bookkeeping.
        self._readers: list[tuple[sa.Connection, float]] = []
        self._one_connection = one_connection
        self._writing = threading.local()
        self._folding = threading.Lock()

    @property
    def shared_url(self) -> str | None:
        """Its URL where other processes can open it too; None of a store in memory."""
        return None if self._one_connection else self.url

    @contextmanager
    def begin(self, *, keep: bool = True) -> Iterator[sa.Connection]:
        """Open a write transaction; on SQLite one at a time in this process.

        It is durable once the block has been left. ``keep`` False undoes
        everything at the end instead, for trying something out.
        """
        if getattr(self._writing, "on", False):
            msg = "a write transaction is already open in this thread"
            raise RuntimeError(msg)
        self._writing.on = True
        try:
            if self.is_sqlite:
                with self._line.turn(keep=keep) as connection:
                    yield connection
            else:
                with self.writer.begin() as connection:
                    yield connection
                    if not keep:
                        connection.rollback()
        finally:
            self._writing.on = False

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a read-only view: a snapshot on SQLite, each statement for itself on PostgreSQL."""
        if self._one_connection:
            with self._line.turn(keep=True) as connection:
                yield connection
            return
        if not self.is_sqlite:
            with self.reader.connect() as connection:
                yield connection
            return
        try:
            connection, _since = self._readers.pop()
        except IndexError:
            connection = self.reader.connect()
        try:
            _run(connection, "BEGIN DEFERRED")
            yield connection
            connection.rollback()
            opened(connection).rollback()
        except BaseException:
            connection.close()
            raise
        self._readers.append((connection, time.monotonic()))

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """Open a read-only view of one moment, on both databases."""
        if self.is_sqlite:
            with self.read() as connection:
                yield connection
            return
        with self.writer.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection

    @property
    def folds(self) -> bool:
        """Whether it has a log that is to be folded back (`fold`)."""
        return self.is_sqlite and not self._one_connection

    def fold(self) -> None:
        """Fold SQLite's log back into its file while others write, so that no commit does it and waits for it.

        What is written meanwhile keeps the log from beginning anew: once it is
        long, the rest, which is little, is folded while nobody writes. Meant to
        be called twice a second; does nothing where nothing was written. Closes
        connections that have not been needed for a minute, too.
        """
        if not self.folds:
            return
        self._let_go()
        with self._folding, self.reader.connect() as connection:
            _busy, pages, _folded = connection.exec_driver_sql(_FOLD).one()
            if pages > _LONG_LOG:
                with self._line.turn(keep=False):
                    connection.exec_driver_sql(_FOLD).close()

    def _let_go(self) -> None:
        """Close what only a rush of readers needed: for each at one moment there is a connection, with its caches."""
        with suppress(IndexError):  # whoever reads takes from the other end
            while len(self._readers) > _KEPT and self._readers[0][1] < time.monotonic() - _IDLE_SECONDS:
                self._readers.pop(0)[0].close()

    def rewrite(self) -> bool:
        """Write SQLite's file anew without what was deleted, and cut its log; False where another process holds it.

        PostgreSQL frees what was deleted when it vacuums, by itself.
        """
        file = sa.make_url(self.url).database
        if not self.is_sqlite or not file or file == ":memory:":
            return True
        try:
            with (
                self._folding,
                closing(sqlite3.connect(file, timeout=_HELD_SECONDS, isolation_level=None)) as connection,
            ):
                connection.execute("VACUUM")
                held: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError:
            return False
        return not held

    def close(self) -> None:
        """Close every connection."""
        while self._readers:
            self._readers.pop()[0].close()
        self.writer.dispose()
        self.reader.dispose()


class _Group:
    """One SQLite transaction that several blocks share: durable together, or not at all."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.blocks = 0
        self.closes_at = time.monotonic() + _JOIN_SECONDS
        self.ended = threading.Event()
        self.error: BaseException | None = None


class _Line:
    """The line of one process's writers on SQLite: one writes at a time, and those who wait share the commit.

    Whoever leaves the block while others wait hands the open transaction on and
    waits for the commit; the last one commits for all. A block that raises is
    undone alone, to its savepoint. What a block sees of earlier ones becomes
    durable with it or before it, never after.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @contextmanager
    def turn(self, *, keep: bool) -> Iterator[sa.Connection]:
        """Wait for one's turn, and lend the connection; returns once what was written is durable."""
        self._take_turn()
        try:
            group = self._group = self._group or self._opened()
            try:
                yield from self._block(group, keep=keep)
            finally:
                full = group.blocks >= _TOGETHER or time.monotonic() >= group.closes_at
                if not group.blocks or group.error is not None or full or not self._waiting:
                    self._end(group)
        finally:
            self._turn.release()
        while not group.ended.wait(_PATIENCE):
            # Whoever was to go on may have been interrupted while it waited.
            with self._turn:
                if self._group is group:
                    self._end(group)
        if group.error is not None:
            raise group.error

    def _take_turn(self) -> None:
        with self._count:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._count:
                self._waiting -= 1

    def _opened(self) -> _Group:
        connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return _Group(connection)

    def _block(self, group: _Group, *, keep: bool) -> Iterator[sa.Connection]:
        connection = group.connection
        first = not group.blocks
        if not first:
            _run(connection, "SAVEPOINT block")
        try:
            yield connection
        except BaseException:
            self._undo(group)
            raise
        if not keep:
            self._undo(group)
            return
        if not first:
            _run(connection, "RELEASE block")
        group.blocks += 1

    def _undo(self, group: _Group) -> None:
        """Undo one block. Where that fails, SQLite gave the whole transaction up: nobody's part of it stands."""
        if not group.blocks:
            return  # there is no other's: the whole transaction is rolled back
        try:
            _run(group.connection, "ROLLBACK TO block")
            _run(group.connection, "RELEASE block")
        except Exception as error:  # noqa: BLE001 - handed to everyone whose block it was
            group.error = error

    def _end(self, group: _Group) -> None:
        """Commit for all, and tell them."""
        self._group = None
        try:
            if group.error is None and group.blocks:
                group.connection.commit()
            else:
                group.connection.rollback()
        except BaseException as error:  # noqa: BLE001 - handed to everyone whose block it was
            group.error = error
            with suppress(Exception):
                group.connection.rollback()
        finally:
            group.connection.close()
            group.ended.set()


def open_store(url: str) -> Store:
    """Open the store at a SQLAlchemy URL; ``sqlite://`` alone is a store in memory.

    The tables must be there: see `gardefou.storage.migrate.upgrade`.

    Raises:
        InvalidInput: neither SQLite nor PostgreSQL (`store/url`).
    """
    parsed = servers.parsed(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        memory = parsed.database in (None, "", ":memory:")
        if memory:
            only = _sqlite(parsed, "BEGIN IMMEDIATE", memory=True)
            return Store(url, only, only, one_connection=True)
        return Store(
            url,
            _sqlite(parsed, "BEGIN IMMEDIATE", memory=False),
            _sqlite(parsed, None, memory=False),
            one_connection=False,
        )
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {
            "pool_size": _POOL,
            "max_overflow": _POOL,
            # The connection used last has its statements prepared.
            "pool_use_lifo": True,
            # Only a `Fast` is prepared, and at once: each finds rows by a key. Everything else is planned anew with
            # its values. (Plans are not forced to be generic: one made while a table was empty reads all of it later.)
            "connect_args": {"prepare_threshold": _NEVER, **servers.patience(parsed)},
            "hide_parameters": True,
        }
        writer = sa.create_engine(parsed, **options)
        servers.let_go(writer)
        _write_first(writer)
        # Each statement sees what was committed before it, in a transaction or out of one: two exchanges fewer.
        reader = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **options)
        for engine in (writer, reader):
            servers.with_columns(engine)
            servers.only_living(engine)
        return Store(url, writer, reader, one_connection=False)
    raise InvalidInput("store/url", f"Use a sqlite or postgresql URL, not {backend!r}.", field="GARDEFOU_DATABASE_URL")


def _run(connection: sa.Connection, text: str) -> None:
    """Run one of SQLite's words about transactions, past SQLAlchemy's own bookkeeping."""
    with translating(connection):
        opened(connection).execute(text)


def _write_first(engine: sa.Engine) -> None:
    """Let whatever SQLAlchemy runs on a connection see what its unit of work has recorded."""

    @event.listens_for(engine, "before_cursor_execute")
    def write_first(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        waiting: Waiting | None = connection.info.get(UNWRITTEN)
        if waiting is not None:
            waiting.write()
            if not statement.startswith("SELECT"):
                waiting.ahead.clear()


def _sqlite(url: sa.URL, begin: str | None, *, memory: bool) -> sa.Engine:
    """Return an engine whose transactions open with ``begin``; with None whoever uses it opens them."""
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {"pool_size": 1, "max_overflow": 2 * _POOL}
    # Neither a log nor an error's text holds what was stored: sessions' tokens, challenges, what people wrote.
    options["hide_parameters"] = True
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS}, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver stays out of transactions
        cursor = connection.cursor()
        if not memory:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_LOG}")
        cursor.execute("PRAGMA foreign_keys=ON")
        # In KiB. Readers are many, and the system keeps the file's pages for all of them.
        cursor.execute(f"PRAGMA cache_size=-{_WRITERS_CACHE if begin else _READERS_CACHE}")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    if begin is not None:
        _write_first(engine)

        @event.listens_for(engine, "begin")
        def open_transaction(connection: sa.Connection) -> None:
            _run(connection, begin)

    return engine


def locked(connection: sa.Connection, key: str) -> None:
    """Hold a lock until the transaction ends; on SQLite every write transaction is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))


@contextmanager
def writing_over(connection: sa.Connection) -> Iterator[None]:
    """Have SQLite write zeros over what is deleted in this block; PostgreSQL's vacuum frees it later."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.execute(sa.text("PRAGMA secure_delete")).scalar()
    connection.execute(sa.text("PRAGMA secure_delete=ON")).close()
    try:
        yield
    finally:
        connection.execute(sa.text(f"PRAGMA secure_delete={before}")).close()
