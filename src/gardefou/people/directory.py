"""The sealed directory: people's names and addresses, and nothing about what they did.

No other table, event or answer holds a name. An entry lies sealed in one row
(`gardefou.people.seals`); beside it stand marks, by which whoever has the key
finds a person by identity, address or whole name. What a mark leads to is
opened and compared, so a mark that was moved to somebody else's row finds
nobody. Reading a name is for whoever had it revealed (R19); erasing one leaves
every record of acts as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from gardefou.errors import Conflict, Unavailable
from gardefou.people.pseudonyms import outside_name
from gardefou.people.seals import Ring, SealKey, Seals
from gardefou.speech import gettext as _
from gardefou.speech import later
from gardefou.storage import tables
from gardefou.storage.engine import Store, locked, writing_over

_p = tables.person.c
_m = tables.person_mark.c
_one = tables.person.select().where(_p.staff_id == sa.bindparam("who"))
_LOCK = "gardefou-directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who someone is: what the directory holds of one person. Empty where it was not given."""

    staff_id: str
    name: str = ""
    email: str = ""
    #: The organisation's identity provider and the person's own identifier there: who someone is (R5).
    issuer: str = ""
    subject: str = ""
    #: What provisioning calls the person, and everything personal that it said, as one JSON document.
    user_name: str = ""
    external_id: str = ""
    document: str = ""


class Directory:
    """The directory on a store, with the seals that it lies under.

    Every method works in the transaction it is given. They raise `Unavailable`
    (`seals/…`) where the key is not to be had.
    """

    def __init__(self, seals: Seals) -> None:
        self.seals = seals

    def put(self, connection: sa.Connection, entry: Entry) -> None:
        """Keep who a person is, replacing what was kept. It never enters the ledger.

        Raises:
            Conflict: the identity (`directory/identity`) or user name (`directory/user_name`) is somebody else's.
            Unavailable: the key is not to be had, or is not the one that others are sealed under (`seals/…`).
        """
        self.hold(connection)
        ring = self._ring_for_writing(connection)
        for kind, taken in _TAKEN.items():
            text = _KINDS[kind](entry)
            owner = self._one(connection, kind, text)
            if owner not in {None, entry.staff_id}:
                raise Conflict(
                    f"directory/{kind}",
                    _(taken),
                    field=kind,
                )
        _write(connection, ring.sealing, entry)

    def ready(self, connection: sa.Connection) -> None:
        """Raise what `put` would for want of the key, before anything else is done for a person."""
        self._ring_for_writing(connection)

    def get(self, connection: sa.Connection, staff_id: str) -> Entry | None:
        """Return who a person is, or None where nothing is kept. Ask only for what was revealed."""
        row = connection.execute(_one, {"who": staff_id}).first()
        return None if row is None else _open(self._ring(), row.staff_id, row.key, row.sealed)

    def by_identity(self, connection: sa.Connection, issuer: str, subject: str) -> str | None:
        """Return the staff id of whoever an identity provider knows by this subject; compared to the letter."""
        return self._one(connection, "identity", _identity(issuer, subject))

    def has_identity(self, connection: sa.Connection, staff_id: str) -> bool:
        """Whether an identity provider's account is bound to somebody; nothing is opened."""
        bound = sa.select(_m.staff_id).where(_m.staff_id == staff_id, _m.kind == "identity")
        return connection.execute(bound).first() is not None

    def by_email(self, connection: sa.Connection, email: str) -> str | None:
        """Return the staff id of the one person with this address, in whichever case; None where two have it."""
        return self._one(connection, "email", _folded(email))

    def by_user_name(self, connection: sa.Connection, user_name: str) -> str | None:
        """Return the staff id of whoever provisioning calls this, in whichever case."""
        return self._one(connection, "user_name", _folded(user_name))

    def by_external_id(self, connection: sa.Connection, external_id: str) -> str | None:
        """Return the staff id of the one person with this identifier of the provisioning client's."""
        return self._one(connection, "external_id", external_id)

    def search(self, connection: sa.Connection, text: str) -> list[str]:
        """Return the staff ids of everybody with exactly this address or whole name.

        A name matches in whichever case, with or without accents, its words in any sequence; part of one never does.
        """
        return list(dict.fromkeys([*self.with_email(connection, text), *self.by_name(connection, text)]))

    def with_email(self, connection: sa.Connection, email: str) -> list[str]:
        """Return the staff ids of everybody with this address."""
        return self._found(connection, "email", _folded(email))

    def by_name(self, connection: sa.Connection, name: str) -> list[str]:
        """Return the staff ids of everybody with this whole name."""
        return self._found(connection, "name", _whole_name(name))

    def outside(self, connection: sa.Connection, matter: str, who: str) -> str:
        """Return what a person is called outside the organisation in one matter: an enforcement, or an incident (R19).

        It stays the same for this person in this matter, and nobody outside can
        tell that two matters have to do with the same person.
        """
        return outside_name(self._ring_for_writing(connection).outside, matter, who)

    def erase(self, connection: sa.Connection, staff_id: str) -> None:
        """Forget who a person is; the record of acts keeps their pseudonym."""
        with writing_over(connection):
            connection.execute(tables.person_mark.delete().where(_m.staff_id == staff_id))
            connection.execute(tables.person.delete().where(_p.staff_id == staff_id))

    # keys ------------------------------------------------------------------

    def hold(self, connection: sa.Connection) -> None:
        """Let nobody else write the directory until this transaction ends."""
        locked(connection, _LOCK)

    def sealed_under(self, connection: sa.Connection) -> dict[str, int]:
        """Return how many people are sealed under each key, by its id."""
        found = connection.execute(sa.select(_p.key, sa.func.count()).group_by(_p.key).order_by(_p.key))
        return {row[0]: row[1] for row in found}

    def reseal(self, connection: sa.Connection, most: int) -> int:
        """Seal some that lie under another key under the one that seals now; return how many that were.

        Doing it again goes on where it stopped; 0 says that all are done.
        """
        self.hold(connection)
        ring = self._ring_for_writing(connection)
        rows = connection.execute(
            tables.person.select().where(_p.key != ring.sealing.id).order_by(_p.staff_id).limit(most)
        ).all()
        with writing_over(connection):
            for row in rows:
                _write(connection, ring.sealing, _open(ring, row.staff_id, row.key, row.sealed))
        return len(rows)

    def _ring(self) -> Ring:
        ring = self.seals.ring()
        if ring is None:
            raise Unavailable(
                "seals/key", "This machine's key store has no sealing key; copy seals.json from the one that has it."
            )
        return ring

    def _ring_for_writing(self, connection: sa.Connection) -> Ring:
        """Return the ring, made where nothing is sealed yet: a second one would split the directory in two."""
        anyone = connection.execute(sa.select(_p.key).limit(1)).first()
        ring = self.seals.make() if anyone is None else self._ring()
        if anyone is not None:
            known = [one.id for one in ring.keys]
            strange = connection.execute(sa.select(_p.key).where(_p.key.not_in(known)).limit(1)).first()
            if strange is not None:
                ring.key(strange.key)
        return ring

    # looking up ------------------------------------------------------------

    def _one(self, connection: sa.Connection, kind: str, text: str) -> str | None:
        found = self._found(connection, kind, text)
        return found[0] if len(found) == 1 else None

    def _found(self, connection: sa.Connection, kind: str, text: str) -> list[str]:
        if not text or connection.execute(sa.select(_p.key).limit(1)).first() is None:
            return []
        ring = self._ring()
        rows = connection.execute(
            sa.select(tables.person)
            .join(tables.person_mark, _m.staff_id == _p.staff_id)
            .where(_m.mark.in_(ring.marks(kind, text)), _m.kind == kind)
            .order_by(_p.staff_id)
        ).all()
        read = _KINDS[kind]
        return [row.staff_id for row in rows if read(_open(ring, row.staff_id, row.key, row.sealed)) == text]


