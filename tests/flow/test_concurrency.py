"""Many at once: budgets are not exceeded, effects are not doubled, and nobody waits for somebody who waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from gardefou.errors import Conflict, GardefouError
from gardefou.flow.app import read_nets
from gardefou.flow.change import propose
from gardefou.flow.due import run_due
from gardefou.nets.load import load
from gardefou.nets.shipped import shipped_text
from gardefou.platforms.protocol import PlatformRefused
from tests.flow.world import HOUR, MINUTE


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in a thread each, released together; return results and exceptions in sequence."""
    gate = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results[place] = call()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            results[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
        assert not thread.is_alive(), "somebody waits for ever"
    return results


def no_surprises(results: Sequence[Any]) -> None:
    for result in results:
        assert not isinstance(result, BaseException) or isinstance(result, GardefouError), repr(result)


def test_twenty_at_once_never_exceed_a_budget(world):
    world.person("new", "reviewer", days=5)
    for number in range(30):
        world.sandbox.put_account(f"a{number}", handle=f"some person {number}", reach=1)
    for number in range(10):
        world.enforce("new", f"a{number}", "limit")
    actor = world.fresh("new")
    results = at_once(*(lambda number=number: world.enforce(actor, f"a{number}", "limit") for number in range(10, 30)))
    no_surprises(results)
    world.settle()
    states = [one.state for one in world.enforcements()]
    assert states.count("in_force") == 20
    assert states.count("waiting") == 10
    world.assert_sound()


def test_r13_reversals_at_the_same_instant_trip_the_breaker_as_one_after_the_other_do(world):
    people = ["oncall", "lead", "lead2", "policy", "rev2"]
    for number in range(5):
        world.sandbox.put_account(f"w{number}", handle=f"wrongly stopped {number}", reach=1)
        world.enforce("rev", f"w{number}", "suspend")
    no_surprises(at_once(*(partial(world.restore, who, f"w{number}") for number, who in enumerate(people))))
    world.settle()
    assert [(stop.scope, stop.target) for stop in world.pauses()] == [("staff", "rev")]
    assert set(world.incidents("breaker")[0].accounts) == {f"w{number}" for number in range(5)}
    world.assert_sound()


def test_r13_failures_at_the_same_instant_trip_the_breaker_too(world):
    def refuse(*_: Any) -> None:
        raise PlatformRefused("no")

    for number in range(5):
        world.sandbox.put_account(f"f{number}", handle=f"refused {number}", reach=1)
    world.wire.carry = refuse
    actors = [world.fresh("rev") for _ in range(5)]
    no_surprises(
        at_once(*(partial(world.enforce, actor, f"f{number}", "suspend") for number, actor in enumerate(actors)))
    )
    assert [(stop.scope, stop.target) for stop in world.pauses()] == [("staff", "rev")]


def test_the_same_click_twenty_times_is_one_enforcement(world):
    actor = world.fresh("rev")
    results = at_once(*(lambda: world.enforce(actor, "small", "suspend") for _ in range(20)))
    no_surprises(results)
    assert len({one.id for one in results}) == 1
    assert len(world.effects("small")) == 1


def test_two_approvers_at_once_fill_both_seats(world):
    made = world.enforce("rev", "president", "suspend")
    lead, policy = world.fresh("lead"), world.fresh("policy")
    no_surprises(at_once(lambda: world.approve(lead, made), lambda: world.approve(policy, made)))
    assert world.read(made).approved_at == world.now
    assert len(world.approvals(made)) == 2
    world.run(11 * MINUTE)
    assert world.read(made).state == "in_force"


def test_one_approver_twice_at_once_fills_one_seat(world):
    made = world.enforce("rev", "president", "suspend")
    lead = world.fresh("lead")
    results = at_once(*(lambda: world.approve(lead, made) for _ in range(4)))
    no_surprises(results)
    assert sum(isinstance(one, Conflict) for one in results) == 3
    assert world.read(made).approved_at is None


def test_restore_against_execute_leaves_the_account_up(world):
    for number in range(4):
        ref = f"r{number}"
        world.sandbox.put_account(ref, handle=f"runner {number}", reach=1)
        actor, other = world.fresh("rev"), world.fresh("oncall")
        world.enforce(actor, ref, "limit")
        no_surprises(at_once(partial(world.enforce, actor, ref, "suspend"), partial(world.restore, other, ref)))
        world.run(2 * MINUTE)
        ends = {one.state for one in world.enforcements(account=ref) if one.severity}
        assert ends <= {"restored", "in_force", "cancelled", "refused"}  # refused: it came second (R16)
        harms = [one for one in world.enforcements(account=ref) if one.severity]
        stands = {measure for one in harms if one.state == "in_force" for measure in one.measures}
        assert world.measures(ref) == stands
    world.assert_sound()


def test_two_workers_have_one_effect_each(world):
    for number in range(20):
        world.sandbox.put_account(f"a{number}", handle=f"some person {number}", reach=1)
        world.enforce("rev", f"a{number}", "suspend", execute_at=world.now + HOUR)
    world.clock.advance(HOUR)
    other = world.restarted()
    no_surprises(at_once(lambda: run_due(world.app), lambda: run_due(other.app), lambda: run_due(world.app)))
    world.run(2 * MINUTE)
    for number in range(20):
        assert len(world.effects(f"a{number}")) == 1
    assert {one.state for one in world.enforcements()} == {"in_force"}
    world.assert_sound()


def test_two_workers_end_a_temporary_one_once(world):
    for number in range(10):
        world.sandbox.put_account(f"a{number}", handle=f"some person {number}", reach=1)
        world.enforce("rev", f"a{number}", "suspend", until=world.now + HOUR)
    world.clock.advance(HOUR)
    other = world.restarted()
    no_surprises(at_once(lambda: run_due(world.app), lambda: run_due(other.app)))
    world.run(2 * MINUTE)
    assert len([one for one in world.enforcements() if one.action == "restore"]) == 10
    assert all(world.measures(f"a{number}") == frozenset() for number in range(10))


def test_off_while_their_work_is_carried_out_always_succeeds(world):
    """Taking power away must never lose a race, nor wait for somebody who waits for it."""
    for number in range(12):
        world.sandbox.put_account(f"a{number}", handle=f"some person {number}", reach=1)
        world.enforce("rev", f"a{number}", "suspend", execute_at=world.now + HOUR)
    world.clock.advance(HOUR)
    admin = world.fresh("admin")
    results = at_once(
        lambda: run_due(world.app),
        lambda: propose(world.app, admin, "off", {"staff": "rev"}),
        lambda: run_due(world.app),
    )
    no_surprises(results)
    assert not isinstance(results[1], BaseException), results[1]
    assert results[1].state == "in_force"
    world.run(5 * MINUTE)
    assert {one.state for one in world.enforcements() if one.severity} <= {"in_force", "lapsed"}
    world.assert_sound()


def test_many_sequencers_make_one_log(world):
    actor = world.fresh("rev")
    nodes = [world.restarted() for _ in range(3)]
    no_surprises(
        at_once(
            *(lambda node=node: node.app.sequencer.integrate_all() for node in nodes),
            lambda: world.enforce(actor, "small", "suspend"),
            lambda: world.enforce(actor, "small2", "suspend"),
        )
    )
    world.assert_sound()


def test_nets_are_read_once_by_those_who_need_them_at_one_moment(monkeypatch):
    reads: list[str] = []

    def slowly(toml, name):
        reads.append(name)
        time.sleep(0.05)
        return load(toml, name)

    monkeypatch.setattr("gardefou.flow.app.load", slowly)
    toml = f"{shipped_text('solo')}# {uuid4()}\n"
    found = at_once(*[partial(read_nets, toml, "mine")] * 8)
    no_surprises(found)
    assert reads == ["nets mine"]
    assert all(one is found[0] for one in found)
