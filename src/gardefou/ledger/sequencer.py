"""The sequencer: pending events become leaves of the tree, under a signed checkpoint.

The flow never waits for it on the hot path: events are written pending, and one
leader at a time integrates them in batches. Leaves, nodes and checkpoint are
one transaction, so an event that has a leaf is in a signed checkpoint.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, groupby, repeat
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from gardefou.clock import Clock
from gardefou.domain.records import SYSTEM
from gardefou.errors import Conflict
from gardefou.ledger.backlog import Backlog
from gardefou.ledger.checkpoint import Checkpoint, sign_checkpoint
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.nodes import kept, read_nodes
from gardefou.ledger.note import Signer
from gardefou.ledger.tree import Frontier, leaf_hash
from gardefou.storage import bulk, tables
from gardefou.storage.engine import Store
from gardefou.storage.fast import Fast, together
from gardefou.storage.nudge import nudge
from gardefou.storage.types import Instant

#: Events integrated in one transaction.
BATCH = 4_000
#: How far behind the last checkpoint a node's clock may be.
CLOCK_SLACK = timedelta(seconds=2)

#: What comes in masses, and must not make every node look at once.
_QUIET = "report.taken"

_LATEST = Fast(
    sa.select(tables.checkpoint)
    .where(tables.checkpoint.c.platform == sa.bindparam("platform"))
    .order_by(tables.checkpoint.c.size.desc())
    .limit(1)
)
_HAS_LEAF = Fast(
    sa.select(tables.leaf.c.seq).where(
        tables.leaf.c.platform == sa.bindparam("platform"), tables.leaf.c.event_id == sa.bindparam("event")
    )
)
_SIGN = Fast(tables.checkpoint.insert(), ("platform", "size", "root", "at", "note"))
#: Of the last checkpoint, and of the last time that a worker noted how late it is.
_NEWEST_AT = sa.select(
    sa.select(sa.func.max(tables.checkpoint.c.at, type_=Instant)).scalar_subquery().label("signed"),
    sa.select(tables.presence.c.seen_at).where(tables.presence.c.staff_id == SYSTEM).scalar_subquery().label("noted"),
)

_REREAD = timedelta(seconds=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Appended:
    """What one transaction appended: the trees' new edges, how many events, and whether other nodes should look."""

    edges: dict[str, Frontier] = field(default_factory=dict[str, Frontier])
    events: int = 0
    loud: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The newest checkpoint of a platform's log."""

    size: int
    root: bytes
    at: datetime
    note: str


