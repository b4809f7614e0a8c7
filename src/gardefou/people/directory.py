"""The sealed directory: people's names and addresses, and nothing about what they did.

No other table, event or answer holds a name. Reading one is for whoever had it
revealed (R19); erasing one leaves every record of acts as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from gardefou.storage import tables

_one = tables.person.select().where(tables.person.c.staff_id == sa.bindparam("who"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who someone is: what the directory holds of one person. Empty where it was not given."""

    staff_id: str
    name: str = ""
    email: str = ""
    issuer: str = ""
    subject: str = ""


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
