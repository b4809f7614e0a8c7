"""Types of conditions: what may be compared with what, where it may not, and what is to be written instead."""

from __future__ import annotations

import pytest

from gardefou.nets import tree
from gardefou.nets.check import duration_meant, duration_seconds, read_condition
from gardefou.nets.facts import SCHEMA, Unit

MEASURED = (
    "one of account.age_days, action.duration_hours, actor.tenure_days, actor.hours_to_last_day_end,"
    " actor.fresh_minutes"
)
STATES = "active, limited, locked, suspended, deactivated, deleted"


@pytest.mark.parametrize(
    ("text", "column", "says", "instead"),
    [
        # What a whole condition must be.
        ("account.reach", 1, "A condition must be true or false; this is a number.", None),
        ("actor.team", 1, "A condition must be true or false; this is a text.", None),
        ("actor.roles", 1, "A condition must be true or false; this is a list.", None),
        ("[now.raid]", 1, "A condition must be true or false; this is a list.", None),
        # What joins truths.
        ("now.raid and account.reach", 14, "and needs true or false here, not a number.", None),
        ("actor.team or now.raid", 1, "or needs true or false here, not a text.", None),
        ("now.raid or not actor.roles", 17, "not needs true or false here, not a list.", None),
        # Numbers.
        ("account.reach > 1e16", 17, "Numbers go up to 1000000000000000.", None),
        ("account.reach > 1_000_000_000_000_001", 17, "Numbers go up to 1000000000000000.", None),
        ("now.raid or -actor.team < 1", 14, "- needs a number here, not a text.", None),
        ("1 + now.raid > 1", 5, "+ needs a number here, not true or false.", None),
        ("actor.roles * 2 > 1", 1, "* needs a number here, not a list.", None),
        (
            "actor.fresh_minutes - '10m' > 1",
            23,
            "- needs a number here, not a text; compare a duration with a fact directly.",
            None,
        ),
        ("actor.fresh_minutes - 'soon' > 1", 23, "- needs a number here, not a text.", None),
        ("actor.fresh_minutes + account.age_days > 1", 1, "minutes + days means nothing.", None),
        ("actor.fresh_minutes * actor.fresh_minutes > 1", 1, "minutes * minutes means nothing.", None),
        ("account.age_days / actor.fresh_minutes > 1", 1, "days / minutes means nothing.", None),
        ("account.reach / account.age_days > 1", 1, "A number / days means nothing.", None),
        # Lists.
        ("account.reach in []", 18, "A list must not be empty.", None),
        ("account.reach in [1, 'a']", 18, "A list must hold values of one type, and no lists.", None),
        ("account.reach in [[1]]", 18, "A list must hold values of one type, and no lists.", None),
        ("1 in [actor.fresh_minutes, account.age_days]", 6, "This list mixes days and minutes.", None),
        # Calls.
        ("any(now.raid)", 1, "any takes one list.", None),
        ("all([now.raid], [now.raid])", 1, "all takes one list.", None),
        ("len(account.reach) > 1", 1, "len takes one list.", None),
        ("len() > 1", 1, "len takes one list.", None),
        ("any(actor.roles)", 1, "any takes a list of true or false, such as any([a, b]).", None),
        ("all([1, 2])", 1, "all takes a list of true or false, such as all([a, b]).", None),
        ("min(actor.roles) > 1", 1, "min takes a list of numbers, or two numbers and more, of one unit.", None),
        ("max(account.reach) > 1", 1, "max takes a list of numbers, or two numbers and more, of one unit.", None),
        ("min() > 1", 1, "min takes a list of numbers, or two numbers and more, of one unit.", None),
        ("min(1, now.raid) > 1", 1, "min takes a list of numbers, or two numbers and more, of one unit.", None),
        ("min(now.raid, 1) > 1", 1, "min takes a list of numbers, or two numbers and more, of one unit.", None),
        ("max([now.raid]) > 1", 1, "max takes a list of numbers, or two numbers and more, of one unit.", None),
        (
            "max(account.age_days, actor.fresh_minutes) > 1",
            1,
            "max takes a list of numbers, or two numbers and more, of one unit.",
            None,
        ),
        # Comparisons.
        ("1 in [1] == now.raid", 1, "in cannot be chained; write and between the two.", None),
        ("'a' not in account.labels == now.raid", 1, "in cannot be chained; write and between the two.", None),
        ("actor.team in actor.standing", 15, "in needs a list on its right, not a text.", None),
        ("actor.team not in account.reach", 19, "not in needs a list on its right, not a number.", None),
        ("account.reach in actor.roles", 1, "a number is never in a list of a text.", None),
        ("actor.team in [1, 2]", 1, "a text is never in a list of a number.", None),
        ("account.labels == ['a']", 1, "Lists are compared with in, not ==.", None),
        ("now.raid or 'a' != account.labels", 13, "Lists are compared with in, not !=.", None),
        ("actor.team < 'b'", 1, "< compares numbers, not a text; use == or in.", None),
        ("now.raid >= now.paused", 1, ">= compares numbers, not true or false; use == or in.", None),
        ("now.raid == 1", 1, "This compares true or false with a number.", None),
        ("actor.team == now.raid", 1, "This compares a text with true or false.", None),
        ("account.reach == actor.team", 1, "This compares a number with a text.", None),
        ("account.reach > 'a lot'", 1, "This compares a number with a text.", None),
        ("account.reach > '100,000'", 1, "This compares a number with a text.", "100_000"),
        ("'5M' <= account.reach", 1, "This compares a text with a number.", "5_000_000"),
        ("account.reach > ' 20 k '", 1, "This compares a number with a text.", "20_000"),
        ("account.reach > '7'", 1, "This compares a number with a text.", "7"),
        ("account.reach > '1_0 0K'", 1, "This compares a number with a text.", "100_000"),
        ("now.raid == '7'", 1, "This compares true or false with a text.", None),
        (
            "account.reach > '10m'",
            1,
            "This compares a number with a text; a duration needs a fact measured in minutes, hours or days.",
            MEASURED,
        ),
        (
            "'10m' < account.reach",
            1,
            "This compares a text with a number; a duration needs a fact measured in minutes, hours or days.",
            MEASURED,
        ),
        ("now.raid == '10m'", 1, "This compares true or false with a text.", None),
        (
            "actor.fresh_minutes < account.age_days",
            1,
            "This compares minutes with days.",
            "compare each with a duration of its own, such as 10m",
        ),
        (
            "account.age_days < actor.hours_to_last_day_end",
            1,
            "This compares days with hours.",
            "compare each with a duration of its own, such as 3d",
        ),
        (
            "actor.hours_to_last_day_end in [actor.tenure_days]",
            1,
            "This compares hours with days.",
            "compare each with a duration of its own, such as 2h",
        ),
        # Durations.
        (
            "actor.fresh_minutes > 'soon'",
            23,
            '"soon" is no duration; write "90s", "10m", "2h" or "3d".',
            '"10m"',
        ),
        (
            "account.age_days in ['1d', '2 weeks']",
            28,
            '"2 weeks" is no duration; write "90s", "10m", "2h" or "3d".',
            '"2w"',
        ),
        ("'12' > account.age_days", 1, '"12" is no duration; write "90s", "10m", "2h" or "3d".', '"12d"'),
        # A text among durations is no duration, whatever it says.
        ("account.age_days in ['1d', actor.team]", 1, "a number is never in a list of a text.", None),
        ("account.age_days in [actor.standing]", 1, "a number is never in a list of a text.", None),
        # A duration has the unit of the fact it stands with.
        (
            "account.age_days < '3d' < actor.fresh_minutes",
            20,
            "This compares days with minutes.",
            "compare each with a duration of its own, such as 3d",
        ),
        ("now.paused or (account.age_days in ['3d']) == 1", 16, "This compares true or false with a number.", None),
        ("(account.age_days in ['soon']) == 1", 23, '"soon" is no duration; write "90s", "10m", "2h" or "3d".', '"3d"'),
        # Words of a closed list.
        ("actor.standing == 'actve'", 19, '"actve" is never a value of this. Did you mean active?', "active"),
        ("'leed' in actor.roles", 1, '"leed" is never a value of this. Did you mean lead?', "lead"),
        (
            "account.state in ['active', 'qqqqqq']",
            29,
            f'"qqqqqq" is never a value of this. Use one of {STATES}.',
            f"one of {STATES}",
        ),
        (
            "'qqqqqq' != account.state",
            1,
            f'"qqqqqq" is never a value of this. Use one of {STATES}.',
            f"one of {STATES}",
        ),
    ],
)
def test_what_does_not_fit_is_said_at_its_place_with_what_to_write(text, column, says, instead):
    node, problems = read_condition(text)
    assert node is None
    (only,) = problems
    assert (only.code, only.field, only.place.line, only.place.column) == ("nets/type", "when", 1, column)
    assert (only.message, only.suggestion) == (says, instead)


