"""Idempotency-Key: the same key and body give the same answer, however often they are sent.

A key belongs to whoever sent it. It is taken before the work begins and holds
the answer afterwards, for a week. What ends in an error that only asks for
another try (not signed in, not allowed, store away) frees the key again; any
other answer, errors included, is the answer for good. A key whose work never ended, because
a process died, can be taken again after `ABANDONED`.

Secrets are never stored: a replayed answer to ``POST /tokens`` lacks the secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gardefou.errors import Conflict, GardefouError, InvalidInput, Reused
from gardefou.flow.app import App
from gardefou.storage import tables
from gardefou.web.answers import Answer
from gardefou.web.problems import as_error, document_of

#: After this a key whose work never ended may be taken again.
ABANDONED = timedelta(minutes=5)
#: Answers are kept this long.
KEPT = timedelta(days=7)
LONGEST = 255

_IN_PROGRESS = 0
#: Nothing was done, and the same may go through later: the key stays free.
_RETRIED = frozenset({401, 403, 429, 500, 503})

_table = tables.idempotency
_mine = sa.and_(_table.c.who == sa.bindparam("w"), _table.c.key == sa.bindparam("k"))
_FIND = sa.select(_table.c.digest, _table.c.status, _table.c.answer, _table.c.at).where(_mine)
_TAKE = _table.insert()
_FREE = _table.delete().where(_mine)
_KEEP = (
    _table.update()
    .where(_mine, _table.c.digest == sa.bindparam("d"))
    .values(status=sa.bindparam("s"), answer=sa.bindparam("a"))
)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to send: its status and JSON, and whether it was given before."""

    status: int
    body: bytes
    replayed: bool


def check_key(key: str) -> str:
    """Return a key that can be kept.

    Raises:
        InvalidInput: empty, too long, or not printable ASCII (`idempotency/key`).
    """
    if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            "idempotency/key", f"Idempotency-Key is 1 to {LONGEST} printable ASCII characters.", field="Idempotency-Key"
        )
    return key


def digest_of(app: App, method: str, path: str, body: bytes) -> str:
    """Return what a key is bound to: the call and its very bytes.

    It is a keyed hash: a body may hold a name, and a bare hash would tell it to
    whoever reads the store and tries many.
    """
    said = b"\n".join((method.encode(), path.encode(), hashlib.sha256(body).digest()))
    return app.sequencer.keyed_hash("idempotency", said).hex()


def reused() -> Reused:
    """Return the error for a key that comes back with something else."""
    return Reused("idempotency/reused", "This Idempotency-Key was used for another request; make a new one.")


def once(app: App, who: str, key: str, digest: str, work: Callable[[], Answer]) -> Given:
    """Do the work once for this key, or return the answer of the first time.

    Raises:
        Reused: the key came with something else before (`idempotency/reused`).
        Conflict: the first call is still at work (`idempotency/in_progress`).
        GardefouError: what the work raises, where the key stays free.
    """
    check_key(key)
    known = _take(app, who, key, digest)
    if known is not None:
        return known
    try:
        answer = work()
    except Exception as error:
        made = as_error(error)
        document = None if made is None else document_of(made)
        if document is None or document["status"] in _RETRIED:
            _free(app, who, key)
            raise
        body = orjson.dumps(document, default=str)
        _keep(app, who, key, digest, document["status"], body)
        return Given(document["status"], body, replayed=False)
    stored = orjson.dumps(answer.document)
    _keep(app, who, key, digest, answer.status, stored)
    sent = orjson.dumps({**answer.document, **answer.once}) if answer.once else stored
    return Given(answer.status, sent, replayed=False)


def _take(app: App, who: str, key: str, digest: str) -> Given | None:
    now = app.now()
    mine = {"w": who, "k": key}
    row = {"who": who, "key": key, "digest": digest, "status": _IN_PROGRESS, "answer": "", "at": now}
    try:
        with app.works.store.begin() as connection:
            held = connection.execute(_FIND, mine).first()
            if held is not None and held.at + (ABANDONED if held.status == _IN_PROGRESS else KEPT) <= now:
                connection.execute(_FREE, mine)
                held = None
            if held is None:
                connection.execute(_TAKE, row)
                return None
    except IntegrityError:
        # The same key at the same moment: the other one was first.
        with app.works.read() as connection:
            held = connection.execute(_FIND, mine).first()
        if held is None:
            raise _busy() from None
    if held.digest != digest:
        raise reused()
    if held.status == _IN_PROGRESS:
        raise _busy()
    return Given(int(held.status), str(held.answer).encode(), replayed=True)


def _busy() -> GardefouError:
    says = "The first call with this Idempotency-Key is at work; ask again in a moment."
    return Conflict("idempotency/in_progress", says)


def _free(app: App, who: str, key: str) -> None:
    with app.works.store.begin() as connection:
        connection.execute(_FREE, {"w": who, "k": key})


def _keep(app: App, who: str, key: str, digest: str, status: int, body: bytes) -> None:
    with app.works.store.begin() as connection:
        connection.execute(_KEEP, {"w": who, "k": key, "d": digest, "s": status, "a": body.decode()})
