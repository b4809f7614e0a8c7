"""Tiles: a log as files that never change (C2SP tlog-tiles, https://c2sp.org/tlog-tiles).

A hash tile holds 256 consecutive hashes of one height, ``tile/<L>/<N>``; an
entry bundle holds the 256 leaves under a tile of level 0, ``tile/entries/<N>``.
The rightmost of each may be partial, ``….p/<W>``. ``N`` is written in groups of
three digits, all but the last led by ``x``: 1234067 is ``x001/x234/067``.

A tile of level ``L`` holds complete nodes of tree level ``8 * L``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gardefou.errors import InvalidInput
from gardefou.ledger.tree import Fetch

#: Hashes in a full tile, entries in a full bundle.
WIDTH = 256
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 2**16 - 1

_HEIGHT = 8
_MAX_INDEX = 2**64 - 1
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """The address of a hash tile, or of an entry bundle where ``level`` is None.

    ``width``: 256 when full, 1 to 255 when partial.
    """

    level: int | None
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        level_fits = self.level is None or 0 <= self.level <= MAX_LEVEL
        if not (level_fits and 0 <= self.index <= _MAX_INDEX and 1 <= self.width <= WIDTH):
            raise _no_tile()

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{name}{partial}"

    @property
    def start(self) -> int:
        """Index of the first hash (within its level) or entry that it holds."""
        return self.index * WIDTH


def parse_path(path: str) -> Tile:
    """Read a tile's path; the only spelling taken is the one that `Tile.path` writes.

    Raises:
        InvalidInput: it is not the path of a tile (`ledger/tile_path`).
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise _no_tile()
    level = None if match["level"] == "entries" else int(match["level"])
    tile = Tile(level, int(match["index"].replace("/", "").replace("x", "")), int(match["width"] or WIDTH))
    # Catches superfluous groups of zeroes and a partial width of 256.
    if tile.path != path:
        raise _no_tile()
    return tile


def is_served(tile: Tile, size: int) -> bool:
    """Tell whether a tree of ``size`` leaves has this tile, whole or as wide as asked for."""
    return tile.start + tile.width <= size >> _HEIGHT * (tile.level or 0)


def tiles_at(size: int) -> Iterator[Tile]:
    """Yield every hash tile of a tree of ``size`` leaves, level by level from 0."""
    level, count = 0, size
    while count:
        yield from _row(level, count)
        level, count = level + 1, count >> _HEIGHT


def bundles_at(size: int) -> Iterator[Tile]:
    """Yield the address of every entry bundle of a tree of ``size`` leaves."""
    yield from _row(None, size)


def tile_bytes(tile: Tile, fetch: Fetch) -> bytes:
    """Return the content of a hash tile, read from stored complete nodes."""
    if tile.level is None:
        raise _no_tile()
    level = _HEIGHT * tile.level
    return b"".join(fetch(level, tile.start + offset) for offset in range(tile.width))


def bundle_bytes(leaves: Iterable[bytes]) -> bytes:
    """Return an entry bundle: each leaf's data after its length (16 bits, big-endian).

    Raises:
        InvalidInput: a leaf is longer than 65,535 bytes (`ledger/entry_too_long`).
    """
    parts: list[bytes] = []
    for leaf in leaves:
        if len(leaf) > MAX_ENTRY_BYTES:
            raise InvalidInput("ledger/entry_too_long", "An entry has at most 65535 bytes; store the rest elsewhere.")
        parts += (struct.pack(">H", len(leaf)), leaf)
    return b"".join(parts)


def parse_bundle(data: bytes) -> list[bytes]:
    """Return the leaves' data in an entry bundle.

    Raises:
        InvalidInput: it ends within an entry (`ledger/bundle_cut`).
    """
    leaves: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise InvalidInput("ledger/bundle_cut", "The entry bundle ends within an entry; fetch it again.")
        leaves.append(data[at + 2 : end])
        at = end
    return leaves


def _row(level: int | None, count: int) -> Iterator[Tile]:
    full, rest = divmod(count, WIDTH)
    for index in range(full):
        yield Tile(level, index)
    if rest:
        yield Tile(level, full, rest)


def _no_tile() -> InvalidInput:
    return InvalidInput(
        "ledger/tile_path", "There is no such tile; write tile/<level>/<index>[.p/<width>].", field="path"
    )
