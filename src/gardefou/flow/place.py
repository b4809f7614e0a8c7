"""A decision becomes enforcements, and the safety nets speak. Nothing reaches a platform here.

Single, bulk, scheduled, from a case, by API, by automation: all of it is
`place`. What the nets ask is stored with the facts they saw, and every person
who approves later is bound to the digest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.accounts import Tier, measures_of_action
from gardefou.domain.records import ORGANISATION, Account, Case, Enforcement, Staff, Token
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow import facts as facts_of
from gardefou.flow.app import App, Config
from gardefou.flow.breaker import note_budget
from gardefou.flow.case_reading import case_ahead
from gardefou.flow.clear import digest_of, settle_waiting
from gardefou.flow.fact_reads import counted_from
from gardefou.flow.incidents import alert, near_miss
from gardefou.flow.judging import judge_act
from gardefou.flow.observe import Seen, observe
from gardefou.flow.prepare import Prepared
from gardefou.flow.reading import live_ahead, live_on, person_ahead
from gardefou.flow.second_look import SAYS as SECOND_LOOK
from gardefou.flow.second_look import is_blind
from gardefou.flow.spec import Checked
from gardefou.nets.facts import Facts
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.speech import plain as spoken
from gardefou.storage import tables
from gardefou.storage.records import key_ahead
from gardefou.storage.types import dumps
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

_DAY = timedelta(days=1)
#: From this severity on one graver repeats the other (R15).
_GRAVE = 3
#: More than these at once are left to be carried out one after the other, each with a lease of its own.
_BEGIN_AT_MOST = 5
_OCCUPIES = frozenset(
    {
        State.WAITING.value,
        State.READY.value,
        State.EXECUTING.value,
        State.UNKNOWN.value,
        State.IN_FORCE.value,
    }
)

#: Begins what is cleared, in the placing transaction: `gardefou.flow.execute.start`.
Begin = Callable[[UnitOfWork, Config, Enforcement, "Account | None", Seen], Enforcement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One wish with the account it concerns, the facts and what the nets ask."""

    checked: Checked
    account: Account | None
    tier: Tier
    facts: Facts
    verdict: Verdict
    joins: Enforcement | None = None


def judge_one(
    uow: UnitOfWork, app: App, config: Config, actor: Actor, prepared: Prepared, moment: facts_of.Moment
) -> Judged:
    """Gather the facts about one wish and let every net speak. Changes nothing but the reading."""
    account = observe(uow, app, config, prepared.seen)
    known = facts_of.gather(uow, config, actor, prepared.checked, account, prepared.seen, moment)
    facts = Facts.of(known)
    verdict = Verdict() if app.no_nets else judge_act(config, facts, shadow_all=config.rules.shadow)
    tier = Tier(str(known.get("account.tier_memory", Tier.PROTECTED.value)))
    joins = _identical(uow, actor, prepared.checked)
    return Judged(checked=prepared.checked, account=account, tier=tier, facts=facts, verdict=verdict, joins=joins)


def _judge_all(
    uow: UnitOfWork, app: App, config: Config, actor: Actor, wishes: Sequence[Prepared], moment: facts_of.Moment
) -> list[Judged]:
    """Judge wishes that are placed together: each sees what stands before it on the same account."""
    before: dict[str, int] = {}
    judged: list[Judged] = []
    for wish in wishes:
        wanted = wish.checked.wanted
        beside = before.get(wanted.account, 0)
        one = judge_one(uow, app, config, actor, wish, replace(moment, beside=beside))
        judged.append(one)
        before[wanted.account] = beside + max(1, len(wanted.content))
        if one.joins is None:
            # Of a bulk the nets are told the whole number, and nothing of how many people it reaches; several actions
            # of one decision count one by one.
            reach = (one.account.reach or 0) if one.account is not None else 0
            asked = bool(one.verdict.approvals)
            moment = moment.counting(one.checked.severity, reach, asked=asked, number=moment.bulk == 1)
    return judged


