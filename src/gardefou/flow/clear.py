"""What a judged enforcement waits for, when it is cleared, and what its approvers are bound to."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from gardefou.domain.accounts import Tier
from gardefou.domain.records import Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import Config
from gardefou.nets.verdict import Verdict
from gardefou.storage.types import dumps, plain
from gardefou.storage.work import UnitOfWork

#: What an approver is bound to: everything that makes the enforcement what it is.
_BOUND = (
    "platform",
    "id",
    "account",
    "content",
    "action",
    "label",
    "severity",
    "reversibility",
    "policy",
    "rationale",
    "placed_by",
    "placed_at",
    "until",
    "execute_at",
    "legal_basis",
    "tier",
    "verdict",
    "measures",
    "lifts",
    "whole",
    "change",
)


def digest_of(enforcement: Enforcement) -> str:
    """Return the SHA-256, in hex, of what an approver sees and is bound to."""
    seen: dict[str, Any] = {name: plain(getattr(enforcement, name)) for name in _BOUND}
    return hashlib.sha256(dumps(seen).encode()).hexdigest()


def settle_waiting(uow: UnitOfWork, config: Config, made: Enforcement, verdict: Verdict) -> Enforcement:
    """Move a placed enforcement to `waiting`, or to `ready` when nothing stands before it."""
    rules = config.rules
    needs_people = bool(verdict.approvals)
    hold = timedelta(seconds=verdict.hold_seconds)
    if needs_people:
        seconds = rules.approve_by_protected_seconds if made.tier == Tier.PROTECTED else rules.approve_by_seconds
        return uow.move(
            made,
            State.WAITING,
            "enforcement.waiting",
            by=made.placed_by,
            approve_by=uow.now + timedelta(seconds=seconds),
            next_attempt_at=uow.now + timedelta(seconds=seconds),
        )
    return cleared(uow, config, made, hold, by=made.placed_by)


def cleared(uow: UnitOfWork, config: Config, made: Enforcement, hold: timedelta, *, by: str) -> Enforcement:
    """Every needed person has said yes: what is left is the hold and the hour (M4).

    It runs at the later of ``execute_at`` and the end of the hold, which counts
    from now; a bulk's canaries go first.
    """
    hold_until = uow.now + hold if hold else None
    if _waits_for_canary(config, made):
        canary = uow.now + timedelta(seconds=config.rules.canary_seconds)
        hold_until = max(hold_until or canary, canary)
    start = max(hold_until or uow.now, made.execute_at or uow.now)
    changes: dict[str, Any] = {
        "approved_at": uow.now,
        "hold_until": hold_until,
        "execute_by": start + timedelta(seconds=config.rules.execute_by_seconds),
        "next_attempt_at": start,
        "approve_by": made.approve_by,
    }
    if start > uow.now:
        return uow.move(made, State.WAITING, "enforcement.waiting", by=by, **changes)
    return uow.move(made, State.READY, "enforcement.ready", by=by, **changes)


def _waits_for_canary(config: Config, made: Enforcement) -> bool:
    bulk = made.facts.get("action.bulk", 1)
    large = isinstance(bulk, int | float) and bulk >= config.rules.canary_from
    return large and made.group_index >= config.rules.canary_size
