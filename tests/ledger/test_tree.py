"""The Merkle tree: against RFC 6962's own definition, and the vectors shared by its implementations."""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from tests.refusals import refused

VECTORS = Path(__file__).parent / "vectors"
MOST = 600
LEAVES = [leaf_hash(f"leaf {number}".encode()) for number in range(MOST)]
WHOLE, NODES = Frontier().append_many(LEAVES)
STORED = {(level, index): each for level, index, each in NODES}
SIZES = st.integers(0, MOST)


def fetch(level: int, index: int) -> bytes:
    return STORED[level, index]


@cache
def defined_root(low: int, high: int) -> bytes:
    """RFC 6962's MTH, as section 2.1 words it."""
    width = high - low
    if width == 0:
        return sha256(b"").digest()
    if width == 1:
        return LEAVES[low]
    split = 1
    while split * 2 < width:
        split *= 2
    return sha256(b"\x01" + defined_root(low, low + split) + defined_root(low + split, high)).digest()


def cases(name: str) -> list:
    rows = [json.loads(line) for line in (VECTORS / name).read_text().splitlines()]
    return [pytest.param(row, id=row["name"]) for row in rows]


def unbase64(text: str) -> bytes:
    return base64.b64decode(text)


def proof_of(row: dict) -> list[bytes] | None:
    return None if row["proof"] is None else [unbase64(each) for each in row["proof"]]


@pytest.mark.parametrize("row", cases("rfc6962_inclusion.jsonl"))
def test_inclusion_vectors(row):
    def check():
        verify_inclusion(
            row["leafIdx"], row["treeSize"], unbase64(row["leafHash"]), proof_of(row), unbase64(row["root"])
        )

    if row["wantErr"]:
        with refused("ledger/proof_invalid", None, by=ProofError):
            check()
    else:
        check()


@pytest.mark.parametrize("row", cases("rfc6962_consistency.jsonl"))
def test_consistency_vectors(row):
    def check():
        verify_consistency(row["size1"], row["size2"], unbase64(row["root1"]), unbase64(row["root2"]), proof_of(row))

    if row["wantErr"]:
        with refused("ledger/proof_invalid", None, by=ProofError):
            check()
    else:
        check()


def test_the_vector_files_are_whole():
    assert len(cases("rfc6962_inclusion.jsonl")) == 98
    assert len(cases("rfc6962_consistency.jsonl")) == 98


def test_the_empty_tree_has_the_root_of_the_rfc():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root == EMPTY_ROOT


def test_every_root_is_that_of_the_definition():
    for size in range(MOST + 1):
        assert root_at(size, fetch) == defined_root(0, size)


@given(st.lists(st.integers(0, 90), max_size=6))
def test_batches_of_any_size_give_the_same_tree_and_the_same_nodes(batches):
    frontier, stored = Frontier(), {}
    for batch in batches:
        frontier, nodes = frontier.append_many(LEAVES[frontier.size : frontier.size + batch])
        for level, index, each in nodes:
            # No node is ever completed twice: what is stored is never written over.
            assert (level, index) not in stored
            stored[level, index] = each
    size = sum(batches)
    assert frontier.size == size
    assert frontier.root == defined_root(0, size)
    assert stored == {at: each for at, each in STORED.items() if (at[1] + 1) << at[0] <= size}


@given(SIZES)
def test_a_frontier_is_rebuilt_from_the_stored_nodes(size):
    rebuilt = Frontier.from_nodes(size, fetch)
    assert rebuilt == Frontier().append_many(LEAVES[:size])[0]
    assert rebuilt.append_many(LEAVES[size:])[0] == WHOLE


@given(st.data())
def test_every_leaf_proves_its_place_and_no_other_leaf_does(data):
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, fetch)
    root = defined_root(0, size)
    verify_inclusion(index, size, LEAVES[index], proof, root)
    other = data.draw(st.integers(0, MOST - 1).filter(lambda each: each != index))
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_inclusion(index, size, LEAVES[other], proof, root)
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_inclusion(other, size, LEAVES[index], proof, root)


@given(st.data())
def test_every_later_tree_proves_that_it_extends_the_earlier(data):
    size2 = data.draw(st.integers(1, MOST))
    size1 = data.draw(st.integers(1, size2))
    proof = consistency_proof(size1, size2, fetch)
    root1, root2 = defined_root(0, size1), defined_root(0, size2)
    verify_consistency(size1, size2, root1, root2, proof)
    forged = sha256(root1).digest()
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_consistency(size1, size2, forged, root2, proof)
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_consistency(size1, size2, root1, forged, proof)


@given(st.data())
def test_any_flipped_bit_spoils_a_proof(data):
    size = data.draw(st.integers(2, MOST))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, fetch)
    at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    flipped = int.from_bytes(proof[at], "big") ^ (1 << bit)
    proof[at] = flipped.to_bytes(32, "big")
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_inclusion(index, size, LEAVES[index], proof, defined_root(0, size))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5)])
def test_no_proof_of_what_is_not_in_the_tree(index, size):
    with refused("ledger/proof_range", None):
        inclusion_proof(index, size, fetch)


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 5), (-1, 5), (6, 5)])
def test_no_consistency_proof_from_nothing_or_backwards(size1, size2):
    with refused("ledger/proof_range", None):
        consistency_proof(size1, size2, fetch)


def test_hashes_of_wrong_length_never_enter_the_tree():
    with refused("ledger/hash_length", "hashes"):
        Frontier().append_many([b"short"])
    with refused("ledger/frontier", "hashes"):
        Frontier(3, (LEAVES[0],))
    with refused("ledger/frontier", None):
        Frontier.from_nodes(-1, fetch)


def test_a_refused_proof_names_no_field():
    error = ProofError("It leads elsewhere.")
    assert (error.code, error.message, error.field) == ("ledger/proof_invalid", "It leads elsewhere.", None)
