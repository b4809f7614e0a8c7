"""A decision's form: what it offers on this platform, what it shows, and what it asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gardefou.domain.actions import DECIDABLE, SAYS, Action
from gardefou.domain.records import Case
from gardefou.errors import InvalidInput
from gardefou.flow.decide import ActionWish
from gardefou.flow.rules import Rules, load_rules
from gardefou.web.console.between import confirmed
from gardefou.web.console.forms import Form
from gardefou.web.console.frame import Visit
from gardefou.web.console.policies import OTHER, POLICIES
from gardefou.web.console.reading import described

#: How long a measure may be made to last, in hours.
SPANS = (24, 72, 168, 720)
_ON_ACCOUNT = tuple(action for action in DECIDABLE if action is not Action.REMOVE_CONTENT)


def chosen(form: Form, case: Case) -> dict[str, Any]:
    """Return what a decision's form shows: as it was sent, else its beginnings."""
    sent = bool(form.pairs) and bool(form.all("deciding"))
    return {
        "policy": policy(form) if sent else case.category,
        "actions": form.all("action"),
        "remove": form.all("remove"),
        "label": form.one("label"),
        "for": form.one("for"),
        "rationale": form.one("rationale"),
        "more_items": form.one("more_items"),
        "label_items": form.one("label_items"),
        "legal_basis": form.one("legal_basis"),
    }


def policy(form: Form) -> str:
    """Return the policy that a form names: chosen from the list, or written."""
    named = form.one("policy")
    return form.one("policy_other") if named == OTHER else named


def offered(visit: Visit, case: Case) -> list[dict[str, Any]]:
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


def names_something(form: Form) -> bool:
    """Whether a form names any action at all yet."""
    return bool(form.all("action") or form.all("remove") or form.one("more_items"))


def asked(visit: Visit) -> dict[str, Any]:
    """Return a decision's form as `gardefou.flow.decide` takes it.

    Raises:
        InvalidInput: as in `wishes`.
    """
    form = visit.form
    with visit.app.works.read() as connection:
        rules = load_rules(connection)
    if form.one("outcome") == "no_violation":
        return {"outcome": "no_violation", "rationale": form.one("rationale")}
    return {
        "policy": policy(form),
        "rationale": form.one("rationale"),
        "actions": wishes(form, rules, visit.now),
        "confirm": confirmed(form),
    }


def wishes(form: Form, rules: Rules, now: datetime) -> list[ActionWish]:
    """Return the actions that a decision's form asks for.

    Raises:
        InvalidInput: the time it lasts is none of those offered (`decision/for`), nor the legal basis
            (`enforcement/legal_basis`).
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
    known = {str(hours): hours for hours in SPANS}
    if given not in known:
        raise InvalidInput("decision/for", "Choose one of the times offered.", field="for")
    # Whole minutes, so that asking twice asks for the same.
    return (now + timedelta(hours=known[given], minutes=1)).astimezone(UTC).replace(second=0, microsecond=0)


def is_offered(name: str, case: Case) -> bool:
    """Whether a policy stands in the list; any other is written."""
    return name in POLICIES or name == case.category
