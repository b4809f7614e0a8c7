"""Verifying a log in the store: whatever one thing is changed, it is found and named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import pytest
import sqlalchemy as sa

from gardefou.cli.quick_audit import quick_audit
from gardefou.clock import SimulatedClock
from gardefou.errors import Conflict, NotFound
from gardefou.ids import Ids
from gardefou.ledger import audit as audit_module
from gardefou.ledger import pages
from gardefou.ledger import sequencer as sequencer_module
from gardefou.ledger.audit import Audit, audit, event_proof, export, proof
from gardefou.ledger.bundle import verify_bundle
from gardefou.ledger.nodes import fetch_from, read_nodes
from gardefou.ledger.sequencer import Sequencer, entries, latest
from gardefou.ledger.tree import Fetch, inclusion_proof, leaf_hash
from gardefou.ledger.verifier import verify_export
from gardefou.storage import bulk
from gardefou.storage.engine import Store, open_store
from tests.refusals import refused

SIZE = 39
#: Checkpoints stand at these sizes.
SIGNED = (9, 16, SIZE)
START = datetime(2026, 5, 31, tzinfo=UTC)


class Log:
    """A log of `SIZE` events on a platform, with what changes it behind everybody's back."""

    def __init__(self, url: str) -> None:
        self.store: Store = open_store(url)
        clock = SimulatedClock(START)
        self.sequencer = Sequencer(self.store, clock, seed=bytes(32), origin="test")
        ids = Ids(clock, Random(1))
        dice = Random(2)
        self.events: list[str] = []
        for first, stop in zip((0, *SIGNED[:-1]), SIGNED, strict=True):
            noted = [bulk.Noted("made.up", "somebody", "p", "a", str(n), {"n": n}, []) for n in range(first, stop)]
            with self.store.begin() as connection:
                self.events += bulk.write_events(connection, noted, now=clock.now(), ids=ids, salts=dice.randbytes)
            self.sequencer.integrate_all()

    def audit(self, *changes: str, url: str | None = None) -> Audit:
        """Audit it with these changes, made without the triggers that keep it, and undone afterwards."""
        with self.store.begin(keep=False) as connection:
            self.change(connection, *changes)
            return audit(connection, "p", self.sequencer.signer("p").verifier, url=url)

    def change(self, connection: sa.Connection, *changes: str) -> None:
        if changes and self.store.is_sqlite:
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
            for name in names.all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        elif changes:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for one in changes:
            connection.exec_driver_sql(
                one.replace("'\\x", "X'").replace("'::bytea", "'") if self.store.is_sqlite else one
            )


