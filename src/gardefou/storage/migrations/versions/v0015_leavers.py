"""Rollbacks as records of their own, role grants with who confirmed them, and an index on what a person last did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_PERSON = sa.text("by <> 'system' AND kind <> 'report.taken'")
#: What SQLite is told of the new indexes; see the second migration.
_STATISTICS = (
    ("event", "event_by_deed", "6000000 10000 500 1"),
    ("rollback_part", "rollback_part_by_rollback", "5000 500 100 1"),
)


def _texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=null) for name in names]


def _moments(*names: str, null: bool = True) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=null) for name in names]


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.Integer(), nullable=False)


def upgrade() -> None:
    """Make the three tables and their indexes."""
    op.create_table(
        "rollback",
        *_texts("platform", "id", "whose"),
        *_moments("since", "until", null=False),
        *_texts("asked_by"),
        *_moments("asked_at", null=False),
        *_texts("via", "humans"),
        *_texts("token_id", null=True),
        sa.Column("exempt", sa.Boolean(), nullable=False),
        *_texts("barred", "state", "because"),
        *_moments("ended_at"),
        _version(),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    running = sa.text("state = 'running'")
    op.create_index("rollback_running", "rollback", ["id"], sqlite_where=running, postgresql_where=running)
    op.create_index("rollback_by_person", "rollback", ["whose", "id"])
    op.create_table(
        "rollback_part",
        *_texts("platform", "id", "rollback_id", "account", "enforcements"),
        sa.Column("reach", sa.BigInteger(), nullable=False),
        *_texts("state"),
        *_texts("restore_id", null=True),
        *_texts("because"),
        *_moments("at"),
        _version(),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    op.create_index("rollback_part_by_rollback", "rollback_part", ["rollback_id", "state", "id"])
    op.create_table(
        "role_grant",
        *_texts("platform", "id", "staff_id", "role"),
        *_moments("since", null=False),
        *_moments("confirmed_at"),
        *_texts("confirmed_by", null=True),
        *_moments("counts_from", null=False),
        sa.Column("reminded", sa.Integer(), nullable=False),
        *_moments("kept_at", "ended_at"),
        _version(),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    held = sa.text("ended_at IS NULL")
    op.create_index("role_grant_due", "role_grant", ["counts_from"], sqlite_where=held, postgresql_where=held)
    op.create_index("event_by_deed", "event", ["by", "kind", "id"], sqlite_where=_PERSON, postgresql_where=_PERSON)
    if op.get_bind().dialect.name == "sqlite":
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(
                sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)"),
                {"tbl": tbl, "idx": idx, "stat": stat},
            )
        op.execute("ANALYZE sqlite_schema")  # reads them
