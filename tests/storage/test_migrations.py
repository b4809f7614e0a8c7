"""Every migration keeps what it finds, and what the code expects is what the migrations make."""

from __future__ import annotations

from typing import Any, cast

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from gardefou.platforms.sandbox_tables import metadata as sandbox_metadata
from gardefou.storage.engine import open_store
from gardefou.storage.migrate import _config, is_current, newest, upgrade_store
from gardefou.storage.tables import metadata

_ROWS: dict[str, dict[str, Any]] = {
    "event_pending": {"platform": "p", "id": "e1"},
    "leaf": {"platform": "p", "seq": 0, "event_id": "e1", "data": b"leaf"},
    "tree_node": {"platform": "p", "level": 0, "position": 0, "hash": b"hash"},
}


def test_what_stood_in_a_store_of_the_first_shape_stands_in_the_newest(databases, database_kind):
    with databases.fresh(database_kind, migrated=False) as url:
        store = open_store(url)
        config = _config()
        with store.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
        with store.begin() as connection:
            for table, row in _ROWS.items():
                connection.execute(metadata.tables[table].insert(), row)
        upgrade_store(store)
        with store.read() as connection:
            for table, row in _ROWS.items():
                assert connection.execute(metadata.tables[table].select()).mappings().one() == row
        for table in ("leaf", "tree_node"):
            for change in (sa.delete(metadata.tables[table]), sa.update(metadata.tables[table]).values(platform="q")):
                with pytest.raises(DBAPIError, match="append-only"), store.begin() as connection:
                    connection.execute(change)
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
