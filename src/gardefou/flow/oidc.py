"""Signing in through the identity provider: a session, a fresh sign-in, an account bound to its person, a logout.

What comes in was judged already (`gardefou.people.oidc`). A person is the pair
of issuer and subject (R5); whoever is not known by it does not get in, and an
address never makes anybody known.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import Conflict, Denied, StepUpRequired
from gardefou.flow.app import App
from gardefou.flow.newcomers import keep_identity
from gardefou.flow.rules import load_rules
from gardefou.people.actor import Actor
from gardefou.people.authenticate import (
    NEW_KEY_MINUTES,
    by_staff,
    hash_secret,
    renew_session,
    sign_in_again,
    start_session,
)
from gardefou.people.directory import Entry
from gardefou.people.oidc.claims import Identity, Logout
from gardefou.people.oidc.delegation import Delegated
from gardefou.people.signed_tokens import LEEWAY, spend
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_session = tables.session.c


def _hashed(issuer: str, what: str = "") -> str:
    return sha256(f"{len(issuer)}:{issuer}{what}".encode()).hexdigest() if issuer else ""


def _known(uow: UnitOfWork, app: App, who: Identity) -> str:
    staff_id = app.directory.by_identity(uow.connection, who.issuer, who.subject)
    if staff_id is None or uow.get(Staff, ORGANISATION, staff_id, lock=False) is None:
        raise Denied(
            "oidc/unknown",
            "Nobody here is known by that account; an admin adds people, or your first sign-in link binds it to you.",
        )
    return staff_id


def _proved(uow: UnitOfWork, who: Identity) -> datetime | None:
    """Return when they proved who they are, if that was strong (M3); a clock that is ahead makes nothing fresher."""
    rules = load_rules(uow.connection)
    if not who.strong(rules.oidc_acr, rules.oidc_amr):
        return None
    assert who.proved_at is not None
    return min(who.proved_at, uow.now)


def signed_in(app: App, who: Identity, *, browser: str = "", instead_of: str = "") -> str:
    """Start a session for whoever has just signed in at the provider; return its secret.

    ``browser`` is its family; ``instead_of`` the secret of the session that it had, which ends.

    Writes `staff.signed_in`, and `staff.enrolled` the first time.

    Raises:
        Denied: nobody here is known by that account (`oidc/unknown`), or off duty (`staff/…`).
    """
    with app.works.begin() as uow:
        staff_id = by_staff(uow.connection, _known(uow, app, who), now=uow.now, via="console").id
        at = _proved(uow, who)
        sid = _hashed(who.issuer, who.sid) if who.sid else ""
        secret, _ = start_session(
            uow,
            staff_id,
            strong=at is not None,
            at=at,
            issuer=_hashed(who.issuer),
            sid=sid,
            browser=browser,
            instead_of=instead_of,
        )
        return secret


def signed_in_anew(app: App, who: Identity, *, staff_id: str, session: str, since: datetime) -> str:
    """Note a fresh strong sign-in at the provider of somebody who has a session here; return its new secret.

    Writes `staff.signed_in`.

    Raises:
        Denied: it is another person (`oidc/other`), or not strong or not since ``since`` (`oidc/weak`).
    """
    with app.works.begin() as uow:
        if app.directory.by_identity(uow.connection, who.issuer, who.subject) != staff_id:
            raise Denied("oidc/other", "That account is not yours here; sign in with your own.")
        at = _proved(uow, who)
        if at is None or at < since - LEEWAY:
            raise Denied(
                "oidc/weak",
                "The identity provider asked you for no strong sign-in just now; use another way, or ask an admin.",
            )
        sign_in_again(uow, staff_id, at=at)
        if who.sid:
            # It may be another session there than the one that this one came from.
            mine = sa.and_(_session.hash == hash_secret(session), _session.issuer != "")
            uow.connection.execute(tables.session.update().where(mine).values(sid=_hashed(who.issuer, who.sid)))
        return renew_session(uow.connection, session)


def link(app: App, actor: Actor, who: Identity, *, since: datetime) -> None:
    """Bind an account at the provider to the person who has just signed in there, once and for all.

    For somebody who signed in strongly in the last minutes, as by their first
    one-time link, and has none yet; they prove at the provider, after
    ``since``, that the account is theirs.

    Writes `staff.linked`; who it is stays in the directory.

    Raises:
        StepUpRequired: `auth/step_up`.
        Denied: the provider did not ask them just now (`oidc/weak`).
        Conflict: they have one (`oidc/linked`), or it is another person's (`staff/identity`).
    """
    if actor.staff is None or actor.token_id is not None:
        raise StepUpRequired(NEW_KEY_MINUTES)
    if who.proved_at is None or who.proved_at < since - LEEWAY:
        # Otherwise another's account, which this browser was signed in to unseen, would be bound.
        raise Denied("oidc/weak", "The identity provider did not ask you to sign in just now; begin again.")
    with app.works.begin() as uow:
        may_link(uow.connection, app, actor.id, uow.now)
        entry = app.directory.get(uow.connection, actor.id) or Entry(staff_id=actor.id)
        keep_identity(uow, app, entry, who.issuer, who.subject)
        uow.record("staff.linked", by=actor.id, about=actor.id)


def may_link(connection: sa.Connection, app: App, staff_id: str, now: datetime) -> None:
    """Raise unless a person may bind an account now.

    Raises:
        StepUpRequired: their strong sign-in is too old (`auth/step_up`).
        Conflict: they have one already (`oidc/linked`).
    """
    if by_staff(connection, staff_id, now=now, via="console").fresh_minutes(now) > NEW_KEY_MINUTES:
        raise StepUpRequired(NEW_KEY_MINUTES)
    entry = app.directory.get(connection, staff_id)
    if entry is not None and entry.subject:
        raise Conflict("oidc/linked", "Your account at the identity provider is bound already; an admin adds you anew.")


def acting_for(app: App, service: Actor, call: Delegated) -> Actor:
    """Return the person that a service acts for in one call, with what both of them may do.

    The person is judged: their roles, standing, tenure and budgets, and how
    fresh the provider says they signed in, not how fresh they did here. Behind
    it stand they and whoever is behind the service (R6).

    Raises:
        Denied: nobody here is known by that account (`oidc/unknown`), off duty
            (`staff/…`), or the assertion came before (`oidc/replayed`).
    """
    assert service.lends is not None
    with app.works.begin() as uow:
        spend(uow.connection, "delegated", call.who.issuer, call.id, until=call.until, now=uow.now)
        person = by_staff(uow.connection, _known(uow, app, call.who), now=uow.now, via=service.via)
        return replace(
            person,
            scopes=service.lends,
            humans=tuple(dict.fromkeys((*person.humans, *service.humans))),
            strong_at=_proved(uow, call.who),
            token_id=service.token_id,
            source=service.source,
            through=service.id,
            platforms=service.platforms,
        )


def logged_out(app: App, logout: Logout) -> int:
    """End the sessions that the provider has ended: one of its sessions', or every one of a person's; return how many.

    Raises:
        Denied: this logout came before (`oidc/replayed`).
    """
    with app.works.begin() as uow:
        spend(uow.connection, "logout", logout.issuer, logout.id, until=logout.until, now=uow.now)
        if logout.sid:
            which = _session.sid == _hashed(logout.issuer, logout.sid)
        else:
            staff_id = app.directory.by_identity(uow.connection, logout.issuer, logout.subject)
            which = _session.staff_id == (staff_id or "")
        ended = uow.connection.execute(
            tables.session.update().where(which, _session.revoked_at.is_(None)).values(revoked_at=uow.now)
        )
        return int(ended.rowcount)
