"""Every single byte of the ledger's rows that is changed in the database is found by the full verification.

What is not covered, by name: a checkpoint's ``at`` (no part of what is signed),
and what is listed of an event whose body was erased (its leaf has only id, time and commitment).
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gardefou.clock import SimulatedClock
from gardefou.ids import Ids
from gardefou.ledger.audit import audit
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.pages import Entry, _entries, _sound, entry_problem
from gardefou.ledger.tree import leaf_hash
from gardefou.storage import bulk, tables
from gardefou.storage.bulk import event_rows
from tests.flow.world import World

PLATFORM = "sandbox"
COLUMNS = [
    ("event", "id"),
    ("event", "kind"),
    ("event", "by"),
    ("event", "account"),
    ("event", "about"),
    ("event", "salt"),
    ("event", "body"),
    ("event", "at"),
    ("leaf", "event_id"),
    ("leaf", "seq"),
    ("leaf", "data"),
    ("leaf", "hash"),
    ("tree_node", "level"),
    ("tree_node", "position"),
    ("tree_node", "hash"),
    ("checkpoint", "size"),
    ("checkpoint", "root"),
    ("checkpoint", "note"),
]


@pytest.fixture(scope="module")
def world(databases):
    with databases.fresh("sqlite") as url:
        made = World(url)
        made.people()
        made.accounts()
        # Enough for a hash of the tree that is kept: one for sixteen entries.
        for account, action in (("small", "limit"), ("small2", "limit"), ("small", "label"), ("small2", "label")):
            made.enforce("rev", account, action)
        made.settle()
        made.assert_sound()
        with made.store.begin() as connection:
            for name in (
                connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            ):
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        yield made
        made.close()


def flipped(value, at):
    """Return a value with one bit of one byte the other way round, at a place; None past its end."""
    if isinstance(value, int):
        return value ^ (1 << at) if at < 24 else None
    raw = value.encode() if isinstance(value, str) else value
    if at >= len(raw):
        return None
    # Text stays text: the last bit of a letter.
    bit = 1 if isinstance(value, str) else 1 << (at * 5 % 8)
    changed = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
    return changed.decode(errors="replace") if isinstance(value, str) else changed


@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_a_changed_byte_in_the_database_is_found(world, name, column):
    verifier = world.app.sequencer.signer(PLATFORM).verifier
    table = tables.metadata.tables[name]
    key = [one.name for one in table.primary_key]
    tried = 0
    with world.store.begin(keep=False) as connection:
        stored = connection.execute(
            sa.text(f'SELECT {", ".join(key)}, "{column}" AS value FROM {name} WHERE platform = :platform'),
            {"platform": PLATFORM},
        )
        rows = [row._asdict() for row in stored]
        where = " AND ".join(f"{one} = :{one}" for one in key)
        change = sa.text(f'UPDATE {name} SET "{column}" = :changed WHERE {where}')
        for number, row in enumerate(rows):
            at = 0
            while (changed := flipped(row["value"], at)) is not None:
                connection.execute(sa.text("SAVEPOINT one"))
                try:
                    connection.execute(change, {**{one: row[one] for one in key}, "changed": changed})
                except IntegrityError:
                    pass  # another row has that key: nothing was changed
                else:
                    found = audit(connection, PLATFORM, verifier)
                    assert not found.ok, f"{name}.{column} of row {number}, place {at}: {row['value']!r} as {changed!r}"
                    tried += 1
                connection.execute(sa.text("ROLLBACK TO one"))
                # A few of each row here: that every byte counts in an event is shown below, without all the others.
                at += 1 if number < 2 and column not in {"body", "note"} else 41
    assert tried


def test_a_changed_byte_of_an_event_is_found_wherever_it_is(world):
    with world.store.read() as connection:
        rows = [Entry(*row) for row in bulk.select(connection, _entries(connection), (PLATFORM, 0, 1_000))]
    assert len(rows) > 4
    assert _at_once(rows) == [row.hash for row in rows]
    assert _at_once(rows, first=1) is None, "entries of other places"
    assert _sound(list(zip(*rows, strict=True)), 0, len(rows) + 1) is None, "one too few"
    for row in rows:
        assert entry_problem(row) == (leaf_hash(row.data), "")
        for column in ("event_id", "kind", "by", "account", "about", "salt", "body", "data", "hash"):
            at = 0
            while (changed := flipped(getattr(row, column), at)) is not None:
                altered = row._replace(**{column: changed})
                where = f"{column}, place {at}: {getattr(row, column)!r}"
                assert entry_problem(altered)[1], where
                assert _at_once([altered], first=row.seq) is None, where
                at += 1


def _at_once(rows: list[Entry], *, first: int = 0) -> list[bytes] | None:
    return _sound(list(zip(*rows, strict=True)), first, first + len(rows))


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"merged": False},
        {"text": ',"kind":"guessed","platform":"p"'},
        {"a": 1, "kind": "guessed", "platform": "p"},
        {"deep": {"a": {"b": [], "kind": "told", "platform": "q"}}},
    ],
)
def test_what_is_listed_of_an_event_is_what_its_body_says_and_nothing_that_stands_within_its_detail(detail):
    salt = bytes(range(32))
    named = {"about": 'an "id"', "account": "é\n", "by": "service:forms"}
    [row] = event_rows(
        [bulk.Noted(kind="told", platform="p", detail=detail, rows=[["report", {"kind": "account"}]], **named)],
        now=datetime(2017, 11, 2, 21, 45, tzinfo=UTC),
        ids=Ids(SimulatedClock(datetime(2017, 11, 2, tzinfo=UTC)), Random(1)),
        salts=lambda _count: salt,
    )
    event_id, at, body = row[1], row[3], row[8]
    data = leaf_data(event_id, at, commit(salt, body))
    entry = Entry(
        0, event_id, data, leaf_hash(data), at, "told", named["by"], named["account"], named["about"], salt, body
    )
    assert entry_problem(entry) == (entry.hash, "")
    assert _at_once([entry]) == [entry.hash]
    for change in ({"kind": "guessed"}, {"by": "x"}, {"account": ""}, {"about": None}, {"kind": b"told"}, {"by": 7}):
        altered = entry._replace(**change)
        assert entry_problem(altered)[1] == "what is listed of its event is not what its event says"
        assert _at_once([altered]) is None
