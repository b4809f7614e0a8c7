"""The situation nearest to an ordinary click, or to another one: as few facts otherwise as can be, each by as little."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets.evaluate import compile_condition
from gardefou.nets.facts import SCHEMA
from gardefou.nets.floor import ORDINARY
from gardefou.nets.nearest import UnansweredError, acts, nearest, possible
from gardefou.nets.solver import Reader, Situation, Words, z3

NO_DAY = ORDINARY["actor.hours_to_last_day_end"]


def near(*texts: str, base: dict[str, Any] | None = None, free: bool = False) -> dict[str, Any] | None:
    """Return what is not as usual in the nearest situation in which all these conditions hold."""
    at = Situation("a", Words())
    reader = Reader(at)
    wanted = [reader.speaks(compile_condition(text).node) for text in texts]
    found = nearest(at, wanted if free else [*acts(at), *wanted], base=base)
    if found is None:
        return None
    assert list(found) == list(SCHEMA)
    around = ORDINARY if base is None else base
    return {name: value for name, value in found.items() if value != around[name]}


@pytest.mark.parametrize(
    ("texts", "otherwise"),
    [
        (["action.severity == 3"], {}),
        # A number goes just over the edge, from either side, and floats as whole numbers where they can.
        (["account.reach > 300_000"], {"account.reach": 300_001}),
        (["account.reach >= 300_000"], {"account.reach": 300_000}),
        (["account.reach < 40"], {"account.reach": 39}),
        (["account.reach <= 7"], {"account.reach": 7}),
        (["account.reach == 41"], {"account.reach": 41}),
        (["account.age_days < 30"], {"account.age_days": 29}),
        (["account.age_days <= 30"], {"account.age_days": 30}),
        (["account.age_days == 0.5"], {"account.age_days": 0.5}),
        (["actor.tenure_days < 45"], {"actor.tenure_days": 44}),
        (["actor.hours_to_last_day_end <= 24"], {"actor.hours_to_last_day_end": 24}),
        (["account.age_days > 400.5"], {"account.age_days": 401}),
        (["account.age_days > 400.5 and account.age_days < 401 and account.age_days * 4 == 1_603"], {"account.age_days": 400.75}),
        # On whichever side it is nearer; of two that are as near, the greater.
        (["account.reach in [5, 20, 31, 80, 5_000]"], {"account.reach": 31}),
        (["account.reach in [5, 35, 80, 5_000]"], {"account.reach": 35}),
        (["account.reach < 30 or account.reach > 50"], {"account.reach": 51}),
        (["account.age_days < 1 or account.age_days > 1_000.5"], {"account.age_days": 0}),
        # What belongs together changes together.
        (["account.tier_memory == 'protected'"], {"account.tier": "protected", "account.tier_memory": "protected"}),
        (["account.tier == 'notable'"], {"account.tier": "notable", "account.tier_memory": "notable"}),
        (["action.name == 'delete'"], {"action.name": "delete", "action.severity": 5, "action.reversibility": "none"}),
        (["action.name == 'remove_content'"], {"action.name": "remove_content", "action.severity": 2, "action.on_content": True}),
        (["action.severity == 4"], {"action.name": "deactivate", "action.severity": 4}),
        (["action.severity >= 4"], {"action.name": "deactivate", "action.severity": 4}),
        (["change.weakens"], {"action.name": "change", "action.severity": 0, "change.kind": "tier", "change.weakens": True}),
        (["change.kind == 'reveal'"], {"action.name": "change", "action.severity": 0, "change.kind": "reveal", "change.weakens": True}),
        (["action.on_content"], {"action.name": "remove_content", "action.severity": 2, "action.on_content": True}),
        (["action.reversibility == 'none'"], {"action.name": "delete", "action.severity": 5, "action.reversibility": "none"}),
        (["change.kind == 'tier' and (not change.weakens or now.raid)"], {"action.name": "change", "action.severity": 0, "change.kind": "tier", "change.weakens": True, "now.raid": True}),
        (["change.kind == 'xyz' and not change.weakens"], {"action.name": "change", "action.severity": 0, "change.kind": "xyz"}),
        # One fact otherwise is nearer than two, however much those say.
        (["now.raid or account.reach > 1_000 and not actor.human"], {"now.raid": True}),
        # Of two that are as near, the one that says more.
        (["now.raid or account.reach > 1_000"], {"account.reach": 1_001}),
        (["case.category == 'parody' or account.reach > 1_000"], {"account.reach": 1_001}),
        (["'vip' in account.labels or account.reach > 1_000"], {"account.reach": 1_001}),
        (["account.tier_memory == 'notable' or account.reach > 1_000"], {"account.tier": "notable", "account.tier_memory": "notable"}),
        (["action.name == 'warn' or account.reach > 1_000"], {"action.name": "warn", "action.severity": 1}),
        # Words and lists.
        (["'lead' in actor.roles"], {"actor.roles": ["lead", "reviewer"]}),
        (["'reviewer' not in actor.roles"], {"actor.roles": []}),
        (["'vip' in account.labels"], {"account.labels": ["vip"]}),
        (["case.category == 'parody'"], {"case.category": "parody"}),
        (["not actor.human"], {"actor.human": False}),
        (["actor.via == 'api' and now.raid"], {"actor.via": "api", "now.raid": True}),
        # None at all.
        (["action.severity == 2", "action.name == 'suspend'"], None),
        (["now.raid", "not now.raid"], None),
        (["action.bulk < 1"], None),
    ],
)  # fmt: skip
def test_the_nearest_to_an_ordinary_click(texts, otherwise):
    assert near(*texts) == otherwise


def test_a_list_holds_no_more_than_it_must():
    found = near("len(actor.roles) == 2")
    assert found is not None
    assert len(found["actor.roles"]) == 2
    assert "reviewer" in found["actor.roles"]
    assert near("'lead' in actor.roles and 'vip' not in account.labels") == {"actor.roles": ["lead", "reviewer"]}


def others(count: int) -> list[str]:
    return [f"something else {place}" for place in range(1, count + 1)]


def test_a_list_that_is_counted_holds_as_many_as_it_must():
    assert near("len(account.labels) > 2") == {"account.labels": others(3)}
    assert near("len(account.labels) > 2 and 'vip' in account.labels") == {"account.labels": [*others(2), "vip"]}
    # It is a difference like others, and says less than most.
    assert near("len(account.labels) > 2 or account.reach > 1_000") == {"account.reach": 1_001}
    base = {**ORDINARY, "account.labels": [*others(2), "vip"]}
    assert near("len(account.labels) > 2", base=base) == {}
    assert near("'vip' not in account.labels", base=base) == {"account.labels": others(2)}
    assert near("len(account.labels) > 4", base=base) == {"account.labels": [*others(4), "vip"]}
    fewer = near("len(account.labels) < 3 and 'vip' in account.labels", base=base)
    assert fewer is not None
    assert fewer["account.labels"] in (["something else 1", "vip"], ["something else 2", "vip"])


def test_the_nearest_to_another_situation_differs_from_it_by_least():
    base = {**ORDINARY, "account.reach": 1_000, "now.raid": True, "account.tier": "notable", "account.tier_memory": "notable"}  # fmt: skip
    assert near("now.raid", base=base) == {}
    assert near("account.reach > 5_000", base=base) == {"account.reach": 5_001}
    assert near("account.tier == 'protected'", base=base) == {"account.tier": "protected"}
    # Beside another situation, a number just over the edge says most.
    assert near("now.paused or account.reach > 5_000", base=base) == {"account.reach": 5_001}
    assert near("not now.raid or case.reports > 5", base=base) == {"case.reports": 6}
    assert near("not now.raid or case.reports > 5 and account.reach > 5_000", base=base) == {"now.raid": False}
    # Of two numbers how many people see it, or how many accounts it meets.
    assert near("case.reports > 5 or account.reach > 5_000", base=base) == {"account.reach": 5_001}
    assert near("account.age_days > 900 or action.bulk > 5", base=base) == {"action.bulk": 6}
    # Nothing belongs together beside another situation: each fact that differs is one.
    assert near("account.tier_memory == 'standard'", base=base) == {"account.tier_memory": "standard"}
    assert near("now.hour > 20 and (account.reach < 900 or account.reach > 1_200)", base=base) == {
        "account.reach": 899,
        "now.hour": 21,
    }


def test_beside_a_number_that_is_not_whole_the_nearest_is_whole_where_it_can_be():
    base = {**ORDINARY, "account.age_days": 30.5}
    assert near("account.age_days > 30.5", base=base) == {"account.age_days": 31}
    assert near("account.age_days < 30.5", base=base) == {"account.age_days": 30}
    assert near("account.age_days * 4 > 122 and account.age_days * 4 == 123", base=base) == {"account.age_days": 30.75}
    assert near("account.age_days >= 30.5", base=base) == {}


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ("action.name == 'warn' and action.severity == 1", True),
        ("action.name == 'warn' and action.severity == 0", False),
        ("action.name == 'warn' and action.severity == 2", True),
        ("action.name == 'delete' and action.severity == 4", False),
        ("action.name == 'suspend' and action.severity == 2", False),
        ("action.name == 'restore' and action.severity == 0", True),
        ("action.name == 'restore' and action.severity == 1", False),
        ("action.name == 'change' and action.severity == 1", False),
        ("action.name == 'change' and change.kind == ''", False),
        ("action.name == 'change' and change.kind == 'tier'", True),
        ("action.name == 'warn' and change.kind == 'tier'", False),
        ("action.bulk == 0", False),
        ("action.bulk == 1", True),
    ],
)
def test_what_an_act_is(text, can):
    assert (near(text) is not None) is can


def test_what_no_act_is_may_be_all_the_same_where_acts_are_not_asked_for():
    assert near("action.bulk < 1", free=True) == {"action.bulk": 0}
    assert near("action.name == 'suspend' and action.severity == 2", free=True) == {"action.severity": 2}
    # A kind of change goes with a change all the same, and with one that weakens.
    assert near("change.kind == 'tier'", free=True) == {"action.name": "change", "action.severity": 0, "change.kind": "tier", "change.weakens": True}  # fmt: skip


def test_facts_that_are_unknown_are_left_out():
    at = Situation("a", Words(), unknown=frozenset({"account.reach", "change.kind", "actor.roles"}))
    found = nearest(at, [at.fact("now.raid")], base=dict(ORDINARY) | {"now.raid": True})
    assert found is not None
    assert SCHEMA.keys() - found.keys() == {"account.reach", "change.kind", "actor.roles"}


def test_a_solver_without_an_answer_is_no_answer():
    class Silent:
        def check(self):
            return z3().unknown

    with pytest.raises(UnansweredError):
        possible(Silent())
