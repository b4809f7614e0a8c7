"""Restoring: anyone on duty lifts a wrongful measure at once (M5, R1, R2, R12).

A restore is an enforcement of severity 0 and goes the same way through
`place`'s nets and `execute`; it waits for no checkpoint and no pause. What the
law bars from restoring takes two people of whom one is `legal` (M11).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gardefou.clock import rfc3339
from gardefou.domain.accounts import DELETED
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import SYSTEM, Account, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Denied, InvalidInput, NotFound
from gardefou.flow.app import App, Config
from gardefou.flow.clear import digest_of, settle_waiting
from gardefou.flow.execute import advance, finish_restore, start_restore
from gardefou.flow.fact_reads import moment_ahead
from gardefou.flow.lift import ROLLBACK, start_lifting
from gardefou.flow.observe import Seen, look, observe, tier_memory
from gardefou.flow.reading import IMPOSING, held_live_ahead, hold_live, live_on, person_ahead
from gardefou.flow.record_outcome import Begun
from gardefou.flow.restore_limits import is_old, judge_restore, restores_ahead
from gardefou.flow.stops import pauses_ahead
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.platforms.protocol import Connector, NoSuchAccount, PlatformRefused
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast, at_once
from gardefou.storage.records import key_ahead
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

_table = tables.enforcement.c
_LIVE = ("waiting", "ready", "executing", "unknown", "in_force")
_MAX_TEXT = 10_000
_CONTENT = Fast(
    sa.select(_table.content).where(
        _table.platform == sa.bindparam("platform"),
        _table.account == sa.bindparam("account"),
        _table.action.in_((Action.REMOVE_CONTENT.value, Action.LABEL.value)),
        _table.state.in_(_LIVE),
    )
)


_READ_AT = Fast(
    sa.select(tables.account.c.read_at).where(
        tables.account.c.platform == sa.bindparam("platform"), tables.account.c.ref == sa.bindparam("account")
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did: the restores it placed, and what it could not take along.

    ``restores`` is empty when there was nothing to lift. ``barred`` are legally
    required enforcements that wait for two people of whom one is legal.
    ``losses`` names in words what the platform does not bring back.
    """

    restores: tuple[Enforcement, ...]
    barred: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()


def restore(app: App, actor: Actor, platform: str, ref: str, because: str) -> Restored:
    """Withdraw every enforcement on an account, and lift those in force.

    Down to the mildest of the state now and the state on record before the
    harm, whether Gardefou caused it or not. Immediate, but for more than 20 an
    hour by one person and for enforcements over 30 days old (R12), which need
    one other person.

    Writes `enforcement.placed` and what `gardefou.flow.execute.advance` writes.

    Raises:
        InvalidInput: no reason given (`restore/because`).
        Denied: not on duty, read only, or in the last 24 hours and not one's own.
        NotFound: no such account (`account/not_found`).
    """
    if not because.strip() or len(because) > _MAX_TEXT:
        raise InvalidInput("restore/because", "Say in a line why this is lifted.", field="because")
    asked_at = app.now()
    actor.require(Power.LIFT, asked_at)
    actor.require_platform(platform)
    connector = app.connector(platform)
    try:
        seen = _look(app, connector, ref)
    except NoSuchAccount as error:
        raise NotFound(
            "account/not_found", _("%(platform)s says: %(error)s", platform=platform, error=error), field="account"
        ) from error
    except PlatformRefused:
        seen = Seen(platform=platform, account=ref, taken_at=app.now(), reading=None)
    if seen.account != ref:
        # An alias: what was taken down stands on record under the account's own id (R10).
        ref = seen.account
        seen = _look(app, connector, ref)
    made: list[Enforcement | Begun] = []
    with app.works.begin() as uow:
        uow.serialise(
            f"account:{platform}/{ref}", f"actor:{actor.id}", ahead=lambda: _ahead(uow, app, actor, platform, ref)
        )
        config = app.config(uow.connection)
        actor = on_duty(uow, actor)
        hold_live(uow, platform, ref)
        account = observe(uow, app, config, seen)
        harms = live_harms(uow, platform, ref)
        if account is None and not harms:
            raise NotFound(
                "account/not_found",
                _("Nothing is known of %(ref)s and %(platform)s does not answer.", ref=repr(ref), platform=platform),
                field="account",
            )
        if account is None:
            # Placed while nothing could be read: what waits there can be withdrawn all the same (M5).
            account = Account(platform=platform, ref=ref)
            uow.record("account.noted", by=SYSTEM, platform=platform, account=ref, puts=(account,))
        own_only(uow, actor, {harm.placed_by for harm in harms})
        free = [harm for harm in harms if harm.legal_basis is None]
        barred = [harm for harm in harms if harm.legal_basis is not None]
        # What has stood for long waits for another person (R12); it never keeps what is new from being lifted (I12).
        old = [harm for harm in free if is_old(config, harm, uow.now)]
        if len(old) < len(free):
            free = [harm for harm in free if harm not in old]
        else:
            old = []
        base = base_of(account, free, [*barred, *old])
        drifted = account.drift_base is not None
        present = set(account.measures) - set(base) - _kept([*barred, *old])
        gone = drifted and DELETED in present
        if free or (drifted and present - {DELETED}):
            placed = place_restore(
                uow, config, actor, account, free, because, whole=True, base=base, kind="restore", asked_at=asked_at
            )
            made.append(start_restore(uow, config, placed, account, seen) or placed)
        if old:
            made.append(
                place_restore(uow, config, actor, account, old, because, whole=False, base=None, kind="restore")
            )
        if barred:
            made.append(
                place_restore(
                    uow, config, actor, account, barred, because, whole=False, base=None, kind="restore_legal"
                )
            )
    losses = losses_of(app, harms, platform)
    if gone:
        # Somebody else deleted it: no restore brings that back, and none is said to have.
        losses = tuple(dict.fromkeys((*losses, f"{Action.DELETE} cannot be undone there")))
    done = [_carry_out(app, one) for one in made]
    app.wake()
    return Restored(restores=tuple(done), barred=tuple(harm.id for harm in barred), losses=losses)


