"""How often people are asked for anything: the live figure beside the bar of three in a thousand.

`gardefou.flow.figures` counts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from gardefou.storage import tables

WEEK = timedelta(days=7)
#: Of a thousand human decisions at most so many are to be asked for anything (RULES).
BAR = 3.0
_e = tables.enforcement.c
_verdict = sa.type_coerce(_e.verdict, sa.Text)
#: In SQL: nets asked for people, time, a fresh sign-in or a confirmation, or refused.
ASKED = sa.or_(
    _e.approve_by.is_not(None),
    _e.hold_until.is_not(None),
    _e.state == "refused",
    _verdict.not_like('%"fresh_auth_minutes":null%'),
    _verdict.not_like('%"confirm":[]%'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Friction:
    """Decisions that people made in the last seven days, and in how many of them nets asked for anything."""

    decisions: int
    asked: int

    @property
    def per_thousand(self) -> float:
        """Return how many of a thousand decisions were asked for anything."""
        return 1000 * self.asked / self.decisions if self.decisions else 0.0

    @property
    def within(self) -> bool:
        """Whether the bar is kept."""
        return self.per_thousand <= BAR
