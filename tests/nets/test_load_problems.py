"""What is wrong with a net, key by key: its code, where it is said to stand, and what is to be written instead."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets.load import MAX_HOLD_SECONDS, Problem, check, load, read_all, read_net
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Requirement, Verdict
from tests.refusals import refused

GOOD: dict[str, Any] = {
    "id": "a-net",
    "title": "T",
    "because": "B",
    "when": "now.raid",
    "require": {"refuse": True},
}
HEAD = 'id = "a-net"\ntitle = "T"\nbecause = "B"\nwhen = "now.raid"\n'
KEYS = "one of id, title, because, when, mode, require"
REQUIRES = "one of refuse, approvals, from, distinct_teams, fresh_auth_minutes, blind, hold, confirm, notify"


def only(text: str) -> Problem:
    (found,) = check(text, "n.toml")
    return found


def asked(require: str) -> Verdict:
    return load(f"[[net]]\n{HEAD}[net.require]\n{require}\n").nets[0].asks


def wrong(require: str) -> Problem:
    found = only(f"[[net]]\n{HEAD}[net.require]\n{require}\n")
    assert (found.file, found.net, found.severity) == ("n.toml", "a-net", "error")
    assert (found.line, found.column) == (7 + require.count("\n") if "\n" not in require else found.line, 1)
    return found


@pytest.mark.parametrize(
    ("require", "code", "says", "instead"),
    [
        ("approvals = 0", "nets/bad_value", "approvals must be a whole number from 1 to 10.", None),
        ("approvals = 11", "nets/bad_value", "approvals must be a whole number from 1 to 10.", None),
        ("approvals = true", "nets/bad_value", "approvals must be a whole number from 1 to 10.", None),
        ("approvals = 1.0", "nets/bad_value", "approvals must be a whole number from 1 to 10.", None),
        (
            "fresh_auth_minutes = 10_081",
            "nets/bad_value",
            "fresh_auth_minutes must be a whole number from 1 to 10080.",
            None,
        ),
        ("fresh_auth_minutes = 0", "nets/bad_value", "fresh_auth_minutes must be a whole number from 1 to 10080.", None),
        ("refuse = false", "nets/bad_value", "refuse must be true or the reason in words.", None),
        ("refuse = 1", "nets/bad_value", "refuse must be true or the reason in words.", None),
        ("refuse = ' '", "nets/bad_value", "refuse must be true or the reason in words.", None),
        ("refuse = ['a']", "nets/bad_value", "refuse must be true or the reason in words.", None),
        ("confirm = []", "nets/bad_value", "confirm must be a list of handle, identity.", None),
        ("confirm = 'handle'", "nets/bad_value", "confirm must be a list of handle, identity.", None),
        ("confirm = ['hndle']", "nets/bad_value", "confirm cannot name 'hndle'. Did you mean handle?", "handle"),
        (
            "notify = ['pager']",
            "nets/unknown_channel",
            "notify cannot name 'pager'. Use some of oncall, lead, policy, legal, team, everyone.",
            "some of oncall, lead, policy, legal, team, everyone",
        ),
        ("notify = ['on-call']", "nets/unknown_channel", "notify cannot name 'on-call'. Did you mean oncall?", "oncall"),
        ("notify = ['SRE']", "nets/unknown_channel", "notify cannot name 'SRE'. Did you mean oncall?", "oncall"),
        ("notify = ['all']", "nets/unknown_channel", "notify cannot name 'all'. Did you mean everyone?", "everyone"),
        ("notify = ['Manager']", "nets/unknown_channel", "notify cannot name 'Manager'. Did you mean lead?", "lead"),
        # What it is called elsewhere is a role, and no channel has its name.
        (
            "notify = ['moderator']",
            "nets/unknown_channel",
            "notify cannot name 'moderator'. Use some of oncall, lead, policy, legal, team, everyone.",
            "some of oncall, lead, policy, legal, team, everyone",
        ),
        (
            "notify = [3]",
            "nets/unknown_channel",
            "notify cannot name 3. Use some of oncall, lead, policy, legal, team, everyone.",
            "some of oncall, lead, policy, legal, team, everyone",
        ),
        ("holds = '1h'", "nets/unknown_key", "A net cannot require holds. Did you mean hold?", "hold"),
        ("qqqqqqqqq = 1", "nets/unknown_key", "A net cannot require qqqqqqqqq.", REQUIRES),
        ("hold = 600", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "10m"'),
        ("hold = 61", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "61s"'),
        ("hold = 1", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "1s"'),
        ("hold = 7776000", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "90d"'),
        ("hold = 7776001", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "10m"'),
        ("hold = 0", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "10m"'),
        ("hold = true", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "10m"'),
        ("hold = '91d'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "90d"'),
        ("hold = '0m'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "10m"'),
        ("hold = '1.5s'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "1.5s"'),
        ("hold = 'soon'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "10m"'),
        ("hold = '2 hours'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "2h"'),
        ("hold = '1 second'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "1s"'),
        ("hold = '2160 hours'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "2160h"'),
        ("hold = '5 years'", "nets/bad_duration", 'hold is a duration from "1s" to "90d", such as "10m".', 'hold = "90d"'),
    ],
)  # fmt: skip
def test_what_a_net_asks_wrongly(require, code, says, instead):
    found = wrong(require)
    assert (found.code, found.message, found.suggestion) == (code, says, instead)
    assert (found.line, found.column) == (7, 1)


@pytest.mark.parametrize(
    ("require", "code", "says", "instead"),
    [
        ("distinct_teams = 1", "nets/bad_value", "distinct_teams must be true or false.", None),
        ("blind = 'yes'", "nets/bad_value", "blind must be true or false.", None),
        (
            "from = []",
            "nets/bad_value",
            "from must be a list of reviewer, lead, policy, oncall, legal, admin, auditor.",
            None,
        ),
        ("from = ['boss']", "nets/unknown_role", None, None),
        ("from = ['lead', 'manager']", "nets/unknown_role", "from cannot name 'manager'. Did you mean lead?", "lead"),
        ("from = ['leed']", "nets/unknown_role", "from cannot name 'leed'. Did you mean lead?", "lead"),
        (
            "from = ['everyone']",
            "nets/unknown_role",
            "from cannot name 'everyone'. Use some of reviewer, lead, policy, oncall, legal, admin, auditor.",
            "some of reviewer, lead, policy, oncall, legal, admin, auditor",
        ),
    ],
)
def test_what_a_net_asks_wrongly_of_those_who_approve(require, code, says, instead):
    found = only(f"[[net]]\n{HEAD}[net.require]\napprovals = 2\n{require}\n")
    assert (found.code, found.line, found.column) == (code, 8, 1)
    if says is not None:
        assert (found.message, found.suggestion) == (says, instead)


@pytest.mark.parametrize("require", ["from = ['lead']", "distinct_teams = true", "blind = false"])
def test_how_to_approve_means_nothing_without_approvals(require):
    key = require.partition(" ")[0]
    found = wrong(f"{require}")
    assert (found.code, found.message) == (
        "nets/bad_value",
        f"{key} means nothing without approvals; add approvals.",
    )


@pytest.mark.parametrize(
    ("require", "asks"),
    [
        ("approvals = 1", Verdict(approvals=(Requirement(("lead", "policy"), 1),))),
        ("approvals = 10", Verdict(approvals=(Requirement(("lead", "policy"), 10),))),
        (
            "approvals = 2\nfrom = ['policy', 'lead', 'policy']\nblind = true",
            Verdict(approvals=(Requirement(("lead", "policy"), 2, blind=True),)),
        ),
        (
            "approvals = 2\nfrom = ['legal']\ndistinct_teams = true\nblind = false",
            Verdict(approvals=(Requirement(("legal",), 2, distinct_teams=True),)),
        ),
        ("fresh_auth_minutes = 1", Verdict(fresh_auth_minutes=1)),
        ("fresh_auth_minutes = 10_080", Verdict(fresh_auth_minutes=10_080)),
        ("refuse = true", Verdict(refusals=("T",))),
        ("refuse = 'No.'", Verdict(refusals=("No.",))),
        ("hold = '1s'", Verdict(hold_seconds=1)),
        ("hold = '1.5h'", Verdict(hold_seconds=5_400)),
        ("hold = '90d'", Verdict(hold_seconds=MAX_HOLD_SECONDS)),
        ("confirm = ['handle']", Verdict(confirm=("handle",))),
        ("notify = ['team', 'oncall', 'team']", Verdict(notify=("oncall", "team"))),
    ],
)
def test_what_a_net_asks_is_what_was_written(require, asks):
    assert asked(require) == asks


def test_ninety_days_is_the_longest_hold():
    assert MAX_HOLD_SECONDS == 7_776_000


@pytest.mark.parametrize(
    ("change", "code", "key", "says"),
    [
        ({"id": None}, "nets/missing_key", "", "Net ?: The net has no id; add it."),
        ({"title": None}, "nets/missing_key", "", "Net a-net: The net has no title; add it."),
        ({"because": None}, "nets/missing_key", "", "Net a-net: The net has no because; add it."),
        ({"when": None}, "nets/missing_key", "", "Net a-net: The net has no when; add it."),
        ({"title": " "}, "nets/bad_value", "title", "Net a-net: title must be a text that is not empty."),
        ({"because": 3}, "nets/bad_value", "because", "Net a-net: because must be a text that is not empty."),
        ({"when": ""}, "nets/bad_value", "when", "Net a-net: when must be a text that is not empty."),
        ({"id": 3}, "nets/bad_value", "id", "Net 3: id must be a text that is not empty."),
        ({"mode": "off"}, "nets/bad_mode", "mode", 'Net a-net: mode is "enforce" or "shadow".'),
        (
            {"require": None},
            "nets/empty_require",
            "require",
            "Net a-net: The net asks for nothing; say in [net.require] what it asks.",
        ),
        ({"require": {}}, "nets/empty_require", "require", None),
        ({"require": [1]}, "nets/empty_require", "require", None),
        ({"require": {"hold": 1}}, "nets/bad_duration", "require.hold", None),
        (
            {"when": "now.paused or\n now.rain"},
            "nets/unknown_fact",
            "when",
            "Net a-net: There is no fact now.rain. Did you mean now.raid? (line 2, column 2 of when)",
        ),
        ({"colour": 1}, "nets/unknown_key", "colour", None),
    ],
)
def test_a_net_from_elsewhere_is_refused_with_its_first_problem(change, code, key, says):
    table = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with refused(code, f"net.{key}") as caught:
        read_net(table)
    if says is not None:
        assert caught.value.message == says


def test_a_net_from_elsewhere_is_read_whole():
    net = read_net({**GOOD, "mode": "shadow"})
    assert (net.id, net.title, net.because, net.condition.text, net.shadow) == ("a-net", "T", "B", "now.raid", True)
    assert read_net({**GOOD, "mode": "enforce"}).shadow is read_net(GOOD).shadow is False


@pytest.mark.parametrize(
    ("before", "after", "code", "line", "instead"),
    [
        ('id = "a-net"\n', "", "nets/missing_key", 1, 'id = "no-bulk-for-leavers"'),
        ('title = "T"\n', "", "nets/missing_key", 1, 'title = "A leaver does nothing in bulk"'),
        ('because = "B"\n', "", "nets/missing_key", 1, 'because = "2017: a leaver had full powers to the last minute"'),
        ('when = "now.raid"\n', "", "nets/missing_key", 1, "when = 'action.severity >= 3'"),
        ('"a-net"', '"a--net"', "nets/bad_id", 2, "a-net"),
        ('"a-net"', '"-a"', "nets/bad_id", 2, "a"),
        ('"a-net"', '"a-"', "nets/bad_id", 2, "a"),
        ('"a-net"', '"9-a-9"', "nets/bad_id", 2, "a"),
        ('"a-net"', '"Große Ids & more!"', "nets/bad_id", 2, "gro-e-ids-more"),
        ('"a-net"', '"!!!"', "nets/bad_id", 2, "no-bulk-for-leavers"),
        ('"a-net"', f'"{"x" * 81}"', "nets/bad_id", 2, "x" * 80),
        ('title = "T"', 'titel = "T"\ntitle = "T"', "nets/unknown_key", 3, "title"),
        ('title = "T"', 'qqqqqqqq = "T"\ntitle = "T"', "nets/unknown_key", 3, KEYS),
        ('title = "T"', 'hold = "1h"\ntitle = "T"', "nets/unknown_key", 3, "hold in [net.require]"),
        ('title = "T"', 'mode = "shadw"\ntitle = "T"', "nets/bad_mode", 3, 'mode = "shadow"'),
        ('title = "T"', 'mode = "enforced"\ntitle = "T"', "nets/bad_mode", 3, 'mode = "enforce"'),
        ('title = "T"', "mode = 7\ntitle = 'T'", "nets/bad_mode", 3, 'mode = "enforce"'),
        ('"now.raid"', '"now.rade"', "nets/unknown_fact", 5, "now.raid"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_nets_keys(before, after, code, line, instead):
    found = only(f"[[net]]\n{HEAD}[net.require]\nrefuse = true\n".replace(before, after))
    assert (found.code, found.line, found.suggestion) == (code, line, instead)
    assert (found.file, found.severity) == ("n.toml", "error")
    assert found.message.endswith((".", "?"))


def test_a_net_whose_id_is_no_text_has_none_in_what_is_said_of_it():
    found = only(f"[[net]]\n{HEAD}[net.require]\nrefuse = true\n".replace('"a-net"', "7"))
    assert (found.code, found.net, found.line) == ("nets/bad_value", None, 2)


def test_an_id_may_be_eighty_long():
    assert read_net({**GOOD, "id": "x" * 80}).id == "x" * 80
    assert read_net({**GOOD, "id": "a1-b2-3c"}).id == "a1-b2-3c"


def test_a_nets_keys_that_belong_elsewhere_are_said_to():
    found = only(f"[[net]]\nhold = '1h'\n{HEAD}[net.require]\nrefuse = true\n")
    assert found.message == "A net has no hold. Did you mean hold in [net.require]?"
    assert only(f"[[net]]\nqqqqqqqq = '1h'\n{HEAD}[net.require]\nrefuse = true\n").message == "A net has no qqqqqqqq."


def test_what_is_no_net_is_named_beside_the_nets_and_keeps_the_good_ones():
    text = f"""[[net]]
{HEAD}[net.require]
refuse = true

