"""A quick look at a log: its newest checkpoint, its tree's root, and its newest entries."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.clock import to_micros
from gardefou.errors import GardefouError
from gardefou.ledger.checkpoint import Checkpoint, open_checkpoint
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.note import Verifier
from gardefou.ledger.sequencer import entries, latest, read_nodes
from gardefou.ledger.tree import Frontier, leaf_hash


def quick_audit(connection: sa.Connection, platform: str, verifier: Verifier, most: int) -> str:
    """Return what is wrong with a log, as far as ``most`` of its newest entries tell; nothing when all holds.

    The root is that of the stored nodes; `gardefou.ledger.audit.audit` recomputes them all.
    """
    held = latest(connection, platform)
    if held is None:
        return ""
    try:
        signed = open_checkpoint(held.note, verifier)
    except GardefouError as error:
        return f"the newest checkpoint is not signed by the ledger's key [{error.code}]"
    edge = read_nodes(connection, platform, lambda fetch: Frontier.from_nodes(held.size, fetch))
    if signed != Checkpoint(verifier.name, held.size, edge.root) or held.root != edge.root:
        return f"the tree does not give the root of the checkpoint at {held.size}"
    first = max(0, held.size - most)
    count = 0
    for row in entries(connection, platform, first=first, size=held.size):
        erased = row.body == b"" and row.salt == b""
        wrong = row.body is None or row.hash != leaf_hash(row.data)
        if not wrong and not erased:
            wrong = not isinstance(row.body, bytes) or row.data != leaf_data(
                row.event_id, to_micros(row.at), commit(row.salt, row.body)
            )
        if wrong or row.seq != first + count:
            return f"entry {first + count} was altered or is missing"
        count += 1
    return "" if first + count == held.size else f"entry {first + count} is missing"
