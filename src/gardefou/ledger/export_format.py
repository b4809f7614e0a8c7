"""The export: a whole log as a folder, to be archived, served or verified offline.

```
checkpoint           the signed note (C2SP tlog-checkpoint); written last
key                  the verifier key, one line
tile/<L>/<N>         hash tiles (C2SP tlog-tiles)
tile/entries/<N>     entry bundles: the leaves
bodies.ndjson        a line an entry, in the log's sequence
```

A line of ``bodies.ndjson`` is compact JSON with its keys in this sequence, and
nothing else counts as that line: ``{"seq":7,"event":UUID,"salt":base64,"body":base64}``,
or ``{"seq":8,"event":UUID,"erased":true}``.

What is stored is written as it stands, right or wrong: finding out is the
verifier's work (`gardefou.ledger.verifier`), which shares no code with this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gardefou.errors import Conflict, InvalidInput
from gardefou.ledger import base64text
from gardefou.ledger.checkpoint import Checkpoint, open_checkpoint
from gardefou.ledger.note import Verifier
from gardefou.ledger.tiles import WIDTH, Tile, bundle_bytes, tile_bytes, tiles_at
from gardefou.ledger.tree import Fetch

CHECKPOINT = "checkpoint"
KEY = "key"
BODIES = "bodies.ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEntry:
    """One entry as the store holds it.

    ``leaf``: the leaf's bytes. ``leaf_hash``: the stored node of level 0.
    ``salt`` and ``body``: None once erased.
    """

    index: int
    event_id: str
    leaf: bytes
    leaf_hash: bytes
    salt: bytes | None
    body: bytes | None


def write_export(
    folder: Path, entries: Iterable[ExportEntry], *, checkpoint: str, verifier_key: str, fetch: Fetch
) -> Checkpoint:
    """Write the log up to a signed checkpoint into a new or empty folder; return the checkpoint.

    ``entries``: the first ones up to the checkpoint's size, in sequence; read
    once, holding 256 at a time. ``fetch``: asked only for complete nodes of
    the levels 8, 16, …, one for every 256 entries. A folder without
    ``checkpoint`` is an export that did not end.

    Raises:
        Conflict: the folder is not empty (`ledger/export_exists`).
        InvalidInput: an entry is missing from the store (`ledger/export_missing`).
        NoteError: the checkpoint is not signed by this key (`ledger/note_unverified`, `ledger/note_malformed`).
    """
    head = open_checkpoint(checkpoint, Verifier.decode(verifier_key))
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(
            "ledger/export_exists", "The folder for the export is not empty; name a new one.", field="folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        bodies = stack.enter_context((folder / BODIES).open("w", encoding="ascii", newline="\n"))
        group: list[ExportEntry] = []
        count = 0
        for entry in entries:
            if count == head.size:
                break
            if entry.index != count:
                raise _missing(count)
            bodies.write(body_line(entry))
            group.append(entry)
            count += 1
            if len(group) == WIDTH:
                _write_group(folder, group)
                group = []
        if count < head.size:
            raise _missing(count)
        if group:
            _write_group(folder, group)
    for tile in tiles_at(head.size):
        if tile.level:
            _write(folder / tile.path, tile_bytes(tile, fetch))
    _write(folder / KEY, f"{verifier_key}\n".encode())
    _write(folder / CHECKPOINT, checkpoint.encode())
    return head


def body_line(entry: ExportEntry) -> str:
    """Return an entry's line of ``bodies.ndjson``."""
    line: dict[str, object] = {"seq": entry.index, "event": entry.event_id}
    if entry.salt is None or entry.body is None:
        line["erased"] = True
    else:
        line |= {"salt": base64text.encode(entry.salt), "body": base64text.encode(entry.body)}
    return json.dumps(line, separators=(",", ":")) + "\n"


def _write_group(folder: Path, group: list[ExportEntry]) -> None:
    """Write the entry bundle and the tile of level 0 over up to 256 entries."""
    index = group[0].index // WIDTH
    _write(folder / Tile(None, index, len(group)).path, bundle_bytes(entry.leaf for entry in group))
    _write(folder / Tile(0, index, len(group)).path, b"".join(entry.leaf_hash for entry in group))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _missing(index: int) -> InvalidInput:
    return InvalidInput(
        "ledger/export_missing",
        f"Entry {index} is missing from the store or out of sequence; restore it from a backup or an earlier export.",
        extra={"index": index},
    )