@pytest.fixture(scope="module")
def log(module_database_url: str) -> Iterator[Log]:
    made = Log(module_database_url)
    yield made
    made.store.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page hold fewer entries than the log, and than lie between two checkpoints."""
    monkeypatch.setattr(pages, "PAGE", 5)


pytestmark = pytest.mark.usefixtures("small_pages")


def test_a_sound_log_verifies_whatever_the_pages(log: Log):
    assert log.audit() == Audit(platform="p", ok=True, size=SIZE, pending=0)


#: What is changed, what is said of it, and of which entry.
_HASH = "'\\x" + "00" * 32 + "'::bytea"
CHANGES = {
    "a body": ("UPDATE event SET body = '\\x7b7d'::bytea WHERE about = '12'", "its event was altered", 12),
    "a salt": (f"UPDATE event SET salt = {_HASH} WHERE about = '12'", "its event was altered", 12),
    "a short salt": ("UPDATE event SET salt = '\\x00'::bytea WHERE about = '12'", "its event was altered", 12),
    "a moment": ("UPDATE event SET at = at + 1 WHERE about = '22'", "its event was altered", 22),
    "a moment before all": ("UPDATE event SET at = -1 WHERE about = '22'", "its event was altered", 22),
    "an event gone": ("DELETE FROM event WHERE about = '0'", "its event is missing", 0),
    "an erased event's moment": (
        "UPDATE event SET at = at + 1, body = '\\x'::bytea, salt = '\\x'::bytea WHERE about = '3'",
        "its leaf was altered",
        3,
    ),
    "a leaf": (f"UPDATE leaf SET data = {_HASH} WHERE seq = 7", "its leaf was altered", 7),
    "no leaf at all": ("UPDATE leaf SET data = '\\x'::bytea WHERE seq = 7", "its leaf was altered", 7),
    "a leaf's event": ("UPDATE leaf SET event_id = upper(event_id) WHERE seq = 7", "its event is missing", 7),
    "an entry gone": ("DELETE FROM leaf WHERE seq = 8", "an entry is missing", 8),
    "the last entry gone": (f"DELETE FROM leaf WHERE seq = {SIZE - 1}", "an entry is missing", SIZE - 1),
    "a leaf's hash": (
        f"UPDATE leaf SET hash = {_HASH} WHERE seq = 4",
        "its leaf was altered",
        4,
    ),
    "a hash gone": ("UPDATE leaf SET hash = '\\x'::bytea WHERE seq = 4", "its leaf was altered", 4),
    "a hash above": (
        f"UPDATE tree_node SET hash = {_HASH} WHERE level = 4 AND position = 1",
        "a hash of the tree was altered, 4 levels up",
        16,
    ),
    "the hashes above gone": (
        "DELETE FROM tree_node",
        "a hash of the tree was altered, 4 levels up",
        0,
    ),
    "a checkpoint's root": (
        f"UPDATE checkpoint SET root = {_HASH} WHERE size = 16",
        "the entries up to 16 are not those that the checkpoint was signed over",
        15,
    ),
    "a checkpoint's signature": (
        (
            "UPDATE checkpoint SET note = substr(note, 1, length(note) - 9) || 'AAAAAAA=' || substr(note, length(note))"
            " WHERE size = 16"
        ),
        "the checkpoint at 16 is not signed by the ledger's key (ledger/note_unverified)",
        15,
    ),
    "a checkpoint's note": (
        "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 9) WHERE size = 16",
        "the entries up to 16 are not those that the checkpoint was signed over",
        15,
    ),
    "a checkpoint of nothing": (
        (
            "INSERT INTO checkpoint (platform, size, root, at, note)"
            " SELECT platform, 0, root, at, note FROM checkpoint WHERE size = 9"
        ),
        "a checkpoint is of no size that the log ever had",
        None,
    ),
    "an entry behind the checkpoint": (
        f"INSERT INTO leaf (platform, seq, event_id, data, hash) SELECT platform, {SIZE}, 'x', data, hash FROM leaf WHERE seq = 1",
        "an entry stands behind the newest checkpoint",
        SIZE,
    ),
    "an event outside": (
        (
            'INSERT INTO event (platform, id, kind, at, "by", account, about, salt, body)'
            " SELECT platform, 'slipped-in', kind, at, \"by\", account, about, salt, body FROM event WHERE about = '1'"
        ),
        "an event stands outside the log",
        None,
    ),
}


@pytest.mark.parametrize(("statement", "problem", "index"), CHANGES.values(), ids=CHANGES.keys())
def test_whatever_is_changed_is_named(log: Log, statement: str, problem: str, index: int | None):
    found = log.audit(statement)
    assert (found.ok, found.problem, found.bad_index) == (False, problem, index)


@pytest.mark.parametrize("which", ["a checkpoint's root", "a checkpoint's signature", "a checkpoint's note"])
def test_of_a_wrong_checkpoint_the_event_of_its_last_entry_is_named(log: Log, which: str):
    assert log.audit(CHANGES[which][0]).bad_event == log.events[15]


def test_of_many_hashes_of_one_page_the_altered_one_is_named(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pages, "PAGE", SIZE)
    assert log.audit(CHANGES["a hash above"][0]).bad_index == 16


def test_the_first_of_two_changes_is_named(log: Log):
    assert log.audit("UPDATE event SET body = '\\x7b7d'::bytea WHERE about IN ('11', '17')").bad_index == 11


def test_a_quick_look_says_that_a_hash_is_missing(log: Log):
    with log.store.begin(keep=False) as connection:
        verifier = log.sequencer.signer("p").verifier
        assert quick_audit(connection, "p", verifier, 5) == ""
        log.change(connection, "DELETE FROM tree_node")
        assert "a hash of the tree is missing" in quick_audit(connection, "p", verifier, 5)


def test_an_entry_that_is_said_to_wait_hides_none_outside(log: Log):
    waits = f"INSERT INTO event_pending (platform, id) VALUES ('p', '{log.events[2]}')"
    assert log.audit(waits).ok
    assert log.audit(waits, CHANGES["an event outside"][0]).problem == "an event stands outside the log"


def test_erased_bodies_are_counted_and_verify(log: Log):
    erased = "UPDATE event SET body = '\\x'::bytea, salt = '\\x'::bytea WHERE about IN ('3', '20')"
    assert log.audit(erased) == Audit(platform="p", ok=True, size=SIZE, pending=0, erased=2)


def test_a_proof_read_at_once_is_the_one_read_node_by_node(log: Log):
    with log.store.read() as connection:
        for place in range(SIZE):

            def prove(fetch: Fetch, at: int = place) -> list[bytes]:
                return inclusion_proof(at, SIZE, fetch)

            assert read_nodes(connection, "p", prove) == prove(fetch_from(connection, "p"))
        verifier = log.sequencer.signer("p").verifier
        bundle = event_proof(connection, "p", verifier, log.events[5])
    assert [one.index for one in verify_bundle(bundle, verifier_key=verifier.encoded).events] == [5]


def test_several_processes_find_what_one_finds(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pages, "WORTH_PROCESSES", dict.fromkeys(pages.WORTH_PROCESSES, 1))
    # Some for the other process, and some for this one.
    monkeypatch.setattr(pages, "PAGE", 4)
    monkeypatch.setattr(pages, "_cores", lambda: 2)
    log = Log(database_url)
    try:
        with log.store.begin() as connection:
            log.change(connection, "UPDATE event SET body = '\\x7b7d'::bytea WHERE about = '12'")
        found = log.audit(url=log.store.shared_url)
        assert found == log.audit()
        assert found.bad_index == 12
    finally:
        log.store.close()


_VERIFYING = """
import sys
from gardefou.ledger import pages
from gardefou.ledger.audit import audit
from gardefou.ledger.note import Verifier
from gardefou.storage.engine import open_store

