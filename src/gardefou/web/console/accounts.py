"""Accounts: finding one, one with its whole history, restoring it, and its tier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.clock import rfc3339
from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Approval, Enforcement
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.change import propose
from gardefou.flow.registry import criteria, waiting_for
from gardefou.speech import gettext as _
from gardefou.speech import plain
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.finding import ask, find, same_handle, widest
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import PAGE, Row, described, lookalikes_of, of_account, refreshed, rows
from gardefou.web.console.reading_words import end_of_day
from gardefou.web.console.timeline import VIEWS, read_timeline

#: Enforcements that are looked through for what stands and who acted: the newest.
_HISTORY = 200
NEVER = datetime.min.replace(tzinfo=UTC)
#: A restore withdraws enforcements in these states.
_LIFTABLE = frozenset({"waiting", "ready", "executing", "unknown", "in_force"})


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of accounts. A ref may hold any character, slashes too."""
    one = "/accounts/{platform}/{ref:path}"
    return [
        console.get("/accounts", show_list),
        console.post(f"{one}/tier", change_tier),
        console.post(f"{one}/fake", mark_fake),
        console.get(one, show),
    ]


def path_of(platform: str, ref: str) -> str:
    """Return the address of an account's page."""
    return f"/accounts/{quote(platform, safe='')}/{quote(ref, safe='')}"


def show_list(visit: Visit) -> Response:
    """Show the accounts of a handle or id looked for; without one the watched ones, those that reach most first.

    Platforms are asked for an id that nobody here has looked at yet.
    """
    looked_for, cursor = visit.query("q").strip(), visit.query("after") or None
    with visit.app.works.read() as connection:
        if looked_for:
            found = find(connection, looked_for, visit.app.platform_names(), cursor)
        else:
            found = widest(connection, cursor)
    accounts = found.accounts or (ask(visit.app, looked_for) if looked_for and not cursor else [])
    return visit.page("accounts.html", accounts=accounts, more_after=found.more, q=visit.query("q"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A measure of ours that stands on an account, with what undoing it does not bring back."""

    row: Row
    losses: tuple[str, ...]
    undo: str


@dataclass(slots=True, kw_only=True)
class Share:
    """What one person, service or Gardefou itself did about an account."""

    placed: int = 0
    restores: int = 0
    answers: int = 0
    last: datetime | None = None

    def add(self, what: str, at: datetime) -> None:
        """Count one act."""
        setattr(self, what, getattr(self, what) + 1)
        self.last = at if self.last is None else max(self.last, at)


def show(visit: Visit) -> Response:
    """Show an account: who it is and why it has its tier, what stands, who acted, and all of it on one timeline."""
    platform, ref = visit.path("platform"), visit.path("ref")
    account, readable = refreshed(visit.app, platform, ref)
    if account is None:
        raise NotFound(
            "account/not_found",
            _(
                "%(platform)s knows no account %(ref)s, or gives no answer now; check platform and id.",
                platform=platform,
                ref=repr(ref),
            ),
        )
    ref = account.ref
    viewer, table = visit.actor.id, tables.event.c
    view, cursor = visit.query("show"), visit.query("before") or None
    with visit.app.works.read() as connection:
        rules = visit.app.config(connection).rules
        _account, alike = lookalikes_of(connection, platform, ref)
        done = rows(connection, of_account(connection, platform, ref, _HISTORY), viewer)
        answers = _answers(connection, [row.enforcement for row in done if not row.blind])
        told = connection.execute(
            sa.select(table.kind, table.by, table.at)
            .where(tables.event_of_account, table.platform == platform, table.account == ref)
            .order_by(table.id.desc())
            .limit(PAGE)
        ).all()
        asked = waiting_for(connection, [(platform, ref)], viewer)
        timeline = read_timeline(connection, account, viewer=viewer, view=view, cursor=cursor)
        elsewhere = same_handle(connection, account)
    live = [row for row in done if row.enforcement.severity > 0 and row.enforcement.state in _LIFTABLE]
    standing = _standing(visit, platform, live)
    return visit.page(
        "account.html",
        account=account,
        readable=readable,
        alike=[one for one in alike if one.ref != ref],
        elsewhere=elsewhere,
        standing=standing,
        losses=list(dict.fromkeys(loss for one in standing for loss in one.losses)),
        why=criteria(account, rules, visit.now),
        set_by=next((one for one in told if one.kind == "account.tier_set"), None),
        drifts=[one.at for one in told if one.kind == "account.drifted"],
        asked=asked.get((platform, ref), []),
        shares=_shares(done, answers),
        more_history=len(done) == _HISTORY,
        timeline=timeline,
        views=VIEWS,
        view=view if view in VIEWS else "",
        before=cursor,
        tiers=[tier.value for tier in Tier],
        path=path_of(platform, ref),
    )


def _answers(connection: sa.Connection, enforcements: Sequence[Enforcement]) -> list[Approval]:
    if not enforcements:
        return []
    table = tables.approval.c
    return fetch_all(
        connection,
        Approval,
        sa.select(tables.approval).where(
            table.platform == enforcements[0].platform, table.enforcement_id.in_([one.id for one in enforcements])
        ),
    )


def _shares(done: Sequence[Row], answers: Sequence[Approval]) -> list[tuple[str, Share]]:
    """Return who acted on the account, whoever did it last first; what is blind still counts for nobody."""
    shares: defaultdict[str, Share] = defaultdict(Share)
    for row in done:
        if not row.blind:
            one = row.enforcement
            shares[one.placed_by].add("restores" if one.action == Action.RESTORE else "placed", one.placed_at)
    for answer in answers:
        shares[answer.by].add("answers", answer.at)
    return sorted(shares.items(), key=lambda pair: pair[1].last or NEVER, reverse=True)


def _standing(visit: Visit, platform: str, live: Sequence[Row]) -> list[Standing]:
    """Return what stands or is on its way, each with what restoring would not bring back."""
    description = described(visit.app, platform)
    found: list[Standing] = []
    for row in live:
        one = row.enforcement
        capability = None if description is None else description.capabilities.get(Action(one.action))
        lost: tuple[str, ...] = ()
        if capability is not None and one.state == State.IN_FORCE.value:
            lost = capability.losses
            if capability.reversibility is Reversibility.NONE:
                lost = (*lost, _("%(action)s cannot be undone there", action=plain(one.action)))
        found.append(Standing(row=row, losses=() if row.blind else lost, undo="" if row.blind else one.reversibility))
    return found


def change_tier(visit: Visit) -> Response:
    """Propose another tier; a higher one takes effect at once."""
    platform, ref = visit.path("platform"), visit.path("ref")
    form = visit.form
    until = end_of_day(form.one("until"), "until")
    payload = {
        "platform": platform,
        "account": ref,
        "tier": form.one("tier"),
        "because": form.one("because"),
        "until": None if until is None else rfc3339(until),
    }
    made = propose(visit.app, visit.actor, "tier", payload, form.one("because"))
    return go(f"/enforcements/{made.id}", done="proposed")


def mark_fake(visit: Visit) -> Response:
    """Propose to mark a lookalike as a fake; two more people confirm it."""
    payload = {"platform": visit.path("platform"), "account": visit.path("ref")}
    made = propose(visit.app, visit.actor, "mark_fake", payload, visit.form.one("because"))
    return go(f"/enforcements/{made.id}", done="proposed")
