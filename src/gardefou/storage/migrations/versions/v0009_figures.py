"""Indexes for the figures of the first page, counted by time; incidents by id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: As in 0002: what SQLite is told to expect.
_STATISTICS = (
    ("report", "report_by_time", "5000000 2000000 2"),
    ("cases", "case_by_opening", "2000000 700000 2"),
    ("cases", "case_by_closing", "2000000 700000 2 1"),
    ("decision", "decision_by_time", "2000000 700000 2 1"),
    ("incident", "incident_by_id", "10000 1"),
    ("enforcement", "enforcement_spoke", "20000 7000 2"),
)


def upgrade() -> None:
    """Make the indexes."""
    partial: dict[str, tuple[str, list[str], str]] = {
        "case_by_closing": ("cases", ["platform", "closed_at", "due_at"], "closed_at IS NOT NULL"),
        "enforcement_spoke": (
            "enforcement",
            ["platform", "placed_at"],
            """verdict NOT LIKE '%"reasons":[]%"shadow":[]%'""",
        ),
    }
    op.create_index("report_by_time", "report", ["platform", "received_at"])
    op.create_index("case_by_opening", "cases", ["platform", "opened_at"])
    op.create_index("incident_by_id", "incident", ["id"])
    op.create_index("decision_by_time", "decision", ["platform", "at", "outcome"])
    for name, (table, columns, condition) in partial.items():
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    if op.get_bind().dialect.name == "sqlite":
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(insert, {"tbl": tbl, "idx": idx, "stat": stat})
        op.execute("ANALYZE sqlite_schema")  # reads them
