"""Reading nets.toml: every problem in one pass, with file, line and column."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.errors import InvalidInput
from gardefou.nets.load import check, load, read_net
from gardefou.nets.net import NetSet, duration_text
from gardefou.nets.shipped import SHIPPED, load_shipped, shipped_text

GOOD = """\
[[net]]
id = "protected-two-more-people"
title = "Two more people for a protected account"
because = "2017: one click by one person took a head of state's account down"
when = 'account.tier_memory == "protected" and action.severity >= 3'
mode = "enforce"                     # or "shadow": judged and recorded, asks for nothing
[net.require]                        # any of: refuse, approvals, from
approvals = 2
from = ["lead", "policy"]
distinct_teams = true
fresh_auth_minutes = 10
hold = "10m"
notify = ["oncall"]
"""

BAD = '''\
# a comment with [[net]] in it
[[net]]
id = "one"
title = "multi-line # not a comment"
because = """
[[net]]
id = "trap" """
when = 'account.reech > 3'
colour = "red"
[net.require]
approvals = 0
from = [
  "lead",  # a comment
  "boss",
]
hold = "soon"
notify = ["pager"]

[[net]]
id = "one"
title = "t"
because = "b"
when = """
now.paused
  and action.severty > 2"""
mode = "maybe"
require = { refuse = 3 }

[[net]]
id = "Bad Id"
title = ""
when = "now.paused"
[net.require]

[extra]
'''


def test_the_contracts_net_is_read_and_ships_exactly_so():
    read = load(GOOD).nets[0]
    assert read == load_shipped("default").get("protected-two-more-people")
    assert read.to_table()["require"] == {
        "approvals": 2,
        "from": ["lead", "policy"],
        "distinct_teams": True,
        "fresh_auth_minutes": 10,
        "hold": "10m",
        "notify": ["oncall"],
    }


def test_every_problem_is_found_in_one_pass_with_its_place():
    found = {(problem.code, problem.line, problem.column, problem.net) for problem in check(BAD, "my.toml")}
    assert found == {
        ("nets/unknown_fact", 8, 9, "one"),
        ("nets/unknown_key", 9, 1, "one"),
        ("nets/bad_value", 11, 1, "one"),
        ("nets/unknown_role", 12, 1, "one"),
        ("nets/bad_duration", 16, 1, "one"),
        ("nets/unknown_channel", 17, 1, "one"),
        ("nets/duplicate_id", 20, 1, "one"),
        ("nets/unknown_fact", 25, 7, "one"),
        ("nets/bad_mode", 26, 1, "one"),
        ("nets/bad_value", 27, 1, "one"),
        ("nets/bad_id", 30, 1, "Bad Id"),
        ("nets/bad_value", 31, 1, "Bad Id"),
        ("nets/missing_key", 29, 1, "Bad Id"),
        ("nets/empty_require", 33, 1, "Bad Id"),
        ("nets/unknown_key", 35, 1, None),
    }
    assert str(check(BAD, "my.toml")[0]).startswith("my.toml:8:9: There is no fact account.reech. Did you mean")


def test_loading_refuses_with_the_first_problem_and_carries_all():
    with pytest.raises(InvalidInput) as caught:
        load(BAD, "my.toml")
    assert caught.value.code == "nets/unknown_fact"
    assert caught.value.message.startswith("my.toml:8:9:")
    assert len(caught.value.extra["problems"]) == len(check(BAD))


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("", "nets/empty", 1, 1),
        ("[[net]\n", "nets/toml", 1, 6),
        ('x = 1\ny = "', "nets/toml", 2, 6),
        ("net = 3", "nets/empty", 1, 1),
        ("net = [3]", "nets/bad_value", 1, 1),
        (GOOD.replace("approvals = 2\n", ""), "nets/bad_value", 8, 1),
        (GOOD.replace("approvals = 2", "approvals = true"), "nets/bad_value", 8, 1),
        (GOOD.replace('hold = "10m"', 'hold = "0m"'), "nets/bad_duration", 12, 1),
        (GOOD.replace("\n", "\r\n").replace("tier_memory", "tier_memry"), "nets/unknown_fact", 5, 9),
        (GOOD.replace(">= 3", ">= 6"), "nets/never_holds", 5, 9),
    ],
)
def test_problems_by_code_and_place(text, code, line, column):
    problem = check(text)[0]
    assert (problem.code, problem.line, problem.column) == (code, line, column)


def test_a_net_is_read_from_a_table_that_stands_elsewhere():
    net = read_net({"id": "a", "title": "t", "because": "b", "when": "now.raid", "require": {"refuse": True}})
    assert net.asks.refusals == ("t",)
    with pytest.raises(InvalidInput) as caught:
        read_net({"id": "a", "title": "t", "because": "b", "when": "now.rain", "require": {"refuse": True}})
    assert caught.value.field == "net.when"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_load_and_write_back_the_same(name):
    nets = load_shipped(name)
    assert check(shipped_text(name)) == []
    assert load(nets.to_toml()).digest == nets.digest
    assert all(net.because and net.title for net in nets)


def test_an_unknown_shipped_set_is_an_error():
    with pytest.raises(InvalidInput) as caught:
        load_shipped("tiny")
    assert caught.value.code == "nets/unknown_set"


def test_the_digest_follows_what_the_set_says_not_its_sequence():
    nets = load_shipped("default")
    assert NetSet(reversed(nets.nets)).digest == nets.digest
    assert nets.changed(remove=["paused"]).digest != nets.digest
    assert json.loads(nets.canonical())[0]["id"] == min(net.id for net in nets)


def test_r3_a_set_that_only_adds_is_told_from_one_that_weakens():
    nets = load_shipped("default")
    more = read_net({"id": "a", "title": "t", "because": "b", "when": "now.raid", "require": {"refuse": True}})
    assert nets.changed(put=[more]).only_adds(nets)
    assert not nets.changed(remove=["paused"]).only_adds(nets)
    weaker = read_net({**more.to_table(), "id": "paused"})
    assert not nets.changed(put=[weaker]).only_adds(nets)
    with pytest.raises(InvalidInput):
        nets.changed(remove=["no-such-net"])


@given(st.text(max_size=40), st.text(max_size=40).filter(str.strip))
def test_any_text_survives_writing_and_reading(title, because):
    table = {"id": "a", "title": f"x{title}", "because": because, "when": "now.raid", "require": {"refuse": True}}
    nets = NetSet([read_net(table)])
    assert load(nets.to_toml()) == nets


@given(st.integers(1, 10**7))
def test_durations_are_written_exactly(seconds):
    factor = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    text = duration_text(seconds)
    assert int(text[:-1]) * factor[text[-1]] == seconds
