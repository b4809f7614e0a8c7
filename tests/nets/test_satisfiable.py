"""R21: sets that the declared team cannot satisfy are named."""

from __future__ import annotations

import pytest

from gardefou.errors import Unavailable
from gardefou.nets import satisfiable
from gardefou.nets.load import load
from gardefou.nets.satisfiable import NEVER_WEAKEN, together_unsatisfiable, unsatisfiable
from gardefou.nets.seats import Person, seats_filled
from gardefou.nets.shipped import load_shipped

ORG = "chirp"


def person(name, *roles, team=None):
    return Person(name, frozenset(roles), team or name, ORG)


FULL = [
    person("a", "reviewer"),
    person("b", "lead", "legal"),
    person("c", "lead", "oncall", "legal"),
    person("d", "policy", "lead"),
    person("e", "admin"),
]


def nets_of(staff, name="default"):
    return {one.net for one in unsatisfiable(load_shipped(name), staff, organisation=ORG)}


def test_r21_a_full_team_satisfies_the_default_set():
    assert nets_of(FULL) == set()


def test_r21_one_team_for_all_cannot_keep_teams_apart():
    together = [person(one.id, *one.roles, team="same") for one in FULL]
    assert nets_of(together) == {"protected-two-more-people", "change-weakens"}


def test_r21_a_single_lead_cannot_be_asked_about_their_own():
    staff = [person("a", "reviewer"), person("b", "lead", "policy"), person("c", "policy", "legal")]
    findings = unsatisfiable(load_shipped("default"), staff, organisation=ORG)
    notable = next(one for one in findings if one.net == "notable-one-lead")
    assert notable.proposer == "b"
    assert "Add people" in notable.message


def test_r21_little_sets_ask_for_nobody():
    assert nets_of([person("a", "lead")], "solo") == set()
    assert nets_of([person("a", "lead"), person("b", "lead")], "small-team") == set()


def test_r21_a_net_that_cannot_speak_for_someone_is_no_matter_for_them():
    text = """\
[[net]]
id = "legal-asks-legal"
title = "t"
because = "b"
when = 'change.kind == "reveal" and not ("legal" in actor.roles)'
[net.require]
approvals = 1
from = ["legal"]
"""
    assert unsatisfiable(load(text), [person("a", "legal"), person("b", "lead")], organisation=ORG) == []


@pytest.fixture
def asked(monkeypatch):
    """Whom it is asked about as a proposer, and of how many others."""
    asked = []

    def counted(requirements, approvers, *, proposer, organisation):
        asked.append((proposer.id, len(approvers)))
        return seats_filled(requirements, approvers, proposer=proposer, organisation=organisation)

    monkeypatch.setattr("gardefou.nets.seats.seats_filled", counted)
    return asked


def test_colleagues_of_hundreds_of_teams_are_asked_about_as_often_as_those_of_some(asked):
    nets, took = load_shipped("default"), []
    for size in (60, 240):
        crowd = [person(f"l{number}", "lead", "legal", team=f"team {number}") for number in range(size)]
        assert unsatisfiable(nets, crowd, organisation=ORG) == []
        assert together_unsatisfiable(nets, crowd, organisation=ORG) == []
        took.append((len(asked), max(others for _, others in asked)))
        asked.clear()
    assert took[0] == took[1]


def test_many_colleagues_who_are_alike_are_asked_about_once(asked):
    nets = load_shipped("default")
    crowd = [person(f"r{number}", "reviewer", team="reports") for number in range(200)]
    assert unsatisfiable(nets, [*FULL, *crowd], organisation=ORG) == []
    assert {name for name, _ in asked if name.startswith("r")} == {"r0"}
    # Whoever is missing is told of the first of them, as ever.
    alone = unsatisfiable(nets, crowd, organisation=ORG)
    assert {one.proposer for one in alone} == {"r0"}


