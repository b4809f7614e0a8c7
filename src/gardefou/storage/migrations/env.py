"""Alembic's way in: runs the migrations on the connection it is handed."""

from alembic import context

from gardefou.platforms.sandbox_tables import metadata as sandbox_metadata
from gardefou.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, sandbox_metadata],
    transaction_per_migration=False,
)
context.run_migrations()
