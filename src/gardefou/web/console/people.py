"""The people on duty, by pseudonym: roles, standing, last days. Names stay sealed."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Case, Staff
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit

_ORDER = (Standing.LEAVING, Standing.ACTIVE, Standing.SUSPENDED, Standing.LEFT)


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of the list of people."""
    return [console.get("/people", show)]


def show(visit: Visit) -> Response:
    """Show everyone, leavers first, with what they still hold."""
    now = visit.now
    with visit.app.works.read() as connection:
        everyone = fetch_all(connection, Staff, sa.select(tables.staff))
        held = fetch_all(
            connection,
            Case,
            sa.select(tables.case).where(tables.case_open, tables.case.c.claimed_until > now),
        )
        rules = visit.app.config(connection).rules
    claims: dict[str, int] = {}
    for case in held:
        if case.claimed_by is not None:
            claims[case.claimed_by] = claims.get(case.claimed_by, 0) + 1
    people = [(one, standing_now(one, now)) for one in everyone]
    people.sort(key=lambda pair: (_ORDER.index(pair[1].standing), pair[0].pseudonym))
    return visit.page("people.html", people=people, claims=claims, organisation=rules.organisation)
