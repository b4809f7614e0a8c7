"""Write transactions: each stands or falls alone, and is durable once its block has been left."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from gardefou.ledger.backlog import Backlog
from gardefou.storage import bulk, engine
from gardefou.storage.engine import Store, open_store
from gardefou.storage.migrate import upgrade

_ADD = sa.text("INSERT INTO person (staff_id, key, sealed) VALUES (:id, '', '')")
_ALL = sa.text("SELECT staff_id FROM person ORDER BY staff_id")


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    yield opened
    opened.close()


def _names(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(_ALL).scalars())


def _stumble(number: int) -> None:
    if number % 5 == 0:
        raise ArithmeticError


def test_writers_that_share_a_commit_stand_or_fall_alone(store):
    ready = threading.Barrier(24)

    def write(number: int) -> str:
        ready.wait()
        try:
            with store.begin() as connection:
                connection.execute(_ADD, {"id": f"n{number:02}"})
                _stumble(number)
        except ArithmeticError:
            return "undone"
        # Left without an error: another connection must see it now.
        assert f"n{number:02}" in _names(store)
        return "kept"

    with ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(write, range(24)))
    assert _names(store) == [f"n{number:02}" for number in range(24) if number % 5]
    assert outcomes == ["undone" if number % 5 == 0 else "kept" for number in range(24)]


def test_a_write_that_is_not_to_be_kept_leaves_nothing(store):
    with store.begin(keep=False) as connection:
        connection.execute(_ADD, {"id": "trial"})
    assert _names(store) == []


def test_a_second_write_in_the_same_thread_is_a_mistake(store):
    with pytest.raises(RuntimeError, match="already open"), store.begin(), store.begin():
        pass
    with store.begin() as connection:
        connection.execute(_ADD, {"id": "after"})
    assert _names(store) == ["after"]


def test_a_statement_that_fails_undoes_its_own_block_only(store):
    with store.begin() as connection:
        connection.execute(_ADD, {"id": "there"})

    def write(name: str) -> bool:
        try:
            with store.begin() as connection:
                connection.execute(_ADD, {"id": f"{name}-too"})
                connection.execute(_ADD, {"id": name})
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(write, ["there", "a", "there", "b", "c", "there", "d", "e"]))
    assert done == [False, True, False, True, True, False, True, True]
    assert _names(store) == sorted(["there", *(f"{name}{end}" for name in "abcde" for end in ("", "-too"))])


def test_a_commit_that_fails_is_told_to_everyone_whose_block_it_was(sqlite_url):
    store = open_store(sqlite_url)
    together = threading.Barrier(6)

    def refuse(_connection: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    event.listen(store.writer, "commit", refuse)

    def write(number: int) -> bool:
        together.wait()
        try:
            with store.begin() as connection:
                connection.execute(_ADD, {"id": f"n{number}"})
        except sqlite3.OperationalError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert not any(pool.map(write, range(6)))
    event.remove(store.writer, "commit", refuse)
    assert _names(store) == []
    with store.begin() as connection:
        connection.execute(_ADD, {"id": "later"})
    assert _names(store) == ["later"]
    store.close()


def test_a_store_that_cannot_be_written_says_so_in_the_way_that_callers_know(tmp_path):
    upgrade(f"sqlite:///{tmp_path / 'gardefou.db'}")
    store = open_store(f"sqlite:///{tmp_path / 'gardefou.db'}")
    event.listen(store.writer, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 1"))
    other = sqlite3.connect(tmp_path / "gardefou.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), store.begin():
        pass
    other.execute("ROLLBACK")
    for count in (1, 120):
        with pytest.raises(OperationalError, match="nowhere"), store.begin() as connection:
            bulk.insert_rows(connection, sa.Table("nowhere", sa.MetaData()), ("a",), [("x",)] * count)
    with store.begin() as connection:
        connection.execute(sa.text("DROP TABLE event_pending"))
    with pytest.raises(OperationalError), store.begin() as connection:
        Backlog(connection, 1).forget([("p", "e")])
    other.close()
    store.close()


def test_the_log_of_sqlite_is_folded_back_beside_writers_and_begins_anew_when_it_is_long(sqlite_url, monkeypatch):
    monkeypatch.setattr(engine, "_LONG_LOG", 100)
    store = open_store(sqlite_url)

    def write(name: str) -> None:
        with store.begin() as connection:
            connection.execute(_ADD, {"id": name + 500_000 * "x"})

    def log_pages() -> int:
        with store.reader.connect() as connection:
            _busy, pages, folded = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
        assert pages == folded
        return int(pages)

    try:
        write("one")
        long = log_pages()
        assert long > 100
        # It was folded by this look already: what is written now stands behind it, unless the log begins anew.
        with store.read() as reading:
            assert len(list(reading.execute(_ALL))) == 1
            store.fold()
            write("two")
            store.fold()
        store.fold()
        write("three")
        assert 0 < log_pages() < 2 * long
        assert [name[:3] for name in _names(store)] == ["one", "thr", "two"]
    finally:
        store.close()


def test_connections_that_only_a_rush_of_readers_needed_are_closed_once_nobody_needs_them(sqlite_url, monkeypatch):
    store = open_store(sqlite_url)

    def rush() -> int:
        """Read twenty times at one moment; return how many connections are open afterwards."""
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(store.read())
        return _opened(store)

    try:
        assert rush() == 20
        # They may be needed again at once.
        store.fold()
        assert _opened(store) == 20 + 1
        monkeypatch.setattr(engine, "_IDLE_SECONDS", 0)
        store.fold()
        assert _opened(store) == 4 + 1
        # Whatever is in use stays, and more are opened as they are needed.
        with store.read() as reading:
            assert rush() == 20 + 1
            store.fold()
            assert list(reading.execute(_ALL)) == []
    finally:
        store.close()
    assert _opened(store) == 0


def _opened(store: Store) -> int:
    pool = store.reader.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout() + pool.checkedin()


def test_only_a_file_of_sqlite_has_a_log_to_fold(store):
    assert store.folds == store.is_sqlite
    store.fold()
    memory = open_store("sqlite://")
    assert not memory.folds
    memory.fold()
    memory.close()


def test_many_read_at_once(store):
    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(lambda _: _names(store), range(400))) == [[]] * 400
