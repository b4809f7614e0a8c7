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
        for name in ("leaf", "tree_node"):
            for change in (sa.delete(metadata.tables[name]), sa.update(metadata.tables[name]).values(platform="q")):
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
