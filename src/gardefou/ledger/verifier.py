"""Verifies an export of the log offline, sharing no code with the program that wrote it.

Imports nothing of Gardefou, so a mistake there cannot hide itself here; this
one file, with ``cryptography`` installed, is all that an auditor needs:

    python -m gardefou.ledger.verifier EXPORT [--key VERIFIER_KEY] [--held CHECKPOINT]

Checks the checkpoint's signature, recomputes every leaf's hash, the root, all
hash tiles, and each body's commitment. Exit status 0: all holds; 1: something
does not, and the first bad entry is named; 2: bad usage.

Formats: RFC 6962 section 2.1 (tree), C2SP signed-note, tlog-checkpoint and
tlog-tiles; the leaf (57 bytes: version 1, event id, microseconds, commitment)
and ``bodies.ndjson`` are Gardefou's own.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_WIDTH = 256
_LEAF_BYTES = 57


class BadUsage(Exception):
    """What was asked for cannot be checked at all: no such folder, not a key (exit status 2)."""


class _Unsigned(Exception):
    """The checkpoint or the export's own key cannot be trusted."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What the verification found.

    ``first_bad``: index of the first bad entry, ``event_id`` its event;
    None where the fault is not of one entry. ``problem``: one line, None when
    all holds. ``size``: entries the checkpoint speaks of. ``erased``: bodies
    that are erased, whose leaves hold all the same. ``own_key``: the
    key came from the export itself, so only its inner agreement is shown.
    """

    ok: bool
    size: int
    first_bad: int | None = None
    event_id: str | None = None
    problem: str | None = None
    root: str = ""
    erased: int = 0
    own_key: bool = False


@dataclass(frozen=True, slots=True)
class _Finding:
    index: int | None
    problem: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    origin: str
    size: int
    root: bytes


@dataclass(slots=True)
class _Tree:
    """A growing tree: only the roots of its complete subtrees, and the blocks of 256 on the way."""

    count: int = 0
    edge: list[bytes] = field(default_factory=list[bytes])
    blocks: list[bytes] = field(default_factory=list[bytes])

    def add(self, node: bytes) -> None:
        carry, level = self.count, 0
        while carry & 1:
            node = sha256(b"\x01" + self.edge.pop() + node).digest()
            carry, level = carry >> 1, level + 1
            if level == 8:
                self.blocks.append(node)
        self.edge.append(node)
        self.count += 1

    def root(self) -> bytes:
        if not self.edge:
            return sha256(b"").digest()
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = sha256(b"\x01" + left + node).digest()
        return node


@dataclass(slots=True)
class _Survey:
    """What one pass over the export saw: the first fault of each kind, and the trees over leaves and tiles."""

    leaves: _Tree = field(default_factory=_Tree)
    tiles: _Tree = field(default_factory=_Tree)
    missing: _Finding | None = None
    disagree: _Finding | None = None
    tile: _Finding | None = None
    body: _Finding | None = None
    held_size: int | None = None
    held_root: bytes | None = None
    erased: int = 0


def verify_export(folder: Path, key: str | None = None, held: str | None = None) -> VerifyResult:
    """Check the export in ``folder`` and name the first bad entry, if there is one.

    ``key``: verifier key from elsewhere; without it the export's own is used,
    which shows only that the export agrees with itself. ``held``: an earlier
    signed checkpoint of the same log, kept by somebody else; history that it
    saw must still be there.

    Raises:
        BadUsage: the folder is no export, or the given key or held checkpoint is none.
    """
    if not folder.is_dir() or not any((folder / name).exists() for name in ("checkpoint", "key", "tile")):
        raise BadUsage(f"{folder} is not the folder of an export; name one that `gardefou ledger export` wrote")
    if key is not None:
        try:
            _public_key(key.strip())
        except _Unsigned as error:
            raise BadUsage(str(error)) from error
    own_key = key is None
    try:
        used = _export_key(folder, key)
        head = _open_checkpoint(_read(folder / "checkpoint"), used)
    except _Unsigned as error:
        return VerifyResult(ok=False, size=0, problem=str(error), own_key=own_key)
    held_head = None
    if held is not None:
        try:
            held_head = _open_checkpoint(held.encode(), used)
        except _Unsigned as error:
            raise BadUsage(f"the held checkpoint: {error}") from error
    survey = _survey(folder, head, None if held_head is None else held_head.size)
    finding = _first(folder, head, held_head, survey)
    return VerifyResult(
        ok=finding is None,
        size=head.size,
        first_bad=finding.index if finding else None,
        event_id=finding.event_id if finding else None,
        problem=finding.problem if finding else None,
        root=head.root.hex(),
        erased=survey.erased,
        own_key=own_key,
    )


# --- the signed checkpoint ---------------------------------------------------------


def _export_key(folder: Path, given: str | None) -> str:
    raw = _read(folder / "key")
    if raw is None:
        raise _Unsigned("missing: the export has no file `key`")
    own = raw.decode("utf-8", "replace").removesuffix("\n")
    if raw != f"{own}\n".encode():
        raise _Unsigned("the export's file `key` is not one line of text")
    if given is not None and own != given.strip():
        raise _Unsigned("the export's file `key` names another key than the one given")
    return own


def _public_key(key: str) -> tuple[str, bytes, bytes]:
    """Return name, key id and public key of a verifier key: name+hash+base64(0x01 and 32 bytes)."""
    parts = key.split("+", 2)
    data = _base64(parts[-1])
    if len(parts) != 3 or not parts[0] or data is None or len(data) != 33 or data[0] != 1:
        raise _Unsigned("the verifier key is not written name+hash+base64 with an Ed25519 key")
    key_id = sha256(parts[0].encode("utf-8", "replace") + b"\n" + data).digest()[:4]
    if key_id.hex() != parts[1]:
        raise _Unsigned("the verifier key's hash does not belong to its key")
    return parts[0], key_id, data[1:]


def _open_checkpoint(note: bytes | None, key: str) -> _Head:
    """Verify the note and read its three lines; signatures of other keys are ignored."""
    if note is None:
        raise _Unsigned("missing: the export has no file `checkpoint`")
    name, key_id, public = _public_key(key)
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise _Unsigned("the checkpoint is not UTF-8 text") from error
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not block.endswith("\n") or any(each < " " and each != "\n" for each in whole):
        raise _Unsigned("the checkpoint is not a signed note")
    text += "\n"
    signed = False
    for line in block.split("\n")[:-1]:
        dash, _, rest = line.partition(" ")
        signer, _, encoded = rest.partition(" ")
        data = _base64(encoded)
        if dash != "—" or not signer or data is None or len(data) <= 4:
            raise _Unsigned("the checkpoint has a malformed signature line")
        if (signer, data[:4]) == (name, key_id):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(data[4:], text.encode())
            except (InvalidSignature, ValueError) as error:
                raise _Unsigned("the checkpoint's signature is wrong: checkpoint altered, or another key") from error
            signed = True
    if not signed:
        raise _Unsigned("the checkpoint is not signed by this key")
    lines = text.split("\n")
    root = _base64(lines[2]) if len(lines) > 3 else None
    if root is None or len(root) != 32 or not lines[1].isascii() or str(_number(lines[1])) != lines[1]:
        raise _Unsigned("the signed note is not a checkpoint")
    if lines[0] != name:
        raise _Unsigned("the checkpoint is of another log than the key")
    return _Head(lines[0], int(lines[1]), root)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 20 else None


def _base64(text: str) -> bytes | None:
    """Return the decoded bytes, or None unless ``text`` is their one canonical encoding."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data) == text.encode() else None


