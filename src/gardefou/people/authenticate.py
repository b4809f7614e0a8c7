"""From a token, a session, a sign-in key or a sign-in link to whoever is behind it; read anew at every call.

A sign-in key or link signs a person in strongly; a token acts, but is no
sign-in, whatever its scopes (M3). Only hashes of secrets are stored. A revoked
token, key or session ends with the very next call on every node, as every call
reads the store.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Staff, Token
from gardefou.errors import Denied, NotFound, StepUpRequired
from gardefou.people.actor import Actor
from gardefou.people.leaving import M9, leaving_of
from gardefou.people.roles import DELEGATE, UNATTENDED
from gardefou.people.sessions import IDLE, going_on
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch, fetch_all, get
from gardefou.storage.work import UnitOfWork

SESSION = timedelta(hours=12)
LINK = timedelta(minutes=10)
#: The one scope of a sign-in key. It gives no power, and nobody can ask for it when issuing a token.
SIGNIN = "signin"
#: Minutes since the strong sign-in within which a person may make a new sign-in key.
NEW_KEY_MINUTES = 10
#: What is said where a new sign-in key is shown.
KEEP_KEY = (
    "Keep this sign-in key; it is shown only now. You need it to sign in again and where a fresh sign-in is asked for."
)
_TOKEN_PREFIX = "gf_"  # noqa: S105 - a prefix by which leaked tokens are found


def new_secret() -> str:
    """Return a new bearer secret of 256 bits, recognisable by its prefix and its last six characters."""
    secret = _TOKEN_PREFIX + secrets.token_urlsafe(32)
    return secret + checksum(secret)


def checksum(secret: str) -> str:
    """Return what a secret ends with, so that whoever looks for leaked ones finds no other text: of its SHA-256."""
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()[:6]


def hash_secret(secret: str) -> str:
    """Return how a secret is stored: SHA-256 in hex (the secret has 256 bits of its own)."""
    return hashlib.sha256(secret.encode()).hexdigest()


_STRONG_AT = Fast(sa.select(tables.presence.c.strong_at).where(tables.presence.c.staff_id == sa.bindparam("staff")))


def strong_at(connection: sa.Connection, staff_id: str) -> datetime | None:
    """Return when a person last signed in strongly."""
    row = _STRONG_AT.first(connection, {"staff": staff_id})
    return None if row is None else row.strong_at


def note_strong(connection: sa.Connection, staff_id: str, at: datetime) -> None:
    """Note that a person has signed in strongly; what was noted of a later moment stays."""
    known = strong_at(connection, staff_id)
    at = at if known is None else max(at, known)
    updated = connection.execute(
        tables.presence.update().where(tables.presence.c.staff_id == staff_id).values(strong_at=at, seen_at=at)
    )
    if updated.rowcount == 0:
        connection.execute(tables.presence.insert(), {"staff_id": staff_id, "strong_at": at, "seen_at": at})


def by_token(connection: sa.Connection, secret: str, *, now: datetime, via: str = "api") -> Actor:
    """Return the actor of a bearer token.

    Raises:
        Denied: unknown, revoked, expired or a sign-in key (`auth/invalid`), or
            its person is off duty (`staff/left`, `staff/suspended`).
    """
    token = fetch(connection, Token, tables.token.c.hash == hash_secret(secret))
    if token is None or not _good(token, now):
        raise Denied("auth/invalid", "This token is unknown, revoked or expired; sign in again or issue another.")
    if SIGNIN in token.scopes:
        raise Denied("auth/invalid", "This is a sign-in key; use it to sign in, not as a token.")
    if token.service is not None:
        return _service(connection, token, token.service, now=now, via=via)
    actor = by_staff(connection, token.staff_id or "", now=now, via=via)
    return replace(
        actor, scopes=token.scopes or None, token_id=token.id, source=token.source, platforms=token.platforms
    )


def _service(connection: sa.Connection, token: Token, name: str, *, now: datetime, via: str) -> Actor:
    """Return a service as an actor: of itself, or for the people it acts for (`Actor.lends`).

    Once its owner, or whoever issued the token, is off duty it reports,
    reads and provisions, and no more: nobody answers for it (R6).
    """
    humans = tuple(dict.fromkeys(who for who in (token.staff_id, token.issued_by) if who))
    scopes, lends = token.scopes, None
    if DELEGATE in scopes:
        lends = tuple(scope for scope in scopes if scope != DELEGATE)
        scopes = ("read",)
    if not all(_on_duty(connection, who, now) for who in humans):
        scopes, lends = tuple(scope for scope in scopes if scope in UNATTENDED), None
    return Actor(
        id=name,
        via=via,
        service=name,
        scopes=scopes,
        humans=humans,
        token_id=token.id,
        source=token.source,
        lends=lends,
        client=token.client,
        platforms=token.platforms,
    )


def _on_duty(connection: sa.Connection, staff_id: str, now: datetime) -> bool:
    staff = get(connection, Staff, ORGANISATION, staff_id)
    return staff is not None and standing_now(staff, now).on_duty


def by_signin_key(connection: sa.Connection, secret: str, *, now: datetime) -> str:
    """Return the staff id of whoever has this sign-in key; knowing it is a strong sign-in.

    Raises:
        Denied: unknown, revoked, expired or no sign-in key at all
            (`auth/invalid`), or its person is off duty (`staff/left`, `staff/suspended`).
    """
    token = fetch(connection, Token, tables.token.c.hash == hash_secret(secret))
    if token is None or SIGNIN not in token.scopes or token.staff_id is None or not _good(token, now):
        raise Denied(
            "auth/invalid", "This sign-in key is unknown, revoked or expired; give your newest one. A token is none."
        )
    return by_staff(connection, token.staff_id, now=now, via="console").id


def _good(token: Token, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


def give_signin_key(uow: UnitOfWork, staff_id: str) -> str:
    """Give a person a new sign-in key and return it; their earlier ones end with it.

    Only its hash is kept, so it can be shown now and never again. For whoever
    has just enrolled; later `new_signin_key` is the way. Writes `token.revoked`
    for each earlier key, and `token.issued`.

    Raises:
        Denied: off duty (`staff/left`, `staff/suspended`).
    """
    _hold(uow, staff_id)
    end_signin_keys(uow, staff_id)
    secret = new_secret()
    key = Token(
        id=uow.ids.new(),
        hash=hash_secret(secret),
        staff_id=staff_id,
        scopes=(SIGNIN,),
        issued_by=staff_id,
        issued_at=uow.now,
    )
    uow.record("token.issued", by=staff_id, about=key.id, puts=(key,))
    return secret


def end_signin_keys(uow: UnitOfWork, staff_id: str, *, by: str = "") -> None:
    """End the sign-in keys of a person; without ``by`` they do it themselves. Writes `token.revoked` for each."""
    mine = tables.token.c.staff_id == staff_id
    for earlier in uow.all(Token, mine, tables.token.c.revoked_at.is_(None)):
        if SIGNIN in earlier.scopes:
            revoked = replace(earlier, revoked_at=uow.now, version=earlier.version + 1)
            uow.record("token.revoked", by=by or staff_id, about=earlier.id, puts=(revoked,))


def has_signin_key(connection: sa.Connection, staff_id: str, *, now: datetime) -> bool:
    """Whether a person has a sign-in key that works."""
    mine = fetch_all(connection, Token, sa.select(tables.token).where(tables.token.c.staff_id == staff_id))
    return any(SIGNIN in one.scopes and _good(one, now) for one in mine)


def new_signin_key(uow: UnitOfWork, actor: Actor) -> str:
    """Give a signed-in person a new sign-in key in place of the one they have; return it.

    Raises:
        StepUpRequired: they act through a token, or their strong sign-in is
            older than `NEW_KEY_MINUTES` (`auth/step_up`).
        Denied: off duty (`staff/left`, `staff/suspended`).
    """
    # Otherwise a stolen token would turn into a sign-in in the minutes after its owner's own.
    if actor.staff is None or actor.token_id is not None:
        raise StepUpRequired(NEW_KEY_MINUTES)
    if by_staff(uow.connection, actor.id, now=uow.now, via=actor.via).fresh_minutes(uow.now) > NEW_KEY_MINUTES:
        raise StepUpRequired(NEW_KEY_MINUTES)
    return give_signin_key(uow, actor.id)


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
    return Actor(
        id=staff.id,
        via=via,
        staff=staff,
        humans=(staff.id,),
        strong_at=strong_at(connection, staff.id),
        leaving=leaving_of(connection) if staff.last_day_end is not None else M9,
    )


def start_session(
    uow: UnitOfWork,
    staff_id: str,
    *,
    strong: bool,
    at: datetime | None = None,
    issuer: str = "",
    sid: str = "",
    browser: str = "",
    instead_of: str = "",
) -> tuple[str, str]:
    """Start a session; return its secret and its CSRF token. A strong sign-in is noted, the person enrolled.

    ``at`` is when they proved who they are, where that was not now; ``issuer``
    and ``sid`` are hashes of the provider and its own session it came from.
    ``instead_of`` is the secret of the session that the same browser had: it ends.

    Writes `staff.signed_in`, and `staff.enrolled` the first time.

    Raises:
        Denied: off duty (`staff/left`, `staff/suspended`).
    """
    staff = _hold(uow, staff_id)
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
            "issuer": issuer,
            "sid": sid,
            "browser": browser,
            "seen_at": uow.now,
        },
    )
    if instead_of:
        end_session(uow.connection, instead_of, uow.now)
    if strong:
        note_strong(uow.connection, staff_id, at or uow.now)
    uow.record("staff.signed_in", by=staff_id, about=staff_id, detail={"strong": strong})
    if not staff.enrolled:
        enrolled = replace(staff, enrolled=True, version=staff.version + 1)
        uow.record("staff.enrolled", by=staff_id, about=staff_id, puts=(enrolled,))
    return secret, csrf


def _hold(uow: UnitOfWork, staff_id: str) -> Staff:
    """Return a person and hold their row, before anything that opens a door to them.

    Whoever takes them off duty at this moment holds it too: what they are given is ended with the rest, or not given.

    Raises:
        Denied: off duty (`staff/left`, `staff/suspended`).
    """
    staff = uow.need(Staff, ORGANISATION, staff_id)
    by_staff(uow.connection, staff_id, now=uow.now, via="console")
    return staff


def sign_in_again(uow: UnitOfWork, staff_id: str, *, at: datetime | None = None) -> None:
    """Note that a person with a session has just signed in strongly once more; the session goes on.

    ``at`` is when they proved who they are, where that was not now.

    Writes `staff.signed_in`.

    Raises:
        Denied: off duty (`staff/left`, `staff/suspended`).
    """
    _hold(uow, staff_id)
    note_strong(uow.connection, staff_id, at or uow.now)
    uow.record("staff.signed_in", by=staff_id, about=staff_id, detail={"strong": True, "again": True})


def renew_session(connection: sa.Connection, secret: str) -> str:
    """Give a session a new secret, and return it; the one it had opens nothing from here on.

    For whenever its person has proved once more who they are: whoever had
    got hold of the earlier secret is left behind. All else of the session
    stays: when it ends, the token of its pages, so that forms which are open
    go on, and what it began at a passkey or the identity provider.

    Raises:
        Denied: it has ended, or was renewed by another request (`auth/signed_out`).
    """
    renewed = new_secret()
    before, after = hash_secret(secret), hash_secret(renewed)
    mine = tables.session.c.hash == before, tables.session.c.revoked_at.is_(None)
    if connection.execute(tables.session.update().where(*mine).values(hash=after)).rowcount != 1:
        raise Denied("auth/signed_out", "You are signed out; sign in again.")
    connection.execute(tables.ceremony.update().where(tables.ceremony.c.whose == before).values(whose=after))
    attempt = tables.oidc_attempt
    connection.execute(attempt.update().where(attempt.c.session == before).values(session=after))
    return renewed


def by_session(
    connection: sa.Connection, secret: str, *, now: datetime, idle: timedelta = IDLE
) -> tuple[Actor, str, datetime]:
    """Return the person behind a session, the session's CSRF token, and when it was noted last to be used.

    Raises:
        Denied: unknown, ended, revoked or unused for too long (`auth/signed_out`), or off duty.
    """
    row = connection.execute(
        sa.select(tables.session).where(tables.session.c.hash == hash_secret(secret), going_on(now, idle))
    ).first()
    if row is None:
        raise Denied("auth/signed_out", "You are signed out; sign in again.")
    return by_staff(connection, row.staff_id, now=now, via="console"), row.csrf, row.seen_at or row.created_at


def end_session(connection: sa.Connection, secret: str, at: datetime) -> None:
    """End a session, on every node at once."""
    connection.execute(
        tables.session.update().where(tables.session.c.hash == hash_secret(secret)).values(revoked_at=at)
    )


def forget_strong(connection: sa.Connection, staff_id: str) -> None:
    """Forget that a person signed in strongly: what asks for a fresh sign-in asks anew."""
    connection.execute(tables.presence.update().where(tables.presence.c.staff_id == staff_id).values(strong_at=None))


def make_link(connection: sa.Connection, staff_id: str, *, now: datetime) -> str:
    """Return the secret of a one-time sign-in link, good for 10 minutes. For `demo` and first start only (R11)."""
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
