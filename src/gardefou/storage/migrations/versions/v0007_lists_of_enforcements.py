"""Indexes for the lists of enforcements: what has come to rest by its state, and everything by what it does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

#: As in 0002: rows, then how many of them one value of the first column has, of the first two.
_STATISTICS = (
    ("enforcement", "enforcement_settled", "990000 165000 1"),
    ("enforcement", "enforcement_by_action", "1000000 90000 1"),
)


def upgrade() -> None:
    """Add both indexes, and say to SQLite what to expect of them."""
    settled = sa.text("state IN ('in_force', 'failed', 'restored', 'cancelled', 'lapsed', 'refused')")
    op.create_index(
        "enforcement_settled",
        "enforcement",
        ["state", "id"],
        unique=False,
        sqlite_where=settled,
        postgresql_where=settled,
    )
    op.create_index("enforcement_by_action", "enforcement", ["action", "id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(insert, {"tbl": tbl, "idx": idx, "stat": stat})
        op.execute("ANALYZE sqlite_schema")
