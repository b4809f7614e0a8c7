"""Reading nets.toml: every problem in one pass, with file, line and column."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.errors import InvalidInput
from gardefou.nets.evaluate import compile_condition
from gardefou.nets.load import check, load, read_net
from gardefou.nets.net import Net, NetSet, duration_text
from gardefou.nets.shipped import SHIPPED, load_shipped, shipped_text
from gardefou.nets.verdict import NOTHING, Reason, Requirement, Verdict
from tests.refusals import refused

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


def of(net_id: str, **others) -> Net:
    return Net(id=net_id, title="T", because="B", condition=compile_condition("now.paused"), asks=NOTHING, **others)


def test_two_nets_of_one_id_are_no_set():
    with refused("nets/duplicate_id", "id") as caught:
        NetSet([of("a"), of("b"), of("a")])
    assert caught.value.message == "Two nets have the id a; rename one."


def test_a_net_that_is_not_there_is_not_taken_out():
    with refused("nets/unknown_net", "remove") as caught:
        NetSet([of("a")]).changed(remove=["b"])
    assert caught.value.message == "There is no net b to remove."


def test_a_changed_set_has_what_was_put_and_not_what_was_taken():
    before = NetSet([of("a"), of("b")])
    after = before.changed(remove=["a"], put=[of("b", shadow=True), of("c")])
    assert [(net.id, net.shadow) for net in after] == [("b", True), ("c", False)]
    assert [(net.id, net.shadow) for net in before] == [("a", False), ("b", False)]
    assert len(after) == 2
    assert "c" in after
    assert "a" not in after
    assert after.get("a") is None
    assert after.get("c") == of("c")
    assert (after != before, hash(before)) == (True, hash(before.digest))
    assert repr(before) == f"NetSet(2 nets, {before.digest[:12]})"


def test_the_digest_of_a_set_is_what_it_always_was():
    # Names what installations have written down: a change here makes every known digest another.
    assert NetSet().digest == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    assert NetSet([of("b"), of("a")]).canonical() == (
        '[{"because":"B","id":"a","mode":"enforce","require":{},"title":"T","when":"now.paused"},'
        '{"because":"B","id":"b","mode":"enforce","require":{},"title":"T","when":"now.paused"}]'
    )


def test_a_sets_canonical_text_keeps_letters_as_they_are():
    assert "Größe ☃" in NetSet([replace(of("a"), title="Größe ☃")]).canonical()


WHOLE = Verdict(
    approvals=(Requirement(("lead",), 2, distinct_teams=True, blind=True),),
    fresh_auth_minutes=0,
    hold_seconds=90,
    confirm=("handle",),
    notify=("oncall",),
)


def test_every_ask_of_a_net_is_written_and_every_default_left_out():
    net = Net(id="a", title="T", because="B", condition=compile_condition("now.paused"), asks=WHOLE)
    assert net.to_table()["require"] == {
        "approvals": 2,
        "from": ["lead"],
        "distinct_teams": True,
        "blind": True,
        "fresh_auth_minutes": 0,
        "hold": "90s",
        "confirm": ["handle"],
        "notify": ["oncall"],
    }
    assert of("a").to_table()["require"] == {}
    assert (net.to_table()["mode"], of("a", shadow=True).to_table()["mode"]) == ("enforce", "shadow")


def test_a_net_speaks_with_its_reason_and_in_shadow_with_nothing_else():
    net = Net(id="a", title="T", because="B", condition=compile_condition("now.paused"), asks=WHOLE)
    reason = (Reason("a", "T", "B"),)
    assert net.spoken() == replace(WHOLE, reasons=reason)
    assert net.spoken(shadow=True) == Verdict(shadow=reason)
    assert replace(net, shadow=True).spoken() == Verdict(shadow=reason)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1s"), (59, "59s"), (60, "1m"), (61, "61s"), (3_600, "1h"), (3_660, "61m"), (86_400, "1d"), (90_000, "25h")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds, text):
    assert duration_text(seconds) == text