# One that is started anew is none of these, and would fail.
pages.PAGE, pages.WORTH_PROCESSES, pages._cores = 4, {"fork": 1}, lambda: 2
store = open_store(sys.argv[1])
with store.read() as connection:
    # Twice: what was forked left this connection as it was.
    for _ in range(2):
        found = audit(connection, "p", Verifier.decode(sys.argv[2]), url=store.shared_url)
        print(found.size, found.bad_index)
store.close()
"""


def test_where_there_is_one_thread_others_are_forked_and_leave_its_connection_alone(database_url: str):
    log = Log(database_url)
    try:
        with log.store.begin() as connection:
            log.change(connection, "UPDATE event SET body = '\\x7b7d'::bytea WHERE about = '12'")
        verifier = log.sequencer.signer("p").verifier
        given = [sys.executable, "-c", _VERIFYING, str(log.store.shared_url), verifier.encoded]
        done = subprocess.run(given, capture_output=True, text=True, timeout=120, check=False)
    finally:
        log.store.close()
    assert (done.stderr, done.stdout) == ("", f"{SIZE} 12\n" * 2)


@pytest.mark.parametrize("change", ["a checkpoint's root", "a checkpoint's signature", "an event gone"])
def test_pages_that_are_read_here_while_others_read_are_checked_as_theirs_are(
    log: Log, monkeypatch: pytest.MonkeyPatch, change: str
):
    """The first three go to another process, which is never ready before it is waited for."""

    class Late(Future[pages.Page]):
        def __init__(self, first: int, stop: int) -> None:
            super().__init__()
            self._span = first, stop

        def done(self) -> bool:
            return False

        def result(self, timeout: float | None = None) -> pages.Page:
            del timeout
            return pages._read(*self._span)

    class Elsewhere:
        def __init__(self, _workers: int, _context: object, begin: Callable[..., None], given: tuple[str, ...]) -> None:
            begin(*given)

        def submit(self, _read: object, first: int, stop: int) -> Late:
            return Late(first, stop)

        def shutdown(self, *, cancel_futures: bool) -> None:
            assert cancel_futures

    monkeypatch.setattr(pages, "WORTH_PROCESSES", dict.fromkeys(pages.WORTH_PROCESSES, 1))
    monkeypatch.setattr(pages, "PAGE", 5)
    monkeypatch.setattr(pages, "_cores", lambda: 2)
    monkeypatch.setattr(pages, "ProcessPoolExecutor", Elsewhere)
    # What is changed here is seen by this connection alone.
    with log.store.begin(keep=False) as connection:
        monkeypatch.setattr(
            pages, "_read", partial(pages.read_page, connection, "p", log.sequencer.signer("p").verifier)
        )
        assert log.store.shared_url
        assert audit(connection, "p", log.sequencer.signer("p").verifier, url=log.store.shared_url).ok
        statement, problem, index = CHANGES[change]
        log.change(connection, statement)
        found = audit(connection, "p", log.sequencer.signer("p").verifier, url=log.store.shared_url)
    assert (found.ok, found.problem, found.bad_index) == (False, problem, index)
    for reading in pages._reading:
        reading.store.close()
    pages._reading.clear()


def test_a_process_of_its_own_reads_a_page_as_this_one_does(database_url: str):
    log = Log(database_url)
    verifier = log.sequencer.signer("p").verifier
    url = log.store.shared_url
    assert url is not None
    try:
        pages._open(url, "p", verifier.encoded)
        with log.store.read() as connection:
            here = pages.read_page(connection, "p", verifier, 14, 20)
        assert pages._read(14, 20) == here
        assert ([one.size for one in here.points], len(here.hashes), here.bad) == ([16], 6, None)
    finally:
        for reading in pages._reading:
            reading.store.close()
        pages._reading.clear()
        log.store.close()


def test_entries_whose_events_do_not_stand_side_by_side_are_read_all_the_same(database_url: str):
    """Two ids are an hour apart, and ten that became entries later lie between them: more than twice as many."""
    store = open_store(database_url)
    clock = SimulatedClock(START)
    sequencer = Sequencer(store, clock, seed=bytes(32), origin="test")
    ids, dice = Ids(clock, Random(1)), Random(2)
    noted = [bulk.Noted("made.up", "somebody", "p", "a", str(n), {"n": n}, []) for n in range(12)]
    middle = Ids(SimulatedClock(START + timedelta(minutes=30)), Random(3))

    def write(some: list[bulk.Noted], ids: Ids) -> None:
        with store.begin() as connection:
            bulk.write_events(connection, some, now=clock.now(), ids=ids, salts=dice.randbytes)

    write(noted[:1], ids)
    clock.advance(timedelta(hours=1))
    write(noted[1:2], ids)
    sequencer.integrate_all()
    write(noted[2:], middle)
    sequencer.integrate_all()
    verifier = sequencer.signer("p").verifier
    with store.read() as connection:
        expected = [(row.event_id, row.hash) for row in entries(connection, "p")]
        apart, all_of_them = (pages.read_page(connection, "p", verifier, 0, stop) for stop in (2, 12))
    assert sorted(expected) != expected
    assert (apart.hashes, apart.bad) == ([hashed for _, hashed in expected[:2]], None)
    assert (all_of_them.hashes, all_of_them.bad) == ([hashed for _, hashed in expected], None)
    store.close()


@pytest.fixture
def two_logs(sqlite_url: str) -> Iterator[Log]:
    """The log, and beside it one of another platform with events about the same."""
    made = Log(sqlite_url)
    ids, dice = Ids(SimulatedClock(START), Random(8)), Random(9)
    noted = [bulk.Noted("made.up", "somebody", "q", "a", str(n), {"n": n}, []) for n in range(5)]
    with made.store.begin() as connection:
        bulk.write_events(connection, noted, now=START, ids=ids, salts=dice.randbytes)
    made.sequencer.integrate_all()
    yield made
    made.store.close()


def test_an_export_is_the_whole_of_one_log_and_verifies_offline(two_logs: Log, tmp_path):
    for platform, size in (("p", SIZE), ("q", 5)):
        verifier = two_logs.sequencer.signer(platform).verifier
        with two_logs.store.read() as connection:
            head = export(connection, platform, verifier, tmp_path / platform)
        assert head.size == size
        found = verify_export(tmp_path / platform, verifier.encoded)
        assert (found.ok, found.size, found.problem, found.own_key) == (True, size, None, False)
    with two_logs.store.read() as connection, refused("ledger/empty", None, by=NotFound):
        export(connection, "none", verifier, tmp_path / "none")
    with two_logs.store.read() as connection, refused("ledger/export_exists", "folder", by=Conflict):
        export(connection, "q", verifier, tmp_path / "q")


def test_an_export_says_which_bodies_were_erased_and_verifies_all_the_same(two_logs: Log, tmp_path):
    verifier = two_logs.sequencer.signer("p").verifier
    with two_logs.store.begin(keep=False) as connection:
        two_logs.change(
            connection, "UPDATE event SET body = '\\x'::bytea, salt = '\\x'::bytea WHERE about = '3' AND platform = 'p'"
        )
        export(connection, "p", verifier, tmp_path / "p")
    found = verify_export(tmp_path / "p", verifier.encoded)
    assert (found.ok, found.erased, found.problem) == (True, 1, None)


def test_a_proof_is_of_what_was_asked_for_and_of_nothing_else(two_logs: Log):
    for platform in ("p", "q"):
        verifier = two_logs.sequencer.signer(platform).verifier
        with two_logs.store.read() as connection:
            bundle = proof(connection, platform, verifier, "3")
            with refused("ledger/not_included", None, by=NotFound):
                proof(connection, platform, verifier, "99")
            with refused("ledger/not_included", None, by=NotFound):
                proof(connection, "none", verifier, "3")
        (event,) = bundle["events"]
        assert event["index"] == 3
        verify_bundle(bundle, verifier_key=verifier.encoded)


def test_what_an_audit_counts_is_of_one_log(two_logs: Log):
    with two_logs.store.read() as connection:
        for platform, size in (("p", SIZE), ("q", 5), ("none", 0)):
            counts = connection.execute(audit_module._counts(), {"platform": platform}).one()._asdict()
            assert (counts["size"], counts["events"], counts["leaves"]) == (size, size, size)
            assert (counts["pending"], counts["beyond"]) == (0, 0)


def test_what_waits_is_counted_of_its_own_log(two_logs: Log):
    ids, dice = Ids(SimulatedClock(START), Random(18)), Random(19)
    noted = [bulk.Noted("made.up", "somebody", "q", "a", "new", {}, []) for _ in range(2)]
    with two_logs.store.begin() as connection:
        bulk.write_events(connection, noted, now=START, ids=ids, salts=dice.randbytes)
        for platform, pending, events in (("p", 0, SIZE), ("q", 2, 7)):
            counts = connection.execute(audit_module._counts(), {"platform": platform}).one()._asdict()
            assert (counts["pending"], counts["events"], counts["outside"]) == (pending, events, pending)
            found = audit(connection, platform, two_logs.sequencer.signer(platform).verifier)
            assert (found.ok, found.pending) == (True, pending)


def test_what_waits_is_not_taken_for_an_entry_of_the_same_name_in_another_log(two_logs: Log):
    copied = (
        "INSERT INTO event (platform, id, kind, at, by, account, about, salt, body)"
        " SELECT 'q', id, kind, at, by, account, about, salt, body FROM event WHERE platform = 'p' AND about = '2'"
    )
    with two_logs.store.begin(keep=False) as connection:
        two_logs.change(connection, copied, f"INSERT INTO event_pending VALUES ('q', '{two_logs.events[2]}')")
        counted = connection.execute(audit_module._counts(), {"platform": "q"}).one()
        found = audit(connection, "q", two_logs.sequencer.signer("q").verifier)
    # Counted as no entry: else every event would be gone through to find one that is outside.
    assert (counted.events, counted.leaves, counted.outside) == (6, 5, 1)
    assert (found.ok, found.pending, found.problem) == (True, 1, "")


def test_the_newest_checkpoint_says_how_much_and_when(two_logs: Log):
    with two_logs.store.read() as connection:
        held = latest(connection, "q")
        assert held is not None
        assert (held.size, held.at) == (5, START)
        assert latest(connection, "none") is None


def test_entries_come_with_their_events_and_hashes_in_sequence(two_logs: Log):
    with two_logs.store.read() as connection:
        rows = list(entries(connection, "q"))
        assert [row.seq for row in rows] == [0, 1, 2, 3, 4]
        assert [row.hash for row in rows] == [leaf_hash(row.data) for row in rows]
        assert all(row.at == START and row.body and row.salt for row in rows)
        assert [row.seq for row in entries(connection, "p", first=SIZE - 3)] == [SIZE - 3, SIZE - 2, SIZE - 1]
        assert [row.seq for row in entries(connection, "p", first=2, size=4)] == [2, 3]


def test_a_backlog_of_many_batches_is_counted_whole_and_exported_with_its_tiles(
    sqlite_url: str, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sequencer_module, "BATCH", 100)
    log = Log(sqlite_url)
    noted = [bulk.Noted("made.up", "somebody", "long", "a", str(n), {"n": n}, []) for n in range(301)]
    ids, dice = Ids(SimulatedClock(START), Random(8)), Random(9)
    with log.store.begin() as connection:
        bulk.write_events(connection, noted, now=START, ids=ids, salts=dice.randbytes)
    assert log.sequencer.integrate_all() == 301
    verifier = log.sequencer.signer("long").verifier
    with log.store.read() as connection:
        export(connection, "long", verifier, tmp_path / "export")
    found = verify_export(tmp_path / "export", verifier.encoded)
    assert (found.ok, found.size, found.problem) == (True, 301, None)
    log.store.close()
