"""From a wish to an enforcement: what the nets are told, what is joined, what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gardefou.errors import Conflict, Denied, InvalidInput, NotFound, StepUpRequired, Unavailable
from gardefou.flow.approve import cancel
from gardefou.flow.place import place, preview
from gardefou.people.actor import Actor
from tests.flow.world import DAY, HOUR, MINUTE


def test_an_ordinary_suspension_meets_no_net_and_is_in_force_at_once(world):
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "in_force"
    assert made.verdict["reasons"] == []
    assert world.measures("small") == {"suspended"}


def test_a_protected_account_waits_for_people_and_nothing_is_done(world):
    made = world.enforce("rev", "president", "deactivate")
    assert made.state == "waiting"
    assert made.approve_by == world.now + 4 * HOUR
    assert "protected-two-more-people" in world.nets_of(made)
    world.settle()
    assert world.effects("president") == []


def test_m3_too_old_a_sign_in_places_and_records_nothing(world):
    world.sign_in("rev")
    world.clock.advance(11 * MINUTE)
    before = len(world.events())
    with pytest.raises(StepUpRequired) as refused:
        world.enforce(world.actor("rev"), "president", "suspend")
    assert refused.value.code == "auth/step_up"
    assert world.enforcements() == []
    assert len(world.events()) == before


def test_preview_says_what_would_happen_and_changes_nothing(world):
    before = len(world.events())
    [judged] = preview(world.app, world.actor("rev"), [world.prepare("president", "suspend")])
    assert judged.verdict.seats == 2
    [small] = preview(world.app, world.actor("rev"), [world.prepare("small", "suspend")])
    assert small.verdict.asks_nothing
    assert len(world.events()) == before
    assert world.enforcements() == []
    # The connection it used is whole: the next act commits.
    assert world.enforce("rev", "small", "suspend").state == "in_force"
    world.assert_sound()


def test_r10_a_preview_leaves_no_names_behind(world):
    """What a preview read and rolled back must not stand for what is really protected."""
    desk = world.sandbox
    desk.put_account("m1", handle="ministry_one", labels=["government"])
    desk.put_account("m2", handle="central_bank", labels=["government"])
    preview(world.app, world.actor("rev"), [world.prepare("m1", "warn")])
    world.enforce("rev", "m2", "warn")
    desk.put_account("fake", handle="centra1_bank", reach=3)
    made = place(world.app, world.fresh("rev"), [world.prepare("fake", "suspend", confirm={"identity": "fake"})])[0]
    assert "lookalike-identity" in world.nets_of(made)


def test_r10_a_lookalike_must_be_chosen_among_its_lookalikes(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.put_account("fake", handle="pres1dent", reach=3)
    with pytest.raises(InvalidInput) as refused:
        world.enforce("rev", "fake", "suspend")
    assert refused.value.code == "confirm/required"
    with pytest.raises(InvalidInput) as refused:
        world.enforce("rev", "fake", "suspend", confirm={"identity": "president"})
    assert refused.value.code == "confirm/mismatch"
    made = world.enforce("rev", "fake", "suspend", confirm={"identity": "fake"})
    assert made.state == "waiting"
    assert world.approve("lead", made).state == "in_force"


def test_r13_an_identical_enforcement_joins_the_one_in_force(world):
    one = world.enforce("rev", "small", "suspend")
    two = world.enforce("rev2", "small", "suspend")
    assert two.id == one.id
    assert len(world.effects("small")) == 1


def test_r13_a_second_click_is_no_second_enforcement(world):
    one = world.enforce("rev", "known", "suspend")
    two = world.enforce("rev", "known", "suspend")
    assert (one.state, two.id) == ("waiting", one.id)


def test_r13_what_is_scheduled_or_unapproved_occupies_nothing(world):
    scheduled = world.enforce("rev", "small", "suspend", execute_at=world.now + DAY)
    now = world.enforce("rev2", "small", "suspend")
    assert now.id != scheduled.id
    assert now.state == "in_force"
    waiting = world.enforce("rev", "known", "suspend")
    another = world.enforce("rev2", "known", "suspend")
    assert another.id != waiting.id


def test_r13_another_end_or_label_is_another_enforcement(world):
    one = world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    two = world.enforce("rev2", "small", "suspend")
    assert one.id != two.id
    assert (
        world.enforce("rev", "small", "label", label="spam").id
        != world.enforce("rev", "small", "label", label="scam").id
    )


def test_r15_after_a_no_the_same_person_may_not_try_again_for_a_day(world):
    made = world.enforce("rev", "known", "suspend")
    assert world.approve("lead", made, "no").state == "refused"
    with pytest.raises(Conflict) as refused:
        world.enforce("rev", "known", "suspend")
    assert refused.value.code == "enforcement/repeated"
    assert world.enforce("rev", "known", "suspend", evidence=({"url": "new"},)).state == "waiting"
    assert world.enforce("rev2", "known", "suspend").state == "waiting"


@pytest.mark.parametrize("how", ["cancelled", "lapsed"])
def test_r15_after_a_cancel_or_lapse_too_and_only_for_a_day(world, how):
    made = world.enforce("rev", "known", "suspend")
    if how == "cancelled":
        cancel(world.app, world.actor("rev"), made.id, "")
    else:
        world.run(DAY)
    assert world.read(made).state == how
    with pytest.raises(Conflict):
        world.enforce("rev", "known", "suspend")
    world.run(DAY)
    assert world.enforce("rev", "known", "suspend").state == "waiting"


def test_r15_a_no_to_a_person_holds_for_their_service_and_the_other_way_round(world):
    world.person("owner", "reviewer")
    robot = world.service("robot", owner="owner", issued_by="admin")
    world.approve("lead", world.enforce("owner", "known", "suspend"), "no")
    with pytest.raises(Conflict) as refused:
        world.enforce(robot, "known", "suspend")
    assert refused.value.code == "enforcement/repeated"
    world.approve("lead", world.enforce(robot, "president", "limit"), "no")
    with pytest.raises(Conflict) as refused:
        world.enforce("owner", "president", "limit")
    assert refused.value.code == "enforcement/repeated"
    other = world.service("other", owner="admin")
    assert world.enforce(other, "known", "suspend").state == "waiting"
    assert world.enforce("rev", "president", "limit").state == "waiting"


def test_r15_standard_accounts_are_not_held_to_it(world):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    cancel(world.app, world.actor("rev"), made.id, "")
    assert world.enforce("rev", "small", "suspend").state == "in_force"


def test_r8_content_of_somebody_else_is_refused(world):
    with pytest.raises(Conflict) as refused:
        world.enforce("rev", "small", "remove_content", content=("c1", "p1"))
    assert refused.value.code == "target/mismatch"
    world.sandbox.switch(down=True)
    with pytest.raises(Unavailable):
        world.enforce("rev", "small", "remove_content", content=("c1",))


def test_an_unknown_account_is_not_found(world):
    with pytest.raises(NotFound) as refused:
        world.enforce("rev", "nobody", "suspend")
    assert refused.value.code == "account/not_found"


def test_r9_an_account_that_cannot_be_read_counts_as_protected(world):
    world.sandbox.switch(down=True)
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "waiting"
    assert made.tier == "protected"
    assert "protected-two-more-people" in world.nets_of(made)


def test_r9_a_stale_reading_counts_as_protected(world):
    world.enforce("rev", "small", "warn")
    world.sandbox.switch(down=True)
    world.clock.advance(2 * HOUR)
    assert world.enforce("rev", "small", "limit").tier == "standard"
    world.clock.advance(25 * HOUR)
    assert world.enforce("rev", "small", "lock").tier == "protected"


def test_r9_the_first_reading_of_a_registered_account_is_no_drift(world):
    from gardefou.flow.change import propose

    world.sandbox.set_measures_out_of_band("small", ["limited"])
    propose(world.app, world.actor("lead"), "tier", {"platform": "sandbox", "account": "small", "tier": "protected"})
    world.enforce("rev", "small", "warn")
    assert world.account("small").measures == ("limited",)
    assert world.incidents("drift") == []


def test_r7_warnings_are_capped_and_limits_on_protected_take_one_more(world):
    for label in ("spam", "scam", "satire"):
        assert world.enforce("rev", "president", "label", label=label).state in {"executing", "in_force"}
    assert world.enforce("rev", "president", "label", label="parody").state == "waiting"
    limited = world.enforce("rev", "president", "limit")
    assert limited.state == "waiting"
    assert world.approve("lead", limited).state in {"ready", "executing"}


def test_m11_what_the_law_demands_has_no_end_of_its_own(world):
    with pytest.raises(InvalidInput) as refused:
        world.enforce("rev", "small", "limit", legal_basis="court_order", until=world.now + HOUR)
    assert refused.value.code == "enforcement/until"


def test_m8_a_refused_grave_enforcement_on_a_notable_account_is_a_near_miss(world):
    world.person("leaver", "reviewer", last_day=world.now + 5 * DAY)
    made = world.enforce("leaver", "known", "suspend")
    assert made.state == "refused"
    [incident] = world.incidents("near_miss")
    assert incident.accounts == ("known",)


def test_a_group_is_refused_as_a_whole(world):
    world.person("leaver", "reviewer", last_day=world.now + 5 * DAY)
    made = place(
        world.app, world.fresh("leaver"), [world.prepare("small", "suspend"), world.prepare("known", "suspend")]
    )
    assert [one.state for one in made] == ["refused", "refused"]
    assert world.effects("small") == []


def test_a_revoked_token_places_nothing(world):
    service = world.service("detector")
    world.enforce(service, "small", "label")
    from gardefou.flow.change import propose

    propose(world.app, world.actor("admin"), "token_revoke", {"token": "token-detector"})
    with pytest.raises(Denied) as refused:
        world.enforce(service, "small", "limit")
    assert refused.value.code == "auth/revoked"


def test_r17_a_service_cannot_name_itself_after_a_person(world):
    """Whoever acts is told by staff record or token; an actor without either has no powers."""
    with pytest.raises(Denied):
        world.enforce(Actor(id="rev", via="api"), "small", "suspend")


def test_r18_a_node_whose_clock_is_behind_places_nothing_and_restores(world):
    from gardefou.clock import SimulatedClock
    from tests.flow.world import World

    world.enforce("rev", "small", "suspend")
    world.settle()
    behind = World(world.url, seed=9, store=world.store, clock=SimulatedClock(world.now - timedelta(hours=1)))
    with pytest.raises(Conflict) as refused:
        behind.enforce(behind.actor("rev"), "small2", "suspend")
    assert refused.value.code == "clock/behind"
    assert [one.state for one in behind.restore("oncall", "small").restores] == ["in_force"]
    assert world.measures("small") == frozenset()
    # The checkpoint that this node signs for its restore makes nothing of the past the present.
    behind.settle()
    with pytest.raises(Conflict) as again:
        behind.enforce(behind.actor("rev"), "small2", "suspend")
    assert again.value.code == "clock/behind"
