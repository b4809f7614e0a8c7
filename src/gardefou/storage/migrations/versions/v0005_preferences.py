"""How each person likes the console: language, time zone, theme, and how media of reports is shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "preference",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("staff_id", "language", "zone", "theme", "media")),
        sa.PrimaryKeyConstraint("staff_id"),
    )
