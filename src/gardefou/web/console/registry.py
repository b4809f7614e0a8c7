"""The registry: watched accounts with criteria, reasons and ends; entering, raising, lowering; importing a list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.clock import rfc3339
from gardefou.domain.accounts import Tier
from gardefou.domain.records import Account
from gardefou.domain.states import State
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.change import propose
from gardefou.flow.observe import look
from gardefou.flow.registry import criteria, tiers_set, waiting_for
from gardefou.flow.registry_import import ACTS, REFUSED, import_registry, plan_import
from gardefou.people.roles import Power
from gardefou.platforms.protocol import NoSuchAccount, PlatformError
from gardefou.speech import gettext as _
from gardefou.speech import later
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import PAGE
from gardefou.web.console.reading_words import OUTCOMES, end_of_day

_a = tables.account.c
_SOON = timedelta(days=30)
#: Lines of a list that a page shows.
_SHOWN = 500
TABS: dict[str, tuple[str, str]] = {
    "protected": (later("Protected"), later("By label, by reach or by an entry in the registry.")),
    "notable": (later("Notable"), later("By label, by reach, as a verified organisation or by an entry.")),
    "entries": (later("Entries by their end"), later("All that stand in the registry; the first to end comes first.")),
    "remembered": (
        later("Remembered"),
        later("Ordinary accounts that had a higher tier until lately; nets still count it."),
    ),
}


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the registry."""
    return [
        console.get("/registry", show),
        console.post("/registry", enter),
        console.get("/registry/import", ask_list),
        console.post("/registry/import", take_list),
    ]


def show(visit: Visit) -> Response:
    """Show a page of the watched accounts of one kind, each with why it is watched and who said so."""
    tab, platform = visit.query("tab") or "protected", visit.query("platform")
    if tab not in TABS:
        raise NotFound("registry/tab", _("There is no list %(tab)s; choose one above.", tab=repr(tab)))
    with visit.app.works.read() as connection:
        found = fetch_all(connection, Account, _listed(visit, tab, platform, visit.query("after") or None))
        shown, after = paging.page(found, PAGE, lambda one: _place(tab, one))
        keys = [(one.platform, one.ref) for one in shown]
        set_by = tiers_set(connection, keys)
        asked = waiting_for(connection, keys, visit.actor.id)
        rules = visit.app.config(connection).rules
    return visit.page(
        "registry.html",
        tab=tab,
        tabs={key: name for key, (name, _says) in TABS.items()},
        says=TABS[tab][1],
        accounts=shown,
        why={(one.platform, one.ref): criteria(one, rules, visit.now) for one in shown},
        set_by=set_by,
        asked=asked,
        after=after,
        platform=platform,
        platforms=visit.app.platform_names(),
        soon=visit.now + _SOON,
        tiers=[tier.value for tier in reversed(Tier)],
        chosen={"platform": visit.query("on"), "ref": visit.query("ref"), "tier": visit.query("tier")},
        may_set=visit.may(Power.TIERS),
        done=visit.query("done"),
        change=visit.query("change"),
    )


def _listed(visit: Visit, tab: str, platform: str, cursor: str | None) -> sa.Select[tuple[object, ...]]:
    statement = sa.select(tables.account).limit(PAGE + 1)
    if platform:
        statement = statement.where(_a.platform == platform)
    if tab == "entries":
        place = paging.decode(cursor, str, str, str)
        if place is not None:
            until = sa.literal(_moment(place[0]), _a.explicit_until.type)
            statement = statement.where(
                sa.tuple_(_a.explicit_until, _a.platform, _a.ref) > sa.tuple_(until, *place[1:])
            )
        statement = statement.where(tables.account_entered, _a.explicit_until.is_not(None))
        return statement.order_by(_a.explicit_until, _a.platform, _a.ref)
    place = paging.decode(cursor, str, str)
    if place is not None:
        statement = statement.where(sa.tuple_(_a.platform, _a.ref) > sa.tuple_(*place))
    tier = Tier.STANDARD.value if tab == "remembered" else tab
    statement = statement.where(tables.account_watched, _a.tier == tier)
    if tab == "remembered":
        statement = statement.where(_a.memory_until > visit.now)
    return statement.order_by(_a.platform, _a.ref)


def _place(tab: str, one: Account) -> str:
    if tab != "entries":
        return paging.encode(one.platform, one.ref)
    assert one.explicit_until is not None
    return paging.encode(rfc3339(one.explicit_until), one.platform, one.ref)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("input/cursor", "This cursor is none of ours; start at the first page.") from error


def enter(visit: Visit) -> Response:
    """Enter an account, or propose another tier for it; a higher one takes effect at once."""
    form = visit.form
    until = end_of_day(form.one("until"), "until")
    ref, handle = _as_there(visit, form.one("platform"), form.one("account"))
    payload = {
        "platform": form.one("platform"),
        "account": ref,
        "handle": handle,
        "tier": form.one("tier"),
        "because": form.one("because"),
        "until": None if until is None else rfc3339(until),
    }
    made = propose(visit.app, visit.actor, "tier", payload, form.one("because"))
    if made.state == State.IN_FORCE.value:
        return go("/registry", tab="entries" if form.one("tier") == Tier.STANDARD else form.one("tier"), done="set")
    if made.state == State.WAITING.value:
        return go("/registry", done="waits", change=made.id)
    return go(f"/enforcements/{made.id}", done="proposed")


def _as_there(visit: Visit, platform: str, ref: str) -> tuple[str, str]:
    """Return an account's own id and handle as its platform says; as given where it does not answer.

    Raises:
        NotFound: the platform knows no such account (`account/not_found`), or is none of ours (`platform/not_found`).
    """
    try:
        seen = look(visit.app, visit.app.connector(platform), ref)
    except NoSuchAccount as error:
        raise NotFound(
            "account/not_found",
            _("%(platform)s knows no account %(ref)s; check the id.", platform=platform, ref=repr(ref)),
            field="account",
        ) from error
    except PlatformError:
        return ref, ""
    return seen.account, "" if seen.reading is None else seen.reading.handle


def ask_list(visit: Visit) -> Response:
    """Ask for a list to import, and say how it is written."""
    return _page(visit)


def take_list(visit: Visit) -> Response:
    """Try a list, which changes nothing, or import one."""
    form = visit.form
    text = form.one("file") or form.one("list")
    if not text:
        raise InvalidInput("registry/file", _("Choose a file, or paste the list."), field="file")
    if form.one("step") == "import":
        imported = import_registry(visit.app, visit.actor, text)
        in_force, waiting = imported.count(State.IN_FORCE), imported.count(State.WAITING)
        return _page(
            visit,
            imported=imported,
            in_force=in_force,
            waiting=waiting,
            unchanged=len(imported.plan.lines) - len(imported.done),
            not_done=len(imported.done) - in_force - waiting,
        )
    plan = plan_import(visit.app, visit.actor, text)
    lines = sorted(plan.lines, key=lambda line: (line.outcome != REFUSED, line.number))
    return _page(
        visit,
        plan=plan,
        text=text,
        lines=lines[:_SHOWN],
        counts=[(name, plan.counts[name]) for name in OUTCOMES if plan.counts.get(name)],
        acts=any(line.outcome in ACTS for line in plan.lines),
    )


def _page(visit: Visit, **more: Any) -> Response:
    base: dict[str, Any] = {
        "plan": None,
        "imported": None,
        "text": "",
        "shown": _SHOWN,
        "platforms": visit.app.platform_names(),
    }
    return visit.page("registry_import.html", **(base | more))
