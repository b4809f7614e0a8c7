"""The first page: what waits, what went wrong, and how often nets were in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Case, Enforcement, Incident, Staff
from gardefou.flow.changes.settings import FOUNDERS
from gardefou.flow.friction import friction
from gardefou.flow.rules import load_rules
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.reading import rows

_WEEK = timedelta(days=7)
_c = tables.case.c
_e = tables.enforcement.c
_i = tables.incident.c


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of the first page."""
    return [console.get("/", show)]


def show(visit: Visit) -> Response:
    """Show what waits and what went wrong."""
    now = visit.now
    with visit.app.works.read() as connection:
        queues = connection.execute(
            sa.select(
                _c.queue,
                sa.func.count().label("cases"),
                sa.func.min(_c.due_at, type_=_c.due_at.type).label("due_at"),
                sa.func.sum(sa.case((_c.due_at < now, 1), else_=0)).label("late"),
            )
            .where(tables.case_open)
            .group_by(_c.queue)
            .order_by(_c.queue)
        ).all()
        mine = fetch_all(
            connection,
            Case,
            sa.select(tables.case).where(tables.case_open, _c.claimed_by == visit.actor.id, _c.claimed_until > now),
        )
        waiting = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(_e.state.in_(("waiting", "unknown", "executing")))
            .order_by(_e.placed_at.desc())
            .limit(20),
        )
        incidents = fetch_all(
            connection,
            Incident,
            sa.select(tables.incident).where(_i.opened_at > now - _WEEK).order_by(_i.opened_at.desc()).limit(10),
        )
        return visit.page(
            "overview.html",
            queues=queues,
            mine=mine,
            waiting=rows(connection, waiting, visit.actor.id),
            incidents=incidents,
            friction=friction(connection, now),
            setup=_setup(connection),
        )


def _setup(connection: sa.Connection) -> dict[str, Any] | None:
    """Return how far setup is, or None once it has ended."""
    rules = load_rules(connection)
    if rules.setup_finished:
        return None
    enrolled = len(fetch_all(connection, Staff, sa.select(tables.staff).where(tables.staff.c.enrolled)))
    return {"enrolled": enrolled, "needed": FOUNDERS[rules.shipped_nets], "set": rules.shipped_nets}
