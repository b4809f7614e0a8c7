from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gardefou.domain.records import Decision, Enforcement
from gardefou.errors import Conflict, Denied, InvalidInput, NotFound, Stale, StepUpRequired, Unavailable
from gardefou.flow import cases
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.decide import ActionWish, decide, enforce, preview_decision, preview_wanted
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.flow.spec import Wanted
from gardefou.nets.phrasebook import count, duration
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from tests.flow.desk import START, Desk, open_desk, service
from tests.refusals import refused

SUSPEND = (ActionWish(action="suspend"),)
JUDGEMENTS: tuple[dict[str, Any], ...] = ({"outcome": "no_violation"}, {"policy": "spam", "actions": SUSPEND})


@pytest.fixture
def desk(database_url):
    with open_desk(database_url) as opened:
        sandbox = opened.sandbox
        sandbox.put_account("1001", handle="spammer", reach=12)
        sandbox.put_content("c1", account="1001", text="buy")
        sandbox.put_content("c2", account="1001", text="buy more")
        sandbox.put_account("president", handle="president", reach=41_000_000, labels=("head_of_state",))
        sandbox.put_account("singer", handle="singer", reach=200_000)
        yield opened


def reported(desk: Desk, account: str = "1001", content: str | None = None) -> str:
    subject = {"kind": "content" if content else "account", "account": account}
    if content:
        subject["content"] = content
    body = {"platform": "sandbox", "subject": subject, "reporter": "r", "category": "spam"}
    return take_many(desk.app, service(), [parse_report(body)])[0].case


def seen(desk: Desk, account: str = "1001", *content: str) -> frozenset[str]:
    return desk.sandbox.read_state(account, content=content).measures


def view(desk: Desk, case_id: str):
    with desk.app.works.read() as connection:
        return cases.case_view(connection, case_id, now=desk.clock.now())


def placed(desk: Desk) -> list[Enforcement]:
    with desk.app.works.read() as connection:
        return fetch_all(connection, Enforcement, sa.select(tables.enforcement))


def decisions(desk: Desk) -> list[Decision]:
    with desk.app.works.read() as connection:
        return fetch_all(connection, Decision, sa.select(tables.decision))


def wanted(account: str = "1001", **more) -> Wanted:
    given: dict[str, Any] = {"platform": "sandbox", "account": account, "action": "suspend", "policy": "spam", **more}
    return Wanted(**given)


def test_no_violation_closes_the_case_and_nothing_happens(desk):
    case_id = reported(desk)
    person = desk.person()
    done = decide(desk.app, person, case_id, outcome="no_violation", rationale="a parody")
    assert (done.enforcements, done.case.state, done.case.decision_id) == ((), "closed", done.decision.id)
    assert (done.decision.outcome, done.decision.by, done.decision.rationale) == ("no_violation", person.id, "a parody")
    assert placed(desk) == []
    assert view(desk, case_id).decisions == (done.decision,)
    desk.assert_on_record()


def test_a_decision_is_carried_out_at_once_where_no_net_speaks(desk):
    case_id = reported(desk)
    done = decide(desk.app, desk.person(), case_id, policy="spam", actions=SUSPEND)
    (one,) = done.enforcements
    assert (one.state, one.case_id, one.decision_id) == ("in_force", case_id, done.decision.id)
    assert seen(desk) == {"suspended"}
    assert done.case.state == "closed"
    assert view(desk, case_id).enforcements == (one,)
    desk.assert_on_record()


def test_several_actions_are_one_decision_and_the_cases_item_is_meant(desk):
    case_id = reported(desk, content="c1")
    actions = (ActionWish(action="remove_content"), ActionWish(action="limit", until=START + timedelta(days=3)))
    done = decide(desk.app, desk.person(), case_id, policy="spam", actions=actions)
    assert [one.state for one in done.enforcements] == ["in_force", "in_force"]
    assert [one.content for one in done.enforcements] == [("c1",), ()]
    assert len({one.group_id for one in done.enforcements}) == 1
    assert seen(desk, "1001", "c1", "c2") == {"removed:c1", "limited"}
    desk.assert_on_record()


def test_all_or_none(desk):
    case_id = reported(desk)
    bad = (ActionWish(action="limit"), ActionWish(action="remove_content", content=("nothing",)))
    with pytest.raises((NotFound, Conflict)):
        decide(desk.app, desk.person(), case_id, policy="spam", actions=bad)
    assert (placed(desk), decisions(desk), view(desk, case_id).case.state) == ([], [], "open")
    assert seen(desk) == frozenset()


