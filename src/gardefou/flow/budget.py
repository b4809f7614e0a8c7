"""Topping up a person's budget: a lead answers for a burst (R13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gardefou.domain.records import ORGANISATION, Staff, TopUp
from gardefou.errors import Conflict, Denied, StepUpRequired
from gardefou.flow.app import App
from gardefou.flow.changes.staff import find_staff
from gardefou.flow.fact_reads import TOPPED
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss, leaving_of
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.storage import tables

_SHIFT = timedelta(hours=8)
_MOST = 2
_FRESH_MINUTES = 10


def top_up(app: App, actor: Actor, staff: str) -> TopUp:
    """Give a person twice their budgets for sixty minutes; at most twice a shift of eight hours.

    It counts for what is placed from now on, hourly and daily budgets alike, and
    does not add up: while it runs there is no second one. What waits already
    was asked about and waits on; answer for it as a group.

    Writes `budget.topped_up`.

    Raises:
        Denied: no lead, one's own budget (`budget/own`), or leaving.
        Conflict: it runs already (`budget/topped`), or twice this shift (`budget/twice`).
        StepUpRequired: the sign-in is older than ten minutes.
    """
    actor.require(Power.TOP_UP, app.now())
    if actor.staff is None:
        raise Denied("auth/not_human", "Only people answer for a burst.")
    with app.works.begin() as uow:
        # Their key before anybody's row, and not their row at all: whoever is in the middle of a burst takes both.
        person = find_staff(uow, staff, lock=False)
        uow.serialise(f"actor:{person.id}")
        lead = uow.need(Staff, ORGANISATION, actor.staff.id)
        actor = replace(actor, staff=lead)
        actor.require(Power.TOP_UP, uow.now)
        if person.id == lead.id:
            raise Denied("budget/own", "Another lead answers for your burst.")
        if not standing_now(lead, uow.now, leaving_of(uow.connection)).has(Loss.APPROVALS):
            raise Denied("staff/leaving", "Whoever is leaving answers for no burst.")
        if actor.fresh_minutes(uow.now) > _FRESH_MINUTES:
            raise StepUpRequired(_FRESH_MINUTES)
        table = tables.top_up.c
        recent = uow.all(TopUp, table.staff_id == person.id, table.at > uow.now - _SHIFT)
        if len(recent) >= _MOST:
            raise Conflict("budget/twice", "This budget was topped up twice this shift already.")
        if any(one.at > uow.now - TOPPED for one in recent):
            raise Conflict("budget/topped", "This budget is topped up already; it can be again when the hour is over.")
        made = TopUp(id=uow.ids.new(), staff_id=person.id, by=lead.id, at=uow.now)
        uow.record("budget.topped_up", by=lead.id, about=person.id, puts=(made,))
        return made
