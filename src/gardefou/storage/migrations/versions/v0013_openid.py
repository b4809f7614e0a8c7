"""The identity provider: sign-ins under way, ids that were spent, whence a session is; what services are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; a session remembers, hashed, whence it came; a token its purpose, client and last use."""
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
    for name in ("purpose", "client"):
        op.add_column("token", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "token_use",
        sa.Column("token_id", sa.Text(), primary_key=True),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
    )