# What a person is found by ---------------------------------------------------------------


def _identity(issuer: str, subject: str) -> str:
    return f"{len(issuer)}:{issuer}{subject}" if issuer and subject else ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _whole_name(text: str) -> str:
    """Return a name for comparing: without case, accents and the sequence of its words."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return " ".join(sorted(bare.replace(",", " ").split()))


_KINDS: dict[str, Callable[[Entry], str]] = {
    "identity": lambda entry: _identity(entry.issuer, entry.subject),
    "user_name": lambda entry: _folded(entry.user_name),
    "email": lambda entry: _folded(entry.email),
    "external_id": lambda entry: entry.external_id,
    "name": lambda entry: _whole_name(entry.name),
}
#: What only one person may have, and what is said where somebody else has it.
_TAKEN = {
    "identity": later("This identity is already kept for another person."),
    "user_name": later("This user name is already kept for another person."),
}


# Rows ------------------------------------------------------------------------------------


def _about(staff_id: str) -> str:
    return f"gardefou person\0{staff_id}"


def _open(ring: Ring, staff_id: str, key: str, sealed: bytes) -> Entry:
    return Entry(staff_id=staff_id, **ring.key(key).open(sealed, _about(staff_id)))


def _write(connection: sa.Connection, key: SealKey, entry: Entry) -> None:
    document = asdict(entry)
    del document["staff_id"]
    values = {"key": key.id, "sealed": key.seal(document, _about(entry.staff_id))}
    known = _p.staff_id == entry.staff_id
    if connection.execute(tables.person.update().where(known).values(values)).rowcount == 0:
        connection.execute(tables.person.insert(), {"staff_id": entry.staff_id, **values})
    connection.execute(tables.person_mark.delete().where(_m.staff_id == entry.staff_id))
    marks = [
        {"staff_id": entry.staff_id, "kind": kind, "mark": key.mark(kind, text)}
        for kind, read in _KINDS.items()
        if (text := read(entry))
    ]
    if marks:
        connection.execute(tables.person_mark.insert(), marks)


# What an older version left plain --------------------------------------------------------

_PLAIN = sa.table(
    "person_plain",
    *(sa.column(name, sa.Text) for name in ("staff_id", "name", "email", "issuer", "subject")),
)


def seal_plain(store: Store, directory: Directory) -> int | None:
    """Seal what a migration set aside as ``person_plain``, and leave no trace of it; None where nothing was.

    The rows are sealed and deleted in one transaction. Then SQLite's file is
    written anew without them, and its log cut; where somebody else holds it,
    the next opening does that. What PostgreSQL keeps of them in its own log,
    and what lies in backups, is the operator's to let go.
    """
    with store.read() as connection:
        if not sa.inspect(connection).has_table("person_plain"):
            return None
    with store.begin() as connection:
        locked(connection, _LOCK)
        if not sa.inspect(connection).has_table("person_plain"):
            return None
        rows = connection.execute(_PLAIN.select()).mappings().all()
        for row in rows:
            directory.put(connection, Entry(**row))
        with writing_over(connection):
            connection.execute(_PLAIN.delete())
    if store.rewrite():
        with store.begin() as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS person_plain"))
    return len(rows)
