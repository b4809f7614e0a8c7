"""Reading a log back page by page, each page by itself: what every entry of it and every checkpoint within it says.

A page needs nothing of the pages before it, so that several processes can read
one log. The tree over them is for `gardefou.ledger.audit` to put together.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import repeat
from struct import Struct, error
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from gardefou.errors import GardefouError
from gardefou.ledger.checkpoint import open_checkpoint
from gardefou.ledger.leaf import LEAF_BYTES, SALT_BYTES, VERSION, parse_leaf
from gardefou.ledger.note import Verifier
from gardefou.storage import bulk
from gardefou.storage.engine import Store, open_store

#: Entries of one page.
PAGE = 4_096
#: A log of fewer entries is read before other processes have started: anew, or forked from this one.
WORTH_PROCESSES = {"spawn": 60_000, "fork": 4 * PAGE}
#: Pages that are read ahead, a process; and kept until those before them are read.
_AHEAD = 3
_KEPT = 200
_FORM = Struct(">B16sQ32s")
#: How an event's id is written: so many characters, dashes at these places.
_ID = 36
_DASHES = (8, 13, 18, 23)

_POINTS = "SELECT size, root, note FROM checkpoint WHERE platform = ? AND size > ? AND size <= ? ORDER BY size"

_MISSING = "its event is missing"
_LEAF = "its leaf was altered"
_EVENT = "its event was altered"
_BESIDE = "what is listed of its event is not what its event says"


@dataclass(frozen=True, slots=True)
class Bad:
    """An entry that is not what it should be."""

    index: int
    problem: str
    event: str | None


class Point(NamedTuple):
    """A stored checkpoint: the root it was stored with, and what is wrong with its signature or note, if anything."""

    size: int
    root: bytes
    problem: str


#: Entries with their events, column by column, in the sequence of `Entry`'s fields.
Columns = list[tuple[Any, ...]]


class Entry(NamedTuple):
    """One entry with its event, as the store has them; everything of an event that is missing is None."""

    seq: int
    event_id: str
    data: Any
    hash: Any
    at: Any
    kind: Any
    by: Any
    account: Any
    about: Any
    salt: Any
    body: Any


@dataclass(slots=True)
class Page:
    """One page: the hash of each entry up to the first bad one, one after the other, and the checkpoints in it."""

    first: int
    hashes: list[bytes] = field(default_factory=list[bytes])
    points: list[Point] = field(default_factory=list[Point])
    erased: int = 0
    bad: Bad | None = None


def read_page(connection: sa.Connection, platform: str, verifier: Verifier, first: int, stop: int) -> Page:
    """Recompute each entry from ``first`` up to ``stop`` from its event's stored bytes, and check what was signed."""
    values = (platform, first, stop)
    page = Page(first)
    page.points = [_point(verifier, *row) for row in bulk.select(connection, _POINTS, values)]
    columns = _columns(connection, values)
    sound = _sound(columns, first, stop) if columns else None
    if sound is not None:
        page.hashes = sound
        return page
    place = first
    for entry in map(Entry._make, zip(*columns, strict=True)):
        if entry.seq != place:
            break
        hashed, problem = entry_problem(entry)
        if problem:
            page.bad = Bad(place, problem, entry.event_id)
            return page
        page.erased += entry.body == b""
        page.hashes.append(hashed)
        place += 1
    if place < stop:
        page.bad = Bad(place, "an entry is missing", None)
    return page


def _columns(connection: sa.Connection, values: tuple[str, int, int]) -> Columns:
    """Return the columns of the rows that `_entries` finds; none where it finds none.

    Ids are made in sequence, so a page's events stand side by side, among a few of the
    pages beside it: PostgreSQL reads them so in a third of the time that it takes to look
    each up. Not so where they are many more, or one is missing; on SQLite it is no quicker.
    """
    if connection.dialect.name == "postgresql":
        leaves = bulk.select(connection, _LEAVES, values, binary=True)
        ids = [leaf[1] for leaf in leaves]
        span = (values[0], min(ids, default=""), max(ids, default=""), 2 * len(ids))
        events = {event[0]: event for event in bulk.select(connection, _EVENTS, span, binary=True)}
        if ids and all(map(events.__contains__, ids)):
            _, *beside = zip(*map(events.__getitem__, ids), strict=True)
            return [*zip(*leaves, strict=True), *beside]
    return list(zip(*bulk.select(connection, _entries(connection), values, binary=True), strict=True))


