"""The queue: what waits, by urgency, who works on what, and taking the next one."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from gardefou.flow.cases import list_cases, next_case, queues
from gardefou.flow.queue_reading import MOST, claims, queue_counts
from gardefou.flow.rules import load_rules
from gardefou.web.console.after import after
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.reading import PAGE, accounts_named


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the queue."""
    return [console.get("/queue", show), console.post("/queue/next", take_next)]


def show(visit: Visit) -> Response:
    """Show the open cases of one queue or all; after a decision also what came of it, and its way back."""
    queue = visit.query("queue")
    with visit.app.works.read() as connection:
        cases, cursor = list_cases(
            connection, now=visit.now, queue=queue or None, cursor=visit.query("cursor") or None, limit=PAGE
        )
        held = claims(connection, visit.now)
        counts = queue_counts(connection, queues(load_rules(connection)), visit.now)
        return visit.page(
            "queue.html",
            queue=queue,
            counts=counts,
            waiting=sum(one.waiting for one in counts),
            late=sum(one.late for one in counts),
            most=MOST,
            cases=cases,
            cursor=cursor,
            first_page=not visit.query("cursor"),
            held=held,
            accounts=accounts_named(connection, ((case.platform, case.account) for case in (*cases, *held))),
            after=after(visit, connection),
        )


def take_next(visit: Visit) -> Response:
    """Claim the most urgent case that nobody works on."""
    queue = visit.form.one("from_queue") or visit.form.one("queue")
    found = next_case(visit.app, visit.actor, queue or None)
    where = "/queue" if found is None else f"/cases/{found.id}"
    query = {"done": "empty"} if found is None else {}
    if queue:
        query["queue"] = queue
    return RedirectResponse(f"{where}?{urlencode(query)}" if query else where, status_code=303)
