"""Conditions that can never hold are found, at the exact bound; one that can hold is never called impossible."""

from __future__ import annotations

import math

import pytest

from gardefou.nets import tree
from gardefou.nets.check import read_condition
from gardefou.nets.contradiction import value_range
from gardefou.nets.language import parse


def impossible(text: str) -> bool:
    """Return whether a condition is refused as one that never holds, and for nothing else."""
    node, problems = read_condition(text)
    assert [one.code for one in problems] in ([], ["nets/never_holds"]), problems
    assert (node is None) == bool(problems)
    return node is None


@pytest.mark.parametrize(
    ("never", "sometimes"),
    [
        # One whole number, at each sign.
        ("action.severity > 5", "action.severity > 4"),
        ("action.severity >= 6", "action.severity >= 5"),
        ("action.severity >= 5.1", "action.severity >= 4.1"),
        ("action.severity < 0", "action.severity < 1"),
        ("action.severity <= -1", "action.severity <= 0"),
        ("action.severity <= -0.5", "action.severity <= 0.5"),
        ("action.severity < 0.0", "action.severity < 0.5"),
        ("action.severity == 6", "action.severity == 5"),
        ("action.severity == -1", "action.severity == 0"),
        ("action.severity == 2.5", "action.severity == 2"),
        ("account.age_days < 0", "account.age_days == 2.5"),
        ("action.severity > 2 and action.severity < 3", "action.severity > 2 and action.severity < 4"),
        ("action.severity > 2.5 and action.severity < 3", "action.severity > 2.5 and action.severity < 3.5"),
        ("action.severity >= 2.5 and action.severity < 3", "action.severity >= 2.5 and action.severity <= 3"),
        ("action.severity > 2 and action.severity <= 2.5", "action.severity >= 2 and action.severity <= 2.5"),
        ("account.age_days > 2 and account.age_days <= 2", "account.age_days > 2 and account.age_days <= 2.1"),
        ("account.age_days >= 2 and account.age_days < 2", "account.age_days >= 2 and account.age_days <= 2"),
        ("account.age_days > 2 and account.age_days < 2", "account.age_days > 2 and account.age_days < 3"),
        ("account.age_days > 2 and account.age_days == 2", "account.age_days >= 2 and account.age_days == 2"),
        ("account.age_days < 2 and account.age_days == 2", "account.age_days <= 2 and account.age_days == 2"),
        ("action.severity == 2 and action.severity == 3", "action.severity == 2 and action.severity == 2"),
        ("action.severity == 2 and action.severity != 2", "action.severity == 2 and action.severity != 3"),
        (
            "action.severity >= 2 and action.severity <= 2 and action.severity != 2",
            "action.severity >= 2 and action.severity <= 3 and action.severity != 2",
        ),
        ("action.severity >= 3 and action.severity >= 1 and action.severity < 3", "action.severity >= 1"),
        ("action.severity <= 2 and action.severity <= 4 and action.severity > 2", "action.severity <= 4"),
        ("now.hour > 23", "now.hour == 23"),
        # Only one whole number is left, and that is denied.
        *(
            (f"{name} {low} and {name} {high} and {name} != 2", f"{name} {low} and {name} {high} and {name} != 1")
            for name in ("action.severity",)
            for low, high in (
                (">= 2", "<= 2.5"),
                (">= 1.5", "<= 2"),
                ("> 1", "<= 2"),
                (">= 2", "< 3"),
                ("> 1.5", "< 2.5"),
            )
        ),
        (
            "account.age_days >= 2 and account.age_days <= 2 and account.age_days != 2",
            "account.age_days >= 2 and account.age_days <= 2.5 and account.age_days != 2",
        ),
        # The other way around.
        ("5 < action.severity", "5 <= action.severity"),
        ("6 <= action.severity", "4 < action.severity"),
        ("0 > action.severity", "0 >= action.severity"),
        ("6 == action.severity", "5 == action.severity"),
        ("2 == action.severity and 2 != action.severity", "2 == action.severity and 3 != action.severity"),
        # What is denied.
        ("not action.severity <= 5", "not action.severity <= 4"),
        ("not action.severity < 6", "not action.severity < 5"),
        ("not action.severity >= 0", "not action.severity >= 1"),
        ("not action.severity > -1", "not action.severity > 0"),
        ("not action.severity != 6", "not action.severity != 5"),
        ("not action.severity == 2 and action.severity == 2", "not action.severity == 2 and action.severity == 3"),
        ("not (now.raid or not now.raid)", "not (now.raid and not now.raid)"),
        ("not (now.raid or True)", "not (now.raid and False)"),
        ("not not (now.raid and not now.raid)", "not not now.raid"),
        ("not not not (now.raid or not now.raid)", "not not not now.raid"),
        # Chains.
        ("3 < action.severity < 4", "3 < action.severity < 5"),
        ("not (0 <= action.severity <= 5)", "not (0 <= action.severity <= 4)"),
        ("not (0 <= action.severity <= 5)", "not (1 <= action.severity <= 5)"),
        # Yes and no.
        ("now.raid and not now.raid", "now.raid and not now.paused"),
        ("now.raid == True and now.raid == False", "now.raid == True and now.paused == False"),
        ("now.raid and now.raid == False", "now.raid and now.raid == True"),
        ("now.raid != True and now.raid", "now.raid != False and now.raid"),
        ("False", "True"),
        ("not True", "not False"),
        ("now.raid and False", "now.raid or False"),
        ("any([False, now.raid and not now.raid])", "any([False, now.raid])"),
        ("all([now.raid, not now.raid])", "all([now.raid, not now.paused])"),
        ("not any([now.raid, not now.raid])", "not all([now.raid, not now.raid])"),
        ("(now.raid or now.paused) and not now.raid and not now.paused", "(now.raid or now.paused) and not now.raid"),
        # Words.
        ("actor.via == 'api' and actor.via == 'cli'", "actor.via == 'api' and account.state == 'active'"),
        ("actor.via == 'api' and actor.via != 'api'", "actor.via == 'api' and actor.via != 'cli'"),
        (
            "actor.via == 'api' and actor.via in ['cli', 'console']",
            "actor.via == 'api' and actor.via in ['api', 'cli']",
        ),
        ("actor.via == 'api' and actor.via not in ['api']", "actor.via == 'api' and actor.via not in ['cli']"),
        ("not actor.via in ['api'] and actor.via == 'api'", "not actor.via in ['api'] and actor.via == 'cli'"),
        ("not actor.via not in ['api'] and actor.via == 'cli'", "not actor.via not in ['api'] and actor.via == 'api'"),
        (
            "account.tier != 'standard' and account.tier != 'notable' and account.tier not in ['protected']",
            "account.tier != 'standard' and account.tier != 'notable' and account.tier in ['protected']",
        ),
        ("actor.team == 'a' and actor.team == 'b'", "actor.team == 'a' and actor.employer == 'b'"),
        ("actor.team in ['a', 'b'] and actor.team in ['c']", "actor.team in ['a', 'b'] and actor.team in ['b', 'c']"),
        ("'a' == actor.team and actor.team != 'a'", "'a' == actor.team and actor.team != 'b'"),
        # What a list holds.
        ("'lead' in actor.roles and 'lead' not in actor.roles", "'lead' in actor.roles and 'admin' not in actor.roles"),
        ("'lead' in actor.roles and not 'lead' in actor.roles", "'lead' in actor.roles and 'admin' in actor.roles"),
        ("now.raid != True and now.raid != False", "now.raid != True and now.paused != False"),
        # Numbers that need not be whole have values between whole ones.
        ("account.age_days >= 2.5 and account.age_days < 2.5", "account.age_days >= 2.5 and account.age_days <= 2.7"),
        ("account.age_days > 2.5 and account.age_days <= 2.5", "account.age_days > 2.5 and account.age_days < 2.7"),
        # Ranges that overlap, whichever way.
        *((f"action.severity + 10 {op} now.weekday", f"action.severity {op} now.weekday") for op in ("<", "<=", "==")),
        *((f"now.weekday {op} action.severity + 10", f"now.weekday {op} action.severity") for op in (">", ">=", "==")),
        ("1 == 2", "action.severity + 10 != now.weekday"),
        *(("1 == 2", f"action.severity {op} now.weekday") for op in (">", ">=", "<", "<=")),
        *(("1 == 2", f"now.weekday {op} action.severity") for op in (">", ">=", "<", "<=")),
        # Ranges of what is calculated.
        ("account.reach + 1 < 1", "account.reach + 1 < 2"),
        ("account.reach + 1 <= 0", "account.reach + 1 <= 1"),
        ("-account.reach > 0", "-account.reach >= 0"),
        ("-action.severity < -5", "-action.severity <= -5"),
        ("action.severity - 5 > 0", "action.severity - 5 >= 0"),
        ("5 - action.severity < 0", "5 - action.severity <= 0"),
        ("action.severity - now.hour > 5", "action.severity - now.hour >= 5"),
        ("action.severity - now.hour < -23", "action.severity - now.hour <= -23"),
        ("action.severity * now.weekday > 30", "action.severity * now.weekday >= 30"),
        ("action.severity * -2 < -10", "action.severity * -2 <= -10"),
        ("action.severity * -2 > 0", "action.severity * -2 >= 0"),
        ("action.severity + now.weekday == 12", "action.severity + now.weekday == 11"),
        ("12 == action.severity + now.weekday", "11 == action.severity + now.weekday"),
        ("action.severity + 1 == 0", "action.severity + 1 == 1"),
        ("0 == action.severity + 1", "1 == action.severity + 1"),
        ("action.severity > now.weekday + 5", "action.severity >= now.weekday + 5"),
        ("action.severity < now.weekday - 6", "action.severity <= now.weekday - 6"),
        ("min(action.severity, now.hour) > 5", "min(action.severity, now.hour) > 4"),
        ("max(action.severity, 7) < 7", "max(action.severity, 7) <= 7"),
        ("max(action.severity, now.weekday) > 6", "max(action.severity, now.weekday) > 5"),
        ("min([action.severity, 2]) > 2", "min([action.severity, 2]) >= 2"),
        ("max([action.severity, 2]) < 2", "max([action.severity, 2]) <= 2"),
        ("len(actor.roles) < 0", "len(actor.roles) > 10_000"),
        ("1 > 2", "2 > 1"),
        ("1 == 2", "1 == 1"),
        ("1 < 1", "1 <= 1"),
        ("2 <= 1", "2 >= 1"),
        ("1 >= 2", "1 != 2"),
    ],
)
def test_what_can_never_hold_is_found_and_what_can_is_let_through(never, sometimes):
    assert impossible(never)
    assert not impossible(sometimes)


