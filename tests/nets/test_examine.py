"""`nets check`, whole: what is wrong, where, what to write instead, and what conditions mean."""

from __future__ import annotations

import pytest

import gardefou.nets.review as review_module
from gardefou.errors import InvalidInput, Unavailable
from gardefou.nets.examine import examine, warnings_of
from gardefou.nets.load import load
from gardefou.nets.shipped import SHIPPED, load_shipped, shipped_text
from gardefou.nets.team import read_team


def net(when: str, require: str = 'hold = "10m"', net_id: str = "one", more: str = "") -> str:
    return f"""[[net]]
id = "{net_id}"
title = "A net"
because = "a test"
when = '{when}'
{more}
[net.require]
{require}

"""


def codes(text: str, **more) -> list[tuple[str, str, str | None]]:
    return [(one.severity, one.code, one.net) for one in examine(text, **more)]


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_found_in_the_shipped_sets(name):
    assert examine(shipped_text(name)) == []


@pytest.mark.parametrize(
    "when",
    [
        "account.reach > 5 and account.reach + 1 < 3",
        "recent.actor_1h.severity4 > recent.actor_1h.severity3",
        "recent.actor_1h.all > recent.actor_24h.all",
        "change.weakens and action.severity >= 1",
        'action.name == "suspend" and action.severity == 2',
        "action.bulk < 1",
    ],
)
def test_a_condition_that_never_holds_by_its_meaning_is_an_error(when):
    [found] = examine(net(when), "nets.toml")
    assert (found.code, found.severity, found.line, found.net) == ("nets/never_holds", "error", 5, "one")
    assert found.suggestion


@pytest.mark.parametrize(
    "when", ["account.reach >= 0", "now.raid or not now.raid", "action.severity < 3 or action.severity >= 3"]
)
def test_a_condition_that_always_holds_is_a_warning(when):
    assert codes(net(when)) == [("warning", "nets/always_holds", "one")]


@pytest.mark.parametrize(
    "when", ["account.age_days / 3 * 3 != account.age_days", "account.reach * account.age_days == 7", "now.hour == 3"]
)
def test_what_evaluation_could_see_otherwise_gives_no_finding(when):
    assert codes(net(when)) == []


def test_a_net_that_another_one_always_covers_is_a_warning_that_names_it():
    wide = net("action.severity >= 3", 'approvals = 2\nfrom = ["lead"]', "wide")
    narrow = net(
        'action.severity >= 4 and account.tier_memory == "protected"',
        'approvals = 1\nfrom = ["lead", "policy"]',
        "narrow",
    )
    [found] = examine(narrow + wide)
    assert (found.severity, found.code, found.net) == ("warning", "nets/covered", "narrow")
    assert "wide" in found.message
    # Asked of other people, for longer, or told to others: it is not covered.
    for more in (
        'approvals = 1\nfrom = ["legal"]',
        'hold = "1h"',
        'approvals = 1\nfrom = ["lead"]\nnotify = ["legal"]',
    ):
        assert codes(net("action.severity >= 4", more, "narrow") + wide) == []


def test_nets_that_cover_one_only_together_are_named_together():
    each = net("action.severity == 3", 'hold = "1h"', "three") + net("action.severity >= 4", 'hold = "2h"', "four")
    [found] = examine(each + net("action.severity >= 3", 'hold = "30m"', "both"))
    assert found.net == "both"
    assert "three and four" in found.message
    halves = net("action.severity >= 3", 'hold = "1h"', "time") + net(
        "action.severity >= 2", "fresh_auth_minutes = 5", "sign-in"
    )
    [found] = examine(halves + net("action.severity >= 4", 'hold = "1h"\nfresh_auth_minutes = 10', "whole"))
    assert found.net == "whole"
    assert "together" in found.message


def test_of_two_nets_alike_only_the_second_is_one_too_many():
    assert codes(net("now.raid", net_id="first") + net("now.raid", net_id="second")) == [
        ("warning", "nets/covered", "second")
    ]