@pytest.mark.parametrize(
    ("text", "says", "instead"),
    [
        (
            "account.reech > 1",
            "There is no fact account.reech. Did you mean account.reach?",
            "account.reach",
        ),
        ("true", "There is no fact true. Did you mean True?", "True"),
        ("FALSE", "There is no fact FALSE. Did you mean False?", "False"),
        (
            "now.qqqqqqqq.x1x1x",
            "There is no fact now.qqqqqqqq.x1x1x.",
            "one of now.hour, now.weekday, now.paused, now.raid",
        ),
        (
            "now.qqqqqqqq",
            "There is no fact now.qqqqqqqq.",
            "one of now.hour, now.weekday, now.paused, now.raid",
        ),
        ("qqqqqqqq", "There is no fact qqqqqqqq.", f"one of {', '.join(SCHEMA)}"),
    ],
)
def test_a_name_that_is_no_fact_is_answered_with_those_there_are(text, says, instead):
    node, problems = read_condition(f"now.paused or {text}")
    assert node is None
    (only,) = problems
    assert (only.code, only.place.column) == ("nets/unknown_fact", 15)
    assert (only.message, only.suggestion) == (says, instead)


@pytest.mark.parametrize(
    "text",
    [
        "no.such > account.age_days + 1",
        "-no.such > 1",
        "no.such + 1 > 1",
        "1 + no.such > 1",
        "no.such in ['a']",
        "account.reach in [no.such, 1]",
        "account.reach in [no.such, 'a', 1]",
        "account.age_days in [no.such]",
        "any([no.such])",
        "min(no.such, 'a') > 1",
        "len(no.such) > 1",
        "not no.such",
        "now.raid and no.such",
        "no.such == actor.roles",
    ],
)
def test_one_mistake_is_told_once(text):
    _, problems = read_condition(text)
    assert [one.code for one in problems] == ["nets/unknown_fact"]


