"""Lifting part of what stands on an account: what ran out, what somebody takes back, what a rollback takes along (M5).

A whole account is restored by `gardefou.flow.restore`, whose limits and ways hold here too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import App, Config
from gardefou.flow.execute import advance
from gardefou.flow.reading import enforcement_by_id, hold_live
from gardefou.flow.restore import live_harms, on_duty, own_only, place_restore
from gardefou.people.actor import Actor, system_actor
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_table = tables.enforcement.c


def expire(app: App, enforcement_id: str) -> Enforcement | None:
    """End a temporary enforcement: the system's own restore, naming its cause (M5)."""
    with app.works.read() as connection:
        known = enforcement_by_id(connection, enforcement_id)
    if known is None:
        return None
    with app.works.begin() as uow:
        uow.serialise(f"account:{known.platform}/{known.account}")
        found = uow.find(Enforcement, _table.id == enforcement_id, lock=True)
        if found is None or found.state != State.IN_FORCE.value or found.until is None or found.until > uow.now:
            return None
        if found.legal_basis is not None:
            # What the law demanded never comes back by itself (M11).
            return None
        config = app.config(uow.connection)
        account = uow.need(Account, found.platform, found.account)
        made = place_restore(
            uow, config, system_actor(), account, [found], "expired", whole=False, base=None, kind="restore"
        )
    return advance(app, made.id)


def lift_some(
    app: App,
    actor: Actor,
    platform: str,
    ref: str,
    group: Sequence[Enforcement],
    because: str,
) -> Enforcement | None:
    """Withdraw those of several enforcements of one account that still stand or wait, and nothing else there.

    Returns the restore; None where nothing was left to lift.

    Raises:
        Denied: no power to lift, or not on duty; or in the last 24 hours and not one's own.
    """
    actor.require(Power.LIFT, app.now())
    with app.works.begin() as uow:
        uow.serialise(f"account:{platform}/{ref}", f"actor:{actor.id}")
        config = app.config(uow.connection)
        actor = on_duty(uow, actor)
        own_only(uow, actor, {harm.placed_by for harm in group})
        made = lift_in(uow, config, actor, platform, ref, [one.id for one in group], because).restore
    if made is None:
        return None
    return advance(app, made.id, known=made) if made.state == State.READY.value else made


@dataclass(frozen=True, slots=True)
class Lifted:
    """What lifting some of an account's enforcements came to: a restore, or what was only withdrawn, or nothing."""

    restore: Enforcement | None = None
    withdrawn: tuple[str, ...] = ()


def lift_in(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    platform: str,
    ref: str,
    ids: Collection[str],
    because: str,
    *,
    exempt: bool = False,
    group_id: str | None = None,
) -> Lifted:
    """Do what `lift_some` does in a transaction that holds the account and the actor; carried out by `advance` later.

    ``exempt``: no hourly limit holds (R12). ``group_id``: the rollback it is part of.
    """
    hold_live(uow, platform, ref)
    account = uow.get(Account, platform, ref)
    still = [harm for harm in live_harms(uow, platform, ref) if harm.id in ids]
    if account is None:
        pending = [harm for harm in still if harm.state in {State.WAITING.value, State.READY.value}]
        for harm in pending:
            uow.move(harm, State.CANCELLED, "enforcement.cancelled", by=actor.id, because=because, ended_at=uow.now)
        return Lifted(withdrawn=tuple(harm.id for harm in pending))
    if not still:
        return Lifted()
    return Lifted(
        place_restore(
            uow,
            config,
            actor,
            account,
            still,
            because,
            whole=False,
            base=None,
            kind="restore",
            exempt=exempt,
            group_id=group_id,
        )
    )
