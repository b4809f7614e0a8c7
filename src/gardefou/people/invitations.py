"""Halves of invitations: how one is written down, kept as a hash, found again and ended.

Two halves by two people let somebody in who has no way in of their own
(`gardefou.flow.invitations` says who draws them and for whom). They are read
out or typed, so they have no letters that look or sound alike, and two that
tell a slip from a guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.errors import InvalidInput
from gardefou.people.authenticate import hash_secret
from gardefou.storage import tables

#: How long a half is good.
LASTS = timedelta(days=7)
#: Halves that are out for a person at a time.
PAIR = 2
#: Crockford's: no I, L, O and U.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None, "\t": None, "\n": None, "\r": None})
#: 26 letters are 130 bits; two more check them.
_SECRET, _CHECK, _GROUP = 26, 2, 4
_LONGEST = 128
_i = tables.invitation.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """A half that is out. ``id`` names it and opens nothing."""

    id: str
    hash: str
    staff_id: str
    by: str
    drawn_at: datetime
    ends_at: datetime


def new_half() -> str:
    """Return a new half of 130 bits, in seven groups of four."""
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET))
    whole = secret + _check(secret)
    return "-".join(whole[at : at + _GROUP] for at in range(0, len(whole), _GROUP))


def read_half(text: str, *, field: str) -> str:
    """Return a half as it is kept, however it was typed.

    Raises:
        InvalidInput: it is none, or was mistyped (`invite/half`).
    """
    read = text.upper().translate(_READ_AS) if len(text) <= _LONGEST and text.isascii() else ""
    secret, check = read[:_SECRET], read[_SECRET:]
    if len(read) != _SECRET + _CHECK or set(read) - set(_LETTERS) or check != _check(secret):
        raise InvalidInput(
            "invite/half", "That is no half of an invitation: seven groups of four letters and digits.", field=field
        )
    return read


def _check(secret: str) -> str:
    digest = hashlib.sha256(f"gardefou half v1\0{secret}".encode()).digest()
    return "".join(_LETTERS[byte % 32] for byte in digest[:_CHECK])


def keep_half(connection: sa.Connection, half: str, *, staff_id: str, by: str, now: datetime) -> Half:
    """Keep a new half, only as a hash; return it as one that is out."""
    values = {
        "hash": hash_secret(read_half(half, field="half")),
        "staff_id": staff_id,
        "by": by,
        "drawn_at": now,
        "ends_at": now + LASTS,
    }
    connection.execute(tables.invitation.insert(), values)
    return _half(values)


def halves_of(connection: sa.Connection, staff_id: str, *, now: datetime) -> list[Half]:
    """Return the halves that are out for a person, the earliest first."""
    found = sa.select(tables.invitation).where(_i.staff_id == staff_id, _i.ends_at > now)
    rows = connection.execute(found.order_by(_i.drawn_at, _i.hash)).mappings()
    return [_half(row) for row in rows]


def whose_halves(connection: sa.Connection, hashes: Collection[str]) -> set[str]:
    """Return for whom halves are, by their hashes."""
    return set(connection.execute(sa.select(_i.staff_id).where(_i.hash.in_(hashes))).scalars())


def take_halves(connection: sa.Connection, hashes: Collection[str], *, staff_id: str, now: datetime) -> list[Half]:
    """Use halves up; return those that were out for this person. Of two who take one, one has it."""
    taken = tables.invitation.delete().where(_i.hash.in_(hashes), _i.staff_id == staff_id, _i.ends_at > now)
    return [_half(row) for row in connection.execute(taken.returning(tables.invitation)).mappings()]


def end_halves(connection: sa.Connection, hashes: Collection[str]) -> None:
    """End halves by their hashes."""
    connection.execute(tables.invitation.delete().where(_i.hash.in_(hashes)))


def end_halves_of(connection: sa.Connection, staff_id: str) -> None:
    """End every half for a person, and every one that they drew for somebody."""
    connection.execute(tables.invitation.delete().where(sa.or_(_i.staff_id == staff_id, _i.by == staff_id)))


def end_old_halves(connection: sa.Connection, now: datetime) -> None:
    """Forget the halves whose time is over."""
    connection.execute(tables.invitation.delete().where(_i.ends_at <= now))


def _half(row: Mapping[Any, Any]) -> Half:
    return Half(
        id=row["hash"][:16],
        hash=row["hash"],
        staff_id=row["staff_id"],
        by=row["by"],
        drawn_at=row["drawn_at"],
        ends_at=row["ends_at"],
    )
