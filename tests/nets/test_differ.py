"""Two sets side by side: what was changed, and the smallest facts on which they differ."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gardefou.nets.differ as differ_module
from gardefou.errors import Unavailable
from gardefou.nets.differ import changed_words, differ
from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.nearest import UnansweredError, nearest
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import SHIPPED, load_shipped

DEFAULT = load_shipped("default")


def changed(text_of: str, old: str, new: str) -> NetSet:
    text = load_shipped(text_of).to_toml()
    assert old in text
    return load(text.replace(old, new, 1))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_set_asks_the_same_as_itself_and_that_is_proved(name):
    found = differ(load_shipped(name), load_shipped(name))
    assert (found.same, found.how, found.differences) == (True, "proved", ())


def test_words_that_mean_the_same_differ_in_words_only():
    other = changed("default", "action.severity >= 3", "not (action.severity < 3)")
    found = differ(DEFAULT, other)
    assert found.same
    assert [(one.net, one.change) for one in found.nets] == [("protected-two-more-people", "changed")]
    assert found.nets[0].words[0][0] == "when"


def test_the_smallest_facts_are_one_fact_at_its_edge():
    found = differ(DEFAULT, DEFAULT.changed(remove=["person-reach-hour"]))
    [one] = found.differences
    assert (one.component, one.less) == ("people", "b")
    assert {name: value for name, value in one.facts.items() if value != ORDINARY[name]} == {"account.reach": 300_001}
    assert one.sentence == (
        "A suspension of a standard account (300,001 followers) by a reviewer: A asks 1 further person (lead), B asks nothing."
    )


def test_labels_that_are_counted_and_not_named_are_in_what_is_told():
    net = """[[net]]
