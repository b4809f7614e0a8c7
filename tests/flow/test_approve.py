"""Another person's yes or no: who may give it, what it is bound to, and what it is worth later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gardefou.errors import Conflict, Denied, StepUpRequired
from gardefou.flow.approve import Answer, approve, approve_group, cancel
from gardefou.flow.change import propose
from gardefou.flow.recheck import recheck
from tests.flow.world import DAY, HOUR, MINUTE


def code(refused) -> str:
    return refused.value.code


def test_m2_two_others_of_different_teams_and_then_the_hold(world):
    made = world.enforce("rev", "president", "deactivate")
    assert world.approve("lead", made).state == "waiting"
    held = world.approve("policy", made)
    assert held.hold_until == world.now + 30 * MINUTE
    world.run(29 * MINUTE)
    assert world.effects("president") == []
    world.run(2 * MINUTE)
    assert world.read(made).state == "in_force"
    assert world.measures("president") == {"deactivated"}


def test_m2_one_human_fills_one_seat(world):
    world.person("both", "lead", "policy")
    made = world.enforce("rev", "president", "suspend")
    world.approve("both", made)
    with pytest.raises(Conflict) as refused:
        world.approve("both", made)
    assert code(refused) == "approval/given"
    assert world.read(made).approved_at is None


def test_m2_approvers_of_one_team_or_vendor_do_not_count(world):
    world.person("same", "lead", team="team-rev")
    world.person("v1", "lead", employer="vendor")
    world.person("v2", "policy", employer="vendor")
    made = world.enforce("rev", "president", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("same", made)
    assert code(refused) == "approval/cannot_count"
    world.approve("v1", made)
    with pytest.raises(Denied) as refused:
        world.approve("v2", made)
    assert "vendor" in str(refused.value)
    assert len(world.approvals(made)) == 1


def test_m2_a_role_that_no_seat_asks_is_refused_with_the_reason(world):
    made = world.enforce("rev", "known", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("oncall", made)
    assert "lead" in str(refused.value)
    assert world.approvals(made) == []


def test_m3_an_approver_needs_a_fresh_sign_in_too(world):
    made = world.enforce("rev", "president", "suspend")
    world.clock.advance(11 * MINUTE)
    with pytest.raises(StepUpRequired):
        world.approve(world.actor("lead"), made)
    assert world.approvals(made) == []
    world.approve("lead", made)


def test_m3_a_no_ends_it_refused_and_is_a_near_miss(world):
    made = world.enforce("rev", "president", "suspend")
    world.approve("lead", made)
    assert world.approve("policy", made, "no", note="that is the real one").state == "refused"
    assert world.incidents("near_miss")[0].accounts == ("president",)
    world.run(DAY)
    assert world.effects("president") == []


def test_an_answer_is_bound_to_what_was_seen(world):
    made = world.enforce("rev", "known", "suspend")
    with pytest.raises(Conflict) as refused:
        approve(world.app, world.fresh("lead"), Answer(enforcement=made.id, digest="0" * 64, answer="yes"))
    assert code(refused) == "enforcement/stale"


def test_a_record_that_was_changed_under_its_approvals_is_not_carried_out(world):
    made = world.enforce("rev", "known", "suspend")
    with world.app.works.begin() as uow:
        changed = replace(world.read(made), account="president", version=2)
        config = world.app.config(uow.connection)
        found = recheck(uow, world.app, config, changed, None, None)
    assert found is not None
    assert "not what was approved" in found.because


def test_r6_nobody_behind_it_approves(world):
    made = world.enforce("lead", "known", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("lead", made)
    assert code(refused) == "approval/own"


def test_r6_neither_owner_nor_issuer_of_a_token_approves_what_it_placed(world):
    service = world.service("detector", owner="lead", issued_by="lead2")
    made = world.enforce(service, "known", "suspend")
    assert made.state == "waiting"
    for who in ("lead", "lead2"):
        with pytest.raises(Denied) as refused:
            world.approve(who, made)
        assert code(refused) == "approval/own"
    world.person("lead3", "lead")
    world.approve("lead3", made)
    world.settle()
    assert world.measures("known") == {"suspended"}


def test_r6_a_service_is_never_a_human(world):
    made = world.enforce("rev", "known", "suspend")
    service = world.service("robot")
    with pytest.raises(Denied) as refused:
        world.approve(service, made)
    assert code(refused) == "approval/not_human"


def test_approving_ones_own_through_a_change_of_role_does_not_help(world):
    """The proposer becomes lead; still behind it, still not another person."""
    made = world.enforce("rev", "known", "suspend")
    change = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["lead"]})
    world.approve("lead", change)
    world.approve("policy", change)
    world.run(31 * MINUTE)
    assert "lead" in world.staff("rev").roles
    with pytest.raises(Denied) as refused:
        world.approve("rev", made)
    assert code(refused) == "approval/own"


def test_m9_an_approval_by_someone_who_left_no_longer_counts_and_it_lapses(world):
    made = world.enforce("rev", "president", "suspend")
    world.approve("lead", made)
    world.approve("policy", made)
    propose(world.app, world.actor("admin"), "off", {"staff": "policy"})
    world.run(HOUR)
    assert world.read(made).state == "lapsed"
    assert world.effects("president") == []


def test_m9_an_approval_given_by_a_person_who_was_put_off_leaves_the_seat_open(world):
    made = world.enforce("rev", "president", "suspend")
    world.approve("lead", made)
    propose(world.app, world.actor("admin"), "off", {"staff": "lead"})
    assert world.approve("policy", made).approved_at is None
    assert world.approve("lead2", made).approved_at is not None


def test_m1_an_approver_who_lost_the_role_no_longer_counts(world):
    made = world.enforce("rev", "president", "suspend")
    world.approve("lead", made)
    world.approve("policy", made)
    propose(world.app, world.actor("admin"), "role", {"staff": "policy", "remove": ["policy"]})
    world.run(HOUR)
    assert world.read(made).state == "lapsed"


def test_m4_silence_never_consents(world):
    protected = world.enforce("rev", "president", "suspend")
    known = world.enforce("rev", "known", "suspend")
    world.run(4 * HOUR)
    assert world.read(protected).state == "lapsed"
    with pytest.raises(Conflict):
        world.approve("lead", protected)
    assert world.read(known).state == "waiting"
    world.run(20 * HOUR)
    assert world.read(known).state == "lapsed"
    assert world.effects("president") == world.effects("known") == []


def test_m4_an_answer_after_the_deadline_is_too_late_even_before_the_worker_saw_it(world):
    made = world.enforce("rev", "known", "suspend")
    world.clock.advance(DAY)
    with pytest.raises(Conflict) as refused:
        world.approve("lead", made)
    assert code(refused) == "enforcement/lapsed"


def test_r15_a_no_is_outvoted_only_by_people_who_have_not_spoken(world):
    made = world.enforce("rev", "known", "suspend")
    world.approve("lead", made, "no")
    again = world.enforce("rev2", "known", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("lead", again)
    assert code(refused) == "approval/spoken"
    assert world.approve("lead2", again).state in {"ready", "executing"}


def test_r15_whoever_proposed_it_has_spoken_too(world):
    """Two people must not take turns: one proposes, is refused, and approves when the other proposes."""
    made = world.enforce("lead", "known", "suspend")
    world.approve("lead2", made, "no")
    again = world.enforce("rev", "known", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("lead", again)
    assert code(refused) == "approval/spoken"


def test_a_blind_approver_answers_on_the_case_first(world):
    from gardefou.errors import InvalidInput

    net = {
        "id": "blind-look",
        "title": "A blind look",
        "because": "a test",
        "when": 'account.tier_memory == "notable" and action.severity == 3',
        "require": {"approvals": 1, "from": ["lead"], "blind": True},
    }
    propose(world.app, world.actor("policy"), "nets", {"put": [net]})
    made = world.enforce("rev", "known", "suspend")
    with pytest.raises(InvalidInput) as refused:
        world.approve("lead", made)
    assert code(refused) == "approval/own_answer"
    assert world.approve("lead", made, own_answer="suspend").state == "executing"


def test_a_group_is_answered_at_once_and_each_stands_by_itself(world):
    world.sandbox.put_account("known2", handle="known2", reach=200_000)
    one, two = world.enforce("rev", "known", "limit"), world.enforce("rev", "known2", "suspend")
    assert one.state == "executing"
    answers = [Answer(enforcement=each.id, digest=each.digest, answer="yes") for each in (one, two)]
    first, second = approve_group(world.app, world.fresh("lead"), answers)
    assert first.error is not None
    assert first.error.code == "enforcement/state"
    assert second.result is not None
    world.settle()
    assert world.measures("known2") == {"suspended"}


def test_anyone_on_duty_cancels_what_has_not_run(world):
    made = world.enforce("rev", "president", "suspend")
    world.approve("lead", made)
    world.approve("policy", made)
    assert cancel(world.app, world.actor("oncall"), made.id, "wait").state == "cancelled"
    world.run(DAY)
    assert world.effects("president") == []
    with pytest.raises(Conflict):
        cancel(world.app, world.actor("oncall"), made.id, "again")


def test_a_restore_under_way_cannot_be_cancelled_from_under_what_it_lifts(world):
    """It has withdrawn them already: cancelled now, they would hang for ever."""
    from gardefou.flow.restore_some import expire

    made = world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    world.clock.advance(HOUR)
    world.sandbox.switch(down=True)
    expire(world.app, made.id)
    [restore] = [one for one in world.enforcements() if one.action == "restore"]
    with pytest.raises(Conflict):
        cancel(world.app, world.actor("lead"), restore.id, "no")
    world.up()
    world.run(HOUR)
    assert world.read(made).state == "restored"