def place(
    app: App,
    actor: Actor,
    wishes: Sequence[Prepared],
    *,
    case: Case | None = None,
    decision_id: str | None = None,
    within: Callable[[UnitOfWork, list[Enforcement]], None] | None = None,
    begin: Begin | None = None,
    bulk: int = 1,
    group: str | None = None,
    first_index: int = 0,
) -> list[Enforcement]:
    """Turn wishes into enforcements and run the safety nets over them, all or none.

    ``within`` runs in the same transaction (a decision closes its case there),
    and so does ``begin`` for what is cleared at once (`gardefou.flow.execute.start`);
    ``bulk`` is how many accounts are judged together; one that is placed in
    several calls names its ``group`` and the ``first_index`` of each. If a net refuses one
    enforcement of a decision, all of them end `refused`.

    An identical enforcement joins the one that is on its way or in force (R13).

    Writes `enforcement.placed`, then `.refused`, `.waiting` or `.ready`; a near
    miss where a grave one on a notable or protected account is refused.

    Raises:
        Denied: no power to enforce (`auth/forbidden`, `staff/…`).
        StepUpRequired: a net wants a fresher sign-in (`auth/step_up`).
        InvalidInput: `confirm/required`, `confirm/mismatch`.
        Conflict: the same was refused in the last 24 hours (`enforcement/repeated`),
            the clock ran back (`clock/behind`).
    """
    now = app.now()
    legal = all(wish.checked.wanted.legal_basis for wish in wishes)
    power = Power.ENFORCE_LEGAL if legal and Power.ENFORCE not in actor.powers else Power.ENFORCE
    actor.require(power, now)
    for wish in wishes:
        actor.require_platform(wish.checked.wanted.platform)
    with app.works.begin() as uow:
        app.sequencer.check_clock(uow.connection, uow.now)
        uow.serialise(*_locks(actor, wishes), ahead=lambda: _ahead(uow, app, actor, wishes, case))
        config = app.config(uow.connection)
        actor = _reread(uow, actor, power)
        _hold_budgets(uow, config, actor, wishes)
        moment = facts_of.Moment(bulk=bulk, case=case)
        judged = _judge_all(uow, app, config, actor, wishes, moment)
        refused = any(one.verdict.refused for one in judged)
        if not refused:
            for one in judged:
                _check_asks(actor, one, uow.now)
        if group is None and len(judged) > 1:
            group = uow.ids.new()
        placed: list[Enforcement] = []
        # What joins another is no part of the group: its canaries are the first that are placed.
        number = first_index
        for index, one in enumerate(judged):
            if one.joins is not None and not refused:
                placed.append(one.joins)
                continue
            made = new_enforcement(uow, config, actor, one, group=group, index=number)
            number += 1
            made = replace(made, case_id=case.id if case else None, decision_id=decision_id)
            made = _judge_into(uow, config, made, one.verdict, group_refused=refused, through=actor.through)
            if begin is not None and len(judged) <= _BEGIN_AT_MOST:
                made = begin(uow, config, made, one.account, wishes[index].seen)
            placed.append(made)
        if within is not None:
            within(uow, placed)
        return placed


def _locks(actor: Actor, wishes: Sequence[Prepared]) -> set[str]:
    """Return what must stand still while it is judged: accounts, and the person."""
    keys = {f"account:{wish.checked.wanted.platform}/{wish.checked.wanted.account}" for wish in wishes}
    return {*keys, f"actor:{actor.id}"}


def _hold_budgets(uow: UnitOfWork, config: Config, actor: Actor, wishes: Sequence[Prepared]) -> None:
    """Let nobody else count towards the teams' and platforms' budgets until this is committed.

    The last lock there is, and the latest taken: everybody who harms on a platform stands in line for it.
    """
    least = counted_from(config)
    if least is None:
        return
    platforms = {wish.checked.wanted.platform for wish in wishes if wish.checked.severity >= least}
    if platforms:
        uow.serialise(
            *(f"platform:{name}" for name in platforms),
            ahead=lambda: [read for name in platforms for read in facts_of.everybody_ahead(uow, config, actor, name)],
            first=False,
        )


