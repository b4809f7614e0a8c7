"""What a platform imposes on an account: its measures, their severity, and the one word for all of them."""

from __future__ import annotations

from itertools import permutations

import pytest

from gardefou.domain.accounts import Tier, measures_of_action, measures_of_state, severity_of, state_name
from gardefou.domain.actions import DECIDABLE, SEVERITY, Action

#: The account-wide measures, mildest first, with their severity.
WIDE = {"limited": 2, "locked": 2, "suspended": 3, "deactivated": 4, "deleted": 5}


@pytest.mark.parametrize(("measure", "severity"), [*WIDE.items(), ("removed:1", 2), ("label:spam", 1), ("new", 5)])
def test_each_measure_has_its_severity_and_an_unknown_one_the_worst(measure, severity):
    assert severity_of(frozenset({measure})) == severity


def test_no_measure_is_no_severity():
    assert severity_of(frozenset()) == 0


@pytest.mark.parametrize(("one", "other"), list(permutations([*WIDE, "removed:1", "label:spam"], 2)))
def test_the_worst_of_two_measures_counts(one, other):
    both = frozenset({one, other})
    assert severity_of(both) == max(severity_of(frozenset({one})), severity_of(frozenset({other})))
    assert severity_of(both | {"removed:2", "label:odd"}) == max(2, severity_of(both))


@pytest.mark.parametrize(
    ("action", "measures"),
    [
        (Action.WARN, set()),
        (Action.LABEL, {"label:spam"}),
        (Action.LIMIT, {"limited"}),
        (Action.REMOVE_CONTENT, {"removed:1", "removed:2"}),
        (Action.LOCK, {"locked"}),
        (Action.SUSPEND, {"suspended"}),
        (Action.DEACTIVATE, {"deactivated"}),
        (Action.DELETE, {"deleted"}),
        (Action.RESTORE, set()),
        (Action.CHANGE, set()),
    ],
)
def test_each_action_turns_its_own_measures_on(action, measures):
    assert measures_of_action(action, content=("1", "2"), label="spam") == measures


def test_an_action_is_as_severe_as_what_it_turns_on():
    for action in DECIDABLE:
        if action is not Action.WARN:
            assert severity_of(measures_of_action(action, content=("1",), label="spam")) == SEVERITY[action]


def test_the_state_of_an_account_is_the_word_for_its_worst_measure():
    assert state_name(frozenset()) == state_name(frozenset({"removed:1", "label:spam"})) == "active"
    on: frozenset[str] = frozenset({"label:spam"})
    for measure in WIDE:
        on |= {measure}
        assert state_name(on) == state_name(frozenset({measure})) == measure


def test_a_state_word_stands_for_its_measure():
    assert measures_of_state("active") == frozenset()
    for measure in WIDE:
        assert measures_of_state(measure) == {measure}


def test_tiers_stand_in_a_row_and_the_highest_counts():
    assert [tier.rank for tier in (Tier.STANDARD, Tier.NOTABLE, Tier.PROTECTED)] == [0, 1, 2]
    assert Tier.highest() is Tier.STANDARD
    for row in permutations(Tier):
        assert Tier.highest(*row) is Tier.PROTECTED
    assert Tier.highest(Tier.NOTABLE, Tier.STANDARD) is Tier.NOTABLE