def nets(*parts: tuple[str, str]):
    return load(
        "\n".join(
            f"[[net]]\nid = 'n{place}'\ntitle = 't'\nbecause = 'b'\nwhen = '''{when}'''\n[net.require]\n{require}"
            for place, (when, require) in enumerate(parts)
        )
    )


LEAD = "approvals = 1\nfrom = ['lead']"
TWO = [person("a", "reviewer"), person("b", "lead")]


def lacking(*parts, staff=TWO):
    return [(one.net, one.proposer) for one in unsatisfiable(nets(*parts), staff, organisation=ORG)]


def test_r21_one_finding_a_net_with_the_first_whom_it_concerns():
    assert lacking(("now.raid", LEAD)) == [("n0", "b")]
    assert lacking(("now.raid", LEAD), ("now.paused", LEAD.replace("lead", "legal"))) == [("n0", "b"), ("n1", "a")]
    assert lacking(("now.raid", LEAD), staff=[*TWO, person("c", "lead")]) == []


def test_r21_who_proposes_nothing_is_not_asked_for():
    assert lacking(("now.raid", LEAD), staff=[person("a", "auditor")]) == []
    assert lacking(("now.raid", LEAD), staff=[person("a")]) == []
    assert lacking(("now.raid", LEAD), staff=[person("a", "auditor", "reviewer")]) == [("n0", "a")]


def test_r21_nets_in_shadow_that_refuse_or_ask_nobody_ask_nobody():
    quiet = nets(("now.raid", LEAD)).nets[0].to_table() | {"mode": "shadow"}
    from gardefou.nets.load import read_net
    from gardefou.nets.net import NetSet

    assert unsatisfiable(NetSet([read_net(quiet)]), TWO, organisation=ORG) == []
    assert lacking(("now.raid", f"refuse = true\n{LEAD}")) == []
    assert lacking(("now.raid", "hold = '1h'")) == []


def test_r21_whoever_the_condition_leaves_out_is_left_out():
    assert lacking(("'lead' not in actor.roles", LEAD)) == []
    assert lacking(("'lead' in actor.roles", LEAD)) == [("n0", "b")]
    assert lacking(("'reviewer' in actor.roles", LEAD)) == []


def test_r21_the_finding_says_how_many_are_missing():
    (one,) = unsatisfiable(nets(("now.raid", LEAD.replace("1", "3"))), TWO, organisation=ORG)
    assert one.message == (
        "Net n0 asks for 3 further people (lead); when a proposes, 2 of them cannot be found among the staff."
        " Add people, or ask for fewer."
    ), one.message


BOTH = [
    person("ada", "lead", "legal"),
    person("ben", "reviewer"),
    person("cyd", "policy", "lead", "legal"),
]


def together(*parts, staff=BOTH):
    return [(one.net, one.proposer) for one in together_unsatisfiable(nets(*parts), staff, organisation=ORG)]


LEGAL = LEAD.replace("lead", "legal")


@pytest.mark.parametrize(
    ("one", "two", "pair"),
    [
        # Both can speak of one act.
        ("action.severity >= 3", "action.severity >= 4", True),
        ("action.severity >= 3", "now.raid", True),
        ("change.kind == 'tier'", "change.weakens", True),
        # They cannot.
        ("action.severity >= 3", "action.severity < 3", False),
        ("actor.human", "not actor.human", False),
        ("now.raid", "not actor.human", False),
        ("'lead' in actor.roles", "'lead' not in actor.roles", False),
        # What gives back weakens no protection.
        *((f"change.kind == '{kind}'", "change.weakens", False) for kind in NEVER_WEAKEN),
        # A change is no measure.
        ("change.kind == 'tier'", "action.severity >= 1", False),
    ],
)
def test_r21_two_nets_are_one_matter_only_where_both_can_speak(one, two, pair):
    assert together((one, LEAD), (two, LEGAL)) == ([("n1", "ada")] if pair else [])


