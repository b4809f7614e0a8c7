"""Rolling a person back: what it would do, one confirmation, how it goes, and the report at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Account, Enforcement
from gardefou.flow import rollback_preview as preview
from gardefou.flow import rollback_report as report
from gardefou.flow.rollback import begin_rollback, carry
from gardefou.speech import PLAIN, later, speaking
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.person import HOURS
from gardefou.web.console.reading import PAGE, accounts_named, rows
from gardefou.web.console.whose import path_of, person_of

#: Accounts that are done before the browser is led on; the worker does the others.
_INLINE = 25
#: Accounts that are named of each thing that is in the way.
_NAMED = 10
_e = tables.enforcement.c
#: What is in the way, in the words of the page.
IN_THE_WAY = {
    preview.OTHERS_STAND: later("Someone else's measure stands there as well, and stays"),
    preview.OTHERS_ACTED: later("Someone else has acted there since"),
    preview.FOR_EVER: later("The platform cannot undo it"),
    preview.LOSES: later("Undoing it does not bring everything back"),
    preview.OLD: later("It has stood for so long that another person must agree"),
    preview.BARRED: later("The law demanded it: it stays"),
}
#: What became of an account, and the colour of its badge.
OUTCOMES = {
    report.BACK: (later("back"), "good"),
    report.WITHDRAWN: (later("withdrawn before anything was done"), "good"),
    report.NOTHING: (later("nothing of theirs stood there any more"), "off"),
    report.WAITS: (later("waits for another person"), "wait"),
    report.MOVING: (later("the platform has not shown it yet"), "move"),
    report.LEFT: (later("not begun"), "off"),
    report.FAILED: (later("not restored"), "bad"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """One kind of thing that is in the way, and on which accounts."""

    kind: str
    accounts: Sequence[tuple[str, str]]
    losses: Sequence[str]

    @property
    def named(self) -> Sequence[tuple[str, str]]:
        """The first of them."""
        return self.accounts[:_NAMED]


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of rollbacks."""
    return [
        console.post("/people/{pseudonym}/rollback", roll_back),
        console.get("/rollbacks/{id}", show),
        console.get("/rollbacks/{id}/report.csv", report_csv),
        console.get("/rollbacks/{id}/report.json", report_json),
    ]


def roll_back(visit: Visit) -> Response:
    """Show what rolling a span of time back would do; confirmed, begin it and lead to where it is seen."""
    person, form = person_of(visit), visit.form
    hours = int(form.one("hours")) if form.one("hours") in map(str, HOURS) else 24
    since = visit.app.now() - timedelta(hours=hours)
    if form.one("sure") == "yes":
        begun = begin_rollback(visit.app, visit.actor, by=person.id, since=since).record
        if begun is None:
            return go(path_of(person), done="rolled", number="0")
        carry(visit.app, begun.id, most=_INLINE)
        visit.app.wake()
        return go(f"/rollbacks/{begun.id}")
    would = preview.foresee(visit.app, visit.actor, by=person.id, since=since)
    conflicts = _grouped(would.conflicts)
    with visit.app.works.read() as connection:
        newest = [one.id for one in would.harms[-PAGE:]]
        found = fetch_all(
            connection, Enforcement, sa.select(tables.enforcement).where(_e.id.in_(newest)).order_by(_e.id.desc())
        )
        shown = [row for row in rows(connection, found, visit.actor.id) if not row.blind]
        accounts = accounts_named(connection, (key for one in conflicts for key in one.named))
    return visit.page(
        "rollback.html",
        person=person,
        path=path_of(person),
        hours=hours,
        would=would,
        conflicts=conflicts,
        in_the_way=IN_THE_WAY,
        accounts=accounts,
        rows=shown,
    )


def _grouped(conflicts: Sequence[preview.InTheWay]) -> list[InTheWay]:
    return [
        InTheWay(
            kind=kind,
            accounts=tuple(dict.fromkeys((one.platform, one.account) for one in conflicts if one.kind == kind)),
            losses=tuple(dict.fromkeys(loss for one in conflicts if one.kind == kind for loss in one.losses)),
        )
        for kind in IN_THE_WAY
        if any(one.kind == kind for one in conflicts)
    ]


def show(visit: Visit) -> Response:
    """Show how a rollback goes, and at its end the report: counts, what is not back and why, and every account."""
    place = paging.decode(visit.query("cursor"), str)
    with visit.app.works.read() as connection:
        record = report.rollback_of(connection, visit.path("id"))
        standing = report.standing_of(connection, record)
        not_back = [one for _, one in report.outcomes_of(connection, record, limit=PAGE, not_back=True)]
        found = report.outcomes_of(connection, record, after="" if place is None else place[0], limit=PAGE + 1)
        page, following = paging.page(found, PAGE, lambda pair: paging.encode(pair[0]))
        every = [one for _, one in page]
        accounts: dict[tuple[str, str], Account] = accounts_named(
            connection, ((one.platform, one.account) for one in (*not_back, *every))
        )
    return visit.page(
        "rollback_report.html",
        record=record,
        standing=standing,
        outcomes=OUTCOMES,
        not_back=not_back,
        every=every,
        following=following,
        first=place is None,
        accounts=accounts,
    )


def report_csv(visit: Visit) -> Response:
    """Return the whole report as CSV, to keep: in English, whoever asks."""
    with visit.app.works.read() as connection:
        record = report.rollback_of(connection, visit.path("id"))
        with speaking(PLAIN):
            text = report.as_csv(one for _, one in report.outcomes_of(connection, record))
    return _file(text.encode(), "text/csv; charset=utf-8", f"rollback-{record.id}.csv")


def report_json(visit: Visit) -> Response:
    """Return the whole report as JSON, to keep: in English, whoever asks."""
    with visit.app.works.read() as connection:
        record = report.rollback_of(connection, visit.path("id"))
        document = report.head(report.standing_of(connection, record), visit.names.of)
        with speaking(PLAIN):
            document["items"] = [report.documented(one) for _, one in report.outcomes_of(connection, record)]
    return _file(orjson.dumps(document, option=orjson.OPT_INDENT_2), "application/json", f"rollback-{record.id}.json")


def _file(body: bytes, kind: str, name: str) -> Response:
    return Response(body, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
