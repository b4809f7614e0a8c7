"""Leaves: what the log commits to for each event.

A leaf is 57 bytes, big-endian:

| bytes | field |
| --- | --- |
| 1 | version, now 1 |
| 16 | event id: the UUID's bytes |
| 8 | at: microseconds since 1970 UTC |
| 32 | commitment: SHA-256 over a salt of 32 bytes and the stored body |

The body itself is not in the leaf. Erasing body *and* salt leaves a commitment
that tells nothing (without the salt a short body could be guessed), while every
proof stays valid. The body is hashed as it is stored, never re-serialised.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from hashlib import sha256

from gardefou.errors import InvalidInput

VERSION = 1
SALT_BYTES = 32
LEAF_BYTES = 57
COMMITMENT_BYTES = 32

_FORM = struct.Struct(">B16sQ32s")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf taken apart.

    ``event_id``: UUID in lower-case canonical form. ``at``: microseconds since
    1970 UTC. ``commitment``: 32 bytes.
    """

    event_id: str
    at: int
    commitment: bytes


def commit(salt: bytes, body: bytes) -> bytes:
    """Return the commitment to a body: SHA-256 over salt and body.

    Raises:
        InvalidInput: the salt has not 32 bytes (`ledger/salt_length`).
    """
    # A fixed length keeps the border between salt and body where it is.
    if len(salt) != SALT_BYTES:
        raise InvalidInput("ledger/salt_length", "A salt has 32 bytes; draw exactly that many.", field="salt")
    return sha256(salt + body).digest()


def leaf_data(event_id: str, at: int, commitment: bytes) -> bytes:
    """Return the leaf's bytes, as they are stored, hashed and served.

    ``at``: microseconds since 1970 UTC.

    Raises:
        InvalidInput: a field that does not fit (`ledger/leaf_malformed`).
    """
    if not _UUID.fullmatch(event_id):
        raise _malformed("An event id is a UUID in lower case with hyphens", "event_id")
    if not 0 <= at < 2**64:
        raise _malformed("An event's time is microseconds since 1970, in 64 bits", "at")
    if len(commitment) != COMMITMENT_BYTES:
        raise _malformed("A commitment has 32 bytes", "commitment")
    return _FORM.pack(VERSION, bytes.fromhex(event_id.replace("-", "")), at, commitment)


def parse_leaf(data: bytes) -> Leaf:
    """Take a leaf's bytes apart.

    Raises:
        InvalidInput: not a leaf of version 1 (`ledger/leaf_malformed`).
    """
    if len(data) != LEAF_BYTES or data[0] != VERSION:
        raise _malformed("A leaf of version 1 has 57 bytes and begins with 1", "leaf")
    _, raw, at, commitment = _FORM.unpack(data)
    text = raw.hex()
    event_id = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return Leaf(event_id, at, commitment)


def _malformed(what: str, field: str) -> InvalidInput:
    return InvalidInput("ledger/leaf_malformed", f"{what}; this one does not, store it as it was made.", field=field)
