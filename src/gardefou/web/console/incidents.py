"""Incidents: what went wrong or nearly did, each with its timeline as a picture and as a table."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Enforcement, Incident
from gardefou.errors import NotFound
from gardefou.flow.incident_story import read_story
from gardefou.flow.incident_words import TITLES
from gardefou.flow.incidents import LONGEST, TOGETHER
from gardefou.flow.story import Story, lines
from gardefou.ids import least_at
from gardefou.speech import gettext as _
from gardefou.speech import later
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.lead_words import exactly, minutes_said
from gardefou.web.console.reading import PAGE, accounts_named, events, rows
from gardefou.web.incident_page import COLUMNS, LANE_NAMES, WIDTH, down_heading, draw, incident_page

_i = tables.incident.c
_e = tables.enforcement.c
_ev = tables.event.c
_AROUND = timedelta(hours=24)

KINDS = TITLES
#: Open ones still take in what follows; see `flow.incidents`.
STATES = {"": later("All"), "open": later("Open"), "closed": later("Closed")}


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of incidents."""
    return [
        console.get("/incidents", show_list),
        console.get("/incidents/{id}", show),
        console.get("/incidents/{id}/page", save),
    ]


def show_list(visit: Visit) -> Response:
    """Show incidents, newest first: all, open or closed ones, of all kinds or one."""
    before, state, kind = visit.query("before"), visit.query("state"), visit.query("kind")
    if state not in STATES or (kind and kind not in KINDS):
        raise NotFound("incident/list", _("There is no such list of incidents; choose one above."))
    since = visit.now - TOGETHER
    where: list[sa.ColumnElement[bool]] = []
    if kind:
        where.append(_i.kind == kind)
    if state == "open":
        where += [_i.last_at > since, _i.id >= least_at(visit.now - LONGEST - TOGETHER)]
    elif state == "closed":
        where.append(_i.last_at <= since)
    if before:
        where.append(_i.id < before)
    statement = sa.select(tables.incident).where(*where).order_by(_i.id.desc()).limit(PAGE + 1)
    with visit.app.works.read() as connection:
        found = fetch_all(connection, Incident, statement)
        accounts = accounts_named(connection, ((one.platform, ref) for one in found for ref in one.accounts[:5]))
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return visit.page(
        "incidents.html",
        incidents=found[:PAGE],
        accounts=accounts,
        kinds=KINDS,
        states=STATES,
        state=state,
        kind=kind,
        since=since,
        older=older,
        filtered=bool(state or kind or before),
    )


def show(visit: Visit) -> Response:
    """Show one incident with its timeline: who did what by pseudonym, what nets and platform did."""
    with visit.app.works.read() as connection:
        found = fetch(connection, Incident, _i.id == visit.path("id"))
        if found is None:
            raise NotFound("incident/not_found", _("There is no such incident; check the address."))
        enforcements = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(_e.platform == found.platform, _e.id.in_(found.enforcements[:100]))
            .order_by(_e.id),
        )
        concerns = [sa.and_(tables.event_has_about, _ev.about.in_([found.id, *found.enforcements[:100]]))]
        if found.accounts:
            concerns.append(sa.and_(tables.event_has_account, _ev.account.in_(found.accounts[:100])))
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
    timeline = lines(told.timeline)
    return visit.page(
        "incident.html",
        one=found,
        summary=told.incident.summary,
        kind=KINDS.get(found.kind, found.kind),
        open=found.last_at > visit.now - TOGETHER,
        rows=shown,
        story=story,
        told=told,
        lines=timeline,
        picture=draw(told, timeline, minutes_said),
        width=WIDTH,
        columns=COLUMNS,
        lane_names={lane: _(name) for lane, name in LANE_NAMES.items()},
        heading=down_heading(told),
        down=_down(told),
        accounts=accounts,
        reach=sum(account.reach or 0 for account in accounts.values()),
        minutes=minutes_said,
        exactly=exactly,
    )


def _down(told: Story) -> str:
    return minutes_said(told.minutes_down) if told.minutes_down or told.still_down else _("not at all")


def save(visit: Visit) -> Response:
    """Give one incident's page as a file to keep or pass on: nothing loaded, a picture, people by names of its own.

    These names are no pseudonyms, and another incident's page has others (R19).
    """
    with visit.app.works.read() as connection:
        told = read_story(
            connection,
            visit.path("id"),
            now=visit.app.now(),
            viewer=visit.actor.id,
            outside=visit.app.directory,
        )
    name = f"incident-{told.incident.id}.html"
    return HTMLResponse(incident_page(told), headers={"Content-Disposition": f'attachment; filename="{name}"'})
