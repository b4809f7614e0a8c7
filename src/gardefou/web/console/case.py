"""The case: who the account is, what was reported, and the judgement with its consequence shown beforehand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from gardefou.domain.actions import DECIDABLE, SAYS, Action
from gardefou.domain.records import Case, Report
from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, StepUpRequired
from gardefou.flow.case_reading import CaseView, case_by_id, case_view
from gardefou.flow.cases import claim, escalate, held_by, move, note, queues, release, renew, see_evidence, skip
from gardefou.flow.decide import ActionWish, Previewed, decide, preview_decision
from gardefou.flow.rules import Rules, load_rules
from gardefou.flow.second_look import seen_by
from gardefou.people.roles import Power
from gardefou.web.console.forms import Form
from gardefou.web.console.frame import Console, Visit, confirmed, go, status_of
from gardefou.web.console.reading import described, lookalikes_of, of_account, refreshed, rows

#: Policies offered beside the case's own category; any other can be written.
POLICIES = (
    "spam",
    "impersonation",
    "scam",
    "harassment",
    "hate",
    "threat",
    "violence",
    "self_harm",
    "nudity",
    "child_safety",
    "privacy",
    "misinformation",
)
#: How long a measure may be made to last, in hours.
SPANS = ((24, "1 day"), (72, "3 days"), (168, "7 days"), (720, "30 days"))
_ON_ACCOUNT = tuple(action for action in DECIDABLE if action is not Action.REMOVE_CONTENT)


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of a case."""
    steps = {"claim": _claim, "renew": _renew, "release": _release, "skip": _skip, "move": _move, "escalate": _escalate}
    return [
        console.get("/cases/{id}", show),
        console.post("/cases/{id}/preview", preview),
        console.post("/cases/{id}/decide", judge),
        console.post("/cases/{id}/note", _note),
        *(console.post(f"/cases/{{id}}/{name}", step) for name, step in steps.items()),
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
        _, alike = lookalikes_of(connection, case.platform, case.account)
        return visit.page(
            "case.html",
            status=status,
            error=error,
            seen=seen,
            reports=_grouped(seen),
            case=seen.case,
            account=account,
            readable=readable,
            alike=[one for one in alike if one.ref != case.account],
            mine=mine,
            holder=held_by(case, now),
            before=rows(connection, of_account(connection, case.platform, case.account, 8), visit.actor.id),
            form=visit.form,
            chosen=_chosen(visit.form, case),
            items=_items(seen),
            actions=_offered(visit, case),
            labels=rules.labels,
            legal_bases=rules.legal_bases,
            policies=list(dict.fromkeys((case.category, *POLICIES))),
            spans=SPANS,
            queues=[name for name in queues(rules) if name != case.queue],
            previewed=previewed,
        )


def _grouped(seen: CaseView) -> list[tuple[Report, int]]:
    """Return the reports, newest first, those of the same words once with how many there are."""
    counts: dict[tuple[str, str, str, str], int] = {}
    first: dict[tuple[str, str, str, str], Report] = {}
    for report in seen.reports:
        key = (report.category, report.content, report.source, report.text)
        counts[key] = counts.get(key, 0) + 1
        first.setdefault(key, report)
    return [(report, counts[key]) for key, report in first.items()]


def _items(seen: CaseView) -> list[str]:
    """Return the content items that the case and its reports name."""
    named = [seen.case.content, *(report.content for report in seen.reports)]
    return list(dict.fromkeys(item for item in named if item))


def _chosen(form: Form, case: Case) -> dict[str, Any]:
    """Return what the decision's form shows: as it was sent, else its beginnings."""
    sent = bool(form.pairs) and bool(form.all("deciding"))
    return {
        "policy": form.one("policy") if sent else case.category,
        "actions": form.all("action"),
        "remove": form.all("remove"),
        "label": form.one("label"),
        "for": form.one("for"),
        "rationale": form.one("rationale"),
        "more_items": form.one("more_items"),
        "label_items": form.one("label_items"),
        "legal_basis": form.one("legal_basis"),
    }


def _offered(visit: Visit, case: Case) -> list[dict[str, Any]]:
    """Return what this platform can do to the account, in its own words, and how far each is undone there."""
    description = described(visit.app, case.platform)
    if description is None:
        return []
    return [
        {
            "name": action.value,
            "word": capability.word or action.value,
            "says": capability.says or SAYS[action],
            "reversibility": capability.reversibility.value,
            "losses": capability.losses,
            "severity": capability.severity,
        }
        for action in (*_ON_ACCOUNT, Action.REMOVE_CONTENT)
        if (capability := description.capabilities.get(action)) is not None
    ]


def wishes(form: Form, rules: Rules, now: datetime) -> list[ActionWish]:
    """Return the actions that a decision's form asks for.

    Raises:
        InvalidInput: the time it lasts is none of those offered (`decision/for`).
    """
    until = _until(form, now)
    legal = form.one("legal_basis") or None
    items = tuple(dict.fromkeys([*form.all("remove"), *form.one("more_items").split()]))
    made: list[ActionWish] = []
    for name in form.all("action"):
        if name == Action.REMOVE_CONTENT:
            continue
        label = form.one("label") or None if name == Action.LABEL else None
        content = items if name == Action.LABEL and form.one("label_items") else ()
        lasting = until if name != Action.WARN else None
        made.append(ActionWish(action=name, content=content, label=label, until=lasting, legal_basis=legal))
    if items and not (form.one("label_items") and form.has("action", Action.LABEL.value)):
        made.append(ActionWish(action=Action.REMOVE_CONTENT.value, content=items, legal_basis=legal))
    elif form.has("action", Action.REMOVE_CONTENT.value):
        made.append(ActionWish(action=Action.REMOVE_CONTENT.value, legal_basis=legal))
    if legal is not None and legal not in rules.legal_bases:
        raise InvalidInput("enforcement/legal_basis", "Choose one of the legal bases offered.", field="legal_basis")
    return made


def _until(form: Form, now: datetime) -> datetime | None:
    given = form.one("for")
    if not given:
        return None
    known = {str(hours): hours for hours, _ in SPANS}
    if given not in known:
        raise InvalidInput("decision/for", "Choose one of the times offered.", field="for")
    # Whole minutes, so that asking twice asks for the same.
    return (now + timedelta(hours=known[given], minutes=1)).astimezone(UTC).replace(second=0, microsecond=0)


def _asked(visit: Visit) -> dict[str, Any]:
    """Return a decision's form as `gardefou.flow.decide` takes it."""
    form = visit.form
    with visit.app.works.read() as connection:
        rules = load_rules(connection)
    if form.one("outcome") == "no_violation":
        return {"outcome": "no_violation", "rationale": form.one("rationale")}
    return {
        "policy": form.one("policy"),
        "rationale": form.one("rationale"),
        "actions": wishes(form, rules, visit.now),
        "confirm": confirmed(form),
    }


def preview(visit: Visit) -> Response:
    """Say what the form would do, and change nothing: as a piece of the page for the script, else as the page."""
    case_id = visit.path("id")
    piece = visit.request.headers.get("x-fragment") == "1"
    try:
        asked = _asked(visit)
        previewed = preview_decision(visit.app, visit.actor, case_id, **asked)
    except GardefouError as error:
        if piece:
            return visit.page("consequence.html", previewed=None, error=error)
        return _page(visit, case_id, status=status_of(error), error=error)
    if piece:
        return visit.page("consequence.html", previewed=previewed)
    return _page(visit, case_id, previewed=previewed)


def judge(visit: Visit) -> Response:
    """Take the decision. A case that is not as it was says so, on its own page."""
    case_id = visit.path("id")
    with visit.app.works.read() as connection:
        case = case_by_id(connection, case_id)
    visit.concerns = (case.platform, case.account)
    try:
        done = decide(visit.app, visit.actor, case_id, **_asked(visit))
    except StepUpRequired:
        raise
    except (InvalidInput, Conflict, Denied) as error:
        if error.code.startswith(("confirm/", "auth/", "staff/")):
            raise
        return _page(visit, case_id, status=status_of(error), error=error)
    ids = [("placed", one.id) for one in done.enforcements]
    if done.case.state == "open":
        return RedirectResponse(f"/enforcements/{done.enforcements[0].id}", status_code=303)
    said = "no_violation" if done.decision.outcome == "no_violation" else "decided"
    return RedirectResponse(f"/queue?{urlencode([('done', said), *ids])}", status_code=303)


def _claim(visit: Visit) -> Response:
    claim(visit.app, visit.actor, visit.path("id"))
    return go(f"/cases/{visit.path('id')}")


def _renew(visit: Visit) -> Response:
    renew(visit.app, visit.actor, visit.path("id"))
    return go(f"/cases/{visit.path('id')}")


def _release(visit: Visit) -> Response:
    release(visit.app, visit.actor, visit.path("id"))
    return go("/queue", done="released")


def _skip(visit: Visit) -> Response:
    skip(visit.app, visit.actor, visit.path("id"))
    return go("/queue", done="skipped")


def _move(visit: Visit) -> Response:
    move(visit.app, visit.actor, visit.path("id"), visit.form.one("queue"))
    return go("/queue", done="moved")


def _escalate(visit: Visit) -> Response:
    escalate(visit.app, visit.actor, visit.path("id"), visit.form.one("because"))
    return go("/queue", done="escalated")


def _note(visit: Visit) -> Response:
    note(visit.app, visit.actor, visit.path("id"), visit.form.one("text"))
    return go(f"/cases/{visit.path('id')}")
