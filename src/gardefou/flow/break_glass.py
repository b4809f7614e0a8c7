"""Break-glass: "this account is hacked". Reversible, loud, two people now, a third within half an hour (R14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.actions import Reversibility
from gardefou.domain.records import ORGANISATION, Approval, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow import facts as facts_of
from gardefou.flow.app import App
from gardefou.flow.approve import find_enforcement
from gardefou.flow.clear import digest_of, settle_waiting
from gardefou.flow.incidents import near_miss, open_incident
from gardefou.flow.may_speak import not_involved, not_spoken
from gardefou.flow.place import judge_one, new_enforcement
from gardefou.flow.prepare import prepare
from gardefou.flow.signed import asks_signature
from gardefou.flow.spec import Wanted
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss, leaving_of
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.storage import tables

_DAY = timedelta(days=1)
_FRESH_MINUTES = 10
_WORST = 3
_CAME_TO_NOTHING = (State.REFUSED.value, State.CANCELLED.value, State.LAPSED.value)
#: One further person, whoever is on duty and judges accounts.
ONE_OTHER = Requirement(("lead", "oncall", "policy", "reviewer"), 1, False, False)


def break_glass(app: App, actor: Actor, platform: str, ref: str, action: str, because: str) -> Enforcement:
    """Propose to stop a hacked account at once, past the nets' waits but never past their refusals.

    One further person is enough; it is undone by itself after 30 minutes
    unless a third person of another team ratifies it. Everyone is told.

    Writes `enforcement.placed`, `.waiting`, and opens an incident.

    Raises:
        InvalidInput: no reason (`break_glass/because`), or not exactly undone
            there (`break_glass/irreversible`).
        StepUpRequired: the sign-in is older than ten minutes.
        Conflict: used on this account in the last 24 hours (`break_glass/used`).
    """
    if not because.strip():
        raise InvalidInput("break_glass/because", "Say in a line what happened.", field="because")
    actor.require(Power.BREAK_GLASS, app.now())
    actor.require_platform(platform)
    if actor.staff is None:
        raise Denied("auth/not_human", "Only people break the glass.")
    prepared = prepare(app, Wanted(platform=platform, account=ref, action=action, policy="hacked", rationale=because))
    if prepared.checked.reversibility is not Reversibility.EXACT or prepared.checked.severity > _WORST:
        raise InvalidInput(
            "break_glass/irreversible", "Only what is exactly undone: lock, limit or suspend.", field="action"
        )
    with app.works.begin() as uow:
        uow.serialise(f"account:{platform}/{prepared.checked.wanted.account}", f"actor:{actor.id}")
        config = app.config(uow.connection)
        actor = replace(actor, staff=uow.need(Staff, ORGANISATION, actor.staff.id), via="break_glass")
        actor.require(Power.BREAK_GLASS, uow.now)
        if actor.fresh_minutes(uow.now) > _FRESH_MINUTES:
            raise StepUpRequired(_FRESH_MINUTES)
        one = judge_one(uow, app, config, actor, prepared, facts_of.Moment())
        table = tables.enforcement.c
        used = uow.find(
            Enforcement,
            table.platform == platform,
            table.account == prepared.checked.wanted.account,
            table.via == "break_glass",
            # Counted from when it took effect: two approved late are no longer down than one (I10).
            sa.or_(table.placed_at > uow.now - _DAY, table.in_force_at > uow.now - _DAY),
            # What came to nothing broke no glass: a lost word must not bar the next one for a day.
            sa.or_(table.state.not_in(_CAME_TO_NOTHING), table.attempts > 0),
        )
        if used is not None:
            raise Conflict("break_glass/used", "The glass was broken for this account within the last 24 hours.")
        asked = one.verdict
        verdict = Verdict(
            refusals=asked.refusals,
            reasons=asked.reasons,
            approvals=() if app.no_nets else (ONE_OTHER,),
            # Strong authentication, of the other person too (M3).
            fresh_auth_minutes=None if app.no_nets else _FRESH_MINUTES,
            notify=("everyone",),
        )
        made = new_enforcement(uow, config, actor, replace(one, verdict=verdict))
        made = replace(made, rationale=because)
        made = replace(made, digest=digest_of(made))
        uow.record(
            "enforcement.placed", by=actor.id, platform=platform, account=made.account, about=made.id, puts=(made,)
        )
        if verdict.refused:
            why = " ".join(verdict.refusals)
            refused = uow.move(made, State.REFUSED, "enforcement.refused", by=actor.id, because=why, ended_at=uow.now)
            near_miss(uow, refused, why)
            return refused
        open_incident(
            uow,
            platform=platform,
            kind="break_glass",
            accounts=(made.account,),
            enforcements=(made.id,),
            summary=f"The glass was broken: {action} because {because}",
            facts={"action": action, "minutes": str(config.rules.break_glass_minutes)},
        )
        return settle_waiting(uow, config, made, verdict)


def ratify(app: App, actor: Actor, enforcement_id: str) -> Enforcement:
    """Let a break-glass stand: a third person, of another team than the first two.

    Writes `enforcement.ratified`; it no longer ends by itself.

    Raises:
        Denied: one of the first two, of their teams, or not in standing (`ratify/not_apart`); or they had a
            part in a restore of the account within 30 days (`approval/involved`), or spoke on it before a
            colleague's no (`approval/spoken`); or it is said by token (`approval/passkey`).
        StepUpRequired: the sign-in is older than ten minutes (M3).
        Conflict: nothing to ratify, or its half hour is over (`ratify/nothing`).
    """
    actor.require(Power.BREAK_GLASS, app.now())
    if actor.staff is None:
        raise Denied("auth/not_human", "Only people ratify.")
    with app.works.begin() as uow:
        # The person first, then what it is about: in this sequence everybody holds them.
        staff = uow.need(Staff, ORGANISATION, actor.staff.id)
        found = find_enforcement(uow, enforcement_id, actor)
        replace(actor, staff=staff).require(Power.BREAK_GLASS, uow.now)
        over = found.until is not None and found.until <= uow.now
        if found.via != "break_glass" or found.ratified_by is not None or found.state != State.IN_FORCE.value or over:
            raise Conflict("ratify/nothing", "There is no broken glass to ratify here.")
        if not standing_now(staff, uow.now, leaving_of(uow.connection)).has(Loss.APPROVALS):
            raise Denied("staff/leaving", "Whoever is leaving ratifies nothing.")
        table = tables.approval.c
        spoke = uow.all(Approval, table.platform == found.platform, table.enforcement_id == found.id)
        first = {*found.humans, found.placed_by, *(approval.by for approval in spoke)}
        teams = {person.team for who in first if (person := uow.get(Staff, ORGANISATION, who, lock=False)) is not None}
        if staff.id in first or staff.team in teams:
            raise Denied("ratify/not_apart", "It takes a third person, of another team than the first two.")
        not_involved(uow, found, staff.id)
        not_spoken(uow, found, staff.id)
        config = app.config(uow.connection)
        if actor.token_id is not None and asks_signature(config, found):
            raise Denied(
                "approval/passkey",
                "A token is not enough for a yes here: sign in and say it in the console, best with a passkey.",
            )
        if not app.no_nets and actor.fresh_minutes(uow.now) > _FRESH_MINUTES:
            raise StepUpRequired(_FRESH_MINUTES)
        return uow.rewrite(found, "enforcement.ratified", by=staff.id, ratified_by=staff.id, until=None)
