"""The sealed directory: people's names and addresses, and nothing about what they did.

No other table, event or answer holds a name. Reading one is for whoever had it
revealed (R19); erasing one leaves every record of acts as it is.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import sqlalchemy as sa

from gardefou.errors import Conflict
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
    #: What provisioning calls the person, and everything personal that it said, as one JSON document.
    user_name: str = ""
    external_id: str = ""
    document: str = ""


class Directory:
    """The directory on a store. Every method works in the transaction it is given."""

    def put(self, connection: sa.Connection, entry: Entry) -> None:
        """Keep who a person is, replacing what was kept. It never enters the ledger.

        Raises:
            Conflict: the identity (`directory/identity`) or user name (`directory/user_name`) is somebody else's.
        """
        for kind, owner in (
            ("identity", self.by_identity(connection, entry.issuer, entry.subject)),
            ("user_name", self.by_user_name(connection, entry.user_name)),
        ):
            if owner not in {None, entry.staff_id}:
                raise Conflict(f"directory/{kind}", f"This {kind.replace('_', ' ')} is another person's.", field=kind)
        put_person(connection, entry)

    def get(self, connection: sa.Connection, staff_id: str) -> Entry | None:
        """Return who a person is, or None where nothing is kept. Ask only for what was revealed."""
        return get_person(connection, staff_id)

    def by_identity(self, connection: sa.Connection, issuer: str, subject: str) -> str | None:
        """Return the staff id of whoever an identity provider knows by this subject; compared to the letter."""
        if not subject:
            return None
        return _one_of(connection, tables.person.c.issuer == issuer, tables.person.c.subject == subject)

    def by_email(self, connection: sa.Connection, email: str) -> str | None:
        """Return the staff id of the one person with this address, in whichever case; None where two have it."""
        return _one_of(connection, sa.func.lower(tables.person.c.email) == email.lower()) if email else None

    def by_user_name(self, connection: sa.Connection, user_name: str) -> str | None:
        """Return the staff id of whoever provisioning calls this, in whichever case."""
        return _one_of(connection, tables.person.c.user_name == _folded(user_name)) if user_name else None

    def by_external_id(self, connection: sa.Connection, external_id: str) -> str | None:
        """Return the staff id of the one person with this identifier of the provisioning client's."""
        return _one_of(connection, tables.person.c.external_id == external_id) if external_id else None

    def erase(self, connection: sa.Connection, staff_id: str) -> None:
        """Forget who a person is; the record of acts keeps their pseudonym."""
        erase_person(connection, staff_id)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _one_of(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> str | None:
    found = connection.execute(sa.select(tables.person.c.staff_id).where(*where).limit(2)).all()
    return str(found[0].staff_id) if len(found) == 1 else None


def put_person(connection: sa.Connection, entry: Entry) -> None:
    """Keep a person's name, replacing an earlier one. It never enters the ledger."""
    values = {
        "name": entry.name,
        "email": entry.email,
        "issuer": entry.issuer,
        "subject": entry.subject,
        "user_name": _folded(entry.user_name),
        "external_id": entry.external_id,
        "document": entry.document,
    }
    known = tables.person.c.staff_id == entry.staff_id
    if connection.execute(tables.person.update().where(known).values(values)).rowcount == 0:
        connection.execute(tables.person.insert(), {"staff_id": entry.staff_id, **values})


def get_person(connection: sa.Connection, staff_id: str) -> Entry | None:
    """Return who a person is, or None where no name is kept. Ask only for what was revealed."""
    row = connection.execute(_one, {"who": staff_id}).first()
    if row is None:
        return None
    return Entry(
        staff_id=row.staff_id,
        name=row.name,
        email=row.email,
        issuer=row.issuer,
        subject=row.subject,
        user_name=row.user_name,
        external_id=row.external_id,
        document=row.document,
    )


def erase_person(connection: sa.Connection, staff_id: str) -> None:
    """Forget a person's name and address; the record of acts keeps their pseudonym."""
    connection.execute(tables.person.delete().where(tables.person.c.staff_id == staff_id))
