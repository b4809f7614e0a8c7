"""The three statements that facts are gathered with: an account's history, what somebody did, what everybody did.

Each is one exchange with the database and finds its rows by an index. What
everybody did is counted last, once nobody else can add to it (`flow.place`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.flow.app import Config
from gardefou.people.actor import Actor
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)
WEEK = timedelta(days=7)
#: How long a top-up lasts.
TOPPED = HOUR
#: What is counted in each scope.
COUNTS = ("all", "severity3", "severity4", "reach")
#: From this severity on teams and platforms are counted, unless a net reads all of theirs.
GRAVE = 3

_e = tables.enforcement.c
_WITH_EFFECT = frozenset({"executing", "unknown", "in_force", "restoring", "restored"})


def _instant(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=_e.placed_at.type)


# An account's history ----------------------------------------------------------------------

_a = tables.approval.c
_HISTORY = Fast(
    sa.select(
        _e.action,
        _e.state,
        _e.severity,
        _e.content,
        _e.placed_by,
        _e.placed_at,
        _e.humans,
        sa.and_(_e.approve_by.is_not(None), _e.approved_at.is_(None)).label("unapproved"),
        sa.select(sa.func.aggregate_strings(_a.by, "\n"))
        .where(_a.platform == _e.platform, _a.enforcement_id == _e.id, _a.answer == "yes")
        .scalar_subquery()
        .label("approved_by"),
    ).where(
        _e.platform == sa.bindparam("platform"),
        _e.account == sa.bindparam("account"),
        # What was placed long ago and undone lately counts from when it was undone.
        sa.or_(_e.placed_at > _instant("since"), _e.ended_at > _instant("since")),
    )
)


@dataclass(frozen=True, slots=True)
class Past:
    """One enforcement on an account that was placed or ended in the last 30 days, as far as facts need it."""

    action: str
    state: str
    severity: int
    content: tuple[str, ...]
    placed_by: str
    placed_at: datetime
    humans: tuple[str, ...]
    #: Whether it waits for another person still.
    unapproved: bool
    approved_by: str | None

    def counts_as_effect(self, now: datetime) -> bool:
        """Whether it may yet have an effect by itself, or was placed in the last 24 hours and had one.

        What waits for another person does nothing by itself: it uses none of what is free (R7, R13).
        """
        if self.state == "waiting" and self.unapproved:
            return False
        if self.state in {"waiting", "ready", "executing", "unknown"}:
            return self.placed_at > now - MONTH
        return self.placed_at > now - DAY and self.state not in {"refused", "cancelled", "lapsed", "failed"}

    def counts_as_restore(self, now: datetime) -> bool:
        """Whether a person restored the account with it."""
        withdrawn = {"refused", "cancelled", "lapsed", "waiting", "failed"}
        by_a_person = self.action == Action.RESTORE and self.placed_by != "system"
        return by_a_person and self.state not in withdrawn and self.placed_at > now - MONTH

    def involves(self, person: str) -> bool:
        """Whether this person placed or approved it, or is behind it, and it had an effect (R16)."""
        if self.state not in _WITH_EFFECT:
            return False
        return person == self.placed_by or person in self.humans or person in (self.approved_by or "").split("\n")


def history(uow: UnitOfWork, platform: str, account: str) -> list[Past]:
    """Return what was placed on an account, or ended, in the last 30 days."""
    statement, values = history_ahead(uow, platform, account)
    return [Past(*row) for row in statement.all(uow.connection, values)]


def history_ahead(uow: UnitOfWork, platform: str, account: str) -> Read:
    """Return what `history` will read."""
    return _HISTORY, {"platform": platform, "account": account, "since": uow.now - MONTH}


# What somebody did, and the moment --------------------------------------------------------

_p, _r, _t, _c = tables.pause.c, tables.raid.c, tables.top_up.c, tables.case.c
_STOPPED_WITH = ("who", "owner", "issuer")
_STOPPED = (
    sa.select(sa.literal_column("1", sa.Integer))
    .where(
        tables.pause_open,
        sa.or_(
            _p.scope == "all",
            # A service is stopped with whoever owns it or issued its token (R6).
            sa.and_(_p.scope == "staff", _p.target.in_([sa.bindparam(one, type_=sa.Text) for one in _STOPPED_WITH])),
            sa.and_(_p.scope == "team", _p.target == sa.bindparam("team", type_=sa.Text)),
            sa.and_(_p.scope == "platform", _p.target == sa.bindparam("platform", type_=sa.Text)),
        ),
    )
    .exists()
    .label("paused")
)
_RAIDED = (
    sa.select(sa.literal_column("1", sa.Integer))
    .where(_r.until > _instant("now"), _r.ended_at.is_(None))
    .exists()
    .label("raid")
)
_MOMENT = Fast(sa.select(_STOPPED, _RAIDED))


def _number(value: int) -> sa.ColumnElement[int]:
    """Return a number that stands in the statement itself: fewer parameters, and the same text for all."""
    return sa.literal_column(str(value), sa.Integer)


def _flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, _number(1)), else_=_number(0))


def _counted(kind: int, in_hour: sa.ColumnElement[bool], in_day: sa.ColumnElement[bool], *where: Any) -> sa.Select[Any]:
    """Return how many there were, and their reach, by severity and span: a few rows, summed up here.

    (Eight sums over conditions say the same, and took SQLite three times as long to read, compute and answer.)
    """
    columns = (_number(kind), _e.severity, _flag(in_hour), _flag(in_day), sa.func.count(), sa.func.sum(_e.reach))
    places = [_number(place) for place in (2, 3, 4)]
    return (
        sa.select(*(column.label(f"c{place}") for place, column in enumerate(columns))).where(*where).group_by(*places)
    )


_DONE_KIND, _DUE_KIND, _NOW_KIND = 0, 1, 2
# A person's budget is for what they do alone: what another person answers for is not counted.
_ALONE = (_e.placed_by == sa.bindparam("who", type_=sa.Text), _e.approve_by.is_(None), _e.severity > _number(0))
_DONE = _counted(
    _DONE_KIND,
    _e.placed_at > _instant("hour"),
    sa.true(),
    *_ALONE,
    _e.placed_at > _instant("day"),
    _e.state != "refused",
)
# What was placed before and is to run about when this one is: placed a few at a time, it counts when it bunches.
_DUE = _counted(
    _DUE_KIND,
    sa.and_(
        _e.placed_at <= _instant("hour"), _e.execute_at > _instant("hour_from"), _e.execute_at < _instant("hour_to")
    ),
    _e.placed_at <= _instant("day"),
    *_ALONE,
    tables.enforcement_scheduled,
    _e.execute_at > _instant("day_from"),
    _e.execute_at < _instant("day_to"),
    _e.state.not_in(("refused", "cancelled", "lapsed", "failed")),
)
_TOPPED_UP = (
    sa.select(_number(1)).where(_t.staff_id == sa.bindparam("who", type_=sa.Text), _t.at > _instant("topped")).exists()
)
_REVERSED = (
    sa.select(sa.func.count())
    .where(
        _e.placed_by == sa.bindparam("who", type_=sa.Text),
        _e.placed_at > _instant("week"),
        _e.state.in_(("restoring", "restored")),
    )
    .scalar_subquery()
)


def _fewest_reports(items: int) -> sa.ColumnElement[Any]:
    """Return how many open reports the least reported of so many items has."""
    totals = (
        sa.select(sa.func.sum(_c.reports).label("reports"))
        .where(
            _c.platform == sa.bindparam("platform", type_=sa.Text),
            # Under the name that the platform knows it by, or the one that the reports gave.
            _c.account.in_([sa.bindparam("account", type_=sa.Text), sa.bindparam("subject", type_=sa.Text)]),
            _c.content.in_([sa.bindparam(f"item_{place}", type_=sa.Text) for place in range(items)]),
            tables.case_open,
        )
        .group_by(_c.content)
        .subquery("totals")
    )
    fewest = sa.case((sa.func.count() < _number(items), _number(0)), else_=sa.func.min(totals.c.reports))
    return sa.select(fewest).select_from(totals).scalar_subquery()


def fewest_of_others(
    uow: UnitOfWork, actor: Actor, platform: str, accounts: tuple[str, ...], items: tuple[str, ...]
) -> int:
    """Return how many open reports of others than whoever acts the least reported of these items has (R7).

    For a service neither its own count nor those of the people behind it (R6).
    """
    event = tables.event.c
    open_cases = (tables.case_open, _c.platform == platform, _c.account.in_(accounts), _c.content.in_(items))
    totals = sa.select(_c.content, sa.func.sum(_c.reports)).where(*open_cases).group_by(_c.content)
    own = (
        sa.select(_c.content, sa.func.count())
        .select_from(
            tables.case.join(tables.event, sa.and_(event.platform == _c.platform, event.about == _c.id)),
        )
        .where(*open_cases, tables.event_has_about, event.kind == "report.taken", event.by.in_(sorted(actor.one_with)))
        .group_by(_c.content)
    )
    left = dict.fromkeys(items, 0)
    for sign, statement in ((1, totals), (-1, own)):
        for item, number in uow.connection.execute(statement):
            left[item] += sign * int(number)
    return min(left.values())


@lru_cache(maxsize=64)
def _own(items: int, *, reversals: bool) -> Fast:
    now = (
        _number(_NOW_KIND),
        _flag(_STOPPED.element),
        _flag(_RAIDED.element),
        _flag(_TOPPED_UP),
        _REVERSED if reversals else _number(0),
        _fewest_reports(items) if items else _number(0),
    )
    state = sa.select(*(column.label(f"c{place}") for place, column in enumerate(now)))
    return Fast(sa.select(*sa.union_all(_DONE, _DUE, state).subquery("own").c))


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What somebody did by themselves lately, and how things stand at this moment."""

    #: `COUNTS` of the last hour, then of the last 24: done then, or to be done about when this one is.
    counts: tuple[int, ...]
    paused: bool
    raid: bool
    #: Whether their budget is topped up.
    topped: bool
    reversed_7d: int = 0
    fewest_reports: int = 0


