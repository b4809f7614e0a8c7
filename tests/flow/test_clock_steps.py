"""A clock that is set, forwards or back: harm waits longer, never shorter, and a restore waits for nothing (R18)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gardefou.clock import SystemClock, from_micros
from gardefou.errors import Conflict
from gardefou.flow.due import run_due
from gardefou.settings import Settings
from gardefou.worker import Worker
from tests.flow.world import DAY, HOUR, MINUTE, START, World

STEPS = [timedelta(hours=-1), timedelta(days=-1)]
_S = 1_000_000_000


class SetClock:
    """A clock that anyone may set to anything."""

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at

    def advance_to(self, at):
        self.at = max(self.at, at)

    def advance(self, by):
        self.at += by


class Machine:
    """A machine whose clock may be set, and on which time passes all the same; in nanoseconds."""

    def __init__(self):
        self.wall, self.passed = 1_000_000 * _S, 5 * _S
        self.clock = SystemClock(lambda: self.wall, lambda: self.passed)

    def wait(self, seconds):
        self.wall += int(seconds * _S)
        self.passed += int(seconds * _S)

    def step(self, by):
        self.wall += by // timedelta(microseconds=1) * 1000


@pytest.fixture
def world(database_url):
    made = World(database_url, clock=SetClock(START))
    made.people()
    made.accounts()
    yield made
    made.close()


@pytest.mark.parametrize("step", [HOUR, DAY, -HOUR, -DAY])
def test_r18_a_running_process_does_not_jump_with_its_machines_clock(step):
    machine = Machine()
    before = machine.clock.now()
    machine.step(step)
    machine.wait(600)
    # Ten minutes are ten minutes, but for a thousandth.
    assert abs(machine.clock.now() - before - timedelta(minutes=10)) <= timedelta(seconds=0.6)
    assert abs(abs(machine.clock.stepped) - abs(step)) <= timedelta(seconds=0.6)


def test_r18_forward_and_back_again_is_as_if_nothing_had_been():
    machine = Machine()
    before = machine.clock.now()
    machine.step(DAY)
    machine.wait(10)
    machine.step(-DAY)
    machine.wait(50)
    assert machine.clock.now() - before == timedelta(minutes=1)
    assert machine.clock.stepped == timedelta(0)


def test_a_clock_that_is_a_little_off_is_followed_and_never_runs_back():
    machine = Machine()
    machine.step(timedelta(milliseconds=-300))
    last = machine.clock.now()
    for _ in range(400):
        machine.wait(1)
        assert machine.clock.now() >= last
        last = machine.clock.now()
    assert last == from_micros(machine.wall // 1000)


@pytest.mark.parametrize("step", STEPS)
def test_r18_after_a_step_back_nothing_harms_and_everything_can_be_lifted(world, step):
    done = world.enforce("rev", "small", "suspend")
    held = world.enforce("rev", "small2", "suspend", execute_at=world.now + HOUR)
    world.settle()
    right = world.now
    world.clock.at = right + step
    with pytest.raises(Conflict) as caught:
        world.enforce("rev", "small2", "limit")
    assert caught.value.code == "clock/behind"
    run_due(world.app)
    assert world.read(held).state == "waiting"
    assert world.restore("oncall", "small").restores[0].state == "in_force"
    assert world.read(done).state == "restored"
    assert world.measures("small") == frozenset()
    # Set right again, everything goes on where it was.
    world.clock.at = right
    world.run(HOUR + MINUTE)
    assert world.read(held).state == "in_force"
    world.assert_sound()


@pytest.mark.parametrize("step", [HOUR, DAY])
def test_r18_a_step_forward_and_back_leaves_nothing_executed_twice_and_nothing_harmful_before_its_time(world, step):
    held = world.enforce("rev", "small", "suspend", execute_at=world.now + 2 * DAY)
    right = world.now
    world.clock.at = right + step
    # Something is recorded at the wrong hour, and signed.
    world.enforce("rev", "small2", "limit")
    world.settle()
    world.clock.at = right
    with pytest.raises(Conflict):
        world.enforce("rev2", "small2", "suspend")
    assert world.restore("oncall", "small2").restores[0].state == "in_force"
    world.run_until(right + step + 3 * MINUTE)
    assert world.read(held).state == "waiting"
    world.run_until(right + 2 * DAY + MINUTE)
    assert world.read(held).state == "in_force"
    assert len(world.effects("small")) == 1
    world.assert_sound()


@pytest.mark.parametrize("step", STEPS)
def test_m9_who_has_left_stays_gone_when_the_clock_is_set_back(world, step):
    world.person("leaver", "reviewer", last_day=world.now + HOUR)
    world.run(2 * HOUR)
    assert world.staff("leaver").standing == "left"
    world.clock.at += step
    run_due(world.app)
    assert world.staff("leaver").standing == "left"


def test_r18_checkpoints_are_never_signed_at_an_earlier_moment_than_the_one_before(world):
    import sqlalchemy as sa

    from gardefou.storage import tables

    world.enforce("rev", "small", "suspend")
    world.settle()
    world.clock.at -= HOUR
    world.restore("oncall", "small")
    world.app.sequencer.integrate_all()
    with world.store.read() as connection:
        order = sa.select(tables.checkpoint.c.at).where(tables.checkpoint.c.platform == "sandbox")
        moments = connection.execute(order.order_by(tables.checkpoint.c.size)).scalars().all()
    assert moments == sorted(moments)
    world.clock.at += HOUR
    world.assert_sound()


def test_the_worker_says_once_that_the_machines_clock_was_set(sqlite_url, caplog):
    machine = Machine()
    world = World(sqlite_url)
    world.app.clock, settled = machine.clock, world.app.clock
    worker = Worker(world.app, Settings())
    worker._note_clock()
    machine.step(timedelta(hours=1))
    worker._note_clock()
    worker._note_clock()
    assert [record.getMessage() for record in caplog.records if "clock" in record.getMessage()] == [
        "the machine's clock was set by +3600 seconds; restart this process to take it as it is"
    ]
    world.app.clock = settled
    world.close()
