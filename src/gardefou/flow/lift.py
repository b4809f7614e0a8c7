"""What a restore takes off, and what becomes of the enforcements it withdraws (M5, R1).

A restore of the whole account goes down to the mildest of the state now and
the state on record before the harm. A restore of named enforcements (an
expiry, a rollback) takes off only what they imposed and nobody else still
does. Neither can ever turn a measure on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.accounts import AccountReading, Measures
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import ORGANISATION, SYSTEM, Account, Enforcement, Rollback
from gardefou.domain.states import State
from gardefou.flow import breaker
from gardefou.flow.app import Config
from gardefou.flow.incidents import near_miss, open_incident, recent_ahead
from gardefou.flow.reading import imposing_harms, lifted, standing_harms
from gardefou.platforms.protocol import Operation, Target
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_DAY_SECONDS = 86_400
#: The policy of restores that a rollback places.
ROLLBACK = "rollback"
_REFUSED_AGAIN = timedelta(minutes=5)
_ACTION_OF = {
    "limited": Action.LIMIT,
    "locked": Action.LOCK,
    "suspended": Action.SUSPEND,
    "deactivated": Action.DEACTIVATE,
    "deleted": Action.DELETE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifting:
    """The measures to take off, and the calls that take them off, newest harm first."""

    remove: frozenset[str]
    operations: tuple[Operation, ...]
    content: tuple[str, ...]


def plan_lifting(uow: UnitOfWork, restore: Enforcement, account: Account, reading: AccountReading) -> Lifting:
    """Work out from receipts and a fresh reading what a restore takes off.

    One call for each withdrawn enforcement, with what its receipt kept; one
    more for what stands there without any of ours (drift).
    """
    harms = lifted(uow, restore)
    withdrawn = {harm.id for harm in harms}
    others = [
        other
        for other in standing_harms(uow, restore.platform, restore.account)
        if other.id not in withdrawn and other.state == State.IN_FORCE.value
    ]
    # What the law demands and may be on its way is not taken off along with the rest (M11).
    demanded = [
        other
        for other in imposing_harms(uow, restore.platform, restore.account)
        if other.legal_basis is not None and other.id not in withdrawn and other.state != State.RESTORING.value
    ]
    claimed = {measure for other in (*others, *demanded) for measure in other.measures}
    present = set(reading.measures)
    if restore.whole:
        keep = set(restore.base or ())
        remove = (present - keep) - claimed
    else:
        imposed = set(restore.measures)
        for harm in harms:
            imposed |= set(harm.measures) - set(harm.base or ())
        remove = (present & imposed) - claimed
    operations: list[Operation] = []
    left = set(remove)
    for harm in reversed(harms):
        share = left & set(harm.measures)
        if not share or harm.reversibility == Reversibility.NONE:
            continue
        left -= share
        operations.append(
            Operation(
                key=f"{restore.id}/{harm.id}",
                action=Action(harm.action),
                target=Target(account=restore.account, content=_items(share), label=harm.label),
                measures=frozenset(share),
                fence=account.fence + 1,
                reason="restore",
                kept=dict(harm.receipt.get("kept", {})),
            )
        )
    for measure in sorted(left):
        action = _action_for(measure)
        if action is Action.DELETE:
            continue
        operations.append(
            Operation(
                key=f"{restore.id}/{measure}",
                action=action,
                target=Target(
                    account=restore.account,
                    content=_items({measure}),
                    label=measure.removeprefix("label:") if action is Action.LABEL else None,
                ),
                measures=frozenset({measure}),
                fence=account.fence + 1,
                reason="restore",
            )
        )
    # What keeps the account from acting comes off first: its messages are put back in its own name.
    operations.sort(key=lambda operation: operation.action is Action.REMOVE_CONTENT)
    doable = frozenset(measure for operation in operations for measure in operation.measures)
    content = tuple(dict.fromkeys(item for harm in harms for item in harm.content))
    return Lifting(remove=doable, operations=tuple(operations), content=(*content, *_items(doable - set(content))))


def _items(measures: set[str] | frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(measure.removeprefix("removed:") for measure in measures if measure.startswith("removed:")))


def _action_for(measure: str) -> Action:
    if measure.startswith("removed:"):
        return Action.REMOVE_CONTENT
    if measure.startswith("label:"):
        return Action.LABEL
    return _ACTION_OF.get(measure, Action.DELETE)


def start_lifting(uow: UnitOfWork, restore: Enforcement, *, lease_seconds: int) -> None:
    """Move everything a restore withdraws to `restoring` (or `cancelled`): no earlier retry goes on.

    Writes `enforcement.cancelled` or `enforcement.restoring` for each.
    """
    for harm in lifted(uow, restore):
        state = State(harm.state)
        if state in {State.WAITING, State.READY}:
            cancelled = uow.move(
                harm,
                State.CANCELLED,
                "enforcement.cancelled",
                by=restore.placed_by,
                because="The account was restored.",
                ended_at=uow.now,
            )
            near_miss(uow, cancelled, cancelled.because)
        elif state in {State.EXECUTING, State.UNKNOWN, State.IN_FORCE}:
            withdrawn = uow.move(
                harm,
                State.RESTORING,
                "enforcement.restoring",
                by=restore.placed_by,
                lease_until=None,
                intent_event=None,
                next_attempt_at=None,
            )
            if harm.lease_until is not None or state is State.UNKNOWN:
                # Whoever was carrying it out may still send it, and die before saying so: look again then.
                undo_late_effect(uow, withdrawn, at=uow.now + timedelta(seconds=lease_seconds))


def finish_lifting(uow: UnitOfWork, config: Config, restore: Enforcement) -> None:
    """The platform shows it: everything withdrawn ends `restored`; an early reversal is an incident (M8).

    What remains in force of others is traced to the state before the lifted
    ones, so that the last of several to end leaves the account as it was.

    Writes `enforcement.restored` for each.
    """
    expired = restore.because == "expired"
    harms = [harm for harm in lifted(uow, restore) if harm.state == State.RESTORING.value]
    for harm in harms:
        uow.move(
            harm,
            State.RESTORED,
            "enforcement.restored",
            by=restore.placed_by,
            because="expired" if expired else (restore.rationale or "restored"),
            ended_at=uow.now,
        )
        freed = set(harm.measures) - set(harm.base or ())
        for other in imposing_harms(uow, harm.platform, harm.account):
            if other.base is not None and freed & set(other.base) and other.state != State.RESTORING.value:
                base = tuple(sorted(set(other.base) - freed))
                uow.rewrite(other, "enforcement.rebased", by=SYSTEM, base=base)
    if expired:
        return
    early = [
        harm
        for harm in harms
        if harm.in_force_at is not None and (uow.now - harm.in_force_at).total_seconds() <= _DAY_SECONDS
    ]
    in_rollback = restore.group_id is not None
    # A rollback is one story about one person, however many accounts it names.
    about = early[0].placed_by if early and in_rollback else ""
    told = bool(early) and restore.placed_by != SYSTEM
    breaker.stand_in_line(
        uow, restore.platform, ahead=lambda: [recent_ahead(uow, restore.platform, "reversal", about)] if told else []
    )
    if told:
        open_incident(
            uow,
            platform=restore.platform,
            kind="reversal",
            accounts=(restore.account,),
            enforcements=tuple(harm.id for harm in early),
            about=about,
            summary=(
                "One person's enforcements were rolled back."
                if in_rollback
                else f"{early[0].action} was undone within a day."
            ),
            whole=(lambda: _of_rollback(uow, restore, early)) if in_rollback else None,
        )
    for harm in harms:
        breaker.consider(uow, config, harm)


def _of_rollback(
    uow: UnitOfWork, restore: Enforcement, early: Sequence[Enforcement]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return accounts and enforcements of a whole rollback on a platform that had been in force for a day at most."""
    assert restore.group_id is not None
    one = uow.get(Rollback, ORGANISATION, restore.group_id, lock=False)
    if one is None:
        return (restore.account,), tuple(harm.id for harm in early)
    table = tables.enforcement.c
    rows = uow.connection.execute(
        sa.select(table.account, table.id)
        .where(
            table.placed_by == one.whose,
            table.placed_at >= one.since,
            table.placed_at <= one.until,
            table.platform == restore.platform,
            table.severity > 0,
            table.legal_basis.is_(None),
            table.state.in_((State.IN_FORCE.value, State.RESTORING.value, State.RESTORED.value)),
            table.in_force_at >= uow.now - timedelta(days=1),
        )
        .order_by(table.id)
    ).all()
    named = [(restore.account, harm.id) for harm in early]
    pairs = dict.fromkeys([*((str(row.account), str(row.id)) for row in rows), *named])
    return tuple(dict.fromkeys(account for account, _ in pairs)), tuple(harm for _, harm in pairs)


