"""Signing in through the organisation's identity provider: attempts, ids that were spent, whence a session is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables; a session remembers, hashed, which session at the provider it came from."""
    op.create_table(
        "oidc_attempt",
        sa.Column("hash", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("browser", "purpose", "session", "next", "carried")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
    )
    op.create_index("oidc_attempt_by_end", "oidc_attempt", ["expires_at"])
    op.create_table(
        "spent",
        sa.Column("hash", sa.Text(), primary_key=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("spent_by_end", "spent", ["expires_at"])
    for name in ("issuer", "sid"):
        op.add_column("session", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index("session_by_sid", "session", ["sid"])
