"""What stops a runaway: anyone's pause, the breaker, and budgets that ask."""

from __future__ import annotations

import pytest

from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow.budget import top_up
from gardefou.flow.change import pause, resume
from gardefou.platforms.protocol import PlatformRefused
from tests.flow.world import DAY, HOUR, MINUTE


def many(world, count, prefix="a"):
    for number in range(count):
        world.sandbox.put_account(f"{prefix}{number}", handle=f"{prefix} person {number}", reach=1)
    return [f"{prefix}{number}" for number in range(count)]


def test_anyone_pauses_at_once_and_two_people_resume(world):
    assert pause(world.app, world.actor("rev"), "look first").state == "in_force"
    assert world.enforce("rev2", "small", "suspend").state == "refused"
    assert resume(world.app, world.actor("lead"), "looked").state == "waiting"
    assert world.enforce("rev2", "small", "limit").state == "refused"
    assert resume(world.app, world.actor("oncall"), "looked too").state == "in_force"
    assert world.enforce("rev2", "small", "lock").state == "in_force"


def test_the_same_person_does_not_resume_twice(world):
    pause(world.app, world.actor("rev"), "look first")
    one = resume(world.app, world.actor("lead"), "looked")
    two = resume(world.app, world.actor("lead"), "looked again")
    assert one.id == two.id
    assert world.read(one).state == "waiting"
    with pytest.raises(Denied):
        resume(world.app, world.actor("rev"), "a reviewer has no power to")


def test_a_pause_holds_back_what_was_cleared_and_it_runs_afterwards(world):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    pause(world.app, world.actor("rev2"), "look first")
    world.run(3 * HOUR)
    assert world.read(made).state == "ready"
    assert world.effects("small") == []
    for who in ("lead", "policy"):
        resume(world.app, world.actor(who), "looked")
    world.run(5 * MINUTE)
    assert world.read(made).state == "in_force"


def test_a_pause_between_intention_and_checkpoint_holds(world):
    made = world.approve("lead", world.enforce("rev", "known", "suspend"))
    assert made.state == "executing"
    pause(world.app, world.actor("rev2"), "look first")
    world.run(HOUR)
    assert world.effects("known") == []
    world.restore("oncall", "known")
    for who in ("lead", "policy"):
        resume(world.app, world.actor(who), "looked")
    world.run(DAY)
    assert world.effects("known") == []


def test_m4_a_pause_of_three_days_lapses_it(days):
    made = days.enforce("rev", "small", "suspend", execute_at=days.now + HOUR)
    pause(days.app, days.actor("rev2"), "look first")
    days.run(74 * HOUR)
    assert days.read(made).state == "lapsed"


def test_m11_what_the_law_demands_goes_on_under_a_pause(world):
    pause(world.app, world.actor("rev"), "look first")
    assert world.enforce("legal", "small", "suspend", legal_basis="court_order").state == "in_force"


def test_m5_expiries_go_on_under_a_pause(world):
    world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    pause(world.app, world.actor("rev2"), "look first")
    world.run(HOUR)
    assert world.measures("small") == frozenset()


def test_r13_a_second_pause_by_the_same_person_takes_two(world):
    pause(world.app, world.actor("rev"), "look first")
    with pytest.raises(Conflict) as refused:
        pause(world.app, world.actor("rev"), "again")
    assert refused.value.code == "pause/already"
    for who in ("lead", "policy"):
        resume(world.app, world.actor(who), "looked")
    assert pause(world.app, world.actor("rev"), "again").state == "waiting"
    assert world.enforce("rev2", "small", "lock").state == "in_force"
    assert pause(world.app, world.actor("rev2"), "really").state == "in_force"


@pytest.mark.parametrize(("later", "state"), [(DAY, "in_force"), (DAY - MINUTE / 60, "waiting")])
def test_r13_a_pause_a_day_later_is_a_first_one_again(world, later, state):
    pause(world.app, world.actor("rev"), "look first")
    for who in ("lead", "policy"):
        resume(world.app, world.actor(who), "looked")
    world.run(later)
    assert pause(world.app, world.actor("rev"), "again").state == state


