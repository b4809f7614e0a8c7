"""A person's standing as of now, from what is written and the clock (M9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gardefou.domain.records import Staff
from gardefou.people.leaving import AFTER, EVERYTHING, M9, NOTICE, Loss, Table, lost_in, stage_at

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
    #: The stage of the leavers' table; empty for whoever does not leave.
    stage: str = ""
    lost: frozenset[Loss] = frozenset()

    def has(self, loss: Loss) -> bool:
        """Whether the person still has what a leaver loses so."""
        return loss not in self.lost

    @property
    def on_duty(self) -> bool:
        """Whether the person may act at all."""
        return self.standing in {Standing.ACTIVE, Standing.LEAVING}

    @property
    def read_only(self) -> bool:
        """The last hour before the end of the last day: reading only."""
        return Loss.ACTING in self.lost

    @property
    def last_day(self) -> bool:
        """The last 24 hours: what others imposed is theirs to lift."""
        return Loss.OTHERS_RESTORES in self.lost


def standing_now(staff: Staff, now: datetime, table: Table = M9) -> Now:
    """Return a person's standing at ``now``, and what the table of leavers has taken from them by then.

    Whoever was put off (`left`, `suspended`) stays so; the end of the last day
    makes `left`; notice, or the first stage's minutes before the last day,
    makes `leaving`.
    """
    hours = NO_LAST_DAY_HOURS
    if staff.last_day_end is not None:
        hours = max(0.0, (staff.last_day_end - now) / timedelta(hours=1))
    written = Standing(staff.standing)
    if written in {Standing.LEFT, Standing.SUSPENDED}:
        return Now(written, hours, AFTER, EVERYTHING)
    if staff.last_day_end is None:
        stage = NOTICE if written is Standing.LEAVING else ""
    elif now >= staff.last_day_end:
        return Now(Standing.LEFT, 0.0, AFTER, EVERYTHING)
    else:
        noticed = written is Standing.LEAVING or (staff.notice_at is not None and now >= staff.notice_at)
        stage = stage_at(table, (staff.last_day_end - now) / _MINUTE, noticed=noticed)
    return Now(Standing.LEAVING if stage else written, hours, stage, lost_in(table, stage))


_MINUTE = timedelta(minutes=1)
