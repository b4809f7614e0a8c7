"""The floor under every change of nets (R3): what no set in force may fall below, tried on a grid of situations.

These are invariants I1, I2, I3, I6, I7, I8 and I9, each judged on every
combination of the facts that matter to it. A grid finds what is written
plainly wrong; it is no proof for every value of every fact.

Which claims hold depends on the shipped set an installation started with: the
sets for small teams put time and daylight where people are missing, so the
claims about people are not asked of them, nor of one person the last day's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from gardefou.nets.facts import NO_LAST_DAY_HOURS, SCHEMA, Facts
from gardefou.nets.judge import judge
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _
from gardefou.speech import later, plain

_HOLD_PROTECTED = 600
_DAY = 86_400
_FRESH = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that a set of nets breaks, and a situation in which it does, in words."""

    invariant: str
    says: str


#: An ordinary click: an active, tenured, fresh person on a standard account.
ORDINARY: dict[str, Any] = {
    "account.tier": "standard",
    "account.tier_memory": "standard",
    "account.reach": 40,
    "account.labels": [],
    "account.state": "active",
    "account.age_days": 400,
    "account.lookalike": False,
    "account.enforced_24h": 0,
    "account.restored_30d": 0,
    "action.name": "suspend",
    "action.severity": 3,
    "action.reversibility": "exact",
    "action.on_content": False,
    "action.bulk": 1,
    "action.duration_hours": NO_LAST_DAY_HOURS,
    "action.scheduled": False,
    "action.automated": False,
    "action.legal": False,
    "action.label": "",
    "actor.roles": ["reviewer"],
    "actor.team": "reports",
    "actor.employer": "organisation",
    "actor.standing": "active",
    "actor.tenure_days": 365,
    "actor.hours_to_last_day_end": NO_LAST_DAY_HOURS,
    "actor.fresh_minutes": 1,
    "actor.human": True,
    "actor.in_shift": True,
    "actor.via": "console",
    "actor.involved_30d": False,
    "case.reports": 1,
    "case.reporters": 1,
    "case.burst": False,
    "case.category": "spam",
    "case.policy": "spam",
    "case.trusted_flagger": False,
    "case.evidence_seen": True,
    "case.language": "en",
    "case.harm": 1,
    **{name: 0 for name in SCHEMA if name.startswith("recent.")},
    "change.kind": "",
    "change.weakens": False,
    "change.person": "",
    "now.hour": 12,
    "now.weekday": 2,
    "now.paused": False,
    "now.raid": False,
}

_ACTIONS: tuple[tuple[str, int], ...] = (
    ("warn", 1),
    ("label", 1),
    ("limit", 2),
    ("remove_content", 2),
    ("lock", 2),
    ("suspend", 3),
    ("deactivate", 4),
    ("delete", 5),
)
_VIAS = ("console", "api", "cli")
_ROLES = (("reviewer",), ("lead",), ("policy",), ("admin",), ("admin", "lead", "policy", "legal", "oncall", "reviewer"))


def broken(nets: NetSet, *, shipped: str = "default") -> list[Broken]:
    """Return the invariants that a set breaks on the grid, one situation each; empty when none."""
    found: dict[str, Broken] = {}
    for name, facts, problem in _trials(nets, whole=shipped == "default", alone=shipped == "solo"):
        if name not in found:
            found[name] = Broken(name, f"{name}: {_(problem)} ({_situation(facts)})")
    return list(found.values())