def test_a_pause_says_why(world):
    with pytest.raises(InvalidInput):
        pause(world.app, world.actor("rev"), " ")


def test_r13_the_breaker_stops_the_person_whose_work_is_reversed(world):
    names = many(world, 6)
    for name in names:
        world.enforce("rev", name, "suspend")
    for name in names[:5]:
        world.restore("oncall", name)
    [stop] = world.pauses()
    assert (stop.scope, stop.target, stop.by) == ("staff", "rev", "system")
    assert world.enforce("rev", "small", "suspend").state == "refused"
    assert world.enforce("rev2", "small", "suspend").state == "in_force"
    [incident] = world.incidents("breaker")
    assert set(names[:5]) <= set(incident.accounts)
    assert incident.about == "rev"


def test_r13_the_breaker_goes_on_to_the_team_without_those_it_stopped(world):
    for who in ("t1", "t2", "t3"):
        world.person(who, "reviewer", team="team-t")
    for who, prefix in (("t1", "x"), ("t2", "y")):
        names = many(world, 5, prefix)
        for name in names:
            world.enforce(who, name, "suspend")
        for name in names:
            world.restore("oncall" if who == "t1" else "lead", name)
    assert [(stop.scope, stop.target) for stop in world.pauses()] == [("staff", "t1"), ("staff", "t2")]
    assert world.enforce("t3", "small", "suspend").state == "in_force"


def test_m6_the_breaker_counts_enforcements_that_failed_not_attempts(world):
    def refuse(_operation):
        raise PlatformRefused("no")

    for name in many(world, 4):
        world.wire.before = refuse
        assert world.enforce("rev", name, "suspend").state == "failed"
    assert world.pauses() == []
    world.enforce("rev2", "small", "warn")
    world.sandbox.switch(down=True)
    world.enforce("rev2", "small", "suspend")
    world.run(2 * HOUR)
    assert world.pauses() == []
    world.up()
    world.run(10 * MINUTE)
    world.sandbox.put_account("last", handle="the last one", reach=1)
    world.wire.before = refuse
    world.enforce("rev", "last", "suspend")
    assert [stop.target for stop in world.pauses()] == ["rev"]


def test_m6_expiries_are_no_reversals(world):
    for name in many(world, 8):
        world.enforce("rev", name, "suspend", until=world.now + HOUR)
    world.run(HOUR)
    assert world.pauses() == []


def test_r13_overruns_ask_and_never_refuse(world):
    states = [world.enforce("rev", name, "suspend").state for name in many(world, 61)]
    assert states == ["in_force"] * 60 + ["waiting"]
    [incident] = world.incidents("budget")
    assert len(incident.accounts) == 61
    assert incident.about == "rev"


def test_r13_a_lead_tops_a_budget_up_twice_a_shift_and_never_their_own(world):
    names = many(world, 24)
    world.person("new", "reviewer", days=5)
    states = [world.enforce("new", name, "limit").state for name in names[:21]]
    assert states[20] == "waiting"
    with pytest.raises(Denied):
        top_up(world.app, world.fresh("lead"), "lead")
    world.clock.advance(11 * MINUTE)
    with pytest.raises(StepUpRequired):
        top_up(world.app, world.actor("lead"), "new")
    top_up(world.app, world.fresh("lead"), "new")
    assert [one.about for one in world.events("budget.topped_up")] == ["new"]
    assert world.enforce("new", names[21], "limit").state == "in_force"
    world.clock.advance(HOUR)
    top_up(world.app, world.fresh("lead2"), "new")
    with pytest.raises(Conflict) as refused:
        top_up(world.app, world.fresh("lead"), "new")
    assert refused.value.code == "budget/twice"


def test_m11_what_the_law_demands_is_outside_the_budgets(world):
    names = many(world, 62)
    states = {world.enforce("legal", name, "suspend", legal_basis="csam").state for name in names}
    assert states == {"in_force"}
