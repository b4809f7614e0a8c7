"""What a benchmark hands back: figures with their unit, what they are held against, and what bounds them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: Of these less is better.
_LESS = ("ms", "s", "KiB/min")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure.

    ``aim`` is the figure that was aimed for, in ``unit``; ``against`` what the
    machine, its database and the server do by themselves in the same run, by
    the name of the yardstick and in ``unit``.
    """

    name: str
    database: str
    value: float
    unit: str
    against: Mapping[str, float] = field(default_factory=dict[str, float])
    aim: float | None = None
    note: str = ""
    bound: str = ""
    #: One of many alike, which the plot of the aims leaves out.
    alike: bool = False

    @property
    def less(self) -> bool:
        """Whether less is better."""
        return self.unit in _LESS

    @property
    def kept(self) -> bool | None:
        """Whether the aim is reached; None where there is none."""
        if self.aim is None:
            return None
        return self.value <= self.aim if self.less else self.value >= self.aim

    @property
    def ratios(self) -> dict[str, float]:
        """The figure as a multiple of each yardstick."""
        return {name: self.value / value for name, value in self.against.items() if value}

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        found = {**asdict(self), "against": dict(self.against)}
        return {**found, "ratios": self.ratios, "less_is_better": self.less, "kept": self.kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A benchmark that could not run here, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line of a plot: what it is of, and its points."""

    plot: str
    name: str
    points: tuple[tuple[float, float], ...]


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
    """Return a figure with as many digits as mean something: 1,234, 56.7, 1.23 or 0.0123."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}" if value < 0.1 else f"{value:.2f}"
