"""How much goes by before a set of nets asks anything."""

from __future__ import annotations

import pytest

from gardefou.nets.budgets import first_number, most_before
from gardefou.nets.load import load
from gardefou.nets.verdict import Requirement, Verdict
from tests.nets.cases import ORDINARY


def nets(condition: str):
    return load(
        f'[[net]]\nid = "budget"\ntitle = "T"\nbecause = "B"\nwhen = \'{condition}\'\n[net.require]\n'
        'approvals = 1\nfrom = ["lead"]\n'
    )


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 7, 8, 9, 100, 1_000_000, 2**29])
def test_the_first_number_at_which_something_is_asked_is_found(number):
    assert first_number(lambda one: one >= number) == number


def test_none_is_found_where_nothing_is_asked_at_any_number_that_matters():
    assert first_number(lambda one: one > 10**12) is None
    assert first_number(lambda _: False) is None


@pytest.mark.parametrize("window", ["actor_1h", "actor_24h", "team_1h", "platform_1h"])
@pytest.mark.parametrize("name", ["all", "severity3", "severity4"])
def test_as_many_go_by_as_the_net_lets_by(window, name):
    most, then = most_before(nets(f"recent.{window}.{name} >= 60"), ORDINARY, window, name)
    assert most == 60
    assert then.approvals == (Requirement(("lead",), 1),)


def test_a_severe_one_counts_as_a_milder_one_too_and_not_the_other_way_round():
    for name, counted in (("severity4", "severity3"), ("severity4", "all"), ("severity3", "all")):
        assert most_before(nets(f"recent.actor_1h.{counted} >= 7"), ORDINARY, "actor_1h", name)[0] == 7
        assert most_before(nets(f"recent.actor_1h.{name} >= 7"), ORDINARY, "actor_1h", counted) == (None, Verdict())


def test_what_was_done_in_an_hour_was_done_in_the_day():
    assert most_before(nets("recent.actor_24h.all >= 9"), ORDINARY, "actor_1h", "all")[0] == 9
    assert most_before(nets("recent.actor_1h.all >= 9"), ORDINARY, "actor_24h", "all") == (None, Verdict())


def test_reach_touched_counts_the_account_that_is_the_last_to_go_by():
    facts = {**ORDINARY, "account.reach": 400}
    assert most_before(nets("recent.actor_1h.reach > 1_000"), facts, "actor_1h", "reach")[0] == 1_400
    assert most_before(nets("recent.actor_1h.all >= 2"), facts, "actor_1h", "reach") == (None, Verdict())


def test_a_net_that_asks_at_once_lets_none_go_by():
    most, then = most_before(nets("action.severity >= 1"), ORDINARY, "actor_1h", "all")
    assert (most, then.seats) == (0, 1)


def test_what_is_asked_then_is_what_is_asked_at_that_number_and_not_beyond():
    two = load(
        '[[net]]\nid = "one"\ntitle = "T"\nbecause = "B"\nwhen = "recent.actor_1h.all >= 5"\n'
        '[net.require]\napprovals = 1\nfrom = ["lead"]\n'
        '[[net]]\nid = "two"\ntitle = "T"\nbecause = "B"\nwhen = "recent.actor_1h.all >= 6"\n'
        "[net.require]\nrefuse = true\n"
    )
    most, then = most_before(two, ORDINARY, "actor_1h", "all")
    assert (most, then.refused, then.seats) == (5, False, 1)


def test_reach_that_is_asked_for_at_once_lets_none_go_by():
    assert most_before(nets("action.severity >= 1"), {**ORDINARY, "account.reach": 400}, "actor_1h", "reach")[0] == 0
