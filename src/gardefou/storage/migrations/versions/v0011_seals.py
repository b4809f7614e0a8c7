"""What provisioning calls a person, and what it said of them, beside the name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("user_name", "external_id", "document"):
        op.add_column("person", sa.Column(name, sa.Text(), nullable=False, server_default=""))
