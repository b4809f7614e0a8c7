"""The sandbox passes the contract, and keeps what it promises beyond it."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from gardefou.clock import SimulatedClock
from gardefou.domain.accounts import AccountReading, state_name
from gardefou.domain.actions import Action, Reversibility
from gardefou.platforms.protocol import PlatformAnswerLost, PlatformRefused, PlatformUnreachable
from gardefou.platforms.sandbox import Sandbox
from gardefou.platforms.sandbox_tables import metadata
from gardefou.storage.engine import open_store
from tests.contract.suite import ConnectorContract, Made, World, inverse_of, operation_for
from tests.databases import KINDS

_names = count(1)
START = datetime(2017, 11, 2, 21, 45, tzinfo=UTC)


class SandboxWorld(World):
    can_lose_answers = True

    def __init__(self, sandbox: Sandbox, clock: SimulatedClock, slept: list[float]) -> None:
        self.connector = self.sandbox = sandbox
        self.clock = clock
        self.slept = slept
        self.made = 0

    def make_account(self) -> Made:
        self.made += 1
        ref = str(1000 + self.made)
        self.sandbox.put_account(ref, handle=f"user{ref}", display_name=f"User {ref}", reach=12, labels=["verified"])
        items = tuple(f"{ref}-{letter}" for letter in "ab")
        for item in items:
            self.sandbox.put_content(item, account=ref, text="hello")
        return Made(account=ref, content=items)

    def effects(self, account: str) -> int:
        return len(self.sandbox.effects(account))

    def break_connection(self) -> None:
        self.sandbox.switch(down=True)

    def mend_connection(self) -> None:
        self.sandbox.switch(down=False, drops_answers=False)

    def lose_answers(self) -> None:
        self.sandbox.switch(drops_answers=True)

    def comparable(self, reading: AccountReading) -> AccountReading:
        return reading


@pytest.fixture(scope="module", params=KINDS)
def store(request, databases):
    """One database per kind for all tests here; each test has a platform of its own in it."""
    with databases.fresh(request.param, migrated=False) as url:
        opened = open_store(url)
        with opened.begin() as connection:
            metadata.create_all(connection)
        yield opened
        opened.close()


@pytest.fixture
def world(store):
    clock = SimulatedClock(START)
    slept: list[float] = []
    name = f"chirp-{next(_names)}"
    return SandboxWorld(Sandbox(name, store.begin, clock, slept.append, engine_read=store.read), clock, slept)


class TestSandbox(ConnectorContract):
    pass


def test_it_says_that_it_is_not_a_real_platform(world):
    description = world.connector.describe()
    assert description.sandbox
    assert "not a real platform" in description.kind
    reversibility = {action: capability.reversibility for action, capability in description.capabilities.items()}
    assert {action for action, kind in reversibility.items() if kind is not Reversibility.EXACT} == {Action.DELETE}


def test_an_older_fence_is_refused_and_changes_nothing(world):
    made = world.make_account()
    older = operation_for(world, made, Action.SUSPEND)
    newer = operation_for(world, made, Action.WARN)
    world.connector.apply(newer)
    with pytest.raises(PlatformRefused, match="newer operation"):
        world.connector.apply(older)
    assert world.connector.read_state(made.account).measures == frozenset()
    # Refused is not remembered: with a fence of its own the same key may go through.
    world.connector.apply(dataclasses.replace(older, fence=newer.fence))
    assert world.connector.read_state(made.account).measures == {"suspended"}


def test_what_changes_nothing_is_no_effect_but_takes_its_key(world):
    made = world.make_account()
    world.connector.apply(operation_for(world, made, Action.SUSPEND))
    again = operation_for(world, made, Action.SUSPEND)
    answer = world.connector.apply(again)
    assert answer.said["changed"] is False
    assert world.effects(made.account) == 1
    world.connector.undo(inverse_of(again, answer))
    assert world.connector.apply(again) == answer
    assert world.connector.read_state(made.account).measures == frozenset()


def test_a_key_is_bound_to_what_it_was_used_for(world):
    made, other = world.make_account(), world.make_account()
    operation = operation_for(world, made, Action.SUSPEND)
    world.connector.apply(operation)
    with pytest.raises(PlatformRefused, match="used for something else"):
        world.connector.undo(operation)
    stolen = dataclasses.replace(operation_for(world, other, Action.SUSPEND), key=operation.key)
    with pytest.raises(PlatformRefused, match="used for something else"):
        world.connector.apply(stolen)
    assert world.connector.read_state(other.account).measures == frozenset()


def test_a_deleted_account_stays_readable_and_deleted(world):
    made = world.make_account()
    deletion = operation_for(world, made, Action.DELETE)
    answer = world.connector.apply(deletion)
    reading = world.connector.read_state(made.account)
    assert (reading.exists, reading.measures) == (False, {"deleted"})
    with pytest.raises(PlatformRefused, match="cannot be undone"):
        world.connector.undo(inverse_of(deletion, answer))
    with pytest.raises(PlatformRefused, match="is deleted"):
        world.connector.apply(operation_for(world, made, Action.WARN))


def test_r8_content_of_another_account_is_not_removed(world):
    mine, other = world.make_account(), world.make_account()
    operation = operation_for(world, Made(account=mine.account, content=other.content), Action.REMOVE_CONTENT)
    with pytest.raises(PlatformRefused, match="is not of account"):
        world.connector.apply(operation)
    assert world.connector.read_state(other.account, content=other.content).measures == frozenset()


def test_an_action_cannot_smuggle_in_another_measure(world):
    made = world.make_account()
    operation = dataclasses.replace(operation_for(world, made, Action.LIMIT), measures=frozenset({"deactivated"}))
    with pytest.raises(PlatformRefused, match="not what limit does"):
        world.connector.apply(operation)
    assert world.effects(made.account) == 0


def test_a_refusal_is_lost_with_the_answers(world):
    made = world.make_account()
    nobody = operation_for(world, Made(account="nobody", content=()), Action.SUSPEND)
    world.lose_answers()
    with pytest.raises(PlatformAnswerLost):
        world.connector.apply(nobody)
    with pytest.raises(PlatformUnreachable):
        world.connector.read_state(made.account)


def test_it_is_slow_by_the_injected_sleep(world):
    made = world.make_account()
    world.sandbox.switch(slow_seconds=7.5)
    world.connector.apply(operation_for(world, made, Action.SUSPEND))
    world.connector.read_state(made.account)
    assert world.slept == [7.5, 7.5]
    world.sandbox.switch(slow_seconds=0)
    world.connector.read_state(made.account)
    assert world.slept == [7.5, 7.5]


def test_out_of_band_changes_show_in_readings_and_timeline_but_are_no_effects(world):
    made = world.make_account()
    world.connector.apply(operation_for(world, made, Action.REMOVE_CONTENT))
    world.clock.advance(timedelta(minutes=58))
    world.sandbox.set_measures_out_of_band(made.account, ["deactivated"])
    reading = world.connector.read_state(made.account, content=made.content)
    assert reading.measures == {"deactivated", f"removed:{made.content[0]}"}
    assert world.effects(made.account) == 1
    world.clock.advance(timedelta(minutes=11))
    lift = dataclasses.replace(operation_for(world, made, Action.DEACTIVATE), action=Action.RESTORE)
    world.connector.undo(lift)
    assert [(at, state_name(measures)) for at, measures in world.sandbox.timeline(made.account)] == [
        (START, "active"),
        (START + timedelta(minutes=58), "deactivated"),
        (START + timedelta(minutes=69), "active"),
    ]
    assert [effect.verb for effect in world.sandbox.effects(made.account)] == ["apply", "undo"]


def test_the_revision_rises_with_every_change_and_switch(world):
    seen = [world.sandbox.revision()]

    def rises():
        seen.append(world.sandbox.revision())
        assert seen[-1] > seen[-2]

    made = world.make_account()
    rises()
    operation = operation_for(world, made, Action.SUSPEND)
    answer = world.connector.apply(operation)
    rises()
    world.connector.undo(inverse_of(operation, answer))
    rises()
    world.sandbox.set_measures_out_of_band(made.account, ["locked"])
    rises()
    world.sandbox.switch(down=True)
    rises()
    world.sandbox.switch(down=False)
    rises()
    world.connector.read_state(made.account)
    assert world.sandbox.revision() == seen[-1]


def test_accounts_are_found_by_handle(world):
    world.sandbox.put_account("7", handle="president", reach=None)
    assert world.sandbox.find("president") == "7"
    assert world.sandbox.find("presldent") is None
    assert world.connector.read_state("7").reach is None


def test_age_follows_the_clock(world):
    world.sandbox.put_account("7", handle="new", age_days=3)
    world.clock.advance(timedelta(days=2))
    assert world.connector.read_state("7").age_days == 5


def test_two_platforms_share_the_tables_and_nothing_else(world, store):
    made = world.make_account()
    twin = Sandbox(f"other-{world.sandbox.name}", store.begin, world.clock, world.slept.append)
    twin.put_account(made.account, handle="same-ref")
    world.connector.apply(operation_for(world, made, Action.SUSPEND))
    world.sandbox.switch(down=True)
    assert twin.read_state(made.account).measures == frozenset()
    assert twin.describe().endpoint != world.connector.describe().endpoint


def test_its_state_outlives_the_process(world, store):
    made = world.make_account()
    operation = operation_for(world, made, Action.LOCK)
    answer = world.connector.apply(operation)
    again = open_store(store.url)
    reopened = Sandbox(world.sandbox.name, again.begin, world.clock, world.slept.append)
    assert reopened.read_state(made.account).measures == {"locked"}
    assert reopened.apply(operation) == answer
    assert len(reopened.effects(made.account)) == 1
    again.close()


def test_what_was_done_and_its_key_are_stored_together_or_neither_is(world, store):
    made = world.make_account()
    operation = operation_for(world, made, Action.REMOVE_CONTENT)

    class Dead:
        def now(self):
            raise OSError("the machine died here")

    dying = Sandbox(world.sandbox.name, store.begin, Dead(), world.slept.append)
    with pytest.raises(OSError, match="died here"):
        dying.apply(operation)
    assert world.connector.read_state(made.account, content=made.content).measures == frozenset()
    assert world.connector.apply(operation).said["changed"] is True


def test_many_at_once_with_one_key_have_one_effect(world, store):
    made = world.make_account()
    operation = operation_for(world, made, Action.SUSPEND)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(world.connector.apply, [operation] * 24))
    assert all(answer == answers[0] for answer in answers)
    assert world.effects(made.account) == 1


def test_an_open_house_has_every_account_and_item_it_is_asked_for(database_url):
    store = open_store(database_url)
    clock = SimulatedClock(datetime(2026, 3, 2, 10, tzinfo=UTC))
    sandbox = Sandbox("open", store.begin, clock, lambda _: None, engine_read=store.read, open_house=True)
    assert sandbox.read_state("anyone").measures == frozenset()
    assert sandbox.resolve("anyone", content=("post",)).content_owner == {"post": "anyone"}
    sandbox.set_measures_out_of_band("anyone", {"suspended"})
    assert sandbox.read_state("anyone").measures == {"suspended"}
    store.close()
