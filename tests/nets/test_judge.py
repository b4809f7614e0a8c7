"""Judging and explaining."""

from __future__ import annotations

import timeit

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