def own(uow: UnitOfWork, read: Read) -> Own:
    """Return what `own_ahead` named."""
    statement, values = read
    hour, day = [0, 0, 0, 0], [0, 0, 0, 0]
    rows = statement.all(uow.connection, values)
    for kind, severity, in_hour, in_day, count, reach in rows:
        if kind == _NOW_KIND:
            continue
        if in_hour:
            _add(hour, severity, int(count), int(reach))
        if in_day:
            _add(day, severity, int(count), int(reach))
    [(_, paused, raid, topped, reversed_7d, reports)] = [row for row in rows if row[0] == _NOW_KIND]
    return Own(
        counts=(*hour, *day),
        paused=bool(paused),
        raid=bool(raid),
        topped=bool(topped),
        reversed_7d=int(reversed_7d),
        fewest_reports=int(reports),
    )


def _add(counts: list[int], severity: int, count: int, reach: int) -> None:
    counts[0] += count
    if severity >= GRAVE:
        counts[1] += count
        counts[3] += reach
    if severity > GRAVE:
        counts[2] += count


def own_ahead(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    platform: str,
    *,
    runs_at: datetime | None = None,
    account: str = "",
    subject: str = "",
    content: tuple[str, ...] = (),
) -> Read:
    """Return what `own` will read: of this person or service, for an act that runs at ``runs_at`` (now)."""
    now = uow.now
    at = max(runs_at or now, now)
    values: dict[str, Any] = {
        **_moment_values(uow, actor, platform),
        "hour": now - HOUR,
        "day": now - DAY,
        "hour_from": at - HOUR,
        "hour_to": at + HOUR,
        "day_from": at - DAY,
        "day_to": at + DAY,
        "topped": now - TOPPED,
    }
    reversals = "recent.actor_reversed_7d" in config.facts_read
    if reversals:
        values["week"] = now - WEEK
    items = tuple(dict.fromkeys(content))
    if items:
        values |= {"account": account, "subject": subject or account}
        values |= {f"item_{place}": item for place, item in enumerate(items)}
    return _own(len(items), reversals=reversals), values


