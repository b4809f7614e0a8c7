"""One yes or no for a whole group: a bulk, or what waits because of one person's budget (R13)."""

from __future__ import annotations

from functools import partial

import pytest

from gardefou.errors import Conflict, Denied, Stale, StepUpRequired
from gardefou.flow import approve as module
from gardefou.flow.approve import Answer, approve_group, cancel
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.waiting_groups import WaitingGroup, waiting_groups
from gardefou.nets.load import load
from gardefou.platforms.protocol import PlatformRefused
from tests.flow.test_budgets import many, put_nets
from tests.flow.test_concurrency import at_once, no_surprises
from tests.flow.world import MINUTE, World

_BLIND = """
[[net]]
id = "ten"
title = "A blind look beyond ten"
because = "a budget of ten"
when = 'action.severity > 0 and recent.actor_1h.all + action.bulk > 10'
[net.require]
approvals = 1
from = ["lead"]
blind = true
"""


def groups(world: World) -> list[WaitingGroup]:
    with world.store.read() as connection:
        return waiting_groups(connection, world.app.config(connection))


def answers(group: WaitingGroup, answer: str = "yes") -> list[Answer]:
    return [Answer(enforcement=one.id, digest=one.digest, answer=answer) for one in group.enforcements]


def bulk(world: World, count: int, prefix: str = "b", action: str = "suspend") -> None:
    placed = enforce_bulk(world.app, world.fresh("rev"), many(world, count, prefix), world.wanted("", action))
    assert not placed.errors


def test_what_waits_because_of_one_budget_is_one_group_with_its_reach(world):
    for name in many(world, 64, reach=3):
        world.enforce("rev", name, "suspend")
    for name in many(world, 2, "c"):
        world.enforce("rev2", name, "suspend")
    [group] = groups(world)
    assert (group.kind, group.key, group.nets) == ("budget", "rev", ("person-severity-3-hour",))
    assert len(group.accounts) == 4
    assert group.reach == 12
    results = approve_group(world.app, world.fresh("lead"), answers(group))
    assert {one.result.state for one in results if one.result} == {"ready"}
    world.settle()
    assert {one.state for one in world.enforcements()} == {"in_force"}
    assert groups(world) == []
    world.assert_sound()


def test_a_notable_account_in_a_burst_is_looked_at_by_itself(world):
    for name in many(world, 61):
        world.enforce("rev", name, "suspend")
    asked = world.enforce("rev", "known", "suspend")
    assert {"notable-one-lead", "person-severity-3-hour"} <= world.nets_of(asked)
    [group] = groups(world)
    assert asked.id not in {one.id for one in group.enforcements}


def test_a_bulk_is_one_group_and_one_no_ends_all_of_it(world):
    bulk(world, 30)
    [group] = groups(world)
    assert (group.kind, len(group.enforcements)) == ("bulk", 30)
    approve_group(world.app, world.fresh("lead"), answers(group, "no"))
    assert {one.state for one in world.enforcements()} == {"refused"}


def test_a_blind_second_look_is_in_no_group(world):
    put_nets(world, _BLIND)
    made = [world.enforce("rev", name, "warn") for name in many(world, 12)]
    assert made[11].state == "waiting"
    assert groups(world) == []
    results = approve_group(
        world.app,
        world.fresh("lead"),
        [Answer(enforcement=one.id, digest=one.digest, answer="yes") for one in made[10:]],
    )
    assert [one.error.code for one in results if one.error] == ["approval/own_answer"] * 2
    assert world.read(made[11]).state == "waiting"


def test_what_cannot_be_answered_is_named_and_the_rest_is_answered(world):
    bulk(world, 30)
    [group] = groups(world)
    given = answers(group)
    given[3] = Answer(enforcement=given[3].enforcement, digest="0" * 64, answer="yes")
    given[5] = Answer(enforcement="nothing", digest="", answer="yes")
    given.append(given[0])
    results = approve_group(world.app, world.fresh("lead"), given)
    codes = {place: one.error.code for place, one in enumerate(results) if one.error is not None}
    assert codes == {3: "enforcement/stale", 5: "enforcement/not_found", 30: "approval/given"}
    assert [one.enforcement for one in results] == [one.enforcement for one in given]
    assert sum(one.result is not None for one in results) == 28
    world.assert_sound()


def test_whoever_is_behind_it_a_service_and_someone_off_duty_answer_nothing(world):
    bulk(world, 30)
    [group] = groups(world)
    assert {one.error.code for one in approve_group(world.app, world.fresh("rev"), answers(group)) if one.error} == {
        "approval/own"
    }
    with pytest.raises(Denied):
        approve_group(world.app, world.service("bot"), answers(group))
    assert {one.state for one in world.enforcements()} == {"waiting"}


