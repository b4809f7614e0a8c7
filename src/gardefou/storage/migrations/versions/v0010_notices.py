"""Notices to people on duty: the channels, what is to be told, and how each telling stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moments(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=True) for name in names]


def upgrade() -> None:
    """Make the three tables and their indexes."""
    op.create_table(
        "channel",
        *_texts("platform", "id", "key", "service", "to", "kinds", "language"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    op.create_table(
        "notice",
        *_texts("platform", "id", "kind", "to", "team", "accounts", "about", "facts"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *_moments("shared_at"),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    unshared = sa.text("shared_at IS NULL")
    op.create_index("notice_waiting", "notice", ["platform", "id"], sqlite_where=unshared, postgresql_where=unshared)
    op.create_index("notice_by_time", "notice", ["at"])
    op.create_table(
        "delivery",
        *_texts("platform", "notice_id", "channel", "state"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *_moments("next_attempt_at", "lease_until"),
        *_texts("answer"),
        *_moments("sent_at", "told_at"),
        sa.PrimaryKeyConstraint("platform", "notice_id", "channel"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "delivery_waiting",
        "delivery",
        ["channel", "next_attempt_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("delivery_by_id", "delivery", ["notice_id", "channel"])
    op.create_index("delivery_by_time", "delivery", ["at"])
    op.create_index("delivery_by_sent", "delivery", ["channel", "sent_at"])
    op.create_index("delivery_by_told", "delivery", ["channel", "told_at"])
