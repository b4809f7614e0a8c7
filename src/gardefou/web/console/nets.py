"""The safety nets in force, each in words: when it speaks, what it asks, and what taught it."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import NetsVersion
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit

_n = tables.nets_version.c
_e = tables.enforcement.c
_WEEK = timedelta(days=7)
#: Enforcements of the week that are looked through for which nets spoke.
_MOST = 5_000


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of the nets."""
    return [console.get("/nets", show)]


def show(visit: Visit) -> Response:
    """Show every net in force, and how often each spoke in the last seven days."""
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        versions = fetch_all(connection, NetsVersion, sa.select(tables.nets_version).order_by(_n.id.desc()).limit(10))
        verdicts = connection.execute(
            sa.select(_e.verdict).where(_e.placed_at > visit.now - _WEEK).order_by(_e.placed_at.desc()).limit(_MOST)
        ).all()
    spoke: dict[str, int] = {}
    for row in verdicts:
        for reason in (*row.verdict.get("reasons", ()), *row.verdict.get("shadow", ())):
            spoke[reason["net"]] = spoke.get(reason["net"], 0) + 1
    return visit.page("nets.html", nets=list(config.nets), spoke=spoke, versions=versions, rules=config.rules)
