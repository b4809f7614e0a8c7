"""Sessions: which a person has, since when and in what browser; ending them, on every node at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa

from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: A session that is not used for so long is over, where no setting says otherwise.
IDLE = timedelta(hours=8)
#: How exactly it is noted when a session was last used.
NOTED = timedelta(minutes=5)
#: Families of browsers by what is in their name for themselves; the first that is.
_FAMILIES = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_ON = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
#: What sessions of the command line are called.
COMMAND_LINE = "cli"
#: What stays of a session while its secret is renewed: whose it is, and the token of its pages.
Lasting: TypeAlias = tuple[str, str]
_s = tables.session.c


def browser_family(agent: str) -> str:
    """Return the family of browsers, and of machines, in a word or two; empty where it is none we know."""
    family = next((name for mark, name in _FAMILIES if mark in agent), "")
    machine = next((name for mark, name in _ON if mark in agent), "")
    return ", ".join(filter(None, (family, machine)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of a person. ``id`` names it and opens nothing."""

    id: str
    hash: str
    browser: str
    began_at: datetime
    seen_at: datetime
    ends_at: datetime


def going_on(now: datetime, idle: timedelta) -> sa.ColumnElement[bool]:
    """Return the condition on a session that it goes on."""
    return sa.and_(
        _s.revoked_at.is_(None), _s.expires_at > now, sa.func.coalesce(_s.seen_at, _s.created_at) > now - idle
    )


def sessions_of(connection: sa.Connection, staff_id: str, *, now: datetime, idle: timedelta) -> list[Session]:
    """Return a person's sessions that go on, the one last used first."""
    rows = connection.execute(sa.select(tables.session).where(_s.staff_id == staff_id, going_on(now, idle)))
    found = [
        Session(
            id=row.hash[:16],
            hash=row.hash,
            browser=row.browser,
            began_at=row.created_at,
            seen_at=row.seen_at or row.created_at,
            ends_at=row.expires_at,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.seen_at, one.hash), reverse=True)


def note_seen(connection: sa.Connection, session: str, now: datetime) -> None:
    """Note that a session is used now; ``session`` is the hash of its secret."""
    connection.execute(tables.session.update().where(_s.hash == session, _s.revoked_at.is_(None)).values(seen_at=now))


def end_sessions(uow: UnitOfWork, staff_id: str, *, by: str, only: str = "", but: str = "") -> int:
    """End a person's sessions, on every node at once; return how many went on.

    ``only`` is the id of one, ``but`` the hash of one that stays.

    Writes `session.ended` where any did.
    """
    where = [_s.staff_id == staff_id, _s.revoked_at.is_(None), _s.expires_at > uow.now]
    if only:
        where.append(sa.func.substr(_s.hash, 1, 16) == only)
    if but:
        where.append(_s.hash != but)
    ended = uow.connection.execute(tables.session.update().where(*where).values(revoked_at=uow.now)).rowcount
    if ended:
        uow.record("session.ended", by=by, about=staff_id, detail={"sessions": ended})
    return ended
