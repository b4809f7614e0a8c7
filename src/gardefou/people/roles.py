"""Roles and the powers they add up to (M10)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache


class Power(StrEnum):
    """One thing a person or token may do."""

    READ = "read"
    WORK_CASES = "work_cases"
    ENFORCE = "enforce"
    ENFORCE_LEGAL = "enforce_legal"
    APPROVE = "approve"
    #: Restore, roll back, pause, cancel: anyone on duty.
    LIFT = "lift"
    BREAK_GLASS = "break_glass"
    RESUME = "resume"
    TOP_UP = "top_up"
    TIERS = "tiers"
    NETS = "nets"
    STAFF = "staff"
    PLATFORMS = "platforms"
    SETTINGS = "settings"
    TOKENS = "tokens"
    REVEAL = "reveal"
    REPORT = "report"
    #: Say who works here, as the organisation's own directory does: never a person's.
    PROVISION = "provision"


_DUTY = {Power.READ, Power.LIFT, Power.REPORT}

ROLES: dict[str, frozenset[Power]] = {
    "reviewer": frozenset({*_DUTY, Power.WORK_CASES, Power.ENFORCE, Power.BREAK_GLASS}),
    "lead": frozenset(
        {
            *_DUTY,
            Power.WORK_CASES,
            Power.ENFORCE,
            Power.BREAK_GLASS,
            Power.APPROVE,
            Power.RESUME,
            Power.TOP_UP,
            Power.TIERS,
        }
    ),
    "policy": frozenset({*_DUTY, Power.APPROVE, Power.RESUME, Power.TIERS, Power.NETS, Power.BREAK_GLASS}),
    "oncall": frozenset({*_DUTY, Power.RESUME, Power.APPROVE, Power.BREAK_GLASS}),
    "legal": frozenset({*_DUTY, Power.REVEAL, Power.ENFORCE_LEGAL, Power.APPROVE}),
    "admin": frozenset({*_DUTY, Power.STAFF, Power.PLATFORMS, Power.SETTINGS, Power.TOKENS}),
    "auditor": frozenset({Power.READ}),
}

#: What a token's scopes allow, whoever holds it; a personal token is bounded by its owner's roles too.
SCOPES: dict[str, frozenset[Power]] = {
    "read": frozenset({Power.READ}),
    "reports:write": frozenset({Power.REPORT}),
    "cases:write": frozenset({Power.READ, Power.WORK_CASES}),
    "enforcements:write": frozenset(
        {Power.READ, Power.WORK_CASES, Power.ENFORCE, Power.ENFORCE_LEGAL, Power.LIFT, Power.APPROVE, Power.BREAK_GLASS}
    ),
    "admin:write": frozenset(
        {
            Power.READ,
            Power.LIFT,
            Power.RESUME,
            Power.TOP_UP,
            Power.TIERS,
            Power.NETS,
            Power.STAFF,
            Power.PLATFORMS,
            Power.SETTINGS,
            Power.TOKENS,
            Power.REVEAL,
        }
    ),
}

#: What is left of any powers in a token that is for some platforms only: all others reach beyond one platform.
WITHIN_A_PLATFORM = frozenset(
    {
        Power.READ,
        Power.WORK_CASES,
        Power.ENFORCE,
        Power.ENFORCE_LEGAL,
        Power.APPROVE,
        Power.LIFT,
        Power.BREAK_GLASS,
        Power.REPORT,
    }
)

#: What a service's token may have instead, alone: the scope of a provisioning client.
CLIENT_SCOPES: dict[str, frozenset[Power]] = {"scim": frozenset({Power.PROVISION})}
_ALL_SCOPES = SCOPES | CLIENT_SCOPES


#: Scopes with which nothing is done to anybody.
HARMLESS = frozenset({"read", "reports:write"})
#: Scopes that go on once nobody answers for a service any more: to report, to read, and to say who has left. What
#: provisioning would give waits for people anyway, and a leaver must lose power whoever else has left before.
UNATTENDED = HARMLESS | {"scim"}

#: Of a service that acts for people. It gives no power: what the other scopes give, it has for them alone.
DELEGATE = "delegate"


@lru_cache
def powers_of(roles: tuple[str, ...]) -> frozenset[Power]:
    """Return the sum of what the roles allow."""
    return frozenset[Power]().union(*(ROLES.get(role, frozenset()) for role in roles))


@lru_cache
def powers_of_scopes(scopes: tuple[str, ...]) -> frozenset[Power]:
    """Return the sum of what the scopes allow."""
    return frozenset[Power]().union(*(_ALL_SCOPES.get(scope, frozenset()) for scope in scopes))
