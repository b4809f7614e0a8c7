"""What is going on when a process dies: one story for each kind of work that writes or reaches the platform.

``prepare`` sets the scene, once. ``act`` is what the process does that dies; it
says what it was answered. ``check`` holds what was said against what stands
after another process took over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.domain.records import Enforcement
from gardefou.flow import bulk_enforce, intake
from gardefou.flow.approve import Answer, approve_group
from gardefou.flow.cases import claim
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.intake import Intake, take_lines
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import take_many
from gardefou.flow.rollback import begin_rollback, carry
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.ledger import sequencer
from gardefou.notices.post import Sent
from gardefou.storage import tables
from tests.faults.killing import Line, Ran
from tests.flow.test_budgets import many
from tests.flow.test_notices import Box, channel, deliver, drift
from tests.flow.world import DAY, HOUR, MINUTE, World

Act = Callable[[World, Line], None]
Check = Callable[[World, Ran], None]


def _nothing(_world: World) -> None:
    """Nothing beyond the usual people and accounts."""


def _no_more(_after: World, _ran: Ran) -> None:
    """Nothing beyond what holds for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tale:
    """One kind of work; ``platform`` says whether it reaches one, so that it is told of one without keys too."""

    act: Act
    prepare: Callable[[World], None] = _nothing
    check: Check = _no_more
    platform: bool = True
    #: How long whoever takes over lets time pass.
    span: timedelta = HOUR
    #: Whether enforcements may wait for people then.
    waiting: bool = False
    #: Whether the platform was changed behind our back.
    drifted: bool = False


def pass_time(world: World, line: Line, by: timedelta) -> None:
    """Let time pass as a worker lives it, and say how late it is."""
    line.say("now", (world.now + by).isoformat())
    world.run(by)


def _report(reporter: str, account: str = "small") -> NewReport:
    return NewReport(platform="sandbox", kind="account", account=account, reporter=reporter, category="spam")


def _kept(after: World) -> list[Any]:
    with after.store.read() as connection:
        return list(connection.execute(sa.select(tables.report)).all())


# reports ---------------------------------------------------------------------------


def _reports_singly(world: World, line: Line) -> None:
    taking = Intake(world.app)
    actor = world.actor("rev")
    for reporter, account in (("a", "small"), ("b", "small"), ("c", "known")):
        line.say("report", taking.submit(actor, _report(reporter, account)).report)
    taking.close()
    world.app.sequencer.integrate_all()


def _reports_in_a_file(world: World, line: Line) -> None:
    intake.CHUNK = 4
    lines = [
        orjson.dumps(
            {
                "platform": "sandbox",
                "subject": {"kind": "account", "account": f"of-{number % 5}"},
                "reporter": f"r{number}",
                "category": "spam",
            }
        )
        for number in range(10)
    ]
    lines[6] = b"not a report"
    for result in take_lines(world.app, world.actor("rev"), lines):
        if result.taken is not None:
            line.say("report", result.taken.report)


def _reports_under_a_key(world: World, line: Line) -> None:
    for number in range(3):
        taken = take_many(world.app, world.actor("rev"), [_report(f"k{number}")], pulled_keys=[f"key-{number}"])
        line.say("report", taken[0].report)


def _all_said_are_kept(after: World, ran: Ran) -> None:
    assert {words[0] for words in ran.of("report")} <= {row.id for row in _kept(after)}


def _sent_again_they_are_one(after: World, ran: Ran) -> None:
    _all_said_are_kept(after, ran)
    for number in range(3):
        taken = take_many(after.app, after.actor("rev"), [_report(f"k{number}")], pulled_keys=[f"key-{number}"])
        said = ran.of("report")
        assert len(said) <= number or said[number] == (taken[0].report,)
    assert len(_kept(after)) == 3


# deciding and approving ------------------------------------------------------------


def _say(line: Line, *made: Enforcement) -> None:
    for one in made:
        line.say("placed", one.id, one.account, one.state)


def _a_case(world: World) -> None:
    take_many(world.app, world.actor("rev"), [_report("a"), _report("b")])


def _decided(world: World, line: Line) -> None:
    with world.store.read() as connection:
        case = connection.execute(sa.select(tables.case.c.id)).scalar_one()
    actor = world.fresh("rev")
    claim(world.app, actor, case)
    done = decide(
        world.app,
        actor,
        case,
        policy="spam",
        actions=[ActionWish(action="limit"), ActionWish(action="remove_content", content=("c1", "c2"))],
    )
    line.say("decided", done.decision.id)
    _say(line, *done.enforcements)
    _say(line, world.enforce(actor, "small2", "warn"))