[[net]]
{HEAD}mode = "on"
require = {{ refuse = true }}

[[net]]
{HEAD}require = {{ refuse = true }}

[extra]
x = 1
"""
    nets, problems = read_all(text, "n.toml")
    assert [net.id for net in nets] == ["a-net", "a-net"]
    assert [(one.code, one.line, one.net, one.suggestion) for one in problems] == [
        ("nets/duplicate_id", 10, "a-net", "a-net-2"),
        ("nets/bad_mode", 14, "a-net", 'mode = "enforce"'),
        ("nets/duplicate_id", 18, "a-net", "a-net-2"),
        ("nets/unknown_key", 24, None, "[[net]]"),
    ]
    assert problems[0].message == problems[2].message == "Net a-net stands at line 2 already."
    assert problems[3].message == "There is no table extra here; nets are [[net]] tables."


def test_things_among_the_nets_that_are_no_tables_are_told_and_the_others_read():
    nets, problems = read_all('\nnet = [3, { id = "b", title = "T", because = "B", when = "now.raid", require = { hold = "1m" } }]', "n")  # fmt: skip
    assert [net.id for net in nets] == ["b"]
    assert [(one.code, one.message, one.line, one.column, one.net) for one in problems] == [
        ("nets/bad_value", "Each net must be a [[net]] table.", 2, 1, None)
    ]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("", "nets/empty", 1, 1, "There is no [[net]] here;"),
        ("net = []", "nets/empty", 1, 1, "There is no [[net]] here;"),
        ("[net]\nid = 'x'", "nets/empty", 1, 1, "There is no [[net]] here;"),
        ("[[net]]\nid = x", "nets/toml", 2, 6, "This is not TOML: Invalid value."),
        ("[[net]]\nid = 'x", "nets/toml", 2, 8, "This is not TOML: "),
        ("\n\nx", "nets/toml", 3, 2, "This is not TOML: "),
    ],
)
def test_what_is_no_file_of_nets(text, code, line, column, says):
    found = only(text)
    assert (found.code, found.file, found.line, found.column, found.net) == (code, "n.toml", line, column, None)
    assert found.message.startswith(says)
    assert "(at " not in found.message


def test_windows_lines_count_as_lines():
    text = f"[[net]]\n{HEAD}mode = 'on'\nrequire = {{ refuse = true }}\n".replace("\n", "\r\n")
    assert (only(text).line, only(text).column) == (6, 1)
    # A text of several lines begins in the line after its three quotes, however lines end.
    text = f"[[net]]\n{HEAD}[net.require]\nrefuse = true\n".replace('"now.raid"', '"""\nnow.raid\n or now.pased"""')
    found = only(text.replace("\n", "\r\n"))
    assert (found.code, found.line, found.column, found.suggestion) == ("nets/unknown_fact", 7, 5, "now.paused")


def test_loading_refuses_with_the_net_as_its_field():
    text = f"[[net]]\n{HEAD}mode = 'on'\nrequire = {{ refuse = true }}\n"
    with refused("nets/bad_mode", "net.a-net") as caught:
        load(text, "n.toml")
    assert caught.value.message == 'n.toml:6:1: mode is "enforce" or "shadow".'
    assert caught.value.extra == {"problems": [only(text).to_json()]}
    with refused("nets/empty", "net"):
        load("")


def test_a_file_has_a_name_unless_it_is_given_another():
    assert [one.file for one in check("")] == ["nets.toml"]
    with refused("nets/empty", "net") as caught:
        load("")
    assert caught.value.message.startswith("nets.toml:1:1: ")


def test_a_problem_is_written_for_people_and_for_machines():
    one = Problem("nets/x", "Said.", "n.toml", 3, 4, "a", suggestion="b")
    assert str(one) == "n.toml:3:4: Said. [nets/x]"
    assert one.to_json() == {
        "code": "nets/x",
        "severity": "error",
        "message": "Said.",
        "file": "n.toml",
        "line": 3,
        "column": 4,
        "net": "a",
        "suggestion": "b",
    }
    assert Problem("nets/x", "Said.", "n.toml", 3, 4).to_json() == {
        "code": "nets/x",
        "severity": "error",
        "message": "Said.",
        "file": "n.toml",
        "line": 3,
        "column": 4,
        "net": None,
    }


def test_a_good_file_is_a_set():
    nets = load(f"[[net]]\n{HEAD}[net.require]\nrefuse = true\n")
    assert isinstance(nets, NetSet)
    assert nets == NetSet([read_net(GOOD)])