def test_a_stale_sign_in_is_said_of_each_and_nothing_is_answered(world):
    put_nets(world, load(_BLIND, "x").to_toml().replace("blind = true", "fresh_auth_minutes = 5"))
    made = [world.enforce("rev", name, "warn") for name in many(world, 12)]
    [group] = groups(world)
    world.clock.advance(6 * MINUTE)
    results = approve_group(world.app, world.actor("lead"), answers(group))
    assert all(isinstance(one.error, StepUpRequired) for one in results)
    assert world.read(made[11]).state == "waiting"


def test_an_answer_that_somebody_else_overtakes_is_heard_again_by_itself(world, monkeypatch):
    bulk(world, 30)
    [group] = groups(world)

    def overtaken(*_given):
        raise Stale("enforcement/stale", "Someone else changed it first.")

    monkeypatch.setattr(module, "_approve_together", overtaken)
    results = approve_group(world.app, world.fresh("lead"), answers(group))
    assert all(one.result is not None for one in results)


def test_a_group_of_five_hundred_is_answered_at_once(world):
    bulk(world, 500)
    [group] = groups(world)
    results = approve_group(world.app, world.fresh("lead"), answers(group))
    assert all(one.result is not None for one in results)
    first = [world.read(one) for one in group.enforcements]
    assert sum(one.state == "ready" for one in first) == 10
    assert sum(one.hold_until is not None for one in first) == 490


@pytest.mark.parametrize("how", ["restored", "cancelled", "failed", "unknown"])
def test_the_rest_of_a_bulk_stops_where_a_canary_went_wrong(days, how):
    world = days
    bulk(world, 40)
    [group] = groups(world)
    approve_group(world.app, world.fresh("lead"), answers(group))
    [canary, *_] = group.enforcements
    if how == "cancelled":
        cancel(world.app, world.actor("oncall"), canary.id, "not this one")
    if how == "failed":

        def refuse(_operation):
            raise PlatformRefused("no")

        world.wire.before = refuse
    if how == "unknown":
        world.sandbox.switch(drops_answers=True)
    world.settle()
    if how == "restored":
        world.restore("oncall", canary.account)
    rest = [one for one in world.enforcements() if one.group_index >= 10]
    world.run(20 * MINUTE)
    states = {world.read(one).state for one in rest}
    if how == "unknown":
        assert states <= {"ready", "waiting"}
        assert all(not world.effects(one.account) for one in rest)
        world.up()
        world.run(20 * MINUTE)
        assert {world.read(one).state for one in rest} == {"in_force"}
    else:
        assert states == {"lapsed"}
        assert all(not world.effects(one.account) for one in rest)


def test_of_a_hundred_accounts_ten_go_first_and_the_rest_a_quarter_of_an_hour_later(world):
    bulk(world, 100)
    [group] = groups(world)
    approve_group(world.app, world.fresh("lead"), answers(group))
    world.settle()
    assert sum(one.state == "in_force" for one in world.enforcements()) == 10
    world.run(14 * MINUTE)
    assert sum(one.state == "in_force" for one in world.enforcements()) == 10
    world.run(2 * MINUTE)
    assert sum(one.state == "in_force" for one in world.enforcements()) == 100


def test_the_rest_of_a_bulk_waits_for_its_first_even_where_only_the_rest_was_answered(days):
    world = days
    bulk(world, 40)
    by_itself = [one for one in world.enforcements() if one.group_index >= 10]
    approve_group(
        world.app,
        world.fresh("lead"),
        [Answer(enforcement=one.id, digest=one.digest, answer="yes") for one in by_itself],
    )
    world.run(60 * MINUTE)
    assert all(not world.effects(one.account) for one in by_itself)


def test_canaries_that_came_late_stand_a_quarter_of_an_hour_all_the_same(days):
    world = days
    bulk(world, 40)
    [group] = groups(world)
    world.sandbox.switch(down=True)
    approve_group(world.app, world.fresh("lead"), answers(group))
    world.run(30 * MINUTE)
    world.up()
    world.run(12 * MINUTE)
    assert sum(one.in_force_at is not None for one in world.enforcements()) == 10
    world.run(30 * MINUTE)
    assert sum(one.in_force_at is not None for one in world.enforcements()) == 40


def test_two_leads_who_answer_the_same_group_at_once_answer_it_once(world):
    bulk(world, 120)
    [group] = groups(world)
    given = answers(group)
    results = at_once(
        *(
            partial(approve_group, world.app, world.fresh(who), list(order))
            for who, order in (("lead", given), ("lead2", reversed(given)))
        )
    )
    no_surprises(results)
    assert sum(one.result is not None for found in results for one in found) == 120
    errors = {type(one.error) for found in results for one in found if one.error is not None}
    assert errors == {Conflict}
    world.assert_sound()
