"""Passkeys, what they signed, sessions with where and when, tries to sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moment(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def upgrade() -> None:
    """Make the four tables, and the columns of approvals and sessions."""
    op.create_table(
        "passkey",
        *_texts("platform", "id", "staff_id", "public_key", "rp_id", "origin", "transports"),
        _moment("enrolled_at"),
        _moment("counts_from"),
        _moment("revoked_at", null=True),
        *_texts("revoked_by"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "id"),
    )
    op.create_index("passkey_by_staff", "passkey", ["staff_id"])
    op.create_table(
        "passkey_use",
        *_texts("id", "label"),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        _moment("used_at", null=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ceremony", *_texts("hash", "purpose", "whose"), _moment("expires_at"), sa.PrimaryKeyConstraint("hash")
    )
    op.create_index("ceremony_by_time", "ceremony", ["expires_at"])
    op.create_table(
        "signin_try",
        *_texts("key"),
        sa.Column("tries", sa.Integer(), nullable=False),
        _moment("until"),
        _moment("at"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("signin_try_by_time", "signin_try", ["at"])
    op.add_column("approval", sa.Column("assertion", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("browser", sa.Text(), nullable=False, server_default=""))
    op.add_column("session", _moment("seen_at", null=True))
