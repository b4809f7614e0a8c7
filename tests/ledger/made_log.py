"""A small log held in memory, for tests: entries, stored nodes, key and checkpoint, all made from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gardefou.clock import SimulatedClock, from_micros
from gardefou.ids import Ids
from gardefou.ledger.checkpoint import Checkpoint, sign_checkpoint
from gardefou.ledger.export_format import ExportEntry, write_export
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.note import Signer
from gardefou.ledger.tree import Frontier, leaf_hash, root_at

ORIGIN = "gardefou.example/chirp"
STARTED = 1_509_658_800_000_000


@dataclass
class MadeLog:
    signer: Signer
    entries: list[ExportEntry]
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def fetch(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def key(self) -> str:
        return self.signer.verifier.encoded

    def checkpoint_at(self, size: int) -> str:
        return sign_checkpoint(Checkpoint(ORIGIN, size, root_at(size, self.fetch)), self.signer)

    def export(self, folder: Path, *, entries: Iterator[ExportEntry] | None = None) -> Path:
        write_export(
            folder,
            iter(self.entries) if entries is None else entries,
            checkpoint=self.checkpoint_at(len(self)),
            verifier_key=self.key,
            fetch=self.fetch,
        )
        return folder


def make_log(size: int, *, erased: frozenset[int] = frozenset(), seed: int = 1) -> MadeLog:
    """Make a log of ``size`` events; those at the indexes ``erased`` have lost salt and body."""
    draw = random.Random(seed)
    ids = Ids(SimulatedClock(from_micros(STARTED)), draw).many(size)
    entries: list[ExportEntry] = []
    for index, event_id in enumerate(ids):
        salt, body = draw.randbytes(32), f'{{"n":{index}}}'.encode()
        leaf = leaf_data(event_id, STARTED + index, commit(salt, body))
        gone = index in erased
        entries.append(
            ExportEntry(
                index=index,
                event_id=event_id,
                leaf=leaf,
                leaf_hash=leaf_hash(leaf),
                salt=None if gone else salt,
                body=None if gone else body,
            )
        )
    _, nodes = Frontier().append_many(entry.leaf_hash for entry in entries)
    stored = {(level, index): each for level, index, each in nodes}
    return MadeLog(Signer.generate(ORIGIN, draw.randbytes), entries, stored)
