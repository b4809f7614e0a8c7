"""From a token, a session or a sign-in link to the actor behind it; read anew at every call.

Only hashes of secrets are stored. A revoked token or session ends with the
very next call on every node, as every call reads the store.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Staff, Token
from gardefou.errors import Denied, NotFound
from gardefou.people.actor import Actor
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch, get
from gardefou.storage.work import UnitOfWork

SESSION = timedelta(hours=12)
LINK = timedelta(minutes=15)
_TOKEN_PREFIX = "gf_"  # noqa: S105 - a prefix by which leaked tokens are found


def new_secret() -> str:
    """Return a new bearer secret of 256 bits, recognisable by its prefix."""
    return _TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Return how a secret is stored: SHA-256 in hex (the secret has 256 bits of its own)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def strong_at(connection: sa.Connection, staff_id: str) -> datetime | None:
    """Return when a person last signed in strongly."""
    row = connection.execute(
        sa.select(tables.presence.c.strong_at).where(tables.presence.c.staff_id == staff_id)
    ).first()
    return None if row is None else row.strong_at


def note_strong(connection: sa.Connection, staff_id: str, at: datetime) -> None:
    """Note that a person has just signed in strongly."""
    updated = connection.execute(
        tables.presence.update().where(tables.presence.c.staff_id == staff_id).values(strong_at=at, seen_at=at)
    )
    if updated.rowcount == 0:
        connection.execute(tables.presence.insert(), {"staff_id": staff_id, "strong_at": at, "seen_at": at})


def by_token(connection: sa.Connection, secret: str, *, now: datetime, via: str = "api") -> Actor:
    """Return the actor of a bearer token.

    Raises:
        Denied: unknown, revoked or expired (`auth/invalid`), or its person is
            off duty (`staff/left`, `staff/suspended`).
    """
    token = fetch(connection, Token, tables.token.c.hash == hash_secret(secret))
    if token is None or token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now):
        raise Denied("auth/invalid", "This token is unknown, revoked or expired; sign in again or issue another.")
    if token.service is not None:
        humans = tuple(dict.fromkeys(who for who in (token.staff_id, token.issued_by) if who))
        return Actor(
            id=token.service,
            via=via,
            service=token.service,
            scopes=token.scopes,
            humans=humans,
            token_id=token.id,
            source=token.source,
        )
    actor = by_staff(connection, token.staff_id or "", now=now, via=via)
    return replace(actor, scopes=token.scopes or None, token_id=token.id, source=token.source)


def by_staff(connection: sa.Connection, staff_id: str, *, now: datetime, via: str) -> Actor:
    """Return a person as an actor.

    Raises:
        Denied: off duty (`staff/left`, `staff/suspended`), or unknown (`auth/invalid`).
    """
    staff = get(connection, Staff, ORGANISATION, staff_id)
    if staff is None:
        raise Denied("auth/invalid", "There is no such person any more; sign in again.")
    standing = standing_now(staff, now).standing
    if standing is Standing.LEFT:
        raise Denied("staff/left", "This person has left; ask a colleague on duty.")
    if standing is Standing.SUSPENDED:
        raise Denied("staff/suspended", "This person's access is suspended; ask a colleague on duty.")
    return Actor(id=staff.id, via=via, staff=staff, humans=(staff.id,), strong_at=strong_at(connection, staff.id))


def start_session(uow: UnitOfWork, staff_id: str, *, strong: bool) -> tuple[str, str]:
    """Start a session; return its secret and its CSRF token. A strong sign-in is noted, the person enrolled.

    Writes `staff.signed_in`, and `staff.enrolled` the first time.
    """
    secret, csrf = new_secret(), secrets.token_urlsafe(24)
    uow.connection.execute(
        tables.session.insert(),
        {
            "hash": hash_secret(secret),
            "staff_id": staff_id,
            "csrf": csrf,
            "created_at": uow.now,
            "expires_at": uow.now + SESSION,
            "revoked_at": None,
        },
    )
    if strong:
        note_strong(uow.connection, staff_id, uow.now)
    staff = uow.need(Staff, ORGANISATION, staff_id)
    uow.record("staff.signed_in", by=staff_id, about=staff_id, detail={"strong": strong})
    if not staff.enrolled:
        enrolled = replace(staff, enrolled=True, version=staff.version + 1)
        uow.record("staff.enrolled", by=staff_id, about=staff_id, puts=(enrolled,))
    return secret, csrf


def sign_in_again(uow: UnitOfWork, staff_id: str) -> None:
    """Note that a person with a session has just signed in strongly once more; the session goes on.

    Writes `staff.signed_in`.
    """
    note_strong(uow.connection, staff_id, uow.now)
    uow.record("staff.signed_in", by=staff_id, about=staff_id, detail={"strong": True, "again": True})


def by_session(connection: sa.Connection, secret: str, *, now: datetime) -> tuple[Actor, str]:
    """Return the person behind a session, and the session's CSRF token.

    Raises:
        Denied: unknown, ended or revoked (`auth/signed_out`), or off duty.
    """
    row = connection.execute(sa.select(tables.session).where(tables.session.c.hash == hash_secret(secret))).first()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        raise Denied("auth/signed_out", "You are signed out; sign in again.")
    return by_staff(connection, row.staff_id, now=now, via="console"), row.csrf


def end_session(connection: sa.Connection, secret: str, at: datetime) -> None:
    """End a session, on every node at once."""
    connection.execute(
        tables.session.update().where(tables.session.c.hash == hash_secret(secret)).values(revoked_at=at)
    )


def make_link(connection: sa.Connection, staff_id: str, *, now: datetime) -> str:
    """Return the secret of a one-time sign-in link, good for 15 minutes. For `demo` and first start only (R11)."""
    secret = new_secret()
    connection.execute(
        tables.signin_link.insert(),
        {"hash": hash_secret(secret), "staff_id": staff_id, "expires_at": now + LINK, "used_at": None},
    )
    return secret


def use_link(connection: sa.Connection, secret: str, *, now: datetime) -> str:
    """Use a sign-in link up; return whose it is.

    Raises:
        NotFound: unknown, used or too old (`auth/link`).
    """
    used = connection.execute(
        tables.signin_link.update()
        .where(
            tables.signin_link.c.hash == hash_secret(secret),
            tables.signin_link.c.used_at.is_(None),
            tables.signin_link.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(tables.signin_link.c.staff_id)
    ).first()
    if used is None:
        raise NotFound("auth/link", "This sign-in link was used already or is too old; ask for another.")
    return str(used.staff_id)
