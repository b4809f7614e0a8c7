"""Restoring: at once, by anyone on duty, to the mildest state on record, and never a step further up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gardefou.domain.accounts import AccountReading
from gardefou.domain.records import Token
from gardefou.errors import Denied, InvalidInput
from gardefou.flow.change import pause, propose
from gardefou.flow.execute import advance
from gardefou.flow.watch import watch
from gardefou.people.actor import Actor
from gardefou.platforms.protocol import Connector
from tests.flow.world import DAY, HOUR, MINUTE, Killed, Wire, Wired, World


def grave(world):
    """The head of state's account, taken down by three people."""
    made = world.enforce("rev", "president", "deactivate")
    world.approve("lead", made)
    world.approve("policy", made)
    world.run(31 * MINUTE)
    assert world.measures("president") == {"deactivated"}
    return world.read(made)


def test_m5_one_click_lifts_it_at_once(world):
    made = grave(world)
    done = world.restore("oncall", "president")
    assert [one.state for one in done.restores] == ["in_force"]
    assert world.measures("president") == frozenset()
    assert world.read(made).state == "restored"
    world.assert_sound()


class Brief(Wired):
    """A platform that reads what is imposed for less, and notes what is read whole."""

    def __init__(self, inner: Connector, wire: Wire) -> None:
        super().__init__(inner, wire)
        self.whole: list[str] = []

        def read_state(account: str, *, content: Sequence[str] = ()) -> AccountReading:
            self.whole.append(account)
            return inner.read_state(account, content=content)

        self.read_state = read_state

    def read_measures(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        return replace(self.inner.read_state(account, content=content), reach=None, labels=())


def briefly(world: World) -> tuple[World, list[str]]:
    """Return a node that reads what is imposed for less, and the accounts that it reads whole."""
    node = world.restarted()
    wired = world.app.connector("sandbox")
    assert isinstance(wired, Wired)
    connector = Brief(wired.inner, node.wire)
    node.app.make_connector = lambda _entry: connector
    return node, connector.whole


def test_a_restore_reads_what_is_imposed_and_leaves_the_rest_of_the_account_as_it_is_known(world):
    world, whole = briefly(world)
    made = grave(world)
    known = world.account("president")
    whole.clear()
    world.clock.advance(7 * HOUR)
    done = world.restore("oncall", "president")
    assert [one.state for one in done.restores] == ["in_force"]
    assert world.read(made).state == "restored"
    assert whole == []
    now = world.account("president")
    assert (now.tier, now.reach, now.labels) == (known.tier, known.reach, known.labels)
    assert (now.tier, now.reach, now.labels) == ("protected", 41_000_000, ("head_of_state",))


def test_what_was_never_read_is_read_whole_before_it_is_restored(world):
    world, whole = briefly(world)
    assert world.restore("oncall", "president").restores == ()
    assert whole == ["president"]
    assert (world.account("president").tier, world.account("president").reach) == ("protected", 41_000_000)


def test_m8_a_restore_within_a_day_is_an_incident(world):
    grave(world)
    world.restore("oncall", "president")
    assert [one.accounts for one in world.incidents("reversal")] == [("president",)]


def test_m8_a_restore_after_a_day_is_none(world):
    world.enforce("rev", "small", "suspend")
    world.run(25 * HOUR)
    world.restore("oncall", "small")
    assert world.incidents("reversal") == []


def test_m5_it_waits_for_no_checkpoint_and_no_pause(world):
    made = grave(world)
    pause(world.app, world.actor("rev"), "look")
    assert world.restore("oncall", "president").restores[0].state == "in_force"
    assert world.read(made).state == "restored"


def test_m5_it_withdraws_what_is_not_yet_in_effect(world):
    world.enforce("rev", "small", "limit")
    scheduled = world.enforce("rev2", "small", "suspend", execute_at=world.now + HOUR)
    world.restore("lead", "small")
    assert world.read(scheduled).state == "cancelled"
    assert world.measures("small") == frozenset()
    world.run(DAY)
    assert world.measures("small") == frozenset()


@pytest.mark.parametrize("when", ["before", "after"])
def test_m5_an_unknown_one_that_took_effect_is_undone(world, when):
    """Killed around the effect, restored before anybody knew: nothing of it stands in the end."""
    world.wire.kill(when)
    with pytest.raises(Killed):
        world.enforce("rev", "small", "suspend")
    after = world.restarted()
    [harm] = after.enforcements()
    after.restore("oncall", "small")
    assert after.measures("small") == frozenset()
    after.run(HOUR)
    assert after.read(harm).state == "restored"
    assert after.measures("small") == frozenset()
    after.assert_sound()


def test_m5_an_effect_that_lands_after_the_restore_read_the_platform_is_undone(world):
    def meanwhile(_operation):
        world.restore("oncall", "small")

    world.wire.before = meanwhile
    made = world.enforce("rev", "small", "suspend")
    assert made.state in {"restoring", "restored"}
    world.run(2 * MINUTE)
    assert world.measures("small") == frozenset()
    assert world.read(made).state == "restored"


def test_m5_an_effect_that_lands_late_by_someone_who_then_dies_is_undone_too(world):
    """Nobody is left to say that it was sent: the restore itself comes back to look."""

    def restored_meanwhile(_operation):
        world.restore("oncall", "small")

    world.wire.before = restored_meanwhile
    world.wire.kill("after")
    with pytest.raises(Killed):
        world.enforce("rev", "small", "suspend")
    after = world.restarted()
    after.run(2 * MINUTE)
    assert after.measures("small") == frozenset()
    assert {one.state for one in after.enforcements() if one.severity} == {"restored"}


def test_m5_with_the_platform_down_it_is_withdrawn_now_and_lifted_when_it_answers(world):
    made = grave(world)
    world.sandbox.switch(down=True)
    done = world.restore("oncall", "president")
    assert done.restores[0].state in {"executing", "unknown"}
    assert world.read(made).state == "restoring"
    world.run(10 * MINUTE)
    world.up()
    world.run(5 * MINUTE)
    assert world.measures("president") == frozenset()
    assert world.read(made).state == "restored"


def test_m5_what_never_could_be_read_is_withdrawn_too(world):
    world.sandbox.switch(down=True)
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "waiting"
    world.restore("oncall", "small")
    world.up()
    world.run(DAY)
    assert world.read(made).state == "cancelled"
    assert world.effects("small") == []


def test_m5_a_restore_overtaken_by_a_newer_intention_still_goes_through(world):
    world.enforce("rev", "small", "suspend")

    def other_first(_operation):
        assert world.enforce("rev2", "small", "limit").state == "in_force"

    world.wire.before = other_first
    done = world.restore("oncall", "small")
    assert done.restores[0].state in {"executing", "in_force"}
    world.run(MINUTE)
    assert world.read(done.restores[0]).state == "in_force"
    assert world.measures("small") == {"limited"}


def test_m5_a_change_behind_our_back_is_restored_to_the_last_state_seen(world):
    world.enforce("rev", "president", "warn")
    world.settle()
    world.sandbox.set_measures_out_of_band("president", ["deactivated", "limited"])
    watch(world.app)
    world.restore("oncall", "president")
    assert world.measures("president") == frozenset()
    assert world.account("president").drift_base is None


@pytest.mark.parametrize("shown", [["deleted"], ["deleted", "suspended"]])
def test_m7_what_was_deleted_behind_our_back_is_not_said_to_be_restored(world, shown):
    world.enforce("rev", "president", "warn")
    world.restore("oncall", "president")
    world.sandbox.set_measures_out_of_band("president", shown)
    watch(world.app)
    done = world.restore("oncall", "president")
    assert done.losses == ("delete cannot be undone there",)
    assert bool(done.restores) == (len(shown) > 1)
    assert world.measures("president") == {"deleted"}
    assert world.account("president").drift_base == ()
    again = world.restore("oncall", "president")
    assert not again.restores
    assert again.losses == done.losses


def test_m5_what_the_platform_imposed_before_us_stays(world):
    world.sandbox.set_measures_out_of_band("small", ["limited"])
    world.enforce("rev", "small", "suspend")
    world.restore("oncall", "small")
    assert world.measures("small") == {"limited"}


def test_m5_an_enforcement_that_waits_takes_nothing_off_that_was_there_before(world):
    world.sandbox.set_measures_out_of_band("small", ["suspended"])
    world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    world.restore("oncall", "small")
    assert world.measures("small") == {"suspended"}


def test_r1_label_then_end_of_suspension_then_restore_never_suspends_again(world):
    world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    world.enforce("rev2", "small", "label", label="spam")
    world.run(HOUR)
    assert world.measures("small") == {"label:spam"}
    world.restore("oncall", "small")
    assert world.measures("small") == frozenset()
    for effect in world.effects("small"):
        if effect.verb == "undo":
            assert effect.after <= effect.before


def test_r1_two_who_claim_one_measure_and_the_last_to_end_leaves_it_as_it_was(world):
    one = world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    two = world.enforce("rev2", "small", "suspend", until=world.now + 3 * HOUR)
    assert two.id != one.id
    world.run(2 * HOUR)
    assert world.read(one).state == "restored"
    assert world.measures("small") == {"suspended"}
    world.run(2 * HOUR)
    assert world.read(two).state == "restored"
    assert world.measures("small") == frozenset()


def test_m5_an_expiry_names_its_cause_and_is_the_systems_own(world):
    made = world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    world.run(HOUR)
    ended = world.read(made)
    assert (ended.state, ended.because) == ("restored", "expired")
    [restore] = [one for one in world.enforcements() if one.action == "restore"]
    assert restore.placed_by == "system"
    assert world.incidents("reversal") == []


def test_an_end_that_the_platform_refuses_is_tried_again_and_does_not_fill_the_record(world):
    from gardefou.platforms.protocol import PlatformRefused

    made = world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    world.clock.advance(HOUR)

    def refuse(_operation):
        raise PlatformRefused("not now")

    world.wire.before = refuse
    world.settle()
    world.wire.before = refuse
    for _ in range(10):
        world.settle()
    assert world.read(made).state == "in_force"
    assert len([one for one in world.enforcements() if one.action == "restore"]) == 1
    world.wire.clear()
    world.run(10 * MINUTE)
    assert world.read(made).state == "restored"


def test_a_refused_restore_leaves_it_in_force_and_can_be_asked_for_again(world):
    from gardefou.platforms.protocol import PlatformRefused

    def refuse(_operation):
        raise PlatformRefused("not now")

    made = world.enforce("rev", "small", "suspend")
    world.wire.before = refuse
    assert world.restore("oncall", "small").restores[0].state == "failed"
    assert world.read(made).state == "in_force"
    assert world.restore("oncall", "small").restores[0].state == "in_force"
    assert world.measures("small") == frozenset()


def test_content_comes_back_with_the_account(world):
    world.enforce("rev", "small", "remove_content", content=("c1", "c2"))
    world.enforce("rev", "small", "remove_content", content=("c3",))
    world.restore("oncall", "small")
    assert world.measures("small", ("c1", "c2", "c3")) == frozenset()


def test_nothing_to_lift_is_nothing_placed(world):
    world.enforce("rev", "small", "warn")
    done = world.restore("oncall", "small2")
    assert done.restores == ()


def test_a_restore_names_its_reason(world):
    with pytest.raises(InvalidInput):
        world.restore("oncall", "small", "  ")


def test_m11_what_the_law_demanded_comes_back_by_two_of_whom_one_is_legal(world):
    made = world.enforce("legal", "small", "suspend", legal_basis="court_order")
    assert made.state == "in_force"
    done = world.restore("oncall", "small")
    [waiting] = done.restores
    assert waiting.state == "waiting"
    assert done.barred == (made.id,)
    with pytest.raises(Denied):
        world.approve("lead", waiting)
    assert world.measures("small") == {"suspended"}
    assert world.approve("legal", waiting).state == "in_force"
    assert world.measures("small") == frozenset()


def test_m11_one_of_the_two_is_legal_when_it_is_lifted(world):
    """Whoever asked was of legal then and is not any more: the other's yes alone lifts nothing."""
    world.person("counsel", "legal", "reviewer")
    made = world.enforce("legal", "small", "suspend", legal_basis="court_order")
    [waiting] = world.restore("counsel", "small").restores
    propose(world.app, world.actor("admin"), "role", {"staff": "counsel", "remove": ["legal"]})
    assert world.approve("rev", waiting).state == "lapsed"
    world.settle()
    assert world.read(made).state == "in_force"
    assert world.measures("small") == {"suspended"}
    [again] = world.restore("counsel", "small").restores
    assert world.approve("legal", again).state == "in_force"
    assert world.measures("small") == frozenset()


def test_m11_what_is_lifted_by_two_goes_on_while_the_platform_is_away(world):
    world.person("counsel", "legal")
    world.enforce("legal", "small", "suspend", legal_basis="court_order")
    [waiting] = world.restore("rev", "small").restores
    world.sandbox.switch(down=True)
    assert world.approve("counsel", waiting).state == "executing"
    propose(world.app, world.actor("admin"), "off", {"staff": "counsel"})
    world.run(MINUTE)
    world.up()
    world.run(MINUTE)
    assert world.read(waiting).state == "in_force"
    assert world.measures("small") == frozenset()


def test_m11_a_restore_of_the_rest_leaves_what_the_law_demanded(world):
    world.enforce("legal", "small", "limit", legal_basis="authority_order")
    world.enforce("rev", "small", "suspend")
    world.restore("oncall", "small")
    assert world.measures("small") == {"limited"}


def test_m11_it_stays_even_while_its_own_answer_is_out(world):
    """The law's measure landed and nobody has recorded it: a restore of the rest leaves it all the same."""
    world.enforce("rev", "small", "suspend")

    def kill(_operation):
        raise Killed

    world.wire.after = kill
    with pytest.raises(Killed):
        world.enforce("legal", "small", "limit", legal_basis="court_order")
    after = world.restarted()
    after.restore("oncall", "small")
    after.run(HOUR)
    assert after.measures("small") == {"limited"}


def test_r12_twenty_an_hour_and_then_one_other(world):
    for number in range(22):
        world.sandbox.put_account(f"a{number}", handle=f"somebody{number}", reach=1)
        world.enforce("rev", f"a{number}", "limit")
    states = [world.restore("oncall", f"a{number}").restores[0].state for number in range(22)]
    assert states == ["in_force"] * 20 + ["waiting"] * 2
    waiting = next(one for one in world.enforcements() if one.state == "waiting")
    assert world.approve("rev2", waiting).state == "in_force"
    # Another person is not held up by it.
    assert world.restore("lead", "a21").restores[0].state == "in_force"


def test_r12_what_is_older_than_thirty_days_takes_one_other(world):
    world.enforce("rev", "small", "suspend")
    world.run(31 * DAY)
    [waiting] = world.restore("oncall", "small").restores
    assert waiting.state == "waiting"
    assert world.restore("oncall", "small").restores[0].id == waiting.id
    assert world.approve("lead", waiting).state == "in_force"


def test_r12_on_the_last_day_only_ones_own(world):
    world.person("leaver", "reviewer", last_day=world.now + 20 * HOUR)
    world.enforce("rev", "small", "suspend")
    with pytest.raises(Denied) as refused:
        world.restore("leaver", "small")
    assert refused.value.code == "staff/last_day"
    world.enforce("leaver", "small2", "limit")
    assert world.restore("leaver", "small2").restores[0].state == "in_force"


def test_i12_after_one_persons_restores_every_other_one_still_lifts_at_once(world):
    made = grave(world)
    world.sandbox.switch(down=True)
    world.restore("oncall", "president")
    world.up()
    world.restore("rev2", "president")
    world.run(6 * MINUTE)
    assert world.read(made).state == "restored"


def test_r16_whoever_was_part_of_it_can_neither_enforce_nor_approve_again(world):
    made = world.enforce("rev", "known", "suspend")
    world.approve("lead", made)
    world.settle()
    world.restore("oncall", "known")
    assert world.enforce("rev", "known", "suspend").state == "refused"
    world.person("rev3", "reviewer")
    again = world.enforce("rev3", "known", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("lead", again)
    assert refused.value.code == "approval/involved"
    assert world.approve("lead2", again).state in {"ready", "executing"}


def test_r16_whoever_restored_it_cannot_take_it_down(world):
    world.enforce("rev", "small", "suspend")
    world.restore("lead", "small")
    assert world.enforce("lead", "small", "suspend").state == "refused"
    assert world.enforce("rev2", "small", "suspend").state == "in_force"


def test_r16_a_service_does_not_take_it_down_again_through_another_owners_token(world):
    world.enforce(world.service("robot", owner="rev", issued_by="admin"), "small", "limit")
    world.restore("oncall", "small")
    world.person("admin2", "admin")
    token = Token(
        id="token-anew",
        hash="hash-anew",
        staff_id="admin2",
        service="robot",
        scopes=("enforcements:write",),
        issued_by="admin2",
        issued_at=world.now,
    )
    with world.app.works.begin() as uow:
        uow.record("token.issued", by="admin2", about=token.id, puts=(token,))
    robot = Actor(
        id="robot", via="api", service="robot", scopes=token.scopes, humans=("admin2",), token_id="token-anew"
    )
    assert world.enforce(robot, "small", "limit").state == "refused"
    assert world.enforce(world.service("other", owner="admin2"), "small", "limit").state == "in_force"


def test_r16_thirty_days_count_from_the_restore_not_from_the_harm(world):
    world.enforce("rev", "small", "suspend")
    world.run(25 * DAY)
    world.restore("oncall", "small")
    world.run(10 * DAY)
    assert world.enforce("rev", "small", "suspend").state == "refused"
    world.run(21 * DAY)
    assert world.enforce("rev", "small", "suspend").state == "in_force"


def test_r16_an_expiry_is_nobodys_verdict(world):
    world.enforce("rev", "small", "suspend", until=world.now + HOUR)
    world.run(2 * HOUR)
    assert world.enforce("rev", "small", "suspend").state == "in_force"


def test_a_restore_of_someone_put_off_meanwhile_goes_on(world):
    """It has withdrawn what it lifts: if it lapsed with its person, that would hang for ever."""
    from gardefou.flow.change import propose

    made = world.enforce("rev", "small", "suspend")
    world.sandbox.switch(down=True)
    world.restore("oncall", "small")
    propose(world.app, world.actor("admin"), "off", {"staff": "oncall"})
    world.up()
    world.run(10 * MINUTE)
    assert world.read(made).state == "restored"
    assert world.measures("small") == frozenset()


def test_it_is_quick(world):
    """Click to confirmed is a handful of statements; not a number of seconds on any machine."""
    world.enforce("rev", "small", "suspend")
    before = world.now
    assert world.restore("oncall", "small").restores[0].state == "in_force"
    assert world.now - before == timedelta(0)
    assert len(world.wire.calls) == 2
    assert advance(world.app, world.enforcements()[-1].id).state == "in_force"
