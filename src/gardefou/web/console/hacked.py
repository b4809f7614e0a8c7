"""Break-glass as "this account is hacked": find the account, stop it with one more person, and see where it stands.

Made for a telephone at night. Everything here goes through `flow.break_glass`,
`flow.approve` and `flow.restore`; this file only asks and shows.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Account, Approval, Enforcement
from gardefou.domain.states import ENDED, State
from gardefou.errors import Conflict, GardefouError, NotFound
from gardefou.flow.approve import Answer, cancel
from gardefou.flow.break_glass import ONE_OTHER, break_glass, ratify
from gardefou.flow.execute import advance
from gardefou.flow.restore import restore
from gardefou.flow.rules import load_rules
from gardefou.people.authenticate import hash_secret
from gardefou.people.leaving import Loss
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.platforms.protocol import Capability
from gardefou.speech import gettext as _
from gardefou.speech import later
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.finding import ask
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.passkeys import answered, signed_in
from gardefou.web.console.reading import approvals_of, described, lookalikes_of, refreshed

_a = tables.account.c
_e = tables.enforcement.c
_DAY = timedelta(days=1)
#: The glass is broken for what is exactly undone, up to this severity.
_WORST = 3
_MOST = 20
#: What can be done, the mildest that keeps a thief out first; and what it means.
ACTIONS: dict[Action, str] = {
    Action.LOCK: later("Whoever holds it now is kept out; nothing is hidden, nothing is lost."),
    Action.SUSPEND: later("It can do nothing until this ends; nothing is lost."),
    Action.LIMIT: later("It reaches fewer people; whoever holds it goes on."),
}
_MOVING = frozenset({State.WAITING, State.READY, State.EXECUTING, State.UNKNOWN, State.RESTORING})


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of hacked accounts. A ref may hold any character, slashes too."""
    one = "/hacked/{platform}/{ref:path}"
    return [
        console.get("/hacked", find),
        console.post(f"{one}/break", propose),
        console.post(f"{one}/answer", answer),
        console.post(f"{one}/ratify", let_stand),
        console.post(f"{one}/undo", undo),
        console.get(one, show),
    ]


def path_of(platform: str, ref: str) -> str:
    """Return the address of the page for one account."""
    return f"/hacked/{quote(platform, safe='')}/{quote(ref, safe='')}"


def find(visit: Visit) -> Response:
    """Ask which account it is: by handle or id, on every platform."""
    wanted = visit.query("q").strip()
    bare = wanted.removeprefix("@")
    found: list[Account] = []
    names = visit.app.platform_names()
    if bare:
        handles = [bare.lower(), f"@{bare.lower()}"]
        either = [
            sa.select(tables.account).where(sa.func.lower(_a.handle).in_(handles)),
            sa.select(tables.account).where(_a.platform.in_(names), _a.ref.in_({wanted, bare})),
        ]
        with visit.app.works.read() as connection:
            known = [one for half in either for one in fetch_all(connection, Account, half.limit(_MOST))]
        found = list({(one.platform, one.ref): one for one in known}.values())
        if not found:
            found = ask(visit.app, bare)
        if len(found) == 1 and found[0].lookalike_of is None:
            return go(path_of(found[0].platform, found[0].ref))
    return visit.page(
        "hacked_find.html", q=wanted, found=sorted(found, key=lambda one: -(one.reach or 0)), path=path_of
    )


def show(visit: Visit) -> Response:
    """Show who it is, what can be done, and how far it is."""
    platform, ref = visit.path("platform"), visit.path("ref")
    account, readable = refreshed(visit.app, platform, ref)
    if account is None:
        raise NotFound(
            "account/not_found",
            _("%(platform)s knows no account %(ref)s, or gives no answer now.", platform=platform, ref=ref),
        )
    ref = account.ref
    with visit.app.works.read() as connection:
        alike = [one for one in lookalikes_of(connection, platform, ref)[1] if one.ref != ref]
        glass = newest(connection, platform, ref)
        given = [] if glass is None else approvals_of(connection, glass)
        minutes = load_rules(connection).break_glass_minutes
    ended = glass is not None and State(glass.state) in ENDED
    used = glass is not None and (glass.attempts > 0 or not ended)
    recent = glass is not None and visit.now - max(glass.placed_at, glass.in_force_at or glass.placed_at) < _DAY
    told = glass if glass is not None and (recent or not ended) else None
    return visit.page(
        "hacked.html",
        account=account,
        readable=readable,
        alike=alike,
        path=path_of(platform, ref),
        glass=told,
        given=given,
        yes=next((one for one in given if one.answer == "yes"), None),
        no=next((one for one in given if one.answer == "no"), None),
        choices=_choices(visit, platform),
        means=ACTIONS,
        minutes=minutes,
        other=ONE_OTHER,
        may_break=visit.may(Power.BREAK_GLASS) and not (told is not None and used),
        may_answer=told is not None and _may_answer(visit, told, given),
        may_ratify=told is not None and _may_ratify(visit, told, given),
        may_undo=visit.may(Power.LIFT) and told is not None and not ended,
        moving=told is not None and (State(told.state) in _MOVING or _ends_by_itself(told)),
        ends=told is not None and _ends_by_itself(told),
        done=visit.query("done"),
    )


