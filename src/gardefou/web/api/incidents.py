"""Incidents: what went wrong or nearly did, each with the timeline that wrote itself."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query

from gardefou.domain.records import Incident
from gardefou.errors import NotFound
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all
from gardefou.web import paging, views
from gardefou.web.answers import Json
from gardefou.web.api.staff import PageQuery
from gardefou.web.node import Reader

router = APIRouter(tags=["incidents"])
_i = tables.incident.c
#: Events of one timeline.
_MOST = 500


class IncidentsQuery(PageQuery):
    """Which incidents, and which page of them."""

    platform: str = ""
    kind: str = ""


@router.get("/incidents", response_class=Json)
def list_incidents(caller: Reader, query: Annotated[IncidentsQuery, Query()]) -> Json:
    """List incidents, newest first."""
    statement = sa.select(tables.incident).order_by(_i.id.desc()).limit(query.limit + 1)
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
    """Show an incident with its timeline: what happened to everything that belongs to it, in sequence."""
    event = tables.event.c
    with caller.node.reading() as (connection, names):
        found = fetch(connection, Incident, _i.id == id)
        if found is None:
            raise NotFound("incident/not_found", f"There is no incident {id!r}; check the id.")
        statement = (
            sa.select(event.id, event.at, event.kind, event.by, event.account, event.about)
            .where(event.platform == found.platform, event.about.in_([found.id, *found.enforcements[:_MOST]]))
            .order_by(event.id)
            .limit(_MOST)
        )
        timeline = [
            {
                "at": views.at(row.at),
                "kind": row.kind,
                "by": names.of(row.by),
                "account": row.account or None,
                "about": row.about,
            }
            for row in connection.execute(statement)
        ]
        return Json({**views.incident(names, found), "timeline": timeline})
