"""What rolling a person back would do now, before anyone confirms: counts, reach, and what stands in its way.

It reads what `gardefou.flow.rollback` reads and judges by the same rules; it
asks no platform, and makes a fixed number of queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Enforcement, Rollback
from gardefou.domain.states import State
from gardefou.errors import GardefouError
from gardefou.flow.app import App, Config
from gardefou.flow.restore_limits import is_old, restored_lately
from gardefou.flow.rollback import harms_of, span_end
from gardefou.flow.second_look import hidden_on
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.platforms.protocol import Capability
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

_DAY = timedelta(days=1)
_NOT_SENT = frozenset({State.WAITING.value, State.READY.value})
_LIVE = ("waiting", "ready", "executing", "unknown", "in_force", "restoring")
_e = tables.enforcement

#: What can stand in the way on an account, by word: what people read lies with each surface.
OTHERS_STAND, OTHERS_ACTED, FOR_EVER, LOSES, OLD, BARRED = (
    "others_stand",
    "others_acted",
    "for_ever",
    "loses",
    "old",
    "barred",
)
#: The same in plain words.
SAYS = {
    OTHERS_STAND: "Someone else's measure stands there as well, and stays.",
    OTHERS_ACTED: "Someone else has acted there since.",
    FOR_EVER: "The platform cannot undo it.",
    LOSES: "Undoing it does not bring everything back.",
    OLD: "It has stood for so long that another person must agree.",
    BARRED: "The law demanded it: it stays.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """One thing to know about one account before it is rolled back."""

    platform: str
    account: str
    kind: str
    #: Theirs that it concerns; for what others did, the others'.
    enforcements: tuple[str, ...]
    #: What does not come back, in the platform's words.
    losses: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """It in words."""
        return SAYS[self.kind]


def said(one: InTheWay) -> dict[str, Any]:
    """Return one of what is in the way, as JSON has it."""
    return {
        "platform": one.platform,
        "account": one.account,
        "kind": one.kind,
        "says": one.says,
        "enforcements": list(one.enforcements),
        "losses": list(one.losses),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeseenRollback:
    """What a rollback would do."""

    harms: tuple[Enforcement, ...]
    barred: tuple[Enforcement, ...]
    #: How many of each action.
    actions: Mapping[str, int]
    #: Platform and account, the oldest harm's first.
    accounts: tuple[tuple[str, str], ...]
    reach: int
    #: Of theirs, not carried out yet: withdrawn.
    withdrawn: int
    conflicts: tuple[InTheWay, ...]
    #: Restores that would wait for one other person (R12).
    waits: int
    #: In their last 24 hours a person rolls back only what is their own.
    not_own: bool
    #: One of the same person is under way.
    running: Rollback | None


def foresee(app: App, actor: Actor, *, by: str, since: datetime, until: datetime | None = None) -> ForeseenRollback:
    """Return what rolling a person or service back would do now, as `foresee_rollback` does.

    Raises:
        Denied: not on duty, or no power to lift.
        NotFound: there is no such person or service (`staff/not_found`).
        InvalidInput: the span is empty (`rollback/since`).
    """
    actor.require(Power.LIFT, app.now())
    actor.require_everywhere()
    end = span_end(app, since, until)
    capabilities: dict[str, Mapping[Action, Capability]] = {}
    for name in app.platform_names():
        with suppress(GardefouError):
            capabilities[name] = app.connector(name).describe().capabilities
    with app.works.read() as connection:
        return foresee_rollback(
            connection,
            app.config(connection),
            actor,
            capabilities,
            by=by,
            since=since,
            until=end,
            now=app.now(),
        )


def foresee_rollback(
    connection: sa.Connection,
    config: Config,
    actor: Actor,
    capabilities: Mapping[str, Mapping[Action, Capability]],
    *,
    by: str,
    since: datetime,
    until: datetime,
    now: datetime,
) -> ForeseenRollback:
    """Return what rolling a person or service back would do now. Writes nothing and asks no platform.

    ``capabilities`` by platform; one that is missing says nothing of losses.

    Raises:
        NotFound: there is no such person or service (`staff/not_found`).
    """
    found = harms_of(connection, by, since, until)
    harms = [one for one in found if one.legal_basis is None]
    barred = [one for one in found if one.legal_basis is not None]
    by_account: dict[tuple[str, str], list[Enforcement]] = {}
    for one in harms:
        by_account.setdefault((one.platform, one.account), []).append(one)
    old = {one.id for one in harms if is_old(config, one, now)}
    waits = 0
    if since < now - _DAY:
        olds = sum(any(one.id in old for one in group) for group in by_account.values())
        room = max(0, config.rules.restores_per_hour - restored_lately(connection, actor, now))
        waits = olds + max(0, len(by_account) - olds - room)
    running = fetch_all(
        connection,
        Rollback,
        sa.select(tables.rollback)
        .where(tables.rollback.c.whose == by, tables.rollback_running)
        .order_by(tables.rollback.c.id.desc())
        .limit(1),
    )
    last_day = actor.staff is not None and standing_now(actor.staff, now, config.rules.leaver_stages).last_day
    return ForeseenRollback(
        harms=tuple(harms),
        barred=tuple(barred),
        actions=dict(Counter(one.action for one in harms).most_common()),
        accounts=tuple(by_account),
        reach=sum(max(one.reach for one in group) for group in by_account.values()),
        withdrawn=sum(one.state in _NOT_SENT for one in harms),
        conflicts=(
            *_of_others(connection, by, since, until, by_account, hidden_on(connection, None, actor.id)),
            *_of_platform(harms, capabilities),
            *(_one(OLD, one) for one in harms if one.id in old and since < now - _DAY),
            *(_one(BARRED, one) for one in barred),
        ),
        waits=waits,
        not_own=last_day and by != actor.id,
        running=running[0] if running else None,
    )


def _one(kind: str, harm: Enforcement, losses: tuple[str, ...] = ()) -> InTheWay:
    return InTheWay(platform=harm.platform, account=harm.account, kind=kind, enforcements=(harm.id,), losses=losses)


def _of_platform(
    harms: Sequence[Enforcement], capabilities: Mapping[str, Mapping[Action, Capability]]
) -> list[InTheWay]:
    found: list[InTheWay] = []
    for one in harms:
        capability = capabilities.get(one.platform, {}).get(Action(one.action))
        if one.state in _NOT_SENT or capability is None:
            continue
        if Reversibility.NONE in {one.reversibility, capability.reversibility}:
            found.append(_one(FOR_EVER, one, capability.losses))
        elif capability.losses:
            found.append(_one(LOSES, one, capability.losses))
    return found


def _of_others(
    connection: sa.Connection,
    by: str,
    since: datetime,
    until: datetime,
    by_account: Mapping[tuple[str, str], Sequence[Enforcement]],
    hidden: Collection[str],
) -> list[InTheWay]:
    """Return where others imposed something that stands, or did anything since, by account; no blind look is told."""
    if not by_account:
        return []
    theirs = (
        sa.select(_e.c.platform, _e.c.account)
        .where(_e.c.placed_by == by, _e.c.placed_at >= since, _e.c.placed_at <= until, _e.c.severity > 0)
        .distinct()
        .subquery()
    )
    rows = connection.execute(
        sa.select(_e.c.id, _e.c.platform, _e.c.account, _e.c.state, _e.c.severity)
        .join(theirs, sa.and_(_e.c.platform == theirs.c.platform, _e.c.account == theirs.c.account))
        .where(_e.c.placed_by.not_in((by, "system")))
        .order_by(_e.c.id)
    ).all()
    stand: dict[tuple[str, str], list[str]] = {}
    acted: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        place = (row.platform, row.account)
        mine = by_account.get(place)
        if mine is None or row.id in hidden:
            continue
        if row.severity > 0 and row.state in _LIVE:
            stand.setdefault(place, []).append(row.id)
        elif row.id > mine[0].id:
            acted.setdefault(place, []).append(row.id)
    return [
        InTheWay(platform=platform, account=account, kind=kind, enforcements=tuple(ids))
        for kind, some in ((OTHERS_STAND, stand), (OTHERS_ACTED, acted))
        for (platform, account), ids in some.items()
    ]