def test_r8_content_of_somebody_else_is_refused(desk):
    desk.sandbox.put_content("hers", account="singer")
    case_id = reported(desk)
    actions = (ActionWish(action="remove_content", content=("hers",)),)
    with pytest.raises(Conflict) as refused:
        decide(desk.app, desk.person(), case_id, policy="spam", actions=actions)
    assert refused.value.code == "target/mismatch"
    assert decisions(desk) == []


def test_a_decision_that_waits_closes_the_case(desk):
    case_id = reported(desk, "president")
    person = desk.person()
    cases.see_evidence(desk.app, person, case_id)
    confirm = {"handle": "president", "identity": "president"}
    done = decide(desk.app, person, case_id, policy="spam", actions=SUSPEND, confirm=confirm)
    assert [one.state for one in done.enforcements] == ["waiting"]
    assert done.case.state == "closed"
    assert seen(desk, "president") == frozenset()
    desk.assert_on_record()


def test_where_nets_refuse_the_decision_stands_and_the_case_stays(desk):
    case_id = reported(desk, "president")
    person = desk.person()
    confirm = {"handle": "president", "identity": "president"}
    done = decide(
        desk.app, person, case_id, policy="spam", confirm=confirm, actions=(ActionWish(action="delete"), *SUSPEND)
    )
    assert {one.state for one in done.enforcements} == {"refused"}
    assert (done.case.state, done.case.claimed_by) == ("open", person.id)
    assert [one.id for one in decisions(desk)] == [done.decision.id]
    assert seen(desk, "president") == frozenset()
    desk.assert_on_record()


def test_what_must_be_confirmed_is_before_anything_is_written(desk):
    case_id = reported(desk, "president")
    person = desk.person()
    desk.clock.advance(timedelta(hours=1))
    with pytest.raises((InvalidInput, StepUpRequired)):
        decide(desk.app, person, case_id, policy="spam", actions=SUSPEND)
    assert (placed(desk), decisions(desk)) == ([], [])


def test_a_case_is_decided_once(desk):
    case_id = reported(desk)
    person = desk.person()
    decide(desk.app, person, case_id, outcome="no_violation")
    for judgement in JUDGEMENTS:
        with pytest.raises(Stale) as refused:
            decide(desk.app, person, case_id, **judgement)
        assert refused.value.code == "decision/stale"
    assert len(decisions(desk)) == 1


def test_a_case_that_closes_while_the_platform_is_read_is_not_decided_again(desk, monkeypatch):
    import gardefou.flow.decide as module
    from gardefou.flow.prepare import prepare as usual

    case_id = reported(desk)
    one, other = desk.person(), desk.person()

    def prepare(app, wish):
        decide(app, other, case_id, outcome="no_violation")
        return usual(app, wish)

    monkeypatch.setattr(module, "prepare", prepare)
    with pytest.raises(Stale):
        decide(desk.app, one, case_id, policy="spam", actions=SUSPEND)
    assert placed(desk) == []
    assert seen(desk) == frozenset()


def test_new_reports_do_not_stand_in_the_way(desk):
    case_id = reported(desk)
    person = desk.person()
    cases.claim(desk.app, person, case_id)
    reported(desk)
    assert decide(desk.app, person, case_id, policy="spam", actions=SUSPEND).case.reports == 2


def test_who_holds_the_case_decides(desk):
    case_id = reported(desk)
    one, other = desk.person(), desk.person()
    cases.claim(desk.app, one, case_id)
    for judgement in JUDGEMENTS:
        with pytest.raises(Conflict) as refused:
            decide(desk.app, other, case_id, **judgement)
        assert refused.value.code == "case/claimed"
    desk.clock.advance(timedelta(minutes=16))
    assert decide(desk.app, other, case_id, outcome="no_violation").case.state == "closed"


@pytest.mark.parametrize(
    ("judgement", "field"),
    [
        ({}, "outcome"),
        ({"outcome": "maybe"}, "outcome"),
        ({"outcome": "no_violation", "actions": SUSPEND}, "actions"),
        ({"outcome": "violation"}, "actions"),
        ({"policy": "spam", "actions": SUSPEND * 21}, "actions"),
        ({"policy": "spam", "actions": SUSPEND * 2}, "actions"),
        ({"policy": "p" * 201, "actions": SUSPEND}, "policy"),
        ({"policy": "p\x00", "actions": SUSPEND}, "policy"),
        ({"policy": "", "actions": SUSPEND}, "policy"),
        ({"policy": "spam", "rationale": "x" * 10_001, "actions": SUSPEND}, "rationale"),
        ({"policy": "spam", "evidence": [1], "actions": SUSPEND}, "evidence.0"),
        ({"policy": "spam", "actions": (ActionWish(action="explode"),)}, "actions.0.action"),
        ({"policy": "spam", "actions": (ActionWish(action="label", label="nice"),)}, "actions.0.label"),
    ],
)
def test_what_is_wrong_with_a_judgement_is_named(desk, judgement, field):
    case_id = reported(desk)
    with pytest.raises(InvalidInput) as refused:
        decide(desk.app, desk.person(), case_id, **judgement)
    assert refused.value.field == field
    assert (placed(desk), decisions(desk), view(desk, case_id).case.version) == ([], [], 1)


