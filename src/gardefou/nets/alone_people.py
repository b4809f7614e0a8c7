"""Who the page about one person alone speaks of: kinds of people, kinds of acts, kinds of changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gardefou.domain.actions import SEVERITY, Action
from gardefou.nets.facts import ROLES, SCHEMA
from gardefou.nets.floor import ORDINARY
from gardefou.nets.solver import Situation, z3
from gardefou.people.roles import Power, powers_of
from gardefou.speech import later

TIERS = ("standard", "notable", "protected")
_EVERY_ROLE = tuple(role for role in ROLES if role != "auditor")

More = Callable[[Situation], list[Any]]


def _nothing(_: Situation) -> list[Any]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of person: their roles, what else is fixed about them, and what is left free within bounds."""

    id: str
    says: str
    roles: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    more: More = _nothing

    @property
    def may_place(self) -> bool:
        """Whether their roles let them place an enforcement; a service's token does that for it."""
        needed = Power.BREAK_GLASS if self.facts.get("actor.via") == "break_glass" else Power.ENFORCE
        return not self.roles or needed in powers_of(self.roles)

    def constraints(self, at: Situation) -> list[Any]:
        """Return what holds of every situation in which such a person acts."""
        roles = SCHEMA["actor.roles"]
        fixed = [at.has(roles, role) == (role in self.roles) for role in ROLES]
        fixed += [at.fact(name) == at.constant(value) for name, value in self.facts.items()]
        return [*fixed, *self.more(at)]


def _by_hand(at: Situation) -> list[Any]:
    via = at.fact("actor.via")
    return [z3().Or(via == at.words.number("console"), via == at.words.number("cli"))]


def _settled(at: Situation) -> list[Any]:
    return [*_by_hand(at), at.fact("actor.tenure_days") >= 45]


def _new(at: Situation) -> list[Any]:
    return [*_by_hand(at), at.fact("actor.tenure_days") < 14]


def _notice(at: Situation) -> list[Any]:
    left = at.fact("actor.hours_to_last_day_end")
    return [*_by_hand(at), left > 24, left <= 336]


def _last_day(at: Situation) -> list[Any]:
    left = at.fact("actor.hours_to_last_day_end")
    return [*_by_hand(at), left > 1, left <= 24]


def _old(at: Situation) -> list[Any]:
    return [at.fact("actor.tenure_days") >= 45]


_PERSON = {"actor.human": True, "actor.standing": "active", "action.automated": False}
_STAYS = {**_PERSON, "actor.hours_to_last_day_end": ORDINARY["actor.hours_to_last_day_end"]}
PEOPLE: tuple[Kind, ...] = (
    Kind(id="reviewer", says=later("a reviewer"), roles=("reviewer",), facts=_STAYS, more=_settled),
    Kind(id="lead", says=later("a lead"), roles=("lead",), facts=_STAYS, more=_settled),
    Kind(id="policy", says=later("someone of policy"), roles=("policy",), facts=_STAYS, more=_settled),
    Kind(id="oncall", says=later("someone on call"), roles=("oncall",), facts=_STAYS, more=_settled),
    Kind(id="every_role", says=later("an admin with every role"), roles=_EVERY_ROLE, facts=_STAYS, more=_settled),
    Kind(id="newcomer", says=later("a reviewer in the first two weeks"), roles=("reviewer",), facts=_STAYS, more=_new),
    Kind(
        id="leaver",
        says=later("a reviewer in the last two weeks"),
        roles=("reviewer",),
        facts={**_PERSON, "actor.standing": "leaving"},
        more=_notice,
    ),
    Kind(
        id="last_day",
        says=later("a reviewer in the last 24 hours"),
        roles=("reviewer",),
        facts={**_PERSON, "actor.standing": "leaving"},
        more=_last_day,
    ),
    Kind(
        id="token",
        says=later("a reviewer by token"),
        roles=("reviewer",),
        facts={**_STAYS, "actor.via": "api"},
        more=_old,
    ),
    Kind(
        id="break_glass",
        says=later("a reviewer who breaks the glass"),
        roles=("reviewer",),
        facts={**_STAYS, "actor.via": "break_glass"},
        more=_old,
    ),
    Kind(
        id="service",
        says=later("a service"),
        facts={**_STAYS, "actor.human": False, "actor.via": "api", "action.automated": True},
    ),
)


