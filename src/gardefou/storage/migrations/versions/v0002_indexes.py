"""Indexes for what is read again and again, found by asking both planners: no step of the flow reads a whole table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gardefou.storage.triggers import append_only_statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: What SQLite is told of a platform in its second year: for each index the rows it has, then how many of them one
#: value of its first column has, of its first two, and so on. Knowing nothing, its planner takes every platform for a
#: handful of rows and reads all that was ever placed, by time or by severity, where it was asked for one account.
#: (The format of ``sqlite_stat1``: sqlite.org/fileformat2.html#stat1tab.)
_STATISTICS = (
    ("account", "sqlite_autoindex_account_1", "2000000 700000 1"),
    ("account", "account_watched", "5000 2000 2"),
    ("approval", "sqlite_autoindex_approval_1", "20000 7000 1"),
    ("approval", "approval_by_enforcement", "20000 7000 2"),
    ("cases", "sqlite_autoindex_cases_1", "2000000 700000 1"),
    ("cases", "case_by_account", "2000000 700000 4"),
    ("cases", "case_open_subject", "20000 7000 2 1"),
    ("cases", "case_queue", "20000 4000 1500 2 1"),
    ("case_note", "sqlite_autoindex_case_note_1", "200000 70000 1"),
    ("case_note", "case_note_by_case", "200000 70000 2"),
    ("decision", "sqlite_autoindex_decision_1", "2000000 700000 1"),
    ("decision", "decision_by_account", "2000000 700000 4"),
    ("decision", "decision_by_case", "2000000 700000 1"),
    ("enforcement", "sqlite_autoindex_enforcement_1", "1000000 350000 1"),
    ("enforcement", "enforcement_active", "5000 1000 2"),
    ("enforcement", "enforcement_by_account", "1000000 350000 4 1"),
    ("enforcement", "enforcement_by_case", "1000000 350000 2"),
    ("enforcement", "enforcement_by_group", "1000000 350000 20000"),
    ("enforcement", "enforcement_by_id", "1000000 1"),
    ("enforcement", "enforcement_by_person", "1000000 10000 1"),
    ("enforcement", "enforcement_by_severity", "1000000 350000 70000 2 2 1"),
    ("enforcement", "enforcement_by_team", "1000000 350000 50000 1"),
    ("enforcement", "enforcement_by_time", "1000000 350000 2"),
    ("enforcement", "enforcement_ending", "20000 2"),
    ("enforcement", "enforcement_went_wrong", "20000 7000 2 2 1"),
    ("event", "sqlite_autoindex_event_1", "20000000 7000000 1"),
    ("event", "event_by_about", "20000000 7000000 4 1"),
    ("event", "event_by_account", "10000000 3500000 10 1"),
    ("incident", "sqlite_autoindex_incident_1", "10000 4000 1"),
    ("incident", "incident_by_kind", "10000 4000 1000 10 1"),
    ("incident", "incident_by_time", "10000 4000 1"),
    ("report", "sqlite_autoindex_report_1", "5000000 2000000 1"),
    ("report", "report_by_case", "5000000 2000000 3 1"),
    ("report", "report_by_pulled_key", "100000 50000 1"),
)


def _keep_in_keys() -> None:
    """Make the tables of short rows anew without rowids: one tree to write to instead of two."""
    text, whole, octets = sa.Text(), sa.BigInteger(), sa.LargeBinary()
    columns: dict[str, tuple[tuple[str, sa.types.TypeEngine[Any]], ...]] = {
        "event_pending": (("platform", text), ("id", text)),
        "leaf": (("platform", text), ("seq", whole), ("event_id", text), ("data", octets)),
        "tree_node": (("platform", text), ("level", sa.Integer()), ("position", whole), ("hash", octets)),
    }
    keys = {"event_pending": 2, "leaf": 2, "tree_node": 3}
    for table, own in columns.items():
        op.create_table(
            f"{table}_new",
            *(sa.Column(name, kind, nullable=False, autoincrement=False) for name, kind in own),
            sa.PrimaryKeyConstraint(*(name for name, _ in own[: keys[table]])),
            sqlite_with_rowid=False,
        )
        names = ", ".join(f'"{name}"' for name, _ in own)
        op.execute(f"INSERT INTO {table}_new ({names}) SELECT {names} FROM {table}")  # noqa: S608 - own names
        op.drop_table(table)
        op.rename_table(f"{table}_new", table)
    op.create_index("leaf_by_event", "leaf", ["platform", "event_id"], unique=True)
    for statement in append_only_statements("sqlite"):
        if " ON leaf" in statement or " ON tree_node" in statement:
            op.execute(statement)


def upgrade() -> None:
    """Replace two indexes, add three; on SQLite keep short rows in their key, and say what to expect."""
    op.drop_index("enforcement_by_account", "enforcement")
    op.create_index("enforcement_by_account", "enforcement", ["platform", "account", "id"], unique=False)
    op.drop_index("enforcement_by_severity", "enforcement")
    op.create_index(
        "enforcement_by_severity",
        "enforcement",
        ["platform", "severity", "placed_at", "state", "reach"],
        unique=False,
    )
    op.create_index("enforcement_by_time", "enforcement", ["platform", "placed_at"], unique=False)
    wrong = sa.text("severity > 0 AND state IN ('restoring', 'restored', 'failed')")
    op.create_index(
        "enforcement_went_wrong",
        "enforcement",
        ["platform", "placed_at", "state", "because"],
        unique=False,
        sqlite_where=wrong,
        postgresql_where=wrong,
    )
    op.create_index("incident_by_kind", "incident", ["platform", "kind", "about", "opened_at"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        _keep_in_keys()
        op.execute("ANALYZE sqlite_schema")  # makes the table of statistics, and fills in nothing yet
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
        op.execute(sa.text("DELETE FROM sqlite_stat1"))
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(insert, {"tbl": tbl, "idx": idx, "stat": stat})
        op.execute("ANALYZE sqlite_schema")  # reads them
