"""What a PostgreSQL role needs to run Gardefou: everything but to own the tables, or to rewrite the record.

Triggers keep the ledger append-only, but whoever owns a table can switch them
off. A role with these grants cannot: all that it can do to the ledger is to add
to it, which is all that a node ever does. (Erasing the body of an event, which
the triggers let through, is left to the owner.)
"""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.errors import InvalidInput
from gardefou.storage.tables import metadata
from gardefou.storage.triggers import LEDGER_TABLES

_SHAPE = "alembic_version"
#: What a node needs on each table that is not a state table.
_RIGHTS = dict.fromkeys(LEDGER_TABLES, "SELECT, INSERT") | {_SHAPE: "SELECT"}
_STATE_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"
#: Of what is lacking, so many are named.
_NAMED = 3
_OWNED = sa.text(
    "SELECT tablename FROM pg_tables"
    " WHERE schemaname = current_schema() AND pg_has_role(current_user, tableowner, 'USAGE') ORDER BY tablename"
)
_LACKING = sa.text(
    "SELECT needed.privilege || ' on ' || needed.name"
    " FROM unnest(CAST(:names AS text[]), CAST(:privileges AS text[])) AS needed(name, privilege)"
    " WHERE NOT has_table_privilege(quote_ident(needed.name), needed.privilege)"
    " ORDER BY needed.name, needed.privilege"
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
    return [
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}",
        *(
            f'GRANT {_RIGHTS.get(table, _STATE_RIGHTS)} ON {schema}."{table}" TO {name}'
            for table in connection.execute(_OWNED).scalars()
        ),
    ]


def may_rewrite(connection: sa.Connection) -> bool:
    """Tell whether this connection's PostgreSQL role could switch off what keeps the ledger append-only."""
    return bool(connection.execute(_OWNS).scalar_one())


def check_granted(connection: sa.Connection) -> None:
    """Refuse to go on as a PostgreSQL role that lacks what a node needs: mostly after an update that brought a table.

    Asked before a node does anything, so that it does not fail in the midst of something.

    Raises:
        InvalidInput: it lacks something (`store/not_granted`).
    """
    needed = [
        (table, privilege)
        for table in (*metadata.tables, _SHAPE)
        for privilege in _RIGHTS.get(table, _STATE_RIGHTS).split(", ")
    ]
    names, privileges = (list(column) for column in zip(*needed, strict=True))
    lacking = connection.execute(_LACKING, {"names": names, "privileges": privileges}).scalars().all()
    if lacking:
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        raise InvalidInput(
            "store/not_granted",
            f"This database role lacks {', '.join(lacking[:_NAMED])}{more};"
            " run `gardefou ledger grants ROLE` as the role that owns the tables.",
            field="GARDEFOU_DATABASE_URL",
        )