def test_all_mistakes_are_told_together_each_at_its_place():
    _, problems = read_condition("(no.one > 1 and\n actor.team < 'b') or [1 + 'x', now.raid + 1] == account.labels")
    assert [(one.code, one.place.line, one.place.column) for one in problems] == [
        ("nets/unknown_fact", 1, 2),
        ("nets/type", 2, 2),
        ("nets/type", 2, 28),
        ("nets/type", 2, 33),
    ]
    # Of one comparison, the first.
    _, problems = read_condition("actor.team < 'b' < 'c'")
    assert len(problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "True or now.raid",
        "account.reach == 1_000_000_000_000_000",
        "account.reach / 2 > 1",
        "account.age_days / 2 > 1",
        "account.age_days / account.age_days > 1",
        "account.age_days * 2 > '3d'",
        "2 * account.age_days > '3d'",
        "account.age_days + 2 > '3d'",
        "2 + account.age_days > '3d'",
        "account.age_days - actor.tenure_days > '3d'",
        "-account.age_days < 1",
        "account.age_days / account.age_days > account.reach / 7",
        "account.age_days > 3",
        "account.age_days in ['3d', '1w']",
        "account.age_days in [1, 2]",
        "account.age_days in [actor.tenure_days, 3]",
        "actor.team in account.labels",
        "'a' not in account.labels",
        "actor.team in ['a', actor.employer]",
        "'lead' in ['lead', actor.team]",
        "now.raid == now.paused != True",
        "now.raid in [True, now.paused]",
        "min(account.age_days, actor.tenure_days, 3) > '1d'",
        "min(3, account.age_days) > '1d'",
        "max([account.reach, 2]) > account.restored_30d",
        "min([account.reach]) > 2",
        "len(['a', actor.team]) == 2",
        "len(account.labels) > account.reach",
        "any([now.raid, now.paused]) == all([now.raid])",
        "actor.standing == actor.team",
        "actor.team == actor.standing",
        "actor.standing in ['active', 'left']",
        "1 < account.reach < 3",
    ],
)
def test_what_fits_is_taken(text):
    node, problems = read_condition(text)
    assert problems == ()
    assert node is not None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("account.age_days > '36h'", "account.age_days > 1.5"),
        ("account.age_days > '2d'", "account.age_days > 2"),
        ("'90s' < actor.fresh_minutes", "1.5 < actor.fresh_minutes"),
        ("actor.hours_to_last_day_end in ['30m', '1d', '1w']", "actor.hours_to_last_day_end in [0.5, 24, 168]"),
        ("'1d' < account.age_days < '2d'", "1 < account.age_days < 2"),
        ("account.age_days + 1 > '2d'", "account.age_days + 1 > 2"),
        ("min(account.age_days, 9) > '2d'", "min(account.age_days, 9) > 2"),
        ("max([1, account.age_days]) > '2d'", "max([1, account.age_days]) > 2"),
        ("account.age_days - actor.tenure_days > '2d'", "account.age_days - actor.tenure_days > 2"),
        ("-account.age_days < '2d'", "-account.age_days < 2"),
        ("2 * account.age_days > '2d'", "2 * account.age_days > 2"),
        # Quotients of one unit have none.
        ("account.age_days / account.age_days > 2", "account.age_days / account.age_days > 2"),
    ],
)
def test_a_duration_becomes_a_number_of_the_unit_it_is_compared_in(text, read):
    node, problems = read_condition(text)
    assert problems == ()
    assert node is not None
    assert tree.render(node) == read


