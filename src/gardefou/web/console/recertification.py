"""Recertification on one page: which roles lapse when, what of them was used, confirming and taking away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.errors import InvalidInput
from gardefou.flow.change import propose
from gardefou.flow.recertify import MOST, REMINDERS, Held, certify, held_roles, may_certify, quarter
from gardefou.flow.used_powers import countable, is_unused, used_since
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.web.console.frame import Console, Visit, go

_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One role of one person, with what they used of it within the quarter."""

    held: Held
    #: When each power that the record can show was last used; None for not within the quarter.
    used: Mapping[Power, datetime | None]
    unused: bool
    soon: bool
    overdue: bool
    own: bool


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of recertification."""
    return [console.get("/recertification", show), console.post("/recertification", answer)]


def show(visit: Visit) -> Response:
    """Show the roles that people on duty hold, the one that lapses first at the front; all, or what asks for a look."""
    every, now = visit.query("show") == "all", visit.now
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        lasts = quarter(config)
        held = held_roles(connection, config, now)
        used = used_since(connection, {one.person.id for one in held}, now - lasts) if lasts is not None else {}
    lines = [
        Line(
            held=one,
            used={power: used.get(one.person.id, {}).get(power) for power in sorted(countable(one.grant.role))},
            unused=lasts is not None and is_unused(one.grant.role, used[one.person.id], now - one.grant.since),
            soon=one.lapses_at is not None and one.lapses_at - now <= REMINDERS[0],
            overdue=one.lapses_at is not None and one.lapses_at <= now,
            own=one.person.id == visit.actor.id,
        )
        for one in held
    ]
    shown = [one for one in lines if every or one.soon or one.unused]
    return visit.page(
        "recertification.html",
        lines=shown[:_SHOWN],
        more=max(0, len(shown) - _SHOWN),
        total=len(lines),
        every=every,
        days=None if lasts is None else lasts.days,
        may_confirm=may_certify(visit.actor, now),
        may_take=visit.may(Power.STAFF),
        done=visit.query("done"),
        number=visit.query("number"),
    )


def answer(visit: Visit) -> Response:
    """Confirm the roles that were ticked, or take them away at once."""
    form = visit.form
    ticked = [_parsed(one) for one in form.all("grant")[:MOST]]
    if not ticked:
        raise InvalidInput("certify/grants", _("Tick at least one role; nothing was done."), field="grant")
    back = {"show": "all"} if form.one("show") == "all" else {}
    if form.one("answer") == "take":
        for who, role in ticked:
            propose(visit.app, visit.actor, "role", {"staff": who, "remove": [role]}, form.one("because"))
        return go("/recertification", done="taken", number=str(len(ticked)), **back)
    made = certify(visit.app, visit.actor, ticked, form.one("because"))
    return go("/recertification", done="confirmed", number=str(len(made)), **back)


def _parsed(ticked: str) -> tuple[str, str]:
    # By pseudonym: no page holds a staff id.
    who, _slash, role = ticked.rpartition("/")
    return who, role
