"""What people agreed to before protection was raised, or power taken, gives nothing back (M1, M10)."""

from __future__ import annotations

import threading

import pytest

from gardefou.errors import GardefouError
from gardefou.flow import execute, recheck
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.registry_import import import_registry
from tests.flow.test_change import tier
from tests.flow.world import DAY, HOUR, MINUTE


def agreed(world, made, *people):
    """Let two others say yes; its half hour has yet to pass."""
    for who in people or ("lead", "policy"):
        world.approve(who, made)
    return world.read(made)


def test_m10_a_demotion_agreed_to_before_the_tier_was_raised_lowers_nothing(world):
    propose(world.app, world.actor("lead"), "tier", tier("small", "notable"))
    lowered = agreed(
        world, propose(world.app, world.fresh("lead"), "tier", tier("small", "standard")), "lead2", "policy"
    )
    other = propose(world.app, world.fresh("lead"), "tier", tier("small2", "notable"))
    assert propose(world.app, world.fresh("lead2"), "tier", tier("small", "protected")).state == "in_force"
    assert world.read(lowered).state == "lapsed"
    assert world.read(other).state == "in_force"
    world.run(31 * MINUTE)
    assert world.account("small").explicit_tier == "protected"
    world.assert_sound()


def test_r9_a_demotion_agreed_to_before_protection_was_prolonged_lowers_nothing(world):
    until = (world.now + 30 * DAY).isoformat()
    propose(world.app, world.actor("lead"), "tier", tier("small", "protected", until=until))
    lowered = agreed(
        world, propose(world.app, world.fresh("lead"), "tier", tier("small", "standard")), "lead2", "policy"
    )
    import_registry(world.app, world.fresh("lead2"), "platform,ref,tier,because\nsandbox,small,protected,still\n")
    world.run(31 * MINUTE)
    assert world.read(lowered).state == "lapsed"
    assert world.account("small").explicit_tier == "protected"


def test_m10_what_raises_nothing_leaves_a_demotion_as_it_is(world):
    until = (world.now + 30 * DAY).isoformat()
    propose(world.app, world.actor("lead"), "tier", tier("small", "protected", until=until))
    lowered = agreed(
        world, propose(world.app, world.fresh("lead"), "tier", tier("small", "standard")), "lead2", "policy"
    )
    propose(world.app, world.fresh("lead2"), "tier", tier("small", "protected", until=until, because="a seat"))
    world.run(31 * MINUTE)
    assert world.read(lowered).state == "in_force"
    assert world.account("small").explicit_tier is None


def test_m9_an_extension_agreed_to_before_an_earlier_last_day_gives_nothing_back(world):
    world.person("gone", "reviewer", last_day=world.now + 30 * DAY)
    later = {"staff": "gone", "last_day": (world.now + 60 * DAY).isoformat()}
    stays = {"staff": "gone", "last_day": None}
    made = [agreed(world, propose(world.app, world.fresh("admin"), "leave", one)) for one in (later, stays)]
    soon = world.now + HOUR
    at_once = propose(world.app, world.fresh("admin"), "leave", {"staff": "gone", "last_day": soon.isoformat()})
    assert at_once.state == "in_force"
    assert [world.read(one).state for one in made] == ["lapsed", "lapsed"]
    world.run(31 * MINUTE)
    assert world.staff("gone").last_day_end == soon
    world.assert_sound()


def test_m10_coming_back_agreed_to_before_a_new_suspension_brings_nobody_back(world):
    world.person("admin2", "admin")
    propose(world.app, world.fresh("admin"), "suspend", {"staff": "rev"})
    back = {"staff": "rev", "suspended": False}
    first = agreed(world, propose(world.app, world.fresh("admin"), "suspend", back))
    world.run(20 * MINUTE)
    second = agreed(world, propose(world.app, world.fresh("admin2"), "suspend", back))
    world.run(15 * MINUTE)
    assert world.read(first).state == "in_force"
    propose(world.app, world.fresh("admin"), "suspend", {"staff": "rev"})
    assert world.read(second).state == "lapsed"
    world.run(31 * MINUTE)
    assert world.staff("rev").standing == "suspended"


def test_m10_a_role_agreed_to_before_it_was_taken_is_not_given_back(world):
    wanted = {"staff": "rev", "add": ["lead"]}
    given = agreed(world, propose(world.app, world.fresh("admin"), "role", wanted))
    more = agreed(
        world, propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["policy"]}), "lead", "lead2"
    )
    propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "remove": ["lead"]})
    assert world.read(given).state == "lapsed"
    world.run(31 * MINUTE)
    assert world.read(more).state == "in_force"
    assert world.staff("rev").roles == ("reviewer", "policy")


