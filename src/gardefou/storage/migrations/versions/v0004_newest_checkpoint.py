"""An index for the moment of the last checkpoint, which every act asks for (R18)."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("checkpoint_by_time", "checkpoint", ["at"], unique=False)
