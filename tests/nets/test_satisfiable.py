"""R21: sets that the declared team cannot satisfy are named."""

from __future__ import annotations

from gardefou.nets.load import load
from gardefou.nets.satisfiable import unsatisfiable
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


def test_many_colleagues_who_are_alike_are_asked_about_once(monkeypatch):
    asked = []

    def counted(*given, **more):
        asked.append(more["proposer"].id)
        return seats_filled(*given, **more)

    monkeypatch.setattr("gardefou.nets.satisfiable.seats_filled", counted)
    nets = load_shipped("default")
    crowd = [person(f"r{number}", "reviewer", team="reports") for number in range(200)]
    assert unsatisfiable(nets, [*FULL, *crowd], organisation=ORG) == []
    assert {name for name in asked if name.startswith("r")} == {"r0"}
    # Whoever is missing is told of the first of them, as ever.
    alone = unsatisfiable(nets, crowd, organisation=ORG)
    assert {one.proposer for one in alone} == {"r0"}