def test_r21_of_nets_that_ask_alike_each_is_tried():
    assert together(("now.raid and action.severity == 1", LEAD), ("action.severity >= 4", LEAD), ("action.severity == 5", LEGAL)) == [("n2", "ada")]  # fmt: skip
    assert together(("now.raid and action.severity == 1", LEAD), ("action.severity == 2", LEAD), ("action.severity == 5", LEGAL)) == []  # fmt: skip


def test_r21_what_is_refused_or_out_of_reach_already_is_no_pair():
    refused = ("action.severity >= 4", "refuse = true")
    assert together(("action.severity >= 3", LEAD), ("action.severity >= 4", LEGAL), refused) == []
    assert together(("action.severity >= 3", LEAD), ("action.severity >= 3", LEGAL), refused) == [("n1", "ada")]
    # There are no three leads for either.
    assert together(("now.raid", LEAD.replace("1", "3")), ("now.raid", LEGAL)) == []
    assert together(("now.raid", LEGAL), ("now.raid", LEAD.replace("1", "3"))) == []
    # Enough of both.
    assert together(("now.raid", LEAD), ("now.raid", LEGAL), staff=[*BOTH, person("dan", "legal", "lead")]) == []


def test_r21_only_whoever_both_can_speak_of_is_a_proposer_of_a_pair():
    # For ada, a lead, no reviewer's net speaks; when ben proposes, ada and cyd are enough.
    assert together(("'reviewer' in actor.roles", LEAD), ("now.raid", LEGAL)) == []
    assert together(("'lead' in actor.roles", LEAD), ("now.raid", LEGAL)) == [("n1", "ada")]


def test_r21_who_lacks_people_for_one_of_both_does_not_hide_who_lacks_them_for_both():
    staff = [person("ada", "lead", "legal"), person("ben", "reviewer")]
    assert together(("now.raid", LEAD), ("now.raid", LEGAL), staff=staff) == [("n1", "ben")]


def test_r21_colleagues_of_our_own_organisation_are_apart_by_their_teams():
    apart = f"{LEAD.replace('1', '2')}\ndistinct_teams = true"
    staff = [person("ada", "lead", "legal"), person("cyd", "lead"), person("dan", "lead", "legal")]
    assert together(("now.raid", apart), ("now.raid", LEGAL), staff=staff) == [("n1", "ada")]


def test_r21_a_net_in_shadow_asks_nobody_with_another():
    both = nets(("now.raid", LEAD), ("now.raid", LEGAL))
    assert together_unsatisfiable(both, BOTH, organisation=ORG)
    first, second = both.to_toml().split("\n\n")
    shadowed = load(first + "\n\n" + second.replace('mode = "enforce"', 'mode = "shadow"'))
    assert together_unsatisfiable(shadowed, BOTH, organisation=ORG) == []


def test_r21_a_condition_without_a_formula_may_speak_whenever_another_does():
    without = "account.reach * account.restored_30d > 1"
    assert together((without, LEAD), ("now.raid", LEGAL)) == [("n1", "ada")]
    # And may refuse: then nobody is asked.
    assert together(("now.raid", LEAD), ("now.raid", LEGAL), (without, "refuse = true")) == []


def test_r21_a_pair_is_said_with_whom_it_concerns_and_how_many_are_missing():
    (one,) = together_unsatisfiable(nets(("now.raid", LEAD), ("now.raid", LEGAL)), BOTH, organisation=ORG)
    assert one.message == (
        "Nets n0 and n1 can speak together, and then ask for 1 further person (lead) and 1 further person (legal);"
        " when ada proposes, 1 of them cannot be found among the staff."
    )


def test_r21_without_a_solver_no_pair_is_named(monkeypatch):
    def missing():
        raise Unavailable("nets/solver", "not installed")

    monkeypatch.setattr(satisfiable, "z3", missing)
    assert together(("now.raid", LEAD), ("now.raid", LEGAL)) == []