def _ahead(uow: UnitOfWork, app: App, actor: Actor, wishes: Sequence[Prepared], case: Case | None) -> list[Read]:
    """Return what placing a single one reads; of several, each one's records come between."""
    if len(wishes) != 1:
        return []
    wanted = wishes[0].checked.wanted
    config = app.recent_config()
    held = (counted_from(config) or 0) <= wishes[0].checked.severity
    return [
        *app.config_ahead(wanted.platform),
        *person_ahead(actor),
        key_ahead(Account, wanted.platform, wanted.account),
        live_ahead(wanted.platform, wanted.account),
        *([case_ahead(case.id)] if case is not None else ()),
        *facts_of.ahead(uow, config, actor, wanted, case),
        *(() if held else facts_of.everybody_ahead(uow, config, actor, wanted.platform)),
    ]


def _reread(uow: UnitOfWork, actor: Actor, power: Power) -> Actor:
    """Return the actor as the store knows them now, still on duty and still with the power."""
    if actor.staff is not None:
        actor = replace(actor, staff=uow.need(Staff, actor.staff.platform, actor.staff.id))
    if actor.token_id is not None:
        token = uow.get(Token, ORGANISATION, actor.token_id, lock=False)
        if token is None or token.revoked_at is not None:
            raise Denied("auth/revoked", "This token was revoked; sign in again.")
    actor.require(power, uow.now)
    return actor


def _check_asks(actor: Actor, one: Judged, now: datetime) -> None:
    """Raise when the act itself must be better: a fresher sign-in, a confirmation (M3)."""
    verdict = one.verdict
    fresh = verdict.fresh_auth_minutes
    if fresh is not None and actor.fresh_minutes(now) > fresh:
        raise StepUpRequired(fresh)
    given = one.checked.wanted.confirm
    for what in verdict.confirm:
        if what not in given:
            raise InvalidInput(
                "confirm/required",
                _("Confirm the %(what)s of the account you mean; nothing was placed.", what=what),
                field=f"confirm.{what}",
            )
    # What is confirmed must be right, whether a net asked for it or not.
    for what, value in given.items():
        right = one.account and (one.account.handle if what == "handle" else one.account.ref)
        if value != right:
            raise InvalidInput(
                "confirm/mismatch",
                _("That is not the account you are acting on (%(what)s).", what=what),
                field=f"confirm.{what}",
            )


def _identical(uow: UnitOfWork, actor: Actor, checked: Checked) -> Enforcement | None:
    """Return the enforcement that this one would only repeat (R13).

    What is scheduled or still unapproved occupies nothing, but for the very
    person who placed it: a second click is no second enforcement.
    """
    wanted = checked.wanted
    measures = measures_of_action(checked.action, content=wanted.content, label=wanted.label)
    if not measures:
        return None
    for other in live_on(uow, wanted.platform, wanted.account):
        if other.action != checked.action or other.state not in _OCCUPIES:
            continue
        same = (
            frozenset(other.measures) == measures
            and other.until == wanted.until
            and other.execute_at == wanted.execute_at
            and other.legal_basis == wanted.legal_basis
        )
        if not same or (other.via == "break_glass"):
            continue
        if other.state == State.WAITING.value and other.placed_by != actor.id:
            continue
        return other
    return None


def new_enforcement(
    uow: UnitOfWork, config: Config, actor: Actor, one: Judged, *, group: str | None = None, index: int = 0
) -> Enforcement:
    """Return the record of a judged wish, `placed` and not yet written.

    Raises:
        Conflict: the same by the same person ended within 24 hours (`enforcement/repeated`).
    """
    checked, wanted = one.checked, one.checked.wanted
    _refuse_repeats(uow, actor, one)
    reach = one.account.reach if one.account is not None and one.account.reach is not None else 0
    made = Enforcement(
        platform=wanted.platform,
        id=uow.ids.new(),
        account=wanted.account,
        content=wanted.content,
        action=checked.action.value,
        label=wanted.label,
        severity=checked.severity,
        reversibility=checked.reversibility.value,
        state=State.PLACED.value,
        policy=wanted.policy,
        rationale=wanted.rationale,
        placed_by=actor.id,
        placed_at=uow.now,
        via=actor.via,
        humans=actor.humans or ((actor.id,) if actor.human else ()),
        team=actor.staff.team if actor.staff else "",
        group_id=group,
        group_index=index,
        until=wanted.until,
        execute_at=wanted.execute_at,
        legal_basis=wanted.legal_basis,
        tier=one.tier.value,
        reach=reach,
        facts=one.facts.to_json(),
        verdict=one.verdict.to_json(),
        nets=config.nets_id,
        measures=tuple(sorted(measures_of_action(checked.action, content=wanted.content, label=wanted.label))),
    )
    return replace(made, digest=digest_of(made))


