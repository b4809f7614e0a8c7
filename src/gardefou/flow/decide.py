"""A reviewer's judgement: on a case, on an account without one, or on many at once.

What is asked for is prepared at the platform first, then placed, judged by the
nets and written with the decision in one transaction, all or none. Only after
that is anything carried out, by `gardefou.flow.execute.finish`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gardefou.domain.actions import Action
from gardefou.domain.records import Case, Decision, Enforcement
from gardefou.domain.states import State
from gardefou.errors import Conflict, InvalidInput, Stale
from gardefou.flow.app import App
from gardefou.flow.case_reading import case_by_id, need_case, seen_by
from gardefou.flow.cases import acting, claim_in, held_by, refuse_others
from gardefou.flow.consequence import consequence
from gardefou.flow.execute import finish, start
from gardefou.flow.place import Judged, place, preview
from gardefou.flow.prepare import Prepared, prepare
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.report_input import check_evidence
from gardefou.flow.rules import load_rules
from gardefou.flow.spec import Wanted
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage.work import UnitOfWork

#: Actions of one decision.
MAX_ACTIONS = 20
#: Characters of a rationale or a policy's name.
MAX_TEXT = 10_000
MAX_POLICY = 200
#: What may be wrong with one action of a list.
_OF_AN_ACTION = frozenset({"action", "content", "label", "until", "execute_at", "legal_basis"})
#: Actions that touch items where they are named; without, the case's own item is meant.
_ON_ITEMS = frozenset({Action.REMOVE_CONTENT.value, Action.LABEL.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionWish:
    """One action of a decision. Left out, ``content`` is the case's own item where the action takes items."""

    action: str
    content: tuple[str, ...] = ()
    label: str | None = None
    until: datetime | None = None
    execute_at: datetime | None = None
    legal_basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """What a reviewer found, checked by itself."""

    outcome: str
    policy: str
    rationale: str
    evidence: tuple[Mapping[str, Any], ...]
    actions: tuple[ActionWish, ...]
    confirm: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and its enforcements as they are now; the case is open still where nets refused."""

    decision: Decision
    enforcements: tuple[Enforcement, ...]
    case: Case


def decide(
    app: App,
    actor: Actor,
    case_id: str,
    *,
    outcome: str | None = None,
    policy: str = "",
    rationale: str = "",
    evidence: Sequence[Mapping[str, Any]] = (),
    actions: Sequence[ActionWish] = (),
    confirm: Mapping[str, str] | None = None,
) -> Decided:
    """Judge a case: ``no_violation``, or a policy and what to do.

    The case closes; what was asked for is placed, all of it or none. Whoever
    decides holds the case; one that nobody holds is claimed on the way. Where
    nets refuse, the decision is recorded and the case stays open and claimed.
    New reports meanwhile stand in no one's way.

    Writes `decision.made` with the case, and what `gardefou.flow.place.place` writes.

    Raises:
        InvalidInput: `decision/outcome`, `decision/actions`, `decision/policy`,
            `decision/rationale`, `decision/evidence`, and all of `prepare`.
        NotFound: `case/not_found`.
        Stale: the case is closed already (`decision/stale`).
        Conflict: someone else holds it (`case/claimed`).
        Denied: the actor may not (`auth/forbidden`, `staff/…`), or must sign in
            again (`auth/step_up`).
    """
    actor.require(Power.WORK_CASES, app.now())
    judgement = _judgement(outcome, policy, rationale, evidence, actions, confirm)
    with app.works.read() as connection:
        case = seen_by(case_by_id(connection, case_id), actor)
    _decidable(case, actor, app.now())
    if judgement.outcome == "no_violation":
        return _close(app, actor, case, judgement)
    prepared = _prepared(app, _wanted(case, judgement))
    _refuse_twice(prepared)
    decision_id = app.ids.new()
    made: list[tuple[Decision, Case]] = []

    def within(uow: UnitOfWork, placed: list[Enforcement]) -> None:
        acting(uow, actor)
        now_case = need_case(uow, case_id)
        _decidable(now_case, actor, uow.now)
        decision = _decision(uow, now_case, actor, judgement, decision_id)
        refused = all(one.state == State.REFUSED.value for one in placed)
        left = _claimed(uow, now_case, actor) if refused else _closed(uow, now_case, decision)
        _record(uow, decision, left)
        made.append((decision, left))

    placed = place(app, actor, prepared, case=case, decision_id=decision_id, within=within, begin=start)
    decision, left = made[0]
    return Decided(decision, tuple(carry_out(app, placed)), left)


def _wanted(case: Case, judgement: _Judgement) -> list[Wanted]:
    """Return what a judgement asks for on its case's subject."""
    return [
        Wanted(
            platform=case.platform,
            account=case.account,
            action=wish.action,
            content=wish.content or ((case.content,) if case.content and wish.action in _ON_ITEMS else ()),
            label=wish.label,
            policy=judgement.policy,
            rationale=judgement.rationale,
            until=wish.until,
            execute_at=wish.execute_at,
            legal_basis=wish.legal_basis,
            confirm=judgement.confirm,
            evidence=judgement.evidence,
        )
        for wish in judgement.actions
    ]


