"""The queue: what waits, by urgency, and taking the next one."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Enforcement
from gardefou.flow.cases import list_cases, next_case, queues
from gardefou.flow.rules import load_rules
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import accounts_named, rows

_MOST_DONE = 20


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the queue."""
    return [console.get("/queue", show), console.post("/queue/next", take_next)]


def show(visit: Visit) -> Response:
    """Show the open cases of one queue or all; after a decision also what came of it, and its way back."""
    queue = visit.query("queue")
    with visit.app.works.read() as connection:
        cases, cursor = list_cases(
            connection, now=visit.now, queue=queue or None, cursor=visit.query("cursor") or None, limit=50
        )
        accounts = accounts_named(connection, ((case.platform, case.account) for case in cases))
        ids = visit.request.query_params.getlist("placed")[:_MOST_DONE]
        placed = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(tables.enforcement.c.id.in_(ids))
            .order_by(tables.enforcement.c.group_index),
        )
        return visit.page(
            "queue.html",
            queue=queue,
            queues=queues(load_rules(connection)),
            cases=cases,
            cursor=cursor,
            accounts=accounts,
            placed=rows(connection, placed, visit.actor.id),
            done=visit.query("done"),
        )


def take_next(visit: Visit) -> Response:
    """Claim the most urgent case that nobody works on."""
    queue = visit.form.one("queue")
    found = next_case(visit.app, visit.actor, queue or None)
    if found is None:
        return go("/queue", done="empty", **({"queue": queue} if queue else {}))
    return go(f"/cases/{found.id}")
