"""Budgets hold whoever acts, however many at once, on both databases; and what tops them up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gardefou.domain.records import Enforcement, NetsVersion, PlatformEntry
from gardefou.errors import Conflict
from gardefou.flow.budget import top_up
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.decide import enforce
from gardefou.flow.place import place
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.nets.load import load
from tests.flow.world import DAY, HOUR, MINUTE, World

AT_ONCE = 100
THREADS = 10
_NET = """
[[net]]
id = "ten"
title = "A lead beyond ten"
because = "a budget of ten"
when = 'action.severity > 0 and {counts} + action.bulk > 10'
[net.require]
approvals = 1
from = ["lead"]
"""


def put_nets(world: World, toml: str) -> None:
    """Put nets in force past all that guards them."""
    nets = load(toml, "test")
    made = NetsVersion(
        id=world.app.ids.new(), name="test", digest=nets.digest, toml=nets.to_toml(), at=world.now, by="system"
    )
    with world.app.works.begin() as uow:
        uow.record("nets.changed", by="system", about=made.id, puts=(made,))


def many(world: World, count: int, prefix: str = "a", reach: int = 1) -> list[str]:
    names = [f"{prefix}{number}" for number in range(count)]
    for name in names:
        world.sandbox.put_account(name, handle=f"{prefix} person {name}", reach=reach)
    return names


def all_at_once(nodes: list[World], people: list[str], names: list[str], action: str) -> list[str]:
    """Place one on each account, from every node and by every person at once; return the states."""
    start = threading.Barrier(THREADS)
    actors = {who: nodes[0].fresh(who) for who in people}

    def work(lane: int) -> list[str]:
        node = nodes[lane % len(nodes)]
        start.wait(timeout=120)
        return [
            enforce(node.app, actors[people[place % len(people)]], node.wanted(names[place], action)).state
            for place in range(lane, len(names), THREADS)
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        return [state for states in pool.map(work, range(THREADS)) for state in states]


@pytest.mark.parametrize(
    ("counts", "people", "action"),
    [
        ("recent.actor_1h.severity3", ["rev"], "suspend"),
        ("recent.actor_24h.all", ["rev"], "warn"),
        ("recent.team_1h.severity3", ["t1", "t2", "t3", "t4"], "suspend"),
        ("recent.team_1h.all", ["t1", "t2", "t3", "t4"], "limit"),
        ("recent.platform_1h.severity3", ["rev", "rev2", "t1", "t2"], "suspend"),
        ("recent.platform_1h.all", ["rev", "rev2", "t1", "t2"], "limit"),
    ],
)
def test_a_hundred_at_once_never_pass_a_budget_of_ten(world, counts, people, action):
    for who in ("t1", "t2", "t3", "t4"):
        world.person(who, "reviewer", team="team-t")
    put_nets(world, _NET.format(counts=counts))
    nodes = [world, *(World(world.url, seed=seed, store=world.store, clock=world.clock) for seed in (31, 32))]
    names = many(world, AT_ONCE)
    states = all_at_once(nodes, people, names, action)
    assert len(states) == AT_ONCE
    world.settle()
    took_effect = [one for one in world.enforcements() if one.severity > 0 and one.in_force_at is not None]
    assert len(took_effect) == 10
    assert sorted(set(states)) == ["in_force", "waiting"]
    assert sum(bool(world.effects(name)) for name in names) == 10
    world.assert_sound()


def test_a_person_has_one_budget_over_all_platforms(world):
    with world.app.works.begin() as uow:
        entry = PlatformEntry(id="other", kind="sandbox", endpoint="sandbox:other", sandbox=True, added_at=world.now)
        uow.record("platform.added", by="system", about="other", puts=(entry,))
    other = world.app.connector("other")
    put_nets(world, _NET.format(counts="recent.actor_1h.severity3"))
    names = many(world, 10)
    for name in names:
        other.inner.put_account(name, handle=f"other {name}", reach=1)
    actor = world.fresh("rev")
    start = threading.Barrier(THREADS)

    def work(lane: int) -> list[Enforcement]:
        start.wait(timeout=120)
        return [
            enforce(world.app, actor, replace(world.wanted(names[lane], "suspend"), platform=platform))
            for platform in ("sandbox", "other")
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        made = [one for pair in pool.map(work, range(THREADS)) for one in pair]
    assert {one.platform for one in made} == {"sandbox", "other"}
    assert sorted(one.state for one in made) == ["in_force"] * 10 + ["waiting"] * 10


def test_several_actions_of_one_decision_count_one_by_one(world):
    put_nets(world, _NET.format(counts="recent.actor_1h.all"))
    for name in many(world, 9):
        assert world.enforce("rev", name, "warn").state == "in_force"
    wishes = [world.prepare("small", action) for action in ("warn", "limit")]
    first, second = place(world.app, world.fresh("rev"), wishes)
    assert (first.facts["recent.actor_1h.all"], second.facts["recent.actor_1h.all"]) == (9, 10)
    assert (first.state, second.state) == ("ready", "waiting")


def test_r13_a_top_up_is_twice_the_budget_for_sixty_minutes_even_when_given_ahead(world):
    names = many(world, 130)
    top_up(world.app, world.fresh("lead"), "rev")
    states = [world.enforce("rev", name, "suspend").state for name in names[:121]]
    assert states == ["in_force"] * 120 + ["waiting"]
    world.clock.advance(HOUR)
    # It is over, and so is the hour in which these were placed.
    assert [world.enforce("rev", name, "suspend").state for name in names[121:123]] == ["in_force"] * 2


def test_r13_after_the_sixty_minutes_the_budget_is_as_always(world):
    names = many(world, 70)
    top_up(world.app, world.fresh("lead"), "rev")
    world.clock.advance(50 * MINUTE)
    for name in names[:65]:
        assert world.enforce("rev", name, "suspend").state == "in_force"
    world.clock.advance(11 * MINUTE)
    assert world.enforce("rev", names[66], "suspend").state == "waiting"


def test_r13_a_top_up_counts_for_the_budget_of_the_day_too(world):
    put_nets(world, _NET.format(counts="recent.actor_24h.all"))
    names = many(world, 22)
    for name in names[:10]:
        world.enforce("rev", name, "warn")
    world.clock.advance(2 * HOUR)
    assert world.enforce("rev", names[10], "warn").state == "waiting"
    top_up(world.app, world.fresh("lead"), "rev")
    assert [world.enforce("rev", name, "warn").state for name in names[11:22]] == ["in_force"] * 10 + ["waiting"]


def test_r13_two_top_ups_do_not_add_up(world):
    top_up(world.app, world.fresh("lead"), "rev")
    with pytest.raises(Conflict) as refused:
        top_up(world.app, world.fresh("lead2"), "rev")
    assert refused.value.code == "budget/topped"


def test_r13_what_waits_when_a_budget_is_topped_up_waits_on(world):
    put_nets(world, _NET.format(counts="recent.actor_1h.all"))
    names = many(world, 12)
    made = [world.enforce("rev", name, "warn") for name in names[:11]]
    assert made[10].state == "waiting"
    top_up(world.app, world.fresh("lead"), "rev")
    assert world.enforce("rev", names[11], "warn").state == "in_force"
    world.run(2 * HOUR)
    assert world.read(made[10]).state == "waiting"


def test_what_is_scheduled_a_few_at_a_time_for_one_moment_is_asked_about(world):
    at = world.now + 20 * HOUR
    states: list[str] = []
    for number, name in enumerate(many(world, 6, reach=95_000)):
        if number and number % 3 == 0:
            world.clock.advance(2 * HOUR)
        states.append(world.enforce("rev", name, "suspend", execute_at=at + number * MINUTE).state)
        made = world.enforcements(account=name)[-1]
        if number >= 3:
            assert "person-reach-hour" in world.nets_of(made)
    asked = [one.approve_by is not None for one in world.enforcements()]
    assert asked == [False] * 3 + [True] * 3
    assert states == ["waiting"] * 6


def test_r13_the_accounts_of_a_bulk_reach_together_what_they_reach(world):
    """Otherwise twenty-five accounts at once, which nobody is asked about, are two million people."""
    names = many(world, 6, reach=95_000)
    placed = enforce_bulk(world.app, world.fresh("rev"), names, world.wanted("", "suspend")).enforcements
    assert [one.state for one in placed] == ["in_force"] * 3 + ["waiting"] * 3
    assert all("person-reach-hour" in world.nets_of(one) for one in placed[3:])
    [name] = many(world, 1, "late", reach=95_000)
    assert "person-reach-hour" in world.nets_of(world.enforce("rev", name, "suspend"))
    mild = enforce_bulk(world.app, world.fresh("rev2"), many(world, 25, "m", reach=95_000), world.wanted("", "limit"))
    assert {one.state for one in mild.enforcements} == {"in_force"}


def test_what_is_scheduled_counts_where_it_runs_for_what_is_placed_at_once_then(world):
    at = world.now + 20 * HOUR
    for name in many(world, 3, reach=95_000):
        world.enforce("rev", name, "suspend", execute_at=at)
    world.run_until(at - 10 * MINUTE)
    [name] = many(world, 1, "late", reach=95_000)
    assert "person-reach-hour" in world.nets_of(world.enforce("rev", name, "suspend"))


def test_what_is_scheduled_far_apart_meets_no_budget(world):
    for number, name in enumerate(many(world, 6, reach=95_000)):
        made = world.enforce("rev", name, "suspend", execute_at=world.now + (40 + 3 * number) * HOUR)
        assert made.approve_by is None
        world.clock.advance(2 * HOUR)


def test_r7_a_removal_that_waits_for_another_person_uses_none_of_the_free_ones(world):
    for item in ("q1", "q2", "q3", "q4"):
        world.sandbox.put_content(item, account="president")
    asked = world.enforce("rev", "president", "limit")
    assert asked.state == "waiting"
    reporter = replace(world.service("forms"), scopes=("reports:write",))
    take_many(
        world.app,
        reporter,
        [
            parse_report(
                {
                    "platform": "sandbox",
                    "subject": {"kind": "content", "account": "president", "content": item},
                    "reporter": "u",
                    "category": "spam",
                }
            )
            for item in ("q1", "q2", "q3", "q4")
        ],
    )
    approvals = [
        world.enforce("rev", "president", "remove_content", content=(item,)).approve_by is not None
        for item in ("q1", "q2", "q3", "q4")
    ]
    assert approvals == [False, False, False, True]
    assert world.enforcements(account="president")[-1].placed_at > world.now - DAY