def _trials(nets: NetSet, *, whole: bool, alone: bool) -> Iterator[tuple[str, dict[str, Any], str]]:
    for facts in _situations():
        verdict = judge(nets, Facts.of(facts))
        tier, severity = facts["account.tier_memory"], facts["action.severity"]
        if whole and tier == "protected" and severity >= 3 and not _two_people(verdict):
            yield "I1", facts, later("a protected account needs two more people apart, a fresh sign-in and ten minutes")
        if whole and tier != "standard" and severity >= 3 and not _people(verdict, 1):
            yield "I2", facts, later("a notable or protected account needs another person")
        if facts["action.reversibility"] == "none" and severity > 0 and not _held(verdict, _DAY):
            yield "I3", facts, later("what cannot be undone is refused or held for a day")
        ordinary = tier == "standard" and severity <= 3 and facts["action.reversibility"] == "exact"
        if ordinary and facts["actor.roles"] != ["admin"] and not verdict.asks_nothing:
            yield "I8", facts, later("an ordinary decision on a standard account meets no net")
        if severity <= 4 and facts["action.reversibility"] == "exact":
            if verdict.refused:
                yield "I9", facts, later("an active person with a fresh sign-in is asked for more, never refused")
            elif verdict.hold_seconds > _DAY and whole:
                yield "I9", facts, later("no hold is longer than a day")
    for standing, severity, tier in product(("suspended", "left"), (0, 1, 3, 4), ("standard", "protected")):
        facts = _with(standing=standing, severity=severity, tier=tier)
        if not judge(nets, Facts.of(facts)).refused:
            yield "I6", facts, later("whoever is suspended or has left does nothing")
    for hours, severity, tier in product((0, 1, 12, 24), (1, 2, 3, 4), ("notable", "protected")):
        facts = _with(severity=severity, tier=tier) | {"actor.hours_to_last_day_end": hours}
        if not alone and not judge(nets, Facts.of(facts)).refused:
            yield "I6", facts, later("in the last 24 hours nothing is done to a notable or protected account")
    for kind, roles in product(("tier", "nets", "staff_add", "role", "token", "platform", "setting"), _ROLES):
        facts = _with(severity=0, roles=roles) | {"change.kind": kind, "change.weakens": True, "action.name": "change"}
        verdict = judge(nets, Facts.of(facts))
        if whole and not _two_people(verdict):
            yield "I7", facts, later("what weakens protection asks what deactivating a protected account asks")


def _situations() -> Iterator[dict[str, Any]]:
    tiers = (("standard", 40), ("notable", 200_000), ("protected", 6_000_000))
    for (tier, reach), (action, severity), via, roles in product(tiers, _ACTIONS, _VIAS, _ROLES):
        reversibility = "none" if severity == 5 else "exact"
        yield _with(severity=severity, tier=tier, roles=roles) | {
            "account.reach": reach,
            "action.name": action,
            "action.reversibility": reversibility,
            "action.on_content": action == "remove_content",
            "actor.via": via,
        }


def _with(
    *, severity: int, tier: str = "standard", roles: tuple[str, ...] = ("reviewer",), standing: str = "active"
) -> dict[str, Any]:
    return ORDINARY | {
        "action.severity": severity,
        "account.tier": tier,
        "account.tier_memory": tier,
        "actor.roles": list(roles),
        "actor.standing": standing,
    }


def _people(verdict: Verdict, count: int) -> bool:
    return verdict.refused or verdict.seats >= count


def _held(verdict: Verdict, seconds: int) -> bool:
    return verdict.refused or verdict.hold_seconds >= seconds


def _two_people(verdict: Verdict) -> bool:
    """Whether it asks at least what I1 demands."""
    if verdict.refused:
        return True
    apart = sum(one.approvals for one in verdict.approvals if one.distinct_teams)
    fresh = verdict.fresh_auth_minutes is not None and verdict.fresh_auth_minutes <= _FRESH
    return apart >= 2 and fresh and verdict.hold_seconds >= _HOLD_PROTECTED


def _situation(facts: dict[str, Any]) -> str:
    who = "+".join(plain(role) for role in facts["actor.roles"])
    kind = facts["change.kind"]
    return _(
        "a %(who)s by %(via)s: %(what)s on a %(tier)s account",
        who=who,
        via=plain(facts["actor.via"]),
        what=_("change %(kind)s", kind=kind) if kind else plain(facts["action.name"]),
        tier=plain(facts["account.tier_memory"]),
    )
