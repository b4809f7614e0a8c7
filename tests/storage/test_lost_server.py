"""PostgreSQL goes away, comes back, or turns into a replica: callers are told to try again, and the next try goes through."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from gardefou.errors import InvalidInput
from gardefou.storage import tables
from gardefou.storage.engine import Store, open_store
from gardefou.storage.fast import Fast
from gardefou.storage.servers import open_to, patience, unguarded

_ADD = sa.text("INSERT INTO person (staff_id, key, sealed) VALUES (:id, '', '')")
_FAST_ADD = Fast(tables.person.insert())
_FAST_ALL = Fast(sa.select(tables.person.c.staff_id))


@pytest.fixture
def store(postgresql_url):
    opened = open_store(postgresql_url)
    yield opened
    opened.close()


def outside(store: Store, statement: str) -> None:
    """Run a statement as somebody else, on another connection."""
    url = sa.make_url(store.url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        for one in statement.split(";"):
            connection.execute(one.encode())


def add(store: Store, name: str) -> None:
    with store.begin() as connection:
        connection.execute(_ADD, {"id": name})


def add_fast(store: Store, name: str) -> None:
    with store.begin() as connection:
        _FAST_ADD.run(connection, {"staff_id": name, "key": "", "sealed": ""})


def read(store: Store) -> list[str]:
    with store.read() as connection:
        return [row.staff_id for row in _FAST_ALL.all(connection)]


def test_once_the_server_is_back_no_call_fails_for_what_it_left(store):
    # Several connections of each kind lie in the pools.
    with store.read() as one, store.read() as two, store.begin() as three:
        for connection in (one, two, three):
            connection.execute(sa.text("SELECT 1"))
    # It answers when they have ended; without a number it would be a race with them.
    outside(
        store,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert [read(store) for _ in range(4)] == [[], [], [], []]
    for name in ("a", "b", "c", "d"):
        add_fast(store, name)
    assert sorted(read(store)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("write", [add, add_fast])
def test_what_has_become_a_replica_is_a_store_that_is_away_and_is_left(store, write):
    name = sa.make_url(store.url).database
    outside(store, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(OperationalError):
        write(store, "a")
    outside(
        store, f'SET default_transaction_read_only = off; ALTER DATABASE "{name}" RESET default_transaction_read_only'
    )
    write(store, "b")
    assert read(store) == ["b"]


def test_several_hosts_stand_in_a_url_as_libpq_has_them(store):
    opened = open_store("postgresql://ada:s3@one:5432,two:5433/gardefou?target_session_attrs=read-write")
    _, said = opened.writer.dialect.create_connect_args(opened.writer.url)
    opened.close()
    assert (said["host"], said["port"]) == ("one,two", "5432,5433")
    assert (said["user"], said["password"], said["dbname"]) == ("ada", "s3", "gardefou")
    assert said["target_session_attrs"] == "read-write"


@pytest.mark.parametrize("url", ["", "gardefou.db", "postgresql://host:port/name"])
def test_what_is_no_url_is_told_in_one_line(url):
    with pytest.raises(InvalidInput) as caught:
        open_store(url)
    assert caught.value.code == "store/url"


def test_a_node_that_hangs_in_a_transaction_holds_its_locks_for_a_minute_at_most(store):
    with store.begin() as connection:
        assert connection.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"


def test_the_url_has_the_last_word_on_how_long_a_silent_server_is_waited_for():
    assert "connect_timeout" in patience(sa.make_url("postgresql://h/n"))
    assert "connect_timeout" not in patience(sa.make_url("postgresql://h/n?connect_timeout=1"))


@pytest.mark.parametrize(
    ("host", "address", "encrypted", "mode", "said"),
    [
        ("/var/run/postgresql", "", False, "prefer", ""),
        ("localhost", "127.0.0.1", False, "prefer", ""),
        ("localhost", "::1", False, "prefer", ""),
        ("db.example", "10.0.0.5", False, "prefer", "can be read and changed"),
        ("db.example", "", False, "disable", "can be read and changed"),
        # Whoever sits on the way may say that it cannot encrypt, or show a certificate of its own.
        ("db.example", "10.0.0.5", True, "prefer", "could pass for the database"),
        ("db.example", "10.0.0.5", True, "verify-ca", "could pass for the database"),
        ("db.example", "10.0.0.5", True, "verify-full", ""),
    ],
)
def test_what_somebody_on_the_way_to_the_server_could_do_is_told(host, address, encrypted, mode, said):
    found = open_to(host, address, encrypted=encrypted, mode=mode)
    assert said in found
    assert bool(found) == bool(said)


def test_nobody_is_on_the_way_to_a_server_of_this_machine(store):
    with store.read() as connection:
        assert unguarded(connection) == ""
