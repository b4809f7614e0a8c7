"""Every migration keeps what it finds, and what the code expects is what the migrations make."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from gardefou.clock import EPOCH
from gardefou.platforms.sandbox_tables import metadata as sandbox_metadata
from gardefou.storage.engine import open_store
from gardefou.storage.migrate import _config, is_current, newest, upgrade_store
from gardefou.storage.tables import metadata

_FIRST: dict[str, list[dict[str, Any]]] = {
    "event_pending": [{"platform": "p", "id": "e1"}],
    "leaf": [{"platform": "p", "seq": seq, "event_id": f"e{seq}", "data": b"leaf"} for seq in (0, 1)],
    "tree_node": [{"platform": "p", "level": level, "position": 0, "hash": b"%d" % level} for level in (0, 1, 4, 6)],
}
#: Hashes of leaves stand beside them since; one was missing, and others of the tree are not kept any more.
_NEWEST: dict[str, list[dict[str, Any]]] = {
    "event_pending": _FIRST["event_pending"],
    "leaf": [leaf | {"hash": found} for leaf, found in zip(_FIRST["leaf"], (b"0", b""), strict=True)],
    "tree_node": [{"platform": "p", "level": 4, "position": 0, "hash": b"4"}],
}


def counted(connection: sa.Connection) -> dict[str, float]:
    """Return how many rows PostgreSQL plans for in each table; less than none where it has never looked."""
    statement = "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    return {row.relname: row.reltuples for row in connection.execute(sa.text(statement))}


def test_what_stood_in_a_store_of_the_first_shape_stands_in_the_newest(databases, database_kind):
    with databases.fresh(database_kind, migrated=False) as url:
        store = open_store(url)
        config = _config()
        with store.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
        with store.begin() as connection:
            for name, rows in _FIRST.items():
                connection.execute(sa.table(name, *(sa.column(one) for one in rows[0])).insert(), rows)
        upgrade_store(store)
        with store.read() as connection:
            for name, rows in _NEWEST.items():
                table = metadata.tables[name]
                found = connection.execute(table.select().order_by(*table.primary_key)).mappings().all()
                assert [dict(row) for row in found] == rows
            if database_kind == "postgresql":
                assert counted(connection)["leaf"] == 2
        for name in ("leaf", "tree_node"):
            for change in (sa.delete(metadata.tables[name]), sa.update(metadata.tables[name]).values(platform="q")):
                with pytest.raises(DBAPIError, match="append-only"), store.begin() as connection:
                    connection.execute(change)
        store.close()


#: How events were kept until 0021: whom and what one is about could change along.
_ERASED_WITH_MORE = {
    "sqlite": [
        "DROP TRIGGER event_no_update",
        """
        CREATE TRIGGER event_no_update BEFORE UPDATE ON event
        WHEN NOT (NEW.body = x'' AND NEW.salt = x'' AND NEW.id = OLD.id)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
        """,
    ],
    "postgresql": [
        """
        CREATE OR REPLACE FUNCTION gardefou_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.body = ''::bytea AND NEW.salt = ''::bytea AND NEW.id = OLD.id THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'the ledger is append-only'; END $$
        """,
    ],
}


@pytest.mark.parametrize("old", [True, False], ids=["a store from before", "a new store"])
def test_what_an_event_said_is_erased_and_nothing_else_of_it_changes(databases, database_kind, old):
    event, erased = metadata.tables["event"], {"salt": b"", "body": b""}
    with databases.fresh(database_kind, migrated=False) as url:
        store = open_store(url)
        config = _config()
        with store.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0020")
            for statement in _ERASED_WITH_MORE[database_kind] if old else ():
                connection.exec_driver_sql(statement)
        upgrade_store(store)
        said = dict.fromkeys(("platform", "id", "kind", "by", "account", "about"), "what it was")
        with store.begin() as connection:
            connection.execute(event.insert(), said | {"at": EPOCH, "salt": b"salt", "body": b"body"})
        others = {"at": EPOCH + timedelta(days=1)} | dict.fromkeys(said, "another")
        for column, other in others.items():
            for values in ({column: other}, erased | {column: other}):
                with pytest.raises(DBAPIError, match="append-only"), store.begin() as connection:
                    connection.execute(event.update().values(values))
        for half in erased:
            with pytest.raises(DBAPIError, match="append-only"), store.begin() as connection:
                connection.execute(event.update().values({half: b""}))
        with store.begin() as connection:
            connection.execute(event.update().values(erased))
            assert connection.execute(sa.select(event.c.body, event.c.account)).one() == (b"", "what it was")
        with pytest.raises(DBAPIError, match="append-only"), store.begin() as connection:
            connection.execute(event.update().values(body=b"said anew"))
        store.close()


@pytest.mark.filterwarnings(
    # SQLite does not tell what an index over an expression is made of.
    "ignore:Skipped unsupported reflection of expression-based index",
    "ignore:autogenerate skipping metadata-specified expression-based index",
)
def test_the_migrations_make_the_tables_that_the_code_declares(database_url):
    store = open_store(database_url)
    with store.read() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection), cast("Any", [metadata, sandbox_metadata])
        )
    store.close()
    assert differences == []


def test_the_newest_shape_is_told_without_loading_migrations(databases, database_kind):
    assert newest() == ScriptDirectory.from_config(_config()).get_current_head()
    with databases.fresh(database_kind, migrated=False) as url:
        store = open_store(url)
        with store.read() as connection:
            assert not is_current(connection)
        upgrade_store(store)
        with store.read() as connection:
            assert is_current(connection)
        with store.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
        with store.read() as connection:
            assert not is_current(connection)
        store.close()
