"""Verifying the ledger in the store: every event, leaf, node and checkpoint; and exports and proofs.

The verification of an export (`gardefou.ledger.verifier`) shares no code with
this; here the store itself is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gardefou.errors import NotFound
from gardefou.ledger.bundle import ProvedEvent, make_bundle
from gardefou.ledger.checkpoint import Checkpoint
from gardefou.ledger.export_format import ExportEntry, write_export
from gardefou.ledger.nodes import fetch_from, kept, read_nodes
from gardefou.ledger.note import Verifier
from gardefou.ledger.pages import pages
from gardefou.ledger.sequencer import entries, latest
from gardefou.ledger.tree import Frontier, Node, inclusion_proof
from gardefou.storage import bulk, tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What verifying a platform's log found. ``bad_index`` and ``bad_event`` name the first bad entry."""

    platform: str
    ok: bool
    size: int
    pending: int
    erased: int = 0
    bad_index: int | None = None
    bad_event: str | None = None
    problem: str = ""


def audit(connection: sa.Connection, platform: str, verifier: Verifier, *, url: str | None = None) -> Audit:
    """Verify a platform's log in the store from its first entry to its newest checkpoint.

    Recomputes each leaf from its event's stored bytes, the tree from the
    leaves, compares each stored node with it, and each stored checkpoint with
    the root at its size. ``url``: the store's, where all cores may read it.
    """
    counted = connection.execute(_COUNTS, {"platform": platform}).one()
    size = int(counted.size)

    def bad(problem: str, index: int | None = None, event: str | None = None) -> Audit:
        return Audit(
            platform=platform,
            ok=False,
            size=size,
            pending=counted.pending,
            bad_index=index,
            bad_event=event,
            problem=problem,
        )

    stray = None
    if counted.events != counted.leaves + counted.outside:
        stray = connection.execute(_STRAY, {"platform": platform}).first()
    edge = Frontier()
    erased = points = 0
    for page in pages(connection, platform, verifier, size, url=url):
        made: list[Node] = []
        for point in page.points:
            if page.bad is not None and point.size > page.bad.index:
                break
            edge, nodes = edge.append_many(page.hashes[edge.size - page.first : point.size - page.first])
            made += nodes
            if point.problem or point.root != edge.root:
                at = point.size
                over = f"the entries up to {at} are not those that the checkpoint was signed over"
                return bad(point.problem or over, at - 1, _event_at(connection, platform, at - 1))
        if page.bad is not None:
            return bad(page.bad.problem, page.bad.index, page.bad.event)
        edge, nodes = edge.append_many(page.hashes[edge.size - page.first :])
        altered = _altered_node(connection, platform, made + nodes)
        if altered is not None:
            level, position = altered
            return bad(f"a hash of the tree was altered, {level} levels up", position << level)
        erased += page.erased
        points += len(page.points)
    if points != counted.points:
        return bad("a checkpoint is of no size that the log ever had")
    if counted.beyond:
        return bad("an entry stands behind the newest checkpoint", size)
    if stray is not None:
        return bad("an event stands outside the log", None, stray.id)
    return Audit(platform=platform, ok=True, size=size, pending=counted.pending, erased=erased)


def _counts() -> sa.Select[*tuple[Any, ...]]:
    """Return how much there is of each, in one statement, which sees one moment."""
    here = sa.bindparam("platform", type_=sa.Text)
    waits, leaf, event, point = tables.event_pending.c, tables.leaf.c, tables.event.c, tables.checkpoint.c
    size = sa.select(sa.func.coalesce(sa.func.max(point.size), 0)).where(point.platform == here).scalar_subquery()

    def count(table: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.count()).select_from(table).where(*where).scalar_subquery()

    # What waits and stands in the log too is counted once, by its leaf.
    outside = tables.event_pending.join(
        tables.event, sa.and_(event.platform == waits.platform, event.id == waits.id)
    ).outerjoin(tables.leaf, sa.and_(leaf.platform == waits.platform, leaf.event_id == waits.id))
    return sa.select(
        size.label("size"),
        count(tables.event_pending, waits.platform == here).label("pending"),
        count(tables.checkpoint, point.platform == here).label("points"),
        count(tables.event, event.platform == here).label("events"),
        count(tables.leaf, leaf.platform == here).label("leaves"),
        count(tables.leaf, leaf.platform == here, leaf.seq >= size).label("beyond"),
        count(outside, waits.platform == here, leaf.seq.is_(None)).label("outside"),
    )