_LEAVES = "SELECT seq, event_id, data, hash FROM leaf WHERE platform = ? AND seq >= ? AND seq < ? ORDER BY seq"
_EVENTS = (
    "SELECT id, at, kind, by, account, about, salt, body FROM event"
    " WHERE platform = ? AND id >= ? AND id <= ? ORDER BY id LIMIT ?"
)


def _entries(connection: sa.Connection) -> str:
    key = "event.platform = leaf.platform AND event.id = leaf.event_id"
    event = bulk.its_own(connection, "event", key, required=False)
    return (
        "SELECT leaf.seq, leaf.event_id, leaf.data, leaf.hash, event.at, event.kind, event.by, event.account,"  # noqa: S608 - own clauses
        f" event.about, event.salt, event.body FROM leaf {event}"
        " WHERE leaf.platform = ? AND leaf.seq >= ? AND leaf.seq < ? ORDER BY leaf.seq"
    )


def _sound(columns: Columns, first: int, stop: int) -> list[bytes] | None:
    """Return the hashes of entries that are all as they should be and whose bodies all stand; None where one is not.

    What `entry_problem` looks at, looked at for all of them together, which takes a
    third of the time: it alone says which one is wrong, and how.
    """
    seqs, ids, leaves, hashes, ats, kinds, bys, accounts, abouts, salts, bodies = columns
    try:
        made = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
        bound = [sha256(salt + body).digest() for salt, body in zip(salts, bodies, strict=True)]
        raws = [leaf[1:17] for leaf in leaves]
        expected = list(map(_FORM.pack, repeat(VERSION), raws, ats, bound))
        texts = "".join(ids)
        same = (
            seqs == tuple(range(first, stop))
            and made == list(hashes)
            and expected == list(leaves)
            and set(map(len, salts)) == {SALT_BYTES}
            and set(map(len, ids)) == {_ID}
            and {texts[dash::_ID] for dash in _DASHES} == {"-" * len(ids)}
            and texts.replace("-", "") == b"".join(raws).hex()
        )
        return made if same and all(map(_says_so, bodies, abouts, accounts, bys, kinds)) else None
    except (TypeError, ValueError, error):
        return None


def entry_problem(entry: Entry) -> tuple[bytes, str]:
    """Return the hash of an entry's leaf, and what is wrong with it or its event."""
    data, salt, body = entry.data, entry.salt, entry.body
    if body is None:
        return b"", _MISSING
    hashed = sha256(b"\x00" + data).digest() if isinstance(data, bytes) else b""
    if not hashed or entry.hash != hashed:
        return hashed, _LEAF
    # SQLite keeps whatever type it is given: text where bytes belong was not written by us.
    if not (isinstance(salt, bytes) and isinstance(body, bytes)):
        return hashed, _EVENT
    if not salt and not body:
        return hashed, _erased_problem(data, entry.event_id, entry.at)
    raw = data[1:17].hex()
    # A fixed length of the salt keeps the border between it and the body where it is.
    if (
        len(salt) != SALT_BYTES
        or data != _leaf_of(raw, entry.at, sha256(salt + body).digest())
        or entry.event_id != f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
    ):
        return hashed, _EVENT
    said = _says_so(body, entry.about, entry.account, entry.by, entry.kind)
    return hashed, "" if said else _BESIDE


def _says_so(body: bytes, about: Any, account: Any, by: Any, kind: Any) -> bool:
    """Whether what stands beside an event's body, by which lists and searches go, is what the body says.

    Its keys are sorted: only what stands before ``kind`` need be read, and not
    the images of rows that make up nearly all of it.
    """
    try:
        head = orjson.dumps({"about": about, "account": account, "by": by})[:-1] + b',"detail":'
        end = body.find(_behind_detail(kind), len(head))
        if end >= 0 and body.startswith(head):
            # Whole up to there, it ends there: those are the body's own keys, and none within its detail.
            orjson.loads(body[len(head) : end])
            return True
    except (TypeError, orjson.JSONDecodeError):
        pass  # no text beside it, or a detail that has such keys too
    said = orjson.loads(body)
    return bool((said["kind"], said["by"], said["account"], said["about"]) == (kind, by, account, about))


