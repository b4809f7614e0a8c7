"""The verdict and its join: only ever adds, whatever the sequence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.errors import InvalidInput
from gardefou.nets.facts import ROLES
from gardefou.nets.net import CHANNELS, CONFIRMS
from gardefou.nets.verdict import NOTHING, Reason, Requirement, Verdict, join_all, merge
from tests.refusals import refused

requirements = st.builds(
    Requirement,
    st.lists(st.sampled_from(ROLES), min_size=1, max_size=3).map(tuple),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
reasons = st.builds(Reason, st.sampled_from("abc"), st.sampled_from(["T", "U"]), st.just("because"))


def words(known):
    return st.sets(st.sampled_from(known), max_size=2).map(lambda found: tuple(sorted(found)))


verdicts = st.builds(
    Verdict,
    refusals=words(("no", "never")),
    approvals=st.lists(requirements, max_size=3).map(merge),
    fresh_auth_minutes=st.none() | st.integers(1, 30),
    hold_seconds=st.integers(0, 1_000),
    confirm=words(CONFIRMS),
    notify=words(CHANNELS),
    reasons=st.sets(reasons, max_size=2).map(lambda found: tuple(sorted(found))),
    shadow=st.sets(reasons, max_size=2).map(lambda found: tuple(sorted(found))),
)


@given(verdicts, verdicts, verdicts)
def test_join_is_commutative_associative_and_idempotent(one, two, three):
    assert one.join(two) == two.join(one)
    assert one.join(two).join(three) == one.join(two.join(three))
    assert one.join(one) == one
    assert one.join(NOTHING) == one == NOTHING.join(one)


@given(verdicts, verdicts)
def test_join_only_adds(one, two):
    both = one.join(two)
    assert both.covers(one)
    assert both.covers(two)
    assert both.asks_nothing == (one.asks_nothing and two.asks_nothing)
    assert both.seats >= max(one.seats, two.seats)


@given(verdicts, verdicts, verdicts)
def test_join_is_monotone(one, two, three):
    assert one.join(two).join(three).join(one.join(three)) == one.join(two).join(three)


@given(verdicts)
def test_json_round_trip(verdict):
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_json_has_the_contracts_shape():
    verdict = Verdict(
        approvals=(Requirement(("policy", "lead"), 2, distinct_teams=True),), fresh_auth_minutes=10, hold_seconds=600
    )
    document = verdict.to_json()
    assert document["refused"] is False
    assert document["approvals"] == [
        {"approvals": 2, "from": ["lead", "policy"], "distinct_teams": True, "fresh_auth_minutes": 10, "blind": False}
    ]
    assert document["hold_seconds"] == 600


def test_requirements_of_the_same_roles_merge_to_the_strictest():
    joined = join_all(
        [
            Verdict(approvals=(Requirement(("lead", "policy"), 2),), fresh_auth_minutes=10),
            Verdict(approvals=(Requirement(("policy", "lead"), 1, distinct_teams=True),), fresh_auth_minutes=5),
            Verdict(approvals=(Requirement(("lead",), 1, blind=True),)),
        ]
    )
    assert joined.approvals == (
        Requirement(("lead",), 1, blind=True),
        Requirement(("lead", "policy"), 2, distinct_teams=True),
    )
    assert joined.fresh_auth_minutes == 5


def test_notify_and_shadow_ask_for_nothing():
    assert Verdict(notify=("oncall",), shadow=(Reason("a", "b", "c"),)).asks_nothing
    assert not Verdict(confirm=("identity",)).asks_nothing
    assert not Verdict(fresh_auth_minutes=5).asks_nothing


@pytest.mark.parametrize("document", [{}, {"refusals": 3}, {**NOTHING.to_json(), "hold_seconds": "x"}])
def test_a_document_of_another_shape_is_an_error(document):
    with pytest.raises(InvalidInput) as caught:
        Verdict.from_json(document)
    assert caught.value.code == "nets/verdict"


def test_a_document_of_another_shape_is_refused_by_code_and_field():
    with refused("nets/verdict", "verdict"):
        Verdict.from_json({})


FULL = Verdict(
    refusals=("b", "a", "a"),
    approvals=(Requirement(("lead", "lead"), 1, blind=True),),
    fresh_auth_minutes=5,
    hold_seconds=7,
    confirm=("reach",),
    notify=("oncall",),
    reasons=(Reason("n", "t", "b"),),
    shadow=(Reason("m", "u", "c"),),
)
DOCUMENT = {
    "refused": True,
    "refusals": ["a", "b"],
    "approvals": [{"approvals": 1, "from": ["lead"], "distinct_teams": False, "fresh_auth_minutes": 5, "blind": True}],
    "fresh_auth_minutes": 5,
    "hold_seconds": 7,
    "confirm": ["reach"],
    "notify": ["oncall"],
    "reasons": [{"net": "n", "title": "t", "because": "b"}],
    "shadow": [{"net": "m", "title": "u", "because": "c"}],
}


def test_every_part_of_a_verdict_is_written_and_read_back_as_what_it_is():
    assert FULL.to_json() == DOCUMENT
    assert Verdict.from_json(DOCUMENT) == FULL
    loose = json.loads(json.dumps(DOCUMENT)) | {
        "refusals": [1],
        "fresh_auth_minutes": "5",
        "hold_seconds": "7",
        "confirm": [2],
        "notify": [3],
        "approvals": [{"approvals": "2", "from": [4], "distinct_teams": 1, "blind": 0}],
        "reasons": [{"net": 5, "title": 6, "because": 7}],
    }
    read = Verdict.from_json(loose)
    assert (read.refusals, read.confirm, read.notify) == (("1",), ("2",), ("3",))
    assert read.approvals == (Requirement(("4",), 2, distinct_teams=True),)
    assert (read.fresh_auth_minutes, read.hold_seconds) == (5, 7)
    assert read.approvals[0].distinct_teams is True
    assert read.approvals[0].blind is False
    assert read.reasons == (Reason("5", "6", "7"),)


def test_a_part_that_is_missing_from_a_document_is_no_verdict():
    for name in DOCUMENT:
        if name != "refused":
            with refused("nets/verdict", "verdict"):
                Verdict.from_json({key: value for key, value in DOCUMENT.items() if key != name})


def test_each_ask_alone_keeps_it_from_going_ahead():
    assert NOTHING.asks_nothing
    for asks in (
        Verdict(refusals=("no",)),
        Verdict(approvals=(Requirement(("lead",), 1),)),
        Verdict(fresh_auth_minutes=0),
        Verdict(hold_seconds=1),
        Verdict(confirm=("reach",)),
    ):
        assert not asks.asks_nothing
        assert asks.covers(NOTHING)
        assert asks.covers(asks)
        assert not NOTHING.covers(asks)


def ask(*requirements: Requirement, **others) -> Verdict:
    return Verdict(approvals=requirements, **others)


LEAD, POLICY, EITHER = (Requirement(roles, 1) for roles in (("lead",), ("policy",), ("lead", "policy")))


@pytest.mark.parametrize(
    ("mine", "asked", "covers"),
    [
        (ask(LEAD), ask(EITHER), True),
        (ask(EITHER), ask(LEAD), False),
        (ask(POLICY), ask(LEAD), False),
        # One seat fills one seat, and whoever sits may move over for another.
        (ask(LEAD), ask(LEAD, EITHER), False),
        (ask(LEAD, POLICY), ask(EITHER, LEAD), True),
        (ask(LEAD, POLICY), ask(EITHER, POLICY), True),
        (ask(Requirement(("lead",), 2)), ask(LEAD, EITHER), True),
        (ask(LEAD, POLICY), ask(Requirement(("lead", "policy"), 2)), True),
        (ask(LEAD, POLICY), ask(Requirement(("lead", "policy"), 3)), False),
        (ask(LEAD), ask(Requirement(("lead",), 1, distinct_teams=True)), False),
        (ask(Requirement(("lead",), 1, distinct_teams=True)), ask(LEAD), True),
        (ask(LEAD), ask(Requirement(("lead",), 1, blind=True)), False),
        (ask(Requirement(("lead",), 1, blind=True)), ask(LEAD), True),
        (ask(Requirement(("lead",), 1, distinct_teams=True)), ask(Requirement(("lead",), 1, blind=True)), False),
        # A refusal covers everything, and only a refusal covers one.
        (Verdict(refusals=("no",)), ask(LEAD, hold_seconds=9, confirm=("reach",), fresh_auth_minutes=1), True),
        (Verdict(refusals=("no",)), Verdict(refusals=("never",)), True),
        (ask(LEAD, hold_seconds=9), Verdict(refusals=("no",)), False),
        (Verdict(fresh_auth_minutes=5), Verdict(fresh_auth_minutes=10), True),
        (Verdict(fresh_auth_minutes=10), Verdict(fresh_auth_minutes=5), False),
        (Verdict(hold_seconds=5), Verdict(hold_seconds=6), False),
        (Verdict(hold_seconds=6), Verdict(hold_seconds=5), True),
        (Verdict(confirm=("reach", "identity")), Verdict(confirm=("reach",)), True),
        (Verdict(confirm=("reach",)), Verdict(confirm=("reach", "identity")), False),
        # Each part must hold, not one of them.
        (Verdict(fresh_auth_minutes=5), Verdict(fresh_auth_minutes=5, hold_seconds=1), False),
        (Verdict(fresh_auth_minutes=5, hold_seconds=1), Verdict(hold_seconds=1, confirm=("reach",)), False),
        (Verdict(hold_seconds=1, confirm=("reach",)), ask(LEAD, hold_seconds=1, confirm=("reach",)), False),
    ],
)
def test_who_meets_the_stricter_verdict_meets_the_milder_one(mine, asked, covers):
    assert mine.covers(asked) is covers


def test_two_verdicts_joined_ask_for_the_strictest_of_each():
    other = Verdict(refusals=("c",), hold_seconds=6, fresh_auth_minutes=4, confirm=("identity",), notify=("lead",))
    joined = FULL.join(other)
    assert (joined.refusals, joined.hold_seconds, joined.fresh_auth_minutes) == (("a", "b", "c"), 7, 4)
    assert (joined.confirm, joined.notify) == (("identity", "reach"), ("lead", "oncall"))
    assert FULL.join(FULL) is FULL
    assert FULL.join(NOTHING) is FULL
    assert Verdict(hold_seconds=6).join(FULL).hold_seconds == 7


def test_people_asked_for_are_counted_and_said():
    asked = ask(Requirement(("policy", "lead"), 2, distinct_teams=True), Requirement(("legal",), 1))
    assert asked.seats == 3
    assert sorted(one.in_words() for one in asked.approvals) == [
        "1 further person (legal)",
        "2 further people (lead or policy), of different teams",
    ]


def test_two_requirements_of_the_same_roles_join_to_the_stricter_of_each_part():
    few, many = Requirement(("lead",), 1, blind=True), Requirement(("lead",), 3, distinct_teams=True)
    both = Requirement(("lead",), 3, distinct_teams=True, blind=True)
    assert few.joined(many) == many.joined(few) == both
    assert few.joined(few) == few
    assert merge([many, few]) == (both,)


def test_a_reason_is_written_and_read_back():
    assert Reason("n", "t", "b").to_json() == {"net": "n", "title": "t", "because": "b"}
    assert Reason.from_json({"net": "n", "title": "t", "because": "b"}) == Reason("n", "t", "b")