# --- one pass over leaves, tiles and bodies ----------------------------------------


def _survey(folder: Path, head: _Head, held_size: int | None) -> _Survey:
    survey = _Survey(held_size=held_size)
    bodies_file = folder / "bodies.ndjson"
    lines: Iterator[bytes]
    with bodies_file.open("rb") if bodies_file.is_file() else _Nothing() as lines:
        for start in range(0, head.size, _WIDTH):
            width = min(_WIDTH, head.size - start)
            _survey_block(folder, start, width, lines, survey)
            if survey.missing:
                # Without this leaf no root can be recomputed; and a size made up would never end.
                return survey
        if survey.body is None and next(lines, None) is not None:
            survey.body = _Finding(None, "bodies.ndjson has more lines than the checkpoint has entries")
    return survey


class _Nothing:
    """Stands for a file that is not there: no lines."""

    def __enter__(self) -> Iterator[bytes]:
        return iter(())

    def __exit__(self, *_: object) -> None:
        return


def _survey_block(folder: Path, start: int, width: int, lines: Iterator[bytes], survey: _Survey) -> None:
    tile_name = _tile_path("0", start // _WIDTH, width)
    tile = _read(folder / tile_name)
    if tile is None or len(tile) != 32 * width:
        survey.tile = survey.tile or _Finding(start, f"missing: hash tile {tile_name} is absent or cut")
        tile = None
    bundle_name = _tile_path("entries", start // _WIDTH, width)
    leaves, whole = _split_bundle(_read(folder / bundle_name) or b"", width)
    for offset in range(width):
        index = start + offset
        leaf = leaves[offset] if offset < len(leaves) else None
        event_id = _event_id(leaf)
        if survey.body is None:
            # Only up to the first fault: after a line too few or too many, all that follow are out of step.
            survey.body, named = _check_body(next(lines, None), index, leaf, survey)
            event_id = named or event_id
        if leaf is None:
            survey.missing = _Finding(index, f"missing: entry bundle {bundle_name} is absent, cut or altered", event_id)
            return
        if survey.leaves.count == survey.held_size:
            survey.held_root = survey.leaves.root()
        computed = sha256(b"\x00" + leaf).digest()
        survey.leaves.add(computed)
        if tile is None:
            continue
        stored = tile[32 * offset : 32 * offset + 32]
        survey.tiles.add(stored)
        if stored != computed and survey.disagree is None:
            survey.disagree = _Finding(index, "", event_id)
    if not whole and survey.tile is None:
        survey.tile = _Finding(start + width - 1, f"entry bundle {bundle_name} holds more than its entries")


def _split_bundle(data: bytes, width: int) -> tuple[list[bytes], bool]:
    """Return up to ``width`` entries, and whether the bundle ends there."""
    leaves: list[bytes] = []
    at = 0
    while len(leaves) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            break
        leaves.append(data[at + 2 : end])
        at = end
    return leaves, at == len(data)


def _check_body(
    line: bytes | None, index: int, leaf: bytes | None, survey: _Survey
) -> tuple[_Finding | None, str | None]:
    """Check a line of bodies.ndjson against its leaf; return what is wrong, and the event's id if it can be read."""
    if line is None:
        return _Finding(index, "missing: bodies.ndjson ends before this entry", _event_id(leaf)), None
    entry = _parse_line(line)
    if entry is None:
        return _Finding(index, "body altered: its line in bodies.ndjson is malformed", _event_id(leaf)), None
    if entry["seq"] != index:
        return _Finding(index, f"missing: bodies.ndjson has entry {entry['seq']} here", _event_id(leaf)), None
    event_id = str(entry["event"])
    if leaf is None:
        return None, event_id
    if len(leaf) != _LEAF_BYTES or leaf[0] != 1:
        return _Finding(index, "leaf altered: not a leaf of version 1", event_id), event_id
    if event_id != _event_id(leaf):
        return _Finding(index, "body altered: its line names another event than the leaf", _event_id(leaf)), event_id
    if "erased" in entry:
        survey.erased += 1
        return None, event_id
    salt, body = _base64(entry["salt"]), _base64(entry["body"])
    if salt is None or body is None or len(salt) != 32 or sha256(salt + body).digest() != leaf[25:]:
        return _Finding(index, "body altered: it is not the one that the leaf commits to", event_id), event_id
    return None, event_id


def _parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the line's object, or None unless it is written in the one way that counts."""
    try:
        entry: object = json.loads(line)
        canonical = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
    except (ValueError, RecursionError):
        return None
    if canonical != line or not isinstance(entry, dict):
        return None
    fields = cast("dict[str, Any]", entry)
    kinds: list[tuple[str, type]] = [(name, type(value)) for name, value in fields.items()]
    common = [("seq", int), ("event", str)]
    if kinds == [*common, ("salt", str), ("body", str)]:
        return fields
    return fields if kinds == [*common, ("erased", bool)] and fields["erased"] is True else None


def _event_id(leaf: bytes | None) -> str | None:
    if leaf is None or len(leaf) != _LEAF_BYTES:
        return None
    text = leaf[1:17].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


# --- what it means -----------------------------------------------------------------


def _first(folder: Path, head: _Head, held: _Head | None, survey: _Survey) -> _Finding | None:
    """Weigh what was seen: the first bad entry, or the fault that is not of one entry."""
    complete = survey.leaves.count == head.size
    leaves_hold = complete and survey.leaves.root() == head.root
    found = [survey.missing, survey.tile]
    if survey.disagree:
        found.append(_Finding(survey.disagree.index, _blame(head, survey, leaves_hold), survey.disagree.event_id))
    elif complete and not leaves_hold:
        found.append(_root_mismatch(folder, survey))
    found.append(survey.body)
    if leaves_hold:
        found.append(_upper_tiles(folder, survey.leaves.blocks))
    if held is not None and complete:
        found.append(_against_held(head, held, survey))
    # Earliest entry first; what concerns no single entry last. Sorting keeps the sequence above among equals.
    present = [each for each in found if each is not None]
    present.sort(key=lambda each: head.size if each.index is None else each.index)
    return present[0] if present else None


def _blame(head: _Head, survey: _Survey, leaves_hold: bool) -> str:  # noqa: FBT001
    """Say which is wrong where a leaf and its hash in the tile disagree: the signed root decides."""
    if leaves_hold:
        return "hash tile altered: the leaf is right, its hash in the tile is not"
    if survey.tiles.count == head.size and survey.tiles.root() == head.root:
        return "leaf altered: it is not the one whose hash the signed root holds"
    return "leaf altered: it disagrees with its hash tile, and neither with the rest gives the signed root"


def _root_mismatch(folder: Path, survey: _Survey) -> _Finding:
    """Name the place of leaves altered together with their hashes, as far as the export still tells it."""
    if survey.body is not None and survey.body.index is not None:
        return _Finding(
            survey.body.index,
            f"root mismatch: the entries do not give the signed root, and here: {survey.body.problem}",
            survey.body.event_id,
        )
    stored = b"".join(
        _read(folder / _tile_path("1", index, width)) or bytes(32 * width)
        for index, width in _row(len(survey.leaves.blocks))
    )
    for block, computed in enumerate(survey.leaves.blocks):
        if stored[32 * block : 32 * block + 32] != computed:
            first = block * _WIDTH
            where = f"; by the tiles above, the first change is among entries {first} to {first + _WIDTH - 1}"
            return _Finding(None, f"root mismatch: the entries do not give the signed root{where}")
    return _Finding(None, "root mismatch: the entries agree with the hash tiles, but not with the signed root")


def _upper_tiles(folder: Path, blocks: list[bytes]) -> _Finding | None:
    """Compare every tile above level 0 with the hashes recomputed from the leaves."""
    level, row = 1, blocks
    while row:
        for index, width in _row(len(row)):
            name = _tile_path(str(level), index, width)
            expected = row[index * _WIDTH : index * _WIDTH + width]
            if _read(folder / name) != b"".join(expected):
                says = f"hash tile altered: {name} is absent or not what the leaves below it give"
                return _Finding(index * _WIDTH ** (level + 1), says)
        above = _Tree()
        for node in row:
            above.add(node)
        level, row = level + 1, above.blocks
    return None


def _against_held(head: _Head, held: _Head, survey: _Survey) -> _Finding | None:
    if held.size > head.size:
        return _Finding(None, f"the log is shorter ({head.size}) than the held checkpoint says ({held.size})")
    root = survey.leaves.root() if held.size == head.size else survey.held_root
    if root != held.root:
        return _Finding(
            None, f"history was rewritten: the first {held.size} entries are not those of the held checkpoint"
        )
    return None


# --- files -------------------------------------------------------------------------


def _row(count: int) -> Iterator[tuple[int, int]]:
    """Yield index and width of the tiles over ``count`` hashes."""
    for start in range(0, count, _WIDTH):
        yield start // _WIDTH, min(_WIDTH, count - start)


def _tile_path(level: str, index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == _WIDTH else f".p/{width}")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


# --- command line ------------------------------------------------------------------


def describe(result: VerifyResult) -> str:
    """Say the result in one line, for whoever ran the command."""
    if not result.ok:
        where = "" if result.first_bad is None else f"entry {result.first_bad}"
        event = "" if result.event_id is None else f" (event {result.event_id})"
        return f"BAD {where}{event}{': ' if where else ''}{result.problem}"
    erased = f", {result.erased} bodies erased" if result.erased else ""
    trust = "; the key is the export's own, compare it with one from elsewhere (--key)" if result.own_key else ""
    return f"OK {result.size} entries, root {result.root}{erased}{trust}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verifier as a command; return its exit status."""
    parser = argparse.ArgumentParser(prog="gardefou.ledger.verifier", description="Verify an exported log offline.")
    parser.add_argument("export", type=Path, help="folder that `gardefou ledger export` wrote")
    parser.add_argument("--key", help="verifier key (name+hash+base64) that you have from elsewhere")
    parser.add_argument("--held", type=Path, help="file with an earlier checkpoint that somebody else kept")
    asked = parser.parse_args(argv)
    try:
        held = None if asked.held is None else asked.held.read_text(encoding="utf-8")
        result = verify_export(asked.export, asked.key, held)
    except (BadUsage, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(describe(result) + "\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