def newest(connection: sa.Connection, platform: str, ref: str) -> Enforcement | None:
    """Return the last broken glass of an account."""
    found = fetch_all(
        connection,
        Enforcement,
        sa.select(tables.enforcement)
        .where(_e.platform == platform, _e.account == ref, _e.via == "break_glass", _e.severity > 0)
        .order_by(_e.id.desc())
        .limit(1),
    )
    return found[0] if found else None


def _choices(visit: Visit, platform: str) -> list[tuple[str, Capability]]:
    """Return what the platform can do and exactly undo, the one to choose first."""
    description = described(visit.app, platform)
    if description is None:
        return []
    return [
        (action.value, capability)
        for action in ACTIONS
        if (capability := description.capabilities.get(action)) is not None
        and capability.reversibility is Reversibility.EXACT
        and capability.severity <= _WORST
    ]


def _ends_by_itself(glass: Enforcement) -> bool:
    return glass.state == State.IN_FORCE.value and glass.ratified_by is None


def _may_answer(visit: Visit, glass: Enforcement, given: list[Approval]) -> bool:
    waits = glass.state == State.WAITING.value and glass.approved_at is None
    spoke = {glass.placed_by, *glass.humans, *(one.by for one in given)}
    fits = any(role in ONE_OTHER.roles for role in visit.staff.roles)
    return waits and fits and visit.staff.id not in spoke and _active(visit)


def _may_ratify(visit: Visit, glass: Enforcement, given: list[Approval]) -> bool:
    """Whether this person is a third one of another team; `ratify` judges it for good."""
    first = {glass.placed_by, *glass.humans, *(one.by for one in given)}
    teams = {person.team for who in first if (person := visit.names.people.get(who)) is not None}
    apart = visit.staff.id not in first and visit.staff.team not in teams
    return _ends_by_itself(glass) and visit.may(Power.BREAK_GLASS) and apart and _active(visit)


def _active(visit: Visit) -> bool:
    return standing_now(visit.staff, visit.now, visit.actor.leaving).has(Loss.APPROVALS)


def propose(visit: Visit) -> Response:
    """Break the glass."""
    platform, ref = visit.path("platform"), visit.path("ref")
    made = break_glass(visit.app, visit.actor, platform, ref, visit.form.one("action"), visit.form.one("because"))
    _go_on(visit, made)
    return go(path_of(platform, made.account), done="asked" if made.state != State.REFUSED.value else "refused")


def answer(visit: Visit) -> Response:
    """Be the further person: yes or no, to exactly what was seen."""
    form = visit.form
    glass = _here(visit)
    given = Answer(
        enforcement=glass.id,
        digest=form.one("digest"),
        answer=form.one("answer"),
        note=form.one("note"),
        assertion=signed_in(visit),
        whose=hash_secret(visit.secret),
    )
    after = answered(visit, given)
    _go_on(visit, after)
    return go(path_of(glass.platform, glass.account), done=given.answer)


def let_stand(visit: Visit) -> Response:
    """Let it stand, as the third person."""
    glass = _here(visit)
    ratify(visit.app, visit.actor, glass.id)
    return go(path_of(glass.platform, glass.account), done="ratified")


def undo(visit: Visit) -> Response:
    """Withdraw it before it is done, or give the account back."""
    glass = _here(visit)
    because = visit.form.one("because")
    if glass.state in {State.WAITING.value, State.READY.value}:
        cancel(visit.app, visit.actor, glass.id, because)
    else:
        restore(visit.app, visit.actor, glass.platform, glass.account, because)
    return go(path_of(glass.platform, glass.account), done="undone")


def _here(visit: Visit) -> Enforcement:
    """Return what the form is about.

    Raises:
        Conflict: another glass was broken since the page was loaded, or none (`enforcement/stale`).
    """
    with visit.app.works.read() as connection:
        glass = newest(connection, visit.path("platform"), visit.path("ref"))
    if glass is None or glass.id != visit.form.one("enforcement"):
        raise Conflict("enforcement/stale", _("This is not how it stands any more; look at the page again."))
    return glass


def _go_on(visit: Visit, one: Enforcement) -> None:
    """Carry out what is cleared; what does not go through now, the worker does."""
    if one.state == State.READY.value:
        with suppress(GardefouError):
            advance(visit.app, one.id)
    visit.app.wake()
