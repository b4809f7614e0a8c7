"""A blind second look (M3): until it is given, nobody who might give it may know the first verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gardefou.domain.records import Approval, Enforcement
from gardefou.domain.states import State

#: All that any surface says until then.
SAYS = "A second look is needed."


def is_outstanding(one: Enforcement) -> bool:
    """Whether a second look is asked for that must not know the first, and may be given still."""
    if one.state != State.WAITING.value or one.approved_at is not None:
        return False
    asked: Sequence[Mapping[str, Any]] = one.verdict.get("approvals", ())
    return any(need.get("blind") for need in asked)


def is_hidden(one: Enforcement, approvals: Sequence[Approval], viewer: str) -> bool:
    """Whether this viewer must not see what it is: they are not behind it and have not answered."""
    if not is_outstanding(one):
        return False
    return viewer not in {one.placed_by, *one.humans} and all(given.by != viewer for given in approvals)


def hidden_decisions(enforcements: Sequence[Enforcement], hidden: Collection[str]) -> frozenset[str]:
    """Return the decisions that say what the hidden ones among these enforcements are."""
    return frozenset(one.decision_id for one in enforcements if one.id in hidden and one.decision_id is not None)
