"""Tries to sign in, slowed down: by address and by what is tried, in the store, so on every node together.

A few are free. After that each that fails doubles the wait, up to a minute:
too long for whoever guesses, short for whoever mistyped. What is kept is a
keyed hash, under a key that is not in the database, for a day.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION
from gardefou.errors import GardefouError, TooManyTries
from gardefou.flow.app import App
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: Tries that nobody waits after, and the longest wait in seconds.
FREE = 5
LONGEST = 60
#: After so long without a try they are forgotten.
FORGOTTEN = timedelta(minutes=15)
_KEPT = timedelta(days=1)
_t = tables.signin_try.c
_log = logging.getLogger("gardefou.signin")


@contextmanager
def trying(app: App, *, what: str, address: str | None = None) -> Iterator[None]:
    """Try to sign in within: what raises was a failure, and counts.

    It counts before it is tried, so that many at once are not tried at once.
    ``what`` is what names the account: a key's or link's secret, a passkey's id.
    Without ``address`` it alone counts: a session's, which no stranger slows down
    who guesses from the same office.

    Raises:
        TooManyTries: it is too soon after those that failed (`auth/too_many`).
    """
    keys = sorted({_key(app, "what", what), *(() if address is None else (_key(app, "address", address),))})
    with app.works.begin() as uow:
        uow.serialise(*(f"try:{key}" for key in keys))
        uow.connection.execute(tables.signin_try.delete().where(_t.at < uow.now - _KEPT))
        for key in keys:
            _count(uow, key)
    try:
        yield
    except GardefouError as error:
        # Neither what was tried nor whence: both would tell more than whoever reads logs should know.
        _log.warning("a sign-in failed (%s)", error.code)
        raise
    with app.works.begin() as uow:
        uow.serialise(*(f"try:{key}" for key in keys))
        uow.connection.execute(tables.signin_try.delete().where(_t.key == _key(app, "what", what)))
        if address is None:
            return
        uow.connection.execute(
            tables.signin_try.update()
            .where(_t.key == _key(app, "address", address), _t.tries > 0)
            .values(tries=_t.tries - 1, until=uow.now)
        )


def _key(app: App, kind: str, value: str) -> str:
    secret = app.sequencer.signer(ORGANISATION).seed
    return hmac.new(secret, f"gardefou tries v1\0{kind}\0{value}".encode(), hashlib.sha256).hexdigest()


def _count(uow: UnitOfWork, key: str) -> None:
    row = uow.connection.execute(sa.select(tables.signin_try).where(_t.key == key)).first()
    tries = 1
    if row is not None:
        if row.until > uow.now:
            raise TooManyTries(-(-(row.until - uow.now) // timedelta(seconds=1)))
        tries = 1 if row.at < uow.now - FORGOTTEN else row.tries + 1
    wait = 0 if tries < FREE else min(LONGEST, 2 ** min(tries - FREE, 10))
    values = {"tries": tries, "until": uow.now + timedelta(seconds=wait), "at": uow.now}
    if row is None:
        uow.connection.execute(tables.signin_try.insert(), {"key": key, **values})
    else:
        uow.connection.execute(tables.signin_try.update().where(_t.key == key).values(values))
