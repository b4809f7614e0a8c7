"""Incidents: what went wrong or nearly did, each with the timeline that wrote itself."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from gardefou.domain.records import Incident
from gardefou.errors import InvalidInput
from gardefou.flow.incident_story import read_story
from gardefou.flow.incident_words import TITLES
from gardefou.flow.story import Story
from gardefou.people.directory import Directory
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging, views
from gardefou.web.answers import Json
from gardefou.web.api.staff import PageQuery
from gardefou.web.incident_page import incident_page, page_policy
from gardefou.web.node import Caller, Reader

router = APIRouter(tags=["incidents"])
_i = tables.incident.c


class IncidentsQuery(PageQuery):
    """Which incidents, and which page of them."""

    platform: str = ""
    kind: str = ""


@router.get("/incidents", response_class=Json)
def list_incidents(caller: Reader, query: Annotated[IncidentsQuery, Query()]) -> Json:
    """List incidents, newest first."""
    statement = sa.select(tables.incident).order_by(_i.id.desc()).limit(query.limit + 1)
    if query.kind and query.kind not in TITLES:
        known = ", ".join(sorted(TITLES))
        raise InvalidInput("incident/kind", f"There is no kind {query.kind!r}; use one of {known}.", field="kind")
    for column, value in ((_i.platform, query.platform), (_i.kind, query.kind)):
        if value:
            statement = statement.where(column == value)
    place = paging.decode(query.cursor, str)
    if place is not None:
        statement = statement.where(_i.id < place[0])
    with caller.node.reading() as (connection, names):
        shown, following = paging.page(
            fetch_all(connection, Incident, statement), query.limit, lambda one: paging.encode(one.id)
        )
        items = [views.incident(names, one) for one in shown]
    return Json({"items": items, "next": following})


@router.get("/incidents/{id}", response_class=Json)
def show_incident(caller: Reader, id: str) -> Json:  # noqa: A002 - the contract's name
    """Show an incident: its timeline, time down and reach times minutes, the nets that spoke or stayed silent."""
    return Json(_story(caller, id).document())


@router.get("/incidents/{id}/page", response_class=HTMLResponse)
def show_incident_page(caller: Reader, id: str) -> HTMLResponse:  # noqa: A002 - the contract's name
    """Show an incident as one HTML page that loads nothing, with a picture of its timeline.

    It may be passed on: people stand by names that are this incident's alone.
    """
    story = _story(caller, id, outside=caller.app.directory)
    return HTMLResponse(incident_page(story), headers={"Content-Security-Policy": page_policy()})


def _story(caller: Caller, incident_id: str, *, outside: Directory | None = None) -> Story:
    with caller.app.works.read() as connection:
        return read_story(connection, incident_id, now=caller.app.now(), viewer=caller.actor.id, outside=outside)
