"""Two sets side by side: what was changed, and the smallest facts on which they differ."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gardefou.nets.differ as differ_module
from gardefou.errors import Unavailable
from gardefou.nets.differ import changed_words, differ
from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import SHIPPED, load_shipped

DEFAULT = load_shipped("default")


def changed(text_of: str, old: str, new: str) -> NetSet:
    text = load_shipped(text_of).to_toml()
    assert old in text
    return load(text.replace(old, new, 1))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_set_asks_the_same_as_itself_and_that_is_proved(name):
    found = differ(load_shipped(name), load_shipped(name))
    assert (found.same, found.how, found.differences) == (True, "proved", ())


def test_words_that_mean_the_same_differ_in_words_only():
    other = changed("default", "action.severity >= 3", "not (action.severity < 3)")
    found = differ(DEFAULT, other)
    assert found.same
    assert [(one.net, one.change) for one in found.nets] == [("protected-two-more-people", "changed")]
    assert found.nets[0].words[0][0] == "when"


def test_the_smallest_facts_are_one_fact_at_its_edge():
    found = differ(DEFAULT, DEFAULT.changed(remove=["person-reach-hour"]))
    [one] = found.differences
    assert (one.component, one.less) == ("people", "b")
    assert {name: value for name, value in one.facts.items() if value != ORDINARY[name]} == {"account.reach": 300_001}
    assert one.sentence == (
        "A suspension of a standard account (300,001 followers) by a reviewer: A asks 1 further person (lead), B asks nothing."
    )


@pytest.mark.parametrize(
    ("old", "new", "component", "less"),
    [
        ('hold = "10m"', 'hold = "5m"', "hold", "b"),
        ("fresh_auth_minutes = 10", "fresh_auth_minutes = 20", "sign-in", "b"),
        ('confirm = ["identity"]', 'confirm = ["handle", "identity"]', "confirm", "a"),
        ("distinct_teams = true", "distinct_teams = false", "who", ""),
        ('from = ["lead"]', 'from = ["policy"]', "who", ""),
        ('notify = ["oncall"]', 'notify = ["everyone"]', "notify", "b"),
        ('refuse = "More than 5,000 accounts at once; split the list."', 'hold = "1h"', "refusal", "b"),
    ],
)
def test_each_thing_that_can_be_asked_is_compared(old, new, component, less):
    found = differ(DEFAULT, changed("default", old, new))
    assert (component, less) in [(one.component, one.less) for one in found.differences]
    assert not found.open


@given(st.sampled_from(sorted(net.id for net in DEFAULT)))
@settings(max_examples=12, deadline=None)
def test_every_situation_told_is_one_in_which_evaluation_differs_too(net_id):
    less = DEFAULT.changed(remove=[net_id])
    for one in differ(DEFAULT, less).differences:
        facts = Facts.of(one.facts)
        assert judge(DEFAULT, facts) == one.a
        assert judge(less, facts) == one.b
        assert one.a.covers(one.b)
        assert one.a != one.b


def test_a_condition_that_the_solver_cannot_read_is_not_called_the_same():
    text = '[[net]]\nid = "odd"\ntitle = "t"\nbecause = "b"\nwhen = \'account.reach * account.age_days > %d\'\n[net.require]\nhold = "1h"\n'
    assert differ(load(text % 5), load(text % 5)).same
    found = differ(load(text % 5), load(text % 6))
    assert not found.same
    assert found.open or found.differences


def test_without_a_solver_situations_are_tried_and_it_is_said(monkeypatch):
    def missing():
        raise Unavailable("nets/solver", "not installed")

    monkeypatch.setattr(differ_module, "z3", missing)
    found = differ(load_shipped("solo"), changed("solo", 'hold = "2d"', 'hold = "1d"'))
    assert found.how == "tried"
    assert found.tried > 100
    assert [(one.component, one.less) for one in found.differences] == [("hold", "b")]
    assert differ(load_shipped("solo"), load_shipped("solo")).same


def test_changed_words_are_marked():
    assert changed_words("a and b >= 3", "a and b >= 4") == "a and b >= [-3-]{+4+}"