def _the_decision_stands(after: World, ran: Ran) -> None:
    with after.store.read() as connection:
        kept = {row.id for row in connection.execute(sa.select(tables.decision.c.id))}
        closed = connection.execute(sa.select(tables.case.c.state)).scalar_one() == "closed"
    assert {words[0] for words in ran.of("decided")} <= kept
    # All of it or none of it.
    assert len(after.enforcements(account="small")) == (2 if kept else 0)
    assert closed == bool(kept)


def _approved(world: World, line: Line) -> None:
    made = world.enforce("rev", "president", "suspend")
    _say(line, made)
    for who in ("lead", "policy"):
        world.approve(who, made)
        line.say("approved", made.id, who)
    pass_time(world, line, 15 * MINUTE)


def _yeses_are_kept(after: World, ran: Ran) -> None:
    for enforcement, who in ran.of("approved"):
        assert who in {one.by for one in after.approvals(after.read(enforcement))}
    if len(ran.of("approved")) == 2:
        assert after.measures("president") == {"suspended"}
    else:
        approvers = {one.by for made in after.enforcements() for one in after.approvals(made)}
        assert bool(after.measures("president")) == (len(approvers) == 2)


# what time brings ------------------------------------------------------------------


def _things_to_come(world: World) -> None:
    many(world, 4, "t")
    world.enforce("rev", "t0", "suspend", until=world.now + HOUR)
    world.enforce("rev", "t1", "limit", execute_at=world.now + HOUR)
    world.person("leaver", "reviewer", last_day=world.now + timedelta(hours=30))
    world.enforce("rev", "known", "suspend")  # nobody says yes: it lapses after a day
    world.enforce("leaver", "t2", "limit", execute_at=world.now + timedelta(hours=31))
    world.enforce("rev", "t3", "label")


def _a_day_and_a_half(world: World, line: Line) -> None:
    pass_time(world, line, timedelta(hours=36))


def _time_did_its_work(after: World, ran: Ran) -> None:
    assert after.measures("t0") == frozenset()
    assert after.measures("t1") == {"limited"}
    assert after.measures("t2") == frozenset()
    assert {one.state for one in after.enforcements(account="known")} == {"lapsed"}
    assert after.staff("leaver").standing == "left"


def _beyond_a_budget(world: World) -> None:
    world.person("new", "reviewer", days=5)
    for name in many(world, 22, "b"):
        world.enforce("new", name, "limit")


def _one_yes_for_the_rest(world: World, line: Line) -> None:
    with world.store.read() as connection:
        [group] = waiting_groups(connection, world.app.config(connection))
    given = [Answer(enforcement=one.id, digest=one.digest, answer="yes") for one in group.enforcements]
    for one in approve_group(world.app, world.fresh("lead"), given):
        assert one.result is not None
        line.say("approved", one.enforcement, "lead")
    pass_time(world, line, MINUTE)


def _the_rest_went_or_waits(after: World, ran: Ran) -> None:
    states = [one.state for one in after.enforcements()]
    assert set(states) <= {"in_force", "waiting"}
    for enforcement, _ in ran.of("approved"):
        assert after.read(enforcement).state == "in_force"


# lifting ---------------------------------------------------------------------------


def _something_to_lift(world: World) -> None:
    world.enforce("rev", "small", "suspend")
    world.enforce("rev", "small", "remove_content", content=("c1",))
    world.enforce("rev2", "small", "limit", execute_at=world.now + DAY)


def _restored(world: World, line: Line) -> None:
    made = world.restore("oncall", "small")
    line.say("lifted", "small", made.restores[0].state)
    pass_time(world, line, MINUTE)


def _it_is_up_or_can_be_lifted(after: World, ran: Ran) -> None:
    asked = any(one.action == "restore" for one in after.enforcements(account="small"))
    assert asked or not ran.of("lifted")
    if not asked:
        # Nobody was answered, and nothing was done: whoever clicks again lifts it.
        after.restore("oncall", "small")
    assert after.measures("small", ("c1", "c2")) == frozenset()
    assert {one.state for one in after.enforcements(account="small") if one.severity} == {"restored", "cancelled"}


def _much_by_one(world: World) -> None:
    for name in many(world, 4, "w"):
        world.enforce("rev", name, "suspend")
    world.enforce("rev2", "w0", "limit")
    world.clock.advance(MINUTE)


def _rolled_back(world: World, line: Line) -> None:
    world.clock.advance(MINUTE)
    begun = begin_rollback(world.app, world.actor("lead"), by="rev", since=world.now - HOUR)
    assert begun.record is not None
    line.say("begun", begun.record.id)
    line.say("done", carry(world.app, begun.record.id))
    pass_time(world, line, MINUTE)


