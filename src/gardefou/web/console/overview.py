"""The first page: what waits, what went wrong, how the days went, and how often nets were in the way."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Case, Enforcement, Incident, Staff
from gardefou.errors import NotFound
from gardefou.flow.backlog import waiting_cases
from gardefou.flow.changes.settings import FOUNDERS
from gardefou.flow.figures import SPANS, boundaries
from gardefou.flow.friction import WEEK
from gardefou.flow.incident_words import TITLES
from gardefou.flow.rules import load_rules
from gardefou.speech import gettext as _
from gardefou.speech import later, speech
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.plots import plots
from gardefou.web.console.reading import accounts_named, rows

_c = tables.case.c
_e = tables.enforcement.c
_i = tables.incident.c
#: The lengths of time to choose from, by their name in the address.
TABS = {"24h": later("24 hours"), "7d": later("7 days"), "30d": later("30 days")}
#: Nets that are named beside their plot, those that spoke most first.
_NAMED = 6
#: Enforcements that are shown, the newest.
_RUNNING = 20


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of the first page."""
    return [console.get("/", show)]


def show(visit: Visit) -> Response:
    """Show what waits, what went wrong, and the figures of the last hours or days."""
    now, figures = visit.now, visit.console.figures
    span = SPANS.get(visit.query("span") or "24h")
    if span is None:
        raise NotFound("overview/span", _("There are figures over 24 hours, 7 days and 30 days; choose one of them."))
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        waiting = waiting_cases(connection, now)
        buckets, friction = figures.over_with_friction(connection, boundaries(span, now, speech().zone))
        mine = fetch_all(
            connection,
            Case,
            sa.select(tables.case).where(
                tables.case_open,
                _c.claimed_by.is_not(None),
                _c.claimed_by == visit.actor.id,
                _c.claimed_until > now,
            ),
        )
        running = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(tables.enforcement_active, _e.state.in_(("waiting", "unknown", "executing")))
            .order_by(_e.placed_at.desc())
            .limit(_RUNNING + 1),
        )
        incidents = fetch_all(
            connection,
            Incident,
            sa.select(tables.incident)
            .where(_i.platform.in_(sorted(config.platforms)), _i.opened_at > now - WEEK)
            .order_by(_i.opened_at.desc())
            .limit(10),
        )
        spoke: dict[str, int] = {}
        for bucket in buckets:
            for name, count in bucket.counts.items():
                if name.startswith("net:"):
                    spoke[name.removeprefix("net:")] = spoke.get(name.removeprefix("net:"), 0) + count
        ranked = sorted(spoke.items(), key=lambda one: (-one[1], one[0]))[:_NAMED]
        return visit.page(
            "overview.html",
            queues=waiting,
            mine=mine,
            accounts=accounts_named(connection, ((case.platform, case.account) for case in mine)),
            waiting=rows(connection, running[:_RUNNING], visit.actor.id),
            more=len(running) > _RUNNING,
            incidents=incidents,
            kinds=TITLES,
            friction=friction,
            setup=_setup(connection),
            span=span.name,
            tabs=TABS,
            plots=plots(span, buckets, waiting),
            spoke=[(net.title if (net := config.nets.get(name)) else name, count) for name, count in ranked],
        )


def _setup(connection: sa.Connection) -> dict[str, Any] | None:
    """Return how far setup is, or None once it has ended."""
    rules = load_rules(connection)
    if rules.setup_finished:
        return None
    enrolled = len(fetch_all(connection, Staff, sa.select(tables.staff).where(tables.staff.c.enrolled)))
    return {"enrolled": enrolled, "needed": FOUNDERS[rules.shipped_nets], "set": rules.shipped_nets}
