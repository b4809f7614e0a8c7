"""Guarded changes: what alters tiers, nets, staff, tokens, platforms or settings goes through the nets too.

One that strengthens takes effect at once; one that weakens protection waits
for people like an enforcement does (R3, M10). Each is an enforcement of action
``change``, so approvals, deadlines and the record are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import ORGANISATION, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import InvalidInput, Stale, StepUpRequired
from gardefou.flow import facts as facts_of
from gardefou.flow.app import App, Config
from gardefou.flow.approve import Answer, approve
from gardefou.flow.change_apply import KINDS, apply_change, never_locked
from gardefou.flow.changes.against import naming
from gardefou.flow.changes.base import Handler
from gardefou.flow.changes.pauses import resumed_by
from gardefou.flow.clear import digest_of, settle_waiting
from gardefou.flow.execute import advance
from gardefou.flow.incidents import alert
from gardefou.flow.judging import judge_act
from gardefou.flow.stops import open_pauses
from gardefou.nets.facts import Facts
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor, system_actor
from gardefou.people.standing import Standing
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_MAX_TEXT = 10_000


def propose(app: App, actor: Actor, kind: str, payload: Mapping[str, Any], because: str = "") -> Enforcement:
    """Propose a guarded change; it is `in_force` when this returns, or `waiting` for people.

    ``kind`` is one of `gardefou.flow.change_apply.KINDS`, ``payload`` what it
    takes. Whether it weakens is worked out from the store, never told.

    Writes `enforcement.placed` and what follows, and the event of the change.

    Raises:
        InvalidInput: the payload is wrong, by field; `change/kind`.
        Denied: no power for it (`auth/forbidden`, `staff/…`).
        StepUpRequired: a net wants a fresher sign-in (`auth/step_up`).
    """
    return propose_all(app, actor, [(kind, payload)], because)[0]


def propose_all(
    app: App, actor: Actor, wanted: Sequence[tuple[str, Mapping[str, Any]]], because: str = ""
) -> list[Enforcement]:
    """Propose guarded changes together, all of them or none; each then takes effect or waits by itself (`propose`)."""
    handlers = [_handler(kind) for kind, _payload in wanted]
    if len(because) > _MAX_TEXT:
        raise InvalidInput(
            "change/because",
            _("%(name)s has at most %(most)s characters.", name="because", most=_MAX_TEXT),
            field="because",
        )
    for handler, (_kind, payload) in zip(handlers, wanted, strict=True):
        actor.require(handler.power, app.now())
        actor.require_everywhere()
        handler.think_ahead(app, dict(payload))
    try:
        placed = _propose_together(app, actor, handlers, wanted, because)
    except Stale:
        # Others were in the way, and all is read anew: nobody stays on duty for a report that comes in at that moment.
        placed = _propose_together(app, actor, handlers, wanted, because)
    return [carry_on(app, one) for one in placed]


def _propose_together(
    app: App, actor: Actor, handlers: Sequence[Handler], wanted: Sequence[tuple[str, Mapping[str, Any]]], because: str
) -> list[Enforcement]:
    with app.works.begin() as uow:
        uow.serialise("changes")
        if actor.staff is not None:
            actor = replace(actor, staff=uow.need(Staff, ORGANISATION, actor.staff.id))
            for handler in handlers:
                actor.require(handler.power, uow.now)
        return [propose_in(uow, app, actor, kind, payload, because) for kind, payload in wanted]


def _handler(kind: str) -> Handler:
    handler = KINDS.get(kind)
    if handler is None:
        raise InvalidInput("change/kind", _("There is no change %(kind)s.", kind=repr(kind)), field="kind")
    return handler


def propose_in(
    uow: UnitOfWork,
    app: App,
    actor: Actor,
    kind: str,
    payload: Mapping[str, Any],
    because: str,
    *,
    attended: bool = True,
) -> Enforcement:
    """Propose a guarded change inside a transaction, which holds the key ``changes``; then `carry_on`.

    The caller has seen to the actor's power. ``attended`` False is for a
    provisioning client: nobody's sign-in stands behind it, so none is asked to
    be fresh; the people whom the nets ask sign in freshly as always.

    Writes and raises what `propose` does.
    """
    handler, config = KINDS[kind], app.config(uow.connection)
    checked = handler.check(uow, app, config, actor, dict(payload))
    weakens = handler.weakens(uow, config, checked)
    person = handler.person(checked)
    asked_kind = handler.asks_as(uow, config, actor, checked) or kind
    made = _enforcement(uow, actor, kind, checked, because, weakens=weakens, person=person)
    at_once = not config.rules.setup_finished or app.no_nets
    facts, verdict = _judge(uow, config, actor, made, asked_kind, weakens=weakens, person=person, at_once=at_once)
    if attended and not verdict.refused:
        fresh = verdict.fresh_auth_minutes
        if fresh is not None and actor.fresh_minutes(uow.now) > fresh:
            raise StepUpRequired(fresh)
    joins = _same_waiting(uow, actor, kind, checked)
    if joins is not None:
        return joins
    made = replace(made, facts=facts.to_json(), verdict=verdict.to_json(), nets=config.nets_id)
    made = replace(made, digest=digest_of(made))
    return _write(uow, app, config, made, verdict)


def carry_on(app: App, placed: Enforcement) -> Enforcement:
    """Go on with a change whose proposal is committed; return it as it is then."""
    app.wake()
    return advance(app, placed.id) if placed.state == State.READY.value else placed


def propose_unowned(
    uow: UnitOfWork,
    app: App,
    kind: str,
    payload: Mapping[str, Any],
    because: str,
    ask: Callable[[Verdict], Verdict],
) -> Enforcement:
    """Propose a guarded change that no person stands behind; it always waits, strengthening or not.

    ``ask`` says what is asked beyond what the nets ask of a change that weakens.

    Writes `enforcement.placed` and `.waiting`.

    Raises:
        InvalidInput: the payload is wrong, by field.
    """
    handler, actor, config = KINDS[kind], system_actor(), app.config(uow.connection)
    checked = handler.check(uow, app, config, actor, dict(payload))
    made = _enforcement(uow, actor, kind, checked, because, weakens=True, person="")
    facts, verdict = _judge(uow, config, actor, made, kind, weakens=True, person="", at_once=False)
    verdict = ask(verdict)
    made = replace(made, facts=facts.to_json(), verdict=verdict.to_json(), nets=config.nets_id)
    return _write(uow, app, config, replace(made, digest=digest_of(made)), verdict)


def _enforcement(
    uow: UnitOfWork, actor: Actor, kind: str, payload: Mapping[str, Any], because: str, *, weakens: bool, person: str
) -> Enforcement:
    humans = actor.humans or ((actor.id,) if actor.human else ())
    if person and uow.get(Staff, ORGANISATION, person, lock=False) is not None:
        # Nobody approves what concerns themselves.
        humans = tuple(dict.fromkeys((*humans, person)))
    return Enforcement(
        platform=ORGANISATION,
        id=uow.ids.new(),
        account="",
        action=Action.CHANGE.value,
        severity=0,
        reversibility=Reversibility.EXACT.value,
        state=State.PLACED.value,
        rationale=because,
        placed_by=actor.id,
        placed_at=uow.now,
        via=actor.via,
        humans=humans,
        team=actor.staff.team if actor.staff else "",
        tier="protected" if weakens else "standard",
        change={"kind": kind, "weakens": weakens, "person": person, **payload},
    )


def _judge(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    made: Enforcement,
    kind: str,
    *,
    weakens: bool,
    person: str,
    at_once: bool,
) -> tuple[Facts, Verdict]:
    known = facts_of.neutral_act(uow, actor, ORGANISATION, "change") | {
        "action.reversibility": made.reversibility,
        "change.kind": kind,
        "change.weakens": weakens,
        "change.person": person,
    }
    facts = Facts.of(known)
    if at_once:
        return facts, Verdict()
    active = known["actor.standing"] == Standing.ACTIVE
    return facts, never_locked(judge_act(config, facts), kind, weakens=weakens, active=active)


def preview_change(app: App, actor: Actor, kind: str, *, weakens: bool, person: str = "") -> Verdict:
    """Return what nets would ask of such a change by this actor, and change nothing."""
    with app.works.begin() as uow:
        config = app.config(uow.connection)
        made = _enforcement(uow, actor, kind, {}, "", weakens=weakens, person=person)
        at_once = not config.rules.setup_finished or app.no_nets
        return _judge(uow, config, actor, made, kind, weakens=weakens, person=person, at_once=at_once)[1]


def _same_waiting(uow: UnitOfWork, actor: Actor, kind: str, payload: Mapping[str, Any]) -> Enforcement | None:
    """Return the same change by the same person that still waits: asking twice is asking once."""
    table = tables.enforcement.c
    waiting = uow.all(
        Enforcement,
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
        table.state == State.WAITING.value,
        table.placed_by == actor.id,
        *([concerning(str(payload["staff"]))] if payload.get("staff") else []),
    )
    for one in waiting:
        change = dict(one.change or {})
        known = {name: value for name, value in change.items() if name not in {"weakens", "person"}}
        if known == {"kind": kind, **payload}:
            return one
    return None


def concerning(staff_id: str) -> sa.ColumnElement[bool]:
    """Return a condition that every change of one person meets, so that few rows are read whole."""
    return naming("staff", staff_id)


def _write(uow: UnitOfWork, app: App, config: Config, made: Enforcement, verdict: Verdict) -> Enforcement:
    uow.record("enforcement.placed", by=made.placed_by, platform=ORGANISATION, about=made.id, puts=(made,))
    if verdict.refused:
        why = " ".join(verdict.refusals)
        return uow.move(made, State.REFUSED, "enforcement.refused", by=made.placed_by, because=why, ended_at=uow.now)
    placed = settle_waiting(uow, config, made, verdict)
    if placed.state == State.WAITING.value and verdict.notify:
        kind = (made.change or {}).get("kind", "")
        alert(
            uow,
            "change",
            platform=ORGANISATION,
            about=made.id,
            says=f"A change that weakens protection waits: {kind}.",
            to=verdict.notify,
            team=made.team,
            facts={"change": kind},
        )
    if placed.state == State.READY.value:
        # Nothing stands before it: the change and its proposal are one transaction.
        apply_change(uow, app, config, placed)
        return uow.move(placed, State.IN_FORCE, "enforcement.in_force", by=made.placed_by, in_force_at=uow.now)
    return placed


def resume(app: App, actor: Actor, because: str) -> Enforcement:
    """Resume after a pause. Two people do: the second one's call is the other's yes.

    Raises:
        Denied: no power to resume, or the same person twice (`approval/own`).
        Conflict: nothing is paused (`pause/none`).
    """
    waiting = None
    with app.works.begin() as uow:
        stopped = open_pauses(uow.connection)
        table = tables.enforcement.c
        for one in uow.all(
            Enforcement,
            table.platform == ORGANISATION,
            table.action == Action.CHANGE.value,
            table.state == State.WAITING.value,
            order=table.id,
        ):
            change = one.change or {}
            # One that was proposed before the last stop leaves that where it is: it is no answer to it.
            if change.get("kind") == "resume" and one.approved_at is None and resumed_by(change, stopped) == stopped:
                waiting = one
    if waiting is not None and waiting.placed_by != actor.id:
        answered = approve(
            app, actor, Answer(enforcement=waiting.id, digest=waiting.digest, answer="yes", note=because)
        )
        return advance(app, answered.id)
    return propose(app, actor, "resume", {}, because)


def pause(app: App, actor: Actor, because: str) -> Enforcement:
    """Stop all enforcement. Anyone on duty can; a second time within 24 hours takes two (R13).

    Raises:
        InvalidInput: no reason given (`pause/because`).
        Conflict: it is paused already (`pause/already`).
    """
    if not because.strip():
        raise InvalidInput("pause/because", "Say in a line why everything stops.", field="because")
    return propose(app, actor, "pause", {"because": because}, because)
