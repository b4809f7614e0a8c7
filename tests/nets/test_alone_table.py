"""The whole table of what one of us can do alone under the shipped sets, and every way in which an answer is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gardefou.nets.alone import GLASS, Asked, Cell, Line, asked_of, loosest_in_words, table
from gardefou.nets.alone_page import Budget, Promise, Rule, alone, columns
from gardefou.nets.floor import ORDINARY
from gardefou.nets.shipped import load_shipped
from gardefou.nets.verdict import NOTHING, Requirement, Verdict

DEFAULT = load_shipped("default")

#: Per tier and act: least<usual<most, or one where they are the same. `ask2+10m`: two others and ten minutes; `*`: as
#: broken glass asks it. The people: reviewer, lead, policy, on call, every role, newcomer, leaver, last day, token, broken
#: glass, service.
TABLE = {
    ("standard", "warn or label", 1): "now  now  -  -  now  now  now  now<now<no  now  ask1*  now",
    ("standard", "remove content", 2): "now  now  -  -  now  now  now  now<now<no  now  ask1*  now",
    ("standard", "limit or lock", 2): "now  now  -  -  now  now  now  now<now<no  now  ask1*  now",
    ("standard", "suspend", 3): "now  now  -  -  now  now  now  now<now<no  now  ask1*  now<ask1<ask1",
    ("standard", "deactivate", 4): "now  now  -  -  now  ask1  ask1  no  now  no  ask1",
    ("standard", "delete", 5): "ask1+72h  ask1+72h  -  -  ask1+72h  ask1+72h  ask1+72h  no  ask1+72h  no  ask1+72h",
    ("notable", "warn or label", 1): "now  now  -  -  now  now  no  no  now  ask1*  ask1",
    ("notable", "remove content", 2): "now  now  -  -  now  now  no  no  now  ask1*  ask1",
    ("notable", "limit or lock", 2): "now  now  -  -  now  now  no  no  now  ask1*  ask1",
    ("notable", "suspend", 3): "ask1  ask1  -  -  ask1  ask1  no  no  ask1  ask1*  ask1",
    ("notable", "deactivate", 4): "ask1+10m  ask1+10m  -  -  ask1+10m  ask1+10m  no  no  ask1+10m  no  ask1+10m",
    ("notable", "delete", 5): "ask1+72h  ask1+72h  -  -  ask1+72h  ask1+72h  no  no  ask1+72h  no  ask1+72h",
    ("protected", "warn or label", 1): "now  now  -  -  now  now  no  no  now  ask1*  ask1",
    ("protected", "remove content", 2): "now<now<ask1  now<now<ask1  -  -  now<now<ask1  now<now<ask1  no  no  now<now<ask1  ask1*  ask1",
    ("protected", "limit or lock", 2): "ask1  ask1  -  -  ask1  ask1  no  no  ask1  ask1*  ask1",
    ("protected", "suspend", 3): "ask2+10m  ask2+10m  -  -  ask2+10m  ask2+10m  no  no  ask2+10m  ask1*  ask2+10m",
    ("protected", "deactivate", 4): "ask2+30m  ask2+30m  -  -  ask2+30m  ask2+30m  no  no  ask2+30m  no  ask2+30m",
    ("protected", "delete", 5): "no  no  -  -  no  no  no  no  no  no  no",
}  # fmt: skip


def short(asked: Asked) -> str:
    words = {"at_once": "now", "after_wait": "wait", "with_others": "ask", "refused": "no", "cannot": "-", "unknown": "?"}  # fmt: skip
    minutes = asked.seconds // 60
    wait = f"+{minutes // 60}h" if minutes >= 60 else f"+{minutes}m" if minutes else ""
    people = str(asked.people) if asked.kind == "with_others" else ""
    return f"{words[asked.kind]}{people}{wait}{'*' if asked.glass else ''}"


def test_the_table_of_the_default_set():
    found = {}
    for line in table(DEFAULT):
        cells = [[short(one) for one in (cell.least, cell.usual, cell.most)] for cell in line.cells]
        found[line.tier, line.act, line.severity] = "  ".join(
            three[0] if len(set(three)) == 1 else "<".join(three) for three in cells
        )
    assert found == TABLE


#: How each is answered to one person alone, and whether an example is told.
SOLO = [
    ("after_wait", True), ("after_wait", True), ("at_once", True), ("after_wait", True), ("refused", False),
    ("after_wait", True), ("at_once", True), ("refused", False), ("after_wait", True), ("at_once", True),
    ("after_wait", True), ("at_once", True), ("with_others", False),
]  # fmt: skip
PROMISED = [(2, 600), (1, 0), (1, 0), (1, 86_400), None, (1, 0), None, None, (2, 1_800), (1, 0), (1, 0), (1, 0), (1, 0)]


def test_what_is_promised_under_the_default_set_and_what_one_alone_is_promised():
    page = alone(DEFAULT)
    assert [(one.asked.people, one.asked.seconds) if one.asked.kind == "with_others" else None for one in page.promises] == PROMISED  # fmt: skip
    assert all(one.kept and one.how == "" for one in page.promises)
    solo = alone(load_shipped("solo"))
    # Which example is told is the solver's choice among several.
    assert [(one.asked.kind, one.how != "") for one in solo.promises] == SOLO
    assert [one.kept for one in solo.promises] == [kind in {"refused", "with_others"} for kind, _ in SOLO]
    assert solo.broken == tuple(one for one in solo.promises if not one.kept)


def test_the_budgets_of_the_shipped_sets():
    assert [(one.who, one.limits, one.beyond) for one in alone(DEFAULT).budgets] == [
        (
            "A reviewer",
            ("mild measures: 300 an hour and 1,500 a day", "suspensions: 60 an hour and 300 a day",
             "deactivations: 15 an hour and 60 a day", "followers touched: 300,000 an hour and 1 million a day",
             "accounts at once: 25"),
            "1 further person (lead)",
        ),
        (
            "A reviewer by token",
            ("mild measures: 150 an hour and 750 a day", "suspensions: 30 an hour and 150 a day",
             "deactivations: 10 an hour and 30 a day", "followers touched: 300,000 an hour and 1 million a day",
             "accounts at once: 25"),
            "1 further person (lead)",
        ),
        (
            "A newcomer",
            ("mild measures: 20 an hour and 1,500 a day", "suspensions: 20 an hour and 300 a day",
             "no deactivations at once", "followers touched: 300,000 an hour and 1 million a day",
             "accounts at once: 1"),
            "1 further person (lead)",
        ),
        (
            "A service, on small accounts of a few days",
            ("suspensions: 500 an hour", "no deactivations at once", "accounts at once: 25"),
            "1 further person (lead)",
        ),
    ]  # fmt: skip
    solo = alone(load_shipped("solo")).budgets
    assert [(one.limits[0], one.beyond) for one in solo] == [
        ("mild measures: 200 an hour", "a wait of 2 hours, a sign-in of the last 5 minutes or a wait of 48 hours"),
        ("mild measures: 100 an hour", "a wait of 2 hours, a sign-in of the last 5 minutes or a wait of 48 hours"),
        ("mild measures: 200 an hour", "a wait of 2 hours, a sign-in of the last 5 minutes or a wait of 48 hours"),
        ("suspensions: 30 an hour", "a wait of 24 hours, a wait of 48 hours or a wait of 2 hours"),
    ]
    assert alone(load_shipped("solo").changed(remove=[net.id for net in load_shipped("solo")])).budgets == ()


WEAKENING = "needs 2 further people (lead or policy), of different teams and a wait of 30 minutes"
EVERYBODY = ("reviewer", "lead", "policy", "oncall", "legal", "admin", "auditor")
MILD = {
    "learn who is behind a pseudonym": (("legal",), "needs 1 further person (lead or legal)"),
    "pause again within 24 hours": (EVERYBODY[:-1], "needs 1 further person (lead or oncall or policy)"),
    "resume after a pause": (("lead", "policy", "oncall"), "needs 1 further person (lead or oncall or policy)"),
    "restore beyond the hourly limit, or what is over 30 days old": (
        EVERYBODY[:-1],
        "needs 1 further person (lead or oncall or policy or reviewer)",
    ),
    "restore what the law took down": (EVERYBODY[:-1], "needs 1 further person (legal)"),
}


def test_what_one_person_can_do_to_the_rules():
    page = alone(DEFAULT)
    for rule in (*page.rules, *page.back):
        if rule.says in MILD:
            assert (rule.roles, rule.needs) == MILD[rule.says]
        else:
            assert rule.needs == (WEAKENING if rule.weakens else "alone at once")
    assert {rule.says for rule in (*page.rules, *page.back)} >= MILD.keys()
    by_says = {rule.says: rule.roles for rule in page.rules}
    assert by_says["issue a token of one's own"] == EVERYBODY
    assert by_says["add a net"] == ("policy",)
    assert by_says["raise an account's tier"] == ("lead", "policy")


def test_people_for_whom_all_is_the_same_are_told_together():
    page = alone(DEFAULT)
    told = {tier: [who for who, _ in groups] for tier, groups in columns(page)}
    assert told == {
        "standard": [
            "A reviewer, a lead, an admin with every role or a reviewer by token",
            "A reviewer in the first two weeks or a reviewer in the last two weeks",
            "A reviewer in the last 24 hours",
            "A reviewer who breaks the glass",
            "A service",
        ],
        "notable": [
            "A reviewer, a lead, an admin with every role, a reviewer in the first two weeks or a reviewer by token",
            "A reviewer in the last two weeks or a reviewer in the last 24 hours",
            "A reviewer who breaks the glass",
            "A service",
        ],
        "protected": [
            "A reviewer, a lead, an admin with every role, a reviewer in the first two weeks or a reviewer by token",
            "A reviewer in the last two weeks or a reviewer in the last 24 hours",
            "A reviewer who breaks the glass",
            "A service",
        ],
    }
    (_, cells) = dict(columns(page))["notable"][1]
    assert [(act, cell.usual.kind, cell.who) for act, cell in cells][:2] == [
        ("warn or label", "refused", "leaver"),
        ("remove content", "refused", "leaver"),
    ]
    document = page.to_json()
    assert (document["digest"], len(document["people"]), len(document["table"])) == (DEFAULT.digest, 11, 18)
    assert document["people"][0] == {"id": "reviewer", "says": "a reviewer"}
    assert document["promises"] == [one.to_json() for one in page.promises]
    assert document["budgets"] == [one.to_json() for one in page.budgets]
    assert document["rules"] == [one.to_json() for one in page.rules]
    assert document["back"] == [one.to_json() for one in page.back]
    assert [line.tier for line in page.of_tier("notable")] == ["notable"] * 6


LEAD = (Requirement(("lead",), 1),)


@pytest.mark.parametrize(
    ("asked", "says", "rank"),
    [
        (Asked(kind="at_once"), "alone at once", (0, 0, 0)),
        (Asked(kind="at_once", confirm=("handle",)), "alone at once, after confirming the handle", (0, 0, 0)),
        (
            Asked(kind="at_once", confirm=("handle", "identity")),
            "alone at once, after confirming the handle and confirming the identity",
            (0, 0, 0),
        ),
        (Asked(kind="after_wait", seconds=600), "alone after a wait of 10 minutes", (1, 0, 600)),
        (Asked(kind="with_others", people=1), "needs 1 other person", (2, 1, 0)),
        (Asked(kind="with_others", people=2, seconds=60), "needs 2 other people and a wait of 1 minute", (2, 2, 60)),
        (Asked(kind="with_others", people=1, needs=LEAD), "needs 1 further person (lead)", (2, 1, 0)),
        (
            Asked(kind="with_others", people=2, needs=(*LEAD, Requirement(("legal",), 1))),
            "needs 1 further person (lead) and 1 further person (legal)",
            (2, 2, 0),
        ),
        (GLASS, "needs 1 further person, and ends by itself in half an hour", (2, 1, 0)),
        (Asked(kind="refused"), "refused", (3, 0, 0)),
        (Asked(kind="cannot"), "not with these roles", (4, 0, 0)),
        (Asked(kind="unknown"), "not proved: the solver found no answer in time", (-1, 0, 0)),
    ],
)
def test_each_answer_is_said_and_ranked(asked, says, rank):
    assert (asked.says, asked.rank) == (says, rank)
    assert asked.to_json() == {"kind": asked.kind, "people": asked.people, "hold_seconds": asked.seconds, "says": says}


@pytest.mark.parametrize(
    ("verdict", "asked"),
    [
        (NOTHING, Asked(kind="at_once")),
        (Verdict(confirm=("handle",)), Asked(kind="at_once", confirm=("handle",))),
        (Verdict(hold_seconds=60), Asked(kind="after_wait", seconds=60)),
        (Verdict(approvals=LEAD), Asked(kind="with_others", people=1, needs=LEAD)),
        (Verdict(approvals=LEAD, hold_seconds=60), Asked(kind="with_others", people=1, seconds=60, needs=LEAD)),
        (Verdict(refusals=("No.",)), Asked(kind="refused")),
    ],
)
def test_what_a_verdict_asks_of_one_person(verdict, asked):
    assert asked_of(verdict) == asked


def test_a_cell_says_the_ordinary_day_and_its_bounds():
    now, ask, no = Asked(kind="at_once"), Asked(kind="with_others", people=1), Asked(kind="refused")
    assert Cell(who="a", least=now, usual=now, most=now).says == "alone at once"
    assert Cell(who="a", least=now, usual=ask, most=no).says == (
        "needs 1 other person; in some cases alone at once; in some cases refused"
    )
    assert Cell(who="a", least=ask, usual=ask, most=no).says == "needs 1 other person; in some cases refused"
    cell = Cell(who="a", least=now, usual=ask, most=ask, loosest_facts=ORDINARY)
    assert cell.tone == "at_once"
    assert cell.to_json() == {
        "who": "a",
        "says": "needs 1 other person; in some cases alone at once",
        "least": now.to_json(),
        "usual": ask.to_json(),
        "most": ask.to_json(),
        "loosest": "A suspension of a standard account (40 followers) by a reviewer",
    }
    assert replace(cell, loosest_facts=None).to_json()["loosest"] is None
    assert loosest_in_words(None) == ""
    line = Line("notable", "warn", 1, (cell,))
    assert line.to_json() == {"tier": "notable", "act": "warn", "severity": 1, "cells": [cell.to_json()]}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(kind="refused"), "Nobody can fly. Proved."),
        (Asked(kind="with_others", people=1), "Nobody alone can fly: it needs the yes of 1 other person at least. Proved."),
        (
            Asked(kind="with_others", people=2, seconds=60),
            "Nobody alone can fly: it needs the yes of 2 other people and a wait of 1 minute at least. Proved.",
        ),
        (
            Asked(kind="after_wait", seconds=60),
            (
                "One person alone can fly, after a wait of 1 minute at least in which anyone on duty can cancel."
                " Proved that it is no less."
            ),
        ),
        (Asked(kind="at_once"), "One person alone can fly, at once."),
        (
            Asked(kind="unknown"),
            "Whether one person alone can fly is not proved: the solver found no answer in time.",
        ),
    ],
)  # fmt: skip
def test_each_promise_is_said(asked, says):
    promise = Promise(what="fly", asked=asked, loosest_facts=ORDINARY)
    kept = asked.kind in {"refused", "with_others"}
    how = "" if kept else "A suspension of a standard account (40 followers) by a reviewer"
    assert (promise.says, promise.kept, promise.how) == (says, kept, how)
    assert promise.to_json() == asked.to_json() | {"says": says, "kept": kept, "how": how or None}


def test_budgets_and_rules_for_machines():
    budget = Budget(
        who="A",
        numbers=(("mild", ((0, "actor_1h"), (0, "actor_24h"))), ("suspensions", ((0, "actor_1h"), (5, "actor_24h"))), ("bulk", ((1_500_000, ""),))),
        then=(Verdict(hold_seconds=60), NOTHING, Verdict(refusals=("No.",)), Verdict(fresh_auth_minutes=5), Verdict(approvals=LEAD), Verdict(hold_seconds=60)),
    )  # fmt: skip
    assert budget.to_json() == {
        "who": "A",
        "limits": ["no mild measures at once", "suspensions: 0 an hour and 5 a day", "accounts at once: 1.5 million"],
        "beyond": "a wait of 1 minute, it is refused, a sign-in of the last 5 minutes or 1 further person (lead)",
    }
    rule = Rule(says="s", roles=("lead",), weakens=True, asked=GLASS)
    assert rule.to_json() == GLASS.to_json() | {"says": "s", "roles": ["lead"], "weakens": True}
