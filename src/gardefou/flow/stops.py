"""What is stopped at this moment: by a person's pause, or by the breaker."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.domain.records import Pause
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast
from gardefou.storage.unwritten import Read


def open_pauses(connection: sa.Connection) -> list[Pause]:
    """Return every pause that has not ended, oldest first."""
    return fetch_fast(connection, Pause, _OPEN, {})


def pauses_ahead() -> Read:
    """Return what `open_pauses` will read."""
    return _OPEN, {}


def paused_for(connection: sa.Connection, *, staff: str, team: str, platform: str) -> Pause | None:
    """Return the pause that stops this person, team or platform, or None."""
    for pause in open_pauses(connection):
        target = {"all": "", "staff": staff, "team": team, "platform": platform}[pause.scope]
        if pause.scope == "all" or pause.target == target:
            return pause
    return None


_OPEN = Fast(sa.select(tables.pause).where(tables.pause.c.ended_at.is_(None)).order_by(tables.pause.c.id))
