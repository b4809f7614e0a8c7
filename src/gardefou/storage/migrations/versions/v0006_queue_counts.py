"""Indexes for what the queue's page counts: late cases, and what people have in hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: What SQLite is told of the new indexes; see the second migration.
_STATISTICS = (
    ("cases", "case_due", "200000 20000 2"),
    ("cases", "case_claimed", "500 1 1"),
)


def upgrade() -> None:
    """Make the indexes."""
    is_open = sa.text("state = 'open'")
    in_hand = sa.text("state = 'open' AND claimed_by IS NOT NULL")
    op.create_index("case_due", "cases", ["queue", "due_at"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index("case_claimed", "cases", ["claimed_until", "queue"], sqlite_where=in_hand, postgresql_where=in_hand)
    if op.get_bind().dialect.name == "sqlite":
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(
                sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)"),
                {"tbl": tbl, "idx": idx, "stat": stat},
            )
        op.execute("ANALYZE sqlite_schema")  # reads them
