"""The queue on a platform with a long past: taking the next case, and the first page of every way to read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gardefou.bench.install import installed
from gardefou.bench.measured import percentile
from gardefou.bench.pages import analyse, size_of
from gardefou.bench.past import long_past
from gardefou.flow.cases import list_cases, next_case
from gardefou.flow.queue_reading import claims, queue_counts

_TURNS = 40


def queue_times(url: str, folder: Path, *, cases: int) -> dict[str, float]:
    """Return the median of milliseconds of each way to read the queue, one in a hundred of so many cases open.

    Cases have their reports, decisions and accounts. Enforcements and events,
    which no reading of the queue touches, are left out: ten million fit a disk.
    """
    with installed(url, folder, people=_TURNS + 2, accounts=3) as made:
        app, size = made.app, replace(size_of(cases), whole=False)
        long_past(app, made.reporter(), made.person(0), made.person(1), ("a0", "a1", "a2"), size)
        analyse(made)
        people = [made.person(place) for place in range(_TURNS)]

        def reading(queue: str | None, state: str | None = "open") -> None:
            with app.works.read() as connection:
                list_cases(connection, now=app.now(), queue=queue, state=state)

        def counting() -> None:
            with app.works.read() as connection:
                queue_counts(connection, ("general", "spam", "urgent"), app.now())
                claims(connection, app.now())

        ways: dict[str, Callable[[int], object]] = {
            "next, of one queue": lambda turn: next_case(app, people[turn], "spam"),
            "next, over all queues": lambda turn: next_case(app, people[turn]),
            "a page of one queue": lambda _: reading("spam"),
            "a page of all queues": lambda _: reading(None),
            "a page of closed cases": lambda _: reading(None, "closed"),
            "a page of one queue, open or closed": lambda _: reading("spam", None),
            "the counts of all queues": lambda _: counting(),
        }
        return {name: percentile(_timed(way, range(_TURNS)), 0.5) for name, way in ways.items()}


def _timed(way: Callable[[int], object], turns: Sequence[int]) -> list[float]:
    way(0)
    took: list[float] = []
    for turn in turns:
        begun = time.perf_counter()
        way(turn)
        took.append((time.perf_counter() - begun) * 1000)
    return took
