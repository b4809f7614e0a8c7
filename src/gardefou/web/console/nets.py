"""The safety nets in force, each in words: when it speaks, what it asks, and what taught it."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import NetsVersion
from gardefou.flow.shadow import shadow_report
from gardefou.nets.alone_page import alone, columns
from gardefou.nets.phrase import condition_lines
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit

_n = tables.nets_version.c
_e = tables.enforcement.c
_WEEK = timedelta(days=7)
#: Enforcements of the week that are looked through for which nets spoke.
_MOST = 5_000


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the nets."""
    return [console.get("/nets", show), console.get("/nets/alone", show_alone)]


def show(visit: Visit) -> Response:
    """Show every net in force, and how often each spoke in the last seven days."""
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        versions = fetch_all(connection, NetsVersion, sa.select(tables.nets_version).order_by(_n.id.desc()).limit(10))
        verdicts = connection.execute(
            sa.select(_e.verdict).where(_e.placed_at > visit.now - _WEEK).order_by(_e.placed_at.desc()).limit(_MOST)
        ).all()
        any_shadow = config.rules.shadow or any(net.shadow for net in config.nets)
        shadow = shadow_report(connection, visit.now - _WEEK, most=_MOST) if any_shadow else None
    spoke: dict[str, int] = {}
    for row in verdicts:
        for reason in (*row.verdict.get("reasons", ()), *row.verdict.get("shadow", ())):
            spoke[reason["net"]] = spoke.get(reason["net"], 0) + 1
    nets = [(net, condition_lines(net.condition.node)) for net in config.nets]
    return visit.page("nets.html", nets=nets, spoke=spoke, versions=versions, rules=config.rules, shadow=shadow)


def show_alone(visit: Visit) -> Response:
    """Show what one person can do alone, proved for the nets in force."""
    newest = sa.select(tables.nets_version).order_by(_n.id.desc()).limit(1)
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        name = fetch_all(connection, NetsVersion, newest)[0].name
    page = alone(config.nets)
    return visit.page("alone.html", page=page, tables=columns(page), rules=config.rules, name=name)
