"""How late it was last, as workers note it; and what is cut short where a process starts with a clock that is behind.

A running process goes on by the time that passes (`gardefou.clock`); one that
is started takes the machine's clock as it is then. Where that is behind what
was noted, nothing harms until it is past it (`clock/behind`), and nothing that
is good for a while lasts longer by it: sessions, halves of invitations and how
freshly people signed in are moved back with the clock. What was over stays
over; what was not has as long left as it had. Nobody is signed out by it: a
node that is three seconds behind would otherwise sign everybody out on all,
and whoever has to restore while a clock is wrong is signed in. What takes
minutes (sign-ins under way, sign-in links) ends, and is begun anew.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import SYSTEM, Token
from gardefou.flow.app import App
from gardefou.flow.tries import LONGEST
from gardefou.ledger.sequencer import CLOCK_SLACK
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_p = tables.presence.c
_log = logging.getLogger("gardefou.clock")


def note_time(app: App) -> None:
    """Note how late it is; what was noted of a later moment stays."""
    with app.works.begin() as uow:
        later = sa.or_(_p.seen_at.is_(None), _p.seen_at < uow.now)
        mine = tables.presence.update().where(_p.staff_id == SYSTEM)
        if uow.connection.execute(mine.where(later).values(seen_at=uow.now)).rowcount:
            return
        uow.serialise("time noted")
        if uow.connection.execute(sa.select(_p.staff_id).where(_p.staff_id == SYSTEM)).first() is None:
            values = {"staff_id": SYSTEM, "strong_at": None, "seen_at": uow.now}
            uow.connection.execute(tables.presence.insert(), values)


def begin_here(app: App) -> bool:
    """Look at the clock as a process starts; cut short what a clock that is behind would let last longer.

    Sessions, halves of invitations and freshness are moved back with it.
    Sign-ins that are under way and sign-in links end, and tokens whose time was
    over. Waits of whoever failed to sign in are no longer than a minute again.
    Returns whether it is behind. Each start counts by itself: it only takes.

    Writes `token.revoked` for each token.
    """
    with app.works.begin() as uow:
        row = uow.connection.execute(sa.select(_p.seen_at).where(_p.staff_id == SYSTEM)).first()
        if row is None or row.seen_at is None or uow.now >= row.seen_at - CLOCK_SLACK:
            return False
        _no_longer(uow, by=row.seen_at - uow.now)
        table = tables.token.c
        for token in uow.all(Token, table.revoked_at.is_(None), table.expires_at <= row.seen_at, order=table.id):
            over = replace(token, revoked_at=uow.now, version=token.version + 1)
            why = {"because": "Its time was over when the clock was set back."}
            uow.record("token.revoked", by=SYSTEM, about=token.id, puts=(over,), detail=why)
        behind = (row.seen_at - uow.now).total_seconds()
    _log.warning(
        "this machine's clock is %.0f seconds behind what was noted: only restores run until it is past", behind
    )
    return True


def _no_longer(uow: UnitOfWork, *, by: timedelta) -> None:
    run = uow.connection.execute
    moved = int(by / timedelta(microseconds=1))

    def back(*columns: sa.Column[Any]) -> dict[str, sa.ColumnElement[Any]]:
        return {one.name: sa.type_coerce(one, sa.BigInteger) - moved for one in columns}

    goes_on, half, person = tables.session.c, tables.invitation.c, tables.presence.c
    times = back(goes_on.created_at, goes_on.seen_at, goes_on.expires_at)
    run(tables.session.update().where(goes_on.revoked_at.is_(None), goes_on.expires_at > uow.now).values(times))
    run(tables.invitation.update().values(back(half.drawn_at, half.ends_at)))
    run(tables.presence.update().where(person.strong_at.is_not(None)).values(back(person.strong_at)))
    for table in (tables.ceremony, tables.oidc_attempt):
        run(table.delete())
    run(tables.signin_link.update().where(tables.signin_link.c.used_at.is_(None)).values(used_at=uow.now))
    longest = uow.now + timedelta(seconds=LONGEST)
    tries = tables.signin_try
    run(tries.update().where(tries.c.until > longest).values(until=longest))
    run(tries.update().where(tries.c.at > uow.now).values(at=uow.now))
