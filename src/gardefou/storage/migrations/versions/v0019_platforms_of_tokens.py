"""A token may be for some platforms only; those that were issued before are for all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a token say for which platforms it is."""
    op.add_column("token", sa.Column("platforms", sa.Text(), nullable=False, server_default="[]"))
