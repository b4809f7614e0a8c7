"""What a pause held back goes on when it ends, and what a leaver had waiting comes back to the queue."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import Case
from gardefou.flow.cases import case_by_id, next_case
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.reports import NewReport, take_many
from gardefou.people.actor import Actor
from gardefou.storage import tables


def test_m1_what_a_long_pause_held_back_goes_on_with_the_resume(world):
    world.sandbox.put_account("later", handle="later", reach=1)
    at = world.now + timedelta(hours=1)
    made = world.enforce("rev", "later", "suspend", execute_at=at)
    pause(world.app, world.actor("oncall"), "something is wrong")
    world.run(timedelta(hours=20))
    assert world.read(made).state == "ready"
    resume(world.app, world.actor("oncall"), "mended")
    resume(world.app, world.actor("lead"), "mended")
    world.run(timedelta(seconds=1))
    assert world.read(made).state == "in_force"


def test_m9_what_a_leaver_had_waiting_is_back_in_the_queue(world):
    world.sandbox.put_account("star", handle="star", reach=900_000)
    reporter = Actor(id="system", via="system")
    report = NewReport(platform="sandbox", kind="account", account="star", reporter="u1", category="spam")
    taken = take_many(world.app, reporter, [report])[0]
    case = next_case(world.app, world.actor("rev"))
    assert case is not None
    assert case.id == taken.case
    made = decide(
        world.app, world.actor("rev"), case.id, policy="spam", rationale="many", actions=[ActionWish(action="suspend")]
    )
    assert [one.state for one in made.enforcements] == ["waiting"]
    propose(world.app, world.actor("admin"), "off", {"staff": "rev"})
    with world.app.works.read() as connection:
        found: Case = case_by_id(connection, case.id)
        kinds = (
            connection.execute(sa.select(tables.event.c.kind).where(tables.event.c.about == case.id)).scalars().all()
        )
    assert found.state == "open"
    assert "case.reopened" in kinds
    assert world.read(made.enforcements[0]).state == "lapsed"
    world.assert_sound()
