"""What waits in the queues now: how many cases, how old, and how many of them late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.ids import least_at
from gardefou.storage import tables

_c = tables.case.c
#: Ages that are told apart; what is older than the last is the last band.
AGES = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24), timedelta(days=3), timedelta(days=7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The open cases of one queue. ``ages``: how many are younger than each of `AGES`, and how many older than all."""

    queue: str
    cases: int
    due_at: datetime
    late: int
    ages: tuple[int, ...]


def waiting_cases(connection: sa.Connection, now: datetime) -> list[Waiting]:
    """Return what waits, by queue: one statement, counted within the index of the queues.

    Ages are told by the cases' ids, which say when each was made.
    """
    younger = [sa.func.sum(sa.case((_c.id >= least_at(now - age), 1), else_=0)).label(f"a{n}") for n, age in _AGES]
    statement = (
        sa.select(
            _c.queue,
            sa.func.count().label("cases"),
            sa.func.min(_c.due_at, type_=_c.due_at.type).label("due_at"),
            sa.func.sum(sa.case((_c.due_at < now, 1), else_=0)).label("late"),
            *younger,
        )
        .where(tables.case_open)
        .group_by(_c.queue)
        .order_by(_c.queue)
    )
    found: list[Waiting] = []
    for row in connection.execute(statement).mappings():
        counts = [int(row[f"a{n}"]) for n, _ in _AGES]
        bands = [upper - lower for lower, upper in zip([0, *counts], [*counts, int(row["cases"])], strict=True)]
        found.append(
            Waiting(
                queue=row["queue"],
                cases=int(row["cases"]),
                due_at=row["due_at"],
                late=int(row["late"]),
                ages=tuple(bands),
            )
        )
    return found


def by_age(waiting: Sequence[Waiting]) -> list[int]:
    """Return how many cases there are of each age, over all queues."""
    return [sum(ages) for ages in zip(*(one.ages for one in waiting), strict=True)] or [0] * (len(AGES) + 1)


_AGES = tuple(enumerate(AGES))
