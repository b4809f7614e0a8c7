"""Accounts as Gardefou knows them: what the platform imposes on them, and their tier.

The state of an account is a set of *measures* that are on: ``limited``,
``locked``, ``suspended``, ``deactivated``, ``deleted``, ``label:<name>`` and
``removed:<content id>``. Every measure is a facet of its own, so "milder" is
"subset" and no restore can raise anything (R1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gardefou.domain.actions import Action

Measures = frozenset[str]

LIMITED = "limited"
LOCKED = "locked"
SUSPENDED = "suspended"
DEACTIVATED = "deactivated"
DELETED = "deleted"

#: The words of the contract for a whole account, worst last.
_STATE_OF: tuple[tuple[str, str], ...] = (
    (DELETED, "deleted"),
    (DEACTIVATED, "deactivated"),
    (SUSPENDED, "suspended"),
    (LOCKED, "locked"),
    (LIMITED, "limited"),
)

#: Severity of each account-wide measure, unless the connector declares worse.
MEASURE_SEVERITY: dict[str, int] = {
    LIMITED: 2,
    LOCKED: 2,
    SUSPENDED: 3,
    DEACTIVATED: 4,
    DELETED: 5,
}


def state_name(measures: Measures) -> str:
    """Return the contract's one word for the state: that of the worst measure on."""
    for measure, name in _STATE_OF:
        if measure in measures:
            return name
    return "active"


def measures_of_state(state: str) -> Measures:
    """Return the account-wide measures that a state word stands for."""
    return frozenset() if state == "active" else frozenset({state})


def severity_of(measures: Measures) -> int:
    """Return the severity of the worst measure that is on; 0 when none is."""
    worst = 0
    for measure in measures:
        if measure.startswith("removed:"):
            worst = max(worst, 2)
        elif measure.startswith("label:"):
            worst = max(worst, 1)
        else:
            worst = max(worst, MEASURE_SEVERITY.get(measure, 5))
    return worst


def measures_of_action(action: Action, *, content: tuple[str, ...] = (), label: str | None = None) -> Measures:
    """Return the measures an action turns on. A warning turns none on: it is sent once."""
    match action:
        case Action.LABEL:
            return frozenset({f"label:{label}"})
        case Action.REMOVE_CONTENT:
            return frozenset(f"removed:{item}" for item in content)
        case Action.LIMIT:
            return frozenset({LIMITED})
        case Action.LOCK:
            return frozenset({LOCKED})
        case Action.SUSPEND:
            return frozenset({SUSPENDED})
        case Action.DEACTIVATE:
            return frozenset({DEACTIVATED})
        case Action.DELETE:
            return frozenset({DELETED})
        case _:
            return frozenset()


class Tier(StrEnum):
    """How much review an account gets before it is touched. More review, never immunity."""

    STANDARD = "standard"
    NOTABLE = "notable"
    PROTECTED = "protected"

    @property
    def rank(self) -> int:
        """0 for standard, 1 for notable, 2 for protected."""
        return _TIER_RANK[self]

    @classmethod
    def highest(cls, *tiers: Tier) -> Tier:
        """Return the highest of the tiers; standard when there is none."""
        return max(tiers, key=lambda tier: tier.rank, default=Tier.STANDARD)


_TIER_RANK = {Tier.STANDARD: 0, Tier.NOTABLE: 1, Tier.PROTECTED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReading:
    """What a platform says of an account at one moment.

    ``ref`` is the immutable platform id (R10); ``handle`` the name people see.
    ``reach`` is the number of accounts it reaches; ``None`` where the platform
    cannot say, which nets take at its most protective value.
    ``measures`` covers the account-wide measures, its labels, and those content
    items that were asked about.
    """

    ref: str
    handle: str
    display_name: str = ""
    exists: bool = True
    reach: int | None = None
    labels: tuple[str, ...] = ()
    age_days: int | None = None
    verified_org: bool = False
    measures: Measures = frozenset()
    #: What only this platform knows and a later undo may need (JSON values only).
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
