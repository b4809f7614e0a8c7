"""Halves of invitations that are out, as hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its index."""
    op.create_table(
        "invitation",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("hash", "staff_id", "by")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("drawn_at", "ends_at")),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("invitation_by_staff", "invitation", ["staff_id"])
