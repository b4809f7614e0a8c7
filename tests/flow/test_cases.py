from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from gardefou.domain.records import Case, Staff
from gardefou.errors import Conflict, Denied, InvalidInput, NotFound
from gardefou.flow import cases
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from tests.flow.desk import START, Desk, open_desk, service
from tests.refusals import refused


@pytest.fixture
def desk(database_url):
    with open_desk(database_url) as opened:
        yield opened


def reported(desk: Desk, account: str, category: str = "spam", reporter: str = "r") -> str:
    body = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": account},
        "reporter": reporter,
        "category": category,
    }
    return take_many(desk.app, service(), [parse_report(body)])[0].case


def case(desk: Desk, case_id: str) -> Case:
    with desk.app.works.read() as connection:
        return cases.case_by_id(connection, case_id)


def listed(desk: Desk, **wanted):
    with desk.app.works.read() as connection:
        return cases.list_cases(connection, now=desk.clock.now(), **wanted)


def following(*given) -> str | None:
    found = cases.next_case(*given)
    return found.id if found else None


def code(refused) -> str:
    return refused.value.code


def test_next_is_the_most_urgent_and_then_the_oldest(desk):
    first = reported(desk, "a")
    desk.clock.advance(timedelta(minutes=1))
    second = reported(desk, "b")
    urgent = reported(desk, "c", category="threat")
    person = desk.person()
    taken = [cases.next_case(desk.app, person) for _ in range(4)]
    assert [one.id if one else None for one in taken] == [urgent, first, second, None]
    assert all(one.claimed_by == person.id for one in taken if one)
    desk.assert_on_record()


def test_next_of_one_queue(desk):
    reported(desk, "a", category="threat")
    spam = reported(desk, "b")
    person = desk.person()
    assert following(desk.app, person, "spam") == spam
    assert cases.next_case(desk.app, person, "spam") is None
    assert cases.next_case(desk.app, person, "impersonation") is None


def test_nobody_gets_what_another_has(desk):
    for number in range(24):
        reported(desk, f"a{number}")
    people = [desk.person() for _ in range(4)]

    def work(person):
        found = []
        while (one := cases.next_case(desk.app, person)) is not None:
            found.append(one.id)
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = [one for found in pool.map(work, people) for one in found]
    assert len(taken) == len(set(taken)) == 24
    desk.assert_on_record()


def test_what_someone_skipped_is_left_to_others(desk):
    only = reported(desk, "a")
    one, other = desk.person(), desk.person()
    cases.next_case(desk.app, one)
    assert cases.skip(desk.app, one, only).claimed_by is None
    assert cases.next_case(desk.app, one) is None
    assert following(desk.app, other) == only
    desk.assert_on_record()


def test_a_claim_ends_by_itself(desk):
    only = reported(desk, "a")
    one, other = desk.person(), desk.person()
    cases.claim(desk.app, one, only)
    with pytest.raises(Conflict) as refused:
        cases.claim(desk.app, other, only)
    assert code(refused) == "case/claimed"
    desk.clock.advance(timedelta(minutes=15))
    assert listed(desk)[0][0].claimed_by is None
    assert cases.claim(desk.app, other, only).claimed_by == other.id
    with pytest.raises(Conflict) as refused:
        cases.release(desk.app, one, only)
    assert code(refused) == "case/not_claimed"
    desk.assert_on_record()


def test_r13_a_claim_renews_once(desk):
    only = reported(desk, "a")
    person = desk.person()
    held = cases.claim(desk.app, person, only)
    assert held.claimed_until == START + timedelta(minutes=15)
    desk.clock.advance(timedelta(minutes=10))
    assert cases.claim(desk.app, person, only) == held
    assert cases.renew(desk.app, person, only).claimed_until == START + timedelta(minutes=25)
    with pytest.raises(Conflict) as refused:
        cases.renew(desk.app, person, only)
    assert code(refused) == "case/renewed"
    cases.release(desk.app, person, only)
    with pytest.raises(Conflict) as refused:
        cases.renew(desk.app, person, only)
    assert code(refused) == "case/not_claimed"


def test_new_reports_leave_a_claim_alone(desk):
    only = reported(desk, "a")
    person = desk.person()
    cases.claim(desk.app, person, only)
    reported(desk, "a", reporter="r2")
    assert case(desk, only).claimed_by == person.id
    assert cases.release(desk.app, person, only).reports == 2


def test_moving_gives_the_clock_of_the_other_queue(desk):
    only = reported(desk, "a")
    person = desk.person()
    cases.claim(desk.app, person, only)
    desk.clock.advance(timedelta(minutes=3))
    moved = cases.move(desk.app, person, only, "impersonation")
    assert (moved.queue, moved.due_at, moved.claimed_by) == ("impersonation", START + timedelta(hours=4), None)
    with pytest.raises(InvalidInput) as refused:
        cases.move(desk.app, person, only, "nowhere")
    assert (code(refused), refused.value.field) == ("case/queue", "queue")
    desk.assert_on_record()


def test_an_escalated_case_comes_before_all_others_to_someone_else(desk):
    spam = reported(desk, "a")
    reported(desk, "b", category="threat")
    one, other = desk.person(), desk.person()
    escalated = cases.escalate(desk.app, one, spam, "a court has written")
    again = cases.escalate(desk.app, one, spam)
    assert escalated.priority == again.priority == 610
    assert following(desk.app, other) == spam
    assert following(desk.app, one) != spam
    reported(desk, "a", reporter="r2")
    assert case(desk, spam).priority == 620
    with desk.app.works.read() as connection:
        (note,) = cases.case_view(connection, spam, now=desk.clock.now()).notes
    assert (note.text, note.by) == ("a court has written", one.id)
    desk.assert_on_record()