@lru_cache(maxsize=512, typed=True)
def _behind_detail(kind: Any) -> bytes:
    """Return what stands behind the detail of an event of this kind."""
    return b',"kind":%b,"platform":' % orjson.dumps(kind)


def _leaf_of(raw: str, at: Any, commitment: bytes) -> bytes:
    """Return the leaf's bytes, as `gardefou.ledger.leaf.leaf_data` makes them; nothing where there are none."""
    try:
        return _FORM.pack(VERSION, bytes.fromhex(raw), at, commitment)
    except error:
        return b""


def _erased_problem(data: bytes, event_id: str, at: Any) -> str:
    """Return what is wrong with an entry whose body was erased: of it id and moment still stand."""
    if len(data) != LEAF_BYTES or data[0] != VERSION:
        return _LEAF
    known = parse_leaf(data)
    return "" if known.event_id == event_id and known.at == at else _LEAF


def _point(verifier: Verifier, size: int, root: Any, note: Any) -> Point:
    try:
        signed = open_checkpoint(note, verifier)
    except (GardefouError, AttributeError, TypeError, ValueError) as wrong:
        code = wrong.code if isinstance(wrong, GardefouError) else "ledger/note_malformed"
        return Point(size, b"", f"the checkpoint at {size} is not signed by the ledger's key ({code})")
    same = (signed.origin, signed.size, signed.root, signed.extensions) == (verifier.name, size, root, ())
    return Point(size, root if same else b"", "")


# --- by several processes --------------------------------------------------------


def pages(
    connection: sa.Connection, platform: str, verifier: Verifier, size: int, *, url: str | None = None
) -> Iterator[Page]:
    """Yield the pages of a log up to ``size``, in sequence, each as it stands now.

    ``url``: the store's, where other processes may read a long log with
    connections of their own, one for each core but this one's. What stands below a checkpoint never changes but
    by erasing, so that all of them see the same.
    """
    ranges = ((first, min(first + PAGE, size)) for first in range(0, size, PAGE))
    others = _cores() - 1
    how = _starting()
    if url is None or size < WORTH_PROCESSES[how] or not others:
        for first, stop in ranges:
            yield read_page(connection, platform, verifier, first, stop)
        return
    pool = ProcessPoolExecutor(others, multiprocessing.get_context(how), _open, (url, platform, verifier.encoded))
    try:
        # Those that are not yielded yet: of others, or our own, read while others read, or still start.
        waiting: deque[Future[Page] | Page] = deque()
        while True:
            while waiting and (page := _ready(waiting[0], wait=len(waiting) >= _KEPT)) is not None:
                waiting.popleft()
                yield page
            span = next(ranges, None)
            if span is None:
                break
            asked = sum(isinstance(one, Future) and not one.done() for one in waiting)
            if asked < _AHEAD * others:
                waiting.append(pool.submit(_read, *span))
            else:
                waiting.append(read_page(connection, platform, verifier, *span))
        for one in waiting:
            yield one.result() if isinstance(one, Future) else one
    finally:
        pool.shutdown(cancel_futures=True)


def _ready(page: Future[Page] | Page, *, wait: bool) -> Page | None:
    """Return a page once it is read; None where it is not, and nobody waits for it."""
    if isinstance(page, Page):
        return page
    return page.result() if wait or page.done() else None


def _starting() -> str:
    """Return how other processes are started: forked, which costs nothing, where no other thread may hold a lock."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Reading(NamedTuple):
    store: Store
    platform: str
    verifier: Verifier


#: What this process reads, where it was started to.
_reading: list[_Reading] = []


def _open(url: str, platform: str, key: str) -> None:
    _reading[:] = [_Reading(open_store(url), platform, Verifier.decode(key))]


def _read(first: int, stop: int) -> Page:
    store, platform, verifier = _reading[0]
    with store.read() as connection:
        return read_page(connection, platform, verifier, first, stop)
