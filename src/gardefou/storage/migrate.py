"""Bringing a store to the newest shape, with Alembic, on both databases.

Alembic is loaded where there is something to migrate: every process asks
whether there is, and for that reading one row will do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from gardefou.errors import InvalidInput
from gardefou.storage.engine import Store, open_store

if TYPE_CHECKING:
    from alembic.config import Config

#: PostgreSQL's state of a statement that a role may not run.
_MAY_NOT = "42501"
_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - takes a tenth of the time that a process needs to start

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def upgrade_store(store: Store) -> None:
    """Run every migration that the store has not seen, in one write transaction, and count anew what it holds.

    Raises:
        InvalidInput: the database's role does not own the tables (`store/not_owner`).
    """
    from alembic import command  # noqa: PLC0415 - as above

    config = _config()
    try:
        with store.begin() as connection:
            before = _revision(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if before not in (None, newest()):
                count_anew(connection)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _MAY_NOT:
            raise
        raise InvalidInput(
            "store/not_owner",
            "The tables are of an older shape, and this database role may not change them;"
            " run `gardefou ledger grants ROLE` as the role that owns them.",
            field="GARDEFOU_DATABASE_URL",
        ) from error


def count_anew(connection: sa.Connection) -> None:
    """Let PostgreSQL look through the tables after many rows came, or an index, and before anybody asks.

    Until it has, it plans by guesses, and by itself it looks a minute later at
    the earliest; at the expression of an index never, where no row changes. On
    SQLite the statistics are ours, written by the migrations: plans are the
    same whatever there is.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")


def upgrade(url: str) -> None:
    """Open the store at a URL, migrate it, and close it again."""
    store = open_store(url)
    try:
        upgrade_store(store)
    finally:
        store.close()


def newest() -> str:
    """Return the revision of the newest shape: migrations are numbered in their files' names, and never fork."""
    return max(file.name[1:5] for file in (_MIGRATIONS / "versions").glob("v[0-9]*.py"))


def is_current(connection: sa.Connection) -> bool:
    """Tell whether the store has the newest shape."""
    return _revision(connection) == newest()


def _revision(connection: sa.Connection) -> str | None:
    """Return the shape that the store has; None while it has none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    return str(found[0]) if len(found) == 1 else None
