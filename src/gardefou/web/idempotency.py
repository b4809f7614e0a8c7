"""Idempotency-Key: the same key and body give the same answer, however often they are sent.

A key belongs to whoever sent it. It is taken before the work begins and holds
the answer afterwards, for a week. What ends in an error that only asks for
another try (not signed in, not allowed, store away) frees the key again; any
other answer, errors included, is the answer for good.

The first transaction of the work that records anything notes so under the key,
and commits with that note or not at all. So where the process died, or the
answer to a COMMIT was lost on its way, it is known whether something was done:
if nothing was, the key is free (after `ABANDONED` where a process died);
otherwise whoever sends it again is told that the answer was lost, and nothing
is done a second time.

Secrets are never stored: a replayed answer to ``POST /tokens`` lacks the secret.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from gardefou.errors import Conflict, GardefouError, InvalidInput, Reused
from gardefou.flow.app import App
from gardefou.storage import tables
from gardefou.storage.work import noting_first
from gardefou.web.answers import Answer
from gardefou.web.problems import as_error, document_of

#: After this a key whose work never ended may be taken again.
ABANDONED = timedelta(minutes=5)
#: Answers are kept this long.
KEPT = timedelta(days=7)
LONGEST = 255

_IN_PROGRESS = 0
#: Something was committed, and there is no answer yet.
_BEGUN = 1
#: Nothing was done, and the same may go through later: the key stays free.
_RETRIED = frozenset({401, 403, 429, 500, 503})

_table = tables.idempotency
_mine = sa.and_(_table.c.who == sa.bindparam("w"), _table.c.key == sa.bindparam("k"))
_FIND = sa.select(_table.c.digest, _table.c.status, _table.c.answer, _table.c.at).where(_mine)
_TAKE = _table.insert()
_DELETE = _table.delete().where(_mine)
#: While there is no answer, in its place stands whose call it is.
_ours = sa.and_(_mine, _table.c.answer == sa.bindparam("t"))
_FREE = _table.delete().where(_ours, _table.c.status.in_((_IN_PROGRESS, _BEGUN)))
_FREE_UNDONE = _table.delete().where(_ours, _table.c.status == _IN_PROGRESS)
_NOTE = _table.update().where(_ours, _table.c.status == _IN_PROGRESS).values(status=_BEGUN)
_LOSE = _table.update().where(_ours, _table.c.status == _BEGUN).values(status=409, answer=sa.bindparam("a"))
_KEEP = (
    _table.update()
    .where(_ours, _table.c.status.in_((_IN_PROGRESS, _BEGUN)))
    .values(status=sa.bindparam("s"), answer=sa.bindparam("a"))
)

_log = logging.getLogger("gardefou.web")


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
        Conflict: the first call is still at work (`idempotency/in_progress`), or
            did something and its answer was lost (`idempotency/answer_lost`).
        GardefouError: what the work raises, where the key stays free.
    """
    check_key(key)
    mine = {"w": who, "k": key, "t": app.ids.new()}
    known = _take(app, mine, digest)
    if known is not None:
        return known

    def note(connection: sa.Connection) -> None:
        if connection.execute(_NOTE, mine).rowcount != 1:
            # It took so long that another call has the key now.
            raise _busy()

    try:
        with noting_first(note):
            answer = work()
    except Exception as error:
        made = as_error(error)
        document = None if made is None else document_of(made)
        if document is not None and document["status"] not in _RETRIED:
            return _kept(app, mine, document["status"], orjson.dumps(document, default=str))
        if isinstance(error, GardefouError):
            _write(app, _FREE, mine)
        else:
            # Whether anything was done, the note tells.
            _write(app, _FREE_UNDONE, mine)
            _write(app, _LOSE, {**mine, "a": orjson.dumps(document_of(_lost())).decode()})
        raise
    stored = orjson.dumps(answer.document)
    given = _kept(app, mine, answer.status, stored)
    return replace(given, body=orjson.dumps({**answer.document, **answer.once})) if answer.once else given


def _take(app: App, mine: Mapping[str, str], digest: str) -> Given | None:
    """Take the key, or return the answer that it has; None once it is ours."""
    try:
        return _try_to_take(app, mine, digest)
    except OperationalError:
        if app.works.store.is_sqlite:
            raise
        # Whether the key was taken nobody said; what it holds now says so.
        return _try_to_take(app, mine, digest)


def _try_to_take(app: App, mine: Mapping[str, str], digest: str) -> Given | None:
    now = app.now()
    row = {
        "who": mine["w"],
        "key": mine["k"],
        "digest": digest,
        "status": _IN_PROGRESS,
        "answer": mine["t"],
        "at": now,
    }
    try:
        with app.works.store.begin() as connection:
            held = connection.execute(_FIND, mine).first()
            if held is not None and _is_over(held, now):
                connection.execute(_DELETE, mine)
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
    if held.status == _IN_PROGRESS and held.answer == mine["t"]:
        return None
    if held.status == _BEGUN and held.at + ABANDONED <= now:
        raise _lost()
    if held.status in {_IN_PROGRESS, _BEGUN}:
        raise _busy()
    return Given(int(held.status), str(held.answer).encode(), replayed=True)


def _is_over(held: Any, now: datetime) -> bool:
    """Whether a key can be taken anew: its answer is old, or whoever had it is gone and had done nothing."""
    return bool(held.at + (ABANDONED if held.status == _IN_PROGRESS else KEPT) <= now)


def _busy() -> GardefouError:
    says = "The first call with this Idempotency-Key is at work; ask again in a moment."
    return Conflict("idempotency/in_progress", says)


def _lost() -> GardefouError:
    says = "This was begun, and its answer was lost; it is not done again. Read what came of it."
    return Conflict("idempotency/answer_lost", says)


def _kept(app: App, mine: Mapping[str, str], status: int, body: bytes) -> Given:
    """Keep an answer for whoever sends the key again; whoever asked gets it in any case."""
    _write(app, _KEEP, {**mine, "s": status, "a": body.decode()})
    return Given(status, body, replayed=False)


def _write(app: App, statement: sa.Executable, values: Mapping[str, Any]) -> None:
    """Write down how a key stands; once more where the store was lost, and never in the way of an answer."""
    for _ in range(1 if app.works.store.is_sqlite else 2):
        with contextlib.suppress(OperationalError):
            with app.works.store.begin() as connection:
                connection.execute(statement, values)
            return
    _log.warning("an Idempotency-Key could not be freed or answered: the store is away")