def _judgement(
    outcome: str | None,
    policy: str,
    rationale: str,
    evidence: Sequence[Mapping[str, Any]],
    actions: Sequence[ActionWish],
    confirm: Mapping[str, str] | None,
) -> _Judgement:
    """Check what is judged by itself, before anything is read."""
    found = outcome or ("violation" if actions else None)
    if found not in ("no_violation", "violation"):
        raise InvalidInput("decision/outcome", "Say no_violation, or what to do in actions.", field="outcome")
    if found == "no_violation" and actions:
        raise InvalidInput("decision/outcome", "Where nothing was violated there is nothing to do.", field="actions")
    if found == "violation" and not actions:
        raise InvalidInput("decision/actions", "Say what to do; a warning is the mildest.", field="actions")
    if len(actions) > MAX_ACTIONS:
        raise InvalidInput(
            "decision/actions", _("At most %(most)s actions in one decision.", most=MAX_ACTIONS), field="actions"
        )
    if len(rationale) > MAX_TEXT:
        raise InvalidInput(
            "decision/rationale",
            _("%(name)s has at most %(most)s characters.", name="rationale", most=MAX_TEXT),
            field="rationale",
        )
    _check_texts(policy, rationale)
    return _Judgement(
        outcome=found,
        policy=policy,
        rationale=rationale,
        evidence=check_evidence(evidence, code="decision/evidence"),
        actions=tuple(actions),
        confirm=dict(confirm or {}),
    )


def _check_texts(policy: str, rationale: str) -> None:
    if len(policy) > MAX_POLICY:
        raise InvalidInput(
            "decision/policy",
            _("%(name)s has at most %(most)s characters.", name="policy", most=MAX_POLICY),
            field="policy",
        )
    for field, text in (("policy", policy), ("rationale", rationale)):
        if "\x00" in text:
            raise InvalidInput(f"decision/{field}", "This holds characters that are no text.", field=field)


def _decidable(case: Case, actor: Actor, now: datetime) -> None:
    if case.state != "open":
        raise Stale("decision/stale", "This case was decided meanwhile; read it again.", extra={"case": case.id})
    refuse_others(case, actor, now)


def _prepared(app: App, wishes: Sequence[Wanted]) -> list[Prepared]:
    """Prepare every action of a list; what is wrong with one names it by its place (``actions.1.label``)."""
    made: list[Prepared] = []
    for number, wanted in enumerate(wishes):
        try:
            made.append(prepare(app, wanted))
        except InvalidInput as error:
            if error.field in _OF_AN_ACTION:
                error.field = f"actions.{number}.{error.field}"
            raise
    return made


def _refuse_twice(prepared: Sequence[Prepared]) -> None:
    seen: set[tuple[str, tuple[str, ...], str | None]] = set()
    for one in prepared:
        wanted = one.checked.wanted
        key = (wanted.action, tuple(sorted(wanted.content)), wanted.label)
        if key in seen:
            raise InvalidInput(
                "decision/actions", _("%(action)s stands there twice.", action=wanted.action), field="actions"
            )
        seen.add(key)


def _close(app: App, actor: Actor, case: Case, judgement: _Judgement) -> Decided:
    """Nothing was violated: the case closes, and nothing happens to anyone."""
    with app.works.begin() as uow:
        actor = acting(uow, actor)
        now_case = need_case(uow, case.id)
        _decidable(now_case, actor, uow.now)
        decision = _decision(uow, now_case, actor, judgement, uow.ids.new())
        closed = _closed(uow, now_case, decision)
        _record(uow, decision, closed)
    return Decided(decision, (), closed)


