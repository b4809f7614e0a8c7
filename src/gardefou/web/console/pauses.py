"""Stopping all enforcement, resuming by two people, how near the breaker is, what is left of budgets; and raid mode."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import ORGANISATION, Approval, Enforcement, Pause
from gardefou.domain.states import State
from gardefou.flow.breaker import how_near
from gardefou.flow.budget_use import budgets_of
from gardefou.flow.change import pause, resume
from gardefou.flow.raid import RENEWED_FROM, end_raid, open_raids, power_to_start, start_raid
from gardefou.nets.verdict import Verdict
from gardefou.people.roles import Power
from gardefou.speech import later
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go

_a = tables.approval.c
_e = tables.enforcement.c
_p = tables.pause.c
#: What budgets are of, and over how long.
KINDS = {
    "mild": later("Mild: warnings, labels, limits, locks"),
    "grave": later("Suspensions and graver"),
    "gravest": later("Deactivations and graver"),
    "reach": later("Followers of accounts suspended or worse"),
}
WINDOWS = {"hour": later("this hour"), "day": later("24 hours")}
SCOPES = {"staff": later("Person"), "team": later("Team"), "platform": later("Platform")}


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of pausing and resuming."""
    return [
        console.get("/pause", show),
        console.post("/pause", stop),
        console.post("/resume", go_on),
        console.post("/raid", call_raid),
        console.post("/raid/end", end_the_raid),
    ]


def show(visit: Visit) -> Response:
    """Show what is stopped and by whom, who has asked to resume, how near the breaker is, budgets, and raid mode."""
    now = visit.now
    with visit.app.works.read() as connection:
        earlier = fetch_all(
            connection,
            Pause,
            sa.select(tables.pause).where(_p.ended_at.is_not(None)).order_by(_p.id.desc()).limit(10),
        )
        waiting = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(
                tables.enforcement_active,
                _e.platform == ORGANISATION,
                _e.action == "change",
                _e.state == State.WAITING.value,
            )
            .order_by(_e.id),
        )
        asked = [one for one in waiting if (one.change or {}).get("kind") in {"pause", "resume"}]
        answers = fetch_all(
            connection,
            Approval,
            sa.select(tables.approval)
            .where(_a.platform == ORGANISATION, _a.enforcement_id.in_([one.id for one in asked]))
            .order_by(_a.id),
        )
        raids = open_raids(connection, now)
        config = visit.app.config(connection)
        near = how_near(connection, config, now)
        budgets = budgets_of(connection, config, visit.staff, now)
    return visit.page(
        "pause.html",
        earlier=earlier,
        asked=[
            (one, Verdict.from_json(one.verdict), [given for given in answers if given.enforcement_id == one.id])
            for one in asked
        ],
        near=near,
        budgets=budgets,
        kinds=KINDS,
        windows=WINDOWS,
        scopes=SCOPES,
        rules=config.rules,
        done=visit.query("done"),
        raids=raids,
        may_call=visit.may(power_to_start(config)),
        may_resume=visit.may(Power.RESUME),
        renewable=not raids or raids[-1].until - now <= RENEWED_FROM,
    )


def stop(visit: Visit) -> Response:
    """Stop all enforcement."""
    made = pause(visit.app, visit.actor, visit.form.one("because"))
    return go("/pause", done="paused" if made.state == State.IN_FORCE.value else "asked")


def go_on(visit: Visit) -> Response:
    """Ask to resume, or be the second person who does."""
    made = resume(visit.app, visit.actor, visit.form.one("because"))
    return go("/pause", done="resumed" if made.state == State.IN_FORCE.value else "asked")


def call_raid(visit: Visit) -> Response:
    """Turn raid mode on, or renew it."""
    start_raid(visit.app, visit.actor, visit.form.one("because"))
    return go("/pause", done="raid")


def end_the_raid(visit: Visit) -> Response:
    """Turn raid mode off before it ends by itself."""
    end_raid(visit.app, visit.actor)
    return go("/pause", done="raid_over")
