"""Enforcements: lists by state, the page of one, and what people do with it."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.actions import Action
from gardefou.domain.records import Case, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, GardefouError, NotFound
from gardefou.flow.app import Config
from gardefou.flow.approve import Answer, approve, approve_group, cancel, in_lone_hold
from gardefou.flow.break_glass import ratify
from gardefou.flow.budget import top_up
from gardefou.flow.bulk_enforce import INLINE
from gardefou.flow.case_reading import case_view
from gardefou.flow.decide import carry_out
from gardefou.flow.execute import advance
from gardefou.flow.explain import explanation
from gardefou.flow.fact_reads import TOPPED
from gardefou.flow.reading import enforcement_by_id, lifted_as_stored
from gardefou.flow.second_look import seen_by
from gardefou.flow.waiting_groups import WaitingGroup, waiting_groups
from gardefou.ledger.sequencer import latest
from gardefou.nets.seats import Person, seats_filled
from gardefou.people.roles import Power
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all, get
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import PAGE, Row, accounts_named, approvals_of, described, events, rows

_e = tables.enforcement.c
#: Accounts of a group that are named on its card; all are in its list.
_HANDLES = 12
#: The tabs of the list: name, states, what they hold.
TABS: dict[str, tuple[str, sa.ColumnElement[bool], str]] = {
    "waiting": (
        "Waiting for people",
        sa.and_(_e.state == State.WAITING.value, _e.approved_at.is_(None)),
        "Someone else's yes or no is needed. Nothing was done yet.",
    ),
    "held": (
        "Held",
        sa.and_(_e.state == State.WAITING.value, _e.approved_at.is_not(None)),
        "Everyone needed said yes; until the time is over anyone on duty can cancel.",
    ),
    "running": (
        "Running",
        _e.state.in_((State.READY.value, State.EXECUTING.value, State.RESTORING.value)),
        "On the way to a platform.",
    ),
    "unknown": ("No answer", _e.state == State.UNKNOWN.value, "Sent, and no answer came; the platform is read first."),
    "in_force": ("In force", _e.state == State.IN_FORCE.value, "Carried out, and seen at the platform."),
    "failed": ("Failed", _e.state == State.FAILED.value, "The platform refused; nothing changed."),
    "ended": (
        "Ended",
        _e.state.in_((State.RESTORED.value, State.CANCELLED.value, State.LAPSED.value, State.REFUSED.value)),
        "Undone, withdrawn, lapsed or refused.",
    ),
}


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of enforcements."""
    return [
        console.get("/enforcements", show_list),
        console.post("/enforcements/group", answer_group),
        console.post("/enforcements/top-up", top_up_budget),
        console.get("/enforcements/{id}", show),
        console.post("/enforcements/{id}/answer", answer),
        console.post("/enforcements/{id}/cancel", withdraw),
        console.post("/enforcements/{id}/ratify", let_stand),
    ]


