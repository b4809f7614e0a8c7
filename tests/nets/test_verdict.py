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
