"""Where time comes from: one protocol, the machine's clock, and one that is told.

Nothing else in Gardefou asks the machine for the time (R18), so that a whole
incident replays in milliseconds, the same each time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


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
