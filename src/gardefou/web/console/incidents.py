"""Incidents: what went wrong or nearly did, each with the timeline that the ledger wrote."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Enforcement, Incident
from gardefou.errors import NotFound
from gardefou.flow.incident_story import read_story
from gardefou.flow.incident_words import TITLES, minutes_in_words
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.reading import PAGE, accounts_named, events, rows
from gardefou.web.incident_page import incident_page

_i = tables.incident.c
_e = tables.enforcement.c
_ev = tables.event.c
_AROUND = timedelta(hours=24)

KINDS = TITLES


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of incidents."""
    return [
        console.get("/incidents", show_list),
        console.get("/incidents/{id}", show),
        console.get("/incidents/{id}/page", save),
    ]


def show_list(visit: Visit) -> Response:
    """Show incidents, newest first."""
    before = visit.query("before")
    statement = sa.select(tables.incident)
    if before:
        statement = statement.where(_i.id < before)
    with visit.app.works.read() as connection:
        found = fetch_all(connection, Incident, statement.order_by(_i.id.desc()).limit(PAGE + 1))
        accounts = accounts_named(connection, ((one.platform, ref) for one in found for ref in one.accounts[:5]))
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return visit.page("incidents.html", incidents=found[:PAGE], accounts=accounts, kinds=KINDS, older=older)


def show(visit: Visit) -> Response:
    """Show one incident with its timeline: who did what by pseudonym, what nets and platform did."""
    with visit.app.works.read() as connection:
        found = fetch(connection, Incident, _i.id == visit.path("id"))
        if found is None:
            raise NotFound("incident/not_found", "There is no such incident; check the address.")
        enforcements = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(_e.platform == found.platform, _e.id.in_(found.enforcements[:100]))
            .order_by(_e.id),
        )
        concerns = [_ev.about.in_([found.id, *found.enforcements[:100]])]
        if found.accounts:
            concerns.append(_ev.account.in_(found.accounts[:100]))
        story = events(
            connection,
            found.platform,
            sa.or_(*concerns),
            _ev.at >= found.opened_at - _AROUND,
            _ev.at <= found.last_at + _AROUND,
            viewer=visit.actor.id,
        )
        accounts = accounts_named(connection, ((found.platform, ref) for ref in found.accounts))
        shown = rows(connection, enforcements, visit.actor.id)
        told = read_story(connection, found.id, now=visit.app.now(), viewer=visit.actor.id)
    return visit.page(
        "incident.html",
        one=found,
        kind=KINDS.get(found.kind, found.kind),
        rows=shown,
        story=story,
        told=told,
        down=minutes_in_words(told.minutes_down),
        accounts=accounts,
        reach=sum(account.reach or 0 for account in accounts.values()),
    )


def save(visit: Visit) -> Response:
    """Give one incident's page as a file to keep or pass on: people by pseudonym, nothing loaded, a picture."""
    with visit.app.works.read() as connection:
        told = read_story(connection, visit.path("id"), now=visit.app.now(), viewer=visit.actor.id)
    name = f"incident-{told.incident.id}.html"
    return HTMLResponse(incident_page(told), headers={"Content-Disposition": f'attachment; filename="{name}"'})
