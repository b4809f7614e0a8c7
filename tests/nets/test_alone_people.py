"""Who and what the page about one person alone speaks of: which situations each kind of person, act and promise is about."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets import alone, alone_page
from gardefou.nets.alone_people import ACTS, BACK, CHANGES, PEOPLE, TIERS, Kind, ordinary_facts
from gardefou.nets.facts import NO_LAST_DAY_HOURS, Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.net import NetSet
from gardefou.nets.solver import Situation, z3

KINDS = {kind.id: kind for kind in PEOPLE}
SUSPEND = ACTS[3]
EVERY_ROLE = ["reviewer", "lead", "policy", "oncall", "legal", "admin"]


def holds(constraints: Any, facts: dict[str, Any]) -> bool:
    """Whether a situation is one of those that constraints leave: they are worked out over its facts."""
    solver = z3()
    said = solver.simplify(solver.And(constraints(Situation.of(Facts.of(facts)))))
    assert solver.is_true(said) or solver.is_false(said)
    return bool(solver.is_true(said))


@pytest.mark.parametrize(
    ("kind", "usual"),
    [
        ("reviewer", {}),
        ("lead", {"actor.roles": ["lead"]}),
        ("policy", {"actor.roles": ["policy"]}),
        ("oncall", {"actor.roles": ["oncall"]}),
        ("every_role", {"actor.roles": EVERY_ROLE}),
        ("newcomer", {"actor.tenure_days": 7}),
        ("leaver", {"actor.standing": "leaving", "actor.hours_to_last_day_end": 168}),
        ("last_day", {"actor.standing": "leaving", "actor.hours_to_last_day_end": 12}),
        ("token", {"actor.via": "api"}),
        ("break_glass", {"actor.via": "break_glass"}),
        ("service", {"actor.human": False, "actor.via": "api", "action.automated": True, "actor.roles": []}),
    ],
)
def test_an_ordinary_day_of_each_kind_of_person_is_one_of_theirs(kind, usual):
    facts = ordinary_facts("standard", SUSPEND, KINDS[kind])
    told = {name: sorted(value) if name == "actor.roles" else value for name, value in facts.items()}
    wanted = {name: sorted(value) if name == "actor.roles" else value for name, value in (ORDINARY | usual).items()}
    assert told == wanted
    assert [one.id for one in PEOPLE if holds(one.constraints, facts)] == [kind]


@pytest.mark.parametrize(
    ("tier", "act", "usual"),
    [
        ("standard", "warn or label", {"action.name": "warn", "action.severity": 1}),
        ("notable", "remove content", {"action.name": "remove_content", "action.severity": 2, "action.on_content": True}),
        ("protected", "limit or lock", {"action.name": "limit", "action.severity": 2}),
        ("notable", "suspend", {}),
        ("protected", "deactivate", {"action.name": "deactivate", "action.severity": 4}),
        ("standard", "delete", {"action.name": "delete", "action.severity": 5, "action.reversibility": "none"}),
    ],
)  # fmt: skip
def test_an_ordinary_act_of_each_kind_is_one_of_that_kind(tier, act, usual):
    (found,) = [one for one in ACTS if one.says == act]
    facts = ordinary_facts(tier, found, KINDS["reviewer"])
    reach = {"standard": 40, "notable": 200_000, "protected": 6_000_000}[tier]
    assert facts == ORDINARY | usual | {"account.tier": tier, "account.tier_memory": tier, "account.reach": reach}
    assert [one.says for one in ACTS if holds(one.constraints, facts)] == [act]
    assert found.severity == facts["action.severity"]


LEFT = "actor.hours_to_last_day_end"


@pytest.mark.parametrize(
    ("kind", "changed", "so"),
    [
        ("reviewer", {"actor.tenure_days": 45}, True),
        ("reviewer", {"actor.tenure_days": 44}, False),
        ("reviewer", {"actor.via": "cli"}, True),
        ("reviewer", {"actor.via": "api"}, False),
        ("reviewer", {"actor.via": "system"}, False),
        ("reviewer", {LEFT: NO_LAST_DAY_HOURS - 1}, False),
        ("reviewer", {"actor.standing": "leaving"}, False),
        ("reviewer", {"actor.human": False}, False),
        ("reviewer", {"action.automated": True}, False),
        ("reviewer", {"actor.roles": []}, False),
        ("reviewer", {"actor.roles": ["reviewer", "lead"]}, False),
        ("every_role", {"actor.roles": [*EVERY_ROLE, "auditor"]}, False),
        ("every_role", {"actor.roles": EVERY_ROLE[1:]}, False),
        ("newcomer", {"actor.tenure_days": 0}, True),
        ("newcomer", {"actor.tenure_days": 13}, True),
        ("newcomer", {"actor.tenure_days": 14}, False),
        ("newcomer", {"actor.via": "cli"}, True),
        ("newcomer", {"actor.via": "api"}, False),
        ("leaver", {LEFT: 336}, True),
        ("leaver", {LEFT: 336.5}, False),
        ("leaver", {LEFT: 24.5}, True),
        ("leaver", {LEFT: 24}, False),
        ("leaver", {"actor.standing": "active"}, False),
        ("leaver", {"actor.via": "cli"}, True),
        ("leaver", {"actor.via": "api"}, False),
        ("leaver", {"actor.tenure_days": 1}, True),
        ("last_day", {LEFT: 24}, True),
        ("last_day", {LEFT: 24.5}, False),
        ("last_day", {LEFT: 1.5}, True),
        ("last_day", {LEFT: 1}, False),
        ("last_day", {"actor.via": "api"}, False),
        ("token", {"actor.tenure_days": 45}, True),
        ("token", {"actor.tenure_days": 44}, False),
        ("token", {"actor.via": "cli"}, False),
        ("break_glass", {"actor.tenure_days": 45}, True),
        ("break_glass", {"actor.tenure_days": 44}, False),
        ("service", {"actor.tenure_days": 0}, True),
        ("service", {"actor.roles": ["reviewer"]}, False),
        ("service", {"action.automated": False}, False),
        # What is not said of somebody is left free.
        ("reviewer", {"now.paused": True, "account.reach": 0, "actor.team": "x", "case.reports": 9}, True),
    ],
)
def test_where_a_kind_of_person_begins_and_ends(kind, changed, so):
    facts = ordinary_facts("standard", SUSPEND, KINDS[kind]) | changed
    assert holds(KINDS[kind].constraints, facts) is so


def test_who_may_place_an_enforcement_at_all():
    assert [kind.id for kind in PEOPLE if not kind.may_place] == ["policy", "oncall"]
    glass = {"actor.via": "break_glass"}
    assert Kind(id="a", says="a", roles=("oncall",), facts=glass).may_place
    assert not Kind(id="a", says="a", roles=("auditor",), facts=glass).may_place


@pytest.mark.parametrize(
    ("act", "changed", "so"),
    [
        ("warn or label", {"action.name": "label"}, True),
        ("warn or label", {"action.name": "limit"}, False),
        ("warn or label", {"action.severity": 2}, False),
        ("warn or label", {"action.on_content": True}, True),
        ("warn or label", {"action.reversibility": "lossy"}, True),
        ("warn or label", {"action.reversibility": "none"}, False),
        ("remove content", {"action.on_content": False}, False),
        ("limit or lock", {"action.name": "lock"}, True),
        ("suspend", {"action.severity": 4}, False),
        ("delete", {"action.reversibility": "exact"}, False),
    ],
)
def test_where_an_act_begins_and_ends(act, changed, so):
    (found,) = [one for one in ACTS if one.says == act]
    assert holds(found.constraints, ordinary_facts("notable", found, KINDS["reviewer"]) | changed) is so


TIER, MEMORY = "account.tier", "account.tier_memory"


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("now", TIERS)
@pytest.mark.parametrize("memory", TIERS)
def test_an_account_is_of_the_highest_tier_that_it_had_lately(tier, now, memory):
    of_it = memory == tier and TIERS.index(now) <= TIERS.index(tier)
    assert holds(lambda at: alone._tier(at, tier), {TIER: now, MEMORY: memory}) is of_it


def test_an_ordinary_day_has_ordinary_circumstances_on_every_tier():
    for tier in TIERS:
        for act in ACTS:
            for kind in PEOPLE:
                assert holds(lambda at: alone._ordinary(at, tier), ordinary_facts(tier, act, kind))  # noqa: B023


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ({}, {"account.lookalike": True}),
        ({}, {"action.scheduled": True}),
        ({}, {"action.legal": True}),
        ({}, {"actor.involved_30d": True}),
        ({}, {"now.paused": True}),
        ({}, {"now.raid": True}),
        ({}, {"action.bulk": 2}),
        ({}, {"account.restored_30d": 1}),
        ({"account.enforced_24h": 1}, {"account.enforced_24h": 2}),
        ({"account.reach": 99_999}, {"account.reach": 100_000}),
        ({"actor.fresh_minutes": 5}, {"actor.fresh_minutes": 5.5}),
        ({"actor.in_shift": True}, {"actor.in_shift": False}),
        *(({name: 4}, {name: 5}) for name in ORDINARY if name.startswith("recent.") and not name.endswith("reach")),
        *(({name: 10_000}, {name: 10_001}) for name in ORDINARY if name.startswith("recent.") and name.endswith("h.reach")),
    ],
)  # fmt: skip
def test_where_ordinary_circumstances_end(within, beyond):
    assert holds(lambda at: alone._ordinary(at, "standard"), ORDINARY | within)
    assert not holds(lambda at: alone._ordinary(at, "standard"), ORDINARY | beyond)


@pytest.mark.parametrize(("tier", "most"), [("standard", 99_999), ("notable", 4_999_999), ("protected", 10**12 - 1)])
def test_how_many_followers_are_ordinary_on_each_tier(tier, most):
    assert holds(lambda at: alone._ordinary(at, tier), ORDINARY | {"account.reach": most})
    assert not holds(lambda at: alone._ordinary(at, tier), ORDINARY | {"account.reach": most + 1})


# promises -------------------------------------------------------------------------------------


class Told:
    """Stands for a prover: it is asked about one situation, and keeps whether that is one of those asked about."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.nets = NetSet([])
        self.z3 = z3()
        self.at = Situation.of(Facts.of(facts))
        self.about: Any = None

    def least(self, where: list[Any], usual: Any = None) -> tuple[Any, None]:
        self.about = self.z3.is_true(self.z3.simplify(self.z3.And(where)))
        return usual, None


