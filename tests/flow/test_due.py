"""What the clock brings, and that `next_due` knows of all of it."""

from __future__ import annotations

from gardefou.errors import Stale
from gardefou.flow.changes.staff import put_off
from gardefou.flow.due import next_due, run_due
from tests.flow.world import DAY, HOUR, MINUTE


def test_nothing_due_is_nothing_done(world):
    world.settle()
    assert run_due(world.app) == 0
    assert next_due(world.app) is None


def test_next_due_names_holds_hours_deadlines_ends_and_last_days(world):
    start = world.now
    world.person("leaver", "reviewer", last_day=start + 20 * DAY)
    assert next_due(world.app) == start + 20 * DAY
    world.enforce("rev", "small", "suspend", until=start + 9 * DAY)
    assert next_due(world.app) == start + 9 * DAY
    world.enforce("rev", "small2", "limit", execute_at=start + 2 * DAY)
    assert next_due(world.app) == start + 2 * DAY
    world.enforce("rev", "known", "suspend")
    assert next_due(world.app) == start + DAY
    made = world.enforce("rev", "president", "deactivate")
    assert next_due(world.app) == start + 4 * HOUR
    world.approve("lead", made)
    world.approve("policy", made)
    assert next_due(world.app) == start + 30 * MINUTE


def test_a_retry_is_due_when_its_wait_is_over(world):
    world.enforce("rev", "small", "warn")
    world.sandbox.switch(down=True)
    made = world.enforce("rev", "small", "suspend")
    assert next_due(world.app) == made.next_attempt_at


def test_run_due_comes_to_an_end_at_every_moment(days):
    """Work that begets work at one instant would keep a worker busy for ever."""
    world = days
    for number in range(30):
        world.sandbox.put_account(f"a{number}", handle=f"some person {number}", reach=1)
        world.enforce("rev", f"a{number}", "limit", execute_at=world.now + HOUR, until=world.now + 2 * HOUR)
    world.sandbox.switch(down=True)
    world.run(90 * MINUTE)
    world.up()
    world.run(2 * HOUR)
    assert {one.state for one in world.enforcements() if one.severity} == {"restored"}
    assert run_due(world.app) == 0
    world.assert_sound()


def test_waiting_for_a_checkpoint_does_not_count_as_work(world):
    world.approve("lead", world.enforce("rev", "known", "suspend"))
    assert run_due(world.app) == 0
    world.app.sequencer.integrate_all()
    assert run_due(world.app) == 1


def test_severity_5_waits_three_days_and_anyone_can_cut_it(world):
    made = world.approve("lead", world.enforce("rev", "small", "delete"))
    world.run(71 * HOUR)
    assert world.effects("small") == []
    world.restore("rev2", "small")
    world.run(5 * DAY)
    assert world.read(made).state == "cancelled"
    assert world.effects("small") == []


def test_m9_a_last_day_that_cannot_be_ended_now_keeps_nothing_else_waiting(world, monkeypatch):
    made = world.enforce("rev", "small", "limit", execute_at=world.now + HOUR)
    for who in ("first", "second"):
        world.person(who, "reviewer", last_day=world.now + HOUR)
    left: list[str] = []

    def overtaken(uow, person, **more):
        if not left:
            left.append(person.id)
            raise Stale("cases/stale", "Somebody else was first.")
        put_off(uow, person, **more)

    monkeypatch.setattr("gardefou.flow.due.put_off", overtaken)
    world.clock.advance(HOUR)
    run_due(world.app)
    assert world.read(made).state == "in_force"
    run_due(world.app)
    assert {world.staff(who).standing for who in ("first", "second")} == {"left"}
