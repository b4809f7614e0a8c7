"""Judging and explaining."""

from __future__ import annotations

import timeit

import pytest

from gardefou.nets.evaluate import Outcome
from gardefou.nets.facts import Facts
from gardefou.nets.judge import explain, judge
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from gardefou.nets.verdict import NOTHING
from tests.nets.cases import ordinary

TWO = """\
[[net]]
id = "spam-needs-a-lead"
title = "T"
because = "B"
when = 'case.category == "spam" and action.severity >= 3'
[net.require]
approvals = 1
[[net]]
id = "try-out"
title = "T"
because = "B"
when = 'not now.paused and (account.reach > 1_000 or actor.human)'
mode = "shadow"
[net.require]
refuse = true
"""


def test_a_shadow_net_is_recorded_and_asks_for_nothing():
    verdict = judge(load(TWO), ordinary(action__severity=2))
    assert verdict.asks_nothing
    assert [reason.net for reason in verdict.shadow] == ["try-out"]
    assert not verdict.reasons


def test_a_whole_installation_in_shadow_asks_for_nothing_and_tells_all():
    verdict = judge(load(TWO), ordinary(), shadow_all=True)
    assert verdict.asks_nothing
    assert not verdict.notify
    assert {reason.net for reason in verdict.shadow} == {"spam-needs-a-lead", "try-out"}


def test_a_net_that_errs_counts_as_matched():
    verdict = judge(load(TWO), ordinary().but({"case.category": None}))
    assert [reason.net for reason in verdict.reasons] == ["spam-needs-a-lead"]


def test_no_nets_ask_for_nothing():
    assert judge(NetSet(), Facts.of({})) is NOTHING


def test_the_explanation_names_the_parts_that_decided_with_their_values():
    first, second = explain(load(TWO), ordinary())
    assert first.spoke
    assert first.words == (
        'case.category == "spam" holds: case.category is spam',
        "action.severity >= 3 holds: action.severity is 3",
    )
    assert second.shadow
    assert second.words == ("not now.paused holds: now.paused is false", "actor.human holds: actor.human is true")


def test_the_explanation_of_silence_and_of_the_unknown():
    first, _ = explain(load(TWO), ordinary(action__severity=1))
    assert not first.spoke
    assert first.words == ("action.severity >= 3 does not hold: action.severity is 1",)
    erred, unknown = explain(load(TWO), Facts.of({"now.paused": False}))
    assert erred.outcome is Outcome.ERRED
    assert erred.words == ('case.category == "spam" could not be read: case.category is unknown',)
    assert "account.reach is unknown, taken as 1,000,000,000,000,000" in unknown.words[1]
    assert unknown.to_json()["outcome"] == "matched"


def test_explanation_and_judgement_agree():
    nets = load_shipped("default")
    for facts in (ordinary(), Facts.of({}), ordinary(account__tier_memory="protected", action__severity=4)):
        spoke = {one.net for one in explain(nets, facts) if one.spoke}
        assert spoke == {reason.net for reason in judge(nets, facts).reasons}


def test_judging_under_the_default_set_takes_microseconds():
    nets, facts = load_shipped("default"), ordinary()
    best = min(timeit.repeat(lambda: judge(nets, facts), number=200, repeat=5)) / 200
    assert best < 200e-6


def told(when: str, facts: Facts, mode: str = "enforce"):
    text = f"[[net]]\nid = 'n'\ntitle = 'T'\nbecause = 'B'\nmode = '{mode}'\nwhen = '''{when}'''\n[net.require]\n"
    (one,) = explain(load(text + "refuse = true\n"), facts)
    return one


MATCHED, SILENT, ERRED = Outcome.MATCHED, Outcome.NOT_MATCHED, Outcome.ERRED


