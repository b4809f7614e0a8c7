"""What restoring an account would do now, before anyone clicks: what comes back, what does not, what stays.

It reads what `gardefou.flow.restore` reads and judges by the same rules; it
asks no platform, so that it is there when the platform is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gardefou.domain.accounts import DELETED
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import Config
from gardefou.flow.reading import live_as_stored
from gardefou.flow.restore import base_of
from gardefou.flow.restore_limits import beyond_limits, is_old
from gardefou.people.actor import Actor
from gardefou.people.standing import standing_now
from gardefou.platforms.protocol import Capability
from gardefou.storage.records import get

_NOT_SENT = frozenset({State.WAITING.value, State.READY.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a restore would do. Each enforcement that stands on the account is in exactly one of the groups."""

    account: Account | None
    #: Carried out, or on its way: lifted at once.
    lifted: tuple[Enforcement, ...] = ()
    #: Nothing was done yet: withdrawn, so that nothing will be.
    withdrawn: tuple[Enforcement, ...] = ()
    #: Has stood for so long that another person must agree (R12).
    old: tuple[Enforcement, ...] = ()
    #: Demanded by law: takes two people of whom one is legal (M11).
    barred: tuple[Enforcement, ...] = ()
    #: Carried out, and the platform has no way back.
    for_ever: tuple[Enforcement, ...] = ()
    #: Already being undone, by somebody's restore.
    under_way: tuple[Enforcement, ...] = ()
    #: What changed behind our back and goes off as well.
    drift: tuple[str, ...] = ()
    #: What changed behind our back and has no way back.
    drift_for_ever: tuple[str, ...] = ()
    #: By enforcement: what its undo does not bring back, in the platform's words.
    losses: Mapping[str, tuple[str, ...]]
    #: This person restored so much within the hour that one other must agree (R12).
    asks_another: bool = False
    #: On their last day a person lifts only what is their own (R12).
    not_own: bool = False

    @property
    def anything(self) -> bool:
        """Whether a restore would do anything at all."""
        drift = self.drift or self.drift_for_ever
        return bool(self.lifted or self.withdrawn or self.old or self.barred or self.for_ever or drift)


def foresee_restore(
    connection: sa.Connection,
    config: Config,
    actor: Actor,
    platform: str,
    ref: str,
    capabilities: Mapping[Action, Capability],
    *,
    now: datetime,
) -> Foreseen:
    """Return what a restore of this account by this person would do now. Writes nothing and asks no platform."""
    account = get(connection, Account, platform, ref)
    live = [one for one in live_as_stored(connection, platform, ref) if one.severity > 0]
    harms = [one for one in live if one.state != State.RESTORING.value]
    barred = [one for one in harms if one.legal_basis is not None]
    free = [one for one in harms if one.legal_basis is None]
    old = [one for one in free if is_old(config, one, now)]
    if len(old) < len(free):
        free = [one for one in free if one not in old]
    else:
        free, old = [], free
    for_ever = [one for one in free if _is_for_ever(one, capabilities)]
    drift: set[str] = set()
    if account is not None and account.drift_base is not None:
        standing = {measure for one in harms for measure in one.measures}
        drift = set(account.measures) - set(base_of(account, free, [*barred, *old])) - standing
    last_day = actor.staff is not None and standing_now(actor.staff, now, config.rules.leaver_stages).last_day
    return Foreseen(
        account=account,
        lifted=tuple(one for one in free if one.state not in _NOT_SENT and one not in for_ever),
        withdrawn=tuple(one for one in free if one.state in _NOT_SENT),
        old=tuple(old),
        barred=tuple(barred),
        for_ever=tuple(for_ever),
        under_way=tuple(one for one in live if one.state == State.RESTORING.value),
        drift=tuple(sorted(drift - {DELETED})),
        drift_for_ever=tuple(sorted(drift & {DELETED})),
        losses={one.id: _losses(one, capabilities) for one in harms},
        asks_another=bool(free) and beyond_limits(connection, config, actor, free, now),
        not_own=last_day and any(one.placed_by != actor.id for one in harms),
    )


def _is_for_ever(one: Enforcement, capabilities: Mapping[Action, Capability]) -> bool:
    capability = capabilities.get(Action(one.action))
    stands = one.state == State.IN_FORCE.value
    return stands and (
        one.reversibility == Reversibility.NONE
        or (capability is not None and capability.reversibility is Reversibility.NONE)
    )


def _losses(one: Enforcement, capabilities: Mapping[Action, Capability]) -> tuple[str, ...]:
    capability = capabilities.get(Action(one.action))
    return () if capability is None or one.state in _NOT_SENT else capability.losses
