"""Indexes for lists of enforcements that have come to rest: by state, of a platform, an action or a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INDEXES = {
    "enforcement_settled": ["platform", "state", "id"],
    "enforcement_settled_by_action": ["action", "state", "id", "platform"],
    "enforcement_settled_by_person": ["placed_by", "state", "id", "action", "platform"],
}
#: As in 0002: rows, then how many of them one value of the first column has, of the first two, and so on.
_STATISTICS = {
    "enforcement_settled": "990000 330000 55000 1",
    "enforcement_settled_by_action": "990000 90000 15000 1 1",
    "enforcement_settled_by_person": "990000 10000 1600 1 1 1",
}


def upgrade() -> None:
    """Add them, and say to SQLite what to expect of them."""
    settled = sa.text("state IN ('in_force', 'failed', 'restored', 'cancelled', 'lapsed', 'refused')")
    for name, columns in _INDEXES.items():
        op.create_index(name, "enforcement", columns, unique=False, sqlite_where=settled, postgresql_where=settled)
    if op.get_bind().dialect.name == "sqlite":
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('enforcement', :idx, :stat)")
        for name, stat in _STATISTICS.items():
            op.get_bind().execute(insert, {"idx": name, "stat": stat})
        op.execute("ANALYZE sqlite_schema")  # reads them
