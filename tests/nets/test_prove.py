"""The solver reads conditions as evaluation does; the shipped sets keep what they promise; what breaks a promise is found."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gardefou.nets.evaluate import from_tree
from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.invariants import INVARIANTS, Invariant, Question, own
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.prove import Proved, prove
from gardefou.nets.shipped import load_shipped
from gardefou.nets.solver import InexpressibleError, Reader, Situation, Words, z3
from gardefou.nets.verdict import NOTHING
from tests.nets.trees import by_solver, conditions, facts_for


@settings(max_examples=300)
@given(st.data())
def test_the_solver_reads_a_condition_as_evaluation_does(data):
    node = data.draw(conditions)
    facts = data.draw(facts_for(node))
    read = by_solver(node, facts)
    assume(read is not None)
    assert read is from_tree("", node).evaluate(facts).speaks


def broken(nets: NetSet, invariants: Sequence[Invariant] = INVARIANTS) -> dict[str, Proved]:
    return {one.id: one for one in prove(nets, invariants) if not one.holds}


def test_the_default_set_keeps_every_invariant():
    assert broken(load_shipped("default")) == {}


@pytest.mark.parametrize(
    ("name", "lacks"), [("small-team", {"I1", "I2", "I7", "I9"}), ("solo", {"I1", "I2", "I6", "I7", "I9"})]
)
def test_the_sets_for_few_people_put_time_where_people_are_missing(name, lacks):
    assert broken(load_shipped(name)).keys() == lacks


# What must be taken away for each to break: the nets of that rule, and those that would make up for them.
HOLES = {
    "I1": ("protected-two-more-people",),
    "I2": ("protected-severity-2-one-other",),
    "I6": ("standing-lost",),
    "I7": ("change-weakens",),
}


@pytest.mark.parametrize(("invariant", "removed"), HOLES.items())
def test_a_net_taken_out_is_found_and_said_in_a_sentence(invariant, removed):
    nets = load_shipped("default").changed(remove=removed)
    found = broken(nets)
    assert invariant in found
    # What the solver gives is so by evaluation too.
    verdict = judge(nets, Facts.of(found[invariant].facts or {}))
    assert not verdict.refused
    assert verdict.seats < 2
    said = found[invariant].counterexample or ""
    assert said.endswith(".")
    assert " can " in said


NET = """
[[net]]
id = "own"
title = "Own"
because = "a test"
when = '{when}'
[net.require]
{require}
"""


def with_own(when: str, require: str):
    return load_shipped("default").changed(put=load(NET.format(when=when, require=require), "own.toml").nets)


@pytest.mark.parametrize(
    ("invariant", "when", "require"),
    [
        ("I4", 'account.tier_memory == "standard" and action.severity == 2', 'hold = "1h"'),
        ("I5", "account.reach < 100 and action.severity >= 4", 'hold = "1h"'),
        ("I8", 'case.category == "parody"', 'approvals = 1\nfrom = ["lead"]'),
        ("I9", "now.hour == 4 and action.severity >= 3", 'refuse = "Not at night."'),
        ("I9", "now.weekday == 6 and action.severity >= 3", 'hold = "3d"'),
    ],
)
def test_a_net_that_asks_at_the_wrong_place_is_found(invariant, when, require):
    assert invariant in broken(with_own(when, require))


def test_the_sentence_is_one_a_lead_understands():
    said = broken(load_shipped("default").changed(remove=["protected-two-more-people"]))["I1"].counterexample or ""
    assert said.startswith("A reviewer ")
    assert "protected" in said
    assert "because the nets ask" in said


def test_a_condition_without_a_formula_counts_the_way_that_proves_less():
    # Whether a text is among the roles that somebody has cannot be said in a formula here.
    odd = 'account.tier_memory == "protected" and action.severity >= 3 and not (actor.team in actor.roles)'
    require = 'approvals = 2\nfrom = ["lead", "policy"]\ndistinct_teams = true\nfresh_auth_minutes = 10\nhold = "10m"'
    (net,) = load(NET.format(when=odd, require=require), "odd.toml").nets
    assert "I1" in broken(load_shipped("default").changed(remove=["protected-two-more-people"], put=[net]))
    with pytest.raises(InexpressibleError):
        Reader(Situation.of(Facts.of({}))).speaks(net.condition.node)


@pytest.mark.parametrize(
    "when",
    ["account.reach * account.reach > 100", "account.reach / action.bulk > 5 and action.bulk * action.severity > 7"],
)
def test_a_product_of_unknowns_never_keeps_the_prover_thinking(when):
    nets = with_own(f"action.severity >= 4 and {when}", 'hold = "1h"')
    found = broken(nets)
    # It counts as silent where at least something is claimed, as speaking where at most.
    assert found.keys() <= {"I4", "I5", "I8", "I9"}
    with pytest.raises(InexpressibleError):
        Reader(Situation("a", Words())).speaks(next(net for net in nets if net.id == "own").condition.node)


def test_own_invariants_are_nets_that_the_set_must_make_up_for():
    (net,) = load(NET.format(when="action.severity >= 5", require='hold = "1d"'), "own.toml").nets
    (other,) = load(NET.format(when="action.severity >= 4", require='hold = "30d"'), "own.toml").nets
    assert prove(load_shipped("default"), [own(net)])[0].id == "own"
    assert not prove(load_shipped("default"), [own(other)])[0].holds
    (kept,) = load(
        NET.format(
            when='action.reversibility == "none" and action.severity >= 1 and change.kind == ""', require='hold = "1d"'
        ),
        "own.toml",
    ).nets
    assert prove(load_shipped("default"), [own(kept)])[0].holds
    assert prove(load_shipped("default"), [own(replace(other, shadow=True))])[0].holds is False


def test_many_threads_may_ask_for_proofs_at_once():
    sets = [
        NetSet(net for net in load_shipped("solo") if net.id != left_out.id)
        for left_out in list(load_shipped("solo"))[:4]
    ]
    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(prove, sets))
    assert [[one.holds for one in found] for found in at_once] == [[one.holds for one in prove(nets)] for nets in sets]


def unusual(found: Proved) -> dict[str, object]:
    return {name: value for name, value in (found.facts or {}).items() if value != ORDINARY[name]}


#: One fact less and each would hold: which fact it is that differs, and the values that it may have.
NEAREST: dict[str, list[dict[str, object]]] = {
    "I1": [{"account.tier_memory": "protected"}],
    "I2": [{"account.tier_memory": "protected"}, {"account.tier_memory": "notable"}],
    "I3": [{"action.reversibility": "none"}],
    "I6": [{"actor.standing": "suspended"}, {"actor.standing": "left"}],
    "I7": [{"action.name": "change", "action.severity": 0, "change.weakens": True}],
}


@pytest.mark.parametrize("invariant", NEAREST)
def test_what_breaks_an_invariant_is_as_near_to_an_ordinary_day_as_it_goes(invariant):
    (found,) = prove(NetSet([]), [one for one in INVARIANTS if one.id == invariant])
    told = unusual(found)
    # Which kind of change it is does not matter, so any is told.
    assert (told.pop("change.kind", "") != "") is (invariant == "I7")
    assert told in NEAREST[invariant]
    assert found.facts is not None
    assert found.facts.keys() == ORDINARY.keys()
    assert found.asked == NOTHING
    assert found.compares == ""
    assert found.to_json() == {
        "id": invariant,
        "says": found.says,
        "holds": False,
        "counterexample": found.counterexample,
        "facts": found.facts,
    }
    assert found.says == next(one.says for one in INVARIANTS if one.id == invariant)


def test_lists_that_conditions_look_into_hold_what_they_usually_do():
    nets = load(
        NET.format(when='"vip" in account.labels and "lead" in actor.roles and now.raid', require="refuse = true"),
        "a.toml",
    )
    (found,) = prove(nets, [one for one in INVARIANTS if one.id == "I1"])
    assert found.facts is not None
    assert (found.facts["account.labels"], found.facts["actor.roles"]) == ([], ["reviewer"])
    # Where the usual would not break it, the list is another.
    nets = load(
        NET.format(when='"reviewer" in actor.roles or not ("vip" in account.labels)', require="refuse = true"), "a.toml"
    )
    (found,) = prove(nets, [one for one in INVARIANTS if one.id == "I1"])
    assert found.facts is not None
    assert "reviewer" not in found.facts["actor.roles"]
    assert found.facts["account.labels"] == ["vip"]


def test_of_two_situations_the_one_that_is_asked_less_is_told():
    nets = load(NET.format(when="account.reach < 100", require='hold = "1h"'), "a.toml")
    (found,) = prove(nets, [one for one in INVARIANTS if one.id == "I4"])
    assert found.facts is not None
    assert found.facts["account.reach"] >= 100
    assert found.asked == NOTHING == judge(nets, Facts.of(found.facts))
    assert found.compares == "more reach"
    assert "more reach" in (found.counterexample or "")


def test_what_the_solver_does_not_answer_is_not_called_proved():
    def questions(room):
        at = room.situation()
        one, two = z3().Reals("one two")
        yield Question((at,), [one**two == 3, one > 2, two > 1])

    (found,) = prove(NetSet([]), [Invariant("X", "Nobody flies.", questions)])
    assert found == Proved(id="X", says="Nobody flies.", holds=False)
    said = "The solver found no answer in time: make the conditions simpler."
    assert found.to_json() == {
        "id": "X",
        "says": "Nobody flies.",
        "holds": False,
        "counterexample": said,
        "facts": None,
    }


def test_an_invariant_that_holds_has_no_counterexample():
    (found,) = prove(NetSet([]), [one for one in INVARIANTS if one.id == "I9"])
    assert found.counterexample is None
    assert found.to_json() == {"id": "I9", "says": INVARIANTS[8].says, "holds": True}
    assert [one.id for one in prove(NetSet([]))] == [one.id for one in INVARIANTS]
