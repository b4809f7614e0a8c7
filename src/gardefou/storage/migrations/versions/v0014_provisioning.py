"""Whom provisioning clients look after, their groups, and the security events taken already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.create_table(
        "scim_user",
        *_texts("id", "client", "staff_id"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("scim_user_by_staff", "scim_user", ["staff_id"], unique=True)
    op.create_index("scim_user_by_client", "scim_user", ["client", "id"])
    op.create_table(
        "scim_group",
        *_texts("id", "client", "name", "external_id"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("scim_group_by_client", "scim_group", ["client", "id"])
    op.create_table(
        "scim_member",
        *_texts("group_id", "user_id"),
        sa.PrimaryKeyConstraint("group_id", "user_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("scim_member_by_user", "scim_member", ["user_id"])
    op.create_table(
        "signal",
        *_texts("hash"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("signal_by_time", "signal", ["at"])
