"""Leavers lose dangerous powers before the last shift, and all of them at its end (M9)."""

from __future__ import annotations

from datetime import datetime

import pytest

from gardefou.errors import Denied
from gardefou.flow.change import pause, propose
from tests.flow.world import DAY, HOUR, MINUTE


def leave(world, who, last_day: datetime | None):
    said = None if last_day is None else last_day.isoformat()
    return propose(world.app, world.fresh("admin"), "leave", {"staff": who, "last_day": said})


def test_m9_from_notice_on_nothing_on_notable_accounts_and_no_approvals(world):
    leave(world, "lead", world.now + 10 * DAY)
    assert world.enforce("lead", "known", "suspend").state == "refused"
    made = world.enforce("rev", "known", "suspend")
    with pytest.raises(Denied) as refused:
        world.approve("lead", made)
    assert refused.value.code == "staff/leaving"
    assert world.enforce("lead", "small", "suspend").state == "in_force"


def test_m9_fourteen_days_before_at_the_latest_without_any_notice(world):
    world.person("quiet", "lead", last_day=world.now + 20 * DAY)
    made = world.enforce("rev", "known", "suspend", execute_at=world.now + 7 * DAY)
    world.approve("quiet", made)
    world.run(7 * DAY)
    assert world.read(made).state == "lapsed"


def test_m9_severity_4_needs_one_other(world):
    leave(world, "rev", world.now + 10 * DAY)
    assert world.enforce("rev", "small", "deactivate").state == "waiting"


def test_m9_the_last_24_hours(world):
    world.sandbox.put_account("big", handle="bigger", reach=1_000)
    world.person("leaver", "reviewer", last_day=world.now + 20 * HOUR)
    assert world.enforce("leaver", "small", "deactivate").state == "refused"
    assert world.enforce("leaver", "big", "limit").state == "refused"
    assert world.enforce("leaver", "small", "suspend").state == "in_force"


def test_m9_the_last_hour_is_read_only_and_the_eleven_minutes_do_not_happen(world):
    """An hour before leaving for good: a click on the account of a head of state."""
    world.person("leaver", "reviewer", last_day=world.now + 55 * MINUTE)
    for account in ("president", "small"):
        with pytest.raises(Denied) as refused:
            world.enforce("leaver", account, "deactivate")
        assert refused.value.code == "staff/read_only"
    assert world.effects("president") == []


def test_m9_scheduling_and_then_leaving_does_nothing(world):
    made = world.enforce("rev", "small", "suspend", execute_at=world.now + 3 * DAY)
    leave(world, "rev", world.now + DAY)
    world.run(4 * DAY)
    assert world.read(made).state == "lapsed"
    assert world.effects("small") == []
    assert world.staff("rev").standing == "left"


def test_m9_what_waited_lapses_and_the_lead_is_told(world):
    waiting = world.enforce("rev", "known", "suspend")
    small = world.enforce("rev", "small", "suspend", execute_at=world.now + HOUR)
    leave(world, "rev", world.now + 10 * DAY)
    assert world.read(waiting).state == "lapsed"
    assert world.read(small).state == "waiting"
    assert world.events("alert.raised", about=waiting.id)


def test_m9_off_takes_everything_at_once(world):
    waiting = world.enforce("rev", "known", "suspend")
    propose(world.app, world.actor("admin"), "off", {"staff": "rev"})
    assert world.read(waiting).state == "lapsed"
    with pytest.raises(Denied) as refused:
        world.actor("rev")
    assert refused.value.code == "staff/left"


def test_m9_off_lapses_only_what_is_that_persons(world):
    """Ids that look alike to a pattern are other people."""
    world.person("a_b", "reviewer")
    world.person("axb", "reviewer")
    other = world.enforce("axb", "known", "suspend")
    propose(world.app, world.actor("admin"), "off", {"staff": "a_b"})
    assert world.read(other).state == "waiting"


def test_m9_a_services_work_ends_with_its_owner(world):
    service = world.service("detector", owner="lead")
    made = world.enforce(service, "known", "suspend")
    propose(world.app, world.actor("admin"), "off", {"staff": "lead"})
    assert world.read(made).state == "lapsed"


def test_m9_the_end_of_the_last_day_comes_by_itself(world):
    world.person("leaver", "reviewer", last_day=world.now + 20 * DAY)
    world.run(21 * DAY)
    assert world.staff("leaver").standing == "left"
    with pytest.raises(Denied):
        world.actor("leaver")


def test_m9_a_later_last_day_waits_for_people(world):
    leave(world, "rev", world.now + 10 * DAY)
    assert leave(world, "rev", world.now + 12 * DAY).state == "waiting"
    assert leave(world, "rev", None).state == "waiting"
    assert leave(world, "rev", world.now + 5 * DAY).state == "in_force"


def test_m9_a_leaver_still_restores_and_pauses(world):
    world.enforce("rev", "small", "suspend")
    leave(world, "rev2", world.now + 10 * DAY)
    assert world.restore("rev2", "small").restores[0].state == "in_force"
    assert pause(world.app, world.actor("rev2"), "look").state == "in_force"


def test_m9_a_leaver_does_nothing_by_token(world):
    leave(world, "rev", world.now + 10 * DAY)
    assert world.enforce(world.fresh("rev", via="api"), "small", "suspend").state == "refused"
