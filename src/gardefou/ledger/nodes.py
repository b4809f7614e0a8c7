"""Which complete nodes of a tree the store keeps, and how all others are read.

Hashes of leaves stand beside the leaves. Above them every fourth level is kept,
a row for sixteen nodes of the one kept below: of a log of ten million entries
some seven hundred thousand rows instead of twenty million. Whatever lies
between is hashed anew from at most eight that are kept. Levels 8, 16, ... are
among them, so that tiles are read as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import sqlalchemy as sa

from gardefou.ledger.tree import HASH_BYTES, Fetch, Node, node_hash
from gardefou.storage import bulk, tables
from gardefou.storage.fast import Fast

T = TypeVar("T")

#: From one level that is kept to the next.
STEP = 4

_LEAVES = Fast(
    sa.select(tables.leaf.c.hash)
    .where(
        tables.leaf.c.platform == sa.bindparam("platform"),
        tables.leaf.c.seq >= sa.bindparam("first"),
        tables.leaf.c.seq < sa.bindparam("stop"),
    )
    .order_by(tables.leaf.c.seq)
)
_ABOVE = Fast(
    sa.select(tables.tree_node.c.hash)
    .where(
        tables.tree_node.c.platform == sa.bindparam("platform"),
        tables.tree_node.c.level == sa.bindparam("level"),
        tables.tree_node.c.position >= sa.bindparam("first"),
        tables.tree_node.c.position < sa.bindparam("stop"),
    )
    .order_by(tables.tree_node.c.position)
)
#: A reading for each along the key, whatever the planner thinks of the tables: it cannot make a join of it.
_MANY = (
    "WITH given AS (SELECT ?::text AS platform, level, first, stop"
    " FROM unnest(?::int[], ?::bigint[], ?::bigint[]) AS g(level, first, stop))"
    " SELECT level, first, stop, CASE WHEN level = 0 THEN"
    " (SELECT string_agg(hash, ''::bytea ORDER BY seq) FROM leaf AS n WHERE n.platform = given.platform"
    " AND n.seq >= given.first AND n.seq < given.stop)"
    " ELSE (SELECT string_agg(hash, ''::bytea ORDER BY position) FROM tree_node AS n"
    " WHERE n.platform = given.platform AND n.level = given.level"
    " AND n.position >= given.first AND n.position < given.stop) END FROM given"
)


def kept(nodes: Iterable[Node]) -> list[Node]:
    """Return those of these nodes that have a row of their own."""
    return [node for node in nodes if node[0] and not node[0] % STEP]


def fetch_from(connection: sa.Connection, platform: str) -> Fetch:
    """Return the reader of a platform's complete nodes, one at a time; `read_nodes` is for many."""

    def fetch(level: int, position: int) -> bytes:
        base, first, stop = _below(level, position)
        if base:
            values = {"platform": platform, "level": base, "first": first, "stop": stop}
            rows = _ABOVE.all(connection, values)
        else:
            rows = _LEAVES.all(connection, {"platform": platform, "first": first, "stop": stop})
        return _over([bytes(row.hash) for row in rows], stop - first)

    return fetch


def read_nodes(connection: sa.Connection, platform: str, ask: Callable[[Fetch], T]) -> T:
    """Return what ``ask`` gives with a reader of a platform's complete nodes; in one exchange on PostgreSQL.

    ``ask`` is called twice there, first with hashes that mean nothing: which
    nodes it reads does not depend on them.
    """
    if connection.dialect.name != "postgresql":
        return ask(fetch_from(connection, platform))
    wanted: dict[tuple[int, int, int], None] = {}

    def note(level: int, position: int) -> bytes:
        wanted[_below(level, position)] = None
        return bytes(HASH_BYTES)

    ask(note)
    columns: list[Any] = [list(column) for column in zip(*wanted, strict=True)] or [[], [], []]
    found = bulk.select(connection, _MANY, (platform, *columns), binary=True)
    held = {(level, first, stop): bytes(joined or b"") for level, first, stop, joined in found}

    def fetch(level: int, position: int) -> bytes:
        base, first, stop = _below(level, position)
        joined = held[base, first, stop]
        return _over([joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)], stop - first)

    return ask(fetch)


def _below(level: int, position: int) -> tuple[int, int, int]:
    """Return the level that is kept, and the positions in it (``stop`` excluded) that a node is made of."""
    over = level % STEP
    return level - over, position << over, position + 1 << over


def _over(hashes: list[bytes], count: int) -> bytes:
    """Return the root over so many hashes, a power of two.

    Raises:
        LookupError: some of them are missing from the store.
    """
    if len(hashes) != count:
        msg = "a hash of the tree is missing from the store; `gardefou ledger verify` finds out which"
        raise LookupError(msg)
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