id = "n"
title = "T"
because = "B"
when = 'len(account.labels) > %d'
require.hold = "1h"
"""
    found = differ(load(net % 1), load(net % 4))
    assert (found.how, found.open) == ("proved", ())
    [one] = found.differences
    assert one.sentence == (
        "A suspension of a standard account (40 followers) by a reviewer, where the account is labelled something else 1 "
        "and something else 2: A asks a hold of 1 hour, B asks nothing."
    )


@pytest.mark.parametrize(
    ("old", "new", "component", "less"),
    [
        ('hold = "10m"', 'hold = "5m"', "hold", "b"),
        ("fresh_auth_minutes = 10", "fresh_auth_minutes = 20", "sign-in", "b"),
        ('confirm = ["identity"]', 'confirm = ["handle", "identity"]', "confirm", "a"),
        ("distinct_teams = true", "distinct_teams = false", "who", ""),
        ('from = ["lead"]', 'from = ["policy"]', "who", ""),
        ('notify = ["oncall"]', 'notify = ["everyone"]', "notify", "b"),
        ('refuse = "More than 5,000 accounts at once; split the list."', 'hold = "1h"', "refusal", "b"),
    ],
)
def test_each_thing_that_can_be_asked_is_compared(old, new, component, less):
    found = differ(DEFAULT, changed("default", old, new))
    assert (component, less) in [(one.component, one.less) for one in found.differences]
    assert not found.open


@given(st.sampled_from(sorted(net.id for net in DEFAULT)))
@settings(max_examples=12, deadline=None)
def test_every_situation_told_is_one_in_which_evaluation_differs_too(net_id):
    less = DEFAULT.changed(remove=[net_id])
    for one in differ(DEFAULT, less).differences:
        facts = Facts.of(one.facts)
        assert judge(DEFAULT, facts) == one.a
        assert judge(less, facts) == one.b
        assert one.a.covers(one.b)
        assert one.a != one.b


def test_a_condition_that_the_solver_cannot_read_is_not_called_the_same():
    text = '[[net]]\nid = "odd"\ntitle = "t"\nbecause = "b"\nwhen = \'account.reach * account.age_days > %d\'\n[net.require]\nhold = "1h"\n'
    assert differ(load(text % 5), load(text % 5)).same
    found = differ(load(text % 5), load(text % 6))
    assert not found.same
    assert found.open or found.differences


def test_without_a_solver_situations_are_tried_and_it_is_said(monkeypatch):
    def missing():
        raise Unavailable("nets/solver", "not installed")

    monkeypatch.setattr(differ_module, "z3", missing)
    found = differ(load_shipped("solo"), changed("solo", 'hold = "2d"', 'hold = "1d"'))
    assert found.how == "tried"
    assert found.tried > 100
    assert [(one.component, one.less) for one in found.differences] == [("hold", "b")]
    assert differ(load_shipped("solo"), load_shipped("solo")).same


def test_changed_words_are_marked():
    assert changed_words("a and b >= 3", "a and b >= 4") == "a and b >= [-3-]{+4+}"


def of(*parts: tuple[str, str], shadow: bool = False) -> NetSet:
    mode = 'mode = "shadow"\n' if shadow else ""
    return load(
        "\n".join(
            f"[[net]]\nid = 'n{place}'\ntitle = 'T{place}'\nbecause = 'b'\nwhen = '''{when}'''\n{mode}[net.require]\n{asks}"
            for place, (when, asks) in enumerate(parts)
        )
    )


def usual(facts) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value != ORDINARY[name]}


ALWAYS = "action.severity == 3"


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ("hold = '1h'", "hold = '1h'", []),
        ("hold = '1h'", "hold = '2h'", [("hold", "a")]),
        ("hold = '2h'", "hold = '1h'", [("hold", "b")]),
        ("approvals = 1", "approvals = 2", [("people", "a")]),
        ("approvals = 2", "approvals = 1", [("people", "b")]),
        ("approvals = 1\nfrom = ['lead']", "approvals = 1\nfrom = ['policy']", [("who", "")]),
        ("approvals = 1\nblind = true", "approvals = 1", [("who", "")]),
        ("refuse = true", "hold = '1h'", [("refusal", "b")]),
        ("hold = '1h'", "refuse = true", [("refusal", "a")]),
        ("fresh_auth_minutes = 5", "fresh_auth_minutes = 6", [("sign-in", "b")]),
        ("fresh_auth_minutes = 6", "fresh_auth_minutes = 5", [("sign-in", "a")]),
        ("fresh_auth_minutes = 6", "hold = '1m'\nfresh_auth_minutes = 6", [("hold", "a")]),
        ("hold = '1m'", "hold = '1m'\nfresh_auth_minutes = 6", [("sign-in", "a")]),
        ("hold = '1m'\nfresh_auth_minutes = 6", "hold = '1m'", [("sign-in", "b")]),
        ("confirm = ['handle']", "confirm = ['identity']", [("confirm", "b"), ("confirm", "a")]),
        ("confirm = ['handle', 'identity']", "confirm = ['identity']", [("confirm", "b")]),
        ("notify = ['lead']", "notify = ['legal', 'lead']", [("notify", "a")]),
        ("notify = ['lead']", "notify = ['legal']", [("notify", "b"), ("notify", "a")]),
        ("hold = '2h'\nnotify = ['lead']", "hold = '1h'", [("hold", "b"), ("notify", "b")]),
    ],
)
def test_what_is_asked_less_and_by_which(monkeypatch, a, b, found):
    sets = of((ALWAYS, a)), of((ALWAYS, b))
    proved = differ(*sets)
    assert [(one.component, one.less) for one in proved.differences] == found
    assert (proved.how, proved.open, proved.tried, proved.same) == ("proved", (), 0, not found)
    for one in proved.differences:
        assert usual(one.facts) == {}
        assert (one.a, one.b) == tuple(judge(nets, Facts.of(one.facts)) for nets in sets)

    # Tried, without a solver: the same is found.
    monkeypatch.setattr(differ_module, "z3", missing_solver)
    tried = differ(*sets)
    assert sorted((one.component, one.less) for one in tried.differences) == sorted(found)
    assert (tried.how, tried.same) == ("tried", not found)
    places = [differ_module.COMPONENTS.index(one.component) for one in tried.differences]
    assert places == sorted(places)


def missing_solver():
    raise Unavailable("nets/solver", "not installed")


def test_a_difference_is_a_sentence_with_both_sets_by_their_names():
    one, two = "refuse = 'Not so.'", "hold = '1h'\nfresh_auth_minutes = 5"
    (told,) = differ(of((ALWAYS, one)), of((ALWAYS, two)), names=("yours", "ours")).differences
    assert told.sentence == (
        "A suspension of a standard account (40 followers) by a reviewer: yours refuses (Not so), ours asks"
        " a sign-in of the last 5 minutes and a hold of 1 hour."
    )
    (told,) = differ(of((ALWAYS, "notify = ['lead', 'legal']")), of((ALWAYS, "notify = ['lead']"))).differences
    assert told.component == "notify"
    assert told.sentence.endswith(": A tells lead and legal, B tells lead.")
    (told,) = differ(of((ALWAYS, "hold = '1m'")), of((ALWAYS, "hold = '1m'\nnotify = ['lead']"))).differences
    assert told.sentence.endswith(": A tells nobody, B tells lead.")
    (told,) = differ(of(("now.raid", "hold = '1m'")), of(("now.paused", "hold = '1m'"))).differences[:1]
    assert told.sentence.endswith((": A asks a hold of 1 minute, B asks nothing.", ": A asks nothing, B asks a hold of 1 minute."))  # fmt: skip


def test_a_comparison_for_machines():
    found = differ(of((ALWAYS, "hold = '2h'")), of(("action.severity == 3 and not now.raid", "hold = '1h'")))
    document = found.to_json()
    assert (document["same"], document["how"], document["tried"], document["open"]) == (False, "proved", 0, [])
    assert document["nets"] == [
        {
            "net": "n0",
            "title": "T0",
            "change": "changed",
            "words": [
                {"key": "when", "was": ALWAYS, "is": "action.severity == 3 and not now.raid"},
                {"key": "hold", "was": "2h", "is": "1h"},
            ],
        }
    ]
    (told,) = document["differences"]
    assert (told["component"], told["asks_less"]) == ("hold", "b")
    assert told["facts"] == ORDINARY | told["differs_from_ordinary"]
    assert told["says"] == found.differences[0].sentence
    assert (told["a"]["hold_seconds"], told["b"]["hold_seconds"]) == (7_200, 3_600)
    assert differ(of((ALWAYS, "approvals = 1\nblind = true")), of((ALWAYS, "approvals = 1"))).to_json()["differences"][0]["asks_less"] is None  # fmt: skip


def test_which_nets_were_changed_and_in_which_words():
    from gardefou.nets.load import read_net

    def one(net_id: str, **more):
        return read_net({"id": net_id, "title": net_id.upper(), "because": "b", "when": "now.raid", "require": {"hold": "1m"}} | more)  # fmt: skip

    a = NetSet([one("gone"), one("same"), one("other")])
    b = NetSet([one("same"), one("new"), one("other", title="X", mode="shadow", require={"approvals": 2, "from": ["lead", "policy"], "blind": True})])  # fmt: skip
    found = list(differ_module.changed_nets(a, b))
    assert [(net.net, net.title, net.change) for net in found] == [
        ("gone", "GONE", "removed"),
        ("new", "NEW", "added"),
        ("other", "X", "changed"),
    ]
    assert [net.words for net in found] == [
        (),
        (),
        (
            ("title", "OTHER", "X"),
            ("mode", "enforce", "shadow"),
            ("hold", "1m", ""),
            ("approvals", "", "2"),
            ("from", "", "lead, policy"),
            ("blind", "", "true"),
        ),
    ]


@pytest.mark.parametrize(
    ("was", "now", "parts"),
    [
        ("a b", "a b", [("=", "a b")]),
        ("a", "", [("-", "a")]),
        ("", "a", [("+", "a")]),
        ("a and b >= 3", "a or b >= 4.5 x", [("=", "a "), ("-", "and"), ("+", "or"), ("=", " b >= "), ("-", "3"), ("+", "4.5 x")]),
        ('x == "a"', 'x == "b"', [("=", "x == "), ("-", '"a"'), ("+", '"b"')]),
    ],
)  # fmt: skip
def test_a_text_in_parts(was, now, parts):
    assert differ_module.changed_parts(was, now) == parts
    assert changed_words(was, now) == "".join({"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}[kind].format(part) for kind, part in parts)  # fmt: skip


def test_what_is_tried_is_near_what_conditions_look_for():
    a = of(
        ("account.reach > 5 and 'lead' in actor.roles", "hold = '1m'"),
        ("action.severity >= 5 or change.kind == 'role' or account.state == 'locked'", "hold = '1m'"),
    )
    b = of(("account.age_days < 0.5 and not now.raid", "hold = '1m'"))
    tried = list(differ_module._near_ordinary(a, b))
    differing = [usual(facts) for facts in tried]
    # Ordinary acts come first: of every action on every tier, then changes, those that are looked for before others.
    assert differing[:3] == [
        {"action.name": "warn", "action.severity": 1},
        {"action.name": "label", "action.severity": 1},
        {"action.name": "limit", "action.severity": 2},
    ]
    acts = 3 * 8
    assert {facts["account.tier"] for facts in tried[:acts]} == {"standard", "notable", "protected"}
    assert all(facts["account.tier"] == facts["account.tier_memory"] for facts in tried[:acts])
    assert differing[acts : acts + 4] == [
        {"action.name": "change", "action.severity": 0, "change.kind": kind, **weakens}
        for kind in ("role", "tier")
        for weakens in ({"change.weakens": True}, {})
    ]
    assert [facts["action.reversibility"] for facts in tried[:acts] if facts["action.name"] == "delete"] == ["none"] * 3
    assert [facts["action.on_content"] for facts in tried[:acts] if facts["action.name"] == "remove_content"] == [True] * 3  # fmt: skip
    more = [facts for facts in differing if "action.name" not in facts]
    # A suspension is the ordinary act, with one more fact as some condition looks for it.
    assert [facts for facts in more if not facts.keys() & {"account.tier"}] == [
        {},
        {"account.age_days": 0.5},
        {"account.age_days": 1.5},
        {"account.reach": 4},
        {"account.reach": 5},
        {"account.reach": 6},
        {"account.state": "locked"},
        {"actor.roles": ("lead",)},
        {"change.kind": "role"},
        {},
        {"now.raid": True},
    ]


def test_without_a_solver_each_difference_is_told_once_and_those_in_shadow_are_none(monkeypatch):
    monkeypatch.setattr(differ_module, "z3", missing_solver)
    found = differ(of((ALWAYS, "hold = '2h'")), of((ALWAYS, "hold = '1h'"), (ALWAYS, "hold = '30m'")))
    assert [(one.component, one.less) for one in found.differences] == [("hold", "b")]
    assert differ(of((ALWAYS, "hold = '2h'"), shadow=True), of((ALWAYS, "hold = '1h'"), shadow=True)).same
    assert found.tried > 20


def test_what_the_solver_does_not_answer_is_open_and_the_rest_is_told(monkeypatch):
    asked: list[object] = []

    def given_up_once(at, constraints):
        asked.append(at)
        if len(asked) == 1:
            raise UnansweredError
        return nearest(at, constraints)

    monkeypatch.setattr(differ_module, "nearest", given_up_once)
    found = differ(of((ALWAYS, "hold = '2h'")), of((ALWAYS, "hold = '1h'")))
    assert (found.how, found.same) == ("unanswered", False)
    assert found.open == ("refusal: the solver found no answer in time",)
    assert [(one.component, one.less) for one in found.differences] == [("hold", "b")]
    document = found.to_json()
    assert (document["how"], document["same"], document["open"]) == ("unanswered", False, list(found.open))


def test_what_hangs_on_a_condition_that_no_formula_says_is_open():
    unread = "account.reach * account.age_days > {}"
    found = differ(of((unread.format(5), "hold = '1h'")), of((unread.format(6), "hold = '1h'")))
    assert found.open == ("hold: it hangs on a condition that the solver cannot read",) * 2
    assert (found.how, found.same, found.differences) == ("unanswered", False, ())
    # Where evaluation finds that an ordinary click does differ, that is told, and the rest is open.
    found = differ(of((unread.format(5), "refuse = true")), of((unread.format(50_000), "refuse = true")))
    assert found.open == ("refusal: it hangs on a condition that the solver cannot read",)
    assert [(one.component, one.less) for one in found.differences] == [("refusal", "b")]


def test_what_conditions_look_for_is_tried_at_its_edges_within_the_bounds_of_the_fact():
    def looked(when: str) -> dict[str, set[object]]:
        return differ_module._looked_for(of((when, "hold = '1m'")))

    assert looked("account.reach > 1") == {"account.reach": {0, 1, 2}}
    assert looked("now.hour == 0") == {"now.hour": {0, 1}}
    assert looked("now.hour >= 23") == {"now.hour": {22, 23}}
    assert looked("action.severity in [1, 4]") == {"action.severity": {0, 1, 2, 3, 4, 5}}
    assert looked("now.raid") == {"now.raid": {True, False}}
    assert looked("case.category == 'spam' and 'vip' in account.labels") == {
        "case.category": {"spam"},
        "account.labels": {("vip",)},
    }
