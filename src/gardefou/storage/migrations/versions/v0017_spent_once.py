"""One table of what counts once: security events are remembered where signed tokens of other kinds are.

What was remembered of events stays behind, as a hash cannot be made another.
Whoever sends one again ends sessions that it ended before, and nothing else:
an event only lowers.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the table of events."""
    op.drop_index("signal_by_time", "signal")
    op.drop_table("signal")
