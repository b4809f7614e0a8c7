"""Tiles: paths and contents as C2SP tlog-tiles has them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.ledger.tiles import (
    Tile,
    bundle_bytes,
    bundles_at,
    is_served,
    parse_bundle,
    parse_path,
    tile_bytes,
    tiles_at,
)
from gardefou.ledger.tree import Frontier, leaf_hash
from tests.refusals import refused

TILES = st.builds(
    Tile,
    st.none() | st.integers(0, 63),
    st.integers(0, 2**64 - 1) | st.integers(0, 2000),
    st.integers(1, 256),
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Tile(1, 1000, 1), "tile/1/x001/000.p/1"),
        (Tile(None, 1_234_067), "tile/entries/x001/x234/067"),
        (Tile(None, 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_paths_of_the_specification(tile, path):
    assert tile.path == path
    assert parse_path(path) == tile


@given(TILES)
def test_every_path_is_read_back(tile):
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "/tile/0/000",
        "tile/data/000",
    ],
)
def test_any_other_spelling_is_refused(path):
    with refused("ledger/tile_path", "path"):
        parse_path(path)


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts():
    tiles = Counter((tile.level, tile.width) for tile in tiles_at(70_000))
    assert tiles == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert [tile.path for tile in tiles_at(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert [tile.path for tile in bundles_at(257)] == ["tile/entries/000", "tile/entries/001.p/1"]
    assert list(tiles_at(0)) == list(bundles_at(0)) == []


@given(st.integers(0, 200_000))
def test_every_tile_of_a_tree_is_served_and_none_wider(size):
    for tile in (*tiles_at(size), *bundles_at(size)):
        assert is_served(tile, size)
        if tile.width < 256:
            assert not is_served(Tile(tile.level, tile.index, tile.width + 1), size)
        assert not is_served(Tile(tile.level, tile.index + 1, 256), size) or tile.width == 256


def test_a_hash_tile_holds_leaf_hashes_and_the_roots_of_the_full_tiles_below():
    leaves = [leaf_hash(bytes([number % 251])) for number in range(600)]
    stored = {(level, index): each for level, index, each in Frontier().append_many(leaves)[1]}

    def fetch(level: int, index: int) -> bytes:
        return stored[level, index]

    assert tile_bytes(Tile(0, 2, 88), fetch) == b"".join(leaves[512:])
    assert tile_bytes(Tile(1, 0, 2), fetch) == b"".join(
        Frontier().append_many(leaves[start : start + 256])[0].root for start in (0, 256)
    )


@given(st.lists(st.binary(max_size=80), max_size=256))
def test_bundles_come_apart_as_they_were_put_together(leaves):
    assert parse_bundle(bundle_bytes(leaves)) == leaves


def test_a_bundles_lengths_are_16_bits_big_endian():
    assert bundle_bytes([b"ab", b""]) == b"\x00\x02ab\x00\x00"
    assert parse_bundle(bundle_bytes([b"x" * 65_535])) == [b"x" * 65_535]
    with refused("ledger/entry_too_long", None):
        bundle_bytes([b"x" * 65_536])


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00"])
def test_a_cut_bundle_is_refused(data):
    with refused("ledger/bundle_cut", None):
        parse_bundle(data)
