"""Which single fact would have to be otherwise for a net to be silent: the nearest value, in words, at the exact bound."""

from __future__ import annotations

import pytest

from gardefou.nets.load import read_net
from gardefou.nets.otherwise import otherwise
from tests.nets.cases import ordinary


def said(when: str, **facts: object) -> list[str]:
    net = read_net({"id": "a", "title": "T", "because": "B", "when": when, "require": {"hold": "1m"}})
    assert net.condition.evaluate(ordinary(**facts)).speaks
    return otherwise(net, ordinary(**facts))


@pytest.mark.parametrize(
    ("when", "facts", "words"),
    [
        # Whole numbers, from either side, at the bound and just beyond it.
        ("account.reach >= 100_000", {"account__reach": 250_000}, ["the account has fewer than 100,000 followers"]),
        ("account.reach > 100_000", {"account__reach": 250_000}, ["the account has fewer than 100,001 followers"]),
        ("account.reach < 100", {}, ["the account has more than 99 followers"]),
        ("account.reach <= 100", {}, ["the account has more than 100 followers"]),
        ("account.reach == 40", {}, ["the account has fewer than 40 followers"]),
        ("account.reach == 0", {"account__reach": 0}, ["the account has more than 0 followers"]),
        ("account.reach > 10", {"account__reach": None}, ["the account has fewer than 11 followers"]),
        ("action.severity == 5", {"action__severity": 5}, ["its severity is less than 5"]),
        ("case.reports == 0", {"case__reports": None}, ["the case has more than 0 reports"]),
        ("now.hour == 12", {}, ["the hour is less than 12 UTC"]),
        # Numbers that need not be whole.
        ("account.age_days < 30", {"account__age_days": 3}, ["the account is more than 30 days old"]),
        ("account.age_days < 30.5", {"account__age_days": 3}, ["the account is more than 30.5 days old"]),
        ("account.age_days > 30", {"account__age_days": 100}, ["the account is less than 30 days old"]),
        ("account.age_days > 30.25", {"account__age_days": 100}, ["the account is less than 30.25 days old"]),
        # Not rounded to a whole number at which the net would still speak.
        ("account.age_days < 30.008", {"account__age_days": 3}, ["the account is more than 30.01 days old"]),
        ("account.age_days > 29.992", {"account__age_days": 100}, ["the account is less than 29.99 days old"]),
        (
            "account.age_days > 1_000_000_000",
            {"account__age_days": None},
            ["the account is less than 1 billion days old"],
        ),
        # What nobody is helped by is passed over, and what comes after it is not.
        (
            "account.tier == 'standard' and action.automated and case.reports > 3 and now.raid",
            {"action__automated": True, "case__reports": 9, "now__raid": True, "account__tier": "standard"},
            ["the case has fewer than 4 reports", "raid mode is off"],
        ),
        # Only what the condition compares this fact with is tried.
        (
            "len(account.labels) == 0 and case.category == 'spam'",
            {"case__category": "spam"},
            ["nothing was reported"],
        ),
        # No single value silences it.
        ("account.reach != 3", {}, []),
        ("case.category != 'x' or case.policy != 'y'", {}, []),
        ("account.reach >= 10 or account.age_days >= 10", {}, []),
        # Yes and no.
        ("now.raid", {"now__raid": True}, ["raid mode is off"]),
        ("not now.raid", {}, ["raid mode is on"]),
        ("account.lookalike", {"account__lookalike": None}, ["the account looks like no protected one"]),
        ("not actor.in_shift", {"actor__in_shift": None}, ["whoever does it is on duty"]),
        # Words of a closed list: the first that silences it.
        ("account.tier_memory == 'protected'", {"account__tier_memory": "protected"}, ["the account is standard"]),
        ("account.tier_memory != 'protected'", {}, ["the account is protected"]),
        ("actor.standing != 'active'", {"actor__standing": None}, ["whoever does it is in good standing"]),
        ("action.name != 'change' or now.raid", {"now__raid": True}, []),
        # Lists: one less first, then one more that the condition looks for.
        ("'lead' in actor.roles", {"actor__roles": ["lead", "admin"]}, ["whoever does it is an admin"]),
        ("'lead' not in actor.roles", {}, ["whoever does it is a reviewer and a lead"]),
        ("'lead' not in actor.roles", {"actor__roles": None}, ["whoever does it is a lead"]),
        ("len(actor.roles) == 1", {}, ["whoever does it has no role"]),
        ("'vip' in account.labels", {"account__labels": ["vip", "x"]}, ["the account is labelled x"]),
        # Free texts: none at all first, then those that the condition looks for.
        ("case.category == 'spam'", {}, ["nothing was reported"]),
        ("case.category != 'parody'", {}, ["it was reported as parody"]),
        ("case.category not in ['parody', 'scam']", {}, ["it was reported as parody"]),
        (
            "case.category not in ['scam'] and actor.team != 'x'",
            {"actor__team": "x y"},
            ["it was reported as scam", "whoever does it is of the team x"],
        ),
        ("case.language == 'en'", {"case__language": None}, ["the language is not known"]),
        # Nobody is helped by these.
        ("actor.human", {}, []),
        ("action.automated", {"action__automated": True}, []),
        ("account.tier == 'standard'", {}, []),
        ("change.weakens and change.kind == 'nets'", {"change__kind": "nets", "change__weakens": True}, []),
    ],
)
def test_what_would_silence_a_net(when, facts, words):
    assert said(when, **facts) == words


def test_the_account_and_the_act_come_first_and_no_more_than_three_are_said():
    account, act, case = "the account has fewer than 10 followers", "its severity is less than 3", "the case has fewer than 1 report"  # fmt: skip
    duty, hour = "whoever does it is off duty", "the hour is less than 12 UTC"
    lately = "there were more than 0 enforcements by the same person in the last hour"
    first = "now.hour == 12 and recent.actor_1h.all == 0 and actor.in_shift"
    assert said(first) == [duty, lately, hour]
    assert said(f"{first} and case.reports >= 1") == [case, duty, lately]
    assert said(f"{first} and case.reports >= 1 and action.severity >= 3") == [act, case, duty]
    assert said(f"{first} and case.reports >= 1 and action.severity >= 3 and account.reach >= 10") == [
        account,
        act,
        case,
    ]
    assert said("now.hour == 12 and change.person == ''")[0] == hour


def test_within_a_group_the_facts_come_in_their_own_sequence():
    facts = {"account__tier_memory": "protected", "account__restored_30d": 3}
    assert said('account.restored_30d > 0 and account.tier_memory == "protected" and account.reach >= 10', **facts) == [
        "the account is standard",
        "the account has fewer than 10 followers",
        "the account had fewer than 1 restore within 30 days",
    ]


def test_the_same_words_are_said_once():
    once = said("case.category == 'spam' and case.policy == 'spam' and case.category != 'x'")
    assert len(once) == len(set(once)) == 2


@pytest.mark.timeout(60)
def test_a_number_beyond_what_halves_exactly_comes_to_an_end():
    assert said("account.age_days > 900_000_000_000_000", account__age_days=None) == [
        "the account is less than an unknown number of days old"
    ]
