"""Ending sessions: one's own, and a colleague's by whoever looks after people."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.errors import Denied, NotFound
from gardefou.flow.app import App
from gardefou.flow.changes.staff import find_staff
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.sessions import Session, end_sessions, sessions_of

#: Whoever has one of these ends a colleague's sessions.
_LOOK_AFTER = frozenset({Power.STAFF, Power.TOP_UP})


def may_end_of_others(actor: Actor) -> bool:
    """Whether somebody ends colleagues' sessions: an admin or a lead."""
    return not _LOOK_AFTER.isdisjoint(actor.powers)


def open_sessions(app: App, connection: sa.Connection, staff_id: str, *, now: datetime) -> list[Session]:
    """Return a person's sessions that go on, the one last used first."""
    idle = timedelta(seconds=app.config(connection).rules.session_idle_seconds)
    return sessions_of(connection, staff_id, now=now, idle=idle)


def end(app: App, actor: Actor, staff: str = "", *, only: str = "") -> int:
    """End sessions, all or one by its id: one's own or, as an admin or a lead, a colleague's; return how many.

    They end within a second on every node.

    Writes `session.ended`.

    Raises:
        Denied: a service has none (`session/not_human`), or no power over a colleague's (`auth/forbidden`).
        NotFound: no such person (`staff/not_found`) or session (`session/not_found`).
    """
    if actor.staff is None:
        raise Denied("session/not_human", "A service has no sessions.")
    actor.require(Power.READ, app.now())
    actor.require_everywhere()
    with app.works.begin() as uow:
        whose = find_staff(uow, staff).id if staff else actor.id
        if whose != actor.id and not may_end_of_others(actor):
            raise Denied("auth/forbidden", "Only an admin or a lead ends a colleague's sessions.")
        if whose != actor.id:
            actor.require(min(_LOOK_AFTER & actor.powers), uow.now)
        ended = end_sessions(uow, whose, by=actor.id, only=only)
        if only and not ended:
            raise NotFound("session/not_found", "There is no such session any more.")
        return ended