def moment(uow: UnitOfWork, actor: Actor, platform: str) -> tuple[bool, bool]:
    """Return whether this actor is stopped now, and whether there is a raid."""
    row = _MOMENT.first(uow.connection, _moment_values(uow, actor, platform))
    return bool(row.paused), bool(row.raid)


def moment_ahead(uow: UnitOfWork, actor: Actor, platform: str) -> Read:
    """Return what `moment` will read."""
    return _MOMENT, _moment_values(uow, actor, platform)


def _moment_values(uow: UnitOfWork, actor: Actor, platform: str) -> dict[str, Any]:
    behind = (actor.id,) if actor.human or not actor.humans else actor.humans
    values = {"who": actor.id, "owner": behind[0], "issuer": behind[-1]}
    return {**values, "team": _team(actor), "platform": platform, "now": uow.now}


def _team(actor: Actor) -> str:
    return actor.staff.team if actor.staff else ""


# What everybody did ----------------------------------------------------------------------

_TEAM_FACTS = frozenset(f"recent.team_1h.{name}" for name in COUNTS)
_PLATFORM_FACTS = frozenset(f"recent.platform_1h.{name}" for name in COUNTS)
_WIDE_FACTS = frozenset({"recent.team_1h.all", "recent.platform_1h.all"})


