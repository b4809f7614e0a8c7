"""The breaker and the budgets' alarms: what stops a runaway before people notice it.

The breaker counts enforcements that ended `failed` or were reversed, never
attempts (M6). It stops the person, then the team, then the platform (R13):
those already stopped no longer count towards the wider stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import SYSTEM, Enforcement, Pause
from gardefou.flow.app import Config
from gardefou.flow.incidents import open_incident
from gardefou.flow.second_look import OUTSTANDING, is_blind
from gardefou.flow.stops import open_pauses
from gardefou.nets.verdict import Verdict
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

_HOUR = timedelta(hours=1)
_table = tables.enforcement.c
_EXECUTED = ("in_force", "restoring", "restored", "failed")
_FEWEST_FAILURES = 5


def note_budget(uow: UnitOfWork, config: Config, made: Enforcement, verdict: Verdict) -> None:
    """Open (or add to) the incident of a spent budget, naming every account of the burst (M8)."""
    spoke = {reason.net for reason in verdict.reasons}
    spent = [
        net
        for net in config.nets
        if net.id in spoke and any(fact.name.startswith("recent.") for fact in net.condition.reads)
    ]
    if not spent:
        return
    rows = uow.connection.execute(
        sa.select(_table.account)
        .where(
            _table.placed_by == made.placed_by,
            _table.platform == made.platform,
            _table.placed_at > uow.now - _HOUR,
            _table.severity > 0,
            _table.state != "refused",
            # Whose second look is outstanding is not named beside whoever gave the first (M3).
            sa.not_(OUTSTANDING),
        )
        .order_by(_table.placed_at, _table.id)
    )
    named = () if is_blind(made.verdict) else (made,)
    burst = tuple(dict.fromkeys([*(row.account for row in rows), *(one.account for one in named)]))
    open_incident(
        uow,
        platform=made.platform,
        kind="budget",
        accounts=burst,
        enforcements=tuple(one.id for one in named),
        about=made.placed_by,
        summary=f"A budget was spent: {spent[0].title}.",
    )


def stand_in_line(uow: UnitOfWork, platform: str, *, ahead: Callable[[], Iterable[Read]] = tuple) -> None:
    """Let nobody else's reversal or failure on a platform be counted until this one is committed.

    Two at the same instant would each see one too few. Stand in line before any
    incident is added to: that sequence is the same for all. ``ahead`` is as in
    `gardefou.storage.work.UnitOfWork.serialise`.
    """
    uow.serialise(f"breaker:{platform}", ahead=ahead, first=False)


def consider(uow: UnitOfWork, config: Config, enforcement: Enforcement) -> None:
    """After a reversal or failure, stop the person, else the team, else the platform, if it is too many.

    Writes `breaker.tripped` and opens an incident.
    """
    stand_in_line(uow, enforcement.platform)
    rules = config.rules
    since = uow.now - timedelta(days=7)
    bounds = {"platform": enforcement.platform, "since": since}
    wrong = _WRONG.first(uow.connection, {**bounds, "reversals": rules.breaker_reversals, "failures": _FEWEST_FAILURES})
    if wrong.reversed < rules.breaker_reversals and wrong.failed < _FEWEST_FAILURES:
        return  # too few on the whole platform: too few in every part of it
    stopped = {(pause.scope, pause.target) for pause in open_pauses(uow.connection)}
    values = {
        **bounds,
        "window": rules.breaker_window,
        "failure_window": rules.breaker_failure_window,
    }
    scopes = [
        (scope, target, _window(scope, stopped), {**values, "target": target})
        for scope, target in (
            ("staff", enforcement.placed_by),
            ("team", enforcement.team),
            ("platform", enforcement.platform),
        )
        if target and target != SYSTEM and (scope, target) not in stopped
    ]
    uow.ahead([(window.counts, given) for _, _, window, given in scopes])
    for scope, target, window, given in scopes:
        counts = window.counts.first(uow.connection, given)
        too_many_reversed = counts.reversed >= max(
            rules.breaker_reversals, rules.breaker_reversal_share * counts.executed
        )
        too_many_failed = counts.failed >= max(_FEWEST_FAILURES, rules.breaker_failure_share * counts.last)
        if not (too_many_reversed or too_many_failed):
            continue
        why = (
            f"{counts.reversed} of the last {counts.executed} were reversed"
            if too_many_reversed
            else f"{counts.failed} of the last {counts.last} failed"
        )
        pause = Pause(
            id=uow.ids.new(), scope=scope, target=target, by=SYSTEM, at=uow.now, because=f"The breaker: {why}."
        )
        uow.record("breaker.tripped", by=SYSTEM, platform=enforcement.platform, about=pause.id, puts=(pause,))
        accounts = tuple(dict.fromkeys(row.account for row in window.accounts.all(uow.connection, given)))
        open_incident(
            uow,
            platform=enforcement.platform,
            kind="breaker",
            accounts=accounts,
            enforcements=(enforcement.id,),
            about=target if scope == "staff" else "",
            summary=f"The breaker stopped one {scope}: {why}.",
        )
        return


def _at_most(limit: str, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Return how many went wrong on a platform, counted no further than the limit."""
    found = (
        sa.select(_table.id)
        .where(
            _table.platform == sa.bindparam("platform"),
            tables.enforcement_went_wrong,
            _table.placed_at > sa.bindparam("since", type_=_table.placed_at.type),
            *where,
        )
        .limit(sa.bindparam(limit, type_=sa.Integer))
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(found).scalar_subquery()


_WRONG = Fast(
    sa.select(
        _at_most("reversals", _table.state.in_(("restoring", "restored")), _table.because != "expired").label(
            "reversed"
        ),
        _at_most("failures", _table.state == "failed").label("failed"),
    )
)


@dataclass(frozen=True, slots=True)
class _Window:
    """The last enforcements of a scope that were executed: how many went wrong, and on whom."""

    counts: Fast
    accounts: Fast


_WAS_REVERSED = sa.and_(_table.state.in_(("restoring", "restored")), _table.because != "expired")
_BOUND: dict[str, Any] = {
    "platform": sa.bindparam("platform"),
    "target": sa.bindparam("target"),
    "since": sa.bindparam("since", type_=_table.placed_at.type),
    "window": sa.bindparam("window", type_=sa.Integer),
    "failure_window": sa.bindparam("failure_window", type_=sa.Integer),
}


def _recent(scope: str, given: Mapping[str, Any], people: frozenset[str], teams: frozenset[str]) -> sa.Subquery:
    """Return the last executed enforcements of a scope, those people and teams left out."""
    target = {"staff": _table.placed_by, "team": _table.team, "platform": _table.platform}[scope]
    where = [
        _table.platform == given["platform"],
        target == given["target"],
        _table.severity > 0,
        _table.state.in_(_EXECUTED),
        _table.legal_basis.is_(None),
        _table.placed_at > given["since"],
    ]
    if people:
        where.append(_table.placed_by.not_in(sorted(people)))
    if teams:
        where.append(_table.team.not_in(sorted(teams)))
    return (
        sa.select(
            _table.account,
            _table.placed_at,
            sa.case((_WAS_REVERSED, 1), else_=0).label("reversed"),
            sa.case((_table.state == "failed", 1), else_=0).label("failed"),
            sa.func.row_number().over(order_by=_table.placed_at.desc()).label("place"),
        )
        .where(*where)
        .order_by(_table.placed_at.desc())
        .limit(given["window"])
        .subquery()
    )


def _counts(recent: sa.Subquery, failure_window: Any) -> sa.Select[*tuple[Any, ...]]:
    """Return how many were executed and reversed, and of the last how many failed."""
    last = recent.c.place <= failure_window

    def number(condition: sa.ColumnElement[bool], name: str) -> sa.Label[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0).label(name)

    return sa.select(
        sa.func.count().label("executed"),
        number(last, "last"),
        number(recent.c.reversed == 1, "reversed"),
        number(sa.and_(last, recent.c.failed == 1), "failed"),
    ).select_from(recent)


@lru_cache(maxsize=64)
def _window_without(scope: str, people: frozenset[str], teams: frozenset[str]) -> _Window:
    """Return the window of a scope, those people and teams left out."""
    recent = _recent(scope, _BOUND, people, teams)
    failed = sa.and_(recent.c.place <= _BOUND["failure_window"], recent.c.failed == 1)
    return _Window(
        counts=Fast(_counts(recent, _BOUND["failure_window"])),
        accounts=Fast(
            sa.select(recent.c.account)
            .where(sa.or_(recent.c.reversed == 1, failed))
            .order_by(recent.c.failed, recent.c.placed_at.desc())
        ),
    )


def _left_out(scope: str, stopped: set[tuple[str, str]]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the people and the teams that are stopped already: they count towards no wider stop."""
    people = frozenset(target for kind, target in stopped if kind == "staff" and scope != "staff")
    teams = frozenset(target for kind, target in stopped if kind == "team" and scope == "platform")
    return people, teams


def _window(scope: str, stopped: set[tuple[str, str]]) -> _Window:
    return _window_without(scope, *_left_out(scope, stopped))


# How near it is, for people to see -----------------------------------------------------------

#: Of those who are not stopped and whose enforcements went wrong, so many are told of.
_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """How near the breaker is to stopping one person, team or platform, on one platform.

    It stops at ``reversals`` reversed, or ``failures`` failed; ``executed`` and ``last`` are what each is counted of.
    """

    platform: str
    scope: str
    target: str
    executed: int
    reversed: int
    reversals: int
    last: int
    failed: int
    failures: int
    stopped: bool

    @property
    def share(self) -> float:
        """How far it is: 1 stops."""
        return min(1.0, max(self.reversed / self.reversals, self.failed / self.failures))


def how_near(connection: sa.Connection, config: Config, now: datetime) -> list[Near]:
    """Return every platform, and the people and teams at half of what stops them or beyond; the nearest first.

    Three statements, however many there are.
    """
    rules, since = config.rules, now - timedelta(days=7)
    platforms = sorted(name for name, entry in config.platforms.items() if entry.active)
    if not platforms:
        return []
    stopped = {(pause.scope, pause.target) for pause in open_pauses(connection)}
    wrong = connection.execute(
        sa.select(
            _table.platform,
            _table.placed_by,
            _table.team,
            sa.func.sum(sa.case((_WAS_REVERSED, 1), else_=0)).label("reversed"),
            sa.func.sum(sa.case((_table.state == "failed", 1), else_=0)).label("failed"),
        )
        .where(
            _table.platform.in_(platforms),
            tables.enforcement_went_wrong,
            _table.placed_at > since,
            _table.legal_basis.is_(None),
        )
        .group_by(_table.platform, _table.placed_by, _table.team)
    ).all()
    found: dict[tuple[str, str, str], list[int]] = {}
    for row in wrong:
        for scope, target in (("staff", row.placed_by), ("team", row.team)):
            if target and target != SYSTEM:
                counted = found.setdefault((row.platform, scope, target), [0, 0])
                counted[0] += int(row.reversed)
                counted[1] += int(row.failed)
    half = {
        key: max(reversals / rules.breaker_reversals, failures / _FEWEST_FAILURES)
        for key, (reversals, failures) in found.items()
    }
    told = sorted((key for key, share in half.items() if share >= 0.5), key=lambda key: (-half[key], key))[:_TOLD]
    scopes = [*((name, "platform", name) for name in platforms), *told]
    selects: list[sa.Select[*tuple[Any, ...]]] = []
    for place, (platform, scope, target) in enumerate(scopes):
        given = {
            "platform": platform,
            "target": target,
            "since": since,
            "window": rules.breaker_window,
        }
        counts = _counts(_recent(scope, given, *_left_out(scope, stopped)), rules.breaker_failure_window).subquery()
        selects.append(sa.select(sa.literal_column(str(place), sa.Integer).label("at"), *counts.c))
    made: list[Near] = []
    for row in connection.execute(sa.union_all(*selects)):
        platform, scope, target = scopes[int(row.at)]
        made.append(
            Near(
                platform=platform,
                scope=scope,
                target=target,
                executed=int(row.executed),
                reversed=int(row.reversed),
                reversals=max(rules.breaker_reversals, ceil(rules.breaker_reversal_share * row.executed)),
                last=int(row.last),
                failed=int(row.failed),
                failures=max(_FEWEST_FAILURES, ceil(rules.breaker_failure_share * row.last)),
                stopped=(scope, target) in stopped,
            )
        )
    return sorted(made, key=lambda one: (one.scope != "platform", -one.share, one.platform, one.scope, one.target))
