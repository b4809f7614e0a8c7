"""Rolling one person's work back: their enforcements, and nothing else of theirs."""

from __future__ import annotations

import pytest

from gardefou.errors import Denied, InvalidInput, NotFound
from gardefou.flow.rollback import rollback
from tests.flow.world import DAY, HOUR, MINUTE


def roll(world, who="lead", by="rev", **more):
    given = {"since": world.now - HOUR, **more}
    return rollback(world.app, world.actor(who), by=by, **given)


def test_r2_it_withdraws_enforcements_only(world):
    """Their restores, cancellations and protective changes stand: undoing one is a new enforcement."""
    from gardefou.flow.approve import cancel
    from gardefou.flow.change import propose

    mine = world.enforce("lead2", "small2", "suspend")
    theirs = world.enforce("lead", "small", "suspend")
    scheduled = world.enforce("lead", "small2", "limit", execute_at=world.now + HOUR)
    world.restore("lead2", "small")
    cancel(world.app, world.actor("lead2"), scheduled.id, "")
    propose(world.app, world.actor("lead2"), "tier", {"platform": "sandbox", "account": "known", "tier": "protected"})
    world.clock.advance(MINUTE)
    done = roll(world, "lead", "lead2")
    assert done.enforcements == (mine.id,)
    assert world.measures("small2") == frozenset()
    assert world.measures("small") == frozenset()
    assert world.read(theirs).state == "restored"
    assert world.read(scheduled).state == "cancelled"
    assert world.account("known").tier == "protected"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(world):
    world.enforce("rev", "small", "suspend")
    world.clock.advance(MINUTE)
    done = roll(world, dry_run=True)
    assert done.accounts == ("small",)
    assert done.reach == 10
    assert done.restores == ()
    assert world.measures("small") == {"suspended"}


def test_it_takes_waiting_and_standing_ones_and_leaves_other_peoples(world):
    world.enforce("rev", "small", "suspend")
    world.enforce("rev2", "small", "limit")
    waiting = world.enforce("rev", "known", "suspend")
    world.clock.advance(MINUTE)
    roll(world)
    assert world.measures("small") == {"limited"}
    assert world.read(waiting).state == "cancelled"
    world.assert_sound()


def test_r12_one_persons_last_day_has_no_hourly_limit(world):
    for number in range(23):
        world.sandbox.put_account(f"a{number}", handle=f"somebody{number}", reach=1)
        world.enforce("rev", f"a{number}", "limit")
    world.clock.advance(MINUTE)
    done = roll(world)
    assert [one.state for one in done.restores] == ["in_force"] * 23


def test_r12_beyond_a_day_the_limit_holds(world):
    for number in range(22):
        world.sandbox.put_account(f"a{number}", handle=f"somebody{number}", reach=1)
        world.enforce("rev", f"a{number}", "limit")
    world.run(2 * DAY)
    done = roll(world, since=world.now - 3 * DAY)
    assert [one.state for one in done.restores].count("waiting") == 2


def test_m11_what_the_law_demanded_stays_and_is_named(world):
    made = world.enforce("legal", "small", "limit", legal_basis="court_order")
    world.clock.advance(MINUTE)
    done = roll(world, by="legal")
    assert done.barred == (made.id,)
    assert world.measures("small") == {"limited"}


def test_r1_two_on_one_account_and_one_is_rolled_back(world):
    """The other still stands on it; when that one ends too, nothing is left."""
    world.enforce("rev", "small", "suspend", until=world.now + DAY)
    other = world.enforce("rev2", "small", "suspend")
    world.clock.advance(MINUTE)
    roll(world)
    assert world.measures("small") == {"suspended"}
    roll(world, by="rev2")
    assert world.measures("small") == frozenset()
    assert world.read(other).state == "restored"


def test_a_service_can_be_rolled_back_and_a_stranger_not(world):
    service = world.service("detector")
    world.enforce(service, "small", "label")
    world.clock.advance(MINUTE)
    roll(world, by="detector")
    assert world.measures("small") == frozenset()
    with pytest.raises(NotFound):
        roll(world, by="nobody")
    with pytest.raises(InvalidInput):
        roll(world, since=world.now)


def test_m9_an_auditor_rolls_nothing_back(world):
    world.person("auditor", "auditor")
    with pytest.raises(Denied):
        roll(world, "auditor")
