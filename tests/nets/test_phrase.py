"""Facts and conditions in English: every one can be said, and the numbers are in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from gardefou.nets.check import read_condition
from gardefou.nets.facts import SCHEMA
from gardefou.nets.floor import ORDINARY
from gardefou.nets.phrase import condition_in_words, condition_lines, fact_in_words
from gardefou.nets.shipped import SHIPPED, load_shipped
from tests.nets.trees import conditions


def said(text: str) -> str:
    node, problems = read_condition(text)
    assert node is not None, problems
    return condition_in_words(node)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'account.tier_memory == "protected" and action.severity >= 3',
            "the account is protected and its severity is 3 or more",
        ),
        ('account.tier != "standard"', "the account is notable or protected today"),
        ("account.reach >= 41_000_000", "the account has 41 million followers or more"),
        ('actor.tenure_days < "45d"', "whoever does it has been here less than 45 days"),
        ('actor.hours_to_last_day_end <= "14d"', "the last day of whoever does it ends within 14 days"),
        ("not now.paused", "nothing is paused"),
        ('not ("legal" in actor.roles)', "whoever does it is not of legal"),
        (
            "recent.actor_1h.severity3 + action.bulk > 60",
            "with this there are more than 60 enforcements of severity 3 or more by the same person in the last hour",
        ),
        (
            "now.raid and (now.paused or action.legal)",
            "raid mode is on and (enforcement is paused or the law demands it)",
        ),
        ('action.reversibility == "none"', "it cannot be undone"),
        ("1 < action.severity < 4", "its severity is more than 1 and its severity is less than 4"),
        ("max(account.reach, 10) > 7", "the greatest of how many accounts it reaches and 10 is more than 7"),
    ],
)
def test_a_condition_reads_as_a_lead_would_say_it(text, words):
    assert said(text) == words


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_every_fact_can_be_said(name):
    words = fact_in_words(name, ORDINARY[name])
    assert words
    assert name not in words
    assert "{}" not in words


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_condition_is_said_without_the_names_of_facts(name):
    for net in load_shipped(name):
        for line in condition_lines(net.condition.node):
            assert not any(fact in line for fact in SCHEMA), line


@given(conditions)
@settings(max_examples=200, deadline=None)
def test_every_condition_can_be_said_and_its_opposite(node):
    assert condition_in_words(node)
    assert condition_in_words(node, holds=False)
