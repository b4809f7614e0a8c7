"""A person's standing as of now, from what is written and the clock (M9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gardefou.domain.records import Staff

#: Notice is taken to have been given this long before the last day at the latest.
NOTICE = timedelta(days=14)
#: Hours to the last day's end of someone who has none: a hundred years.
NO_LAST_DAY_HOURS = 876_600.0


class Standing(StrEnum):
    """Whether a person may act, and how far."""

    ACTIVE = "active"
    LEAVING = "leaving"
    SUSPENDED = "suspended"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Now:
    """One person's standing at one moment."""

    standing: Standing
    hours_left: float

    @property
    def on_duty(self) -> bool:
        """Whether the person may act at all."""
        return self.standing in {Standing.ACTIVE, Standing.LEAVING}

    @property
    def read_only(self) -> bool:
        """The last hour before the end of the last day: reading only."""
        return self.hours_left <= 1

    @property
    def last_day(self) -> bool:
        """The last 24 hours."""
        return self.hours_left <= 24


def standing_now(staff: Staff, now: datetime) -> Now:
    """Return a person's standing at ``now``.

    Whoever was put off (`left`, `suspended`) stays so; the end of the last day
    makes `left`; notice, or 14 days before the last day, makes `leaving`.
    """
    hours = NO_LAST_DAY_HOURS
    if staff.last_day_end is not None:
        hours = max(0.0, (staff.last_day_end - now) / timedelta(hours=1))
    written = Standing(staff.standing)
    if written in {Standing.LEFT, Standing.SUSPENDED}:
        return Now(written, hours)
    if staff.last_day_end is not None:
        if now >= staff.last_day_end:
            return Now(Standing.LEFT, 0.0)
        noticed = staff.notice_at is not None and now >= staff.notice_at
        if noticed or now >= staff.last_day_end - NOTICE:
            return Now(Standing.LEAVING, hours)
    return Now(written, hours)
