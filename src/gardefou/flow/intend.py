"""The intention: what is on record before a platform is asked, and what stands back when it may not be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gardefou.clock import rfc3339
from gardefou.domain.accounts import AccountReading, Tier
from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import Config
from gardefou.flow.incidents import forged_approval, near_miss
from gardefou.flow.observe import Seen, tier_memory
from gardefou.flow.reading import imposing_harms
from gardefou.flow.recheck import Objection
from gardefou.storage.work import UnitOfWork

#: Seconds between two looks at something that has been held back for long.
_RARELY = 300


def intend(uow: UnitOfWork, config: Config, found: Enforcement, account: Account, seen: Seen) -> Enforcement:
    """Record the intention, the state before the harm and the lease: `executing`.

    On a notable or protected account it names the event that must stand in a
    checkpoint first, and takes no lease yet; a restore never waits.

    Writes `enforcement.executing`, and `enforcement.intended` where one is waited for.
    """
    assert seen.reading is not None
    restoring = found.action == Action.RESTORE
    lease = uow.now + timedelta(seconds=config.rules.lease_seconds)
    measures = set(found.measures)
    base = found.base
    if not restoring:
        base = tuple(sorted(set(account.measures) - measures | (measures & set(seen.reading.measures))))
        if base:
            base = _base_without_shared(uow, found, base)
        if found.base is not None:
            # An earlier attempt may show by now: what it turned on is no state from before.
            base = tuple(sorted(set(base) & set(found.base)))
    changes: dict[str, Any] = {
        "attempts": found.attempts + 1,
        "lease_until": lease,
        # Every attempt takes a number of its own: whatever an earlier one still sends comes too late.
        "fence": account.fence + 1,
        "base": base,
        "next_attempt_at": lease,
        "receipt": {
            **found.receipt,
            "before": sorted(seen.reading.measures),
            "asked": {"action": found.action, "measures": sorted(measures)},
            "sent_at": rfc3339(uow.now),
        },
    }
    watched = found.tier != Tier.STANDARD or tier_memory(account, uow.now) is not Tier.STANDARD
    if watched and not restoring:
        # Until this intention stands in a checkpoint nothing is sent, so there is no lease.
        changes["intent_event"] = uow.record(
            "enforcement.intended",
            by=found.placed_by,
            platform=found.platform,
            account=found.account,
            about=found.id,
            detail={"digest": found.digest, "attempt": found.attempts + 1},
        )
        changes["lease_until"] = None
    # Nothing about the account is restated: only the intention's number.
    fenced = replace(account, fence=account.fence + 1, version=account.version + 1)
    return uow.move(found, State.EXECUTING, "enforcement.executing", by=found.placed_by, also=(fenced,), **changes)


def _base_without_shared(uow: UnitOfWork, found: Enforcement, base: tuple[str, ...]) -> tuple[str, ...]:
    """Return the state on record before the harm: measures others of ours imposed are traced to before theirs."""
    kept = set(base)
    for other in imposing_harms(uow, found.platform, found.account):
        if other.id != found.id and other.base is not None:
            kept -= set(other.measures) - set(other.base)
    return tuple(sorted(kept))


def as_recorded(account: Account, at: datetime) -> Seen:
    """Return the account as the record has it, in place of a reading that cannot be made."""
    reading = AccountReading(ref=account.ref, handle=account.handle, measures=frozenset(account.measures))
    return Seen(platform=account.platform, account=account.ref, taken_at=at, reading=reading)


def object_to(uow: UnitOfWork, found: Enforcement, objection: Objection) -> Enforcement | None:
    """End an enforcement that something stands against now; a pause only makes it wait."""
    if objection.waits:
        if found.next_attempt_at is not None and found.next_attempt_at > uow.now:
            return None
        # The longer it waits the more rarely it is looked at: a pause of days must not fill the record.
        waited = (uow.now - (found.approved_at or found.placed_at)).total_seconds()
        wait = min(_RARELY, max(objection.look_again, waited / 10))
        uow.rewrite(
            found,
            "enforcement.held_back",
            by=SYSTEM,
            detail={"because": objection.because},
            next_attempt_at=uow.now + timedelta(seconds=wait),
        )
        return None
    ended = uow.move(
        found,
        State.LAPSED,
        "enforcement.lapsed",
        by=SYSTEM,
        because=objection.because,
        ended_at=uow.now,
        lease_until=None,
        intent_event=None,
    )
    near_miss(uow, ended, objection.because)
    if objection.forged:
        forged_approval(uow, ended, objection.because)
    return ended