CLAIMS = dict(alone_page._CLAIMS)


def about(claim: str, facts: dict[str, Any]) -> bool:
    prover: Any = Told(facts)
    return holds(lambda _at: CLAIMS[claim](prover), facts)


def on(tier: str, severity: int = 3, **more: Any) -> dict[str, Any]:
    facts = {TIER: tier, MEMORY: tier, "action.severity": severity}
    return ORDINARY | facts | {name.replace("__", "."): value for name, value in more.items()}


def change(kind: str, *, weakens: bool, **more: Any) -> dict[str, Any]:
    facts = {"action.name": "change", "action.severity": 0, "change.kind": kind, "change.weakens": weakens}
    return ORDINARY | facts | {name.replace("__", "."): value for name, value in more.items()}


WEAKEN = "weaken the rules: tiers, nets, people, tokens, platforms or settings"


#: Of each promise situations that it is about, and those just beside them.
ABOUT = [
    (
        "suspend, deactivate or delete a protected account",
        [on("protected", 3), on("protected", 5), on("protected", account__tier="standard")],
        [
            on("protected", 2),
            on("notable"),
            on("protected", actor__via="break_glass"),
            on("notable", account__tier="protected"),
        ],
    ),
    (
        "suspend, deactivate or delete a notable account",
        [on("notable", 3), on("notable", 5), on("notable", account__tier="standard")],
        [
            on("notable", 2),
            on("protected"),
            on("standard"),
            on("notable", account__tier="protected"),
            on("notable", actor__via="break_glass"),
        ],
    ),
    (
        "limit or lock a protected account",
        [on("protected", 2, action__name="lock")],
        [on("protected", 1), on("protected", 3), on("protected", 2, action__name="remove_content"), on("notable", 2)],
    ),
    (
        "do what cannot be undone to any account",
        [on(tier, size, action__reversibility="none") for tier in TIERS for size in (1, 5)],
        [on("standard", 3), on("standard", 0, action__reversibility="none")],
    ),
    (
        "do what cannot be undone to a protected account",
        [on("protected", size, action__reversibility="none") for size in (1, 5)],
        [on("protected", 3), on("notable", 3, action__reversibility="none"), on("protected", 0, action__reversibility="none")],
    ),
    (
        "let a service harm a notable or protected account",
        [on(tier, size, actor__human=False, actor__via="api") for tier in TIERS[1:] for size in (1, 5)],
        [
            on("notable", actor__via="api"),
            on("standard", actor__human=False, actor__via="api"),
            on("notable", 0, actor__human=False, actor__via="api"),
            on("notable", actor__human=False, actor__via="system"),
        ],
    ),
    (
        "harm a notable or protected account in the last 24 hours before leaving",
        [on(tier, size, actor__hours_to_last_day_end=24) for tier in TIERS[1:] for size in (1, 5)],
        [
            on("notable", actor__hours_to_last_day_end=24.5),
            on("standard", actor__hours_to_last_day_end=24),
            on("notable", 0, actor__hours_to_last_day_end=24),
        ],
    ),
    (
        "do anything at all once suspended or gone",
        [on("standard", actor__standing="suspended"), change("tier", weakens=False, actor__standing="left")],
        [on("standard"), on("standard", actor__standing="leaving")],
    ),
    (
        WEAKEN,
        [change("tier", weakens=True), change("resume", weakens=True)],
        [
            change("tier", weakens=False),
            change("tier", weakens=True, actor__human=False),
            *(change(kind, weakens=True) for kind in ("", "restore", "restore_legal", "pause")),
            change("tier", weakens=True, action__name="suspend"),
            change("tier", weakens=True, action__severity=1),
        ],
    ),
    (
        "resume what someone paused",
        [change("resume", weakens=False)],
        [change("pause", weakens=False), change("resume", weakens=True)],
    ),
    (
        "bring back what the law took down",
        [change("restore_legal", weakens=False)],
        [change("restore", weakens=False), change("restore_legal", weakens=False, actor__human=False)],
    ),
    (
        "learn who is behind a pseudonym",
        [change("reveal", weakens=False)],
        [change("tier", weakens=False), change("reveal", weakens=True)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "inside", "outside"), ABOUT)
def test_which_situations_a_promise_is_about(claim, inside, outside):
    assert [about(claim, facts) for facts in inside] == [True] * len(inside)
    assert [about(claim, facts) for facts in outside] == [False] * len(outside)


def test_every_promise_has_its_situations_here():
    assert [claim for claim, _, _ in ABOUT] == list(CLAIMS)


def test_each_promise_is_told_and_breaking_the_glass_as_the_flow_sees_to_it():
    prover: Any = Told(ORDINARY)
    told = list(alone_page._promises(prover))
    assert [one.what for one in told] == [*CLAIMS, "break the glass"]
    assert told[-1].asked == alone.GLASS
    assert told[-1].says.startswith("Nobody alone can break the glass: another person must say yes")


# the rules themselves -------------------------------------------------------------------------


@pytest.mark.parametrize("one", [*CHANGES, *BACK], ids=lambda one: one.says)
def test_a_rule_is_about_whoever_may_active_and_with_no_last_day_near(one):
    def told(**more: Any) -> bool:
        facts = {"actor.roles": list(one.roles[-1:])} | {name.replace("__", "."): value for name, value in more.items()}
        prover: Any = Told(change(one.kind, weakens=one.weakens) | facts)
        rule = alone_page._rule(prover, one)
        assert (rule.says, rule.roles, rule.weakens, rule.needs) == (one.says, one.roles, one.weakens, "alone at once")
        assert prover.about is not None
        return bool(prover.about)

    assert told()
    assert told(actor__roles=list(one.roles[:1]))
    assert told(actor__hours_to_last_day_end=336.5)
    assert not told(actor__hours_to_last_day_end=336)
    assert not told(actor__roles=[])
    assert not told(actor__human=False)
    assert not told(actor__standing="leaving")
    assert not told(change__weakens=not one.weakens)
    assert not told(change__kind="other")
    assert not told(action__name="restore")
    assert not told(action__severity=1)
    assert not told(action__reversibility="none")
    # Of those who may, the one that is named first.
    role = (
        "legal"
        if one.kind == "reveal"
        else next(role for role in ("reviewer", "lead", "policy", "admin") if role in one.roles)
    )
    facts = change(one.kind, weakens=one.weakens) | {"actor.roles": [role]}
    assert alone_page._ordinary_change(one) == facts