def test_nobody_works_on_what_a_colleague_holds(desk):
    only = reported(desk, "a")
    one, other = desk.person(), desk.person()
    cases.claim(desk.app, one, only)
    for work in (cases.skip, cases.escalate, lambda app, me, which: cases.move(app, me, which, "urgent")):
        with pytest.raises(Conflict) as refused:
            work(desk.app, other, only)
        assert code(refused) == "case/claimed"
    assert cases.note(desk.app, other, only, "I know this one").text == "I know this one"
    assert cases.see_evidence(desk.app, other, only).evidence_seen_by == (other.id,)
    assert cases.see_evidence(desk.app, other, only).evidence_seen_by == (other.id,)
    desk.assert_on_record()


def test_a_closed_case_is_left_alone(desk):
    only = reported(desk, "a")
    person = desk.person()
    with desk.app.works.begin() as uow:
        open_case = cases.need_case(uow, only)
        uow.record("x", by="x", platform="sandbox", puts=(replace(open_case, state="closed", version=2),))
    for work in (cases.claim, cases.release, cases.renew, cases.skip, cases.escalate):
        with pytest.raises(Conflict) as refused:
            work(desk.app, person, only)
        assert code(refused) == "case/closed"
    assert cases.next_case(desk.app, person) is None
    assert cases.see_evidence(desk.app, person, only).version == 2
    assert listed(desk)[0] == []
    assert [one.id for one in listed(desk, state="closed")[0]] == [only]


def test_what_is_not_there_is_not_found(desk):
    person = desk.person()
    for work in (
        cases.claim,
        cases.release,
        cases.see_evidence,
        lambda app, me, which: cases.note(app, me, which, "x"),
    ):
        with pytest.raises(NotFound) as refused:
            work(desk.app, person, "nothing")
        assert code(refused) == "case/not_found"


@pytest.mark.parametrize("text", ["", "  \n", "x" * 10_001, "a\x00"])
def test_a_note_says_something(desk, text):
    with pytest.raises(InvalidInput) as refused:
        cases.note(desk.app, desk.person(), reported(desk, "a"), text)
    assert code(refused) == "case/note"


def test_only_who_works_cases_does(desk):
    only = reported(desk, "a")
    for roles in (("auditor",), ("admin",)):
        with pytest.raises(Denied):
            cases.claim(desk.app, desk.person(roles=roles), only)
    with pytest.raises(Denied):
        cases.next_case(desk.app, service())


def test_who_was_put_off_meanwhile_claims_nothing(desk):
    only = reported(desk, "a")
    person = desk.person()
    with desk.app.works.begin() as uow:
        staff = uow.need(Staff, "gardefou", person.id)
        uow.record("staff.off", by="x", puts=(replace(staff, standing="suspended", version=2),))
    with pytest.raises(Denied) as refused:
        cases.claim(desk.app, person, only)
    assert code(refused) == "staff/suspended"


def test_m9_the_claims_of_someone_who_leaves_end(desk):
    ids = [reported(desk, name) for name in "abc"]
    one, other = desk.person(), desk.person()
    for case_id in ids[:2]:
        cases.claim(desk.app, one, case_id)
    cases.claim(desk.app, other, ids[2])
    with desk.app.works.begin() as uow:
        released = cases.release_all(uow, one.id, "They left.")
    assert {case.id for case in released} == set(ids[:2])
    assert [case(desk, case_id).claimed_by for case_id in ids] == [None, None, other.id]
    desk.assert_on_record()


def test_pages_follow_urgency_and_neither_repeat_nor_hide(desk):
    for number in range(7):
        reported(desk, f"a{number}", category=["spam", "threat", "other"][number % 3])
        desk.clock.advance(timedelta(seconds=number % 2))
    whole, end = listed(desk, limit=100)
    assert end is None
    assert [(-one.priority, one.due_at, one.id) for one in whole] == sorted(
        (-one.priority, one.due_at, one.id) for one in whole
    )
    pages, cursor = [], None
    for _ in range(10):
        page, cursor = listed(desk, limit=2, cursor=cursor)
        pages.extend(page)
        if cursor is None:
            break
        reported(desk, f"new{len(pages)}", category="threat")
    assert [one.id for one in pages if not one.account.startswith("new")] == [one.id for one in whole]
    assert len({one.id for one in pages}) == len(pages)
    assert {one.account for one in listed(desk, queue="spam")[0]} == {"a0", "a3", "a6"}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WzEsMl0"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"state": "odd"}, "state"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
    ],
)
def test_a_bad_page_is_refused(desk, wanted, field):
    with pytest.raises(InvalidInput) as refused:
        listed(desk, **wanted)
    assert refused.value.field == field


def test_a_state_that_there_is_not_is_answered_with_those_there_are(desk):
    with refused("case/state", "state") as caught:
        listed(desk, state="shut")
    assert caught.value.message == "state is one of open, closed, all."
    for limit in (0, 501):
        with refused("case/limit", "limit") as caught:
            listed(desk, limit=limit)
        assert caught.value.message == "limit is 1 to 500."