class Sequencer:
    """Integrates pending events and signs checkpoints. One per node; one leader at a time."""

    def __init__(self, store: Store, clock: Clock, *, seed: bytes, origin: str) -> None:
        self._store = store
        self._clock = clock
        self._seed = seed
        self._origin = origin
        self._edges: dict[str, Frontier] = {}
        self._lock = threading.Lock()
        self._newest: datetime | None = None
        self._newest_read: datetime | None = None

    def signer(self, platform: str) -> Signer:
        """Return the key that signs a platform's log, named by the log's origin."""
        return Signer(f"{self._origin}/{platform}", self._seed)

    def keyed_hash(self, purpose: str, said: bytes) -> bytes:
        """Return a hash that only whoever has the log's key can make: the same on every node."""
        return hmac.digest(self._seed, f"gardefou {purpose}\0".encode() + said, "sha256")

    def integrate(self) -> int:
        """Integrate one batch of pending events into their trees; return how many there were.

        On PostgreSQL an advisory lock keeps it to one leader; whoever does not
        get it has nothing to do. Safe to call from anywhere, at any time.
        """
        with self._lock, self._store.begin() as connection:
            if connection.dialect.name == "postgresql":
                leads = connection.execute(
                    sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended('gardefou-sequencer', 0))")
                ).scalar_one()
                if not leads:
                    return 0
            done = self._append_backlog(connection)
            if not done.events:
                return 0
            # Signed at the moment of the one before where this clock is behind it: time never runs back (R18).
            at = max(self._clock.now(), self._newest_at(connection) or _LONG_AGO)
            for platform, edge in done.edges.items():
                signer = self.signer(platform)
                note = sign_checkpoint(Checkpoint(signer.name, edge.size, edge.root), signer)
                values = {"platform": platform, "size": edge.size, "root": edge.root, "at": at, "note": note}
                _SIGN.run(connection, values)
            if done.loud:
                nudge(connection)
        self._edges.update(done.edges)
        self._newest = at
        return done.events

    def integrate_all(self) -> int:
        """Integrate until nothing is pending; return how many events there were."""
        total = 0
        while done := self.integrate():
            total += done
        return total

    def _append_backlog(self, connection: sa.Connection) -> _Appended:
        done = _Appended()
        with together(connection):
            backlog = Backlog(connection, BATCH)
            rows = backlog.read()()
            while rows:
                following = backlog.read()
                leaves: list[tuple[Any, ...]] = []
                nodes: list[tuple[Any, ...]] = []
                for platform, group in groupby(rows, itemgetter(0)):
                    edge = done.edges[platform] if platform in done.edges else self._edge(connection, platform)
                    done.edges[platform] = _append(platform, list(group), edge, leaves, nodes)
                done.events += len(rows)
                done.loud = done.loud or any(row[5] != _QUIET for row in rows)
                read, rows = rows, following()
                # Sent once the next piece is here, and done while that is hashed.
                bulk.insert_rows(connection, tables.leaf, ("platform", "seq", "event_id", "data", "hash"), leaves)
                bulk.insert_rows(connection, tables.tree_node, ("platform", "level", "position", "hash"), nodes)
                backlog.forget(read)
        return done

    def _edge(self, connection: sa.Connection, platform: str) -> Frontier:
        held = latest(connection, platform)
        known = self._edges.get(platform)
        size = 0 if held is None else held.size
        # By its root too: a store that lost its last commits, or was put back, may have as many leaves, and others.
        if known is not None and known.size == size and (held is None or known.root == held.root):
            return known
        return read_nodes(connection, platform, lambda fetch: Frontier.from_nodes(size, fetch))

    def is_checkpointed(self, connection: sa.Connection, platform: str, event_id: str) -> bool:
        """Whether an event stands in a signed checkpoint."""
        return _HAS_LEAF.first(connection, {"platform": platform, "event": event_id}) is not None

    def check_clock(self, connection: sa.Connection, now: datetime) -> None:
        """Raise when this node's clock is behind the last checkpoint, or what was noted: then only restores run (R18).

        Raises:
            Conflict: `clock/behind`.
        """
        newest = self._newest_at(connection)
        if newest is not None and now < newest - CLOCK_SLACK:
            raise Conflict(
                "clock/behind",
                "This machine's clock is behind what is on record; set it right. Restores still work.",
            )

    def _newest_at(self, connection: sa.Connection) -> datetime | None:
        """Return when the last checkpoint was signed, or the time noted, by whichever node.

        Read anew once this clock shows another second than at the last reading:
        a clock that jumps back would else be held against what was newest long ago.
        """
        now = self._clock.now()
        if self._newest_read is None or abs(now - self._newest_read) >= _REREAD:
            known = [at for at in connection.execute(_NEWEST_AT).one() if at is not None]
            self._newest, self._newest_read = max(known, default=None), now
        return self._newest


def _append(
    platform: str,
    events: Sequence[Sequence[Any]],
    edge: Frontier,
    leaves: list[tuple[Any, ...]],
    nodes: list[tuple[Any, ...]],
) -> Frontier:
    """Append a log's events to its tree, and their rows to ``leaves`` and ``nodes``; return the tree's new edge."""
    ids = [event[1] for event in events]
    data = [leaf_data(event[1], event[2], commit(event[3], event[4])) for event in events]
    hashes = [leaf_hash(one) for one in data]
    grown, made = edge.append_many(hashes)
    leaves += zip(repeat(platform), count(edge.size), ids, data, hashes, strict=False)
    nodes += [(platform, *node) for node in kept(made)]
    return grown


def latest(connection: sa.Connection, platform: str) -> Held | None:
    """Return the newest checkpoint of a platform's log, or None before the first."""
    row = _LATEST.first(connection, {"platform": platform})
    return None if row is None else Held(size=row.size, root=row.root, at=row.at, note=row.note)


def logs(connection: sa.Connection) -> list[str]:
    """Return the platforms that have a log."""
    rows = connection.execute(sa.select(tables.event.c.platform).distinct().order_by(tables.event.c.platform))
    return [row.platform for row in rows]


def entries(connection: sa.Connection, platform: str, *, first: int = 0, size: int | None = None) -> Iterator[Any]:
    """Yield a log's leaves with their events and stored hashes, in sequence, reading in pages."""
    page = 2_000
    joined = (
        sa.select(
            tables.leaf.c.seq,
            tables.leaf.c.event_id,
            tables.leaf.c.data,
            tables.event.c.at,
            tables.event.c.salt,
            tables.event.c.body,
            tables.leaf.c.hash,
        )
        .select_from(
            tables.leaf.outerjoin(
                tables.event,
                sa.and_(tables.event.c.platform == tables.leaf.c.platform, tables.event.c.id == tables.leaf.c.event_id),
            )
        )
        .where(
            tables.leaf.c.platform == platform,
            tables.leaf.c.seq >= sa.bindparam("first"),
            tables.leaf.c.seq < sa.bindparam("stop"),
        )
        .order_by(tables.leaf.c.seq)
    )
    while size is None or first < size:
        stop = first + page if size is None else min(first + page, size)
        rows = connection.execute(joined, {"first": first, "stop": stop}).all()
        if not rows:
            return
        yield from rows
        first = int(rows[-1].seq) + 1
