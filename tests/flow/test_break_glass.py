"""Break-glass: reversible, loud, two people now, a third within half an hour."""

from __future__ import annotations

import pytest

from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow.approve import cancel
from gardefou.flow.break_glass import break_glass, ratify
from tests.flow.world import DAY, HOUR, MINUTE


def broken(world, who="rev", account="president", action="suspend"):
    return break_glass(world.app, world.fresh(who), "sandbox", account, action, "somebody else is posting")


def standing(world, account="president"):
    made = world.approve("lead", broken(world, account=account))
    world.settle()
    made = world.read(made)
    assert made.state == "in_force"
    return made


def test_two_people_and_no_hold(world):
    made = broken(world)
    assert made.state == "waiting"
    assert world.effects("president") == []
    assert world.incidents("break_glass")[0].accounts == ("president",)
    world.approve("lead", made)
    world.settle()
    assert world.measures("president") == {"suspended"}


def test_i10_it_is_undone_by_itself_after_half_an_hour(world):
    made = standing(world)
    world.run(29 * MINUTE)
    assert world.measures("president") == {"suspended"}
    world.run(2 * MINUTE)
    assert world.measures("president") == frozenset()
    assert world.read(made).state == "restored"


def test_r14_a_third_person_of_another_team_lets_it_stand(world):
    world.person("same", "lead", team="team-rev")
    made = standing(world)
    for who in ("rev", "lead", "same"):
        with pytest.raises(Denied) as refused:
            ratify(world.app, world.actor(who), made.id)
        assert refused.value.code == "ratify/not_apart"
    ratify(world.app, world.actor("policy"), made.id)
    world.run(DAY)
    assert world.measures("president") == {"suspended"}
    with pytest.raises(Conflict):
        ratify(world.app, world.actor("oncall"), made.id)


def test_r14_what_was_not_ratified_in_time_is_not_ratified_later(world):
    """Nobody has ended it yet, as when no worker runs: its half hour is over all the same."""
    made = standing(world)
    world.clock.advance(31 * MINUTE)
    with pytest.raises(Conflict) as refused:
        ratify(world.app, world.fresh("policy"), made.id)
    assert refused.value.code == "ratify/nothing"
    world.settle()
    assert world.measures("president") == frozenset()


def test_r16_nobody_with_a_part_in_a_restore_lets_it_stand(world):
    """To let it stand is to say yes to it: the two who took it down before may not, nor who lifted that."""
    harm = world.enforce("lead2", "president", "suspend")
    for who in ("lead", "policy"):
        world.approve(who, harm)
    world.run(11 * MINUTE)
    assert world.read(harm).state == "in_force"
    world.restore("oncall", "president")
    made = world.approve("rev2", broken(world))
    world.settle()
    assert world.measures("president") == {"suspended"}
    for who in ("lead2", "lead", "policy", "oncall"):
        with pytest.raises(Denied) as refused:
            ratify(world.app, world.actor(who), made.id)
        assert refused.value.code == "approval/involved"
    world.person("another", "reviewer")
    ratify(world.app, world.actor("another"), made.id)
    world.run(HOUR)
    assert world.measures("president") == {"suspended"}


def test_r14_once_per_account_per_day_over_all_people(world):
    standing(world)
    world.run(HOUR)
    with pytest.raises(Conflict) as refused:
        broken(world, "lead2")
    assert refused.value.code == "break_glass/used"
    assert broken(world, "lead2", "known").state == "waiting"
    world.run(DAY)
    assert broken(world, "lead2").state in {"waiting", "refused"}


def test_r14_two_at_once_are_one(world):
    broken(world)
    with pytest.raises(Conflict):
        broken(world, "rev2")


def test_r14_what_came_to_nothing_broke_no_glass(world):
    """Otherwise one person, by asking and withdrawing, could keep a hacked account open for a day."""
    made = broken(world)
    cancel(world.app, world.actor("rev"), made.id, "sorry")
    assert broken(world, "rev2").state == "waiting"


def test_the_other_one_needs_a_fresh_sign_in_too(world):
    made = broken(world)
    world.clock.advance(11 * MINUTE)
    with pytest.raises(StepUpRequired):
        world.approve(world.actor("lead"), made)
    with pytest.raises(StepUpRequired):
        break_glass(world.app, world.actor("rev2"), "sandbox", "known", "lock", "hacked")


@pytest.mark.parametrize("action", ["deactivate", "delete"])
def test_i3_nothing_that_cannot_be_undone_in_a_hurry(world, action):
    with pytest.raises(InvalidInput) as refused:
        broken(world, action=action)
    assert refused.value.code == "break_glass/irreversible"


def test_refusals_stand(world):
    world.person("leaver", "reviewer", last_day=world.now + 5 * DAY)
    assert broken(world, "leaver").state == "refused"


def test_nobody_approves_their_own_and_no_service_breaks_glass(world):
    made = broken(world)
    with pytest.raises(Denied):
        world.approve("rev", made)
    with pytest.raises(Denied):
        break_glass(world.app, world.service("robot"), "sandbox", "president", "lock", "hacked")


def test_a_lost_answer_gives_it_no_more_than_half_an_hour(world):
    """The half hour counts from when it was sent, not from when it was found out."""
    made = broken(world)
    world.wire.before = lambda _operation: world.sandbox.switch(drops_answers=True)
    world.approve("lead", made)
    world.settle()
    assert world.read(made).state == "unknown"
    world.run(25 * MINUTE)
    world.up()
    world.run(7 * MINUTE)
    assert world.measures("president") == frozenset()
