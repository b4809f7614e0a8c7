"""What one of us can do alone: the page says what evaluation does, and what is loose is not called kept."""

from __future__ import annotations

import pytest

from gardefou.flow.break_glass import ONE_OTHER
from gardefou.flow.change_apply import KINDS
from gardefou.nets.alone import GLASS, table
from gardefou.nets.alone_page import alone, columns
from gardefou.nets.alone_people import BACK, CHANGES, PEOPLE
from gardefou.nets.shipped import SHIPPED, load_shipped

DEFAULT = load_shipped("default")


def cell(nets, tier, act, who):
    [line] = [line for line in table(nets) if (line.tier, line.act) == (tier, act)]
    [found] = [one for one in line.cells if one.who == who]
    return found


def test_under_the_default_nets_every_promise_is_kept():
    page = alone(DEFAULT)
    assert page.broken == ()
    assert page.promises[0].says.startswith("Nobody alone can suspend, deactivate or delete a protected account")
    assert "2 other people" in page.promises[0].says


@pytest.mark.parametrize("name", ["small-team", "solo"])
def test_where_people_are_missing_the_page_says_which_promises_do_not_hold_and_how(name):
    page = alone(load_shipped(name))
    assert "after a wait of 24 hours" in page.promises[0].says
    assert not page.promises[0].kept
    assert "protected account" in page.promises[0].how


@pytest.mark.parametrize(
    ("who", "tier", "act", "kind", "people"),
    [
        ("reviewer", "standard", "suspend", "at_once", 0),
        ("every_role", "protected", "suspend", "with_others", 2),
        ("every_role", "protected", "delete", "refused", 0),
        ("reviewer", "notable", "suspend", "with_others", 1),
        ("newcomer", "standard", "deactivate", "with_others", 1),
        ("leaver", "notable", "warn or label", "refused", 0),
        ("last_day", "standard", "deactivate", "refused", 0),
        ("policy", "standard", "suspend", "cannot", 0),
        ("service", "notable", "warn or label", "with_others", 1),
    ],
)
def test_each_kind_of_person_is_told_the_least_that_is_asked(who, tier, act, kind, people):
    least = cell(DEFAULT, tier, act, who).least
    assert (least.kind, least.people) == (kind, people)


def test_a_loose_corner_is_found_though_the_ordinary_day_is_guarded():
    found = cell(DEFAULT, "standard", "suspend", "service")
    assert (found.usual.kind, found.least.kind) == ("with_others", "at_once")
    assert "29 days old" in found.loosest
    hole = load_shipped("default").changed(remove=["notable-one-lead"])
    assert cell(hole, "notable", "suspend", "reviewer").least.kind == "at_once"
    broken = [one.says for one in alone(hole).broken]
    assert any("notable account, at once" in says for says in broken)


def test_every_cell_lies_between_its_bounds():
    for line in table(DEFAULT):
        for one in line.cells:
            assert one.least.rank <= one.usual.rank <= one.most.rank


def test_budgets_are_those_of_the_rules():
    by_who = {one.who: one for one in alone(DEFAULT).budgets}
    assert "suspensions: 60 an hour and 300 a day" in by_who["A reviewer"].limits
    assert "followers touched: 300,000 an hour and 1 million a day" in by_who["A reviewer"].limits
    assert "deactivations: 10 an hour and 30 a day" in by_who["A reviewer by token"].limits


def test_what_weakens_needs_others_and_what_strengthens_does_not():
    rules = {one.says: one for one in alone(DEFAULT).rules}
    assert rules["raise an account's tier"].asked.kind == "at_once"
    assert rules["revoke a token"].asked.kind == "at_once"
    assert all(rule.asked.people == 2 for rule in rules.values() if rule.weakens)


def test_the_kinds_of_change_are_those_of_the_flow():
    asked_as = {"second_pause", "restore", "restore_legal"}
    assert {change.kind for change in (*CHANGES, *BACK)} <= set(KINDS) | asked_as
    for change in (*CHANGES, *BACK):
        if change.kind in KINDS:
            assert KINDS[change.kind].power is change.power or change.kind == "token"


def test_r14_breaking_the_glass_asks_what_the_flow_asks():
    assert GLASS.people == ONE_OTHER.approvals


@pytest.mark.parametrize("name", SHIPPED)
def test_people_for_whom_all_is_the_same_stand_together(name):
    for _, groups in columns(alone(load_shipped(name))):
        assert 1 < len(groups) < len(PEOPLE)
