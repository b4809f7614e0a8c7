"""Guarded changes: what strengthens is done at once, what weakens waits for people, whatever the way around."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, NotFound, StepUpRequired
from gardefou.flow.change import propose
from tests.flow.world import DAY, HOUR, MINUTE
from tests.refusals import refused


def tier(account, value, **more):
    return {"platform": "sandbox", "account": account, "tier": value, **more}


def through(world, change):
    """Approve a weakening change and let its hold pass."""
    world.approve("lead" if "lead" not in change.humans else "lead2", change)
    world.approve("policy" if "policy" not in change.humans else "lead2", change)
    world.run(31 * MINUTE)
    return world.read(change)


def test_m10_raising_a_tier_is_at_once_and_lowering_waits_for_two(world):
    assert propose(world.app, world.actor("lead"), "tier", tier("small", "protected")).state == "in_force"
    lowered = propose(world.app, world.fresh("lead"), "tier", tier("small", "standard"))
    assert lowered.state == "waiting"
    assert "change-weakens" in world.nets_of(lowered)
    assert world.account("small").tier == "protected"
    world.approve("lead2", lowered)
    world.approve("policy", lowered)
    assert world.account("small").tier == "protected"
    world.run(31 * MINUTE)
    assert world.account("small").tier == "standard"


@pytest.mark.parametrize("value", ["protected", "standard"])
def test_a_tier_on_a_platform_that_is_none_of_ours_is_said_so(world, value):
    """An entry there would protect nobody, and whoever mistyped the name would not know."""
    with refused("platform/not_found", None, by=NotFound):
        propose(world.app, world.fresh("lead"), "tier", {**tier("small", value), "platform": "nowhere"})


def test_r3_demoting_first_does_not_open_the_door(world):
    """Even a demotion with every approval leaves the tier in memory for thirty days."""
    propose(world.app, world.actor("lead"), "tier", tier("small", "protected"))
    world.enforce("rev", "small", "warn")
    through(world, propose(world.app, world.fresh("lead"), "tier", tier("small", "standard")))
    assert world.account("small").tier == "standard"
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "waiting"
    assert "protected-two-more-people" in world.nets_of(made)
    world.run(31 * DAY)
    assert world.enforce("rev2", "small", "suspend").state == "in_force"


def test_m10_a_demotion_drops_only_the_explicit_tier(world):
    world.enforce("rev", "president", "warn")
    propose(world.app, world.actor("lead"), "tier", tier("president", "protected"))
    through(world, propose(world.app, world.fresh("lead"), "tier", tier("president", "standard")))
    assert world.account("president").explicit_tier is None
    assert world.account("president").tier == "protected"


def test_r9_shortening_protection_is_a_weakening_and_its_end_is_none(world):
    propose(
        world.app, world.actor("lead"), "tier", tier("small", "protected", until=(world.now + 90 * DAY).isoformat())
    )
    short = propose(
        world.app, world.fresh("lead"), "tier", tier("small", "protected", until=(world.now + HOUR).isoformat())
    )
    assert short.state == "waiting"
    world.run(100 * DAY)
    assert world.enforce("rev", "small", "suspend").state == "waiting"


def test_r3_editing_nets_adding_is_at_once_and_removing_waits(world):
    net = {
        "id": "added-meanwhile",
        "title": "More",
        "because": "a test",
        "when": 'account.tier_memory == "notable" and action.severity == 2',
        "require": {"approvals": 1, "from": ["lead"]},
    }
    assert propose(world.app, world.actor("policy"), "nets", {"put": [net]}).state == "in_force"
    assert world.enforce("rev", "known", "limit").state == "waiting"
    removal = propose(world.app, world.fresh("policy"), "nets", {"remove": ["added-meanwhile"]})
    assert removal.state == "waiting"
    world.approve("lead", removal)
    with pytest.raises(Denied):
        world.approve("policy", removal)
    world.approve("lead2", removal)
    world.run(31 * MINUTE)
    assert world.read(removal).state == "in_force"
    assert world.enforce("rev2", "known", "limit").state == "executing"


def test_r3_a_set_without_what_it_must_hold_is_refused(world):
    with pytest.raises(InvalidInput):
        propose(world.app, world.fresh("policy"), "nets", {"remove": ["protected-two-more-people"]})


def test_r3_a_net_added_meanwhile_is_not_lost_with_an_older_proposal(world):
    """The removal was approved over other nets than those in force: it is proposed anew."""
    extra = {
        "id": "added-meanwhile",
        "title": "More",
        "because": "a test",
        "when": 'account.tier_memory == "notable" and action.severity == 2',
        "require": {"approvals": 1, "from": ["lead"]},
    }
    removal = propose(world.app, world.fresh("policy"), "nets", {"remove": ["newcomer-bulk"]})
    propose(world.app, world.actor("policy"), "nets", {"put": [extra]})
    world.approve("lead", removal)
    world.approve("lead2", removal)
    world.run(31 * MINUTE)
    assert world.read(removal).state == "lapsed"
    assert "added-meanwhile" in world.nets_toml()
    assert "newcomer-bulk" in world.nets_toml()


def test_i13_a_second_self_waits_for_two_others(world):
    added = propose(world.app, world.fresh("admin"), "staff_add", {"staff": "twin", "roles": ["lead"]})
    assert added.state == "waiting"
    with pytest.raises(GardefouError):
        world.actor("twin")


def test_i13_nobody_gives_a_newcomer_years_of_tenure_alone(world):
    ago = {"staff": "old-hand", "roles": [], "started": "2001-01-01T00:00:00Z"}
    assert propose(world.app, world.fresh("admin"), "staff_add", ago).state == "waiting"
    assert propose(world.app, world.fresh("admin"), "staff_add", {"staff": "new", "roles": []}).state == "in_force"


def test_m10_roles_are_taken_at_once_and_given_by_two(world):
    gone = propose(world.app, world.actor("admin"), "role", {"staff": "rev", "remove": ["reviewer"]})
    assert gone.state == "in_force"
    back = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["reviewer"]})
    assert back.state == "waiting"
    assert through(world, back).state == "in_force"
    assert world.staff("rev").roles == ("reviewer",)


def test_r6_nobody_approves_what_concerns_themselves(world):
    given = propose(world.app, world.fresh("admin"), "role", {"staff": "lead", "add": ["policy"]})
    with pytest.raises(Denied) as refused:
        world.approve("lead", given)
    assert refused.value.code == "approval/own"


def test_another_team_is_a_weakening_because_teams_keep_approvers_apart(world):
    moved = propose(world.app, world.fresh("admin"), "role", {"staff": "lead", "team": "team-x"})
    assert moved.state == "waiting"


def test_m1_whoever_proposed_it_must_still_have_the_power_when_it_takes_effect(world):
    world.person("admin2", "admin")
    given = propose(world.app, world.fresh("admin2"), "role", {"staff": "rev", "add": ["lead"]})
    world.approve("lead", given)
    world.approve("policy", given)
    propose(world.app, world.actor("admin"), "role", {"staff": "admin2", "remove": ["admin"]})
    world.run(31 * MINUTE)
    assert world.read(given).state == "lapsed"
    assert "lead" not in world.staff("rev").roles


def test_m3_a_weakening_change_needs_a_fresh_sign_in(world):
    world.sign_in("lead")
    propose(world.app, world.actor("lead"), "tier", tier("small", "protected"))
    world.clock.advance(20 * MINUTE)
    with pytest.raises(StepUpRequired):
        propose(world.app, world.actor("lead"), "tier", tier("small", "standard"))


def test_m9_a_leaver_changes_no_guard(world):
    world.person("leaver", "admin", "lead", last_day=world.now + 5 * DAY)
    assert propose(world.app, world.fresh("leaver"), "tier", tier("small", "protected")).state == "refused"


def test_asking_twice_is_asking_once(world):
    one = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["lead"]})
    two = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["lead"]})
    assert one.id == two.id


def test_r4_nobody_issues_another_persons_token(world):
    with pytest.raises(Denied) as refused:
        propose(
            world.app,
            world.actor("admin"),
            "token",
            {"id": "t", "hash": "h", "scopes": ["read"], "staff": "rev"},
        )
    assert refused.value.code == "token/other"


def test_a_service_that_may_enforce_waits_for_two(world):
    issued = propose(
        world.app,
        world.fresh("admin"),
        "token",
        {"id": "t", "hash": "h", "scopes": ["enforcements:write"], "service": "robot"},
    )
    assert issued.state == "waiting"


def test_r10_marking_a_fake_takes_two_others(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.put_account("fake", handle="pres1dent", reach=3)
    waiting = world.enforce("rev", "fake", "suspend", confirm={"identity": "fake"})
    assert waiting.state == "waiting"
    mark = propose(world.app, world.fresh("rev"), "mark_fake", {"platform": "sandbox", "account": "fake"})
    assert through(world, mark).state == "in_force"
    assert world.enforce("rev2", "fake", "suspend").state == "in_force"


def test_settings_are_guarded_too(world):
    changed = propose(world.app, world.fresh("admin"), "setting", {"name": "shadow", "value": True})
    assert changed.state == "waiting"
    with pytest.raises(InvalidInput):
        propose(world.app, world.fresh("admin"), "setting", {"name": "setup_finished", "value": False})


def test_setup_is_over_once_and_for_all(database_url):
    from tests.flow.world import World

    world = World(database_url, setup_finished=False)
    world.person("second", "lead")
    at_once = propose(world.app, world.actor("admin"), "role", {"staff": "second", "add": ["policy"]})
    assert at_once.state == "in_force"
    with pytest.raises(GardefouError):
        propose(world.app, world.actor("admin"), "setup_finish", {})
    world.person("third", "policy")
    assert propose(world.app, world.actor("admin"), "setup_finish", {}).state == "in_force"
    assert propose(world.app, world.fresh("admin"), "role", {"staff": "third", "add": ["lead"]}).state == "waiting"
    world.close()


def test_setup_does_not_end_with_nets_that_leave_open_what_the_shipped_ones_close(database_url):
    from tests.flow.world import World

    world = World(database_url, setup_finished=False)
    world.person("second", "lead")
    world.person("third", "policy")
    shipped = world.app.recent_config().nets
    guards = [net.id for net in shipped.nets if "protected" in str(net)]
    weaker = propose(world.app, world.actor("third"), "nets", {"remove": guards})
    assert weaker.state == "in_force"
    with pytest.raises(Conflict) as caught:
        propose(world.app, world.actor("admin"), "setup_finish", {})
    assert caught.value.code == "setup/nets"
    assert "protect as 'default' does" in caught.value.message
    assert "I1" in "".join(caught.value.extra["broken"])
    propose(world.app, world.actor("third"), "nets", {"toml": shipped.to_toml()})
    assert propose(world.app, world.actor("admin"), "setup_finish", {}).state == "in_force"
    world.close()


def test_until_setup_has_ended_only_sandboxes_are_acted_on(database_url):
    from gardefou.domain.records import PlatformEntry
    from tests.flow.world import World

    world = World(database_url, setup_finished=False)
    world.people()
    world.accounts()
    with world.app.works.begin() as uow:
        entry = uow.need(PlatformEntry, "gardefou", "sandbox")
        uow.record("platform.test", by="system", puts=(replace(entry, sandbox=False, version=entry.version + 1),))
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "lapsed"
    assert world.effects("small") == []
    world.close()


@pytest.mark.parametrize("name", ["system", "gardefou", "rev"])
def test_r4_no_service_bears_the_name_of_a_person_or_of_gardefou(world, name):
    """The system's restores are asked by no net, and a person's name would blame that person."""
    wanted = {"id": "t-1", "hash": "h", "scopes": ["read"], "service": name}
    with pytest.raises(InvalidInput) as caught:
        propose(world.app, world.actor("admin"), "token", wanted)
    assert caught.value.code == "token/service"


def test_r4_no_newcomer_takes_a_name_that_is_another_persons(world):
    """Else whoever puts "rev" off would put the newcomer off instead."""
    for more in ({"staff": "system"}, {"staff": "sock", "pseudonym": "rev"}):
        with pytest.raises(InvalidInput) as caught:
            propose(world.app, world.actor("admin"), "staff_add", {"roles": ["auditor"], "team": "z", **more})
        assert caught.value.code == "staff/taken"


def test_r3_nobody_waits_for_a_proof_of_proposed_nets(world, monkeypatch):
    from gardefou.flow.changes import nets as changes
    from gardefou.nets.prove import prove as real

    changes._proved.cache_clear()
    proved = []

    def prove(nets, invariants):
        with world.app.works.begin():  # waits for whoever holds the store
            proved.append(nets)
        return real(nets, invariants)

    monkeypatch.setattr(changes, "prove", prove)
    longer = {
        "id": "longer",
        "title": "Longer",
        "because": "ours",
        "when": "action.severity >= 4",
        "require": {"hold": "11m"},
    }
    assert propose(world.app, world.fresh("policy"), "nets", {"put": [longer]}).state == "in_force"
    assert len(proved) == 2
