"""What the queue's page counts, how a case's reports came in, and taking a decision back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from gardefou.errors import Conflict, Denied
from gardefou.flow import queue_reading
from gardefou.flow.case_reading import arrivals, case_by_id, list_cases
from gardefou.flow.cases import claim, held_by
from gardefou.flow.decide import ActionWish, decide, enforce
from gardefou.flow.queue_reading import claims, open_queues, queue_counts
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.flow.spec import Wanted
from gardefou.flow.take_back import take_back
from gardefou.storage import tables
from tests.flow.world import HOUR, World


@pytest.fixture
def world(database_url):
    made = World(database_url)
    made.people()
    made.accounts()
    yield made
    made.close()


def report(world: Any, ref: str, category: str = "spam", reporter: str = "u") -> str:
    forms = getattr(world, "forms", None) or replace(world.service("forms"), scopes=("reports:write",))
    world.forms = forms
    given = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": ref},
        "reporter": reporter,
        "category": category,
    }
    return take_many(world.app, forms, [parse_report(given)])[0].case


def test_each_queue_says_what_waits_what_is_late_and_what_is_in_hand(world):
    first = report(world, "small")
    report(world, "small2")
    report(world, "known", "threat")
    rev = world.fresh("rev")
    world.clock.advance(2 * HOUR)
    claim(world.app, rev, first)
    with world.store.read() as connection:
        assert open_queues(connection) == ["spam", "urgent"]
        spam, urgent, general = queue_counts(connection, ["spam", "urgent", "general"], world.now)
        held = claims(connection, world.now)
        later = queue_counts(connection, ["spam"], world.now + 30 * HOUR)
    assert (spam.waiting, spam.late, spam.in_hand) == (2, 0, 1)
    assert (urgent.waiting, urgent.late, urgent.in_hand) == (1, 1, 0)
    assert urgent.first_due == world.now - HOUR
    assert (general.waiting, general.first_due) == (0, None)
    assert [case.id for case in held] == [first]
    assert (later[0].late, later[0].in_hand) == (2, 0)


def test_all_queues_together_are_most_urgent_first_and_page_by_cursor(world):
    for ref, category in (("small", "spam"), ("small2", "threat"), ("known", "impersonation")):
        report(world, ref, category)
    with world.store.read() as connection:
        whole, end = list_cases(connection, now=world.now)
        one, cursor = list_cases(connection, now=world.now, limit=1)
        rest, _ = list_cases(connection, now=world.now, limit=2, cursor=cursor)
    assert end is None
    assert [case.priority for case in whole] == sorted((case.priority for case in whole), reverse=True)
    assert [*one, *rest] == whole


def test_counting_and_listing_take_the_same_number_of_queries_whatever_waits(world):
    asked: list[str] = []

    @event.listens_for(world.store.reader, "before_cursor_execute")
    def executed(_connection, _cursor, statement, *_):
        asked.append(statement)

    def look() -> int:
        asked.clear()
        with world.store.read() as connection:
            list_cases(connection, now=world.now)
            queue_counts(connection, ["spam", "urgent"], world.now)
            claims(connection, world.now)
        return len(asked)

    report(world, "small")
    before = look()
    for ref, category in (("small2", "threat"), ("known", "impersonation")):
        report(world, ref, category)
    assert look() == before


def test_the_picture_of_a_burst_counts_every_report(world):
    case = report(world, "small")
    for number in range(5):
        world.clock.advance(timedelta(minutes=1))
        report(world, "small", reporter=f"r{number}")
    for number in range(300):
        report(world, "small", reporter=f"s{number}")
    with world.store.read() as connection:
        drawn = arrivals(connection, case_by_id(connection, case))
    assert drawn is not None
    assert sum(drawn.counts) == 306
    assert drawn.counts[-1] == 301
    assert drawn.last - drawn.first == timedelta(minutes=5)


def test_a_single_report_has_no_picture(world):
    case = report(world, "small")
    with world.store.read() as connection:
        assert arrivals(connection, case_by_id(connection, case)) is None


# taking a decision back ------------------------------------------------------


def test_no_violation_taken_back_opens_the_case_in_the_same_hands(world):
    case = report(world, "small")
    rev = world.fresh("rev")
    made = decide(world.app, rev, case, outcome="no_violation")
    back = take_back(world.app, rev, case, made.decision.id)
    assert back.case.state == "open"
    assert held_by(back.case, world.now) == rev.id
    assert back.restore is None
    with world.store.read() as connection:
        kinds = [row.kind for row in connection.execute(sa.select(tables.event).where(tables.event.c.about == case))]
    assert kinds[-2:] == ["case.reopened", "case.claimed"]


def test_what_a_decision_did_is_lifted_and_a_colleagues_measure_stands(world):
    lead = world.fresh("lead")
    enforce(
        world.app, lead, Wanted(platform="sandbox", account="small", action="limit", policy="spam", rationale="Spam.")
    )
    case = report(world, "small")
    rev = world.fresh("rev")
    made = decide(world.app, rev, case, policy="spam", rationale="Spam.", actions=[ActionWish(action="suspend")])
    assert world.measures("small") == {"limited", "suspended"}
    back = take_back(world.app, rev, case, made.decision.id)
    assert world.measures("small") == {"limited"}
    assert back.restore is not None
    assert back.case.state == "open"
    assert held_by(back.case, world.now) is None


def test_nobody_takes_a_colleagues_decision_back_nor_an_old_one(world):
    case = report(world, "small")
    made = decide(world.app, world.fresh("rev"), case, outcome="no_violation")
    with pytest.raises(Denied, match="Only whoever decided"):
        take_back(world.app, world.fresh("lead"), case, made.decision.id)
    world.clock.advance(timedelta(minutes=61))
    with pytest.raises(Conflict, match="within an hour"):
        take_back(world.app, world.fresh("rev"), case, made.decision.id)


def test_a_case_whose_subject_was_reported_again_stays_closed(world):
    case = report(world, "small")
    rev = world.fresh("rev")
    made = decide(world.app, rev, case, outcome="no_violation")
    again = report(world, "small", reporter="another")
    assert again != case
    assert take_back(world.app, rev, case, made.decision.id).case.state == "closed"


def test_no_more_claims_are_told_than_a_page_holds(world, monkeypatch):
    reviewer = world.fresh("rev")
    for ref in ("small", "small2", "known"):
        claim(world.app, reviewer, report(world, ref))
    monkeypatch.setattr(queue_reading, "MOST_CLAIMS", 2)
    with world.store.read() as connection:
        assert len(claims(connection, world.now)) == 2