def test_only_who_works_cases_decides(desk):
    case_id = reported(desk)
    with pytest.raises(Denied):
        decide(desk.app, desk.person(roles=("auditor",)), case_id, outcome="no_violation")
    with pytest.raises(NotFound):
        decide(desk.app, desk.person(), "nothing", outcome="no_violation")


def test_one_action_needs_no_case(desk):
    done = enforce(desk.app, desk.person(), wanted(until=START + timedelta(days=1)))
    assert (done.state, done.case_id) == ("in_force", None)
    assert seen(desk) == {"suspended"}
    with pytest.raises(Denied):
        enforce(desk.app, desk.person(roles=("auditor",)), wanted())


def test_a_platform_that_is_down_leaves_it_under_way(desk):
    person = desk.person()
    desk.sandbox.switch(down=True)
    case_id = reported(desk)
    try:
        done = decide(desk.app, person, case_id, policy="spam", actions=(ActionWish(action="limit"),))
    except Unavailable:
        assert decisions(desk) == []
    else:
        assert done.enforcements[0].state in {"executing", "ready", "waiting"}
        assert done.case.state == "closed"


# --- many at once ------------------------------------------------------------------------


def test_a_bulk_is_counted_together_and_the_notable_are_split_out(desk):
    for number in range(4):
        desk.sandbox.put_account(f"s{number}", handle=f"s{number}", reach=3)
    accounts = ["s0", "s1", "president", "s1", "nobody", "s2", "singer", "s3"]
    person = desk.person()
    done = enforce_bulk(desk.app, person, accounts, wanted(action="limit"))
    by_account = {one.account: one for one in done.enforcements}
    assert [one.account for one in done.enforcements] == ["s0", "s1", "president", "s2", "singer", "s3"]
    assert [(one.account, one.error.code) for one in done.errors] == [("nobody", "account/not_found")]
    standard = [by_account[f"s{number}"] for number in range(4)]
    assert [one.facts["action.bulk"] for one in standard] == [4] * 4
    assert len({one.group_id for one in standard}) == 1
    assert [one.group_index for one in standard] == [0, 1, 2, 3]
    assert {one.state for one in standard} == {"in_force"}
    assert by_account["president"].facts["action.bulk"] == by_account["singer"].facts["action.bulk"] == 1
    assert by_account["president"].group_id is None
    assert by_account["president"].state == "waiting"
    desk.assert_on_record()


def test_a_bulk_on_a_platform_that_is_none_of_ours_is_refused_whole(desk):
    """It is not each account that is wrong."""
    with refused("platform/not_found", None, by=NotFound):
        enforce_bulk(desk.app, desk.person(), ["s0", "s1"], wanted(action="limit", platform="nowhere"))


def test_a_bulk_in_several_transactions_is_one_group(desk, monkeypatch):
    monkeypatch.setattr("gardefou.flow.bulk_enforce.CHUNK", 3)
    for number in range(7):
        desk.sandbox.put_account(f"s{number}", handle=f"s{number}", reach=3)
    done = enforce_bulk(desk.app, desk.person(), [f"s{n}" for n in range(7)], wanted(action="limit"))
    assert [one.group_index for one in done.enforcements] == list(range(7))
    assert len({one.group_id for one in done.enforcements}) == 1
    assert {one.facts["action.bulk"] for one in done.enforcements} == {7}


