"""What the platform is seen to be: changes behind our back are noticed, and our own are none."""

from __future__ import annotations

from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.change import propose
from gardefou.flow.observe import look, observe
from gardefou.flow.watch import watch, watched
from tests.flow.world import DAY, HOUR, MINUTE


def test_m7_notable_and_protected_accounts_are_watched(world):
    for account in ("small", "known", "president"):
        world.enforce("rev", account, "warn")
    assert watched(world.app, "sandbox") == ["known", "president"]


def test_m7_a_change_behind_our_back_opens_an_incident_and_alerts(world):
    world.enforce("rev", "president", "warn")
    world.settle()
    world.sandbox.set_measures_out_of_band("president", ["deactivated"])
    watch(world.app)
    [incident] = world.incidents("drift")
    assert incident.accounts == ("president",)
    assert incident.detail == {"added": ["deactivated"], "taken": []}
    assert world.events("alert.raised", about=incident.id)
    watch(world.app)
    assert len(world.incidents("drift")) == 1


def test_m7_one_that_ended_by_itself_leaves_nothing_to_restore(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.set_measures_out_of_band("president", ["suspended"])
    watch(world.app)
    world.sandbox.set_measures_out_of_band("president", [])
    watch(world.app)
    assert world.account("president").drift_base is None


def test_m7_a_harmless_change_on_a_small_account_is_no_incident(world):
    world.enforce("rev", "small", "warn")
    world.sandbox.set_measures_out_of_band("small", ["limited"])
    world.enforce("rev", "small", "label")
    assert world.incidents("drift") == []
    world.sandbox.set_measures_out_of_band("small", ["limited", "suspended", "label:spam"])
    world.enforce("rev", "small", "label", label="scam")
    assert len(world.incidents("drift")) == 1


def test_what_we_do_ourselves_is_no_drift(world):
    made = world.enforce("rev", "known", "suspend")
    world.approve("lead", made)
    world.settle()
    watch(world.app)
    world.restore("oncall", "known")
    watch(world.app)
    assert world.incidents("drift") == []
    assert world.events("account.drifted") == []


def test_a_reading_that_was_begun_before_an_enforcement_and_written_after_it_is_no_drift(world):
    world.enforce("rev", "known", "warn")
    world.settle()
    before = look(world.app, world.app.connector("sandbox"), "known")
    world.clock.advance(MINUTE)
    made = world.enforce("rev", "known", "limit")
    world.settle()
    assert world.read(made).state == "in_force"
    with world.app.works.begin() as uow:
        observe(uow, world.app, world.app.config(uow.connection), before)
    assert world.account("known").measures == ("limited",)
    assert world.events("account.drifted") == []


def test_a_reading_in_the_very_moment_of_the_effect_is_no_drift(world):
    world.enforce("rev", "known", "warn")
    world.settle()
    world.wire.after = lambda _operation: watch(world.app) and None
    world.enforce("rev", "known", "limit")
    world.settle()
    watch(world.app)
    assert world.measures("known") == {"limited"}
    world.wire.after = lambda _operation: watch(world.app) and None
    world.restore("oncall", "known")
    watch(world.app)
    assert world.measures("known") == frozenset()
    assert world.events("account.drifted") == []


def test_r9_a_tier_is_remembered_for_thirty_days(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.put_account("president", handle="president", reach=10)
    watch(world.app)
    assert world.account("president").tier == "standard"
    world.run(29 * DAY)
    assert world.enforce("rev", "president", "suspend").state == "waiting"
    world.run(2 * DAY)
    assert world.enforce("rev2", "president", "suspend").state == "in_force"


def test_an_unreachable_platform_is_no_drift(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.switch(down=True)
    assert watch(world.app) == 0
    world.up()
    world.run(HOUR)
    assert watch(world.app) == 1
    assert world.incidents("drift") == []


def known_as_well(world):
    """Let the platform know each account by its id with an @ before it, too, as by an old name or after a merge."""
    wired = world.app.connector("sandbox")
    read, resolve = wired.read_state, wired.resolve
    wired.read_state = lambda account, *, content=(): read(account.removeprefix("@"), content=content)
    wired.resolve = lambda account, *, content=(): resolve(account.removeprefix("@"), content=content)


def test_r10_the_account_behind_a_registered_name_has_its_tier(world):
    known_as_well(world)
    propose(world.app, world.actor("lead"), "tier", {"platform": "sandbox", "account": "@small", "tier": "protected"})
    watch(world.app)
    assert world.account("small").tier == "protected"
    assert "protected-two-more-people" in world.nets_of(world.enforce("rev", "small", "suspend"))
    told = len(world.events())
    watch(world.app)
    assert len(world.events()) == told


def test_r10_what_is_asked_under_a_registered_name_has_its_tier_at_once(world):
    known_as_well(world)
    for account in ("@small", "@small2"):
        propose(
            world.app, world.actor("lead"), "tier", {"platform": "sandbox", "account": account, "tier": "protected"}
        )
    assert world.enforce("rev", "@small", "suspend").state == "waiting"
    made = world.enforce("rev", "@small", "remove_content", content=("c1",))
    assert made.account == "small"
    assert made.state == "waiting"
    taken = enforce_bulk(world.app, world.fresh("rev"), ["@small2"], world.wanted("", "suspend")).enforcements
    assert [one.state for one in taken] == ["waiting"]


def test_r10_the_tier_of_what_was_merged_into_an_account_is_remembered(world):
    world.sandbox.put_account("@small", handle="star", reach=6_000_000)
    world.enforce("rev", "@small", "warn")
    assert world.account("@small").tier == "protected"
    known_as_well(world)
    watch(world.app)
    assert world.account("small").tier == "standard"
    assert world.enforce("rev", "small", "suspend").state == "waiting"
