"""What the database alone can do with report-like rows of about 300 bytes and two indexes.

One row a commit, a thousand a commit, and one read by its key.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

TEXT = (
    "They keep posting the same link in every thread and will not stop when asked, and there are at least three"
    " other accounts doing it too. Please look at the profile as well as at the post; it has been going on since"
    " Monday, and several people in the group have left because of it."
)
_COLUMNS = "(id {key}, subject text NOT NULL, reporter text NOT NULL, category text NOT NULL, body text NOT NULL)"
_INDEX = "CREATE INDEX floor_report_subject ON floor_report (subject, id)"
_PROCESSES = 4
#: Rows of one commit where many are written together.
MANY = 1_000
_READS = 2_000


def on_sqlite(folder: Path, *, seconds: float) -> float:
    """Return the inserts a second of one connection: WAL, synchronous=FULL, as Gardefou opens its own."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"CREATE TABLE floor_report {_COLUMNS.format(key='integer PRIMARY KEY')}")
        connection.execute(_INDEX)
        insert = "INSERT INTO floor_report (subject, reporter, category, body) VALUES (?, ?, 'spam', ?)"

        def one(number: int) -> None:
            connection.execute(insert, (f"post:{number}", f"user:{number}", TEXT))

        return _count(one, seconds) / seconds
    finally:
        connection.close()


def many_on_sqlite(folder: Path, *, seconds: float) -> float:
    """Return the rows a second of one connection that writes `MANY` a commit into the table of `on_sqlite`."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        insert = "INSERT INTO floor_report (subject, reporter, category, body) VALUES (?, ?, 'spam', ?)"

        def one(number: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, ((f"post:{number}-{place}", f"user:{place}", TEXT) for place in range(MANY)))
            connection.execute("COMMIT")

        return MANY * _count(one, seconds) / seconds
    finally:
        connection.close()


def read_on_sqlite(folder: Path) -> float:
    """Return the milliseconds in which one connection reads a row of the table of `on_sqlite` by its key."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    try:
        select = "SELECT * FROM floor_report WHERE id = ?"
        return _each(lambda number: connection.execute(select, (number,)).fetchall())
    finally:
        connection.close()


def on_postgresql(url: str, *, seconds: float, clients: int) -> float:
    """Return the inserts a second of so many connections; more than one are spread over processes."""
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    import psycopg  # noqa: PLC0415 - an optional package

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS floor_report")
        key = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        connection.execute(f"CREATE TABLE floor_report {_COLUMNS.format(key=key)}".encode())
        connection.execute(_INDEX.encode())
    if clients == 1:
        return _postgresql_client(address, seconds)
    processes = min(clients, _PROCESSES)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        # Started and warm before the clock of any of them runs.
        pool.map(abs, range(processes))
        shares = [(address, seconds, clients // processes) for _ in range(processes)]
        return sum(pool.starmap(_postgresql_clients, shares, chunksize=1))


def copied_on_postgresql(url: str, *, seconds: float) -> float:
    """Return the rows a second of one connection that copies a thousand a commit into the table of `on_postgresql`."""
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    import psycopg  # noqa: PLC0415 - an optional package

    with psycopg.connect(address, autocommit=True) as connection:

        def one(number: int) -> None:
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY floor_report (subject, reporter, category, body) FROM STDIN") as copy,
            ):
                for place in range(MANY):
                    copy.write_row((f"post:{number}-{place}", f"user:{place}", "spam", TEXT))

        return MANY * _count(one, seconds) / seconds


def read_on_postgresql(url: str) -> float:
    """Return the milliseconds in which one connection reads a row of the table of `on_postgresql` by its key."""
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    import psycopg  # noqa: PLC0415 - an optional package

    with psycopg.connect(address, autocommit=True) as connection:
        select = b"SELECT * FROM floor_report WHERE id = %s"
        return _each(lambda number: connection.execute(select, (number,), prepare=True).fetchall())


def _postgresql_clients(address: str, seconds: float, clients: int) -> float:
    rates: list[float] = []
    threads = [
        threading.Thread(target=lambda: rates.append(_postgresql_client(address, seconds))) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def _postgresql_client(address: str, seconds: float) -> float:
    import psycopg  # noqa: PLC0415 - an optional package

    insert = b"INSERT INTO floor_report (subject, reporter, category, body) VALUES (%s, %s, 'spam', %s)"
    with psycopg.connect(address, autocommit=True) as connection:

        def one(number: int) -> Any:
            return connection.execute(insert, (f"post:{number}", f"user:{number}", TEXT), prepare=True)

        return _count(one, seconds) / seconds


def hashed(*, seconds: float) -> float:
    """Return how many leaves of a log, each with one node above it, one core hashes a second."""
    leaf = TEXT.encode()

    def one(_number: int) -> None:
        for _ in range(MANY):
            below = hashlib.sha256(b"\0" + leaf).digest()
            hashlib.sha256(b"\1" + below + below).digest()

    return MANY * _count(one, seconds) / seconds


def _count(one: Callable[[int], Any], seconds: float) -> int:
    """Return how often something was done in so many seconds."""
    end = time.perf_counter() + seconds
    for number in itertools.count():
        if time.perf_counter() >= end:
            return number
        one(number)
    return 0


def _each(read: Callable[[int], Any]) -> float:
    """Return the milliseconds of one reading, of many."""
    begun = time.perf_counter()
    for number in range(1, _READS + 1):
        read(number)
    return (time.perf_counter() - begun) * 1000 / _READS
