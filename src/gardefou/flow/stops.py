"""What is stopped at this moment: by a person's pause, or by the breaker."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Enforcement, Pause, Staff
from gardefou.domain.states import State
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast
from gardefou.storage.types import dumps
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork


def open_pauses(connection: sa.Connection) -> list[Pause]:
    """Return every pause that has not ended, oldest first."""
    return fetch_fast(connection, Pause, _OPEN, {})


def paused_lately(uow: UnitOfWork, since: datetime) -> list[Enforcement]:
    """Return the changes by which somebody stopped everything since a moment."""
    held = f"{dumps('kind')}:{dumps('pause')}"
    return uow.all(
        Enforcement,
        _e.platform == ORGANISATION,
        _e.action == Action.CHANGE.value,
        _e.state == State.IN_FORCE.value,
        _e.in_force_at >= since,
        _e.change.cast(sa.Text).contains(held, autoescape=True),
    )


def behind_pause(uow: UnitOfWork, pause: Pause) -> set[str]:
    """Return whose pause it is: whoever called it, or the service that did, with the people behind that (R6)."""
    made = (one for one in paused_lately(uow, pause.at) if one.in_force_at == pause.at and one.placed_by == pause.by)
    return {pause.by, *(who for one in made for who in behind(uow, one))}


def behind(uow: UnitOfWork, made: Enforcement) -> set[str]:
    """Return who is one with whoever placed it: a person with nobody, a service with its people (R6)."""
    in_person = uow.get(Staff, ORGANISATION, made.placed_by, lock=False) is not None
    return {made.placed_by} if in_person else {made.placed_by, *made.humans}


def pauses_ahead() -> Read:
    """Return what `open_pauses` will read."""
    return _OPEN, {}


def paused_for(connection: sa.Connection, *, staff: Collection[str], team: str, platform: str) -> Pause | None:
    """Return the pause that stops this person, or this service with its people (R6), team or platform, or None."""
    for pause in open_pauses(connection):
        targets = {"all": ("",), "staff": staff, "team": (team,), "platform": (platform,)}[pause.scope]
        if pause.scope == "all" or pause.target in targets:
            return pause
    return None


_e = tables.enforcement.c
_OPEN = Fast(sa.select(tables.pause).where(tables.pause.c.ended_at.is_(None)).order_by(tables.pause.c.id))
