"""After a decision: on to the next case, with what came of the last one and its way back in sight."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from starlette.responses import RedirectResponse, Response

from gardefou.domain.records import Decision, Enforcement
from gardefou.errors import GardefouError
from gardefou.flow.case_reading import find_case
from gardefou.flow.cases import next_case
from gardefou.flow.take_back import TAKE_BACK, take_back
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get
from gardefou.web.console.aside import local
from gardefou.web.console.case_words import DONE, more_reports
from gardefou.web.console.frame import Visit
from gardefou.web.console.reading import Row, rows

_MOST_PLACED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What came of the last step: a sentence, or the enforcements; and the decision where it can be taken back."""

    done: str
    says: str
    placed: list[Row]
    #: Case and decision to take back; empty where there is nothing to.
    case: str = ""
    decision: str = ""
    waits: bool = False


def after(visit: Visit, connection: sa.Connection) -> After | None:
    """Return what the address says of the last step; None where it says nothing."""
    done = visit.query("done")
    ids = visit.request.query_params.getlist("placed")[:_MOST_PLACED]
    if done not in DONE and not ids:
        return None
    said = [_(DONE[done])] if done in DONE else []
    late = visit.query("late")
    if late.isascii() and late.isdigit() and len(late) < 7:
        said.append(more_reports(int(late)))
    statement = (
        sa.select(tables.enforcement).where(tables.enforcement.c.id.in_(ids)).order_by(tables.enforcement.c.group_index)
    )
    placed = rows(connection, fetch_all(connection, Enforcement, statement), visit.actor.id) if ids else []
    case, decision = _to_take_back(visit, connection, placed)
    return After(
        done=done,
        says=" ".join(said),
        placed=placed,
        case=case,
        decision=decision,
        waits=any(row.enforcement.state in {"waiting", "ready"} for row in placed),
    )


def _to_take_back(visit: Visit, connection: sa.Connection, placed: list[Row]) -> tuple[str, str]:
    """Return case and decision where the viewer can take it back still."""
    case = find_case(connection, visit.query("of")) if visit.query("of") else None
    made = get(connection, Decision, case.platform, visit.query("decision")) if case is not None else None
    if case is None or made is None or made.by != visit.actor.id or case.decision_id != made.id:
        return "", ""
    if visit.now - made.at > TAKE_BACK or any(row.enforcement.legal_basis is not None for row in placed):
        return "", ""
    return case.id, made.id


def go_on(visit: Visit, *, done: str, also: list[tuple[str, str]] | None = None) -> Response:
    """Lead on after a step: to the next case where the form asked for it, else to the queue."""
    queue = visit.form.one("from_queue")
    query = [("done", done), *(also or [])]
    if queue:
        query.append(("queue", queue))
    where = "/queue"
    if visit.form.one("then") == "next":
        # The step itself stands; whoever may not take another case goes to the queue.
        with suppress(GardefouError):
            found = next_case(visit.app, visit.actor, queue or None)
            if found is not None:
                where = f"/cases/{found.id}"
    return RedirectResponse(f"{where}?{urlencode(query)}", status_code=303)


def take_it_back(visit: Visit) -> Response:
    """Take the visitor's own last decision back, and lead to where they were, or to the case that is theirs again."""
    case_id = visit.path("id")
    done = take_back(visit.app, visit.actor, case_id, visit.form.one("decision"))
    back = local(visit.form.one("back") or "/queue")
    if done.case.claimed_by == visit.actor.id:
        return RedirectResponse(f"/cases/{quote(case_id, safe='')}?done=reopened", status_code=303)
    query = [("done", "undone" if done.case.state == "open" else "again")]
    if done.restore is not None:
        query.append(("placed", done.restore.id))
    queue = visit.form.one("from_queue")
    if queue:
        query.append(("queue", queue))
    return RedirectResponse(f"{back.split('?', 1)[0]}?{urlencode(query)}", status_code=303)
