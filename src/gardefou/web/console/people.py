"""The people on duty, by pseudonym: roles, standing, last days, leavers and newcomers. Names stay sealed."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Staff
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit

_ORDER = (Standing.LEAVING, Standing.ACTIVE, Standing.SUSPENDED, Standing.LEFT)
#: As long as the shipped nets take someone for a newcomer.
NEWCOMER = timedelta(days=45)
#: People of one page; the others are found by their pseudonym.
_MOST = 500
_c = tables.case.c


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of the list of people."""
    return [console.get("/people", show)]


def show(visit: Visit) -> Response:
    """Show everyone, leavers and newcomers first, with what they work on."""
    now, looked_for = visit.now, visit.query("q").strip()
    with visit.app.works.read() as connection:
        everyone = fetch_all(connection, Staff, sa.select(tables.staff))
        held = connection.execute(
            sa.select(_c.claimed_by, sa.func.count().label("cases"))
            .where(tables.case_claimed, _c.claimed_until > now)
            .group_by(_c.claimed_by)
        )
        claims = {row.claimed_by: row.cases for row in held}
        rules = visit.app.config(connection).rules
        people = [(one, standing_now(one, now, rules.leaver_stages)) for one in everyone]
    if looked_for:
        people = [pair for pair in people if looked_for.lower() in pair[0].pseudonym.lower()]
    newcomers = {one.id for one, _ in people if now - one.started_at < NEWCOMER}
    people.sort(key=lambda pair: (_ORDER.index(pair[1].standing), pair[0].id not in newcomers, pair[0].pseudonym))
    return visit.page(
        "people.html",
        people=people[:_MOST],
        more=max(0, len(people) - _MOST),
        claims=claims,
        newcomers=newcomers,
        organisation=rules.organisation,
        q=looked_for,
        done=visit.query("done"),
    )
