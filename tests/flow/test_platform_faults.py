"""A platform that answers wrongly, late, twice or not at all: one effect each, and what is held back is told."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gardefou.platforms.protocol import PlatformAnswerLost, PlatformUnreachable
from tests.flow.world import MINUTE


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