def test_a_net_in_shadow_covers_nothing():
    shadow = net("now.raid", 'hold = "1h"', "wide", 'mode = "shadow"')
    assert codes(shadow + net("now.raid", 'hold = "1h"', "narrow")) == []


@pytest.mark.parametrize(
    ("when", "suggestion"),
    [
        ("account.folowers > 3", "account.reach"),
        ("acount.reach > 3", "account.reach"),
        ("severity >= 3", "action.severity"),
        ('account.tier == "protectd"', "protected"),
        ('account.tier == "vip"', "one of standard, notable, protected"),
        ('actor.fresh_minutes > "10 min"', '"10m"'),
        ('actor.tenure_days < "2 weeks"', '"2w"'),
        ('account.reach > "5M"', "5_000_000"),
    ],
)
def test_each_mistake_in_a_condition_comes_with_what_to_write_instead(when, suggestion):
    [found] = examine(net(when))
    assert found.suggestion == suggestion
    assert found.to_json()["suggestion"] == suggestion
    assert found.line == 5
    assert found.column > 8


@pytest.mark.parametrize(
    ("require", "suggestion"),
    [
        ("aprovals = 2", "approvals"),
        ('approvals = 1\nfrom = ["moderator"]', "reviewer"),
        ('approvals = 1\nfrom = ["leed"]', "lead"),
        ('hold = "2 hours"', 'hold = "2h"'),
        ("hold = 600", 'hold = "10m"'),
        ('hold = "1h"\nnotify = ["sre"]', "oncall"),
    ],
)
def test_each_mistake_in_what_is_asked_comes_with_what_to_write_instead(require, suggestion):
    assert suggestion in [one.suggestion for one in examine(net("now.raid", require))]


def test_good_nets_are_looked_at_though_others_are_wrong():
    found = codes(net("nonsense") + net("account.reach >= 0", net_id="two"))
    assert found == [("error", "nets/unknown_fact", "one"), ("warning", "nets/always_holds", "two")]


TEAM = """
[[staff]]
id = "ada"
roles = ["lead", "legal"]
team = "review"
[[staff]]
id = "ben"
roles = ["reviewer"]
team = "reports"
"""


def test_r21_a_set_that_the_team_cannot_satisfy_is_found_before_there_is_an_installation():
    team = read_team(TEAM)
    two = net("action.severity >= 3", 'approvals = 2\nfrom = ["lead"]')
    assert ("error", "nets/unsatisfiable", "one") in codes(two, team=team)
    assert codes(two) == []


def test_r21_two_nets_that_ask_for_more_together_than_there_are_is_a_warning():
    both = net("action.severity >= 3", 'approvals = 1\nfrom = ["lead"]') + net(
        "action.severity >= 4", 'approvals = 1\nfrom = ["legal"]', "two"
    )
    team = read_team(TEAM + '[[staff]]\nid = "cyd"\nroles = ["policy", "lead", "legal"]\n')
    assert codes(both, team=team) == [("warning", "nets/unsatisfiable_together", "two")]
    apart = both.replace("action.severity >= 4", "action.severity < 3")
    assert codes(apart, team=team) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "team/toml"),
        ("[[people]]\nid = 'a'", "team/unknown_key"),
        ("organisation = 'x'", "team/invalid"),
        ("[[staff]]\nid = 'a'", "team/invalid"),
        ("[[staff]]\nid = 'a'\nroles = ['leed']", "team/unknown_role"),
        ("[[staff]]\nid = 'a'\nroles = []\nrole = 'x'", "team/unknown_key"),
        ("[[staff]]\nid = 'a'\nroles = []\n[[staff]]\nid = 'a'\nroles = []", "team/invalid"),
    ],
)
def test_a_team_that_cannot_be_read_says_what_is_wrong(text, code):
    with pytest.raises(InvalidInput) as wrong:
        read_team(text)
    assert wrong.value.code == code


