"""Which powers people used lately, from what the record says they did; and so which roles nobody would miss."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.ids import at_of, least_at
from gardefou.people.roles import ROLES, Power
from gardefou.storage import tables

#: The events that show a power being used. What is for emergencies, and what everyone on duty has, is in none:
#: that nobody needed it is no sign that nobody will.
DEEDS: Mapping[Power, tuple[str, ...]] = {
    Power.WORK_CASES: ("case.claimed", "case.escalated", "case.moved", "case.noted", "decision.made"),
    Power.ENFORCE: ("enforcement.placed",),
    Power.APPROVE: ("enforcement.approved", "enforcement.denied"),
    Power.TIERS: ("account.tier_set",),
    Power.NETS: ("nets.changed",),
    Power.STAFF: ("staff.added", "staff.left", "staff.notice", "staff.roles_changed", "grant.confirmed"),
    Power.PLATFORMS: ("platform.registered", "platform.retired"),
    Power.SETTINGS: ("setting.changed", "channel.set", "channel.retired"),
    Power.REVEAL: ("staff.revealed",),
}
#: Before that nobody can tell whether a role will be needed.
SETTLED = timedelta(days=30)
_FOR_EMERGENCIES = frozenset({"oncall"})
_POWER_OF = {kind: power for power, kinds in DEEDS.items() for kind in kinds}
_e = tables.enforcement.c


def used_since(connection: sa.Connection, people: Collection[str], since: datetime) -> dict[str, dict[Power, datetime]]:
    """Return by person when each power was last used after ``since``. Two queries, each an index seek a person."""
    found: dict[str, dict[Power, datetime]] = {who: {} for who in people}
    if not people:
        return found
    event, staff = tables.event, tables.staff
    kinds = sa.union_all(*(sa.select(sa.literal(kind).label("kind")) for kind in _POWER_OF)).subquery("deed")
    newest = (
        sa.select(sa.func.max(event.c.id))
        .where(tables.event_by_person, event.c.by == staff.c.id, event.c.kind == kinds.c.kind)
        .correlate(staff, kinds)
        .scalar_subquery()
    )
    least = least_at(since)
    rows = connection.execute(
        sa.select(staff.c.id, kinds.c.kind, newest.label("newest"))
        .select_from(staff.join(kinds, sa.true()))
        .where(staff.c.id.in_(sorted(people)))
    ).all()
    for row in rows:
        # Whatever is placed is an event of one kind, a restore as well: those are asked for below.
        if row.newest is None or row.newest < least or row.kind == "enforcement.placed":
            continue
        power, at = _POWER_OF[row.kind], at_of(row.newest)
        found[row.id][power] = max(at, found[row.id].get(power, at))
    # The newest of each person at one end of the index, however much they placed.
    last = (
        sa.select(_e.placed_at)
        .where(_e.placed_by == staff.c.id, _e.placed_at > since, _e.severity > 0)
        .order_by(_e.placed_at.desc())
        .limit(1)
        .correlate(staff)
        .scalar_subquery()
    )
    placed = connection.execute(sa.select(staff.c.id, last.label("at")).where(staff.c.id.in_(sorted(people)))).all()
    for one in placed:
        if one.at is not None:
            found[one.id][Power.ENFORCE] = one.at
    return found


def countable(role: str) -> frozenset[Power]:
    """Return the powers of a role whose use the record shows; none of a role that is there for emergencies."""
    if role in _FOR_EMERGENCIES:
        return frozenset()
    return ROLES.get(role, frozenset()) & DEEDS.keys()


def is_unused(role: str, used: Mapping[Power, datetime], held: timedelta) -> bool:
    """Whether a role, held for so long, gave nothing that was used.

    One that is new, or whose use the record cannot show, is never called unused.
    """
    powers = countable(role)
    return held >= SETTLED and bool(powers) and not powers & used.keys()
