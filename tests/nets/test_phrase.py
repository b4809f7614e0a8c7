"""Facts and conditions in English: every one can be said, and the numbers are in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from gardefou.nets.check import read_condition
from gardefou.nets.facts import SCHEMA
from gardefou.nets.floor import ORDINARY
from gardefou.nets.phrase import amount_in_words, condition_in_words, condition_lines, fact_in_words, meaning
from gardefou.nets.phrasebook import change_kind, duration, guarded, quantity, window_of, word_of
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("True", "always"),
        ("now.raid", "raid mode is on"),
        ("not not now.raid", "raid mode is on"),
        ("now.raid == True", "raid mode is on"),
        ("now.raid != True", "raid mode is off"),
        ("False != now.raid", "raid mode is on"),
        ("now.raid == now.paused", "whether raid mode is on is whether enforcement is paused"),
        ("now.raid and now.paused and action.legal", "raid mode is on, enforcement is paused and the law demands it"),
        ("not (now.raid and now.paused)", "raid mode is off or nothing is paused"),
        ("not (now.raid or now.paused)", "raid mode is off and nothing is paused"),
        (
            "now.raid or now.paused and action.legal",
            "raid mode is on or (enforcement is paused and the law demands it)",
        ),
        (
            "(now.raid or now.paused) and action.legal",
            "(raid mode is on or enforcement is paused) and the law demands it",
        ),
        (
            "now.raid and not (now.paused and action.legal)",
            "raid mode is on, unless enforcement is paused and the law demands it",
        ),
        (
            "now.raid and actor.in_shift and not (now.paused and action.legal)",
            "raid mode is on and whoever does it is on duty, unless enforcement is paused and the law demands it",
        ),
        (
            "now.raid and not (now.paused and action.legal) or case.burst",
            "(raid mode is on, unless enforcement is paused and the law demands it) or the reports came in a burst",
        ),
        (
            "now.raid and not (now.paused or action.legal) and not (actor.human and case.burst)",
            "raid mode is on, unless enforcement is paused or the law demands it or a person does it and the reports came in a burst",
        ),
        (
            "not (now.paused and action.legal) and not (actor.human and case.burst)",
            "(nothing is paused or the law does not demand it) and (a service does it or the reports came in no burst)",
        ),
        (
            "not (now.raid and not (now.paused and action.legal))",
            "raid mode is off or (enforcement is paused and the law demands it)",
        ),
        (
            "now.raid or not (now.paused and action.legal)",
            "raid mode is on or nothing is paused or the law does not demand it",
        ),
        (
            "(now.raid and not (now.paused and action.legal)) or actor.human",
            "(raid mode is on, unless enforcement is paused and the law demands it) or a person does it",
        ),
        ("any([now.raid, now.paused])", "raid mode is on or enforcement is paused"),
        ("all([now.raid, now.paused])", "raid mode is on and enforcement is paused"),
        ("not any([now.raid, now.paused])", "raid mode is off and nothing is paused"),
        ("not all([now.raid, now.paused])", "raid mode is off or nothing is paused"),
        ("any([now.raid])", "raid mode is on"),
        ("1 < account.reach < 5", "the account has more than 1 follower and the account has fewer than 5 followers"),
        ("not (1 < account.reach < 5)", "the account has at most 1 follower or the account has 5 followers or more"),
        ("account.reach > 5", "the account has more than 5 followers"),
        ("5 < account.reach", "the account has more than 5 followers"),
        ("5 >= account.reach", "the account has at most 5 followers"),
        ("account.reach == 5", "the account has 5 followers"),
        ("account.reach != 5", "the account has not 5 followers"),
        ("not account.reach >= 5", "the account has fewer than 5 followers"),
        ("not account.reach == 5", "the account has not 5 followers"),
        ("account.reach in [1, 2]", "the account has 1 or 2"),
        ("account.reach not in [1, 2]", "the account has not 1 or 2"),
        ("not account.reach in [1, 2]", "the account has not 1 or 2"),
        (
            "account.reach in [account.restored_30d, 2]",
            "how many accounts it reaches is one of restores of it in the last 30 days and 2",
        ),
        ("action.severity > 0", "it is a measure against someone"),
        ("action.severity >= 1", "it is a measure against someone"),
        ("action.severity > 1", "its severity is more than 1"),
        ("action.severity < 3", "its severity is less than 3"),
        ("action.severity <= 3", "its severity is at most 3"),
        ("account.restored_30d > 0", "it was restored within 30 days"),
        ("account.restored_30d >= 1", "it was restored within 30 days"),
        ("account.restored_30d > 1", "the account had more than 1 restore within 30 days"),
        ("account.age_days < '7d'", "the account is less than 7 days old"),
        ("account.age_days <= '7d'", "the account is at most 7 days old"),
        ("account.age_days > '7d'", "the account is more than 7 days old"),
        ("actor.hours_to_last_day_end < '1h'", "the last day of whoever does it ends within 1 hour"),
        ("actor.hours_to_last_day_end > '14d'", "the last day of whoever does it ends in more than 14 days"),
        ("actor.hours_to_last_day_end == 3", "the last day of whoever does it ends in 3 hours"),
        ("actor.fresh_minutes > 5", "the last strong sign-in was more than 5 minutes ago"),
        ("actor.fresh_minutes < '2h'", "the last strong sign-in was less than 2 hours ago"),
        ("case.reports < 2", "the case has fewer than 2 reports"),
        ("case.reporters >= 2", "the case has reports of 2 people or more"),
        ("now.hour < 6", "the hour is less than 6 UTC"),
        ("recent.actor_reversed_7d > 3", "more than 3 enforcements of whoever does it were reversed in 7 days"),
        ("recent.actor_1h.all > 3", "there were more than 3 enforcements by the same person in the last hour"),
        (
            "recent.actor_24h.severity3 >= 3",
            "there were at least 3 enforcements of severity 3 or more by the same person in the last 24 hours",
        ),
        (
            "recent.team_1h.severity4 <= 3",
            "there were at most 3 enforcements of severity 4 or more by their team in the last hour",
        ),
        (
            "recent.platform_1h.reach < 3",
            "there were fewer than 3 followers touched at severity 3 or more on the whole platform in the last hour",
        ),
        (
            "recent.platform_1h.reach == 3",
            "there were 3 followers touched at severity 3 or more on the whole platform in the last hour",
        ),
        (
            "recent.platform_1h.reach != 3",
            "there were not 3 followers touched at severity 3 or more on the whole platform in the last hour",
        ),
        (
            "recent.actor_1h.all > 1_000_000_000",
            "it is not known how many enforcements by the same person in the last hour there were",
        ),
        (
            "recent.actor_1h.all <= 1_000_000_000",
            "it is known how many enforcements by the same person in the last hour there were",
        ),
        (
            "recent.actor_reversed_7d > 1_000_000_000",
            "it is not known how many enforcements of theirs reversed in 7 days there were",
        ),
        (
            "recent.actor_reversed_7d <= 1_000_000_000",
            "it is known how many enforcements of theirs reversed in 7 days there were",
        ),
        (
            "recent.actor_1h.all > 999_999_999",
            "there were more than 1,000 million enforcements by the same person in the last hour",
        ),
        (
            "recent.actor_1h.all >= 1_000_000_000",
            "there were at least 1 billion enforcements by the same person in the last hour",
        ),
        ("recent.actor_1h.all in [1, 2]", "there were 1 or 2 by the same person in the last hour"),
        ("account.tier == 'protected'", "the account is protected today"),
        ("account.tier_memory != 'protected'", "the account is standard or notable"),
        ("account.tier_memory not in ['protected', 'notable']", "the account is standard"),
        ("account.tier_memory in ['protected', 'notable']", "the account is protected or notable"),
        ("account.state != 'active'", "the account is not active now"),
        ("account.state not in ['active', 'limited']", "the account is not active or limited now"),
        ("action.name == 'warn'", "it is a warning"),
        ("action.name in ['warn', 'lock', 'delete']", "it is a warning, a lock or a deletion"),
        ("action.reversibility == 'none'", "it cannot be undone"),
        ("action.reversibility != 'none'", "it can be undone"),
        ("action.reversibility in ['none', 'lossy']", "undoing it is none or lossy"),
        ("actor.team == ''", "whoever does it is of no team"),
        ("actor.team != ''", "whoever does it is of a team"),
        ("actor.team == 'x'", "whoever does it is of the team x"),
        ("actor.employer == 'organisation'", "whoever does it works for the organisation"),
        ("actor.employer != 'organisation'", "whoever does it works for a vendor"),
        ("actor.via == 'system'", "Gardefou itself does it"),
        ("actor.via == 'api'", "it comes by token"),
        ("actor.via in ['api', 'cli']", "it comes by token or by the command line"),
        ("actor.standing in ['left', 'leaving']", "whoever does it is gone or leaving"),
        ("change.kind == ''", "it is no guarded change"),
        ("change.kind != ''", "it is a guarded change"),
        ("change.kind == 'tier'", "it is a change of tier"),
        ("change.kind != 'tier'", "it is not a change of tier"),
        ("change.kind in ['tier', 'nets']", "it is a change of tier or a change of nets"),
        ("change.kind in ['', 'nets']", "it is no guarded change, or a change of nets"),
        ("change.kind not in ['', 'nets']", "it is a guarded change, and not a change of nets"),
        ("change.kind not in ['xyz', 'nets']", "it is not a change of kind xyz or a change of nets"),
        ("'lead' in actor.roles", "whoever does it is a lead"),
        ("'lead' not in actor.roles", "whoever does it is not a lead"),
        ("not 'lead' in actor.roles", "whoever does it is not a lead"),
        ("'vip' in account.labels", "the account is labelled vip"),
        ("actor.team in account.labels", "their team is one of labels the platform put on it"),
        ("actor.team not in account.labels", "their team is none of labels the platform put on it"),
        ("actor.team == actor.employer", "their team is who employs them"),
        ("actor.team != actor.employer", "their team is not who employs them"),
        ("actor.team in ['a', actor.employer]", 'their team is one of "a" and who employs them'),
        ("actor.team not in ['a', actor.employer]", 'their team is none of "a" and who employs them'),
        (
            "account.reach > account.restored_30d",
            "how many accounts it reaches is more than restores of it in the last 30 days",
        ),
        (
            "account.reach != account.restored_30d",
            "how many accounts it reaches is not restores of it in the last 30 days",
        ),
        ("account.reach + 1 > 3", "how many accounts it reaches plus 1 is more than 3"),
        (
            "account.reach - account.restored_30d >= 3",
            "how many accounts it reaches less restores of it in the last 30 days is 3 or more",
        ),
        ("account.reach * 2 <= 3", "how many accounts it reaches times 2 is at most 3"),
        ("account.reach / 2 < 3", "how many accounts it reaches over 2 is less than 3"),
        # Brackets where without them it would be another sum.
        ("(account.reach + 2) * 2 > 9", "(how many accounts it reaches plus 2) times 2 is more than 9"),
        ("(account.reach * 2) / 3 > 9", "(how many accounts it reaches times 2) over 3 is more than 9"),
        ("2 * (account.reach - 2) > 9", "2 times (how many accounts it reaches less 2) is more than 9"),
        ("9 - (account.reach - 2) > 3", "9 less (how many accounts it reaches less 2) is more than 3"),
        ("9 - account.reach - 2 > 3", "9 less how many accounts it reaches less 2 is more than 3"),
        ("9 + (account.reach - 2) > 10", "9 plus how many accounts it reaches less 2 is more than 10"),
        ("-(2 - account.reach) > 3", "minus (2 less how many accounts it reaches) is more than 3"),
        ("-account.reach < 3", "minus how many accounts it reaches is less than 3"),
        ("len(actor.roles) > 1", "how many there are in roles of whoever places it is more than 1"),
        ("len([1, 2]) == 2", "how many there are in 1 and 2 is 2"),
        ("min(account.reach, 3) == 3", "the least of how many accounts it reaches and 3 is 3"),
        ("max([account.reach, 3]) != 4", "the greatest of how many accounts it reaches and 3 is not 4"),
        (
            "action.bulk + recent.actor_1h.all > 3",
            "with this there are more than 3 enforcements by the same person in the last hour",
        ),
        (
            "recent.actor_1h.severity3 + action.bulk <= 60",
            "with this there are at most 60 enforcements of severity 3 or more by the same person in the last hour",
        ),
        (
            "recent.actor_1h.all - recent.actor_1h.severity3 + action.bulk > 300",
            "with this there are more than 300 enforcements of severity 1 or 2 by the same person in the last hour",
        ),
        (
            "recent.actor_1h.reach + account.reach > 300_000",
            "with this account there are more than 300,000 followers touched at severity 3 or more by the same person in the last hour",
        ),
        (
            "recent.actor_1h.all + recent.actor_24h.all > 3",
            "enforcements by the same person in the last hour plus enforcements by the same person in the last 24 hours is more than 3",
        ),
        (
            "(now.raid or now.paused) == action.legal",
            "raid mode is on or enforcement is paused is whether the law demands it",
        ),
        (
            "actor.team == 'a' and actor.team in account.labels",
            "whoever does it is of the team a and their team is one of labels the platform put on it",
        ),
        ("'a' == actor.team", "whoever does it is of the team a"),
        ("account.age_days > 1.5", "the account is more than 1.5 days old"),
        ("case.harm >= 3", "the harm that the category can do is 3 or more"),
        ("account.reach > 1_500_000", "the account has more than 1.5 million followers"),
        ("account.reach > 1_000_000_000", "the account has more than 1 billion followers"),
    ],
)
def test_what_a_condition_comes_to_in_words(text, words):
    assert said(text) == words


@pytest.mark.parametrize(
    "text",
    [
        # No budget: of two windows, of two facts of now, of a fact that counts nothing of late.
        "recent.actor_1h.all - recent.actor_24h.severity3 + action.bulk > 300",
        "recent.actor_1h.severity4 - recent.actor_1h.severity3 + action.bulk > 300",
        "action.bulk - recent.actor_1h.all > 3",
        "recent.actor_1h.reach + account.reach + action.bulk > 300_000",
        "recent.actor_1h.all + recent.actor_1h.severity3 + recent.actor_1h.reach + action.bulk > 3",
        "account.restored_30d + action.bulk > 3",
        "action.bulk - (recent.actor_1h.all - recent.actor_1h.severity3) > 3",
        "recent.actor_1h.all + recent.actor_1h.severity3 + action.bulk > 3",
        "recent.actor_reversed_7d + action.bulk > 3",
        "recent.actor_1h.all + action.bulk + action.bulk > 3",
        "recent.actor_1h.all * 2 + action.bulk > 3",
        "action.bulk + account.reach > 3",
    ],
)
def test_what_is_no_budget_is_said_as_the_sum_it_is(text):
    words = said(text)
    assert not words.startswith("with this")
    assert " plus " in words or " less " in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("now.raid", "raid mode is off"),
        ("now.raid and now.paused", "raid mode is off or nothing is paused"),
        ("now.raid or now.paused", "raid mode is off and nothing is paused"),
        ("any([now.raid, now.paused])", "raid mode is off and nothing is paused"),
        ("all([now.raid, now.paused])", "raid mode is off or nothing is paused"),
        ("account.reach > 5", "the account has at most 5 followers"),
        ("account.reach >= 5", "the account has fewer than 5 followers"),
        ("account.reach < 5", "the account has 5 followers or more"),
        ("account.reach <= 5", "the account has more than 5 followers"),
        ("case.category == 'spam'", "it was not reported as spam"),
        ("case.category != 'spam'", "it was reported as spam"),
        ("case.category in ['spam', 'x']", "it was not reported as spam or x"),
        ("case.category not in ['spam']", "it was reported as spam"),
        ("1 < account.reach < 5", "the account has at most 1 follower or the account has 5 followers or more"),
        ("True", "never"),
    ],
)
def test_the_opposite_of_a_condition_in_words(text, words):
    node, _ = read_condition(text)
    assert node is not None
    assert condition_in_words(node, holds=False) == words


def lines(text: str) -> list[str]:
    node, _ = read_condition(text)
    assert node is not None
    return condition_lines(node)


def test_what_must_hold_together_is_a_line_each_and_exceptions_come_last():
    assert lines("now.raid") == ["raid mode is on"]
    assert lines("now.raid or now.paused") == ["raid mode is on or enforcement is paused"]
    assert lines("not (now.paused and action.legal) and now.raid and not actor.human") == [
        "raid mode is on",
        "a service does it",
        "not where enforcement is paused and the law demands it",
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("now.raid", True, "raid mode is on"),
        ("now.raid", False, "raid mode is off"),
        ("account.reach", 1, "the account has 1 follower"),
        ("account.reach", 41_000_000, "the account has 41 million followers"),
        ("account.age_days", 1.5, "the account is 1.5 days old"),
        ("account.labels", [], "the account has no labels"),
        ("account.labels", ("a",), "the account is labelled a"),
        ("account.labels", ["a", "b", "c"], "the account is labelled a, b and c"),
        ("actor.roles", ("lead", "policy"), "whoever does it is a lead and of policy"),
        ("actor.roles", (), "whoever does it has no role"),
        ("account.tier", "notable", "the account is notable today"),
        ("case.category", "", "nothing was reported"),
        ("change.kind", "", "it is no guarded change"),
        ("change.kind", "tier", "it is a change of tier"),
        ("recent.actor_1h.all", 1, "there were 1 enforcement by the same person in the last hour"),
    ],
)
def test_a_fact_in_words(name, value, words):
    assert fact_in_words(name, value) == words


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [
        (0, "followers", "0 followers"),
        (1, "followers", "1 follower"),
        (1.5, "days", "1.5 days"),
        (999_999, "followers", "999,999 followers"),
        (1_000_000, "followers", "1 million followers"),
        (1_240_000, "followers", "1.2 million followers"),
        (1_000_000_000, "followers", "1 billion followers"),
        (10**15, "followers", "an unknown number of followers"),
        (10**15 - 1, "followers", "1,000,000 billion followers"),
        (10**15, "", "an unknown number"),
        (999_999, "", "999,999"),
        (1_000_000, "", "1 million"),
        (1_500_000, "", "1.5 million"),
        (999_900_000, "", "999.9 million"),
        (1_000_000_000, "", "1 billion"),
        (1_260_000_000, "", "1.3 billion"),
        (3, "", "3"),
        (10**12, "days", "an unknown number of days"),
        (10**12, "minutes", "an unknown number of minutes"),
        (10**12 - 1, "days", "1,000 billion days"),
        (876_600, "hours", "100 years or longer"),
        (876_599, "hours", "876,599 hours"),
        (876_600, "days", "876,600 days"),
        (24, "hours", "24 hours"),
        (47, "hours", "47 hours"),
        (48, "hours", "2 days"),
        (49, "hours", "49 hours"),
        (72, "hours", "3 days"),
        (60, "minutes", "60 minutes"),
        (119, "minutes", "119 minutes"),
        (120, "minutes", "2 hours"),
        (121, "minutes", "121 minutes"),
        (120, "days", "120 days"),
        (1, "enforcements", "1 enforcement"),
        (2, "severity4", "2 enforcements of severity 4 or more"),
    ],
)
def test_a_number_with_its_unit(number, unit, words):
    assert quantity(number, unit) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "61 seconds"),
        (600, "10 minutes"),
        (3_540, "59 minutes"),
        (3_600, "1 hour"),
        (3_660, "61 minutes"),
        (259_200, "72 hours"),
    ],
)
def test_a_hold_in_words(seconds, words):
    assert duration(seconds) == words


def test_words_of_facts():
    assert word_of("action.name", "suspend") == "a suspension"
    assert word_of("actor.roles", "oncall") == "on call"
    assert word_of("case.category", "spam") == "spam"
    assert word_of("case.category", "") == "none"
    assert guarded("tier") == "a change of tier"
    assert guarded("xyz") == "a change of kind xyz"
    assert change_kind(["", "xyz"], keep=True) == "it is no guarded change, or a change of kind xyz"
    assert window_of("recent.actor_1h.all") == ("actor_1h", "enforcements")
    assert window_of("recent.team_1h.reach") == ("team_1h", "reach")
    assert window_of("recent.actor_reversed_7d") is None
    assert window_of("a.b.c") is None
    assert (
        meaning(SCHEMA["recent.team_1h.reach"])
        == "followers touched at severity 3 or more by their team in the last hour"
    )
    assert amount_in_words("account.reach", "<", 100_000) == "the account has fewer than 100,000 followers"
    assert amount_in_words("now.hour", "<", 7) == "the hour is less than 7 UTC"
    assert amount_in_words("account.age_days", "<", 7) == "the account is less than 7 days old"


def test_what_a_fact_is_in_a_few_words():
    assert meaning(SCHEMA["account.tier"]) == "the account's tier now"
    assert meaning(SCHEMA["recent.team_1h.all"]) == "enforcements by their team in the last hour"
    assert meaning(SCHEMA["recent.actor_reversed_7d"]) == "enforcements of theirs reversed in 7 days"
    assert meaning(SCHEMA["action.severity"]) == "how much it harms"