def test_a_quotient_of_one_unit_and_a_length_are_bare_numbers():
    for text in ("account.age_days / account.age_days > '2d'", "len(account.labels) > '2d'"):
        _, problems = read_condition(text)
        assert [(one.code, one.suggestion) for one in problems] == [("nets/type", MEASURED)]


def test_a_list_of_durations_stands_where_it_stood():
    node, _ = read_condition("account.age_days in ['1d', '2d']")
    assert node is not None
    assert [one.at for one in tree.walk(node)] == [0, 0, 20, 21, 27]


def test_a_whole_duration_is_a_whole_number_and_keeps_its_place():
    node, _ = read_condition("account.age_days > '2d'")
    assert isinstance(node, tree.Compare)
    literal = node.items[1]
    assert isinstance(literal, tree.Literal)
    assert (literal.value, type(literal.value), literal.at) == (2, int, 19)


def test_what_is_read_stands_where_it_stood():
    node, problems = read_condition(
        "not now.raid and -account.reach + 1 < 2 and any([now.raid, 1 in [1, 2]]) or 'lead' in actor.roles"
    )
    assert problems == ()
    assert node is not None
    assert [one.at for one in tree.walk(node)] == [0, 0, 0, 4, 17, 17, 17, 18, 34, 38, 44, 48, 49, 59, 59, 64, 65, 68, 76, 76, 86]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("2h", 7_200),
        ("3d", 259_200),
        ("1w", 604_800),
        ("1.5h", 5_400),
        ("10", None),
        ("10 m", None),
        ("m", None),
        ("-1m", None),
        ("1.m", None),
        ("10min", None),
        (" 1m", None),
    ],
)
def test_a_duration_is_a_number_and_one_letter(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "unit", "meant"),
    [
        ("2 hours", Unit.MINUTES, "2h"),
        ("2 hrs", Unit.MINUTES, "2h"),
        ("10min", Unit.HOURS, "10m"),
        ("30 Seconds", Unit.HOURS, "30s"),
        ("3 days", Unit.HOURS, "3d"),
        ("2 weeks", Unit.HOURS, "2w"),
        ("2 wks", Unit.HOURS, "2w"),
        ("1.5 h", Unit.DAYS, "1.5h"),
        ("about 2.0 days", Unit.HOURS, "2d"),
        ("2 months", Unit.HOURS, "60d"),
        ("1 year", Unit.HOURS, "365d"),
        ("1.5 years", Unit.HOURS, "547.5d"),
        ("10", Unit.MINUTES, "10m"),
        ("10", Unit.HOURS, "10h"),
        ("10", Unit.DAYS, "10d"),
        ("10 moons", Unit.HOURS, "300d"),
        ("10 m", Unit.DAYS, "10m"),
        ("10 units", Unit.DAYS, "10d"),
        ("soon", Unit.MINUTES, "10m"),
        ("soon", Unit.HOURS, "2h"),
        ("soon", Unit.DAYS, "3d"),
    ],
)
def test_what_was_most_likely_meant_by_a_duration(text, unit, meant):
    assert duration_meant(text, unit) == meant


def test_a_duration_without_a_fact_beside_it_is_one_of_minutes():
    assert (duration_meant("soon"), duration_meant("5")) == ("10m", "5m")


def test_what_can_never_hold_is_said_of_the_whole_condition():
    _, (only,) = read_condition("  now.raid and not now.raid")
    assert (only.code, only.place.line, only.place.column) == ("nets/never_holds", 1, 3)
    assert only.message == "This condition can never hold."
