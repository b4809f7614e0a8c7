"""How late it was last, as workers note it; and what ends where a process is started with a clock that was set back.

A running process goes on by the time that passes (`gardefou.clock`); one that
is started takes the machine's clock as it is then. Where that is behind what
was noted, nothing harms until it is past it (`clock/behind`), and whatever
would last longer by it ends once: people sign in again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

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
    """Look at the clock as a process starts; end what a clock that was set back would let last longer.

    Sessions, sign-ins that are under way, sign-in links and halves of
    invitations end, and tokens whose time was over. Waits of whoever failed to
    sign in are no longer than a minute again. Returns whether it was set back.

    Writes `token.revoked` for each token.
    """
    with app.works.begin() as uow:
        row = uow.connection.execute(sa.select(_p.seen_at).where(_p.staff_id == SYSTEM)).first()
        if row is None or row.seen_at is None or uow.now >= row.seen_at - CLOCK_SLACK:
            return False
        _end_all(uow)
        table = tables.token.c
        for token in uow.all(Token, table.revoked_at.is_(None), table.expires_at <= row.seen_at, order=table.id):
            over = replace(token, revoked_at=uow.now, version=token.version + 1)
            why = {"because": "Its time was over when the clock was set back."}
            uow.record("token.revoked", by=SYSTEM, about=token.id, puts=(over,), detail=why)
        behind = (row.seen_at - uow.now).total_seconds()
    _log.warning("this machine's clock is %.0f seconds behind what was noted: everybody signs in again", behind)
    return True


def _end_all(uow: UnitOfWork) -> None:
    run = uow.connection.execute
    run(tables.session.update().where(tables.session.c.revoked_at.is_(None)).values(revoked_at=uow.now))
    for table in (tables.ceremony, tables.oidc_attempt, tables.invitation):
        run(table.delete())
    run(tables.signin_link.update().where(tables.signin_link.c.used_at.is_(None)).values(used_at=uow.now))
    longest = uow.now + timedelta(seconds=LONGEST)
    tries = tables.signin_try
    run(tries.update().where(tries.c.until > longest).values(until=longest))
    run(tries.update().where(tries.c.at > uow.now).values(at=uow.now))