@pytest.mark.parametrize(
    ("when", "unknown", "outcome", "words"),
    [
        # Each part of an "or" that does not hold, and the first that does; the other way round for "and".
        ("now.paused or account.reach < 5", "", SILENT, ["now.paused does not", "account.reach < 5 does not"]),
        ("now.paused or actor.human or account.reach < 50", "", MATCHED, ["actor.human holds"]),
        ("actor.human and account.reach < 50", "", MATCHED, ["actor.human holds", "account.reach < 50 holds"]),
        ("actor.human and account.reach < 5 and now.paused", "", SILENT, ["account.reach < 5 does not"]),
        # A "not" before them turns what they come out as.
        ("not (now.paused or action.severity > 4)", "", MATCHED, ["now.paused does not", "action.severity > 4 does"]),
        ("not (now.paused or action.severity > 2)", "", SILENT, ["action.severity > 2 holds"]),
        ("not (now.paused and actor.human)", "", MATCHED, ["now.paused does not"]),
        ("not not actor.human", "", MATCHED, ["not actor.human does not"]),
        ("not actor.human", "", SILENT, ["not actor.human does not"]),
        # What could not be read ends it, as it ends evaluation.
        ('account.reach > 1_000 or case.category == "spam" or actor.human', "case.category", ERRED, ["case.category"]),
        ('actor.human and case.category == "spam" and now.paused', "case.category", ERRED, ["case.category"]),
        ("1 < 2 or now.paused", "", MATCHED, ["1 < 2 holds"]),
        ("actor.human and actor.human", "", MATCHED, ["actor.human holds"]),
    ],
)
def test_the_parts_that_decided_are_told_and_no_others(when, unknown, outcome, words):
    one = told(when, ordinary().but({unknown: None}) if unknown else ordinary())
    assert one.outcome is outcome
    for said, begins in zip(one.words, words, strict=True):
        assert said.startswith(begins)
    assert len(one.plain) == len(one.words)


@pytest.mark.parametrize(
    ("when", "changed", "words", "plain"),
    [
        ("1 < 2", {}, "1 < 2 holds", "1 is less than 2"),
        (
            "account.reach < 50",
            {},
            "account.reach < 50 holds: account.reach is 40",
            "the account has fewer than 50 followers (the account has 40 followers)",
        ),
        (
            "account.reach > 1_000",
            {"account.reach": None},
            "account.reach > 1000 holds: account.reach is unknown, taken as 1,000,000,000,000,000",
            (
                "the account has more than 1,000 followers (how many accounts it reaches is not known, and is taken at its"
                " most protective)"
            ),
        ),
        (
            "case.category == case.policy",
            {"case.category": None, "case.policy": None},
            "case.category == case.policy could not be read: case.category is unknown, case.policy is unknown",
            "it is not known: what it was reported as, the policy decided on",
        ),
        (
            "account.reach / (account.reach - 40) > 1",
            {},
            "account.reach / (account.reach - 40) > 1 could not be read: account.reach is 40",
            (
                "how many accounts it reaches over (how many accounts it reaches less 40) is more than 1, or it could not be"
                " read"
            ),
        ),
        (
            '"lead" in actor.roles',
            {"actor.roles": ()},
            '"lead" in actor.roles does not hold: actor.roles is empty',
            "whoever does it is not a lead",
        ),
        (
            '"lead" in actor.roles',
            {"actor.roles": ("lead", "policy")},
            '"lead" in actor.roles holds: actor.roles is lead, policy',
            "whoever does it is a lead",
        ),
        (
            'case.policy == "x"',
            {"case.policy": ""},
            'case.policy == "x" does not hold: case.policy is empty',
            "it is not for x",
        ),
        (
            "account.reach == 40",
            {},
            "account.reach == 40 holds: account.reach is 40",
            "the account has 40 followers",
        ),
    ],
)
def test_a_part_is_said_with_its_values_for_machines_and_for_people(when, changed, words, plain):
    one = told(when, ordinary().but(changed))
    assert (one.words, one.plain) == ((words,), (plain,))


def test_an_explanation_carries_its_net_whole_and_so_does_its_document():
    one = told("now.paused", ordinary(now__paused=True))
    assert (one.net, one.title, one.because, one.shadow, one.refuses, one.spoke) == ("n", "T", "B", False, True, True)
    assert one.to_json() == {
        "net": "n",
        "title": "T",
        "because": "B",
        "mode": "enforce",
        "spoke": True,
        "outcome": "matched",
        "words": ["now.paused holds: now.paused is true"],
        "plain": ["enforcement is paused"],
    }
    shadow = told("now.paused", ordinary(), mode="shadow")
    assert (shadow.shadow, shadow.spoke, shadow.to_json()["mode"]) == (True, False, "shadow")
    assert shadow.to_json()["outcome"] == "not matched"
    assert explain(load(TWO), ordinary())[0].refuses is False


def test_fractions_are_said_as_they_are_and_every_number_of_a_part_is_told():
    one = told('actor.fresh_minutes < "30d"', ordinary(actor__fresh_minutes=1234.5))
    assert one.words[0].endswith(": actor.fresh_minutes is 1234.5")
    one = told(
        "recent.actor_1h.all + recent.actor_24h.all > 2", ordinary(recent__actor_1h__all=2, recent__actor_24h__all=3)
    )
    assert one.plain[0].count("; ") == 1
