"""A quick look at a log: its newest checkpoint, its tree's root, and its newest entries."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.errors import GardefouError
from gardefou.ledger.checkpoint import Checkpoint, open_checkpoint
from gardefou.ledger.nodes import read_nodes
from gardefou.ledger.note import Verifier
from gardefou.ledger.pages import read_page
from gardefou.ledger.sequencer import latest
from gardefou.ledger.tree import Frontier


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
    try:
        edge = read_nodes(connection, platform, lambda fetch: Frontier.from_nodes(held.size, fetch))
    except LookupError as error:
        return str(error)
    if signed != Checkpoint(verifier.name, held.size, edge.root) or held.root != edge.root:
        return f"the tree does not give the root of the checkpoint at {held.size}"
    page = read_page(connection, platform, verifier, max(0, held.size - most), held.size)
    return "" if page.bad is None else f"entry {page.bad.index}: {page.bad.problem}"
