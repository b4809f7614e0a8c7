"""Indexes for what the console looks up: accounts by tier, reach, entry and handle; events and claims by person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WATCHED = sa.text("tier <> 'standard' OR memory_tier <> 'standard'")
_ALIKE = sa.text("lookalike_of IS NOT NULL")
_ENTRY = sa.text("explicit_tier IS NOT NULL")
_OF_ACCOUNT = sa.text("kind IN ('account.tier_set', 'account.marked_fake', 'account.drifted')")
_CLAIMED = sa.text("state = 'open' AND claimed_by IS NOT NULL")
_PERSON = sa.text("by <> 'system' AND kind <> 'report.taken'")
#: What SQLite is told of the new indexes; see the second migration. Nothing of the two over watched accounts that have
#: their ids as well: that reading all of one is cheap makes its planner (3.40) believe the same of the accounts' key.
_STATISTICS = (
    ("account", "account_by_entry", "4000 10 2 1"),
    ("account", "account_by_handle", "2000000 2"),
    ("account", "account_alike", "5000 2000 2"),
    ("cases", "case_by_claimant", "500 2 1"),
    ("event", "event_of_account", "8000 3000 2 1"),
    ("event", "event_by_person", "6000000 10000 1"),
)


def upgrade() -> None:
    """Make the indexes."""
    for name, table, columns, where in (
        ("account_by_tier", "account", ["tier", "platform", "ref"], _WATCHED),
        ("account_by_reach", "account", ["reach", "platform", "ref"], _WATCHED),
        ("account_alike", "account", ["platform", "lookalike_of"], _ALIKE),
        ("account_by_entry", "account", ["explicit_until", "platform", "ref"], _ENTRY),
        ("event_of_account", "event", ["platform", "account", "id"], _OF_ACCOUNT),
        ("event_by_person", "event", ["by", "id"], _PERSON),
        ("case_by_claimant", "cases", ["claimed_by", "claimed_until"], _CLAIMED),
    ):
        op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
    folded = sa.text('lower(handle) COLLATE "C"' if op.get_bind().dialect.name == "postgresql" else "lower(handle)")
    op.create_index("account_by_handle", "account", [folded], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for tbl, idx, stat in _STATISTICS:
            op.get_bind().execute(
                sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)"),
                {"tbl": tbl, "idx": idx, "stat": stat},
            )
        op.execute("ANALYZE sqlite_schema")  # reads them