def _refuse_repeats(uow: UnitOfWork, actor: Actor, one: Judged) -> None:
    """Raise when the same person tries the same, or something graver, again within 24 hours of its end (R15)."""
    wanted = one.checked.wanted
    if one.tier is Tier.STANDARD or wanted.evidence:
        return
    table = tables.enforcement.c
    before = uow.find(
        Enforcement,
        table.platform == wanted.platform,
        table.account == wanted.account,
        sa.or_(
            table.action == one.checked.action.value,
            sa.and_(table.severity >= _GRAVE, table.severity <= one.checked.severity),
        ),
        _by_the_same_person(actor),
        table.state.in_((State.REFUSED.value, State.CANCELLED.value, State.LAPSED.value)),
        # A no is a person's: what a net refused at once (a pause, say) never waited for anyone.
        (table.state != State.REFUSED.value) | table.approve_by.is_not(None),
        table.ended_at > uow.now - _DAY,
    )
    if before is not None:
        raise Conflict(
            "enforcement/repeated",
            _(
                "The same ended %(state)s within the last 24 hours; bring new evidence, or let a colleague judge.",
                state=spoken(before.state),
            ),
            extra={"enforcement": before.id},
        )


def _by_the_same_person(actor: Actor) -> sa.ColumnElement[bool]:
    """Whether an enforcement is of whoever acts, or of a service of theirs; for a service, of its humans too (R6)."""
    table = tables.enforcement.c
    if not actor.human:
        return table.placed_by.in_(sorted({actor.id, *actor.humans}))
    behind = table.humans.cast(sa.Text).contains(dumps(actor.id), autoescape=True)
    return sa.or_(table.placed_by == actor.id, behind)


def _judge_into(
    uow: UnitOfWork, config: Config, made: Enforcement, verdict: Verdict, *, group_refused: bool, through: str
) -> Enforcement:
    """Write a new enforcement and the state that its verdict gives it."""
    if made.action != "change":
        note_budget(uow, config, made, verdict)
    uow.record(
        "enforcement.placed",
        by=made.placed_by,
        platform=made.platform,
        account=made.account,
        about=made.id,
        puts=(made,),
        detail={"through": through} if through else None,
    )
    if verdict.refused or group_refused:
        because = (
            " ".join(verdict.refusals) if verdict.refused else "Another enforcement of the same decision was refused."
        )
        refused = uow.move(
            made, State.REFUSED, "enforcement.refused", by=made.placed_by, because=because, ended_at=uow.now
        )
        near_miss(uow, refused, because)
        return refused
    if verdict.notify:
        blind = is_blind(made.verdict)
        alert(
            uow,
            "second_look" if blind else "placed",
            platform=made.platform,
            about=made.id,
            says=SECOND_LOOK if blind else f"{made.action} on a {made.tier} account was placed.",
            accounts=(made.account,),
            to=verdict.notify,
            team=made.team,
            facts={} if blind else {"action": made.action, "tier": made.tier},
        )
    return settle_waiting(uow, config, made, verdict)


def preview(
    app: App, actor: Actor, wishes: Sequence[Prepared], *, case: Case | None = None, bulk: int = 1
) -> list[Judged]:
    """Judge wishes as `place` would, and change nothing: the transaction is rolled back."""
    with app.works.begin(keep=False) as uow:
        config = app.config(uow.connection)
        if actor.staff is not None:
            actor = replace(actor, staff=uow.need(Staff, actor.staff.platform, actor.staff.id))
        moment = facts_of.Moment(bulk=bulk, case=case)
        return _judge_all(uow, app, config, actor, wishes, moment)
