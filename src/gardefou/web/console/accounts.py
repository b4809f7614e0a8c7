"""Accounts: the watched ones, one with its history, restoring it, its tier, and breaking the glass."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Account, Case, Decision, Enforcement
from gardefou.domain.states import State
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.break_glass import break_glass
from gardefou.flow.change import propose
from gardefou.flow.restore import restore
from gardefou.flow.second_look import hidden_among, visible
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import PAGE, described, events, lookalikes_of, of_account, refreshed, rows

_a = tables.account.c
_c = tables.case.c
_d = tables.decision.c
#: A restore withdraws enforcements in these states.
_LIFTABLE = frozenset({"waiting", "ready", "executing", "unknown", "in_force"})
#: The glass is broken for what is exactly undone, up to this severity.
_HACKED_WORST = 3


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of accounts. A ref may hold any character, slashes too."""
    one = "/accounts/{platform}/{ref:path}"
    return [
        console.get("/accounts", show_list),
        console.post(f"{one}/restore", lift),
        console.post(f"{one}/tier", change_tier),
        console.post(f"{one}/fake", mark_fake),
        console.post(f"{one}/break-glass", hacked),
        console.get(one, show),
    ]


def path_of(platform: str, ref: str) -> str:
    """Return the address of an account's page."""
    return f"/accounts/{quote(platform, safe='')}/{quote(ref, safe='')}"


def show_list(visit: Visit) -> Response:
    """Show notable and protected accounts, or those of a handle or id looked for."""
    looked_for = visit.query("q").strip().removeprefix("@")
    statement = sa.select(tables.account)
    if looked_for:
        statement = statement.where(sa.or_(_a.handle.istartswith(looked_for, autoescape=True), _a.ref == looked_for))
    else:
        statement = statement.where(sa.or_(_a.tier != Tier.STANDARD.value, _a.memory_tier != Tier.STANDARD.value))
    with visit.app.works.read() as connection:
        found = fetch_all(connection, Account, statement.order_by(_a.reach.desc(), _a.ref).limit(PAGE))
    return visit.page("accounts.html", accounts=found, q=visit.query("q"), platforms=visit.app.platform_names())


def show(visit: Visit) -> Response:
    """Show an account and all that was ever done about it."""
    platform, ref = visit.path("platform"), visit.path("ref")
    account, readable = refreshed(visit.app, platform, ref)
    if account is None:
        raise NotFound(
            "account/not_found", f"{platform} knows no account {ref!r}, or gives no answer now; check platform and id."
        )
    ref = account.ref
    with visit.app.works.read() as connection:
        _, alike = lookalikes_of(connection, platform, ref)
        done = of_account(connection, platform, ref, 100)
        cases = fetch_all(
            connection,
            Case,
            sa.select(tables.case).where(_c.platform == platform, _c.account == ref).order_by(_c.id.desc()).limit(PAGE),
        )
        decisions = fetch_all(
            connection,
            Decision,
            sa.select(tables.decision)
            .where(_d.platform == platform, _d.account == ref)
            .order_by(_d.id.desc())
            .limit(PAGE),
        )
        story = events(connection, platform, tables.event.c.account == ref, viewer=visit.actor.id, newest_first=True)[
            :80
        ]
        shown = rows(connection, done, visit.actor.id)
        decisions = visible(decisions, done, hidden_among(connection, done, visit.actor.id))
    standing = [one for one in done if one.severity > 0 and one.state in _LIFTABLE]
    return visit.page(
        "account.html",
        account=account,
        readable=readable,
        alike=[one for one in alike if one.ref != ref],
        rows=shown,
        cases=cases,
        decisions=decisions,
        story=story,
        standing=standing,
        losses=_losses(visit, platform, standing),
        hacked_actions=_hacked_actions(visit, platform),
        tiers=[tier.value for tier in Tier],
        path=path_of(platform, ref),
        done=visit.query("done"),
    )


def _losses(visit: Visit, platform: str, standing: list[Enforcement]) -> list[str]:
    """Name beforehand what restoring would not bring back."""
    description = described(visit.app, platform)
    if description is None:
        return []
    lost: list[str] = []
    for one in standing:
        capability = description.capabilities.get(Action(one.action))
        if capability is None or one.state != State.IN_FORCE.value:
            continue
        lost.extend(capability.losses)
        if capability.reversibility is Reversibility.NONE:
            lost.append(f"{one.action} cannot be undone there")
    return list(dict.fromkeys(lost))


def _hacked_actions(visit: Visit, platform: str) -> list[str]:
    description = described(visit.app, platform)
    if description is None:
        return []
    wanted = (Action.LOCK, Action.SUSPEND, Action.LIMIT)
    return [
        action.value
        for action in wanted
        if (capability := description.capabilities.get(action)) is not None
        and capability.reversibility is Reversibility.EXACT
        and capability.severity <= _HACKED_WORST
    ]


def lift(visit: Visit) -> Response:
    """Restore the account: withdraw what is on its way, lift what is in force."""
    platform, ref = visit.path("platform"), visit.path("ref")
    done = restore(visit.app, visit.actor, platform, ref, visit.form.one("because"))
    if not done.restores:
        return go(path_of(platform, ref), done="nothing")
    return go(f"/enforcements/{done.restores[0].id}", done="restored")


def change_tier(visit: Visit) -> Response:
    """Propose another tier; a higher one takes effect at once."""
    platform, ref = visit.path("platform"), visit.path("ref")
    form = visit.form
    payload = {
        "platform": platform,
        "account": ref,
        "tier": form.one("tier"),
        "because": form.one("because"),
        "until": _end_of(form.one("until")),
    }
    made = propose(visit.app, visit.actor, "tier", payload, form.one("because"))
    return go(f"/enforcements/{made.id}", done="proposed")


def _end_of(day: str) -> str | None:
    """Return the end of a day as its instant in UTC."""
    if not day:
        return None
    try:
        at = datetime.strptime(day, "%Y-%m-%d").replace(hour=23, minute=59, tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput("tier/until", "Write the day as 2027-05-31.", field="until") from error
    return at.isoformat()


def mark_fake(visit: Visit) -> Response:
    """Propose to mark a lookalike as a fake; two more people confirm it."""
    payload = {"platform": visit.path("platform"), "account": visit.path("ref")}
    made = propose(visit.app, visit.actor, "mark_fake", payload, visit.form.one("because"))
    return go(f"/enforcements/{made.id}", done="proposed")


def hacked(visit: Visit) -> Response:
    """Break the glass: "this account is hacked"."""
    platform, ref = visit.path("platform"), visit.path("ref")
    form = visit.form
    made = break_glass(visit.app, visit.actor, platform, ref, form.one("action"), form.one("because"))
    return go(f"/enforcements/{made.id}", done="proposed")
