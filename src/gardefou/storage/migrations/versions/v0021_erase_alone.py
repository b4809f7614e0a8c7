"""Erasing what an event said changes nothing else of it: whom and what it is about stays too."""

from __future__ import annotations

from alembic import op

from gardefou.storage.triggers import erase_only_statements

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the narrower rule in place of the old one."""
    for statement in erase_only_statements(op.get_bind().dialect.name):
        op.execute(statement)
