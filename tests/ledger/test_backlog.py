"""The backlog of pending events: whatever the pieces it is read in, each event becomes one leaf, in its sequence."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gardefou.clock import SimulatedClock
from gardefou.ids import Ids
from gardefou.ledger import backlog as backlog_module
from gardefou.ledger import sequencer as sequencer_module
from gardefou.ledger.audit import audit
from gardefou.ledger.backlog import Backlog
from gardefou.ledger.sequencer import Sequencer, entries, latest
from gardefou.storage import bulk, tables
from gardefou.storage.engine import Store, open_store
from gardefou.storage.fast import together

START = datetime(2026, 5, 31, tzinfo=UTC)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    made = open_store(database_url)
    yield made
    made.close()


def _write(store: Store, ids: Ids, *counts: tuple[str, int]) -> dict[str, list[str]]:
    """Write so many events of each platform, one of each in turn; return their ids."""
    most = max(count for _, count in counts)
    turns = [platform for turn in range(most) for platform, count in counts if turn < count]
    noted = [bulk.Noted("made.up", "somebody", platform, "a", str(n), {"n": n}, []) for n, platform in enumerate(turns)]
    with store.begin() as connection:
        made = bulk.write_events(connection, noted, now=START, ids=ids, salts=Random(2).randbytes)
    return {name: [one for one, platform in zip(made, turns, strict=True) if platform == name] for name, _ in counts}


def _waiting(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(tables.event_pending)).scalar_one())


@pytest.mark.parametrize("piece", [1, 3, 7, 8, 500])
def test_pieces_batches_and_logs_that_do_not_end_together_leave_each_event_one_leaf(
    store: Store, monkeypatch: pytest.MonkeyPatch, piece: int
):
    monkeypatch.setattr(backlog_module, "PIECE", piece)
    monkeypatch.setattr(sequencer_module, "BATCH", 8)
    clock = SimulatedClock(START)
    ids = Ids(clock, Random(1))
    sequencer = Sequencer(store, clock, seed=bytes(32), origin="test")
    written = _write(store, ids, ("p", 19), ("q", 4), ("r", 1))
    batches: list[int] = []
    while done := sequencer.integrate():
        batches.append(done)
    assert batches == [8, 8, 8]
    # What comes later goes behind it, whichever node's sequencer takes it.
    more = _write(store, ids, ("q", 5))
    assert Sequencer(store, clock, seed=bytes(32), origin="test").integrate() == 5
    assert sequencer.integrate() == 0
    with store.read() as connection:
        assert _waiting(connection) == 0
        for platform, expected in {**written, "q": written["q"] + more["q"]}.items():
            assert [(row.seq, row.event_id) for row in entries(connection, platform)] == list(enumerate(expected))
            held = latest(connection, platform)
            assert held is not None
            assert held.size == len(expected)
            assert audit(connection, platform, sequencer.signer(platform).verifier).ok
        sizes = sa.select(tables.checkpoint.c.size).where(tables.checkpoint.c.platform == "p").order_by("size")
        # One for each batch, not for each piece.
        assert connection.execute(sizes).scalars().all() == [8, 16, 19]


def test_what_fails_in_a_later_piece_undoes_the_earlier_ones(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backlog_module, "PIECE", 4)
    clock = SimulatedClock(START)
    sequencer = Sequencer(store, clock, seed=bytes(32), origin="test")
    _write(store, Ids(clock, Random(1)), ("p", 11))
    with store.begin() as connection:
        # Where the tenth is to stand something stands already, which no sequencer wrote.
        columns = ("platform", "seq", "event_id", "data", "hash")
        bulk.insert_rows(connection, tables.leaf, columns, [("p", 9, "nobody's", b"data", b"hash")])
    with pytest.raises(DBAPIError):
        sequencer.integrate()
    with store.read() as connection:
        assert _waiting(connection) == 11
        assert connection.execute(sa.select(tables.leaf.c.seq)).scalars().all() == [9]
        assert latest(connection, "p") is None


def test_only_what_was_read_is_forgotten(store: Store):
    clock = SimulatedClock(START)
    ids = Ids(clock, Random(1))
    written = _write(store, ids, ("p", 6))["p"]
    with store.begin() as connection, together(connection):
        backlog = Backlog(connection, 4)
        rows = backlog.read()()
        assert [row[1] for row in rows] == written[:4]
        assert not backlog.read()()
        backlog.forget(rows[1:3])
    with store.read() as connection:
        left = connection.execute(sa.select(tables.event_pending.c.id).order_by("id")).scalars().all()
    assert left == [written[0], *written[3:]]
