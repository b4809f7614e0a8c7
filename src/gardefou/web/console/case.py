"""The case: who the account is, what was reported, and the judgement with its consequence shown beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from gardefou.clock import from_micros, to_micros
from gardefou.domain.records import Account, Case, Decision, Report
from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, NotFound, StepUpRequired
from gardefou.flow.app import App
from gardefou.flow.case_reading import CaseView, arrivals, case_by_id, case_view
from gardefou.flow.cases import claim, escalate, held_by, move, note, queues, release, renew, see_evidence, skip
from gardefou.flow.decide import Decided, Previewed, decide, preview_decision
from gardefou.flow.rules import load_rules
from gardefou.flow.second_look import seen_by
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get
from gardefou.web.console import case_form
from gardefou.web.console.after import after, go_on, take_it_back
from gardefou.web.console.between import status_of
from gardefou.web.console.case_words import CHANGES, changes, more_reports
from gardefou.web.console.evidence import Item, items_of, media_of
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.policies import OTHER, offered
from gardefou.web.console.reading import events, lookalikes_of, of_account, refreshed, rows
from gardefou.web.scanning import scan

#: Enforcements and earlier judgements shown as an account's history.
_HISTORY = 8
#: Groups of equal reports shown.
_GROUPS = 20


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of a case."""
    return [
        console.get("/cases/{id}", show),
        console.get("/cases/{id}/news", news),
        console.get("/cases/{id}/media/{report}/{item:int}", media),
        # Whoever is signed out is told so within the page, which keeps what they wrote.
        console.post("/cases/{id}/preview", preview, anyone=True),
        console.post("/cases/{id}/decide", judge),
        console.post("/cases/{id}/take-back", take_it_back),
        console.post("/cases/{id}/claim", _claim),
        console.post("/cases/{id}/renew", _renew),
        console.post("/cases/{id}/release", _release),
        console.post("/cases/{id}/skip", _skip),
        console.post("/cases/{id}/move", _move),
        console.post("/cases/{id}/escalate", _escalate),
        console.post("/cases/{id}/note", _note),
    ]


def show(visit: Visit) -> Response:
    """Show a case; opening one's own counts as having seen the evidence."""
    return _page(visit, visit.path("id"))


