"""Verifying the ledger in the store: every event, leaf, node and checkpoint; and exports and proofs.

The verification of an export (`gardefou.ledger.verifier`) shares no code with
this; here the store itself is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.clock import to_micros
from gardefou.errors import GardefouError, NotFound
from gardefou.ledger.bundle import ProvedEvent, make_bundle
from gardefou.ledger.checkpoint import Checkpoint, open_checkpoint
from gardefou.ledger.export_format import ExportEntry, write_export
from gardefou.ledger.leaf import commit, leaf_data, parse_leaf
from gardefou.ledger.note import Verifier
from gardefou.ledger.sequencer import entries, fetch_from, latest
from gardefou.ledger.tree import Frontier, Node, inclusion_proof, leaf_hash
from gardefou.storage import tables

#: What an event's row repeats of its body.
_BESIDE = ("kind", "by", "account", "about")
#: Nodes of the tree that are compared at once.
_MANY = 4_000


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


def audit(connection: sa.Connection, platform: str, verifier: Verifier) -> Audit:
    """Verify a platform's log in the store from its first entry to its newest checkpoint.

    Recomputes each leaf from its event's stored bytes, the tree from the
    leaves, and compares each stored checkpoint with the root at its size.
    """
    pending = int(
        connection.execute(
            sa.select(sa.func.count())
            .select_from(tables.event_pending)
            .where(tables.event_pending.c.platform == platform)
        ).scalar_one()
    )
    checkpoints = connection.execute(
        sa.select(tables.checkpoint).where(tables.checkpoint.c.platform == platform).order_by(tables.checkpoint.c.size)
    ).all()
    size = checkpoints[-1].size if checkpoints else 0

    def bad(problem: str, index: int | None = None, event: str | None = None) -> Audit:
        return Audit(
            platform=platform, ok=False, size=size, pending=pending, bad_index=index, bad_event=event, problem=problem
        )

    stray = connection.execute(
        sa.select(tables.event.c.id)
        .outerjoin(
            tables.leaf,
            sa.and_(tables.leaf.c.platform == tables.event.c.platform, tables.leaf.c.event_id == tables.event.c.id),
        )
        .outerjoin(
            tables.event_pending,
            sa.and_(
                tables.event_pending.c.platform == tables.event.c.platform,
                tables.event_pending.c.id == tables.event.c.id,
            ),
        )
        .where(tables.event.c.platform == platform, tables.leaf.c.seq.is_(None), tables.event_pending.c.id.is_(None))
        .limit(1)
    ).first()
    edge = Frontier()
    erased = 0
    position = 0
    due = list(checkpoints)
    batch: list[bytes] = []
    nodes: list[Node] = []

    def settle(edge: Frontier, batch: list[bytes]) -> tuple[Frontier, str | None]:
        grown, made = edge.append_many(batch)
        nodes.extend(made)
        if due and due[0].size == grown.size:
            point = due.pop(0)
            try:
                signed = open_checkpoint(point.note, verifier)
            except GardefouError as error:
                return grown, f"the checkpoint at {point.size} is not signed by the ledger's key ({error.code})"
            if signed != Checkpoint(verifier.name, point.size, grown.root) or point.root != grown.root:
                return grown, f"the entries up to {point.size} are not those that the checkpoint was signed over"
        return grown, None

    for row in entries(connection, platform, size=size):
        if row.seq != position:
            return bad("an entry is missing", position)
        problem, gone = _entry_problem(row)
        if problem is not None:
            return bad(problem, position, row.event_id)
        erased += gone
        batch.append(leaf_hash(row.data))
        position += 1
        if due and due[0].size == position:
            edge, trouble = settle(edge, batch)
            batch = []
            if trouble is None and (len(nodes) > _MANY or position == size):
                # Level by level: each one's own come in one reading.
                trouble = _node_problem(connection, platform, sorted(nodes))
                nodes.clear()
            if trouble is not None:
                return bad(trouble, position - 1, row.event_id)
    if position != size:
        return bad("entries are missing at the end", position)
    if stray is not None:
        return bad("an event stands outside the log", None, stray.id)
    return Audit(platform=platform, ok=True, size=size, pending=pending, erased=erased)


def _entry_problem(row: Any) -> tuple[str | None, int]:
    """Return what is wrong with an entry, and 1 where its body was erased."""
    if row.body is None:
        return "its event is missing", 0
    if row.hash != leaf_hash(row.data):
        return "its leaf was altered", 0
    if not (isinstance(row.body, bytes) and isinstance(row.salt, bytes)):
        # SQLite keeps whatever type it is given: text where bytes belong was not written by us.
        return "its event was altered", 0
    if row.body == b"" and row.salt == b"":
        try:
            known = parse_leaf(row.data)
        except GardefouError:
            return "its leaf was altered", 0
        if known.event_id != row.event_id or known.at != to_micros(row.at):
            return "its leaf was altered", 0
        return None, 1
    try:
        as_written = leaf_data(row.event_id, to_micros(row.at), commit(row.salt, row.body))
    except GardefouError:
        return "its event was altered", 0
    if as_written != row.data:
        return "its event was altered", 0
    # What lists and searches go by stands beside the body, and must be what the body says.
    body = orjson.loads(row.body)
    if (row.kind, row.by, row.account, row.about) != tuple(body.get(name) for name in _BESIDE):
        return "what is listed of its event is not what its event says", 0
    return None, 0


def _node_problem(connection: sa.Connection, platform: str, nodes: Sequence[Node]) -> str | None:
    """Return what is wrong with stored nodes above the leaves, which proofs and later trees are made from."""
    n = tables.tree_node.c
    for level, some in groupby((one for one in nodes if one[0] > 0), itemgetter(0)):
        computed = {position: value for _, position, value in some}
        rows = connection.execute(
            sa.select(n.position, n.hash).where(
                n.platform == platform, n.level == level, n.position.between(min(computed), max(computed))
            )
        )
        if {row.position: bytes(row.hash) for row in rows} != computed:
            return f"a node of the tree was altered or is missing on level {level}"
    return None


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
    fetch = fetch_from(connection, platform)
    events = [
        ProvedEvent(
            index=row.seq,
            leaf=row.data,
            salt=row.salt or None,
            body=row.body or None,
            proof=tuple(inclusion_proof(row.seq, held.size, fetch)),
        )
        for row in rows
        if row.seq < held.size
    ]
    return make_bundle(events, checkpoint=held.note, verifier_key=verifier.encoded)