def _decision(uow: UnitOfWork, case: Case, actor: Actor, judgement: _Judgement, decision_id: str) -> Decision:
    return Decision(
        platform=case.platform,
        id=decision_id,
        case_id=case.id,
        account=case.account,
        outcome=judgement.outcome,
        policy=judgement.policy,
        rationale=judgement.rationale,
        evidence=judgement.evidence,
        by=actor.id,
        at=uow.now,
    )


def _closed(uow: UnitOfWork, case: Case, decision: Decision) -> Case:
    return replace(
        case,
        state="closed",
        closed_at=uow.now,
        decision_id=decision.id,
        claimed_by=None,
        claimed_until=None,
        claim_renewed=False,
        version=case.version + 1,
    )


def _claimed(uow: UnitOfWork, case: Case, actor: Actor) -> Case:
    """Leave a case open, in the hands of whoever decided."""
    if held_by(case, uow.now) == actor.id:
        return case
    return claim_in(uow, load_rules(uow.connection), case, actor)


def _record(uow: UnitOfWork, decision: Decision, case: Case) -> None:
    uow.record(
        "decision.made",
        by=decision.by,
        platform=case.platform,
        account=case.account,
        about=case.id,
        puts=(decision, case) if case.state == "closed" else (decision,),
        detail={"decision": decision.id, "outcome": decision.outcome, "closed": case.state == "closed"},
    )


def carry_out(app: App, placed: Sequence[Enforcement]) -> list[Enforcement]:
    """Carry out what is ready; return all as they are then. What does not go through now, the worker does."""
    done: list[Enforcement] = []
    for one in placed:
        after = one
        if one.state in {State.READY.value, State.EXECUTING.value}:
            try:
                after = finish(app, one)
            except Conflict:
                # Someone else moved it, or this clock is behind: it is on record, and comes round again.
                with app.works.read() as connection:
                    after = enforcement_by_id(connection, one.id) or one
        done.append(after)
    app.wake()
    return done


def enforce(app: App, actor: Actor, wanted: Wanted) -> Enforcement:
    """Place one action on one account, without a case, and carry it out where nothing stands before it.

    Raises:
        GardefouError: all of `prepare` and of `gardefou.flow.place.place`.
    """
    actor.require(_power(actor, wanted), app.now())
    actor.require_platform(wanted.platform)
    _check_texts(wanted.policy, wanted.rationale)
    return carry_out(app, place(app, actor, [prepare(app, wanted)], begin=start))[0]


def _power(actor: Actor, wanted: Wanted) -> Power:
    legal = wanted.legal_basis is not None and Power.ENFORCE not in actor.powers
    return Power.ENFORCE_LEGAL if legal else Power.ENFORCE


@dataclass(frozen=True, slots=True)
class Previewed:
    """What nets would ask of each wish, and what would happen, in words. Nothing was changed."""

    judged: tuple[Judged, ...]
    says: tuple[str, ...]


def preview_decision(
    app: App,
    actor: Actor,
    case_id: str,
    *,
    outcome: str | None = None,
    policy: str = "",
    rationale: str = "",
    evidence: Sequence[Mapping[str, Any]] = (),
    actions: Sequence[ActionWish] = (),
    confirm: Mapping[str, str] | None = None,
) -> Previewed:
    """Judge a decision's wishes as `decide` would, and change nothing.

    Raises:
        GardefouError: what is wrong with the judgement, as in `decide`.
    """
    actor.require(Power.READ, app.now())
    judgement = _judgement(outcome, policy, rationale, evidence, actions, confirm)
    with app.works.read() as connection:
        case = seen_by(case_by_id(connection, case_id), actor)
    if judgement.outcome == "no_violation":
        return Previewed((), (_("Closes the case; nothing happens to the account."),))
    return preview_wanted(app, actor, _wanted(case, judgement), case=case)


def preview_wanted(
    app: App, actor: Actor, wishes: Sequence[Wanted], *, case: Case | None = None, bulk: int = 1
) -> Previewed:
    """Judge wishes as `enforce` would, and change nothing.

    Raises:
        GardefouError: all of `prepare`.
    """
    actor.require(Power.READ, app.now())
    for wanted in wishes:
        actor.require_platform(wanted.platform)
        _check_texts(wanted.policy, wanted.rationale)
    prepared = _prepared(app, wishes)
    _refuse_twice(prepared)
    judged = preview(app, actor, prepared, case=case, bulk=bulk)
    now = app.now()
    minutes = actor.fresh_minutes(now)
    says = tuple(consequence(one, now=now, minutes_since_signin=minutes) for one in judged)
    return Previewed(tuple(judged), says)
