"""Raid mode, and indexes for what facts are gathered from: what is scheduled, what is stopped, who was topped up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: What SQLite is told of the new indexes; see the migration before this one.
_STATISTICS = (
    ("enforcement", "enforcement_by_team", "1000000 350000 50000 1 1 1 1"),
    ("enforcement", "enforcement_scheduled", "20000 200 2"),
    ("top_up", "top_up_by_staff", "5000 20 1"),
)


def upgrade() -> None:
    """Make the table of raids and the indexes."""
    op.create_table(
        "raid",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    op.create_index("raid_by_time", "raid", ["until"], unique=False)
    stopped = sa.text("ended_at IS NULL")
    op.create_index("pause_open", "pause", ["id"], unique=False, sqlite_where=stopped, postgresql_where=stopped)
    op.create_index("top_up_by_staff", "top_up", ["staff_id", "at"], unique=False)
    op.drop_index("enforcement_by_team", "enforcement")
    op.create_index(
        "enforcement_by_team",
        "enforcement",
        ["platform", "team", "placed_at", "severity", "state", "reach"],
        unique=False,
    )
    later = sa.text("execute_at IS NOT NULL")
    op.create_index(
        "enforcement_scheduled",
        "enforcement",
        ["placed_by", "execute_at"],
        unique=False,
        sqlite_where=later,
        postgresql_where=later,
    )
    if op.get_bind().dialect.name == "sqlite":
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(
                sa.text("DELETE FROM sqlite_stat1 WHERE tbl = :tbl AND idx = :idx"), {"tbl": tbl, "idx": idx}
            )
            op.get_bind().execute(
                sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)"),
                {"tbl": tbl, "idx": idx, "stat": stat},
            )
        op.execute("ANALYZE sqlite_schema")  # reads them
