"""The floor under every change of nets: what no set in force may fall below (R3)."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets import floor
from gardefou.nets.facts import Facts
from gardefou.nets.floor import broken
from gardefou.nets.load import load
from gardefou.nets.shipped import load_shipped
from gardefou.nets.verdict import Verdict

_REFUSE_ALL = """
[[net]]
id = "stop"
title = "Stop everything"
because = "a test"
when = 'action.severity > 0'
[net.require]
refuse = "stop"
"""


@pytest.mark.parametrize("name", ["default", "small-team", "solo"])
def test_r3_the_shipped_sets_break_nothing(name):
    assert broken(load_shipped(name), shipped=name) == []


@pytest.mark.parametrize(
    ("net", "invariant"),
    [
        ("protected-two-more-people", "I1"),
        ("notable-one-lead", "I2"),
        ("leaver-last-24h", None),
        ("change-weakens", "I7"),
    ],
)
def test_r3_a_net_taken_out_is_noticed(net, invariant):
    found = {one.invariant for one in broken(load_shipped("default").changed(remove=[net]))}
    assert (invariant in found) if invariant else not found - {"I6"}


def test_r3_a_net_that_refuses_everyone_is_noticed():
    nets = load_shipped("default")
    stopped = nets.changed(put=list(load(_REFUSE_ALL)))
    assert {"I8", "I9"} <= {one.invariant for one in broken(stopped)}


FULL = 'approvals = 2\nfrom = ["lead", "policy"]\ndistinct_teams = true\nfresh_auth_minutes = 10\nhold = "10m"'
#: The least set that breaks nothing: a condition and what it asks, by name.
LEAST = {
    "protected": ('account.tier_memory == "protected" and action.severity >= 3', FULL),
    "notable": ('account.tier_memory == "notable" and action.severity >= 3', "approvals = 1"),
    "irreversible": ('action.reversibility == "none" and action.severity > 0', 'hold = "24h"'),
    "standing": ('actor.standing in ["suspended", "left"]', "refuse = true"),
    "leaver": (
        'actor.hours_to_last_day_end <= 24 and action.severity >= 1 and account.tier_memory != "standard"',
        "refuse = true",
    ),
    "change": ('change.kind != "" and change.weakens', FULL),
}


def lacking(shipped: str = "default", **otherwise: Any) -> dict[str, str]:
    """Return what the least set breaks with some nets otherwise, or taken out."""
    nets = {**LEAST, **otherwise}
    text = "\n".join(
        f"[[net]]\nid = '{name}'\ntitle = 'T'\nbecause = 'B'\nwhen = '''{net[0]}'''\n[net.require]\n{net[1]}"
        for name, net in nets.items()
        if net is not None
    )
    return {one.invariant: one.says for one in broken(load(text), shipped=shipped)}


def test_r3_the_least_set_breaks_nothing():
    assert lacking() == {}
    assert lacking(shipped="small-team") == {}
    assert lacking(shipped="solo") == {}


@pytest.mark.parametrize("net", ["protected", "change"])
@pytest.mark.parametrize(
    ("asks", "enough"),
    [
        (FULL, True),
        ("refuse = true", True),
        (FULL.replace("approvals = 2", "approvals = 1"), False),
        (FULL.replace("approvals = 2", "approvals = 3"), True),
        (FULL.replace("distinct_teams = true", "distinct_teams = false"), False),
        (FULL.replace("fresh_auth_minutes = 10", "fresh_auth_minutes = 11"), False),
        (FULL.replace("fresh_auth_minutes = 10", "fresh_auth_minutes = 9"), True),
        (FULL.replace("fresh_auth_minutes = 10\n", ""), False),
        (FULL.replace('"10m"', '"599s"'), False),
        (FULL.replace('"10m"', '"11m"'), True),
        (FULL.replace('\nhold = "10m"', ""), False),
    ],
)
def test_r3_what_a_protected_account_and_a_weakening_ask_is_exactly_so_much(net, asks, enough):
    otherwise: dict[str, Any] = {net: (LEAST[net][0], asks)}
    found = lacking(**otherwise)
    broken_by = "I1" if net == "protected" else "I7"
    # A refusal of the active is no way to protect an account: that breaks another.
    assert set(found) - {"I9"} == (set() if enough else {broken_by})
    assert ("I9" in found) == (net == "protected" and asks == "refuse = true")


@pytest.mark.parametrize(
    ("net", "when", "asks", "says"),
    [
        (
            "protected",
            LEAST["protected"][0],
            FULL.replace("distinct_teams = true", ""),
            (
                "I1: a protected account needs two more people apart, a fresh sign-in and ten minutes"
                " (a reviewer by console: suspend on a protected account)"
            ),
        ),
        (
            "notable",
            'account.tier_memory == "notable" and action.severity >= 4',
            "approvals = 1",
            (
                "I2: a notable or protected account needs another person"
                " (a reviewer by console: suspend on a notable account)"
            ),
        ),
        (
            "notable",
            'account.tier_memory == "notable" and action.severity >= 3',
            'hold = "1h"',
            (
                "I2: a notable or protected account needs another person"
                " (a reviewer by console: suspend on a notable account)"
            ),
        ),
        (
            "irreversible",
            'action.reversibility == "none" and action.severity > 0',
            'hold = "86399s"',
            (
                "I3: what cannot be undone is refused or held for a day"
                " (a reviewer by console: delete on a standard account)"
            ),
        ),
        (
            "irreversible",
            'action.reversibility == "none" and action.severity > 0 and actor.via != "api"',
            'hold = "1d"',
            "I3: what cannot be undone is refused or held for a day (a reviewer by api: delete on a standard account)",
        ),
        (
            "irreversible",
            'action.reversibility == "none" and action.severity > 0 and "legal" not in actor.roles',
            'hold = "1d"',
            (
                "I3: what cannot be undone is refused or held for a day"
                " (a admin+lead+policy+legal+oncall+reviewer by console: delete on a standard account)"
            ),
        ),
        (
            "standing",
            'actor.standing == "suspended"',
            "refuse = true",
            "I6: whoever is suspended or has left does nothing (a reviewer by console: suspend on a standard account)",
        ),
        (
            "leaver",
            'actor.hours_to_last_day_end <= 23 and action.severity >= 1 and account.tier_memory != "standard"',
            "refuse = true",
            (
                "I6: in the last 24 hours nothing is done to a notable or protected account"
                " (a reviewer by console: suspend on a notable account)"
            ),
        ),
        (
            "change",
            'change.kind != "" and change.kind != "token" and change.weakens',
            FULL,
            (
                "I7: what weakens protection asks what deactivating a protected account asks"
                " (a reviewer by console: change token on a standard account)"
            ),
        ),
        (
            "own",
            'account.tier_memory == "standard" and action.name == "warn" and "lead" in actor.roles',
            "fresh_auth_minutes = 10",
            (
                "I8: an ordinary decision on a standard account meets no net"
                " (a lead by console: warn on a standard account)"
            ),
        ),
        (
            "own",
            'account.tier_memory == "notable" and action.severity == 4 and actor.via == "cli"',
            "refuse = true",
            (
                "I9: an active person with a fresh sign-in is asked for more, never refused"
                " (a reviewer by cli: deactivate on a notable account)"
            ),
        ),
        (
            "own",
            'account.tier_memory == "notable" and action.severity == 4',
            'hold = "86401s"',
            "I9: no hold is longer than a day (a reviewer by console: deactivate on a notable account)",
        ),
    ],
)
def test_r3_what_is_broken_is_said_with_one_situation(net, when, asks, says):
    otherwise: dict[str, Any] = {net: (when, asks)}
    assert list(lacking(**otherwise).values()) == [says]


@pytest.mark.parametrize(
    ("when", "asks"),
    [
        ('account.tier_memory == "standard" and action.severity == 4', "fresh_auth_minutes = 10"),
        ('account.tier_memory == "notable" and action.severity <= 2', "approvals = 1"),
        ('account.tier_memory == "notable" and action.severity == 4', 'hold = "86400s"'),
        ("action.severity == 5", "refuse = true"),
        ("action.severity == 5", 'hold = "2d"'),
        ("now.raid", "refuse = true"),
        ('"admin" in actor.roles and "lead" not in actor.roles', "fresh_auth_minutes = 10"),
        ("account.reach == 41", "refuse = true"),
        ('action.on_content and action.name != "remove_content"', "refuse = true"),
        ('action.name == "remove_content" and not action.on_content', "refuse = true"),
        ('account.tier != account.tier_memory', "refuse = true"),
        ('action.reversibility == "lossy"', "refuse = true"),
        ('action.reversibility == "none" and action.severity < 5', "refuse = true"),
    ],
)  # fmt: skip
def test_r3_what_lies_beyond_the_claims_may_be_asked(when, asks):
    assert lacking(own=(when, asks)) == {}


@pytest.mark.parametrize("what", ['action.name == "suspend"', 'action.name == "warn"', "len(actor.roles) > 1"])
def test_r3_an_ordinary_decision_meets_no_net_whatever_it_is(what):
    assert set(lacking(own=(f'account.tier_memory == "standard" and {what}', 'hold = "1m"'))) == {"I8"}


def test_r3_what_is_tried_is_every_combination_that_matters(monkeypatch):
    tried: list[dict[str, object]] = []

    def spy(nets, facts):
        tried.append(facts.to_json())
        return Verdict(refusals=("No.",))

    monkeypatch.setattr(floor, "judge", spy)
    # Whoever refuses everything breaks nothing but what must not be refused.
    assert {one.invariant for one in broken(load_shipped("solo"))} == {"I8", "I9"}
    actions = [("warn", 1), ("label", 1), ("limit", 2), ("remove_content", 2), ("lock", 2), ("suspend", 3),
               ("deactivate", 4), ("delete", 5)]  # fmt: skip
    everything = ["admin", "lead", "legal", "oncall", "policy", "reviewer"]
    roles = [["reviewer"], ["lead"], ["policy"], ["admin"], everything]
    wanted = [
        {
            "account.tier": tier,
            "account.tier_memory": tier,
            "account.reach": reach,
            "action.name": action,
            "action.severity": severity,
            "action.reversibility": "none" if action == "delete" else "exact",
            "action.on_content": action == "remove_content",
            "actor.via": via,
            "actor.roles": held,
        }
        for tier, reach in (("standard", 40), ("notable", 200_000), ("protected", 6_000_000))
        for action, severity in actions
        for via in ("console", "api", "cli")
        for held in roles
    ]
    wanted += [
        {"actor.standing": standing, "action.severity": severity, "account.tier": tier, "account.tier_memory": tier}
        for standing in ("suspended", "left")
        for severity in (0, 1, 3, 4)
        for tier in ("standard", "protected")
    ]
    wanted += [
        {
            "actor.hours_to_last_day_end": hours,
            "action.severity": severity,
            "account.tier": tier,
            "account.tier_memory": tier,
        }
        for hours in (0, 1, 12, 24)
        for severity in (1, 2, 3, 4)
        for tier in ("notable", "protected")
    ]
    wanted += [
        {
            "change.kind": kind,
            "change.weakens": True,
            "action.name": "change",
            "action.severity": 0,
            "actor.roles": held,
        }
        for kind in ("tier", "nets", "staff_add", "role", "token", "platform", "setting")
        for held in roles
    ]
    assert tried == [Facts.of({**floor.ORDINARY, **facts}).to_json() for facts in wanted]


@pytest.mark.parametrize("also", ["action.severity == 0", 'action.name == "change"', "change.weakens"])
def test_r3_i7_is_tried_on_what_a_change_is(also):
    assert lacking(change=(f'change.kind != "" and {also}', FULL)) == {}


def test_r3_the_sets_for_few_people_are_asked_less():
    without: dict[str, Any] = dict.fromkeys(["protected", "notable", "change"])
    assert set(lacking(**without)) == {"I1", "I2", "I7"}
    for shipped in ("small-team", "solo"):
        assert lacking(shipped=shipped, **without) == {}
        long = ('account.tier_memory == "notable" and action.severity == 4', 'hold = "3d"')
        assert lacking(shipped=shipped, own=long) == {}
        assert set(lacking(shipped=shipped, own=(long[0], "refuse = true"))) == {"I9"}
        assert set(lacking(shipped=shipped, standing=None)) == {"I6"}
        assert set(lacking(shipped=shipped, irreversible=None)) == {"I3"}
        assert set(lacking(shipped=shipped, own=('account.tier_memory == "standard"', 'hold = "1m"'))) == {"I8"}
    assert lacking(shipped="solo", leaver=None) == {}
