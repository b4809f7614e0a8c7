"""What a benchmark hands back: figures with their unit, what they are held against, and what bounds them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure.

    ``floor`` is what a plain INSERT does on the same database in the same run,
    in rows a second; ``aim`` the figure that was aimed for, in ``unit``.
    """

    name: str
    database: str
    value: float
    unit: str
    floor: float | None = None
    aim: float | None = None
    note: str = ""
    bound: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure as a multiple of the floor, where it has one."""
        return self.value / self.floor if self.floor else None

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A benchmark that could not run here, and why."""

    name: str
    why: str


#: Says what is being measured, while it is.
Say = Callable[[str], None]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least that share of all values does not exceed.

    Raises:
        statistics.StatisticsError: there are no values.
    """
    if not values:
        raise statistics.StatisticsError("no values")
    ordered = sorted(values)
    place = max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))
    return ordered[place]


def number(value: float) -> str:
    """Return a figure with as many digits as mean something: 1,234, 56.7 or 0.123."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