@dataclass(frozen=True, slots=True)
class Act:
    """One kind of act: the actions that it stands for; the first is the usual one."""

    says: str
    actions: tuple[Action, ...]

    @property
    def severity(self) -> int:
        """How severe it is by itself."""
        return SEVERITY[self.actions[0]]

    def constraints(self, at: Situation) -> list[Any]:
        """Return what holds of every such act; a deletion cannot be undone, and all else can."""
        name, reversibility = at.fact("action.name"), at.fact("action.reversibility")
        none = reversibility == at.words.number("none")
        deletes = Action.DELETE in self.actions
        return [
            z3().Or([name == at.words.number(action.value) for action in self.actions]),
            at.fact("action.severity") == self.severity,
            none if deletes else z3().Not(none),
            *([at.fact("action.on_content")] if Action.REMOVE_CONTENT in self.actions else []),
        ]


ACTS: tuple[Act, ...] = (
    Act(later("warn or label"), (Action.WARN, Action.LABEL)),
    Act(later("remove content"), (Action.REMOVE_CONTENT,)),
    Act(later("limit or lock"), (Action.LIMIT, Action.LOCK)),
    Act(later("suspend"), (Action.SUSPEND,)),
    Act(later("deactivate"), (Action.DEACTIVATE,)),
    Act(later("delete"), (Action.DELETE,)),
)


def ordinary_facts(tier: str, act: Act, kind: Kind) -> dict[str, Any]:
    """Return the facts of such an act by such a person on an ordinary day."""
    reach = {"standard": 40, "notable": 200_000, "protected": 6_000_000}[tier]
    extra: dict[str, Any] = {
        "newcomer": {"actor.tenure_days": 7},
        "leaver": {"actor.hours_to_last_day_end": 168},
        "last_day": {"actor.hours_to_last_day_end": 12},
    }.get(kind.id, {})
    return {
        **ORDINARY,
        "account.tier": tier,
        "account.tier_memory": tier,
        "account.reach": reach,
        "action.name": act.actions[0].value,
        "action.severity": act.severity,
        "action.reversibility": "none" if Action.DELETE in act.actions else "exact",
        "action.on_content": Action.REMOVE_CONTENT in act.actions,
        "actor.roles": list(kind.roles),
        **kind.facts,
        **extra,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """One change to the rules themselves: its kind as nets are told, whether it weakens, and the power it takes."""

    says: str
    kind: str
    weakens: bool
    power: Power

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that have the power."""
        return tuple(role for role in ROLES if self.power in powers_of((role,)))


CHANGES: tuple[Change, ...] = (
    Change(later("raise an account's tier"), "tier", weakens=False, power=Power.TIERS),
    Change(later("lower an account's tier"), "tier", weakens=True, power=Power.TIERS),
    Change(later("mark a lookalike as a fake"), "mark_fake", weakens=True, power=Power.ENFORCE),
    Change(later("add a net"), "nets", weakens=False, power=Power.NETS),
    Change(later("change a net, or take one out"), "nets", weakens=True, power=Power.NETS),
    Change(later("add a person who can do more than read"), "staff_add", weakens=True, power=Power.STAFF),
    Change(later("grant a role"), "role", weakens=True, power=Power.STAFF),
    Change(later("take a role away"), "role", weakens=False, power=Power.STAFF),
    Change(later("end someone's powers"), "off", weakens=False, power=Power.STAFF),
    Change(later("take someone off duty for now"), "suspend", weakens=False, power=Power.STAFF),
    Change(later("bring someone back on duty"), "suspend", weakens=True, power=Power.STAFF),
    Change(later("put off a last day"), "leave", weakens=True, power=Power.STAFF),
    Change(later("issue a token of one's own"), "token", weakens=False, power=Power.READ),
    Change(later("issue a service's token that can do more than report"), "token", weakens=True, power=Power.TOKENS),
    Change(later("revoke a token"), "token_revoke", weakens=False, power=Power.READ),
    Change(later("connect another platform"), "platform", weakens=True, power=Power.PLATFORMS),
    Change(later("change a guarded setting"), "setting", weakens=True, power=Power.SETTINGS),
    Change(later("change where notices go"), "channel", weakens=True, power=Power.SETTINGS),
    Change(later("learn who is behind a pseudonym"), "reveal", weakens=False, power=Power.REVEAL),
)
BACK: tuple[Change, ...] = (
    Change(later("pause all enforcement"), "pause", weakens=False, power=Power.LIFT),
    Change(later("pause again within 24 hours"), "second_pause", weakens=False, power=Power.LIFT),
    Change(later("resume after a pause"), "resume", weakens=False, power=Power.RESUME),
    Change(
        later("restore beyond the hourly limit, or what is over 30 days old"),
        "restore",
        weakens=False,
        power=Power.LIFT,
    ),
    Change(later("restore what the law took down"), "restore_legal", weakens=False, power=Power.LIFT),
)
