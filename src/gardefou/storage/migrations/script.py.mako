"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the store forward."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Nothing goes back: restore a backup instead."""
    raise NotImplementedError
