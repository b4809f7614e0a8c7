"""Raid mode: an hour of wider budgets on young accounts, called by a lead, bounded, on the record."""

from __future__ import annotations

import pytest

from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow.raid import end_raid, open_raids, start_raid
from gardefou.nets.facts import Facts
from tests.flow.world import DAY, HOUR, MINUTE, World


def on(world) -> bool:
    with world.store.read() as connection:
        return bool(open_raids(connection, world.now))


def newborn(world, count, prefix="n", age=1):
    for number in range(count):
        world.sandbox.put_account(f"{prefix}{number}", handle=f"{prefix} {number}", reach=1, age_days=age)
    return [f"{prefix}{number}" for number in range(count)]


def suspend_all(world, who, names):
    world.sign_in(who)
    return [world.enforce(world.actor(who), name, "suspend").state for name in names]


def test_a_lead_calls_a_raid_and_budgets_are_three_times_on_young_accounts_only(world):
    start_raid(world.app, world.fresh("lead"), "new accounts, one link")
    assert set(suspend_all(world, "rev", newborn(world, 62))) == {"in_force"}
    [old] = newborn(world, 1, "o", age=30)
    made = world.enforce("rev", old, "suspend")
    assert made.state == "waiting"
    assert made.facts["now.raid"] is True
    assert world.nets_of(made) == {"person-severity-3-hour"}
    world.assert_sound()


def test_a_raid_ends_by_itself_after_an_hour_and_what_was_judged_in_it_stays(world):
    raid = start_raid(world.app, world.fresh("lead"), "new accounts")
    assert raid.until == world.now + HOUR
    [young] = newborn(world, 1)
    later = world.enforce("rev", young, "suspend", execute_at=world.now + 2 * HOUR)
    assert later.state == "waiting"
    world.run(HOUR - MINUTE)
    assert on(world)
    world.run(MINUTE)
    assert not on(world)
    assert world.enforce("rev2", "small", "suspend").facts["now.raid"] is False
    world.run(2 * HOUR)
    assert world.read(later).state == "in_force"


def test_everyone_is_told_when_it_starts_and_when_somebody_ends_it(world):
    start_raid(world.app, world.fresh("lead"), "new accounts")
    ended = end_raid(world.app, world.actor("rev"))
    assert [(one.by, one.ended_by) for one in ended] == [("lead", "rev")]
    assert not on(world)
    assert [len(world.events(kind)) for kind in ("raid.started", "raid.ended", "alert.raised")] == [1, 1, 2]
    with pytest.raises(Conflict) as refused:
        end_raid(world.app, world.actor("rev"))
    assert refused.value.code == "raid/off"
    world.assert_sound()


def test_it_is_renewed_in_its_last_half_hour_and_at_most_twice_a_shift(world):
    start_raid(world.app, world.fresh("lead"), "new accounts")
    with pytest.raises(Conflict) as refused:
        start_raid(world.app, world.fresh("lead2"), "I saw it too")
    assert refused.value.code == "raid/on"
    world.clock.advance(40 * MINUTE)
    renewed = start_raid(world.app, world.fresh("lead2"), "still coming")
    assert renewed.until == world.now + HOUR
    world.clock.advance(50 * MINUTE)
    with pytest.raises(Conflict) as refused:
        start_raid(world.app, world.fresh("lead"), "still")
    assert refused.value.code == "raid/twice"
    world.clock.advance(HOUR)
    assert not on(world)
    with pytest.raises(Conflict):
        start_raid(world.app, world.fresh("lead"), "again")
    world.clock.advance(6 * HOUR)
    start_raid(world.app, world.fresh("lead"), "the next shift")


def test_ending_a_renewed_raid_ends_it_whole(world):
    start_raid(world.app, world.fresh("lead"), "new accounts")
    world.clock.advance(45 * MINUTE)
    start_raid(world.app, world.fresh("lead"), "still coming")
    assert len(end_raid(world.app, world.actor("oncall"))) == 2
    assert not on(world)


@pytest.mark.parametrize("who", ["rev", "policy", "oncall", "admin"])
def test_nobody_but_a_lead_calls_a_raid_under_the_default_set(world, who):
    with pytest.raises(Denied):
        start_raid(world.app, world.fresh(who), "new accounts")
    assert not on(world)


def test_no_leaver_nobody_suspended_no_service_and_no_stale_sign_in_calls_a_raid(world):
    world.person("going", "lead", last_day=world.now + 5 * DAY)
    with pytest.raises(Denied) as refused:
        start_raid(world.app, world.fresh("going"), "new accounts")
    assert refused.value.code == "staff/leaving"
    with pytest.raises(Denied) as refused:
        start_raid(world.app, world.service("bot"), "new accounts")
    assert refused.value.code == "auth/not_human"
    with pytest.raises(InvalidInput):
        start_raid(world.app, world.fresh("lead"), "  ")
    world.clock.advance(11 * MINUTE)
    with pytest.raises(StepUpRequired):
        start_raid(world.app, world.actor("lead"), "new accounts")
    held = world.actor("lead2")
    from gardefou.flow.change import propose

    propose(world.app, world.fresh("admin"), "off", {"staff": "lead2"})
    with pytest.raises(Denied):
        start_raid(world.app, held, "new accounts")
    assert not on(world)


def test_in_a_small_team_either_of_the_two_calls_it_and_two_hundred_an_hour_pass(database_url):
    world = World(database_url, nets="small-team")
    world.person("one", "reviewer")
    start_raid(world.app, world.fresh("one"), "new accounts")
    names = newborn(world, 45)
    assert set(suspend_all(world, "one", names)) == {"in_force"}
    world.close()


def test_a_guarded_change_and_a_restore_are_told_of_the_raid_too(world):
    start_raid(world.app, world.fresh("lead"), "new accounts")
    world.enforce("rev", "small", "suspend")
    done = world.restore("rev2", "small")
    assert Facts.from_json(done.restores[0].facts)["now.raid"] is True