def show_list(visit: Visit) -> Response:
    """Show enforcements by state, newest first."""
    tab = visit.query("tab") or "waiting"
    if tab not in TABS:
        raise NotFound("enforcement/tab", f"There is no list {tab!r}; choose one above.")
    before = visit.query("before")
    statement = sa.select(tables.enforcement).where(TABS[tab][1])
    if before:
        statement = statement.where(_e.id < before)
    with visit.app.works.read() as connection:
        found = fetch_all(connection, Enforcement, statement.order_by(_e.id.desc()).limit(PAGE + 1))
        shown = rows(connection, found[:PAGE], visit.actor.id)
        groups: list[GroupShown] = []
        if tab == "waiting" and not before:
            groups = [
                _group_shown(connection, visit, one) for one in waiting_groups(connection, _config(visit, connection))
            ]
    in_groups = {one.id for group in groups for one in group.group.enforcements}
    shown = [row for row in shown if row.enforcement.id not in in_groups]
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return visit.page(
        "enforcements.html",
        tab=tab,
        tabs=TABS,
        rows=shown,
        older=older,
        groups=groups,
        answered=visit.query("answered"),
        errors=visit.query("errors"),
        done=visit.query("done"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShown:
    """What waits for one answer, as the list shows it."""

    group: WaitingGroup
    nets: list[str]
    #: The first accounts, by handle where one is known.
    handles: list[str]
    #: Says exactly what is answered: a digest over those of all its enforcements.
    digest: str
    may_answer: bool
    #: Whether a budget holds it up that this viewer may top up, and until when it is topped up already.
    may_top_up: bool
    topped_until: datetime | None


def _config(visit: Visit, connection: sa.Connection) -> Config:
    return visit.app.config(connection)


def _group_shown(connection: sa.Connection, visit: Visit, group: WaitingGroup) -> GroupShown:
    first = group.enforcements[:_HANDLES]
    known = accounts_named(connection, ((one.platform, one.account) for one in first))
    handles = [
        account.handle
        if (account := known.get((one.platform, one.account))) is not None and account.handle
        else one.account
        for one in first
    ]
    by_id = visit.app.config(connection).nets
    behind = {human for one in group.enforcements for human in (one.placed_by, *one.humans)}
    active = standing_now(visit.staff, visit.now).standing is Standing.ACTIVE
    person = group.placed_by in visit.names.people
    topped = connection.execute(
        sa.select(sa.func.max(tables.top_up.c.at)).where(
            tables.top_up.c.staff_id == group.placed_by, tables.top_up.c.at > visit.now - TOPPED
        )
    ).scalar()
    held_by = [net for net_id in group.nets if (net := by_id.get(net_id)) is not None]
    counted = any(fact.name.startswith("recent.") for net in held_by for fact in net.condition.reads)
    return GroupShown(
        group=group,
        nets=[net.title if (net := by_id.get(net_id)) is not None else net_id for net_id in group.nets],
        handles=handles,
        digest=_group_digest(group),
        may_answer=active and visit.actor.id not in behind,
        may_top_up=counted and active and person and visit.may(Power.TOP_UP) and visit.actor.id != group.placed_by,
        topped_until=None if topped is None else topped + TOPPED,
    )


def _group_digest(group: WaitingGroup) -> str:
    return hashlib.sha256("\n".join(f"{one.id} {one.digest}" for one in group.enforcements).encode()).hexdigest()


def answer_group(visit: Visit) -> Response:
    """Answer for all of a group at once, exactly as it was seen; what could not be answered stays and is counted."""
    form = visit.form
    kind, key = form.one("kind"), form.one("key")
    with visit.app.works.read() as connection:
        groups = waiting_groups(connection, _config(visit, connection))
    group = next((one for one in groups if (one.kind, one.key) == (kind, key)), None)
    if group is None:
        # By pseudonym: no page holds a staff id.
        group = next((one for one in groups if one.kind == kind and visit.names.of(one.placed_by) == key), None)
    if group is None:
        raise NotFound("enforcement/no_group", "Nothing waits there as a group any more; look at the list again.")
    if _group_digest(group) != form.one("digest"):
        raise Conflict("enforcement/stale", "The group is not what you saw any more; look at it again and answer anew.")
    given = [
        Answer(enforcement=one.id, digest=one.digest, answer=form.one("answer"), note=form.one("note"))
        for one in group.enforcements
    ]
    results = approve_group(visit.app, visit.actor, given)
    answered = [one.result for one in results if one.result is not None]
    errors = [one.error for one in results if one.error is not None]
    if errors and not answered:
        # Nothing was answered: whatever is asked for first (a fresh sign-in, say) is asked for in place.
        raise errors[0]
    carry_out(visit.app, answered[:INLINE])
    return go("/enforcements", answered=str(len(answered)), errors=str(len(errors)) if errors else "")


def top_up_budget(visit: Visit) -> Response:
    """Give somebody twice their budgets for an hour, on the page that shows what waits because of them."""
    key = visit.form.one("staff")
    with visit.app.works.read() as connection:
        one = fetch(connection, Staff, tables.staff.c.pseudonym == key)
    if one is None:
        raise NotFound("staff/not_found", "There is no such colleague.")
    top_up(visit.app, visit.actor, one.id)
    return go("/enforcements", done="topped")


def show(visit: Visit) -> Response:
    """Show one enforcement: what it is, why, what nets and people said, and what can be done now."""
    with visit.app.works.read() as connection:
        found = enforcement_by_id(connection, visit.path("id"))
        if found is None:
            raise NotFound("enforcement/not_found", "There is no such enforcement; check the address.")
        row = rows(connection, [found], visit.actor.id)[0]
        given = approvals_of(connection, found)
        case = None
        if found.case_id is not None and get(connection, Case, found.platform, found.case_id) is not None:
            case = seen_by(connection, case_view(connection, found.case_id, now=visit.now), visit.actor.id)
        lifts = rows(connection, lifted_as_stored(connection, found), visit.actor.id)
        undone_by = connection.execute(
            sa.select(_e.id).where(
                _e.platform == found.platform,
                _e.account == found.account,
                _e.action == Action.RESTORE.value,
                _e.placed_at >= found.placed_at,
                sa.cast(_e.lifts, sa.Text).contains(f'"{found.id}"', autoescape=True),
            )
        ).first()
        held = latest(connection, found.platform)
        newest = connection.execute(
            sa.select(tables.leaf.c.seq)
            .join(
                tables.event,
                sa.and_(tables.event.c.platform == tables.leaf.c.platform, tables.event.c.id == tables.leaf.c.event_id),
            )
            .where(tables.event.c.platform == found.platform, tables.event.c.about == found.id)
            .order_by(tables.leaf.c.seq.desc())
            .limit(1)
        ).scalar()
        proved = held is not None and newest is not None and newest < held.size
        story = events(connection, found.platform, tables.event.c.about == found.id, viewer=visit.actor.id)
        organisation = visit.app.config(connection).rules.organisation
        why = explanation(connection, found, now=visit.now, organisation=organisation, blind=row.blind)
    return visit.page(
        "enforcement.html",
        row=row,
        one=found,
        given=given,
        missing=_missing(visit, row, [one.by for one in given if one.answer == "yes"], organisation),
        case=case,
        lifts=lifts,
        undone_by=None if undone_by is None else undone_by.id,
        proved=proved,
        story=story,
        losses=() if row.blind else _losses(visit, found),
        why=why,
        may_answer=_may_answer(visit, found, {one.by for one in given}),
        may_cancel=visit.may(Power.LIFT) and found.state in {State.WAITING.value, State.READY.value},
        may_restore=visit.may(Power.LIFT) and found.severity > 0 and found.state in _RESTORABLE,
        may_ratify=found.via == "break_glass" and found.state == State.IN_FORCE.value and found.ratified_by is None,
        moving=found.state in _MOVING,
    )


_RESTORABLE = frozenset({State.IN_FORCE.value, State.EXECUTING.value, State.UNKNOWN.value})
_MOVING = frozenset({State.READY.value, State.EXECUTING.value, State.UNKNOWN.value, State.RESTORING.value})


def _missing(visit: Visit, row: Row, yeses: list[str], organisation: str) -> list[str]:
    """Return in words which people are missing still, for one that waits for people."""
    one = row.enforcement
    if one.state != State.WAITING.value or one.approved_at is not None:
        return []
    people = visit.names.people

    def person(staff_id: str) -> Person:
        staff = people.get(staff_id)
        if staff is None:
            return Person(id=staff_id, roles=frozenset(), team="", employer="")
        return Person(id=staff.id, roles=frozenset(staff.roles), team=staff.team, employer=staff.employer)

    proposer = next((who for who in (one.placed_by, *one.humans) if who in people), one.placed_by)
    left = seats_filled(
        row.verdict.approvals,
        [person(who) for who in yeses if who in people and who not in one.humans],
        proposer=person(proposer),
        organisation=organisation,
    )
    return [need.in_words() for need in left]


def _may_answer(visit: Visit, found: Enforcement, answered: set[str]) -> bool:
    """Whether this person may answer at all; which seats are open is told when they do."""
    staff = visit.staff
    open_still = (found.state == State.WAITING.value and found.approved_at is None) or in_lone_hold(found)
    apart = staff.id not in found.humans and staff.id != found.placed_by and staff.id not in answered
    return open_still and apart and standing_now(staff, visit.now).standing is Standing.ACTIVE


def _losses(visit: Visit, found: Enforcement) -> tuple[str, ...]:
    """Return what an undo does not bring back, as the platform declares it."""
    description = described(visit.app, found.platform)
    if description is None or found.action in {Action.CHANGE, Action.RESTORE}:
        return ()
    capability = description.capabilities.get(Action(found.action))
    return () if capability is None else capability.losses


def answer(visit: Visit) -> Response:
    """Take another person's yes or no; with the last yes needed it goes on."""
    form = visit.form
    given = Answer(
        enforcement=visit.path("id"),
        digest=form.one("digest"),
        answer=form.one("answer"),
        note=form.one("note"),
        own_answer=form.one("own_answer"),
    )
    after = approve(visit.app, visit.actor, given)
    _go_on(visit, after)
    return go(f"/enforcements/{after.id}", done=given.answer)


def _go_on(visit: Visit, one: Enforcement) -> None:
    """Carry out what is cleared; what does not go through now, the worker does. The answer itself stands."""
    if one.state == State.READY.value:
        with suppress(GardefouError):
            advance(visit.app, one.id)
    visit.app.wake()


def withdraw(visit: Visit) -> Response:
    """Withdraw an enforcement before anything is done."""
    ended = cancel(visit.app, visit.actor, visit.path("id"), visit.form.one("because"))
    return go(f"/enforcements/{ended.id}", done="cancelled")


def let_stand(visit: Visit) -> Response:
    """Ratify a break-glass as the third person."""
    ratified = ratify(visit.app, visit.actor, visit.path("id"))
    return go(f"/enforcements/{ratified.id}", done="ratified")