def still_shown(uow: UnitOfWork, restore: Enforcement, shown: Measures) -> Measures:
    """Return what a refused restore leaves standing: imposed by what it was to lift, and ``shown`` all the same."""
    harms = (harm for harm in lifted(uow, restore) if harm.state == State.RESTORING.value)
    return frozenset(measure for harm in harms for measure in _imposed(harm) & shown)


def _imposed(harm: Enforcement) -> Measures:
    """Return what an enforcement put there itself; nothing where none was ever begun, so that nothing was sent."""
    return frozenset() if harm.base is None else frozenset(harm.measures) - set(harm.base)


def give_up_lifting(uow: UnitOfWork, config: Config, restore: Enforcement, shown: Measures | None) -> None:
    """The platform refused the undo: what it still shows is in force, and the restore can be asked for again.

    That holds for what nobody had seen in force before, too: its answer was lost, and it took effect.

    ``shown``: what the platform shows now; None where it was not read.

    Writes `enforcement.in_force` or `enforcement.restored` for each that was being lifted.
    """
    for harm in lifted(uow, restore):
        if harm.state != State.RESTORING.value:
            continue
        if shown is not None and harm.measures and not shown & set(harm.measures):
            uow.move(
                harm,
                State.RESTORED,
                "enforcement.restored",
                by=restore.placed_by,
                because=restore.rationale or "restored",
                ended_at=uow.now,
            )
            continue
        unseen = harm.in_force_at is None
        if unseen and not (shown is not None and _imposed(harm) & shown):
            uow.move(
                harm,
                State.RESTORED,
                "enforcement.restored",
                by=SYSTEM,
                because="Withdrawn before it was seen to have an effect.",
                ended_at=uow.now,
            )
            continue
        begins: dict[str, Any] = {"in_force_at": uow.now, **ends_by_itself(uow, config, harm)} if unseen else {}
        uow.move(
            harm,
            State.IN_FORCE,
            "enforcement.in_force",
            by=SYSTEM,
            detail={"because": "the platform refused the restore"},
            # An end that has come is tried again then, not at once and for ever.
            next_attempt_at=uow.now + _REFUSED_AGAIN,
            **begins,
        )


