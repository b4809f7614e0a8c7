"""Seats: one human fills one seat in all; teams and vendors apart."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.nets.seats import Person, could_count, lacking_for, seats_filled
from gardefou.nets.verdict import Requirement

ORG = "chirp"
TWO_APART = (Requirement(("lead", "policy"), 2, distinct_teams=True),)


def person(name, *roles, team=None, employer=ORG):
    return Person(name, frozenset(roles), team or name, employer)


PROPOSER = person("ann", "reviewer", team="reports")


def filled(requirements, *approvers, proposer=PROPOSER):
    return seats_filled(requirements, approvers, proposer=proposer, organisation=ORG)


def why(requirements, candidate, *approvers, proposer=PROPOSER):
    return could_count(requirements, approvers, candidate, proposer=proposer, organisation=ORG)


def test_m2_one_person_fills_one_seat_however_many_roles_match():
    both = (Requirement(("lead",), 1), Requirement(("legal",), 1))
    all_roles = person("bob", "lead", "legal", "policy")
    assert filled(both, all_roles, all_roles)
    assert not filled(both, all_roles, person("cy", "lead"))


def test_m2_the_matching_is_found_whatever_the_sequence():
    asks = (Requirement(("lead", "policy"), 1), Requirement(("lead",), 1), Requirement(("legal",), 1))
    people = [person("bob", "lead", "legal"), person("cy", "lead"), person("dee", "policy", "lead")]
    assert all(not filled(asks, *some) for some in permutations(people))


def test_m2_the_proposer_fills_no_seat():
    lead = person("ann", "lead")
    assert filled((Requirement(("lead",), 1),), lead, proposer=lead)
    assert "yourself" in (why((Requirement(("lead",), 1),), lead, proposer=lead) or "")


def test_m2_distinct_teams_hold_between_approvers_and_proposer():
    lead, policy = person("bob", "lead", team="x"), person("cy", "policy", team="y")
    assert not filled(TWO_APART, lead, policy)
    assert filled(TWO_APART, lead, person("dee", "policy", team="x")) == (
        Requirement(("lead", "policy"), 1, distinct_teams=True),
    )
    assert "same team" in (why(TWO_APART, person("eve", "lead", team="reports")) or "")
    assert "same team" in (why(TWO_APART, person("dee", "policy", team="x"), lead) or "")


def test_m2_no_two_of_the_same_vendor():
    one, two = person("bob", "lead", employer="acme"), person("cy", "policy", employer="acme")
    assert filled(TWO_APART, one, two)
    assert "same vendor" in (why(TWO_APART, two, one) or "")
    assert not filled(TWO_APART, one, person("dee", "policy", employer="other"))
    assert not filled(TWO_APART, person("bob", "lead"), person("cy", "policy"))


def test_an_approval_that_could_not_count_says_why():
    ask = (Requirement(("lead",), 1),)
    assert why(ask, person("bob", "lead")) is None
    assert "someone who is lead" in (why(ask, person("bob", "reviewer")) or "")
    assert "already" in (why((Requirement(("lead",), 2),), person("bob", "lead"), person("bob", "lead")) or "")
    assert "all the approvals" in (why(ask, person("cy", "lead"), person("bob", "lead")) or "")


people_drawn = st.lists(
    st.builds(
        Person,
        st.sampled_from("bcdefgh"),
        st.frozensets(st.sampled_from(["lead", "policy", "legal"]), max_size=2),
        st.sampled_from(["x", "y", "z", "reports"]),
        st.sampled_from([ORG, "acme"]),
    ),
    max_size=5,
    unique_by=lambda one: one.id,
)
asks_drawn = st.lists(
    st.builds(
        Requirement,
        st.sampled_from([("lead",), ("lead", "policy"), ("legal",)]),
        st.integers(1, 2),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda one: one.roles,
)


def brute_force(asks, people):
    """Try every way of seating people; the fewest seats left open."""
    seats = [ask for ask in asks for _ in range(ask.approvals)]
    best = 0
    places = [*people, *([None] * len(seats))]
    for chosen in permutations(places, len(seats)):
        pairs = [(seat, one) for seat, one in zip(seats, chosen, strict=True) if one is not None]
        if any(not one.roles & set(seat.roles) for seat, one in pairs):
            continue
        apart = [PROPOSER, *(one for seat, one in pairs if seat.distinct_teams)]
        if any(a.team == b.team or a.employer == b.employer != ORG for i, a in enumerate(apart) for b in apart[:i]):
            continue
        best = max(best, len(pairs))
    return len(seats) - best


@given(
    asks_drawn.filter(lambda asks: sum(ask.approvals for ask in asks) <= 3), people_drawn.filter(lambda p: len(p) <= 4)
)
def test_as_many_seats_are_filled_as_can_be(asks, people):
    missing = filled(asks, *people)
    assert sum(one.approvals for one in missing) == brute_force(asks, people)


@given(
    asks_drawn.filter(lambda asks: 0 < sum(ask.approvals for ask in asks) <= 3),
    st.lists(
        st.tuples(
            st.sampled_from([("lead",), ("lead", "policy"), ("legal",), ("reviewer",)]),
            st.sampled_from("abcde"),
            st.sampled_from([ORG, "acme"]),
        ),
        min_size=4,
        max_size=24,
    ),
)
def test_of_many_colleagues_it_is_told_as_if_each_were_looked_at(asks, drawn):
    staff = [
        person(f"p{number}", *roles, team=team, employer=employer)
        for number, (roles, team, employer) in enumerate(drawn)
    ]
    lacking = lacking_for(asks, staff, organisation=ORG)
    for proposer in (PROPOSER, *staff):
        assert lacking(proposer) == sum(one.approvals for one in filled(asks, *staff, proposer=proposer))


BOB, CY = person("bob", "lead", team="x"), person("cy", "policy", team="y")
ACME = {"employer": "acme"}


@pytest.mark.parametrize(
    ("requirements", "candidate", "approvers", "proposer", "says"),
    [
        (TWO_APART, PROPOSER, (), PROPOSER, "You placed it yourself; someone else must look."),
        (TWO_APART, BOB, (CY, BOB), PROPOSER, "You have approved it already; each person fills one seat."),
        ((), BOB, (), PROPOSER, "It has all the approvals that it needs."),
        (TWO_APART, person("eve", "lead"), (BOB, CY), PROPOSER, "It has all the approvals that it needs."),
        (
            (Requirement(("policy", "lead"), 1), Requirement(("legal",), 1)),
            person("dee", "reviewer"),
            (),
            PROPOSER,
            "It needs someone who is lead or legal or policy; your roles do not fill an open seat.",
        ),
        (
            TWO_APART,
            person("eve", "lead", team="reports"),
            (BOB,),
            PROPOSER,
            "You are of the same team as whoever placed it; it needs people of different teams.",
        ),
        (
            TWO_APART,
            person("eve", "lead", team="x"),
            (BOB,),
            PROPOSER,
            "You are of the same team as someone who approved it; it needs people of different teams.",
        ),
        (
            TWO_APART,
            person("eve", "lead", **ACME),
            (BOB,),
            person("ann", "reviewer", **ACME),
            "You work for the same vendor as whoever placed it; it needs people of different vendors.",
        ),
        (
            TWO_APART,
            person("eve", "lead", **ACME),
            (person("dee", "lead", **ACME),),
            PROPOSER,
            "You work for the same vendor as someone who approved it; it needs people of different vendors.",
        ),
    ],
)
def test_whoever_cannot_approve_is_told_why_in_one_sentence(requirements, candidate, approvers, proposer, says):
    assert why(requirements, candidate, *approvers, proposer=proposer) == says


def test_people_of_one_team_may_fill_seats_that_ask_for_no_teams_apart():
    two = (Requirement(("lead",), 2),)
    assert why(two, person("eve", "lead", team="x"), BOB) is None
    assert why(two, person("eve", "lead", team="reports", **ACME), person("dee", "lead", **ACME)) is None


def test_what_is_still_missing_keeps_the_marks_of_what_was_asked():
    asked = (Requirement(("lead",), 3, distinct_teams=True, blind=True), Requirement(("legal",), 1))
    assert filled(asked, BOB) == (Requirement(("lead",), 2, distinct_teams=True, blind=True), asked[1])
    assert filled(asked, BOB, person("lea", "legal")) == (Requirement(("lead",), 2, distinct_teams=True, blind=True),)
    assert filled(asked) == asked


def test_of_many_people_alike_no_more_are_tried_than_there_are_seats():
    crowd = [person(f"p{number}", "lead", team="x") for number in range(400)]
    asked = (Requirement(("lead", "policy"), 2, distinct_teams=True), Requirement(("legal",), 2))
    assert filled(asked, *crowd) == (Requirement(("lead", "policy"), 1, distinct_teams=True), asked[1])


def test_colleagues_of_the_organisation_itself_may_both_approve_where_teams_are_to_be_apart():
    assert why(TWO_APART, CY, BOB) is None
    assert why(TWO_APART, person("eve", "lead", **ACME), BOB) is None


def test_teams_are_kept_apart_only_among_the_seats_that_ask_for_it():
    asked = (Requirement(("lead",), 1, distinct_teams=True), Requirement(("legal",), 1))
    assert filled(asked, BOB, person("lea", "legal", team="x")) == ()
    assert filled(asked, person("lea", "legal", team="x"), BOB) == ()
    other_way = (Requirement(("lead",), 1), Requirement(("legal",), 1, distinct_teams=True))
    assert filled(other_way, BOB, person("lea", "legal", team="x")) == ()
