"""Merkle tree mathematics of RFC 6962 (section 2.1) and RFC 9162 (section 2.1).

A *complete node* ``(level, index)`` is the root of the ``2**level`` leaves from
``index * 2**level`` on. Once complete it never changes, so complete nodes are
what is stored; everything else (roots, proofs, tiles) is computed from them.

Pure: no storage, clock or randomness. Hashes are 32 bytes of SHA-256; indexes
and sizes count leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count, repeat

from gardefou.errors import InvalidInput

HASH_BYTES = 32

#: The root of the tree without leaves: SHA-256 of nothing.
EMPTY_ROOT = sha256(b"").digest()

#: A complete node: level, index, hash.
Node = tuple[int, int, bytes]

#: Reads the stored hash of a complete node: ``fetch(level, index)``. Which nodes a function reads depends
#: on indexes and sizes only, never on hashes, so a recording ``fetch`` finds out what to load in one query.
Fetch = Callable[[int, int], bytes]


class ProofError(InvalidInput):
    """A proof does not prove what it is offered for (``ledger/proof_invalid``)."""

    def __init__(self, message: str) -> None:
        super().__init__("ledger/proof_invalid", message)


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 over ``0x00`` and the leaf's data."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 over ``0x01``, left and right."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that is needed to append to it and to know its root.

    ``size``: leaves so far. ``hashes``: roots of the complete subtrees that
    the binary digits of ``size`` name, largest (leftmost) first.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise InvalidInput(
                "ledger/frontier",
                f"A frontier of size {self.size} has another number of hashes than {len(self.hashes)}; rebuild it.",
                field="hashes",
            )
        _check_hashes(self.hashes)

    @classmethod
    def from_nodes(cls, size: int, fetch: Fetch) -> Frontier:
        """Rebuild the frontier of a tree of ``size`` leaves from its stored complete nodes."""
        if size < 0:
            raise InvalidInput("ledger/frontier", "A tree has no negative size; pass its number of leaves.")
        levels = (level for level in reversed(range(size.bit_length())) if size >> level & 1)
        return cls(size, tuple(fetch(level, (size >> level) - 1) for level in levels))

    @property
    def root(self) -> bytes:
        """The Merkle Tree Hash at this size."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT

    def append_many(self, leaf_hashes: Iterable[bytes]) -> tuple[Frontier, list[Node]]:
        """Append leaf hashes in their sequence; return the new frontier and every node that became complete.

        The nodes come level by level, leaves (level 0) first, and are exactly
        those to be stored. Works through whole rows, for large batches: about
        two hashes a leaf.
        """
        row = list(leaf_hashes)
        _check_hashes(row)
        size = self.size + len(row)
        before = self._by_level()
        after: dict[int, bytes] = {}
        nodes: list[Node] = []
        sha = sha256
        level, start = 0, self.size
        while row:
            nodes += zip(repeat(level), count(start), row)
            if start & 1:
                # The row's first node completes the pair that the old edge began.
                row.insert(0, before.pop(level))
            if len(row) & 1:
                after[level] = row[-1]
            row = [sha(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
            level, start = level + 1, start >> 1
        edge = before | after
        return Frontier(size, tuple(edge[level] for level in sorted(edge, reverse=True))), nodes

    def _by_level(self) -> dict[int, bytes]:
        levels = (level for level in reversed(range(self.size.bit_length())) if self.size >> level & 1)
        return dict(zip(levels, self.hashes, strict=True))


def root_at(size: int, fetch: Fetch) -> bytes:
    """Return the root that the tree had at ``size`` leaves, from its stored complete nodes."""
    return Frontier.from_nodes(size, fetch).root


def inclusion_proof(index: int, size: int, fetch: Fetch) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves (RFC 6962, section 2.1.1).

    Raises:
        InvalidInput: ``index`` is outside the tree (`ledger/proof_range`).
    """
    if not 0 <= index < size:
        raise InvalidInput(
            "ledger/proof_range", f"Entry {index} is not in a tree of size {size}; ask for an earlier one."
        )
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(middle, high, fetch))
            high = middle
        else:
            path.append(_range_root(low, middle, fetch))
            low = middle
    path.reverse()
    return path


def consistency_proof(size1: int, size2: int, fetch: Fetch) -> list[bytes]:
    """Return the proof that the tree of ``size2`` extends that of ``size1`` (RFC 6962, section 2.1.2).

    Empty when both sizes are the same.

    Raises:
        InvalidInput: not ``1 <= size1 <= size2`` (`ledger/proof_range`).
    """
    if not 1 <= size1 <= size2:
        raise InvalidInput(
            "ledger/proof_range",
            f"No consistency proof leads from size {size1} to {size2}; the first is at least 1 and not the greater.",
        )
    path: list[bytes] = []
    low, high = 0, size2
    while high != size1:
        middle = low + _split(high - low)
        if size1 <= middle:
            path.append(_range_root(middle, high, fetch))
            high = middle
        else:
            path.append(_range_root(low, middle, fetch))
            low = middle
    if low:
        # Left out when the old tree is itself a complete subtree: the verifier has its root.
        path.append(_range_root(low, high, fetch))
    path.reverse()
    return path if size1 < size2 else []


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes] | None, root: bytes) -> None:
    """Check that the leaf with this hash stands at ``index`` in the tree with ``root`` (RFC 9162, section 2.1.3.2).

    Raises:
        ProofError: it is not proved (`ledger/proof_invalid`).
    """
    path = list(proof or ())
    if not 0 <= index < size:
        raise ProofError(f"Entry {index} is not in a tree of size {size}; the proof is for another tree.")
    if any(len(each) != HASH_BYTES for each in (leaf_hash, root, *path)):
        raise ProofError("A hash in the inclusion proof is not 32 bytes long; fetch the proof again.")
    place, last = index, size - 1
    found = leaf_hash
    for sibling in path:
        if last == 0:
            raise ProofError("The inclusion proof is longer than the tree is high; fetch the proof again.")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("The inclusion proof is shorter than the tree is high; fetch the proof again.")
    if found != root:
        raise ProofError(f"Entry {index} is not what the tree holds there: the proof leads to another root.")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes] | None) -> None:
    """Check that the tree with ``root2`` only appended to that with ``root1`` (RFC 9162, section 2.1.4.2).

    The empty tree is consistent with everything, so a proof from size 0
    proves nothing and is refused.

    Raises:
        ProofError: it is not proved (`ledger/proof_invalid`).
    """
    path = list(proof or ())
    if not 1 <= size1 <= size2:
        raise ProofError(f"No consistency proof leads from size {size1} to size {size2}; check which came first.")
    if size1 == size2:
        _check_same(size1, root1, root2, path)
        return
    if not path or any(len(each) != HASH_BYTES for each in (root1, root2, *path)):
        raise ProofError("The consistency proof is empty or holds a hash that is not 32 bytes; fetch it again.")
    if size1.bit_count() == 1:
        path.insert(0, root1)
    first, second = size1 - 1, size2 - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if second == 0:
            raise ProofError("The consistency proof is longer than the tree is high; fetch the proof again.")
        if first & 1 or first == second:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            new = node_hash(new, sibling)
        first, second = first >> 1, second >> 1
    if second:
        raise ProofError("The consistency proof is shorter than the tree is high; fetch the proof again.")
    if old != root1 or new != root2:
        raise ProofError(f"The tree of size {size2} does not extend that of size {size1}: history was rewritten.")


def _check_same(size: int, root1: bytes, root2: bytes, path: list[bytes]) -> None:
    if path:
        raise ProofError("Both trees have one size, and the proof is not empty; fetch the proof again.")
    if root1 != root2:
        raise ProofError(f"Two different roots at size {size}: the log shows different histories.")


def _split(width: int) -> int:
    """Return the largest power of two smaller than ``width`` (RFC 6962's k)."""
    return 1 << (width - 1).bit_length() - 1


def _range_root(low: int, high: int, fetch: Fetch) -> bytes:
    """Return the root of the leaves from ``low`` up to ``high``, where ``low`` begins a subtree."""
    hashes: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        hashes.append(fetch(level, low >> level))
        low += 1 << level
    return _fold(hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, largest first."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if set(map(len, hashes)) - {HASH_BYTES}:
        raise InvalidInput("ledger/hash_length", "A hash is not 32 bytes long; pass SHA-256 digests.", field="hashes")