def test_r21_people_of_one_organisation_are_apart_by_their_teams():
    two = net("action.severity >= 3", 'approvals = 2\nfrom = ["lead"]\ndistinct_teams = true')
    legal = net("action.severity >= 3", 'approvals = 1\nfrom = ["legal"]', "two")
    people = "".join(
        f'[[staff]]\nid = "{name}"\nroles = {roles}\nteam = "{name}"\n'
        for name, roles in (
            ("ada", ["reviewer"]),
            ("ben", ["lead"]),
            ("cyd", ["lead", "legal"]),
            ("dan", ["lead", "legal"]),
        )
    )
    # Each is met; when ben proposes, both take a third person beside cyd and dan.
    assert codes(two, team=read_team(people)) == []
    assert codes(two + legal, team=read_team(people)) == [("warning", "nets/unsatisfiable_together", "two")]


def test_lines_that_end_as_they_do_on_other_systems_are_the_same_lines():
    text = net("now.raid") + net("account.reach > 5 and account.reach + 1 < 3", net_id="two")
    there = examine(text.replace("\n", "\r\n"))
    assert [(one.line, one.column, one.net) for one in there] == [
        (one.line, one.column, one.net) for one in examine(text)
    ]
    assert there


def test_a_net_without_a_name_before_it_does_not_hide_where_a_net_stands():
    text = net("now.raid").replace('id = "one"\n', "") + net("now.raid or not now.raid", net_id="two")
    [unnamed, always] = examine(text)
    assert (unnamed.code, always.code, always.net) == ("nets/missing_key", "nets/always_holds", "two")
    assert text.splitlines()[always.line - 1].startswith("when = ")
    assert always.line > text.splitlines().index('id = "two"')


@pytest.mark.parametrize("first", ["account.reach * account.restored_30d > 1", "account.age_days / 3 * 3 != 1"])
def test_what_no_proof_is_made_of_leaves_those_after_it_to_be_looked_at(first):
    never = net("account.reach > 5 and account.reach + 1 < 3", net_id="two")
    assert codes(net(first) + never) == [("error", "nets/never_holds", "two")]


def test_without_a_solver_the_text_is_checked_all_the_same(monkeypatch):
    def missing():
        raise Unavailable("nets/solver", "not installed")

    monkeypatch.setattr(review_module, "z3", missing)
    assert codes(net("account.reach > 5 and account.reach + 1 < 3")) == []
    assert codes(net("account.reach > 5 and account.reach < 3")) == [("error", "nets/never_holds", "one")]
    assert codes(net("now.raid or not now.raid")) == [("warning", "nets/always_holds", "one")]


def test_a_proposal_is_told_the_same_as_warnings():
    nets = load(net("account.reach > 5 and account.reach + 1 < 3"))
    assert [(one.severity, one.code) for one in warnings_of(nets)] == [("warning", "nets/never_holds")]
    assert {one.file for one in warnings_of(nets)} == {"proposal"}
    assert warnings_of(load_shipped("default")) == ()


def test_each_finding_is_said_with_its_place_and_what_to_do():
    never, always, covered = (
        examine(text, "n.toml")
        for text in (
            net("account.reach > 5 and account.reach + 1 < 3"),
            net("account.reach >= 0", more='mode = "enforce"', net_id="two"),
            net("now.raid", 'hold = "1h"', "first") + net("now.raid", 'hold = "1h"', "second"),
        )
    )
    assert [one.to_json() for one in (*never, *always, *covered)] == [
        {
            "code": "nets/never_holds",
            "severity": "error",
            "message": "Net one can never speak: its condition never holds.",
            "file": "n.toml",
            "line": 5,
            "column": 1,
            "net": "one",
            "suggestion": "mend the condition, or take the net out",
        },
        {
            "code": "nets/always_holds",
            "severity": "warning",
            "message": "Net two always speaks: its condition holds whatever happens.",
            "file": "n.toml",
            "line": 5,
            "column": 1,
            "net": "two",
            "suggestion": "narrow the condition, or make sure that everything is meant",
        },
        {
            "code": "nets/covered",
            "severity": "warning",
            "message": "Net second adds nothing: first speaks wherever it does, and asks at least as much.",
            "file": "n.toml",
            "line": 11,
            "column": 1,
            "net": "second",
            "suggestion": "take second out, or make it ask for more than first",
        },
    ]