@lru_cache(maxsize=8)
def _everybody(*, team: bool, wide: bool) -> Fast:
    """Return the statement: a row for each severity, of the platform and, where asked for, of the team."""
    severities = (1, 2, 3, 4, 5) if wide else (3, 4, 5)
    counted = (
        _e.platform == sa.bindparam("platform", type_=sa.Text),
        _e.severity.in_([_number(severity) for severity in severities]),
        _e.placed_at > _instant("hour"),
        _e.state != "refused",
    )

    def of(scope: int, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        columns = (_number(scope), _e.severity, sa.func.count(), sa.func.sum(_e.reach))
        return (
            sa.select(*(column.label(f"c{place}") for place, column in enumerate(columns)))
            .where(*counted, *where)
            .group_by(_e.severity)
        )

    if not team:
        return Fast(of(0))
    own_team = of(1, _e.team == sa.bindparam("team", type_=sa.Text))
    return Fast(sa.select(*sa.union_all(of(0), own_team).subquery("everybody").c))


def counted_from(config: Config) -> int | None:
    """Return the severity from which a team's or platform's budget counts, None where no net asks for one.

    Whoever places something as grave holds the platform first, so that no two count the same.
    """
    read = config.facts_read
    if read.isdisjoint(_TEAM_FACTS | _PLATFORM_FACTS):
        return None
    return GRAVE if read.isdisjoint(_WIDE_FACTS) else 1


def everybody_ahead(uow: UnitOfWork, config: Config, actor: Actor, platform: str) -> Read | None:
    """Return what `everybody` will read; None where no net asks for it."""
    least = counted_from(config)
    if least is None:
        return None
    team = _team(actor)
    values = {"platform": platform, "hour": uow.now - HOUR}
    with_team = bool(team) and not config.facts_read.isdisjoint(_TEAM_FACTS)
    return _everybody(team=with_team, wide=least < GRAVE), values | ({"team": team} if with_team else {})


def everybody(uow: UnitOfWork, read: Read | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the `COUNTS` of the last hour: the platform's and the team's, zeros where no net asks for them."""
    by_platform, by_team = [0, 0, 0, 0], [0, 0, 0, 0]
    if read is not None:
        statement, values = read
        for scope, severity, count, reach in statement.all(uow.connection, values):
            _add(by_team if scope else by_platform, severity, int(count), int(reach))
    return tuple(by_platform), tuple(by_team)
