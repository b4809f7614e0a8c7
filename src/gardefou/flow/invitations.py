"""Letting in somebody who has no way in: two colleagues draw a half each, and both halves sign in, once.

A link shown to one admin would let that admin act as a second person (I13).
So no half lets anybody in alone, nobody draws two of a pair, and neither a
token nor an old sign-in draws one.

Whom two people may let in was settled by more than two: a person is added, is
brought back on duty, or has all that they signed in with reset by guarded
changes. Somebody whose passkeys or key one admin ended, which is at once, is
not invited before such a change: otherwise two people could take the place of
any colleague.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, NotFound, StepUpRequired
from gardefou.flow.app import App
from gardefou.flow.change import concerning
from gardefou.flow.changes.passkeys import RESET
from gardefou.flow.changes.staff import find_staff
from gardefou.flow.incidents import alert
from gardefou.flow.rules import load_rules
from gardefou.people.actor import Actor
from gardefou.people.authenticate import NEW_KEY_MINUTES, by_staff, give_signin_key, has_signin_key, hash_secret
from gardefou.people.invitations import (
    PAIR,
    Half,
    end_halves,
    end_old_halves,
    halves_of,
    keep_half,
    new_half,
    read_half,
    take_halves,
    whose_halves,
)
from gardefou.people.passkeys import passkeys_of
from gardefou.people.roles import Power, powers_of
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_INVITING = frozenset({Power.APPROVE, Power.STAFF})


def may_invite(person: Staff, now: datetime) -> bool:
    """Whether somebody may draw a half: on duty, not leaving, and an admin or one who may approve."""
    return standing_now(person, now).standing is Standing.ACTIVE and not _INVITING.isdisjoint(powers_of(person.roles))


def draw_half(app: App, actor: Actor, staff: str) -> tuple[Half, str]:
    """Draw half of an invitation for a person, by staff id or pseudonym; return it, and its secret, shown once.

    Two are out for a person at most: one's own new half ends one's earlier, a
    third ends the earliest.

    Writes `staff.invited`.

    Raises:
        Denied: by token or through a service (`invite/in_person`), for oneself
            (`staff/own`), leaving (`staff/leaving`), neither admin nor one who
            may approve (`auth/forbidden`), no admin among the two
            (`invite/admin`), or that person is off duty (`staff/…`).
        StepUpRequired: the strong sign-in is older than ten minutes (`auth/step_up`).
        NotFound: no such person (`staff/not_found`).
        Conflict: setup has not ended (`invite/setup`), they have a way in
            (`staff/has_a_way_in`), or no guarded change since they were last
            here lets them back (`invite/reset`).
    """
    _in_person(actor)
    with app.works.begin() as uow:
        person = find_staff(uow, staff)
        _may_draw(uow, actor, person)
        _may_be_let_in(uow, app, person)
        end_old_halves(uow.connection, uow.now)
        out = halves_of(uow.connection, person.id, now=uow.now)
        # What somebody drew who may not any more is void, and stands in nobody's way.
        staying = [one for one in out if one.by != actor.id and _may_still(uow, one.by)][1 - PAIR :]
        me = uow.need(Staff, ORGANISATION, actor.id)
        if staying and not _has_admin(uow, (me.id, staying[0].by)):
            raise Denied("invite/admin", "One of the two who invite must be an admin; let one draw the other half.")
        end_halves(uow.connection, [one.hash for one in out if one not in staying])
        secret = new_half()
        half = keep_half(uow.connection, secret, staff_id=person.id, by=me.id, now=uow.now)
        uow.record("staff.invited", by=me.id, about=person.id)
        return half, secret


def _in_person(actor: Actor) -> None:
    by_machine = actor.token_id is not None or bool(actor.through) or actor.via == "api"
    if actor.staff is None or by_machine:
        raise Denied("invite/in_person", "Only people invite, signed in themselves; no token and no service does.")


def _may_draw(uow: UnitOfWork, actor: Actor, person: Staff) -> None:
    if person.id == actor.id:
        raise Denied("staff/own", "That is yourself.")
    me = by_staff(uow.connection, actor.id, now=uow.now, via=actor.via)
    me.require(Power.READ, uow.now)
    assert me.staff is not None
    if standing_now(me.staff, uow.now).standing is Standing.LEAVING:
        raise Denied("staff/leaving", "Whoever is leaving approves nothing; ask a colleague.")
    if not may_invite(me.staff, uow.now):
        raise Denied("auth/forbidden", "Admins invite, and people who may approve.")
    if me.fresh_minutes(uow.now) > NEW_KEY_MINUTES:
        raise StepUpRequired(NEW_KEY_MINUTES)


def _has_admin(uow: UnitOfWork, two: tuple[str, ...]) -> bool:
    people = (uow.get(Staff, ORGANISATION, one, lock=False) for one in two)
    return any(one is not None and Power.STAFF in powers_of(one.roles) for one in people)


def withdraw_half(app: App, actor: Actor, staff: str, half: str = "") -> int:
    """End a half that is out for a person, by its id, or all; return how many. Whoever may invite does.

    Writes `staff.uninvited` for each.

    Raises:
        Denied: off duty (`staff/…`), or neither admin nor one who may approve (`auth/forbidden`).
        NotFound: no such person (`staff/not_found`), or no such half is out (`invite/not_found`).
    """
    actor.require(Power.READ, app.now())
    with app.works.begin() as uow:
        person = find_staff(uow, staff)
        me = None if actor.staff is None else uow.need(Staff, ORGANISATION, actor.id)
        if me is None or _INVITING.isdisjoint(powers_of(me.roles)):
            raise Denied("auth/forbidden", "Admins invite, and people who may approve.")
        actor.require(min(_INVITING & powers_of(me.roles)), uow.now)
        out = [one for one in halves_of(uow.connection, person.id, now=uow.now) if half in {"", one.id}]
        if not out:
            raise NotFound("invite/not_found", "No such half of an invitation is out any more.")
        end_halves(uow.connection, [one.hash for one in out])
        for one in out:
            uow.record("staff.uninvited", by=actor.id, about=person.id, detail={"drawn_by": one.by})
        return len(out)


def come_in(app: App, first: str, second: str) -> tuple[str, str]:
    """Use up both halves; return whose invitation it was, and that person's new sign-in key, shown once.

    The caller starts the session. What is wrong with two halves is not told
    apart, and neither is used up by a try that fails.

    Writes `staff.welcomed`, `token.issued` and `alert.raised`.

    Raises:
        InvalidInput: one is no half at all (`invite/half`).
        Denied: they let nobody in (`invite/refused`), or that person is off duty (`staff/…`).
    """
    hashes = {hash_secret(read_half(first, field="first")), hash_secret(read_half(second, field="second"))}
    with app.works.begin() as uow:
        whose = whose_halves(uow.connection, hashes)
        if len(whose) != 1:
            raise _refused()
        (staff_id,) = whose
        # The person first, then their halves: in this sequence everybody holds them.
        person = uow.need(Staff, ORGANISATION, staff_id)
        taken = take_halves(uow.connection, hashes, staff_id=staff_id, now=uow.now)
        drew = sorted({one.by for one in taken} - {staff_id})
        if len(taken) != PAIR or len(drew) != PAIR or not _pair_may(uow, drew):
            raise _refused()
        by_staff(uow.connection, staff_id, now=uow.now, via="console")
        try:
            _may_be_let_in(uow, app, person)
        except Conflict as error:
            raise _refused() from error
        uow.record("staff.welcomed", by=staff_id, about=staff_id, detail={"invited_by": drew})
        alert(
            uow,
            "invited",
            platform=ORGANISATION,
            about=staff_id,
            says="Somebody who had no way in came in by invitation of two colleagues.",
        )
        return staff_id, give_signin_key(uow, staff_id)


def _refused() -> Denied:
    return Denied(
        "invite/refused",
        "These two let nobody in: used, over, withdrawn, or not of one invitation. Ask both colleagues for new ones.",
    )


def _pair_may(uow: UnitOfWork, drew: list[str]) -> bool:
    """Whether both who drew a half could draw it now: whoever is put off meanwhile lets nobody in."""
    return all(_may_still(uow, one) for one in drew) and _has_admin(uow, tuple(drew))


def _may_still(uow: UnitOfWork, inviter: str) -> bool:
    person = uow.get(Staff, ORGANISATION, inviter, lock=False)
    return person is not None and may_invite(person, uow.now)


# whom -----------------------------------------------------------------------------------


def has_a_way_in(connection: sa.Connection, app: App, person: Staff, *, now: datetime) -> bool:
    """Whether somebody can sign in: by passkey, by sign-in key, or at the identity provider, as they did before."""
    return (
        any(one.revoked_at is None for one in passkeys_of(connection, person.id))
        or has_signin_key(connection, person.id, now=now)
        or (person.enrolled and app.directory.has_identity(connection, person.id))
    )


def can_be_invited(connection: sa.Connection, app: App, person: Staff, *, now: datetime) -> bool:
    """Whether halves may be drawn for somebody now."""
    return (
        load_rules(connection).setup_finished
        and standing_now(person, now).on_duty
        and not has_a_way_in(connection, app, person, now=now)
        and _is_let_back(connection, person)
    )


def _may_be_let_in(uow: UnitOfWork, app: App, person: Staff) -> None:
    by_staff(uow.connection, person.id, now=uow.now, via="console")
    if not load_rules(uow.connection).setup_finished:
        raise Conflict("invite/setup", "Until setup has ended a sign-in link does: `gardefou setup link`.")
    if has_a_way_in(uow.connection, app, person, now=uow.now):
        raise Conflict(
            "staff/has_a_way_in",
            "They have a passkey, a sign-in key or an account at the identity provider; where it is lost, "
            "have it reset first.",
        )
    if not _is_let_back(uow.connection, person):
        raise Conflict("invite/reset", "They have signed in before; have what they signed in with reset first.")


def _is_let_back(connection: sa.Connection, person: Staff) -> bool:
    """Whether somebody never signed in, or people agreed since they last did that they come anew."""
    if not person.enrolled:
        return True
    event, change = tables.event.c, tables.enforcement.c
    last = connection.execute(
        sa.select(sa.func.max(event.at, type_=event.at.type)).where(
            tables.event_has_about,
            event.platform == ORGANISATION,
            event.about == person.id,
            event.kind == "staff.signed_in",
        )
    ).scalar_one()
    # Not by the moment it took effect: what is asked so is found in the index of what has come to rest.
    changes = (
        sa.select(change.change, change.in_force_at)
        .where(
            tables.enforcement_settled,
            change.action == Action.CHANGE.value,
            change.state == State.IN_FORCE.value,
            change.platform == ORGANISATION,
            concerning(person.id),
        )
        .order_by(change.id.desc())
    )
    return any(
        _lets_back(row.change, person.id)
        for row in connection.execute(changes)
        if last is None or (row.in_force_at is not None and row.in_force_at > last)
    )


def _lets_back(change: dict[str, object], staff_id: str) -> bool:
    if change.get("staff") != staff_id:
        return False
    reset = change["kind"] == "passkey" and change.get("do") == RESET
    return reset or (change["kind"] == "suspend" and change.get("suspended") is False)
