"""The choke point: what is read anew, what is recorded before, and what becomes of each kind of trouble."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gardefou.domain.records import Token
from gardefou.flow.change import propose
from gardefou.flow.execute import advance
from gardefou.platforms.protocol import PlatformRefused
from tests.flow.world import DAY, HOUR, MINUTE, Killed


def test_i14_nothing_happens_before_the_intention_stands_in_a_checkpoint(world):
    made = world.approve("lead", world.enforce("rev", "known", "suspend"))
    assert made.state == "executing"
    assert world.effects("known") == []
    assert advance(world.app, made.id).state == "executing"
    world.app.sequencer.integrate_all()
    assert advance(world.app, made.id).state == "in_force"
    assert len(world.effects("known")) == 1


def test_i14_an_account_that_rose_meanwhile_waits_for_its_checkpoint_too(world):
    made = world.enforce("rev", "small", "label", execute_at=world.now + HOUR)
    propose(world.app, world.actor("lead"), "tier", {"platform": "sandbox", "account": "small", "tier": "notable"})
    world.clock.advance(HOUR)
    assert advance(world.app, made.id).state == "executing"
    assert world.effects("small") == []
    world.settle()
    assert world.read(made).state == "in_force"


def test_a_receipt_says_what_was_before_asked_answered_and_seen(world):
    world.enforce("rev", "small", "limit")
    made = world.enforce("rev", "small", "suspend")
    assert made.receipt["before"] == ["limited"]
    assert made.receipt["asked"] == {"action": "suspend", "measures": ["suspended"]}
    assert made.receipt["after"] == ["limited", "suspended"]
    # What another of ours imposed is traced to the state before that one.
    assert made.base == ()


def test_m6_a_platform_that_is_down_is_tried_again_with_growing_waits_and_one_alert(world):
    world.enforce("rev", "small", "warn")
    world.sandbox.switch(down=True)
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "executing"
    waits = []
    for _ in range(14):
        before = world.now
        world.run(world.read(made).next_attempt_at - world.now)
        waits.append((world.now - before).total_seconds())
    assert waits[:3] == sorted(waits[:3])
    assert max(waits) == 300
    assert world.read(made).state == "executing"
    assert len(world.events("alert.raised", about=made.id)) == 1
    world.up()
    world.run(5 * MINUTE)
    assert world.read(made).state == "in_force"


def test_m6_a_day_of_silence_does_not_lapse_it(days):
    """Readings grow stale meanwhile; nothing is sent without a new one, so nothing need lapse."""
    days.enforce("rev", "small", "warn")
    days.sandbox.switch(down=True)
    made = days.enforce("rev", "small", "suspend")
    days.run(30 * HOUR)
    assert days.read(made).state == "executing"
    days.up()
    days.run(10 * MINUTE)
    assert days.read(made).state == "in_force"


def test_m4_three_days_are_the_most(days):
    days.enforce("rev", "small", "warn")
    days.sandbox.switch(down=True)
    made = days.enforce("rev", "small", "suspend")
    days.run(73 * HOUR)
    assert days.read(made).state == "lapsed"
    days.up()
    days.run(DAY)
    assert "suspended" not in days.measures("small")


def test_m6_an_explicit_refusal_is_failed(world):
    def refuse(_operation):
        raise PlatformRefused("no such button")

    world.wire.before = refuse
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "failed"
    assert "no such button" in made.because


def test_m6_an_account_that_is_gone_is_failed_not_lapsed(world):
    from sqlalchemy import text

    made = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    with world.store.begin() as connection:
        connection.execute(text("DELETE FROM sandbox_account WHERE ref = 'small'"))
    world.run(HOUR)
    assert world.read(made).state == "failed"
    assert "knows no account" in world.read(made).because


def test_a_lost_answer_is_settled_by_reading_and_never_sent_blindly(world):
    world.sandbox.switch(drops_answers=True)
    world.up()
    world.wire.before = lambda _operation: world.sandbox.switch(drops_answers=True)
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "unknown"
    world.run(10 * MINUTE)
    assert world.read(made).state == "unknown"
    assert len(world.wire.calls) == 1
    world.up()
    world.run(10 * MINUTE)
    assert world.read(made).state == "in_force"
    assert len(world.wire.calls) == 1
    assert len(world.effects("small")) == 1


def test_a_lost_question_is_asked_again_with_the_same_key(world):
    from gardefou.platforms.protocol import PlatformAnswerLost

    def lose(_operation):
        raise PlatformAnswerLost("nothing came")

    world.wire.before = lose
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "unknown"
    world.run(MINUTE)
    assert world.read(made).state == "in_force"
    assert world.wire.calls == [f"apply {made.id}"] * 2
    assert len(world.effects("small")) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("account", ["small", "known"])
def test_a_killed_executor_is_taken_over_when_its_lease_runs_out(world, when, account):
    def carry_out():
        world.approve("lead", world.enforce("rev", account, "suspend"))
        world.settle()

    world.wire.kill(when)
    with pytest.raises(Killed):
        carry_out()
    after = world.restarted()
    after.settle()
    [made] = after.enforcements()
    assert made.state == "executing"
    after.run(2 * MINUTE)
    assert after.read(made).state == "in_force"
    assert len(after.effects(account)) == 1
    assert after.read(made).base == ()


def test_a_late_effect_of_an_earlier_attempt_is_no_state_from_before(world):
    """Sent, not yet to be seen, sent again: the base stays what it was before the first attempt."""
    world.wire.before = lambda _operation: None

    def hide(_operation):
        world.sandbox.set_measures_out_of_band("small", [])

    world.wire.after = hide
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "executing"
    world.sandbox.set_measures_out_of_band("small", ["suspended"])
    world.run(MINUTE)
    assert world.read(made).state == "in_force"
    assert world.read(made).base == ()
    world.restore("oncall", "small")
    assert world.measures("small") == frozenset()


def test_m1_standing_is_read_anew_at_execution(world):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + DAY)
    with world.app.works.begin() as uow:
        from dataclasses import replace

        staff = world.staff("rev")
        uow.record("staff.test", by="system", puts=(replace(staff, standing="suspended", version=staff.version + 1),))
    world.run(DAY)
    assert world.read(made).state == "lapsed"
    assert world.effects("small") == []


def test_m1_a_role_lost_lapses_it(world):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + DAY)
    propose(world.app, world.actor("admin"), "role", {"staff": "rev", "remove": ["reviewer"]})
    world.run(DAY)
    assert world.read(made).state == "lapsed"


@pytest.mark.parametrize("lost", ["revoked", "over"])
def test_m1_a_service_whose_token_for_it_is_gone_carries_nothing_out(world, lost):
    """What it holds still, to report, is no token to enforce with."""
    robot = world.service("robot")
    made = world.enforce(robot, "small", "limit", execute_at=world.now + DAY)
    stays = world.enforce(world.service("other"), "small2", "limit", execute_at=world.now + DAY)
    reports = {"id": "reports", "hash": "reports", "scopes": ["reports:write"], "service": "robot"}
    assert propose(world.app, world.actor("admin"), "token", reports).state == "in_force"
    if lost == "revoked":
        propose(world.app, world.actor("admin"), "token_revoke", {"token": robot.token_id})
    else:
        with world.app.works.begin() as uow:
            token = uow.need(Token, "gardefou", robot.token_id)
            ending = replace(token, expires_at=world.now + HOUR, version=token.version + 1)
            uow.record("token.orphaned", by="admin", about=token.id, puts=(ending,))
    world.run(DAY)
    assert world.read(made).state == "lapsed"
    assert world.effects("small") == []
    assert world.read(stays).state == "in_force"


@pytest.mark.parametrize("tier", ["notable", "protected"])
def test_m1_a_tier_that_rose_asks_for_what_is_not_met(world, tier):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    propose(world.app, world.actor("lead"), "tier", {"platform": "sandbox", "account": "small", "tier": tier})
    world.run(HOUR)
    assert world.read(made).state == "lapsed"
    assert world.effects("small") == []


def test_m1_reach_that_grew_counts_as_it_is_at_execution(world):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    world.sandbox.put_account("small", handle="small", reach=6_000_000)
    world.run(HOUR)
    assert world.read(made).state == "lapsed"


def test_m1_nets_that_ask_more_lapse_it_and_those_that_are_met_do_not(world):
    waiting = world.enforce("rev", "known", "limit", execute_at=world.now + HOUR)
    approved = world.enforce("rev", "known", "suspend", execute_at=world.now + HOUR)
    world.approve("lead", approved)
    net = {
        "id": "one-lead",
        "title": "A lead for each limit",
        "because": "a test",
        "when": 'account.tier_memory == "notable" and action.severity >= 2',
        "require": {"approvals": 1, "from": ["lead"]},
    }
    propose(world.app, world.actor("policy"), "nets", {"put": [net]})
    world.run(HOUR)
    assert world.read(waiting).state == "lapsed"
    assert world.read(approved).state == "in_force"


def test_m1_facts_of_the_moment_stay_as_they_were(world):
    """Neither an old sign-in nor a later burst lapses what was placed rightly."""
    made = world.enforce("rev", "president", "suspend", execute_at=world.now + 3 * DAY)
    world.approve("lead", made)
    world.approve("policy", made)
    for _ in range(70):
        world.enforce("rev", "small", "warn")
    world.run(3 * DAY)
    assert world.read(made).state == "in_force"


def test_m4_it_runs_at_the_latest_of_its_hour_and_the_end_of_the_hold(world):
    soon = world.enforce("rev", "president", "suspend", execute_at=world.now + MINUTE)
    world.approve("lead", soon)
    approved = world.approve("policy", soon)
    assert approved.hold_until == world.now + 10 * MINUTE
    assert approved.next_attempt_at == approved.hold_until
    late = world.enforce("rev", "small", "limit", execute_at=world.now + DAY)
    world.run(11 * MINUTE)
    assert world.read(soon).state == "in_force"
    assert world.read(late).state == "waiting"
    world.run(DAY)
    assert world.read(late).state == "in_force"


def test_r8_content_that_changed_hands_is_refused_at_execution(world):
    made = world.enforce("rev", "small", "remove_content", content=("c1",), execute_at=world.now + HOUR)
    world.sandbox.put_content("c1", account="president")
    world.run(HOUR)
    assert world.read(made).state == "failed"
    assert world.effects("small") == world.effects("president") == []


def test_r8_content_that_changed_hands_while_its_checkpoint_was_awaited_is_refused(world):
    world.sandbox.put_content("k1", account="known")
    made = world.enforce("rev", "known", "remove_content", content=("k1",))
    assert made.state == "executing"
    assert made.intent_event is not None
    world.sandbox.put_content("k1", account="president")
    world.settle()
    assert world.read(made).state == "failed"
    assert world.wire.calls == []
    assert world.effects("known") == world.effects("president") == []


def test_two_people_at_once_on_one_account_overtake_and_nobody_fails(world):
    """A newer intention came first: the older one is sent again under a number of its own."""

    def other_first(_operation):
        assert world.enforce("rev2", "small", "limit").state == "in_force"

    world.wire.before = other_first
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "executing"
    world.run(MINUTE)
    assert world.read(made).state == "in_force"
    assert world.measures("small") == {"limited", "suspended"}
    assert world.incidents("breaker") == []


def test_a_stuck_enforcement_holds_up_nobody_and_does_not_fill_the_record(world):
    """Its platform was taken out of use: it is looked at every five minutes, not in every round."""
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    with world.app.works.begin() as uow:
        from dataclasses import replace

        from gardefou.domain.records import PlatformEntry

        entry = uow.need(PlatformEntry, "gardefou", "sandbox")
        uow.record("platform.retired", by="system", puts=(replace(entry, active=False, version=entry.version + 1),))
    world.clock.advance(HOUR)
    for _ in range(20):
        world.settle()
    assert len(world.events("alert.raised", about=made.id)) == 1
    world.clock.advance(73 * HOUR)
    world.settle()
    assert world.read(made).state == "lapsed"  # M4: its time ends without its platform too


def test_a_surprise_in_one_connector_does_not_stop_the_rest(world):
    first = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    second = world.enforce("rev", "small2", "suspend", execute_at=world.now + HOUR)

    def surprise(_operation):
        msg = "a bug"
        raise KeyError(msg)

    world.wire.before = surprise
    world.run(HOUR)
    assert world.read(second).state == "in_force"
    world.run(10 * MINUTE)
    assert world.read(first).state == "in_force"
    assert len(world.effects("small")) == 1


def test_m6_after_an_outage_what_lifts_goes_out_before_what_harms(world):
    for number in range(4):
        world.sandbox.put_account(f"a{number}", handle=f"some person {number}", reach=1)
    world.enforce("rev", "a3", "suspend")
    for number in range(3):
        world.enforce("rev", f"a{number}", "suspend", execute_at=world.now + MINUTE)
    world.sandbox.switch(down=True)
    world.restore("oncall", "a3")
    world.run(2 * MINUTE)
    world.up()
    world.wire.calls.clear()
    # Everything is due by now, as for a worker that was away too.
    world.clock.advance(10 * MINUTE)
    world.settle()
    assert [call.split()[0] for call in world.wire.calls] == ["undo", "apply", "apply", "apply"]
    assert world.measures("a3") == frozenset()
    assert all(len(world.effects(f"a{number}")) == 1 for number in range(3))
    world.assert_sound()