def test_findings_are_sorted_by_line_whatever_found_them():
    text = net("account.reach >= 0", net_id="a") + net("nonsense", net_id="b") + net("account.reach >= 0", net_id="c")
    assert [(one.line, one.code) for one in examine(text)] == [
        (5, "nets/always_holds"),
        (14, "nets/unknown_fact"),
        (23, "nets/always_holds"),
    ]
    assert [one.file for one in examine(text)] == ["nets.toml"] * 3


def test_of_two_nets_of_one_name_the_first_is_looked_at():
    text = net("account.reach >= 0", net_id="a") + net("now.raid", net_id="a")
    assert [(one.line, one.code) for one in examine(text)] == [(5, "nets/always_holds"), (11, "nets/duplicate_id")]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_net_whose_name_begins_another_is_told_from_it(quote):
    text = (net("now.raid", net_id="one-two") + net("account.reach >= 0", net_id="one")).replace('"one', f"{quote}one")
    text = text.replace('one"', f"one{quote}").replace('two"', f"two{quote}")
    assert [(one.net, one.line) for one in examine(text)] == [("one-two", 2), ("one", 14)]
    assert [(one.net, one.line) for one in examine(text.replace("\n", "\r\n"))] == [("one-two", 2), ("one", 14)]


@pytest.mark.parametrize(
    ("when", "found"),
    [
        # Rounded, so that a proof says nothing of evaluation.
        ("account.reach / 2 >= 0", []),
        ("account.age_days + 1 > 0", []),
        ("0.5 + account.reach > 0", []),
        ("max(account.age_days, 1) >= 0", []),
        ("min(account.reach, 1.5) >= 0", []),
        # Exact.
        ("account.reach + 1 > 0", ["nets/always_holds"]),
        ("max(account.reach, 1) >= 0", ["nets/always_holds"]),
        ("account.age_days >= 0", ["nets/always_holds"]),
        ("account.age_days >= 0 and account.reach + 1 > 0", ["nets/always_holds"]),
    ],
)
def test_only_what_evaluation_does_exactly_is_proved(when, found):
    assert [one.code for one in examine(net(when))] == found


def covering(narrow: str, *wide: str) -> tuple[str, ...] | None:
    """Return by which of the wide nets the narrow one is covered; each speaks wherever it does."""
    text = net("action.severity >= 4", narrow, "narrow")
    text += "".join(net("action.severity >= 3", asks, f"w{place}") for place, asks in enumerate(wide))
    found = [one for one in review_module.review(load(text)) if one.net == "narrow"]
    return found[0].by if found else None


