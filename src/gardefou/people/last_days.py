"""When a last day ends: at 23:59 where the person works, unless a time is given (M9)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gardefou.errors import InvalidInput

_DAY = len("2026-05-31")
#: A day or moment, and a time zone by name in brackets behind it, as RFC 9557 writes them.
_WITH_ZONE = re.compile(r"([0-9T:.+Zz-]{1,40})(?:\[([A-Za-z0-9_+/-]{1,60})\])?")


def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone of this name, or None where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def end_of_last_day(text: str, zone: ZoneInfo | None = None) -> datetime | None:
    """Return the instant at which a last day ends, or None where the text names no day.

    Takes ``2026-12-31``, ``2026-12-31[Europe/Paris]`` and a moment such as
    ``2026-12-31T17:00:00+01:00``. ``zone`` is where none is given; UTC without it.
    """
    found = _WITH_ZONE.fullmatch(text)
    if found is None:
        return None
    where = zone_of(found[2]) if found[2] else zone or ZoneInfo("UTC")
    if where is None:
        return None
    try:
        if len(found[1]) == _DAY:
            return datetime.combine(date.fromisoformat(found[1]), time(23, 59), tzinfo=where).astimezone(UTC)
        at = datetime.fromisoformat(found[1])
        return (at if at.tzinfo is not None else at.replace(tzinfo=where)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def refuse_over(end: datetime | None, now: datetime) -> None:
    """Take a last day that a person types, and that is over already, for a slip: it would put somebody off for good.

    Raises:
        InvalidInput: it is over (`staff/last_day_over`).
    """
    if end is not None and end <= now:
        raise InvalidInput(
            "staff/last_day_over",
            "This last day is over already. To take all powers away now, put the person off.",
            field="last_day",
        )
