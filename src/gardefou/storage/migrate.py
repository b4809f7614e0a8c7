"""Bringing a store to the newest shape, with Alembic, on both databases."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from gardefou.storage.engine import Store, open_store

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def upgrade_store(store: Store) -> None:
    """Run every migration that the store has not seen, in one write transaction."""
    config = _config()
    with store.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upgrade(url: str) -> None:
    """Open the store at a URL, migrate it, and close it again."""
    store = open_store(url)
    try:
        upgrade_store(store)
    finally:
        store.close()


def is_current(connection: sa.Connection) -> bool:
    """Tell whether the store has the newest shape."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head