@pytest.mark.parametrize(
    ("narrow", "wide", "by"),
    [
        ('hold = "1h"', ['hold = "1h"'], ("w0",)),
        ('hold = "1h"', ['hold = "59m"'], None),
        ('hold = "1h"', ['hold = "59m"', 'hold = "2h"'], ("w1",)),
        ("fresh_auth_minutes = 10", ["fresh_auth_minutes = 10"], ("w0",)),
        ("fresh_auth_minutes = 10", ["fresh_auth_minutes = 11"], None),
        ('confirm = ["handle"]', ['confirm = ["handle", "identity"]'], ("w0",)),
        ('confirm = ["handle"]', ['confirm = ["identity"]'], None),
        ('confirm = ["handle", "identity"]', ['confirm = ["handle"]', 'confirm = ["identity"]'], ("w0", "w1")),
        ('hold = "1h"\nconfirm = ["handle"]', ['hold = "1h"', 'confirm = ["handle"]'], ("w0", "w1")),
        ('hold = "1h"\nfresh_auth_minutes = 9', ['hold = "2h"', "fresh_auth_minutes = 5"], ("w0", "w1")),
        ('hold = "1h"\nfresh_auth_minutes = 9', ['hold = "2h"', "fresh_auth_minutes = 10"], None),
        ("approvals = 1\nhold = '1h'", ["approvals = 1", 'hold = "1h"'], ("w0", "w1")),
        ("approvals = 2\nhold = '1h'", ["approvals = 1", 'hold = "1h"'], None),
        # What helps with none of it is not named.
        (
            'hold = "1h"\nconfirm = ["handle"]',
            ['hold = "1h"', "fresh_auth_minutes = 5", 'confirm = ["handle"]'],
            ("w0", "w2"),
        ),
        ('hold = "1h"\nconfirm = ["handle"]', ['hold = "1h"', "approvals = 2", 'confirm = ["handle"]'], ("w0", "w2")),
        ('hold = "1h"\nconfirm = ["handle"]', ['hold = "1h"', 'hold = "59m"', 'confirm = ["handle"]'], ("w0", "w2")),
        # Told to fewer is not covered.
        ('hold = "1h"\nnotify = ["oncall"]', ['hold = "1h"'], None),
        ('hold = "1h"\nnotify = ["oncall"]', ['hold = "1h"\nnotify = ["oncall", "legal"]'], ("w0",)),
        ('hold = "1h"\nconfirm = ["handle"]\nnotify = ["oncall"]', ['hold = "1h"', 'confirm = ["handle"]'], None),
        (
            'hold = "1h"\nconfirm = ["handle"]\nnotify = ["oncall"]',
            ['hold = "1h"\nnotify = ["oncall"]', 'confirm = ["handle"]'],
            ("w0", "w1"),
        ),
        # What only tells somebody asks nothing, and is never one too many.
        ('notify = ["oncall"]', ['notify = ["oncall"]'], None),
        ("refuse = true", ["refuse = true"], ("w0",)),
        ('hold = "1h"', ["refuse = true"], ("w0",)),
    ],
)
def test_who_covers_a_net(narrow, wide, by):
    assert covering(narrow, *wide) == by


def test_of_nets_that_cover_only_the_needed_are_named():
    parts = [("action.severity == 3", "a"), ("action.severity == 4", "b"), ("action.severity >= 4", "c"), ("action.severity == 5", "d")]  # fmt: skip
    text = "".join(net(when, 'hold = "1h"', net_id) for when, net_id in parts)
    found = review_module.review(load(text + net("action.severity >= 3", 'hold = "30m"', "all")))
    (one,) = (one for one in found if one.net == "all")
    assert one.by == ("a", "c")
    assert one.message == ("Net all adds nothing: wherever it speaks, one of a and c does, and asks at least as much.")
    assert not one.is_error
    halves = net("action.severity >= 3", 'hold = "1h"', "time") + net("action.severity >= 2", "fresh_auth_minutes = 5", "signin")  # fmt: skip
    whole = net("action.severity >= 4", 'hold = "1h"\nfresh_auth_minutes = 10', "whole")
    (one,) = review_module.review(load(halves + whole))
    assert one.message == (
        "Net whole adds nothing: time and signin speak wherever it does, and together ask at least as much."
    )


def test_a_wider_twin_that_asks_more_makes_the_first_one_too_many():
    first, second = net("now.raid", 'hold = "1h"', "first"), net("now.raid", 'hold = "2h"', "second")
    assert codes(first + second) == [("warning", "nets/covered", "first")]
    assert codes(second + first) == [("warning", "nets/covered", "first")]


def test_r21_what_the_team_cannot_give_is_said_at_the_net():
    text = net("now.raid", 'hold = "1h"') + net("action.severity >= 3", 'approvals = 2\nfrom = ["lead"]', "two")
    [found] = examine(text, "n.toml", team=read_team(TEAM))
    assert found.to_json() == {
        "code": "nets/unsatisfiable",
        "severity": "error",
        "message": "Net two asks for 2 further people (lead); when ada proposes, 2 of them cannot be found among the staff."
        " Add people, or ask for fewer.",
        "file": "n.toml",
        "line": 17,
        "column": 1,
        "net": "two",
        "suggestion": "add people who can, or ask for fewer",
    }
    # A file that is wrong already is not asked about the team.
    assert codes(text + net("nonsense", net_id="three"), team=read_team(TEAM)) == [
        ("error", "nets/unknown_fact", "three")
    ]