def _all_of_it_is_back(after: World, ran: Ran) -> None:
    with after.store.read() as connection:
        states = [row.state for row in connection.execute(sa.select(tables.rollback.c.state))]
    assert states == ["done"] or not ran.of("begun")
    for number in range(4):
        left = {"limited"} if number == 0 else frozenset[str]()
        assert after.measures(f"w{number}") == (left if states else left | {"suspended"})


# groups ----------------------------------------------------------------------------


def _a_list(world: World) -> None:
    many(world, 7, "g")


def _bulk(world: World, line: Line) -> None:
    bulk_enforce.CHUNK = 3
    bulk_enforce.INLINE = 2
    names = [*(f"g{number}" for number in range(7)), "president"]
    placed = bulk_enforce.enforce_bulk(world.app, world.fresh("rev"), names, world.wanted("", "limit"))
    _say(line, *placed.enforcements)
    pass_time(world, line, MINUTE)


def _whole_parts_of_the_list(after: World, ran: Ran) -> None:
    placed = [one for one in after.enforcements() if one.account != "president"]
    assert len(placed) in {0, 3, 6, 7}
    assert {one.state for one in placed} <= {"in_force"}


# the record, and telling people ----------------------------------------------------


def _small_batches(world: World, line: Line) -> None:
    sequencer.BATCH = 3
    for number in range(3):
        line.say("integrated", number, world.app.sequencer.integrate())
    world.app.sequencer.integrate_all()


def _something_to_tell(world: World) -> None:
    channel(world, "chat", "oncall")
    channel(world, "pager", "oncall")
    drift(world)


class _Outside(Box):
    """Where messages arrive: what did is known outside of the process that dies."""

    def __init__(self, line: Line) -> None:
        super().__init__("k-chat", "k-pager")
        self._line = line

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:
        def out() -> Sent:
            self._line.say("arrived", key, notice, title)
            return Sent(ok=True, answer="sent")

        return self._line.point("notice", out)


def _told(world: World, line: Line) -> None:
    world.app.post = _Outside(line)
    deliver(world)


def _told_once_or_twice_where_it_died(after: World, ran: Ran) -> None:
    """At least once; again only where a process died between sending and noting it, and then under the same id."""
    after.app.post = box = Box("k-chat", "k-pager")
    deliver(after)
    came = zip(box.got, box.notices, strict=True)
    arrived = [*ran.of("arrived"), *((key, notice, title) for (key, title, _), notice in came)]
    once = set(arrived)
    assert {key for key, _, _ in once} == {"k-chat", "k-pager"}
    assert all(notice for _, notice, _ in once)
    # Whatever comes twice comes under the id that it had.
    assert len(once) == len({(key, notice) for key, notice, _ in once})
    assert len(arrived) - len(once) <= 1
    with after.store.read() as connection:
        assert {row.state for row in connection.execute(sa.select(tables.delivery.c.state))} == {"sent"}


TALES: dict[str, Tale] = {
    "reports, one at a time": Tale(act=_reports_singly, check=_all_said_are_kept, platform=False),
    "reports, a file of them": Tale(act=_reports_in_a_file, check=_all_said_are_kept, platform=False),
    "reports, under keys": Tale(act=_reports_under_a_key, check=_sent_again_they_are_one, platform=False),
    "a decision": Tale(prepare=_a_case, act=_decided, check=_the_decision_stands),
    "two approvals": Tale(act=_approved, check=_yeses_are_kept, waiting=True),
    "what time brings": Tale(prepare=_things_to_come, act=_a_day_and_a_half, check=_time_did_its_work, span=2 * DAY),
    "one yes for a budget": Tale(
        prepare=_beyond_a_budget, act=_one_yes_for_the_rest, check=_the_rest_went_or_waits, waiting=True
    ),
    "a restore": Tale(prepare=_something_to_lift, act=_restored, check=_it_is_up_or_can_be_lifted, waiting=True),
    "a rollback": Tale(prepare=_much_by_one, act=_rolled_back, check=_all_of_it_is_back),
    "a group": Tale(prepare=_a_list, act=_bulk, check=_whole_parts_of_the_list, waiting=True),
    "checkpoints": Tale(prepare=_something_to_lift, act=_small_batches, platform=False, waiting=True),
    "notices": Tale(
        prepare=_something_to_tell, act=_told, check=_told_once_or_twice_where_it_died, platform=False, drifted=True
    ),
}
