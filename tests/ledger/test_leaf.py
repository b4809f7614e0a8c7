"""Leaves: 57 bytes that bind an event and tell nothing of its body."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.ledger.leaf import Leaf, commit, leaf_data, parse_leaf
from tests.refusals import refused

EVENT = "0192f0c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f"
SALT = bytes(range(32))


def test_a_leaf_has_the_documented_bytes():
    data = leaf_data(EVENT, 1_509_658_800_000_000, commit(SALT, b"body"))
    assert data == (
        b"\x01" + UUID(EVENT).bytes + (1_509_658_800_000_000).to_bytes(8, "big") + sha256(SALT + b"body").digest()
    )
    assert len(data) == 57


@given(st.uuids(), st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32))
def test_every_leaf_comes_apart_again(event, at, commitment):
    data = leaf_data(str(event), at, commitment)
    assert parse_leaf(data) == Leaf(str(event), at, commitment)


@pytest.mark.parametrize(
    ("event", "at", "commitment", "field"),
    [
        (EVENT.upper(), 1, bytes(32), "event_id"),
        (EVENT.replace("-", ""), 1, bytes(32), "event_id"),
        (f"{{{EVENT}}}", 1, bytes(32), "event_id"),
        (EVENT + "\n", 1, bytes(32), "event_id"),
        (EVENT, -1, bytes(32), "at"),
        (EVENT, 2**64, bytes(32), "at"),
        (EVENT, 1, bytes(31), "commitment"),
    ],
)
def test_what_does_not_fit_is_refused(event, at, commitment, field):
    with refused("ledger/leaf_malformed", field):
        leaf_data(event, at, commitment)


@pytest.mark.parametrize("data", [b"", bytes(57), b"\x02" + bytes(56), b"\x01" + bytes(57)])
def test_other_bytes_are_no_leaf(data):
    with refused("ledger/leaf_malformed", "leaf"):
        parse_leaf(data)


def test_a_salt_of_another_length_is_refused():
    for salt in (b"", bytes(31), bytes(33)):
        with refused("ledger/salt_length", "salt"):
            commit(salt, b"body")
