"""How the days went, in figures: what came in, what was decided, kept, undone, asked for and waited for.

Everything is counted by the quarter of an hour within an index and kept in
memory once that quarter is over, so that thirty days of a large platform are
counted once a process and afterwards only what is new. Quarters, because
every time zone's hours and days begin with one.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from gardefou.clock import from_micros, to_micros
from gardefou.domain.records import SYSTEM
from gardefou.flow.app import App
from gardefou.flow.friction import ASKED, WEEK, Friction
from gardefou.storage import tables

_QUARTER = 900_000_000
_MICRO = timedelta(microseconds=1)
#: A quarter is over for good so long after its end: what was under way has been committed.
_SETTLED = timedelta(minutes=5)
#: What is kept at most: the longest span and a day for time zones.
_KEPT = timedelta(days=32)
#: Milliseconds from the click to the platform's confirmation are told by these steps.
STEPS = (100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 600_000)
_UNCONFIRMED = len(STEPS) + 1

_r, _c, _d, _e = tables.report.c, tables.case.c, tables.decision.c, tables.enforcement.c


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time that figures are shown over: so many steps of so many hours."""

    name: str
    steps: int
    hours: int


SPANS = {one.name: one for one in (Span("24h", 24, 1), Span("7d", 28, 6), Span("30d", 30, 24))}


