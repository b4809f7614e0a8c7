"""A platform that answers wrongly, late, twice or not at all: one effect each, and what is held back is told."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from gardefou.flow.break_glass import break_glass
from gardefou.flow.due import run_due
from gardefou.platforms.protocol import PlatformAnswerLost, PlatformRefused, PlatformUnreachable
from gardefou.storage import tables
from tests.flow.world import DAY, HOUR, MINUTE


def raising(error):
    def fail(_operation):
        raise error

    return fail


@pytest.mark.parametrize("action", ["suspend", "limit"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "error",
    [PlatformUnreachable("refuses connections"), PlatformAnswerLost("answered 500"), ValueError("Expecting value")],
    ids=["unreachable", "lost", "a surprise in the connector"],
)
def test_whatever_goes_wrong_with_one_call_there_is_one_effect_in_the_end(days, action, when, error):
    world = days
    setattr(world.wire, when, raising(error))
    # The caller is told; what was begun is on record, and goes on.
    with suppress(ValueError):
        world.enforce("rev", "small", action)
    world.run(10 * MINUTE)
    (made,) = world.enforcements(account="small")
    assert made.state == "in_force"
    assert len(world.effects("small")) == 1
    assert world.measures("small") == set(made.measures)
    world.assert_sound()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "error",
    [PlatformUnreachable("refuses connections"), PlatformAnswerLost("answered 500"), ValueError("Expecting value")],
    ids=["unreachable", "lost", "a surprise in the connector"],
)
def test_whatever_goes_wrong_with_a_restore_the_account_is_up_in_the_end(days, when, error):
    world = days
    world.enforce("rev", "small", "suspend")
    setattr(world.wire, when, raising(error))
    # The caller is told; what was begun is on record, and goes on.
    with suppress(ValueError):
        world.restore("oncall", "small")
    world.run(10 * MINUTE)
    assert world.measures("small") == frozenset()
    assert [one.verb for one in world.effects("small")] == ["apply", "undo"]
    assert {one.state for one in world.enforcements(account="small") if one.severity} == {"restored"}
    world.assert_sound()


def test_a_call_that_arrives_twice_has_one_effect(days):
    world = days
    inner = world.sandbox

    def again(operation):
        inner.apply(operation)

    world.wire.after = again
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "in_force"
    assert len([one for one in world.effects("small") if one.before != one.after]) == 1
    world.assert_sound()


def test_a_platform_that_says_yes_and_does_not_show_it_is_asked_again_and_people_are_told(days):
    world = days
    inner = world.sandbox

    def take_back(operation):
        # It confirms, and then thinks better of it.
        inner.set_measures_out_of_band(operation.target.account, ())

    world.wire.after = take_back
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "executing"
    assert "does not show it" in made.receipt["trouble"]
    world.run(10 * MINUTE)
    assert world.read(made).state in {"in_force", "executing"}
    world.assert_sound()


# --- a platform that says no, and what it is seen to be then ---------------------------------


def _refuse(_operation):
    raise PlatformRefused("not today")


def _told(world, made):
    about = tables.notice.c.about == made.id
    with world.store.read() as connection:
        return list(connection.execute(sa.select(tables.notice.c.kind).where(about)).scalars())


def test_m6_a_refusal_that_changed_nothing_ends_it_failed(world):
    world.wire.before = _refuse
    made = world.enforce("rev", "small", "suspend")
    assert (made.state, made.because) == ("failed", "The platform refused: not today")
    assert world.measures("small") == frozenset()
    assert _told(world, made) == []
    world.assert_sound()


def test_m7_what_was_refused_and_done_all_the_same_is_in_force_and_told_and_can_be_lifted(world):
    world.wire.after = _refuse
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "in_force"
    assert made.receipt["trouble"] == "The platform refused: not today"
    assert _told(world, made) == ["odd_refusal"]
    assert world.incidents("drift") == []
    world.restore("oncall", "small")
    assert world.measures("small") == frozenset()
    assert world.read(made).state == "restored"
    world.assert_sound()


def test_m7_what_was_refused_and_done_in_part_is_undone_and_told(days):
    world = days

    def half(_operation):
        # One of the two items is back before anybody looks.
        with world.store.begin() as connection:
            connection.execute(sa.text("UPDATE sandbox_content SET removed = false WHERE id = 'c2'"))
        _refuse(_operation)

    world.wire.after = half
    made = world.enforce("rev", "small", "remove_content", content=("c1", "c2"))
    assert made.state == "failed"
    assert "part of it" in made.because
    assert _told(world, made) == ["odd_refusal"]
    world.settle()
    assert world.measures("small", ("c1", "c2")) == frozenset()
    assert world.incidents("drift") == []
    world.assert_sound()


def test_m7_a_refusal_after_which_nothing_can_be_read_is_settled_by_reading(days):
    world = days

    def gone(_operation):
        world.sandbox.switch(down=True)
        _refuse(_operation)

    for when, ends in (("before", "failed"), ("after", "in_force")):
        setattr(world.wire, when, gone)
        made = world.enforce("rev", "small", "suspend")
        assert made.state == "unknown"
        world.run(MINUTE)
        assert world.read(made).state == "unknown"
        world.up()
        # Seen not to be so it is asked once more, and refused once more.
        world.wire.before = _refuse if when == "before" else None
        world.run(10 * MINUTE)
        assert world.read(made).state == ends
    assert len(world.effects("small")) == 1
    world.assert_sound()


def _unread(world, restore):
    """Leave something without an answer at a platform that cannot be read from then on."""

    def gone(_operation):
        world.sandbox.switch(down=True)
        raise PlatformAnswerLost("answered nothing")

    if restore:
        world.enforce("rev", "small", "suspend")
    world.wire.after = gone
    return world.restore("oncall", "small").restores[0] if restore else world.enforce("rev", "small", "suspend")


def test_what_cannot_be_read_for_a_day_is_told_once(world):
    made = _unread(world, restore=False)
    assert made.state == "unknown"
    world.clock.advance(23 * HOUR)
    world.settle()
    assert _told(world, made) == []
    for _ in range(3):
        world.clock.advance(HOUR)
        world.settle()
        assert _told(world, made) == ["unsettled"]
    assert world.incidents() == []
    world.up()
    world.clock.advance(5 * MINUTE)
    world.settle()
    assert (world.read(made).state, len(world.effects("small"))) == ("in_force", 1)
    world.assert_sound()


def test_m6_what_cannot_be_read_is_read_ever_more_rarely_once_it_would_not_be_sent_again(days):
    world = days
    made = _unread(world, restore=False)

    def wait() -> timedelta:
        world.settle()
        return world.read(made).next_attempt_at - world.now

    waits = []
    for step in (HOUR, 70 * HOUR, 2 * HOUR, 10 * HOUR, 5 * DAY, 60 * DAY):
        world.clock.advance(step)
        waits.append(wait())
        # A few seconds more each time at first, then as long as harm waits, within the 72 hours of M6.
        for _ in range(8 if step == HOUR else 0):
            world.clock.advance(5 * MINUTE)
            waits[-1] = wait()
    assert waits[:3] == [5 * MINUTE, 5 * MINUTE, 5 * MINUTE]
    assert 5 * MINUTE < waits[3] < waits[4] < waits[5] == DAY
    # Whatever it is read to be counts, as ever.
    world.up()
    world.clock.advance(DAY)
    world.settle()
    assert world.read(made).state == "in_force"
    world.assert_sound()


def test_a_restore_that_cannot_be_read_is_read_as_often_as_ever(days):
    world = days
    made = _unread(world, restore=True)
    assert made.state == "unknown"
    for _ in range(4):
        world.clock.advance(30 * DAY)
        world.settle()
        assert world.read(made).next_attempt_at - world.now <= 5 * MINUTE
    world.up()
    world.clock.advance(5 * MINUTE)
    world.settle()
    assert world.measures("small") == frozenset()


def test_m7_what_stood_before_it_was_refused_is_no_doing_of_ours(days):
    world = days
    world.sandbox.set_measures_out_of_band("small", ["suspended"])
    world.wire.before = _refuse
    made = world.enforce("rev", "small", "suspend")
    assert (made.state, _told(world, made)) == ("failed", [])


def test_m7_what_an_earlier_try_did_unheard_is_in_force_though_the_next_is_refused(days):
    world = days
    world.wire.after = raising(PlatformUnreachable("refuses connections"))
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "executing"
    world.wire.before = _refuse
    world.run(MINUTE)
    assert world.read(made).state == "in_force"
    assert len(world.effects("small")) == 1
    world.assert_sound()


def test_m7_a_restore_that_was_refused_and_done_all_the_same_is_done(world):
    made = world.enforce("rev", "small", "suspend")
    world.wire.after = _refuse
    (done,) = world.restore("oncall", "small").restores
    assert done.state == "in_force"
    assert world.read(made).state == "restored"
    world.assert_sound()


def test_m7_of_a_restore_that_is_refused_half_way_what_came_off_is_on_record_as_lifted(days):
    world = days
    first = world.enforce("rev", "small", "suspend")
    second = world.enforce("rev2", "small", "limit")

    def then_no(_operation):
        world.wire.before = _refuse

    world.wire.after = then_no
    (done,) = world.restore("oncall", "small").restores
    assert done.state == "failed"
    states = {world.read(one).state for one in (first, second)}
    assert states == {"restored", "in_force"}
    (stands,) = [one for one in (first, second) if world.read(one).state == "in_force"]
    assert world.measures("small") == set(world.read(stands).measures) == set(world.account("small").measures)
    world.run(MINUTE)
    assert world.incidents("drift") == []
    world.restore("oncall", "small")
    assert world.measures("small") == frozenset()
    assert world.read(stands).state == "restored"
    world.assert_sound()


def test_m7_what_took_effect_unheard_and_cannot_be_lifted_is_in_force_and_no_drift(days):
    world = days
    world.wire.after = raising(PlatformAnswerLost("answered 500"))
    made = world.enforce("rev", "small", "suspend")
    assert (made.state, world.measures("small")) == ("unknown", {"suspended"})
    world.wire.before = _refuse
    (failed,) = world.restore("oncall", "small").restores
    stands = world.read(made)
    assert (failed.state, stands.state, stands.in_force_at) == ("failed", "in_force", world.now)
    assert world.measures("small") == set(stands.measures) == set(world.account("small").measures)
    # It is looked at again once nobody can still be sending it, and lifted as was asked.
    world.run(10 * MINUTE)
    assert world.incidents("drift") == []
    assert (world.read(made).state, world.measures("small")) == ("restored", frozenset())
    world.assert_sound()


def test_m7_what_never_took_effect_and_cannot_be_lifted_is_not_in_force(days):
    world = days
    world.sandbox.set_measures_out_of_band("small", ["limited"])
    world.wire.before = raising(PlatformAnswerLost("answered 500"))
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "unknown"
    world.sandbox.set_measures_out_of_band("small", [])
    world.sandbox.set_measures_out_of_band("small", ["locked"])
    world.wire.before = _refuse
    world.restore("oncall", "small")
    assert (world.read(made).state, world.read(made).in_force_at) == ("restored", None)


def test_r14_what_broke_the_glass_unheard_and_cannot_be_lifted_still_has_its_end(world):
    asked = break_glass(world.app, world.fresh("rev"), "sandbox", "president", "suspend", "somebody else is posting")
    world.wire.after = raising(PlatformAnswerLost("answered 500"))
    made = world.approve("lead", asked)
    world.app.sequencer.integrate_all()
    run_due(world.app)
    assert (world.read(made).state, world.measures("president")) == ("unknown", {"suspended"})
    sent_at = world.now
    world.clock.advance(timedelta(milliseconds=300))
    world.wire.before = _refuse
    world.restore("oncall", "president")
    assert (world.read(made).state, world.read(made).until) == ("in_force", sent_at + 30 * MINUTE)


def test_a_yes_after_which_the_account_is_not_known_any_more_is_no_refusal(days):
    world = days

    def forget(_operation):
        with world.store.begin() as connection:
            connection.execute(sa.text("UPDATE sandbox_account SET ref = 'elsewhere' WHERE ref = 'small'"))

    world.wire.after = forget
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "unknown"
    with world.store.begin() as connection:
        connection.execute(sa.text("UPDATE sandbox_account SET ref = 'small' WHERE ref = 'elsewhere'"))
    world.run(10 * MINUTE)
    assert world.read(made).state == "in_force"


# --- a platform that is away for long --------------------------------------------------------


def _waits(world, made):
    """How long it was between the tries of an enforcement, in seconds."""
    at = [row.at for row in world.events(about=made.id) if row.kind == "enforcement.retrying"]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(at)]


def test_m5_m6_a_restore_is_tried_again_within_a_quarter_of_a_minute_and_harm_within_five(days):
    world = days
    world.enforce("rev", "small", "suspend")
    world.wire.before = raising(PlatformUnreachable("refuses connections"))
    harm = world.enforce("rev", "small2", "suspend")
    world.sandbox.switch(down=True)
    (lifting,) = world.restore("oncall", "small").restores
    world.run(7 * MINUTE)
    assert max(_waits(world, lifting)) == 15
    # Of an outage of an hour it is two minutes: one of days must not fill the record.
    world.run(53 * MINUTE)
    assert 110 <= max(_waits(world, lifting)) <= 120
    assert max(_waits(world, harm)) == 300
    world.up()
    world.run(2 * MINUTE)
    assert world.measures("small") == frozenset()


def test_m6_many_restores_at_a_platform_that_is_away_come_to_one_call_a_second(days):
    world = days
    many = [f"one{number}" for number in range(24)]
    for ref in many:
        world.sandbox.put_account(ref, handle=ref, reach=1)
        world.enforce("rev" if len(ref) == 4 else "rev2", ref, "suspend", until=world.now + timedelta(hours=1))
    world.sandbox.switch(down=True)
    world.run(timedelta(hours=1, seconds=90))
    world.wire.calls.clear()
    world.run(timedelta(seconds=2 * len(many)))
    assert len(many) <= len(world.wire.calls) <= 2 * len(many)
    world.up()
    world.run(timedelta(seconds=len(many)))
    assert {world.measures(ref) for ref in many} == {frozenset()}


def test_a_platform_that_does_nothing_keeps_no_other_waiting(days):
    """Each round of the worker asks it once, and goes on to what waits for others."""
    world = days
    for ref in ("small", "small2"):
        world.enforce("rev", ref, "suspend")
    world.sandbox.switch(down=True)
    for ref in ("small", "small2"):
        world.restore("oncall", ref)
    world.clock.advance(timedelta(seconds=2))
    world.wire.calls.clear()
    assert run_due(world.app) == 1
    assert len(world.wire.calls) == 1
    assert run_due(world.app) == 1
    assert len(world.wire.calls) == 2
    assert run_due(world.app) == 0
