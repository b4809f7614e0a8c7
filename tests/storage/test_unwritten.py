"""What a unit of work records is seen by all that it reads, written once, and never half."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from gardefou.domain.records import Account, CaseNote
from gardefou.errors import Stale
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import key_ahead
from tests.flow.world import World

_NOTES = sa.select(sa.func.count()).select_from(tables.case_note)
_FAST_NOTES = Fast(_NOTES)
_EVENTS = sa.select(tables.event.c.kind).where(tables.event.c.kind == "case.noted")


@pytest.fixture
def world(database_url):
    made = World(database_url)
    yield made
    made.close()


def _note(world: World, text: str = "one") -> CaseNote:
    return CaseNote(platform="sandbox", id=world.app.ids.new(), case_id="c", by="admin", at=world.now, text=text)


def _record(world: World, *notes: CaseNote) -> None:
    with world.app.works.begin() as uow:
        for note in notes:
            uow.record("case.noted", by="admin", puts=(note,))


def _record_and_stumble(world: World, note: CaseNote) -> None:
    with world.app.works.begin() as uow:
        uow.record("case.noted", by="admin", puts=(note,))
        raise ArithmeticError


def _stored(world: World) -> list[str]:
    with world.app.works.read() as connection:
        return [row.text for row in connection.execute(sa.select(tables.case_note.c.text))]


@pytest.mark.parametrize(
    "count",
    [
        lambda connection: _FAST_NOTES.first(connection)[0],
        lambda connection: connection.execute(_NOTES).scalar_one(),
        lambda connection: connection.execute(sa.text("SELECT count(*) FROM case_note")).scalar_one(),
    ],
    ids=["prepared", "core", "text"],
)
def test_whatever_reads_sees_what_was_recorded(world, count):
    with world.app.works.begin() as uow:
        assert count(uow.connection) == 0
        uow.record("case.noted", by="admin", puts=(_note(world),))
        assert count(uow.connection) == 1
        uow.record("case.noted", by="admin", puts=(_note(world),))
        assert count(uow.connection) == 2


def test_a_record_that_changes_often_is_written_as_it_was_last_with_an_event_for_each_change(world):
    note = _note(world)
    with world.app.works.begin() as uow:
        for version, text in enumerate(("one", "two", "three"), start=1):
            uow.record("case.noted", by="admin", puts=(replace(note, text=text, version=version),))
    with world.app.works.begin() as uow:
        for version, text in enumerate(("four", "five"), start=4):
            uow.record("case.noted", by="admin", puts=(replace(note, text=text, version=version),))
        assert uow.need(CaseNote, "sandbox", note.id).text == "five"
    assert _stored(world) == ["five"]
    with world.app.works.read() as connection:
        assert len(connection.execute(_EVENTS).all()) == 5


def test_who_comes_too_late_writes_nothing_at_all(world):
    note = _note(world)
    _record(world, note)
    with pytest.raises(Stale) as caught:
        _record(world, _note(world, "beside it"), replace(note, text="late", version=7))
    assert caught.value.code == "case_note/stale"
    with pytest.raises(Stale) as caught:
        _record(world, _note(world, "beside it"), replace(note, text="made twice"))
    assert caught.value.code == "case_note/stale"
    with pytest.raises(Stale):
        _record(world, replace(note, version=2), replace(note, version=2))
    assert _stored(world) == ["one"]
    with world.app.works.read() as connection:
        assert len(connection.execute(_EVENTS).all()) == 1


def test_a_block_that_raises_or_is_only_tried_leaves_nothing(world):
    with pytest.raises(ArithmeticError):
        _record_and_stumble(world, _note(world))
    with world.app.works.begin(keep=False) as uow:
        uow.record("case.noted", by="admin", puts=(_note(world),))
        assert _FAST_NOTES.first(uow.connection)[0] == 1
    with world.app.works.begin() as uow:
        assert _FAST_NOTES.first(uow.connection)[0] == 0
    assert _stored(world) == []


def test_what_was_read_ahead_is_forgotten_when_anything_is_written(world):
    account = Account(platform="sandbox", ref="a", handle="before")
    with world.app.works.begin() as uow:
        uow.record("account.noted", by="admin", platform="sandbox", account="a", puts=(account,))
    with world.app.works.begin() as uow:
        uow.serialise("account:sandbox/a", ahead=lambda: [key_ahead(Account, "sandbox", "a")])
        uow.connection.execute(sa.update(tables.account).values(handle="after"))
        assert uow.need(Account, "sandbox", "a").handle == "after"
