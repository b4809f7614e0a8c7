"""Checkpoints: the signed head of a log (C2SP tlog-checkpoint, https://c2sp.org/tlog-checkpoint).

```
example.org/log            origin: which log
20852163                   size: leaves
CsUYapGGPo4dkMgIAUqom/...  root: base64
```

Signed as a note. Whoever holds one can later tell whether the log's history
was rewritten. The log's key carries the origin as its name (the specification
recommends it, Gardefou demands it), so a checkpoint of one log can never pass
for that of another, even where both are signed with the same seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gardefou.errors import InvalidInput
from gardefou.ledger import base64text
from gardefou.ledger.note import NoteError, Signer, Verifier, open_note, sign_note
from gardefou.ledger.tree import HASH_BYTES

MAX_SIZE = 2**64 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself: its name, how many leaves it has, and their root.

    ``root``: 32 bytes. ``extensions``: further opaque lines, not auditable and best left empty.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or any(each < " " for each in line):
                raise _malformed("A line of a checkpoint is empty or holds control characters", "origin")
        if not 0 <= self.size <= MAX_SIZE:
            raise _malformed("A checkpoint's size is a number of leaves below 2**64", "size")
        if len(self.root) != HASH_BYTES:
            raise _malformed("A checkpoint's root has 32 bytes", "root")

    @property
    def body(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), base64text.encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_body(text: str) -> Checkpoint:
    """Read a checkpoint's text, strictly: exactly one text stands for each checkpoint.

    Raises:
        InvalidInput: it is not one (`ledger/checkpoint_malformed`).
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1]:
        raise _malformed("A checkpoint has three lines at least and ends in a newline", "checkpoint")
    origin, size, root, *extensions = lines[:-1]
    if not _SIZE.fullmatch(size):
        raise _malformed("A checkpoint's size is a decimal number without leading zeroes", "size")
    digest = base64text.decode(root, code="ledger/checkpoint_malformed", field="root")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """Return the checkpoint as a note signed by the log's key.

    A signed checkpoint is a promise: never sign one that does not extend all
    those signed before.

    Raises:
        InvalidInput: the key is named otherwise than the origin (`ledger/checkpoint_origin`).
    """
    if signer.name != checkpoint.origin:
        raise _other_origin(checkpoint.origin, signer.name)
    return sign_note(checkpoint.body, signer)


def open_checkpoint(note: str | bytes, verifier: Verifier, *, others: Iterable[Verifier] = ()) -> Checkpoint:
    """Verify a signed checkpoint of the log whose key this is, and return it.

    ``others``: further known keys, such as witnesses; their signatures may be
    absent, but a wrong one spoils the note.

    Raises:
        NoteError: malformed, or not signed by the log (`ledger/note_malformed`, `ledger/note_unverified`).
        InvalidInput: of another log (`ledger/checkpoint_origin`), or no checkpoint (`ledger/checkpoint_malformed`).
    """
    text, holding = open_note(note, (verifier, *others))
    if verifier not in holding:
        raise NoteError(
            "ledger/note_unverified", f"{verifier.name} did not sign this checkpoint; check the verifier key."
        )
    checkpoint = parse_body(text)
    if checkpoint.origin != verifier.name:
        raise _other_origin(checkpoint.origin, verifier.name)
    return checkpoint


def _malformed(what: str, field: str) -> InvalidInput:
    return InvalidInput("ledger/checkpoint_malformed", f"{what}; fetch the checkpoint again.", field=field)


def _other_origin(origin: str, name: str) -> InvalidInput:
    return InvalidInput(
        "ledger/checkpoint_origin",
        f"This checkpoint is of the log {origin}, the key is of {name}; use the key of that log.",
        field="origin",
    )
