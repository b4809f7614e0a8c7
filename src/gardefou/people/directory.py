"""The sealed directory: people's names and addresses, and nothing about what they did.

No other table, event or answer holds a name. Reading one is for whoever had it
revealed (R19); erasing one leaves every record of acts as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from gardefou.storage import tables

_one = tables.person.select().where(tables.person.c.staff_id == sa.bindparam("who"))

_identity = sa.select(tables.person.c.staff_id).where(
    tables.person.c.issuer == sa.bindparam("issuer"),
    tables.person.c.subject == sa.bindparam("subject"),
    tables.person.c.subject != sa.literal_column("''"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who someone is: what the directory holds of one person. Empty where it was not given."""

    staff_id: str
    name: str = ""
    email: str = ""
    issuer: str = ""
    subject: str = ""


class Directory:
    """Who people are, as their own organisation knows them."""

    def put(self, connection: sa.Connection, entry: Entry) -> None:
        """Keep who a person is, replacing what was kept."""
        put_person(connection, entry)

    def get(self, connection: sa.Connection, staff_id: str) -> Entry | None:
        """Return who a person is, or None."""
        return get_person(connection, staff_id)

    def by_identity(self, connection: sa.Connection, issuer: str, subject: str) -> str | None:
        """Return the staff id of whoever an identity provider knows as this subject (R5), or None."""
        if not issuer or not subject:
            return None
        found = connection.execute(_identity, {"issuer": issuer, "subject": subject}).first()
        return None if found is None else str(found.staff_id)

    def erase(self, connection: sa.Connection, staff_id: str) -> None:
        """Forget who a person is."""
        erase_person(connection, staff_id)


def put_person(connection: sa.Connection, entry: Entry) -> None:
    """Keep a person's name, replacing an earlier one. It never enters the ledger."""
    values = {"name": entry.name, "email": entry.email, "issuer": entry.issuer, "subject": entry.subject}
    known = tables.person.c.staff_id == entry.staff_id
    if connection.execute(tables.person.update().where(known).values(values)).rowcount == 0:
        connection.execute(tables.person.insert(), {"staff_id": entry.staff_id, **values})


def get_person(connection: sa.Connection, staff_id: str) -> Entry | None:
    """Return who a person is, or None where no name is kept. Ask only for what was revealed."""
    row = connection.execute(_one, {"who": staff_id}).first()
    if row is None:
        return None
    return Entry(staff_id=row.staff_id, name=row.name, email=row.email, issuer=row.issuer, subject=row.subject)


def erase_person(connection: sa.Connection, staff_id: str) -> None:
    """Forget a person's name and address; the record of acts keeps their pseudonym."""
    connection.execute(tables.person.delete().where(tables.person.c.staff_id == staff_id))
