"""Where time comes from: one protocol, the machine's clock, and one that is told.

Nothing else in Gardefou asks the machine for the time (R18), so that a whole
incident replays in milliseconds, the same each time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A step of the machine's clock is followed at this fraction of the time that passes.
_FOLLOWED = 1_000
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class SystemClock:
    """The machine's own clock as it was at the start, going on with the time that really passes.

    Whoever sets the machine's clock while a process runs, forwards or back,
    ends no hold sooner and lengthens nobody's last day: a step is followed at
    a thousandth of the time that passes. Time in which the machine sleeps
    passes. A process that is started afterwards takes the clock as it is then.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, passed: Callable[[], int] | None = None) -> None:
        self._wall = wall
        self._passed = passed or _passed
        self._lock = threading.Lock()
        self._at = self._passed()
        self._now = self._wall()

    def now(self) -> datetime:
        """Return the present moment in UTC; never earlier than at the call before."""
        with self._lock:
            passed = self._passed()
            elapsed, self._at = passed - self._at, passed
            behind = self._wall() - (self._now + elapsed)
            most = elapsed // _FOLLOWED
            self._now += elapsed + max(-most, min(most, behind))
            nanos = self._now
        return EPOCH + timedelta(microseconds=nanos // 1_000)

    @property
    def stepped(self) -> timedelta:
        """By how much the machine's clock is ahead of this one: what it was set by while the process ran."""
        self.now()
        return timedelta(microseconds=(self._wall() - self._now) // 1_000)


def _passed() -> int:
    """Return nanoseconds that pass whatever the clock is set to, and while the machine sleeps."""
    return time.clock_gettime_ns(_BOOTTIME) if _BOOTTIME is not None else time.monotonic_ns()


class SimulatedClock:
    """A clock that stands still until it is moved; it never runs back."""

    def __init__(self, at: datetime) -> None:
        self._now = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment it was last moved to."""
        return self._now

    def advance_to(self, at: datetime) -> None:
        """Move to ``at``; moving back is ignored, as time never runs back."""
        self._now = max(self._now, at.astimezone(UTC))

    def advance(self, by: timedelta) -> None:
        """Move forward by ``by``."""
        self.advance_to(self._now + by)


def to_micros(at: datetime) -> int:
    """Return microseconds since 1970 UTC: how every instant is stored."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """Return the instant stored as microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=micros)


def rfc3339(at: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, as every answer does."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
