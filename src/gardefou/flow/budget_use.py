"""How much of the budgets is used this hour and today: one's own, one's team's, and each platform's.

Budgets are conditions of nets; what goes by before they ask anything is found
by trying, for a person like this one on an ordinary account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Staff
from gardefou.flow.app import Config
from gardefou.flow.fact_reads import DAY, GRAVE, HOUR, TOPPED
from gardefou.flow.raid import open_raids
from gardefou.nets.budgets import most_before
from gardefou.nets.floor import ORDINARY
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict
from gardefou.storage import tables

_e = tables.enforcement.c
#: What is counted apart: name, the act that it is tried with, and the fact.
_KINDS = (("mild", "warn", 1, "all"), ("grave", "suspend", 3, "severity3"), ("gravest", "deactivate", 4, "severity4"))
_REACH = ("reach", "suspend", 3, "reach")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One budget: whose (``own``, ``team``, ``platform``), of what, over how long, and how much of it is used.

    ``kind``: ``mild`` (severity 1-2), ``grave`` (3 and more), ``gravest`` (4 and more) or ``reach`` (of accounts
    touched gravely). ``beyond``: what is asked then.
    """

    scope: str
    platform: str
    kind: str
    window: str
    used: int
    most: int
    beyond: Verdict

    @property
    def share(self) -> float:
        """How much of it is used: 1 is all."""
        return min(1.0, self.used / self.most) if self.most else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Every budget that the nets in force keep, for one person. ``raid``: they are wider on young accounts."""

    uses: tuple[Use, ...]
    topped_until: datetime | None
    raid: bool

    def of(self, scope: str) -> list[Use]:
        """Return those of one scope."""
        return [one for one in self.uses if one.scope == scope]


def budgets_of(connection: sa.Connection, config: Config, staff: Staff, now: datetime) -> Budgets:
    """Return the budgets of a person, of their team and of every platform: five statements."""
    platforms = sorted(name for name, entry in config.platforms.items() if entry.active)
    topped = connection.execute(
        sa.select(sa.func.max(tables.top_up.c.at, type_=tables.top_up.c.at.type)).where(
            tables.top_up.c.staff_id == staff.id, tables.top_up.c.at > now - TOPPED
        )
    ).scalar()
    raid = bool(open_raids(connection, now))
    counted: dict[tuple[str, str, str], list[tuple[int, int, int]]] = {}
    own = (
        sa.select(
            _e.severity,
            sa.case((_e.placed_at > now - HOUR, 1), else_=0).label("in_hour"),
            sa.func.count().label("number"),
            sa.func.sum(_e.reach).label("reach"),
        )
        # What another person answers for is not counted: as in `fact_reads`.
        .where(
            _e.placed_by == staff.id,
            _e.placed_at > now - DAY,
            _e.approve_by.is_(None),
            _e.severity > 0,
            _e.state != "refused",
        )
        .group_by("severity", "in_hour")
    )
    for row in connection.execute(own):
        found = (int(row.severity), int(row.number), int(row.reach))
        counted.setdefault(("own", "", "actor_24h"), []).append(found)
        if row.in_hour:
            counted.setdefault(("own", "", "actor_1h"), []).append(found)
    everybody = (
        sa.select(_e.platform, _e.severity, sa.func.count().label("number"), sa.func.sum(_e.reach).label("reach"))
        .where(
            _e.platform.in_(platforms),
            _e.severity.in_((1, 2, 3, 4, 5)),
            _e.placed_at > now - HOUR,
            _e.state != "refused",
        )
        .group_by(_e.platform, _e.severity)
    )
    for scope, window, statement in (
        ("team", "team_1h", everybody.where(_e.team == staff.team)),
        ("platform", "platform_1h", everybody),
    ):
        for row in connection.execute(statement):
            found = (int(row.severity), int(row.number), int(row.reach))
            counted.setdefault((scope, row.platform, window), []).append(found)
    uses: list[Use] = []
    person = (staff.roles, staff.team, staff.employer, max(0, (now - staff.started_at).days))
    for scope, windows in (("own", ("actor_1h", "actor_24h")), ("team", ("team_1h",)), ("platform", ("platform_1h",))):
        for platform in ("",) if scope == "own" else platforms:
            for window in windows:
                seen = counted.get((scope, platform, window), [])
                # What was topped up has room for twice as much: what was done counts half.
                wider = 2 if scope == "own" and topped is not None else 1
                uses += [
                    Use(
                        scope=scope,
                        platform=platform,
                        kind=kind,
                        window="hour" if window.endswith("1h") else "day",
                        used=_used(seen, kind),
                        most=most * wider,
                        beyond=beyond,
                    )
                    for kind, most, beyond in _limits(config.nets, person, window)
                ]
    order = {kind: place for place, (kind, *_) in enumerate((*_KINDS, _REACH))}
    uses.sort(key=lambda one: order[one.kind])  # the hour beside the day
    return Budgets(uses=tuple(uses), topped_until=None if topped is None else topped + TOPPED, raid=raid)


def _used(seen: Iterable[tuple[int, int, int]], kind: str) -> int:
    match kind:
        case "mild":
            return sum(number for severity, number, _ in seen if severity < GRAVE)
        case "grave":
            return sum(number for severity, number, _ in seen if severity >= GRAVE)
        case "gravest":
            return sum(number for severity, number, _ in seen if severity > GRAVE)
        case _:
            return sum(reach for severity, _, reach in seen if severity >= GRAVE)


@lru_cache(maxsize=256)
def _limits(
    nets: NetSet, person: tuple[tuple[str, ...], str, str, int], window: str
) -> tuple[tuple[str, int, Verdict], ...]:
    """Return what each kind is limited to in a window, where it is; nets and people change seldom."""
    roles, team, employer, tenure = person
    like: dict[str, Any] = {
        **ORDINARY,
        "actor.roles": list(roles),
        "actor.team": team,
        "actor.employer": employer,
        "actor.tenure_days": tenure,
    }
    found: list[tuple[str, int, Verdict]] = []
    for kind, action, severity, name in (*_KINDS, _REACH):
        facts = {**like, "action.name": action, "action.severity": severity}
        most, beyond = most_before(nets, facts, window, name)
        # Where the gravest have no budget of their own, it is that of all grave ones.
        if most is not None and (kind != "gravest" or all(most < other for one, other, _ in found if one == "grave")):
            found.append((kind, most, beyond))
    return tuple(found)