_COUNTS = _counts()
_STRAY = (
    sa.select(tables.event.c.id)
    .outerjoin(
        tables.leaf,
        sa.and_(tables.leaf.c.platform == tables.event.c.platform, tables.leaf.c.event_id == tables.event.c.id),
    )
    .outerjoin(
        tables.event_pending,
        sa.and_(
            tables.event_pending.c.platform == tables.event.c.platform, tables.event_pending.c.id == tables.event.c.id
        ),
    )
    .where(
        tables.event.c.platform == sa.bindparam("platform"),
        tables.leaf.c.seq.is_(None),
        tables.event_pending.c.id.is_(None),
    )
    .limit(1)
)


def _event_at(connection: sa.Connection, platform: str, seq: int) -> str | None:
    """Return which event an entry is of, as the store has it."""
    leaf = tables.leaf.c
    return connection.execute(sa.select(leaf.event_id).where(leaf.platform == platform, leaf.seq == seq)).scalar()


def _altered_node(connection: sa.Connection, platform: str, nodes: list[Node]) -> tuple[int, int] | None:
    """Return level and position of the first stored node above the leaves that is not the one recomputed."""
    above: dict[int, dict[int, bytes]] = {}
    for level, position, value in kept(nodes):
        above.setdefault(level, {})[position] = value
    for level, expected in above.items():
        values = (platform, level, min(expected), max(expected))
        held: dict[int, bytes] = {at: value for at, value in bulk.select(connection, _NODES, values, binary=True)}  # noqa: C416 - rows are no pairs
        if held != expected:
            return level, min(at for at in expected if held.get(at) != expected[at])
    return None


_NODES = (
    "SELECT position, hash FROM tree_node WHERE platform = ? AND level = ? AND position >= ? AND position <= ?"
    " ORDER BY position"
)


def export(connection: sa.Connection, platform: str, verifier: Verifier, folder: Path) -> Checkpoint:
    """Write a platform's log, up to its newest checkpoint, as a folder that verifies offline.

    Raises:
        NotFound: the log has no checkpoint yet (`ledger/empty`).
        Conflict: the folder is not empty (`ledger/export_exists`).
    """
    held = latest(connection, platform)
    if held is None:
        raise NotFound("ledger/empty", f"The log of {platform!r} has no checkpoint yet.")

    def rows() -> Iterator[ExportEntry]:
        for row in entries(connection, platform, size=held.size):
            gone = row.body == b"" and row.salt == b""
            yield ExportEntry(
                index=row.seq,
                event_id=row.event_id,
                leaf=row.data,
                leaf_hash=row.hash,
                salt=None if gone else row.salt,
                body=None if gone else row.body,
            )

    return write_export(
        folder, rows(), checkpoint=held.note, verifier_key=verifier.encoded, fetch=fetch_from(connection, platform)
    )


def proof(connection: sa.Connection, platform: str, verifier: Verifier, about: str) -> dict[str, Any]:
    """Return an offline-verifiable bundle of every event about one thing (an enforcement's id).

    Raises:
        NotFound: nothing of it stands in a checkpoint yet (`ledger/not_included`).
    """
    return _proved(connection, platform, verifier, sa.and_(tables.event_has_about, tables.event.c.about == about))


def event_proof(connection: sa.Connection, platform: str, verifier: Verifier, event_id: str) -> dict[str, Any]:
    """Return an offline-verifiable bundle of one event.

    Raises:
        NotFound: it stands in no checkpoint yet (`ledger/not_included`).
    """
    return _proved(connection, platform, verifier, tables.event.c.id == event_id)


def _proved(
    connection: sa.Connection, platform: str, verifier: Verifier, which: sa.ColumnElement[bool]
) -> dict[str, Any]:
    held = latest(connection, platform)
    rows = connection.execute(
        sa.select(tables.leaf.c.seq, tables.leaf.c.data, tables.event.c.salt, tables.event.c.body)
        .join(
            tables.event,
            sa.and_(tables.event.c.platform == tables.leaf.c.platform, tables.event.c.id == tables.leaf.c.event_id),
        )
        .where(tables.event.c.platform == platform, which)
        .order_by(tables.leaf.c.seq)
    ).all()
    if held is None or not rows:
        raise NotFound("ledger/not_included", "Nothing of it stands in a checkpoint yet; try again in a second.")
    included = [row for row in rows if row.seq < held.size]
    paths = read_nodes(
        connection, platform, lambda fetch: [inclusion_proof(row.seq, held.size, fetch) for row in included]
    )
    events = [
        ProvedEvent(index=row.seq, leaf=row.data, salt=row.salt or None, body=row.body or None, proof=tuple(path))
        for row, path in zip(included, paths, strict=True)
    ]
    return make_bundle(events, checkpoint=held.note, verifier_key=verifier.encoded)
