"""Raid mode: a wave of new accounts, and for an hour wider budgets on those under a week old.

How much wider, and on whom, is the nets' to say (``now.raid``); here is who may
call it, for how long and how often. What was placed while it was on stays
judged as at the act (M1).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Raid, Staff
from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow.app import App, Config
from gardefou.flow.incidents import alert
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss, leaving_of
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast
from gardefou.storage.work import UnitOfWork

LASTS = timedelta(minutes=60)
#: Only in its last half hour is a raid renewed: two who call it at once call it once.
RENEWED_FROM = timedelta(minutes=30)
_SHIFT = timedelta(hours=8)
_MOST = 2
_FRESH_MINUTES = 10
_MAX_BECAUSE = 2_000
#: Where two or one look after everything, each of them calls it.
_SMALL = frozenset({"small-team", "solo"})
_LOCK = "raid"

_r = tables.raid.c
_OPEN = Fast(
    sa.select(tables.raid)
    .where(_r.until > sa.bindparam("now", type_=_r.until.type), _r.ended_at.is_(None))
    .order_by(_r.id)
)


def open_raids(connection: sa.Connection, now: object) -> list[Raid]:
    """Return what raid mode is on for, oldest first: one, or with a renewal two; nothing when it is off."""
    return fetch_fast(connection, Raid, _OPEN, {"now": now})


def power_to_start(config: Config) -> Power:
    """Return what it takes to start raid mode: a lead's power, or where there are one or two people, anyone's."""
    return Power.ENFORCE if config.rules.shipped_nets in _SMALL else Power.TOP_UP


def start_raid(app: App, actor: Actor, because: str) -> Raid:
    """Turn raid mode on for sixty minutes, or renew it in its last half hour; at most twice a shift of eight hours.

    Everyone is told. It ends by itself; anyone on duty ends it before.

    Writes `raid.started` and `alert.raised`.

    Raises:
        InvalidInput: no reason, or too long a one (`raid/because`).
        Denied: no lead, no person, or leaving (`auth/…`, `staff/…`).
        Conflict: it is on already (`raid/on`), or was twice this shift (`raid/twice`).
        StepUpRequired: the sign-in is older than ten minutes.
    """
    why = because.strip()
    if not why or len(why) > _MAX_BECAUSE:
        raise InvalidInput(
            "raid/because", _("Say in 1 to %(most)s characters what is happening.", most=_MAX_BECAUSE), field="because"
        )
    actor.require(Power.READ, app.now())
    if actor.staff is None:
        raise Denied("auth/not_human", "Only people call a raid.")
    with app.works.begin() as uow:
        uow.serialise(_LOCK)
        actor = _reread(uow, actor)
        assert actor.staff is not None
        actor.require(power_to_start(app.config(uow.connection)), uow.now)
        if not standing_now(actor.staff, uow.now, leaving_of(uow.connection)).has(Loss.APPROVALS):
            raise Denied("staff/leaving", "Whoever is leaving calls no raid; ask a colleague.")
        if actor.fresh_minutes(uow.now) > _FRESH_MINUTES:
            raise StepUpRequired(_FRESH_MINUTES)
        running = [one for one in open_raids(uow.connection, uow.now) if one.until - uow.now > RENEWED_FROM]
        if running:
            raise Conflict(
                "raid/on",
                "Raid mode is on already; it can be renewed in its last half hour.",
                extra=_until(running[-1]),
            )
        started = uow.all(Raid, _r.until > uow.now - _SHIFT, _r.at > uow.now - _SHIFT)
        if len(started) >= _MOST:
            raise Conflict(
                "raid/twice", "Raid mode was on twice this shift already; beyond the budgets a lead is asked."
            )
        made = Raid(id=uow.ids.new(), by=actor.id, at=uow.now, because=why, until=uow.now + LASTS)
        uow.record("raid.started", by=actor.id, about=made.id, puts=(made,))
        minutes = LASTS // timedelta(minutes=1)
        alert(
            uow,
            "raid",
            platform=ORGANISATION,
            about=made.id,
            says=f"Raid mode is on for {minutes} minutes: {why}",
            facts={"minutes": str(minutes)},
        )
        return made


def end_raid(app: App, actor: Actor) -> list[Raid]:
    """Turn raid mode off before it ends by itself. Anyone on duty can.

    Writes `raid.ended` and `alert.raised`.

    Raises:
        Denied: not on duty.
        Conflict: it is not on (`raid/off`).
    """
    actor.require(Power.LIFT, app.now())
    actor.require_everywhere()
    with app.works.begin() as uow:
        uow.serialise(_LOCK)
        actor = _reread(uow, actor)
        actor.require(Power.LIFT, uow.now)
        running = open_raids(uow.connection, uow.now)
        if not running:
            raise Conflict("raid/off", "Raid mode is not on.")
        ended = [replace(one, ended_at=uow.now, ended_by=actor.id, version=one.version + 1) for one in running]
        for one in ended:
            uow.record("raid.ended", by=actor.id, about=one.id, puts=(one,))
        says = "Raid mode was ended: budgets are as always again."
        alert(uow, "raid_over", platform=ORGANISATION, about=ended[-1].id, says=says)
        return ended


def _reread(uow: UnitOfWork, actor: Actor) -> Actor:
    if actor.staff is None:
        return actor
    return replace(actor, staff=uow.need(Staff, ORGANISATION, actor.staff.id))


def _until(raid: Raid) -> dict[str, str]:
    return {"until": raid.until.isoformat()}
