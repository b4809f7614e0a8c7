"""Where the nets ask for time and for nobody, the other's word may come meanwhile."""

from __future__ import annotations

import pytest

from gardefou.errors import Conflict, Denied
from gardefou.flow.change import propose
from tests.flow.world import DAY, HOUR, MINUTE, World


@pytest.fixture
def team():
    """Two moderators of one team under the small set, and an account that they protect."""
    world = World(nets="small-team")
    world.accounts()
    for who in ("ada", "bo"):
        world.person(who, "reviewer", "lead", team="mods")
    propose(world.app, world.fresh("ada"), "tier", {"platform": "sandbox", "account": "small", "tier": "protected"})
    yield world
    world.close()


def test_the_others_yes_ends_the_hold(team):
    made = team.enforce(team.fresh("ada"), "small", "suspend")
    assert made.state == "waiting"
    team.run(HOUR)
    team.approve(team.fresh("bo"), made)
    team.run(MINUTE)
    assert team.read(made).state == "in_force"
    team.assert_sound()


def test_the_others_no_ends_it_and_ones_own_word_counts_for_nothing(team):
    made = team.enforce(team.fresh("ada"), "small", "suspend")
    with pytest.raises(Denied):
        team.approve(team.fresh("ada"), made)
    team.approve(team.fresh("bo"), made, "no")
    team.run(2 * DAY)
    assert team.read(made).state == "refused"
    assert team.effects("small") == []


def test_without_a_word_it_keeps_its_hold(team):
    made = team.enforce(team.fresh("ada"), "small", "suspend")
    team.run(23 * HOUR)
    assert team.read(made).state == "waiting"
    team.run(61 * MINUTE)
    assert team.read(made).state == "in_force"


@pytest.mark.parametrize("action", ["deactivate", "delete"])
def test_what_is_graver_keeps_its_whole_hold(team, action):
    made = team.enforce(team.fresh("ada"), "known", action)
    assert made.state == "waiting"
    with pytest.raises(Conflict):
        team.approve(team.fresh("bo"), made)


def test_an_hour_that_was_set_is_kept(team):
    made = team.enforce(team.fresh("ada"), "small", "suspend", execute_at=team.now + 3 * DAY)
    team.approve(team.fresh("bo"), made)
    assert team.read(made).state == "waiting"
    team.run(3 * DAY + MINUTE)
    assert team.read(made).state == "in_force"


def test_under_the_default_set_a_hold_after_approvals_is_not_cut(world):
    made = world.enforce(world.fresh("rev"), "president", "suspend")
    for who in ("lead", "policy"):
        world.approve(world.fresh(who), made)
    with pytest.raises(Conflict):
        world.approve(world.fresh("lead2"), made)
    assert world.read(made).state == "waiting"


def test_m9_a_yes_that_ended_the_hold_and_no_longer_counts_carries_nothing_out(team):
    made = team.enforce(team.fresh("ada"), "small", "suspend")
    team.run(HOUR)
    team.sandbox.switch(down=True)
    assert team.approve(team.fresh("bo"), made).state == "executing"
    propose(team.app, team.fresh("admin"), "off", {"staff": "bo"})
    team.up()
    team.run(HOUR)
    assert team.read(made).state == "lapsed"
    assert team.effects("small") == []


def test_a_hold_that_ran_to_its_end_asks_for_nobodys_yes(team):
    made = team.enforce(team.fresh("ada"), "small", "suspend")
    team.sandbox.switch(down=True)
    team.run(25 * HOUR)
    team.up()
    team.run(HOUR)
    assert team.read(made).state == "in_force"