def _ahead(uow: UnitOfWork, app: App, actor: Actor, platform: str, ref: str) -> list[Read]:
    """Return what an ordinary restore reads."""
    return [
        *app.config_ahead(platform),
        *person_ahead(actor),
        key_ahead(Account, platform, ref),
        held_live_ahead(platform, ref),
        pauses_ahead(),
        restores_ahead(actor, uow.now),
        moment_ahead(uow, actor, platform),
    ]


def _carry_out(app: App, made: Enforcement | Begun) -> Enforcement:
    if isinstance(made, Begun):
        return finish_restore(app, made)
    return advance(app, made.id, known=made) if made.state == State.READY.value else made


def on_duty(uow: UnitOfWork, actor: Actor) -> Actor:
    """Return the actor as the store knows them now, on duty and able to lift."""
    if actor.staff is not None:
        actor = replace(actor, staff=uow.need(Staff, "gardefou", actor.staff.id))
    actor.require(Power.LIFT, uow.now)
    return actor


def own_only(uow: UnitOfWork, actor: Actor, imposed_by: Collection[str]) -> None:
    """Raise when someone in the last 24 hours lifts what others imposed (R12)."""
    if actor.staff is None or not standing_now(actor.staff, uow.now, actor.leaving).last_day:
        return
    if set(imposed_by) != {actor.id}:
        raise Denied("staff/last_day", "On the last day only your own enforcements can be lifted; ask a colleague.")


def _look(app: App, connector: Connector, ref: str) -> Seen:
    """Read what is imposed on an account and on its items on record; the rest of it only where it was never read.

    A restore goes by nothing else, and must not wait for each room that a big account is in.
    """
    with app.works.read() as connection:
        rows, known = at_once(
            connection,
            (_CONTENT, {"platform": connector.name, "account": ref}),
            (_READ_AT, {"platform": connector.name, "account": ref}),
        )
    content = tuple(dict.fromkeys(item for row in rows for item in row.content))
    return look(app, connector, ref, content, measures_only=any(row.read_at is not None for row in known))


def live_harms(uow: UnitOfWork, platform: str, ref: str) -> list[Enforcement]:
    """Return what stands on an account or may come to: whatever is above severity 0 and has not ended."""
    return [one for one in live_on(uow, platform, ref) if one.severity > 0 and one.state in _LIVE]