def ends_by_itself(uow: UnitOfWork, config: Config, harm: Enforcement) -> dict[str, Any]:
    """Return the end that an enforcement gets as it comes in force: of what broke the glass, unless ratified (R14)."""
    if harm.via != "break_glass" or harm.ratified_by is not None:
        return {}
    # Counted from when it was sent: an answer that was long in coming gives it no longer.
    sent = harm.receipt.get("sent_at")
    since = uow.now if sent is None else datetime.fromisoformat(str(sent))
    return {"until": since + timedelta(minutes=config.rules.break_glass_minutes)}


def undo_late_effect(uow: UnitOfWork, harm: Enforcement, *, at: datetime) -> Enforcement | None:
    """Place the system's own restore, due ``at``, for an effect that comes after its enforcement was withdrawn.

    Writes `enforcement.placed` and `enforcement.ready`; the worker carries it out.
    """
    imposed = set(harm.measures) - set(harm.base or ())
    if harm.reversibility == Reversibility.NONE or not imposed:
        return None
    follow = Enforcement(
        platform=harm.platform,
        id=uow.ids.new(),
        account=harm.account,
        action=Action.RESTORE.value,
        severity=0,
        reversibility=Reversibility.EXACT.value,
        state=State.PLACED.value,
        rationale="It took effect after it had been withdrawn.",
        placed_by=SYSTEM,
        placed_at=uow.now,
        via="system",
        tier=harm.tier,
        measures=tuple(sorted(imposed)),
        lifts=(harm.id,),
        next_attempt_at=at,
    )
    uow.record(
        "enforcement.placed", by=SYSTEM, platform=harm.platform, account=harm.account, about=follow.id, puts=(follow,)
    )
    return uow.move(follow, State.READY, "enforcement.ready", by=SYSTEM)
