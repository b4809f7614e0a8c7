"""What the nets are told is gathered with three statements at most, and is what the record says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from gardefou.flow import facts as facts_of
from gardefou.flow.cases import claim
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.fact_reads import Past
from gardefou.flow.place import place
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.storage import fast
from tests.flow.test_budgets import put_nets
from tests.flow.world import DAY, HOUR, START, World

_EVERYTHING = """
[[net]]
id = "reads-everything"
title = "Reads every count there is"
because = "no fact is left out because no net asks for it"
when = 'recent.actor_reversed_7d > 99 or recent.team_1h.all > 99999 or recent.platform_1h.all > 99999 or recent.actor_24h.reach > 999999999'
[net.require]
approvals = 1
from = ["lead"]
"""


class Counted:
    """The statements that were sent while facts were gathered, and what was read before for them."""

    def __init__(self) -> None:
        self.gathered: list[list[str]] = []
        self.now: list[str] | None = None

    def note(self, text: str) -> None:
        if self.now is not None:
            self.now.append(text)


@pytest.fixture
def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """Count every statement within `gather`, whoever sends it: handed to the driver, by SQLAlchemy, or read ahead."""
    found = Counted()
    gather, run, every = facts_of.gather, fast.Fast._run, fast.Fast.all

    def gathering(*given: Any, **named: Any) -> Any:
        found.now = []
        try:
            return gather(*given, **named)
        finally:
            found.gathered.append(found.now)
            found.now = None

    def sent(self: fast.Fast, connection: Any, made: Any, bound: Any) -> Any:
        found.note(made.text)
        return run(self, connection, made, bound)

    def handed(self: fast.Fast, connection: Any, values: Any = None) -> Any:
        before = len(found.now or ())
        rows = every(self, connection, values)
        if found.now is not None and len(found.now) == before:
            found.note(f"read ahead: {self._statement}")
        return rows

    monkeypatch.setattr(facts_of, "gather", gathering)
    monkeypatch.setattr(fast.Fast, "_run", sent)
    monkeypatch.setattr(fast.Fast, "all", handed)

    @event.listens_for(world.store.writer, "before_cursor_execute")
    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.note(statement)

    yield found
    event.remove(world.store.writer, "before_cursor_execute", executed)


@contextmanager
def at_most_three(counted: Counted, times: int = 1) -> Iterator[None]:
    counted.gathered.clear()
    yield
    assert len(counted.gathered) == times
    for statements in counted.gathered:
        assert 1 <= len(statements) <= 3, "\n\n".join(statements)


def report(world: World, account: str, *content: str) -> str:
    reporter = replace(world.service("forms"), scopes=("reports:write",))
    subject = {"account": account}
    given = [
        parse_report(
            {
                "platform": "sandbox",
                "subject": {"kind": "content", "content": item, **subject} if item else {"kind": "account", **subject},
                "reporter": "u",
                "category": "spam",
            }
        )
        for item in content or ("",)
    ]
    return take_many(world.app, reporter, given)[0].case


@pytest.mark.parametrize("nets", ["default", "reads-everything"])
def test_an_ordinary_act_takes_three_statements_at_most(world, counted, nets):
    if nets != "default":
        put_nets(world, _EVERYTHING)
    for action in ("warn", "suspend"):
        with at_most_three(counted):
            world.enforce("rev", "small", action)
    with at_most_three(counted):
        world.enforce("rev", "small2", "suspend", execute_at=world.now + HOUR)
    with at_most_three(counted):
        world.enforce("rev", "known", "suspend")


@pytest.mark.parametrize("nets", ["default", "reads-everything"])
def test_content_on_a_case_takes_three_statements_at_most(world, counted, nets):
    if nets != "default":
        put_nets(world, _EVERYTHING)
    case = report(world, "small", "c1", "c1", "c2")
    reviewer = world.fresh("rev")
    claim(world.app, reviewer, case)
    with at_most_three(counted):
        made = decide(
            world.app,
            reviewer,
            case,
            policy="spam",
            rationale="Spam.",
            actions=[ActionWish(action="remove_content", content=("c1", "c2", "c3"))],
        )
    assert made.enforcements[0].facts["case.reports"] == 0


@pytest.mark.parametrize("nets", ["default", "reads-everything"])
def test_a_service_takes_three_statements_at_most(world, counted, nets):
    if nets != "default":
        put_nets(world, _EVERYTHING)
    bot = world.service("bot")
    with at_most_three(counted):
        world.enforce(bot, "small", "limit")


def test_many_at_once_take_hardly_more_than_one(world, counted):
    for number in range(20):
        world.sandbox.put_account(f"b{number}", handle=f"b person {number}", reach=1)
    wishes = [world.prepare(f"b{number}", "suspend") for number in range(20)]
    counted.gathered.clear()
    place(world.app, world.fresh("rev"), wishes, bulk=20)
    assert sum(len(one) for one in counted.gathered) <= 20 + 2


def test_facts_are_what_the_record_says(world):
    put_nets(world, _EVERYTHING)
    world.person("mate", "reviewer", team="team-rev")
    world.enforce("rev", "small", "suspend")
    world.enforce("rev", "small2", "limit")
    world.enforce("mate", "known", "warn")
    world.restore("oncall", "small")
    world.settle()
    made = world.enforce("rev", "small", "limit")
    facts = made.facts
    assert facts["account.enforced_24h"] == 1
    assert facts["account.restored_30d"] == 1
    assert facts["actor.involved_30d"] is True
    assert facts["recent.actor_1h.all"] == facts["recent.actor_24h.all"] == 2
    assert facts["recent.actor_1h.severity3"] == 1
    assert facts["recent.actor_1h.reach"] == 10
    assert facts["recent.team_1h.all"] == 3
    assert facts["recent.platform_1h.all"] == 3
    assert facts["recent.platform_1h.severity3"] == 1
    assert facts["recent.actor_reversed_7d"] == 1
    world.clock.advance(2 * HOUR)
    later = world.enforce("rev", "small2", "lock").facts
    assert later["recent.actor_1h.all"] == 0
    assert later["recent.actor_24h.all"] == 3
    world.clock.advance(DAY)
    assert world.enforce("rev2", "small2", "warn").facts["account.enforced_24h"] == 0


def test_reports_of_an_item_count_whichever_name_of_the_account_they_gave(world):
    case = report(world, "small", "c1", "c1", "c2")
    reviewer = world.fresh("rev")
    claim(world.app, reviewer, case)
    wish = ActionWish(action="remove_content", content=("c1",))
    made = decide(world.app, reviewer, case, policy="spam", rationale="Spam.", actions=[wish])
    assert made.enforcements[0].facts["case.reports"] == 2


@pytest.mark.parametrize(("action", "severity"), [("warn", 1), ("limit", 2), ("suspend", 3), ("deactivate", 4)])
def test_what_others_did_is_counted_by_its_severity_for_the_platform_and_the_team(world, action, severity):
    put_nets(world, _EVERYTHING)
    world.person("mate", "reviewer", team="team-rev")
    world.enforce("mate", "small", action)
    made = world.enforce("rev", "small2", "warn")
    for scope in ("team_1h", "platform_1h"):
        assert made.facts[f"recent.{scope}.all"] == 1
        assert made.facts[f"recent.{scope}.severity3"] == (1 if severity >= 3 else 0)
        assert made.facts[f"recent.{scope}.severity4"] == (1 if severity >= 4 else 0)
        assert made.facts[f"recent.{scope}.reach"] == (10 if severity >= 3 else 0)


NOW = START
PAST = Past(
    action="suspend",
    state="in_force",
    severity=3,
    content=(),
    placed_by="rev",
    placed_at=NOW,
    humans=("rev",),
    unapproved=False,
    approved_by=None,
)


def test_an_effect_counts_for_a_day_and_one_to_come_for_a_month():
    def counts(state: str, age: timedelta, *, unapproved: bool = False) -> bool:
        return replace(PAST, state=state, placed_at=NOW - age, unapproved=unapproved).counts_as_effect(NOW)

    moment = timedelta(microseconds=1)
    for state in ("in_force", "ended", "restored"):
        assert counts(state, DAY - moment)
        assert not counts(state, DAY)
    for state in ("refused", "cancelled", "lapsed", "failed"):
        assert not counts(state, moment)
    for state in ("waiting", "ready", "executing", "unknown"):
        assert counts(state, 30 * DAY - moment)
        assert not counts(state, 30 * DAY)
    # What waits for people does nothing by itself.
    assert not counts("waiting", moment, unapproved=True)
    assert counts("ready", moment, unapproved=True)


def test_a_restore_counts_for_a_month_where_a_person_did_it():
    restored = replace(PAST, action="restore", placed_at=NOW - 30 * DAY + timedelta(microseconds=1))
    assert restored.counts_as_restore(NOW)
    assert not replace(restored, placed_at=NOW - 30 * DAY).counts_as_restore(NOW)
    assert not replace(restored, action="suspend").counts_as_restore(NOW)
    assert not replace(restored, placed_by="system").counts_as_restore(NOW)
    for state in ("refused", "cancelled", "lapsed", "waiting", "failed"):
        assert not replace(restored, state=state).counts_as_restore(NOW)


def test_r16_whoever_placed_approved_or_stands_behind_it_was_part_of_it():
    part = replace(PAST, placed_by="forms", humans=("owner", "issuer"), approved_by="lead\npolicy")
    assert all(part.involves(person) for person in ("forms", "owner", "issuer", "lead", "policy"))
    assert not any(part.involves(person) for person in ("rev", "", "lead\npolicy"))
    assert not replace(part, state="refused").involves("lead")
    assert not replace(part, state="refused").involves("forms")
    assert not replace(part, approved_by=None).involves("lead")