def test_r4_a_name_that_somebody_else_took_meanwhile_is_given_to_nobody(world):
    twin = agreed(world, propose(world.app, world.fresh("admin"), "staff_add", {"staff": "twin", "roles": ["lead"]}))
    robot = agreed(world, propose(world.app, world.fresh("admin"), "staff_add", {"staff": "robot", "roles": ["lead"]}))
    token = {"id": "t", "hash": "h", "scopes": ["enforcements:write"], "service": "newcomer"}
    service = agreed(world, propose(world.app, world.fresh("admin"), "token", token))
    for staff in ("twin", "newcomer"):
        added = propose(world.app, world.fresh("admin"), "staff_add", {"staff": staff, "roles": []})
        assert added.state == "in_force"
    reports = {"id": "r", "hash": "r", "scopes": ["reports:write"], "service": "robot"}
    assert propose(world.app, world.fresh("admin"), "token", reports).state == "in_force"
    propose(world.app, world.fresh("admin"), "off", {"staff": "twin"})
    world.run(31 * MINUTE)
    assert [world.read(one).state for one in (twin, robot, service)] == ["lapsed", "lapsed", "lapsed"]
    assert world.staff("twin").standing == "left"
    assert world.staff("twin").roles == ()
    with pytest.raises(GardefouError):
        world.actor("robot")


def test_r9_an_endpoint_that_was_registered_meanwhile_is_not_registered_again(world):
    def webhook(name, endpoint):
        wanted = {"name": name, "kind": "webhook", "endpoint": endpoint, "config": {"url": endpoint}}
        return agreed(world, propose(world.app, world.fresh("admin"), "platform", wanted))

    first = webhook("forum", "https://forum.example")
    twice = webhook("forum2", "https://forum.example")
    other = webhook("forum", "https://elsewhere.example")
    world.run(31 * MINUTE)
    assert [world.read(one).state for one in (first, twice, other)] == ["in_force", "lapsed", "lapsed"]
    with world.store.read() as connection:
        entries = world.app.config(connection).platforms
    assert entries["forum"].config == {"url": "https://forum.example"}
    assert "forum2" not in entries


def test_m1_a_setting_agreed_to_before_it_was_changed_does_not_come_back(world):
    def setting(value, name="restores_per_hour"):
        return propose(world.app, world.fresh("admin"), "setting", {"name": name, "value": value})

    older, other, newer = setting(200), setting(40, "restore_old_days"), setting(10)
    agreed(world, newer)
    world.run(20 * MINUTE)
    older, other = agreed(world, older), agreed(world, other)
    world.run(31 * MINUTE)
    assert [world.read(one).state for one in (older, other, newer)] == ["lapsed", "in_force", "in_force"]
    with world.store.read() as connection:
        assert world.app.config(connection).rules.restores_per_hour == 10


def test_m1_a_platform_that_was_taken_out_of_use_does_not_come_back_by_an_older_yes(world):
    wanted = {"name": "forum", "kind": "webhook", "endpoint": "https://forum.example", "config": {}}
    agreed(world, propose(world.app, world.fresh("admin"), "platform", wanted))
    world.run(31 * MINUTE)
    renewed = propose(world.app, world.fresh("admin"), "platform", {**wanted, "config": {"more": "so"}})
    agreed(world, propose(world.app, world.fresh("admin"), "platform", {"name": "forum", "active": False}))
    world.run(20 * MINUTE)
    agreed(world, renewed)
    world.run(31 * MINUTE)
    assert world.read(renewed).state == "lapsed"
    with world.store.read() as connection:
        assert not world.app.config(connection).platforms["forum"].active


def test_m5_what_was_stopped_after_a_resume_was_proposed_stays_stopped(world):
    """Otherwise one person ends the next pause with somebody's word on the last one."""
    pause(world.app, world.actor("rev"), "first")
    left = propose(world.app, world.fresh("lead"), "resume", {}, "looked")
    agreed(world, propose(world.app, world.fresh("oncall"), "resume", {}, "looked"), "policy")
    assert world.pauses()[-1].ended_at is not None
    pause(world.app, world.actor("rev2"), "second")
    asked = resume(world.app, world.fresh("policy"), "looked")
    assert asked.id != left.id
    assert asked.state == "waiting"
    assert world.approve("policy", left).state == "lapsed"
    assert world.pauses()[-1].ended_at is None
    assert resume(world.app, world.fresh("oncall"), "looked too").state == "in_force"
    assert world.pauses()[-1].ended_at is not None
    world.assert_sound()


def test_r3_a_net_added_on_another_node_at_the_very_moment_is_not_lost(world, monkeypatch):
    """Between the re-reading of what a change was proposed over and its writing nothing else is put in force."""
    net = {
        "id": "from-elsewhere",
        "title": "More",
        "because": "a test",
        "when": 'account.tier_memory == "notable" and action.severity == 2',
        "require": {"approvals": 1, "from": ["lead"]},
    }
    removal = agreed(
        world, propose(world.app, world.fresh("policy"), "nets", {"remove": ["newcomer-bulk"]}), "lead", "lead2"
    )
    policy = world.fresh("policy")
    real = recheck.recheck
    threads: list[threading.Thread] = []

    def meanwhile(*given):
        found = real(*given)
        if not threads:
            other = threading.Thread(target=propose, args=(world.app, policy, "nets", {"put": [net]}))
            threads.append(other)
            other.start()
            other.join(timeout=2)
        return found

    monkeypatch.setattr(execute, "recheck", meanwhile)
    world.run(31 * MINUTE)
    threads[0].join(timeout=60)
    assert world.read(removal).state == "in_force"
    assert "from-elsewhere" in world.nets_toml()
    assert '"newcomer-bulk"' not in world.nets_toml()
