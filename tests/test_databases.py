"""The tests' own ground: databases are fresh, of both kinds; sockets are closed unless asked for."""

from __future__ import annotations

import contextlib
import socket

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError


def execute(url, statement):
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement))
            return result.all() if result.returns_rows else []
    finally:
        engine.dispose()


def test_an_empty_database_of_each_kind_takes_tables(empty_database_url, database_kind):
    assert empty_database_url.startswith(database_kind)
    execute(empty_database_url, "CREATE TABLE mine (a INTEGER)")
    assert execute(empty_database_url, "SELECT count(*) FROM mine") == [(0,)]


def test_a_migrated_database_has_tables_and_is_fresh_each_time(database_url):
    engine = sa.create_engine(database_url)
    try:
        tables = sa.inspect(engine).get_table_names()
    finally:
        engine.dispose()
    assert "alembic_version" in tables
    assert "mine" not in tables
    execute(database_url, "CREATE TABLE mine (a INTEGER)")


def test_what_a_test_wrote_is_gone_for_the_next(databases, database_kind):
    with databases.fresh(database_kind) as url:
        execute(url, "INSERT INTO event_pending (platform, id) VALUES ('p', 'e')")
    with databases.fresh(database_kind) as url:
        assert execute(url, "SELECT count(*) FROM event_pending") == [(0,)]


def test_a_database_whose_triggers_were_taken_off_is_not_lent_again(databases):
    with databases.fresh("postgresql") as url:
        execute(url, "ALTER TABLE event DISABLE TRIGGER ALL")
    with databases.fresh("postgresql") as next_one:
        assert execute(next_one, "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'") == [(0,)]


def test_databases_made_within_one_test_are_apart(new_database):
    first, second = new_database(), new_database()
    execute(first, "CREATE TABLE only_first (a INTEGER)")
    with pytest.raises(DBAPIError):
        execute(second, "SELECT * FROM only_first")


def test_sockets_are_closed_to_tests():
    with pytest.raises((RuntimeError, UserWarning), match=r"socket\.socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@pytest.mark.network_loopback
def test_loopback_opens_by_marker_and_nothing_beyond():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        socket.create_connection(server.getsockname()).close()
    with (
        contextlib.closing(socket.socket()) as elsewhere,
        pytest.raises((RuntimeError, UserWarning), match="allowed"),
    ):
        elsewhere.connect(("192.0.2.1", 9))
