"""An index for pages of closed cases, most urgent first: they were sorted anew for each, all of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it, and say to SQLite what to expect of it; taking a report does not write to it."""
    closed = sa.text("state = 'closed'")
    columns: list[str | sa.TextClause] = ["queue", sa.text("priority DESC"), "due_at", "id"]
    op.create_index("case_closed_queue", "cases", columns, sqlite_where=closed, postgresql_where=closed)
    if op.get_bind().dialect.name == "sqlite":
        stat = "990000 100000 2000 2 1"
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'case_closed_queue', :stat)")
        op.get_bind().execute(insert, {"stat": stat})
        op.execute("ANALYZE sqlite_schema")  # reads it