def boundaries(span: Span, now: datetime, zone: tzinfo) -> list[datetime]:
    """Return the moments between which is counted, the present step last: whole hours and days of that time zone."""
    here = now.astimezone(zone)
    if span.hours == 1:
        end = here.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return [(end.astimezone(now.tzinfo) - timedelta(hours=back)) for back in range(span.steps, -1, -1)]
    start = here.replace(hour=here.hour - here.hour % span.hours, minute=0, second=0, microsecond=0)
    # Steps of the clock on the wall: a day has 23 or 25 hours twice a year.
    return [
        (start + timedelta(hours=span.hours * (1 - back))).astimezone(now.tzinfo) for back in range(span.steps, -1, -1)
    ]


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was counted from one moment to the next."""

    since: datetime
    until: datetime
    counts: Mapping[str, int]

    def of(self, name: str) -> int:
        """Return one count; see `Figures.over` for their names."""
        return self.counts.get(name, 0)

    def restored_within(self, share: float) -> int | None:
        """Return in how many milliseconds at most that share of restores was confirmed; None where none was."""
        steps = [self.of(f"restored:{place}") for place in range(len(STEPS) + 1)]
        total, seen = sum(steps), 0
        for place, count in enumerate(steps):
            seen += count
            if total and seen >= share * total:
                return STEPS[min(place, len(STEPS) - 1)]
        return None


@dataclass(slots=True)
class Figures:
    """The figures of one node's store, with what it remembers of quarters that are over."""

    app: App
    _counts: dict[int, Counter[str]] = field(default_factory=dict[int, "Counter[str]"])
    #: The quarters from the first to before the second are counted for good.
    _known: tuple[int, int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self, connection: sa.Connection, marks: Sequence[datetime]) -> list[Bucket]:
        """Return the counts between each two marks, which are in sequence.

        ``reports``, ``cases`` (opened), ``kept`` and ``late`` (cases closed in
        time or not), ``no_violation`` and ``violation`` (decisions), ``placed``
        (enforcements that harm), ``reversed`` (restores by people),
        ``restored:N`` (by step of `STEPS`), ``asked`` (decisions of which nets
        asked anything), and by net ``net:ID`` and ``shadow:ID``.
        """
        return _between(self._counted(connection, *_quarters(marks)), marks)

    def over_with_friction(self, connection: sa.Connection, marks: Sequence[datetime]) -> tuple[list[Bucket], Friction]:
        """Return what `over` and `friction` do, of one reading."""
        week = self._week()
        (first, end), (since, until) = _quarters(marks), _quarters(week)
        counted = self._counted(connection, min(first, since), max(end, until))
        return _between(counted, marks), _friction(_between(counted, week)[0])

    def week(self, connection: sa.Connection) -> Bucket:
        """Return the last seven days as one."""
        return self.over(connection, self._week())[0]

    def friction(self, connection: sa.Connection) -> Friction:
        """Return how often people were asked for anything in the last seven days."""
        return _friction(self.week(connection))

    def _week(self) -> list[datetime]:
        now = self.app.now()
        return [from_micros(to_micros(now - WEEK) // _QUARTER * _QUARTER), now + timedelta(seconds=1)]

    def _counted(self, connection: sa.Connection, first: int, end: int) -> list[tuple[int, Counter[str]]]:
        """Return the counts of every quarter from the first to before the end in which there was anything."""
        now = to_micros(self.app.now())
        with self._lock:
            known = self._known
            # Time that runs backwards is another store's, or a clock that was put right.
            usable = known is not None and known[0] <= first and known[1] * _QUARTER <= now
            start = known[1] if usable and known is not None else first
            fresh: dict[int, Counter[str]] = {}
            platforms = sorted(self.app.config(connection).platforms)
            for name, quarter, count in _read(connection, platforms, from_micros(start * _QUARTER)):
                fresh.setdefault(quarter, Counter())[name] += count
            if not usable:
                self._counts.clear()
            for quarter in [one for one in self._counts if one >= start]:
                del self._counts[quarter]
            self._counts.update(fresh)
            settled = max(start, (now - _SETTLED // _MICRO) // _QUARTER)
            oldest = (now - _KEPT // _MICRO) // _QUARTER
            for quarter in [one for one in self._counts if one < oldest]:
                del self._counts[quarter]
            begins = known[0] if usable and known is not None else first
            self._known = (max(begins, oldest), settled)
            return [(quarter, one) for quarter in range(first, end) if (one := self._counts.get(quarter)) is not None]


def _quarters(marks: Sequence[datetime]) -> tuple[int, int]:
    """Return the quarter in which the first mark lies, and the first after the last mark."""
    return to_micros(marks[0]) // _QUARTER, -(-to_micros(marks[-1]) // _QUARTER)


def _between(counted: Sequence[tuple[int, Counter[str]]], marks: Sequence[datetime]) -> list[Bucket]:
    """Return what was counted between each two marks; whatever lies outside of them is left out."""
    starts = [to_micros(mark) // _QUARTER for mark in marks]
    first, end = _quarters(marks)
    made: list[dict[str, int]] = [{} for _ in marks[1:]]
    for quarter, found in counted:
        if first <= quarter < end:
            into = made[min(bisect_right(starts, quarter), len(made)) - 1]
            for name, number in found.items():
                into[name] = into.get(name, 0) + number
    return [Bucket(since, until, one) for since, until, one in zip(marks, marks[1:], made, strict=False)]


def _friction(week: Bucket) -> Friction:
    return Friction(decisions=week.of("no_violation") + week.of("violation"), asked=week.of("asked"))


def _read(connection: sa.Connection, platforms: Sequence[str], since: datetime) -> Iterator[tuple[str, int, int]]:
    """Read what happened since: a name, the quarter and how many, by seven statements whatever there is."""
    statements = (
        _by_quarter(sa.literal("reports"), _r.received_at, _r.platform.in_(platforms), _r.received_at >= since),
        _by_quarter(sa.literal("cases"), _c.opened_at, _c.platform.in_(platforms), _c.opened_at >= since),
        _by_quarter(
            sa.case((_c.closed_at <= _c.due_at, "kept"), else_="late"),
            _c.closed_at,
            _c.platform.in_(platforms),
            _c.closed_at >= since,
            tables.case_closed,
        ),
        _by_quarter(_d.outcome, _d.at, _d.platform.in_(platforms), _d.at >= since),
        _by_quarter(
            sa.literal("placed"),
            _e.placed_at,
            _e.platform.in_(platforms),
            _e.severity.in_((1, 2, 3, 4, 5)),
            _e.placed_at >= since,
        ),
    )
    for statement in statements:
        for row in connection.execute(statement):
            yield str(row.name), int(row.quarter), int(row.number)
    yield from _restores(connection, platforms, since)
    yield from _spoken(connection, platforms, since)


def _by_quarter(name: sa.ColumnElement[Any], at: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> Any:
    labelled = sa.select(name.label("name"), _quarter(at).label("quarter")).where(*where).subquery()
    return sa.select(labelled.c.name, labelled.c.quarter, sa.func.count().label("number")).group_by(
        labelled.c.name, labelled.c.quarter
    )


def _quarter(at: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.type_coerce(at, sa.BigInteger) // sa.literal_column(str(_QUARTER), sa.BigInteger)


def _restores(connection: sa.Connection, platforms: Sequence[str], since: datetime) -> Iterator[tuple[str, int, int]]:
    took = sa.type_coerce(_e.in_force_at, sa.BigInteger) - sa.type_coerce(_e.placed_at, sa.BigInteger)
    step = sa.case(
        (_e.in_force_at.is_(None), _UNCONFIRMED),
        *((took <= most * 1_000, place) for place, most in enumerate(STEPS)),
        else_=len(STEPS),
    )
    statement = _by_quarter(
        step,
        _e.placed_at,
        _e.platform.in_(platforms),
        _e.severity == 0,
        _e.placed_at >= since,
        _e.action == "restore",
        _e.placed_by != SYSTEM,
        _e.state.not_in(("refused", "cancelled", "lapsed", "failed", "waiting")),
    )
    for row in connection.execute(statement):
        yield "reversed", int(row.quarter), int(row.number)
        if row.name != _UNCONFIRMED:
            yield f"restored:{row.name}", int(row.quarter), int(row.number)


def _spoken(connection: sa.Connection, platforms: Sequence[str], since: datetime) -> Iterator[tuple[str, int, int]]:
    """Count the nets that spoke: of the few enforcements on which any did, the verdicts are read."""
    statement = sa.select(
        _quarter(_e.placed_at).label("quarter"),
        _e.verdict,
        _e.decision_id,
        sa.and_(_e.decision_id.is_not(None), _e.placed_by != SYSTEM, ASKED).label("asked"),
    ).where(_e.platform.in_(platforms), _e.placed_at >= since, tables.enforcement_spoke)
    asked: set[str] = set()
    for row in connection.execute(statement):
        if row.asked and row.decision_id not in asked:
            asked.add(row.decision_id)
            yield "asked", int(row.quarter), 1
        for kind, name in (("net", "reasons"), ("shadow", "shadow")):
            for net in {reason["net"] for reason in row.verdict.get(name, ())}:
                yield f"{kind}:{net}", int(row.quarter), 1