def base_of(account: Account, free: Sequence[Enforcement], barred: Sequence[Enforcement]) -> tuple[str, ...]:
    """Return the mildest state on record before any of the harm (M5)."""
    base = set(account.measures)
    for harm in free:
        # Without a base nothing was ever sent for it: what stands there is not of its making.
        if harm.base is not None:
            base &= set(harm.base)
    if account.drift_base is not None:
        base &= set(account.drift_base)
    base |= _kept(barred) & set(account.measures)
    return tuple(sorted(base))


def _kept(barred: Sequence[Enforcement]) -> set[str]:
    """Return what others are to lift: of what stands, or may by now. What only waits has imposed nothing (I12)."""
    return {measure for harm in barred if harm.state in IMPOSING for measure in harm.measures}


def place_restore(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    account: Account,
    harms: Sequence[Enforcement],
    because: str,
    *,
    whole: bool,
    base: tuple[str, ...] | None,
    kind: str,
    exempt: bool = False,
    group_id: str | None = None,
    asked_at: datetime | None = None,
) -> Enforcement:
    """Place one restore, judge it, and withdraw what it lifts if nothing stands before it.

    ``asked_at``: when it was asked for, before the platform was read; kept in the receipt.
    """
    cause = because
    tier = tier_memory(account, uow.now)
    facts, verdict = judge_restore(uow, config, actor, account, harms, kind=kind, exempt=exempt)
    joins = _open_restore(uow, actor, account, harms)
    if joins is not None:
        return joins
    made = Enforcement(
        platform=account.platform,
        id=uow.ids.new(),
        account=account.ref,
        action=Action.RESTORE.value,
        severity=0,
        reversibility=Reversibility.EXACT.value,
        state=State.PLACED.value,
        because="expired" if cause == "expired" else "",
        policy=ROLLBACK if exempt else "",
        group_id=group_id,
        rationale=because,
        placed_by=actor.id,
        placed_at=uow.now,
        via=actor.via,
        humans=actor.humans or ((actor.id,) if actor.human else ()),
        team=actor.staff.team if actor.staff else "",
        tier=tier.value,
        reach=account.reach or 0,
        facts=facts.to_json(),
        verdict=verdict.to_json(),
        nets=config.nets_id,
        base=base,
        lifts=tuple(harm.id for harm in harms),
        whole=whole,
        receipt={} if asked_at is None else {"asked_at": rfc3339(asked_at)},
    )
    made = replace(made, digest=digest_of(made))
    uow.record(
        "enforcement.placed",
        by=actor.id,
        platform=made.platform,
        account=made.account,
        about=made.id,
        puts=(made,),
        detail=_whence(actor, harms),
    )
    if verdict.refused:
        why = " ".join(verdict.refusals)
        return uow.move(made, State.REFUSED, "enforcement.refused", by=actor.id, because=why, ended_at=uow.now)
    placed = settle_waiting(uow, config, made, verdict)
    if placed.state == State.READY.value:
        start_lifting(uow, placed, lease_seconds=config.rules.lease_seconds)
    return placed


def _whence(actor: Actor, harms: Sequence[Enforcement]) -> dict[str, Any] | None:
    """Return what else the record says of who acts: the service between, or the people whose acts come to their end."""
    if actor.is_system:
        return {"caused_by": sorted({harm.placed_by for harm in harms})}
    return {"through": actor.through} if actor.through else None


def _open_restore(uow: UnitOfWork, actor: Actor, account: Account, harms: Sequence[Enforcement]) -> Enforcement | None:
    """Return a restore of the same, by the same person, that still waits: asking twice is asking once."""
    wanted = {harm.id for harm in harms}
    for one in live_on(uow, account.platform, account.ref):
        waits = one.action == Action.RESTORE and one.state == State.WAITING.value
        if waits and one.placed_by == actor.id and set(one.lifts) == wanted:
            return one
    return None


def losses_of(app: App, harms: Sequence[Enforcement], platform: str) -> tuple[str, ...]:
    """Name beforehand what the platform does not bring back."""
    capabilities = app.connector(platform).describe().capabilities
    lost: list[str] = []
    for harm in harms:
        if harm.state != State.IN_FORCE.value:
            continue
        capability = capabilities.get(Action(harm.action))
        if capability is not None:
            lost.extend(capability.losses)
            if capability.reversibility is Reversibility.NONE:
                lost.append(f"{harm.action} cannot be undone there")
    return tuple(dict.fromkeys(lost))
