"""A person's own passkeys and sessions: what the page of oneself shows of them, and changing them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Enforcement, Passkey, Token
from gardefou.domain.states import State
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.approve import Answer, approve
from gardefou.flow.passkeys import draw, enrol, require_fresh, revoke
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.sessions import end, open_sessions
from gardefou.people.assertions import approval_challenge, assertion_of, encoded, read_json
from gardefou.people.authenticate import SIGNIN, hash_secret, renew_session
from gardefou.people.passkeys import Purpose, Site, asked_of, asked_to_make, passkeys_of
from gardefou.people.sessions import Session
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.browser import drop_cookie
from gardefou.web.console.frame import Console, Visit, go


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of passkeys and sessions."""
    return [
        console.post("/me/passkeys", take_new),
        console.post("/me/passkeys/asked", asked_for_new),
        console.post("/me/passkeys/end", end_one),
        console.post("/me/sessions/end", end_session_of_mine),
        console.post("/passkey/asked", asked_once_more),
        console.post("/passkey/asked/{id}", asked_to_sign),
    ]


def need_site(visit: Visit) -> Site:
    """Return the site that passkeys are made for here.

    Raises:
        InvalidInput: browsers make none at this address (`passkey/site`).
    """
    site = visit.site
    if site is None:
        raise InvalidInput(
            "passkey/site",
            "Browsers make no passkeys for this address: open the console by https under its public_url, or on this "
            "machine as http://localhost.",
        )
    return site


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One passkey of a person, as their page shows it."""

    passkey: Passkey
    label: str
    used_at: datetime | None
    #: Whether it signs approvals on notable and protected accounts by now.
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """How a person signs in, and where they are signed in."""

    passkeys: list[Held]
    sessions: list[Session]
    #: The hash of the session that asks.
    this: str
    has_key: bool


def mine(connection: sa.Connection, visit: Visit) -> Mine:
    """Return the signed-in person's passkeys and sessions."""
    now, staff_id = visit.now, visit.actor.id
    held = [one for one in passkeys_of(connection, staff_id) if one.revoked_at is None]
    use = tables.passkey_use
    rows = connection.execute(sa.select(use).where(use.c.id.in_([one.id for one in held])))
    used = {row.id: row for row in rows}
    keys = fetch_all(
        connection,
        Token,
        sa.select(tables.token).where(tables.token.c.staff_id == staff_id, tables.token.c.revoked_at.is_(None)),
    )
    return Mine(
        passkeys=[
            Held(
                passkey=one,
                label=used[one.id].label if one.id in used else "",
                used_at=used[one.id].used_at if one.id in used else None,
                counts=one.counts_from <= now,
            )
            for one in held
        ],
        sessions=open_sessions(visit.app, connection, staff_id, now=now),
        this=hash_secret(visit.secret),
        has_key=any(SIGNIN in one.scopes for one in keys),
    )


def asked_for_new(visit: Visit) -> Response:
    """Give what a browser asks an authenticator, to make a passkey."""
    site = need_site(visit)
    with visit.app.works.read() as connection:
        held = passkeys_of(connection, visit.actor.id)
    drawn = draw(visit.app, Purpose.ENROL, whose=hash_secret(visit.secret))
    person = visit.staff
    return JSONResponse(asked_to_make(drawn, site, staff_id=person.id, name=person.pseudonym, held=held))


def take_new(visit: Visit) -> Response:
    """Enrol the passkey that was made."""
    credential = read_json(visit.form.one("credential"))
    made = enrol(
        visit.app,
        visit.actor,
        credential,
        need_site(visit),
        whose=hash_secret(visit.secret),
        label=visit.form.one("label"),
    )
    if made.state != State.IN_FORCE.value:
        return go(f"/enforcements/{made.id}", done="proposed")
    return go("/me", done="passkey")


def end_one(visit: Visit) -> Response:
    """End a passkey of one's own, at once."""
    require_fresh(visit.app, visit.actor)
    revoke(visit.app, visit.actor, visit.form.one("passkey"))
    return go("/me", done="passkey_ended")


def end_session_of_mine(visit: Visit) -> Response:
    """End a session of one's own, or all: then this one too."""
    only = visit.form.one("session")
    end(visit.app, visit.actor, only=only)
    if not only or only == hash_secret(visit.secret)[:16]:
        return drop_cookie(go("/signin"), visit.request)
    return go("/me", done="session")


def asked_once_more(visit: Visit) -> Response:
    """Give what a browser asks one of the person's own passkeys to sign, before a grave act."""
    site = need_site(visit)
    with visit.app.works.read() as connection:
        held = [one for one in passkeys_of(connection, visit.actor.id) if one.revoked_at is None]
    drawn = draw(visit.app, Purpose.STEP_UP, whose=hash_secret(visit.secret))
    return JSONResponse(asked_of(drawn, site, held))


def asked_to_sign(visit: Visit) -> Response:
    """Give what a browser asks one of the person's own passkeys to sign: a yes to exactly what they saw."""
    site = need_site(visit)
    with visit.app.works.read() as connection:
        found = enforcement_by_id(connection, visit.path("id"))
        held = [
            one
            for one in passkeys_of(connection, visit.actor.id)
            if one.revoked_at is None and one.counts_from <= visit.now
        ]
    if found is None:
        raise NotFound("enforcement/not_found", "There is no such enforcement; check the address.")
    nonce = encoded(draw(visit.app, Purpose.APPROVE, whose=hash_secret(visit.secret)))
    challenge = approval_challenge(
        platform=found.platform, enforcement=found.id, digest=visit.form.one("digest"), answer="yes", nonce=nonce
    )
    return JSONResponse({**asked_of(challenge, site, held), "nonce": nonce})


def signed_in(visit: Visit) -> dict[str, str] | None:
    """Return the assertion that a form brings with a yes; None where it brings none."""
    given = visit.form.one("assertion")
    if not given:
        return None
    credential = read_json(given)
    nonce = credential.get("nonce")
    return assertion_of(credential, nonce=nonce if isinstance(nonce, str) else "")


def answered(visit: Visit, given: Answer) -> Enforcement:
    """Record an answer (`approve`). Signing it was a sign-in: the session goes on under a new secret."""
    after = approve(visit.app, visit.actor, given)
    if given.assertion is not None and "nonce" in given.assertion:
        with visit.app.works.begin() as uow:
            secret = renew_session(uow.connection, visit.secret)
        visit.has_anew(secret)
    return after
