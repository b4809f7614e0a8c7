"""Whether a person may answer an enforcement: what bars a yes or a no of theirs, and what a yes must bring along."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import Approval, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow import facts as facts_of
from gardefou.flow.app import App, Config
from gardefou.flow.approvals import as_person
from gardefou.flow.fact_reads import GRAVE
from gardefou.flow.reading import lifted
from gardefou.flow.signed import Signed, check_yes
from gardefou.flow.stops import behind_pause, open_pauses
from gardefou.nets.seats import Person, could_count
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss, leaving_of
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

if TYPE_CHECKING:
    from gardefou.flow.approve import Answer

_DAY = timedelta(days=1)


def may_speak(
    uow: UnitOfWork,
    app: App,
    config: Config,
    actor: Actor,
    staff: Staff,
    found: Enforcement,
    verdict: Verdict,
    given: Answer,
    people: list[Staff],
    proposer: Person,
) -> Signed:
    """Raise unless this person may answer, and unless a yes of theirs could count; return it as it is signed.

    The codes stand at `gardefou.flow.approve.approve`.
    """
    if staff.id in found.humans or staff.id == found.placed_by:
        raise Denied("approval/own", "You are behind this yourself; another person must answer.")
    if given.answer == "no":
        not_own_harm(uow, found, actor)
    if not standing_now(staff, uow.now, leaving_of(uow.connection)).has(Loss.APPROVALS):
        raise Denied("staff/leaving", "Whoever is leaving approves nothing; ask a colleague.")
    if actor.scopes is not None and Power.APPROVE not in actor.powers:
        raise Denied("auth/forbidden", "This token may not approve; its scopes lack enforcements:write.")
    table = tables.approval.c
    spoken = uow.find(
        Approval, table.platform == found.platform, table.enforcement_id == found.id, table.by == staff.id
    )
    if spoken is not None:
        raise Conflict("approval/given", "You have answered already.")
    if given.answer == "yes" or any(set(need.roles) & set(staff.roles) for need in verdict.approvals):
        reason = could_count(
            verdict.approvals,
            [as_person(person) for person in people],
            as_person(staff),
            proposer=proposer,
            organisation=config.rules.organisation,
        )
        if reason is not None and given.answer == "yes":
            raise Denied("approval/cannot_count", reason)
    elif not set(staff.roles) - {"auditor", "admin"}:
        raise Denied("approval/cannot_count", "Only people who judge cases may say no.")
    if given.answer == "no":
        return Signed()
    not_involved(uow, found, staff.id)
    not_spoken(uow, found, staff.id)
    if any(need.blind for need in verdict.approvals) and not given.own_answer:
        raise InvalidInput(
            "approval/own_answer",
            "A second look is needed: answer on the case first, then confirm.",
            field="own_answer",
        )
    signed = check_yes(uow, app, config, actor, found, given.assertion, whose=given.whose)
    fresh = verdict.fresh_auth_minutes
    if fresh is not None and not signed.fresh and actor.fresh_minutes(uow.now) > fresh:
        raise StepUpRequired(fresh)
    return signed


def not_involved(uow: UnitOfWork, found: Enforcement, who: str) -> None:
    """Raise where a person would let a measure stand on an account in whose restoring they had a part (R16).

    Raises:
        Denied: they had (`approval/involved`).
    """
    again = found.account and found.action != Action.RESTORE  # a restore is no measure taken again (R16, I12)
    if again and facts_of.involved(uow, found.platform, found.account, (who,)) and _restored(uow, found):
        raise Denied(
            "approval/involved", "This account was restored lately and you had a part in it; ask someone who had none."
        )


def not_spoken(uow: UnitOfWork, found: Enforcement, who: str) -> None:
    """Raise where a person would outvote a colleague's no on which they have spoken already (R15).

    Raises:
        Denied: they have (`approval/spoken`).
    """
    if _spoke_on_a_no(uow, found, who):
        raise Denied(
            "approval/spoken", "You have spoken on this before it was refused; someone who has not must answer."
        )


def not_own_harm(uow: UnitOfWork, found: Enforcement, actor: Actor) -> None:
    """Raise where whoever is behind a measure, or a pause, stands in the way of its end; or a service of theirs (I12).

    For a service answers whoever owns it and has issued its token (R6).
    """
    if actor.id == found.placed_by:
        return
    people = actor.one_with
    if (found.change or {}).get("kind") == "resume":
        if any(people & behind_pause(uow, pause) for pause in open_pauses(uow.connection)):
            raise Denied("pause/own", "You paused it; only others may stop the resuming.")
        return
    if found.action != Action.RESTORE:
        return
    if any(people & {harm.placed_by, *harm.humans} for harm in lifted(uow, found)):
        raise Denied("restore/own_harm", "It lifts what you imposed; only others may stop it.")


def _restored(uow: UnitOfWork, found: Enforcement) -> bool:
    table = tables.enforcement.c
    return (
        uow.find(
            Enforcement,
            table.platform == found.platform,
            table.account == found.account,
            table.action == "restore",
            table.placed_by != "system",
            table.placed_at > uow.now - timedelta(days=30),
            table.state.in_(("executing", "unknown", "in_force")),
        )
        is not None
    )


def _spoke_on_a_no(uow: UnitOfWork, found: Enforcement, staff_id: str) -> bool:
    """Whether this person placed or answered the same, or something milder, before a colleague's no ended it (R15)."""
    if not found.account:
        return False
    table = tables.enforcement.c
    refused = uow.all(
        Enforcement,
        table.platform == found.platform,
        table.account == found.account,
        # As for whoever places it: something graver is no other question.
        sa.or_(table.action == found.action, sa.and_(table.severity >= GRAVE, table.severity <= found.severity)),
        table.state == State.REFUSED.value,
        table.ended_at > uow.now - _DAY,
        table.approve_by.is_not(None),
    )
    answered = tables.approval.c
    return any(
        staff_id == one.placed_by
        or staff_id in one.humans
        or uow.find(
            Approval, answered.platform == one.platform, answered.enforcement_id == one.id, answered.by == staff_id
        )
        is not None
        for one in refused
    )
