"""Reading the queues as a whole: how much waits in each, what is late, and who works on what.

Counts stop at `MOST`: past that a page says *over 1,000*, and reads no more
rows for it however many wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Case
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.storage.types import Instant

#: A count that has reached it may be more.
MOST = 1_000
#: Claims that are shown.
MOST_CLAIMS = 60

_c = tables.case.c
_OPEN = tables.case_open
_NOW = sa.bindparam("now", type_=Instant)


def _queues(which: sa.ColumnElement[bool]) -> sa.Select[tuple[str]]:
    """Return the names of all queues with such cases, one step along the index for each."""
    first = sa.select(sa.func.min(_c.queue).label("queue")).where(which)
    found = first.cte("queues", recursive=True)
    after = sa.select(sa.func.min(_c.queue)).where(which, _c.queue > found.c.queue).scalar_subquery()
    found = found.union_all(sa.select(after).where(found.c.queue.is_not(None)))
    return sa.select(found.c.queue).where(found.c.queue.is_not(None))


_OPEN_QUEUES = _queues(_OPEN)
_CLOSED_QUEUES = _queues(tables.case_not_open)


def open_queues(connection: sa.Connection) -> list[str]:
    """Return the queues that have open cases, sorted."""
    return [str(row.queue) for row in connection.execute(_OPEN_QUEUES)]


def closed_queues(connection: sa.Connection) -> list[str]:
    """Return the queues that have closed cases, sorted."""
    return [str(row.queue) for row in connection.execute(_CLOSED_QUEUES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCount:
    """How one queue stands. Counts go up to `MOST`; ``first_due`` is the clock that ran, or runs, out first."""

    queue: str
    waiting: int
    late: int
    in_hand: int
    first_due: datetime | None


def queue_counts(connection: sa.Connection, queues: Sequence[str], now: datetime) -> list[QueueCount]:
    """Return how each of these queues stands, in one query."""
    if not queues:
        return []
    rows = connection.execute(_counts(tuple(queues)), {"now": now})
    return [
        QueueCount(queue=row.queue, waiting=row.waiting, late=row.late, in_hand=row.in_hand, first_due=row.first_due)
        for row in rows
    ]


@lru_cache(maxsize=32)
def _counts(queues: tuple[str, ...]) -> sa.CompoundSelect[*tuple[Any, ...]]:
    def up_to(*where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        some = sa.select(sa.literal(1, literal_execute=True)).where(_OPEN, *where).limit(MOST).subquery()
        return sa.select(sa.func.count()).select_from(some).scalar_subquery()

    parts: list[sa.Select[*tuple[Any, ...]]] = []
    for queue in queues:
        here = _c.queue == queue
        due = sa.select(sa.func.min(_c.due_at)).where(_OPEN, here).scalar_subquery()
        parts.append(
            sa.select(
                sa.literal(queue).label("queue"),
                up_to(here).label("waiting"),
                up_to(here, _c.due_at < _NOW).label("late"),
                up_to(tables.case_claimed, _c.claimed_until > _NOW, here).label("in_hand"),
                sa.type_coerce(due, Instant).label("first_due"),
            )
        )
    return sa.union_all(*parts)


def claims(connection: sa.Connection, now: datetime) -> list[Case]:
    """Return the cases that people have in hand now, the claims that end first first; `MOST_CLAIMS` at most."""
    statement = (
        sa.select(tables.case)
        .where(tables.case_claimed, _c.claimed_until > now)
        .order_by(_c.claimed_until)
        .limit(MOST_CLAIMS)
    )
    return fetch_all(connection, Case, statement)
