"""Hashes of leaves stand beside their leaves, and of the tree above them every fourth level is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gardefou.storage.triggers import append_only_statements

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables anew: rows of the ledger are never changed where they stand."""
    text, whole, octets = sa.Text(), sa.BigInteger(), sa.LargeBinary()
    op.create_table(
        "leaf_new",
        sa.Column("platform", text, nullable=False),
        sa.Column("seq", whole, nullable=False, autoincrement=False),
        sa.Column("event_id", text, nullable=False),
        sa.Column("data", octets, nullable=False),
        sa.Column("hash", octets, nullable=False),
        sa.PrimaryKeyConstraint("platform", "seq"),
        sqlite_with_rowid=False,
    )
    # What has lost its hash keeps an empty one: the verification says so, of this entry, as before.
    none = "''::bytea" if op.get_bind().dialect.name == "postgresql" else "x''"
    op.execute(
        "INSERT INTO leaf_new (platform, seq, event_id, data, hash)"  # noqa: S608 - own text
        f" SELECT leaf.platform, leaf.seq, leaf.event_id, leaf.data, coalesce(node.hash, {none})"
        " FROM leaf LEFT JOIN tree_node AS node"
        " ON node.platform = leaf.platform AND node.level = 0 AND node.position = leaf.seq"
    )
    op.create_table(
        "tree_node_new",
        sa.Column("platform", text, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("position", whole, nullable=False, autoincrement=False),
        sa.Column("hash", octets, nullable=False),
        sa.PrimaryKeyConstraint("platform", "level", "position"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO tree_node_new (platform, level, position, hash)"
        " SELECT platform, level, position, hash FROM tree_node WHERE level > 0 AND level % 4 = 0"
    )
    for table in ("leaf", "tree_node"):
        op.drop_table(table)
        op.rename_table(f"{table}_new", table)
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"ALTER INDEX {table}_new_pkey RENAME TO {table}_pkey")
    op.create_index("leaf_by_event", "leaf", ["platform", "event_id"], unique=True)
    for statement in append_only_statements(op.get_bind().dialect.name):
        if " ON leaf" in statement or " ON tree_node" in statement:
            op.execute(statement)
