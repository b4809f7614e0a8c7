"""What a PostgreSQL role needs to run Gardefou: everything but to own the tables, or to rewrite the record.

Triggers keep the ledger append-only, but whoever owns a table can switch them
off. A role with these grants cannot: all that it can do to the ledger is to add
to it, which is all that a node ever does. (Erasing the body of an event, which
the triggers let through, is left to the owner.)
"""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.storage.triggers import LEDGER_TABLES

_SHAPE = "alembic_version"
_OWNED = sa.text(
    "SELECT tablename FROM pg_tables"
    " WHERE schemaname = current_schema() AND pg_has_role(current_user, tableowner, 'USAGE') ORDER BY tablename"
)
_OWNS = sa.text("SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'event'::regclass")


def grants(connection: sa.Connection, role: str) -> list[str]:
    """Return the statements that give a role what it needs, and take from it what it had beyond that.

    For the owner of the tables to run, at first and after every migration. What they give:

    - state tables: SELECT, INSERT, UPDATE, DELETE
    - the ledger's tables: SELECT, INSERT
    - the revision of the tables' shape: SELECT
    """
    name = '"' + role.replace('"', '""') + '"'
    schema = connection.execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    rights = dict.fromkeys(LEDGER_TABLES, "SELECT, INSERT") | {_SHAPE: "SELECT"}
    return [
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}",
        *(
            f'GRANT {rights.get(table, "SELECT, INSERT, UPDATE, DELETE")} ON {schema}."{table}" TO {name}'
            for table in connection.execute(_OWNED).scalars()
        ),
    ]


def may_rewrite(connection: sa.Connection) -> bool:
    """Tell whether this connection's PostgreSQL role could switch off what keeps the ledger append-only."""
    return bool(connection.execute(_OWNS).scalar_one())