def test_a_bulk_says_of_each_account_why_it_was_not_placed(desk, monkeypatch):
    from gardefou.flow import bulk_enforce
    from gardefou.flow.place import place
    from gardefou.flow.prepare import prepare

    for number in range(5):
        desk.sandbox.put_account(f"s{number}", handle=f"s{number}", reach=3)
    groups: list[dict[str, Any]] = []

    def prepared(app, wanted_):
        if wanted_.account == "s1":
            raise Unavailable("platform/unreachable", "not now")
        return prepare(app, wanted_)

    def placed_(app, actor, wishes, **more):
        groups.append(more)
        if len(groups) == 2:
            raise Conflict("enforcement/busy", "not now")
        return place(app, actor, wishes, **more)

    monkeypatch.setattr(bulk_enforce, "CHUNK", 2)
    monkeypatch.setattr(bulk_enforce, "prepare", prepared)
    monkeypatch.setattr(bulk_enforce, "place", placed_)
    done = enforce_bulk(desk.app, desk.person(), [f"s{number}" for number in range(5)], wanted(action="limit"))
    # The second of two transactions failed: its accounts are told beside the one that could not be read.
    assert [one.account for one in done.enforcements] == ["s0", "s2"]
    assert [(one.account, one.error.code) for one in done.errors] == [
        ("s1", "platform/unreachable"),
        ("s3", "enforcement/busy"),
        ("s4", "enforcement/busy"),
    ]
    assert [(more["bulk"], more["first_index"]) for more in groups] == [(4, 0), (4, 2)]
    assert len({more["group"] for more in groups}) == 1


@pytest.mark.parametrize("accounts", [[], [f"s{number}" for number in range(5_001)]])
def test_a_bulk_has_its_bounds(desk, accounts):
    with pytest.raises(InvalidInput) as refused:
        enforce_bulk(desk.app, desk.person(), accounts, wanted())
    assert refused.value.code == "enforcement/bulk_max"


def test_a_wish_that_is_wrong_for_all_is_refused_as_one(desk):
    with pytest.raises(InvalidInput) as refused:
        enforce_bulk(desk.app, desk.person(), ["1001", "singer"], wanted(policy=""))
    assert refused.value.field == "policy"


# --- in words ----------------------------------------------------------------------------


def test_a_click_is_told_before_it_is_clicked(desk):
    case_id = reported(desk)
    told = preview_decision(desk.app, desk.person(), case_id, policy="spam", actions=SUSPEND)
    assert told.says == ("Suspends @spammer now. Nothing is lost. Undone in one click.",)
    assert preview_decision(desk.app, desk.person(), case_id, outcome="no_violation").says == (
        "Closes the case; nothing happens to the account.",
    )
    assert (placed(desk), decisions(desk), view(desk, case_id).case.version) == ([], [], 1)


def test_what_waits_for_people_says_so(desk):
    told = preview_wanted(desk.app, desk.person(), [wanted("president", action="deactivate")])
    (says,) = told.says
    assert "Waits for two more people (lead or policy) from other teams and 30 minutes" in says
    assert "41 million followers" in says
    assert says.endswith("nothing happens on your click alone.")


def test_what_is_refused_or_asked_says_so(desk):
    person = desk.person()
    assert preview_wanted(desk.app, person, [wanted("president", action="delete")]).says[0].startswith("Refused: ")
    desk.clock.advance(timedelta(hours=2))
    assert "You are asked to sign in again first." in preview_wanted(desk.app, person, [wanted("president")]).says[0]


def test_what_ends_by_itself_or_starts_later_says_when(desk):
    wish = wanted(action="limit", execute_at=START + timedelta(hours=1), until=START + timedelta(hours=3))
    (says,) = preview_wanted(desk.app, desk.person(), [wish]).says
    assert "Limits who sees @spammer at 2 Mar 2026, 10:00 UTC." in says
    assert "Ends by itself at 2 Mar 2026, 12:00 UTC." in says


def test_what_is_there_already_is_not_placed_again(desk):
    person = desk.person()
    enforce(desk.app, person, wanted())
    assert "nothing new" in preview_wanted(desk.app, person, [wanted()]).says[0]


@pytest.mark.parametrize(
    ("seconds", "says"), [(1800, "30 minutes"), (3600, "1 hour"), (259_200, "72 hours"), (90, "90 seconds")]
)
def test_durations_in_words(seconds, says):
    assert duration(seconds) == says


@pytest.mark.parametrize(
    ("number", "says"), [(41_000_000, "41 million"), (5_400_000, "5.4 million"), (120_000, "120,000"), (3, "3")]
)
def test_large_numbers_in_words(number, says):
    assert count(number) == says


def test_r7_many_removals_in_one_decision_on_a_protected_account_count_together(desk):
    reviewer = desk.person()
    items = tuple(f"p{number}" for number in range(5))
    for item in items:
        desk.sandbox.put_content(item, account="president", text="hello")
    found = [reported(desk, "president", item) for item in items]
    wishes = tuple(ActionWish(action="remove_content", content=(item,)) for item in items)
    made = decide(desk.app, reviewer, found[0], policy="spam", actions=wishes).enforcements
    assert [one.state for one in made[3:]] == ["waiting", "waiting"]
    assert seen(desk, "president", *items[3:]) == frozenset()
