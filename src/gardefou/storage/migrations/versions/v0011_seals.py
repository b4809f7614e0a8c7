"""People's names lie sealed, with marks to find them by.

No key is at hand here: rows of the older, plain shape are set aside as
``person_plain``, which the first opening seals and drops
(`gardefou.people.directory.seal_plain`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables, and set plain rows aside."""
    op.drop_index("person_identity", table_name="person")
    if op.get_bind().execute(sa.text("SELECT 1 FROM person LIMIT 1")).first() is None:
        op.drop_table("person")
    else:
        op.rename_table("person", "person_plain")
        if op.get_bind().dialect.name == "postgresql":
            op.execute("ALTER INDEX person_pkey RENAME TO person_plain_pkey")
    op.create_table(
        "person",
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("staff_id"),
    )
    op.create_index("person_by_key", "person", ["key"])
    op.create_table(
        "person_mark",
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", "kind"),
    )
    op.create_index("person_mark_found", "person_mark", ["mark"])
    unique = sa.text("kind IN ('identity', 'user_name')")
    op.create_index(
        "person_mark_unique", "person_mark", ["mark"], unique=True, sqlite_where=unique, postgresql_where=unique
    )