@pytest.mark.parametrize(
    "text",
    [
        # Intricate, so it counts as possible: a fact with itself, a quotient, what is not a number.
        "account.reach < account.reach",
        "account.reach / 2 < -1",
        "account.reach / 2 + 1 < -1",
        "-(account.reach / 2) > 1",
        "min(account.reach / 2, 3) > 4",
        "account.reach not in [0] and account.reach in [0]",
        "account.reach in [1] and account.reach in [2]",
        "actor.team in [actor.employer]",
        "actor.team not in ['a', actor.employer] and actor.team == 'a'",
        "'a' in ['a', actor.team]",
        "actor.team == actor.employer and actor.team != actor.employer",
        "(now.raid and now.paused) == True and not now.raid",
        "actor.team in actor.roles and actor.team not in actor.roles",
    ],
)
def test_what_is_too_intricate_counts_as_possible(text):
    assert not impossible(text)


def test_more_alternatives_than_are_looked_at_count_as_possible():
    # Two to the ninth are 512, which is looked at; one more is not.
    pair = "(now.raid or action.severity > 5)"
    assert impossible(" and ".join([pair] * 9) + " and not now.raid")
    assert not impossible(" and ".join([pair] * 10) + " and not now.raid")
    assert impossible(" or ".join(["action.severity > 5"] * 100))
    bits = "(action.severity > 5 or action.severity > 6)"
    long = " and ".join([bits] * 8)
    assert impossible(f"({long}) or ({long})")
    assert not impossible(f"({long}) or ({long}) or action.severity > 5")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3", (3, 3)),
        ("2.5", (2.5, 2.5)),
        ("action.severity", (0, 5)),
        ("account.age_days", (0, 10**15)),
        ("-action.severity", (-5, 0)),
        ("len(actor.roles)", (0, math.inf)),
        ("action.severity + 2", (2, 7)),
        ("action.severity - 2", (-2, 3)),
        ("2 - action.severity", (-3, 2)),
        ("action.severity * -2", (-10, 0)),
        ("action.severity * 2 + now.weekday", (0, 16)),
        ("min(action.severity, 3)", (0, 3)),
        ("max(action.severity, 3)", (3, 5)),
        ("max([action.severity, 3, now.weekday])", (3, 6)),
        ("min(action.severity + 1, 9)", (1, 6)),
        ("action.severity / 2", None),
        ("action.severity / 2 + 1", None),
        ("-(action.severity / 2)", None),
        ("max(action.severity / 2, 1)", None),
        ("max(1, action.severity / 2)", None),
    ],
)
def test_the_least_and_greatest_that_a_number_can_be(text, found):
    node, problems = read_condition(f"{text} == 3 or now.raid")
    assert not problems
    assert isinstance(node, tree.Bool)
    assert isinstance(node.parts[0], tree.Compare)
    assert value_range(node.parts[0].items[0]) == found


@pytest.mark.parametrize("text", ["True", "'a'", "now.raid", "[1]"])
def test_what_is_no_number_has_no_least_and_greatest(text):
    node = parse(text)
    if isinstance(node, tree.Name):
        (node,) = (one for one in tree.walk(read_condition(text)[0] or node) if isinstance(one, tree.Fact))
    assert value_range(node) is None