def _page(
    visit: Visit,
    case_id: str,
    *,
    status: int = 200,
    error: GardefouError | None = None,
    previewed: Previewed | None = None,
) -> Response:
    app, now = visit.app, visit.now
    with app.works.read() as connection:
        case = case_by_id(connection, case_id)
    mine = held_by(case, now) == visit.actor.id
    if mine and visit.may(Power.WORK_CASES) and visit.actor.id not in case.evidence_seen_by and case.state == "open":
        see_evidence(app, visit.actor, case_id)
    account, readable = refreshed(app, case.platform, case.account)
    with app.works.read() as connection:
        seen = seen_by(connection, case_view(connection, case_id, now=now), visit.actor.id)
        rules = load_rules(connection)
        _account, alike = lookalikes_of(connection, case.platform, case.account)
        groups = _grouped(seen)
        return visit.page(
            "case.html",
            status=status,
            trouble=error,
            seen=seen,
            groups=groups[:_GROUPS],
            more_groups=len(groups) > _GROUPS or seen.case.reports > len(seen.reports),
            arrivals=arrivals(connection, case) if case.reports > 2 else None,
            case=seen.case,
            account=account,
            readable=readable,
            alike=_real_first([one for one in alike if one.ref != case.account], account),
            mine=mine,
            holder=held_by(case, now),
            before=rows(connection, of_account(connection, case.platform, case.account, _HISTORY), visit.actor.id),
            cleared=_cleared(connection, case),
            form=visit.form,
            chosen=case_form.chosen(visit.form, case),
            items=_items(seen),
            actions=case_form.offered(visit, case),
            labels=rules.labels,
            legal_bases=rules.legal_bases,
            policies=offered(case.category),
            other=OTHER,
            spans=case_form.SPANS,
            queues=[name for name in queues(rules) if name != case.queue],
            after=after(visit, connection),
            queue=visit.form.one("from_queue") or visit.query("queue"),
            changes=_changed(visit, connection, seen.case) if error is not None else [],
            mark=to_micros(now),
            spoken=_spoken(previewed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Reports of the same words, the newest, how many there are, and what they brought along."""

    report: Report
    times: int
    evidence: list[Item]
    more_evidence: int


def _grouped(seen: CaseView) -> list[Group]:
    """Return the reports, newest first, those of the same words once with how many there are."""
    together: dict[tuple[str, str, str, str], list[Report]] = {}
    for report in seen.reports:
        together.setdefault((report.category, report.content, report.source, report.text), []).append(report)
    groups: list[Group] = []
    shown: set[bytes] = set()
    for alike in together.values():
        evidence, more = items_of(seen.case.id, alike, shown)
        groups.append(Group(report=alike[0], times=len(alike), evidence=evidence, more_evidence=more))
    return groups


def _items(seen: CaseView) -> list[str]:
    """Return the content items that the case and its reports name."""
    named = [seen.case.content, *(report.content for report in seen.reports)]
    return list(dict.fromkeys(item for item in named if item))


def _real_first(alike: list[Account], account: Account | None) -> list[Account]:
    """Return what could be taken for an account, the real one before the others."""
    real = account.lookalike_of if account is not None else None
    return sorted(alike, key=lambda one: (one.ref != real, one.ref))


def _cleared(connection: sa.Connection, case: Case) -> list[Decision]:
    """Return what earlier cases about the account found to be no violation, the newest first."""
    table = tables.decision.c
    statement = (
        sa.select(tables.decision)
        .where(
            table.platform == case.platform,
            table.account == case.account,
            table.outcome == "no_violation",
            table.case_id != case.id,
        )
        .order_by(table.id.desc())
        .limit(_HISTORY)
    )
    return fetch_all(connection, Decision, statement)


def _changed(visit: Visit, connection: sa.Connection, case: Case) -> list[str]:
    """Return what others did to the case and its account since the page was made, as its form or address says."""
    given = visit.form.one("mark") or visit.query("mark")
    reports = visit.form.one("seen_reports") or visit.query("reports")
    said: list[str] = []
    if given.isascii() and given.isdigit() and len(given) < 18:
        since: datetime = from_micros(int(given))
        table = tables.event.c
        found = events(
            connection,
            case.platform,
            table.account == case.account,
            table.kind.in_(CHANGES),
            table.at > since,
            table.by != visit.actor.id,
            sa.or_(table.about == case.id, table.kind.not_like("case.%")),
            viewer=visit.actor.id,
            newest_first=True,
        )
        said = changes(found[:6], visit.names.of, visit.now)
    if reports.isascii() and reports.isdigit() and case.reports > int(reports):
        said.append(more_reports(case.reports - int(reports)))
    had = visit.form.one("seen_mine") or visit.query("mine")
    if had and case.state == "open" and held_by(case, visit.now) is None:
        said.append(_("Your claim has run out; nobody holds the case now."))
    return said


def _spoken(previewed: Previewed | None) -> list[tuple[str, Any]]:
    """Return each consequence with what the nets said of it."""
    if previewed is None:
        return []
    return list(zip_longest(previewed.says, (one.verdict for one in previewed.judged)))


def news(visit: Visit) -> Response:
    """Say what changed since the page was made, as a piece of it; asked for when somebody comes back to it."""
    with visit.app.works.read() as connection:
        case = case_by_id(connection, visit.path("id"))
        return visit.page("case_news.html", case=case, changes=_changed(visit, connection, case))


def media(visit: Visit) -> Response:
    """Return a picture that lies in a report, as what its first bytes say it is.

    Raises:
        NotFound: there is none, or none of the kinds that are shown (`case/not_found`).
        Denied: the virus scanner found something in it (`media/infected`).
        Unavailable: it gives no answer (`media/unscanned`).
    """
    with visit.app.works.read() as connection:
        case = case_by_id(connection, visit.path("id"))
        report = get(connection, Report, case.platform, visit.path("report"))
    found = media_of(report, int(visit.path("item"))) if report is not None and report.case_id == case.id else None
    if found is None:
        raise NotFound("case/not_found", "There is no such picture; it may have been erased.")
    if scanner := visit.console.settings.scanner:
        scan(scanner, found.body)
    return Response(found.body, media_type=found.type, headers={"Content-Disposition": "inline"})


def preview(visit: Visit) -> Response:
    """Say what the form would do, and change nothing: as a piece of the page for the script, else as the page."""
    case_id = visit.path("id")
    piece = visit.request.headers.get("hx-request") == "true"
    previewed, trouble = None, None
    try:
        who = visit.actor
        if case_form.names_something(visit.form) or not piece:
            previewed = preview_decision(visit.app, who, case_id, **case_form.asked(visit))
    except GardefouError as error:
        if not piece and visit.who is None:
            raise
        trouble = error
    if piece:
        return visit.page("consequence.html", spoken=_spoken(previewed), trouble=trouble)
    if trouble is not None:
        return _page(visit, case_id, status=status_of(trouble), error=trouble)
    return _page(visit, case_id, previewed=previewed)


def judge(visit: Visit) -> Response:
    """Take the decision. A case that is not as it was says so, on its own page."""
    case_id = visit.path("id")
    with visit.app.works.read() as connection:
        case = case_by_id(connection, case_id)
    visit.concerns = (case.platform, case.account)
    try:
        done = decide(visit.app, visit.actor, case_id, **case_form.asked(visit))
    except StepUpRequired:
        raise
    except (InvalidInput, Conflict, Denied) as error:
        if error.code.startswith(("confirm/", "auth/", "staff/")):
            raise
        return _page(visit, case_id, status=status_of(error), error=error)
    if done.case.state == "open":
        return RedirectResponse(f"/enforcements/{done.enforcements[0].id}", status_code=303)
    return go_on(visit, done=_said(done), also=_came_of_it(visit, done))


def _said(done: Decided) -> str:
    return "no_violation" if done.decision.outcome == "no_violation" else "decided"


def _came_of_it(visit: Visit, done: Decided) -> list[tuple[str, str]]:
    """Return what the next page needs to know of a decision: what was placed, and how to take it back."""
    said = [("placed", one.id) for one in done.enforcements]
    said += [("of", done.case.id), ("decision", done.decision.id)]
    known = visit.form.one("seen_reports")
    if known.isascii() and known.isdigit() and done.case.reports > int(known):
        said.append(("late", str(done.case.reports - int(known))))
    return said


def _stay(visit: Visit, done: str) -> Response:
    queue = visit.form.one("from_queue")
    return go(f"/cases/{visit.path('id')}", done=done, **({"queue": queue} if queue else {}))


def _claim(visit: Visit) -> Response:
    claim(visit.app, visit.actor, visit.path("id"))
    return go(f"/cases/{visit.path('id')}")


def _renew(visit: Visit) -> Response:
    renew(visit.app, visit.actor, visit.path("id"))
    return _stay(visit, "renewed")


def _release(visit: Visit) -> Response:
    release(visit.app, visit.actor, visit.path("id"))
    return go_on(visit, done="released")


def _skip(visit: Visit) -> Response:
    return _leave(visit, skip, "skipped")


def _move(visit: Visit) -> Response:
    return _leave(visit, lambda app, me, case: move(app, me, case, visit.form.one("queue")), "moved")


def _escalate(visit: Visit) -> Response:
    return _leave(visit, lambda app, me, case: escalate(app, me, case, visit.form.one("because")), "escalated")


def _leave(visit: Visit, step: Callable[[App, Actor, str], Case], done: str) -> Response:
    """Leave a case to others; one that is not as it was says so, on its own page."""
    try:
        step(visit.app, visit.actor, visit.path("id"))
    except Conflict as error:
        return _page(visit, visit.path("id"), status=status_of(error), error=error)
    return go_on(visit, done=done)


def _note(visit: Visit) -> Response:
    note(visit.app, visit.actor, visit.path("id"), visit.form.one("text"))
    return _stay(visit, "noted")
