"""A database role that runs Gardefou, and can neither rewrite its record nor switch off what keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from gardefou.errors import InvalidInput
from gardefou.storage.engine import open_store
from gardefou.storage.grants import check_granted, grants, may_rewrite
from gardefou.storage.migrate import upgrade
from gardefou.storage.triggers import LEDGER_TABLES
from tests.flow import chronicle, lives_desk, lives_people
from tests.flow.chronicle import Chronicle
from tests.flow.test_lives import LIVES
from tests.flow.world import World

_SOME = (lives_desk.work, lives_people.keyed)


@pytest.fixture
def role_url(postgresql_url: str) -> Iterator[str]:
    """The same database as a role sees it that was given what it needs, by its owner, twice."""
    # The server is every test's, and roles are the server's.
    role = f'runs"{sa.make_url(postgresql_url).database}'
    name = sql.Identifier(role)
    with _connected(postgresql_url) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        try:
            store = open_store(postgresql_url)
            with store.read() as connection:
                statements = grants(connection, role)
            store.close()
            for statement in statements * 2:
                owner.execute(statement.encode())
            yield sa.make_url(postgresql_url).set(username=role).render_as_string(hide_password=False)
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(name))
            owner.execute(sql.SQL("DROP ROLE {}").format(name))


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def _lived(life: Callable[[Chronicle], None], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronicle, "World", partial(World, url))
    told = Chronicle()
    try:
        life(told)
        told.world.assert_sound()
    finally:
        told.world.close()


@pytest.mark.parametrize("life", _SOME, ids=lambda life: life.__name__)
def test_everything_that_people_do_goes_its_way_under_that_role(life, role_url, monkeypatch):
    _lived(life, role_url, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("life", [life for life in LIVES if life not in _SOME], ids=lambda life: life.__name__)
def test_every_other_life_does_too(life, role_url, monkeypatch):
    _lived(life, role_url, monkeypatch)


def test_i10_that_role_can_rewrite_nothing_of_the_record_and_switch_nothing_off(role_url):
    world = World(role_url)
    world.people()
    world.accounts()
    world.enforce("rev", "small", "suspend")
    world.assert_sound()
    with world.store.read() as connection:
        assert not may_rewrite(connection)
        before = [connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() for table in LEDGER_TABLES]
    tries = [
        *(f"DELETE FROM {table}" for table in LEDGER_TABLES),
        *(f"TRUNCATE {table}" for table in LEDGER_TABLES),
        *(f"DROP TABLE {table}" for table in LEDGER_TABLES),
        *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in LEDGER_TABLES),
        *(f"DROP TRIGGER {table}_no_update ON {table}" for table in LEDGER_TABLES),
        "UPDATE event SET body = '', salt = ''",
        "UPDATE event SET kind = 'other'",
        "UPDATE leaf SET hash = ''",
        "UPDATE checkpoint SET note = ''",
        "UPDATE tree_node SET hash = ''",
        "CREATE OR REPLACE FUNCTION gardefou_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE TABLE mine (id int)",
    ]
    with _connected(role_url) as connection:
        for each in tries:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(each.encode())
    with world.store.read() as connection:
        after = [connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() for table in LEDGER_TABLES]
    assert after == before
    world.assert_sound()
    world.close()


def test_the_owner_is_told_to_be_able_to(postgresql_url):
    store = open_store(postgresql_url)
    with store.read() as connection:
        assert may_rewrite(connection)
    store.close()


def test_grants_are_asked_of_the_tables_that_statements_find_wherever_they_lie(postgresql_url, role_url):
    with _connected(postgresql_url) as owner:
        owner.execute("CREATE SCHEMA first_looked_at")
        owner.execute(
            sql.SQL("GRANT USAGE ON SCHEMA first_looked_at TO {}").format(
                sql.Identifier(str(sa.make_url(role_url).username))
            )
        )
    there = sa.make_url(role_url).update_query_dict({"options": "-csearch_path=first_looked_at,public"})
    store = open_store(there.render_as_string(hide_password=False))
    with store.read() as connection:
        assert connection.execute(sa.text("SELECT current_schema()")).scalar() == "first_looked_at"
        check_granted(connection)
    with _connected(postgresql_url) as owner:
        owner.execute(
            sql.SQL("REVOKE DELETE ON pause FROM {}").format(sql.Identifier(str(sa.make_url(role_url).username)))
        )
    with store.read() as connection, pytest.raises(InvalidInput, match="lacks DELETE on pause;") as refused:
        check_granted(connection)
    assert refused.value.code == "store/not_granted"
    store.close()


def test_what_that_role_may_not_migrate_is_said_with_the_remedy(postgresql_url, role_url):
    with _connected(postgresql_url) as owner:
        owner.execute("UPDATE alembic_version SET version_num = '0020'")
        with pytest.raises(InvalidInput) as refused:
            upgrade(role_url)
        owner.execute("UPDATE alembic_version SET version_num = '0021'")
    assert refused.value.code == "store/not_owner"
    assert "gardefou ledger grants ROLE" in refused.value.message
