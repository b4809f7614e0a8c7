"""``kill -9`` at every point that can be seen from outside: before and after each commit and each call of a platform.

The points of a story are counted by running it once; then it is run once for
each, on a copy of the same store, and dies there. Another process takes over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from gardefou.platforms import sandbox_tables
from gardefou.storage import tables
from tests.databases import Databases, Kind
from tests.faults.killing import Line, Point, Ran, Story, each, opened, points, run
from tests.faults.stories import TALES, Tale
from tests.flow.world import START, World

Known = tuple[int, str]

_ENDS = {"in_force", "restored", "cancelled", "lapsed", "refused"}


def _story(tale: Tale, *, keyed: bool) -> Story:
    def story(url: str, line: Line) -> None:
        world = opened(url, line, seed=5, keyed=keyed)
        tale.act(world, line)

    return story


def _prepared(url: str, tale: Tale) -> None:
    world = World(url)
    world.people()
    world.accounts()
    tale.prepare(world)
    world.close()


def _effects(world: World) -> list[sa.Row[tuple[object, ...]]]:
    table = sandbox_tables.effect
    with world.store.read() as connection:
        return list(connection.execute(sa.select(table).where(table.c.verb.in_(("apply", "undo")))).all())


def _one_id(key: str) -> str:
    """Return which enforcement a call was for."""
    return key.split("#", maxsplit=1)[0].split("/", maxsplit=1)[0]


def _nothing_before_its_record(world: World) -> None:
    """I14, as the platform and the record stand in the moment of death."""
    begun = {row.about: row.id for row in world.events("enforcement.executing")}
    intended = {row.about: row.id for row in world.events("enforcement.intended")}
    with world.store.read() as connection:
        signed = {row.event_id for row in connection.execute(sa.select(tables.leaf.c.event_id))}
    for effect in _effects(world):
        one = _one_id(effect.key)
        assert one in begun, effect
        if effect.account in {"president", "known"} and effect.verb == "apply":
            assert intended[one] in signed, effect


def _as_recorded(world: World, tale: Tale) -> None:
    """The platform shows what the record says, and each enforcement had its effect at most once."""
    allowed = _ENDS | ({"waiting"} if tale.waiting else set())
    harms = world.enforcements()
    assert {one.state for one in harms} <= allowed, [(one.id, one.action, one.state, one.because) for one in harms]
    for ref in {one.account for one in harms if one.account}:
        content = [item for one in harms if one.account == ref for item in one.content]
        stands = {
            measure
            for one in harms
            if one.account == ref and one.state == "in_force" and one.severity
            for measure in one.measures
        }
        assert tale.drifted or world.measures(ref, content) == stands
    done = [
        (_one_id(effect.key), effect.verb, effect.action, *sorted({*effect.measures_before} ^ {*effect.measures_after}))
        for effect in _effects(world)
        if effect.changed
    ]
    assert len(done) == len(set(done))
    for effect in _effects(world):
        if effect.verb == "undo":
            # R1: what lifts never adds.
            assert set(effect.measures_after) <= set(effect.measures_before)


def _check(url: str, tale: Tale, ran: Ran, *, keyed: bool) -> None:
    late = max((datetime.fromisoformat(words[0]) for words in ran.of("now")), default=START)
    after = opened(url, seed=9, keyed=keyed, at=late + timedelta(seconds=3))
    try:
        _nothing_before_its_record(after)
        for enforcement, account, state in ran.of("placed"):
            kept = after.read(enforcement)
            assert kept.account == account
            assert state != "in_force" or kept.state == "in_force"
        for account, state in ran.of("lifted"):
            assert state != "in_force" or after.measures(account) == frozenset()
        after.run(tale.span)
        _as_recorded(after, tale)
        tale.check(after, ran)
        after.run(timedelta(minutes=1))
        after.assert_sound()
    finally:
        after.close()


def _die(databases: Databases, kind: Kind, tale: Tale, *, keyed: bool, at: Callable[[list[Known]], list[Point]]) -> int:
    """Tell a tale once to its end, then once for each point that ``at`` chooses; return how often somebody died."""
    story = _story(tale, keyed=keyed)
    with databases.fresh(kind) as prepared:
        _prepared(prepared, tale)
        with databases.copied(prepared) as url:
            found = points(story, url)
        assert found
        places = at(found)
        for place in places:
            with databases.copied(prepared) as url:
                ran = run(story, url, place)
                try:
                    _check(url, tale, ran, keyed=keyed)
                except Exception as error:
                    error.add_note(f"killed {place}, of {found}")
                    raise
    return len(places)


def _some(found: list[Known]) -> list[Point]:
    """Right after the first and last thing that went out, and every fifteenth commit: what `make test` has time for."""
    outside = [Point(number, what, "after") for number, what in found if what != "commit"]
    chosen = list(dict.fromkeys(outside[:1] + outside[-1:]))
    commits = [Point(number, what, "after") for number, what in found if what == "commit"]
    return chosen + commits[len(found) % 3 :: 15]


def _named(*, keyed: bool) -> list[object]:
    """Return every tale; with ``keyed`` those of a platform twice, as one that takes keys forgives more."""
    cases: list[object] = []
    for name, tale in TALES.items():
        if tale.platform:
            cases.append(pytest.param(tale, False, id=f"{name}, on a platform without keys"))
        if keyed or not tale.platform:
            cases.append(pytest.param(tale, True, id=name))
    return cases


@pytest.mark.parametrize(("tale", "keyed"), _named(keyed=False))
def test_whoever_is_killed_loses_nothing_and_does_nothing_twice(databases, tale, keyed):
    assert _die(databases, "sqlite", tale, keyed=keyed, at=_some)


def test_whoever_is_killed_on_postgresql_loses_nothing_and_does_nothing_twice(databases):
    assert _die(databases, "postgresql", TALES["a decision"], keyed=False, at=_some)


@pytest.mark.long
@pytest.mark.parametrize(("tale", "keyed"), _named(keyed=True))
def test_whoever_is_killed_at_any_point_loses_nothing_and_does_nothing_twice(databases, database_kind, tale, keyed):
    assert _die(databases, database_kind, tale, keyed=keyed, at=lambda found: [*each(found)])
