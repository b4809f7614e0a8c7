"""Rolling one person's work back: asked for once, on the record, carried to its end by whoever is there (R2, R12).

A rollback is a record with one part for each account. A part and its restore
are one transaction, so that a process that dies in the middle has done each
account whole or not at all: the worker goes on, and asking again joins what is
under way. Each restore is the asking person's, whose standing is read anew for
every account; whoever is put off meanwhile rolls nothing back any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gardefou.domain.records import ORGANISATION, SYSTEM, Enforcement, Rollback, RollbackPart, Staff, Token
from gardefou.domain.states import State
from gardefou.errors import Denied, GardefouError, InvalidInput, NotFound, Stale
from gardefou.flow.app import App
from gardefou.flow.execute import advance
from gardefou.flow.restore import on_duty, own_only
from gardefou.flow.restore_some import lift_in
from gardefou.people.actor import Actor
from gardefou.people.authenticate import strong_at
from gardefou.people.leaving import leaving_of
from gardefou.people.roles import Power
from gardefou.speech import PLAIN, later, speaking
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all
from gardefou.storage.work import Entry, UnitOfWork

_log = logging.getLogger("gardefou.rollback")

RUNNING, DONE, STOPPED = "running", "done", "stopped"
#: Of a part: what became of its account.
LEFT, PLACED, WITHDRAWN, NOTHING, FAILED = "left", "placed", "withdrawn", "nothing", "failed"

_DAY = timedelta(days=1)
#: Accounts that the worker carries in one round, between other people's work.
_ROUND = 25
#: Parts whose images go into one event.
_CHUNK = 500
_LIVE = ("waiting", "ready", "executing", "unknown", "in_force")
_e = tables.enforcement.c
_p = tables.rollback_part.c
_RUNNING = Fast(sa.select(tables.rollback.c.id).where(tables.rollback_running).order_by(tables.rollback.c.id))
_PARTS_LEFT = sa.select(_p.platform, _p.id).where(_p.rollback_id == sa.bindparam("rollback"), _p.state == LEFT)

#: Told how many accounts are done, of how many.
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What a rollback did so far or would do, account by account."""

    accounts: tuple[str, ...]
    enforcements: tuple[str, ...]
    restores: tuple[Enforcement, ...]
    barred: tuple[str, ...]
    reach: int
    #: On record; None where nothing was begun: a dry run, or nothing to undo.
    record: Rollback | None = None


def rollback(
    app: App,
    actor: Actor,
    *,
    by: str,
    since: datetime,
    until: datetime | None = None,
    dry_run: bool = False,
    told: Told | None = None,
) -> RolledBack:
    """Withdraw one person's enforcements of a span of time, and nothing else of theirs (R2), to the end.

    What `begin_rollback` and then `carry` do. Legally required enforcements
    stay, and are named.

    Raises:
        Denied: not on duty; or in the last 24 hours and not one's own.
        NotFound: no such person (`staff/not_found`).
        InvalidInput: the span is empty (`rollback/since`).
    """
    if dry_run:
        actor.require(Power.LIFT, app.now())
        actor.require_everywhere()
        with app.works.read() as connection:
            harms = harms_of(connection, by, since, span_end(app, since, until))
        return _answer(harms, ())
    begun = begin_rollback(app, actor, by=by, since=since, until=until)
    if begun.record is None:
        return begun
    carry(app, begun.record.id, told=told)
    app.wake()
    return so_far(app, begun)


def span_end(app: App, since: datetime, until: datetime | None) -> datetime:
    """Return where a span of time ends: now, unless it is said.

    Raises:
        InvalidInput: it is empty (`rollback/since`).
    """
    end = until or app.now()
    if since >= end:
        raise InvalidInput("rollback/since", "since lies before until, and before now.", field="since")
    return end


def _answer(
    harms: Sequence[Enforcement], restores: tuple[Enforcement, ...], record: Rollback | None = None
) -> RolledBack:
    free = [harm for harm in harms if harm.legal_basis is None]
    reach: dict[tuple[str, str], int] = {}
    for harm in free:
        reach[harm.platform, harm.account] = max(harm.reach, reach.get((harm.platform, harm.account), 0))
    return RolledBack(
        accounts=tuple(ref for _, ref in reach),
        enforcements=tuple(harm.id for harm in free),
        restores=restores,
        barred=tuple(harm.id for harm in harms if harm.legal_basis is not None),
        reach=sum(reach.values()),
        record=record,
    )


def so_far(app: App, begun: RolledBack) -> RolledBack:
    """Return a rollback's answer with the restores that it has placed by now."""
    assert begun.record is not None
    with app.works.read() as connection:
        restores = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .join(
                tables.rollback_part,
                sa.and_(_p.platform == _e.platform, _p.restore_id == _e.id),
            )
            .where(_p.rollback_id == begun.record.id)
            .order_by(_p.id),
        )
    return replace(begun, restores=tuple(restores))


def begin_rollback(app: App, actor: Actor, *, by: str, since: datetime, until: datetime | None = None) -> RolledBack:
    """Put a rollback on the record, one part for each account; `carry` and the worker do the rest.

    Asked for while one runs that will withdraw all of it, it joins that one.
    The rollback of one person's last 24 hours has no hourly limit (R12);
    beyond that every restore over the limit waits for one other person.

    Writes `rollback.begun`.

    Raises:
        as `rollback`.
    """
    actor.require(Power.LIFT, app.now())
    actor.require_everywhere()
    end = span_end(app, since, until)
    with app.works.begin() as uow:
        uow.serialise(f"rollback:{by}")
        actor = on_duty(uow, actor)
        harms = harms_of(uow.connection, by, since, end)
        free = [harm for harm in harms if harm.legal_basis is None]
        if free:
            own_only(uow, actor, {by})
        exempt = since >= uow.now - _DAY
        joined = _joins(uow, actor, by, {harm.id for harm in free}, exempt=exempt)
        if joined is not None:
            return _answer(harms, (), joined)
        if not free:
            return _answer(harms, ())
        record = Rollback(
            id=uow.ids.new(),
            whose=by,
            since=since,
            until=end,
            asked_by=actor.id,
            asked_at=uow.now,
            via=actor.via,
            humans=actor.humans,
            token_id=actor.token_id,
            exempt=exempt,
            barred=tuple(harm.id for harm in harms if harm.legal_basis is not None),
        )
        parts = _parts(uow, record.id, free)
        uow.record_all(
            [
                Entry(
                    kind="rollback.begun",
                    by=actor.id,
                    about=record.id,
                    puts=(*((record,) if first == 0 else ()), *parts[first : first + _CHUNK]),
                    detail={"accounts": len(parts), "enforcements": len(free)},
                )
                for first in range(0, len(parts), _CHUNK)
            ]
        )
    return _answer(harms, (), record)


def harms_of(connection: sa.Connection, by: str, since: datetime, end: datetime) -> list[Enforcement]:
    """Return what a person or service placed in a span and what still stands or waits, oldest first.

    Raises:
        NotFound: there is no such person or service (`staff/not_found`).
    """
    known = connection.execute(sa.select(tables.staff.c.id).where(tables.staff.c.id == by).limit(1)).first()
    if known is None:
        service = connection.execute(sa.select(tables.token.c.id).where(tables.token.c.service == by).limit(1)).first()
        if service is None:
            raise NotFound("staff/not_found", _("There is no person or service %(by)s.", by=repr(by)), field="by")
    return fetch_all(
        connection,
        Enforcement,
        sa.select(tables.enforcement)
        .where(
            _e.placed_by == by,
            _e.placed_at >= since,
            _e.placed_at <= end,
            _e.severity > 0,
            _e.state.in_(_LIVE),
        )
        .order_by(_e.id),
    )


def _parts(uow: UnitOfWork, rollback_id: str, free: Sequence[Enforcement]) -> list[RollbackPart]:
    by_account: dict[tuple[str, str], list[Enforcement]] = {}
    for harm in free:
        by_account.setdefault((harm.platform, harm.account), []).append(harm)
    ids = uow.ids.many(len(by_account))
    return [
        RollbackPart(
            platform=platform,
            id=part_id,
            rollback_id=rollback_id,
            account=ref,
            enforcements=tuple(harm.id for harm in group),
            reach=max(harm.reach for harm in group),
        )
        for part_id, ((platform, ref), group) in zip(ids, by_account.items(), strict=True)
    ]


def _joins(uow: UnitOfWork, actor: Actor, by: str, wanted: Collection[str], *, exempt: bool) -> Rollback | None:
    """Return the rollback under way that does all this, as readily as one's own would; one that cannot go on stops."""
    running = uow.all(
        Rollback, tables.rollback.c.whose == by, tables.rollback_running, order=tables.rollback.c.id.desc()
    )
    for one in running:
        if not (one.exempt or (one.asked_by == actor.id and not exempt)):
            # Its limit is another's: what would wait there need not wait here (R12).
            continue
        try:
            with speaking(PLAIN):
                _asker(uow, one)
        except Denied as error:
            _write_end(uow, one, STOPPED, error.message)
            continue
        listed = {
            harm
            for part in uow.all(RollbackPart, _p.rollback_id == one.id, _p.state.in_((LEFT, PLACED)))
            for harm in part.enforcements
        }
        if listed.issuperset(wanted):
            return one
    return None


def _asker(uow: UnitOfWork, one: Rollback) -> Actor:
    """Return whoever asked for a rollback as they are now.

    Raises:
        Denied: they, or the token they asked through, may not any more.
    """
    token = None if one.token_id is None else uow.get(Token, ORGANISATION, one.token_id, lock=False)
    ended = token is not None and (
        token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= uow.now)
    )
    # A person for whom a service asked is judged as any other; no service has a person's name (R4).
    staff = uow.get(Staff, ORGANISATION, one.asked_by)
    if ended or (staff is None and token is None):
        raise Denied("auth/invalid", "The token that it was asked for with is revoked or has ended.")
    actor = Actor(
        id=one.asked_by,
        via=one.via,
        staff=staff,
        service=None if token is None or staff is not None else token.service,
        scopes=None if token is None else (token.scopes or None),
        humans=one.humans,
        strong_at=None if staff is None else strong_at(uow.connection, staff.id),
        token_id=one.token_id,
        leaving=leaving_of(uow.connection),
    )
    actor.require(Power.LIFT, uow.now)
    return actor


@speaking(PLAIN)
def carry(
    app: App, rollback_id: str, *, most: int | None = None, backwards: bool = False, told: Told | None = None
) -> int:
    """Do what is left of a rollback, account by account; return how many were done.

    Safe to call at any time, from anywhere, several at once: each account is
    done by one of them. ``backwards`` begins with the last account, so that
    two who carry the same one meet in the middle.

    Writes `rollback.carried` for each account, with what its restore writes,
    and `rollback.ended` after the last; `rollback.stopped` where whoever asked
    may not any more.
    """
    sequence = _p.id.desc() if backwards else _p.id
    with app.works.read() as connection:
        left = connection.execute(_PARTS_LEFT.order_by(sequence).limit(most), {"rollback": rollback_id}).all()
    done = 0
    for row in left:
        try:
            if not _carry_one(app, rollback_id, row.platform, row.id):
                continue
        except Denied as error:
            _end(app, rollback_id, STOPPED, error.message)
            return done
        done += 1
        if told is not None:
            told(done, len(left))
    if most is None or len(left) < most:
        done += _end(app, rollback_id, DONE)
    return done


def _carry_one(app: App, rollback_id: str, platform: str, part_id: str) -> bool:
    try:
        with app.works.begin() as uow:
            part, made = _lift(uow, app, rollback_id, platform, part_id)
    except (Stale, DBAPIError):
        # Someone else has it, or the store was lost: it is left as it was, and comes round again.
        _log.warning("an account of the rollback %s is left for the next round", rollback_id, exc_info=True)
        return False
    except Denied:
        raise
    except GardefouError as error:
        return _failed(app, platform, part_id, error.message)
    if part is None:
        return False
    if made is not None and made.state == State.READY.value:
        try:
            advance(app, made.id, known=made)
        except Exception:  # noqa: BLE001 - it is on record, and the worker carries it on; the other accounts go first
            _log.exception("the restore %s of a rollback is left to the worker", made.id)
    return True


def _lift(
    uow: UnitOfWork, app: App, rollback_id: str, platform: str, part_id: str
) -> tuple[RollbackPart | None, Enforcement | None]:
    """Place the restore of one account and note it, in one transaction; nothing where it was done already."""
    known = uow.get(RollbackPart, platform, part_id, lock=False)
    one = uow.get(Rollback, ORGANISATION, rollback_id, lock=False)
    assert known is not None
    assert one is not None
    uow.serialise(f"account:{platform}/{known.account}", f"actor:{one.asked_by}")
    part = uow.need(RollbackPart, platform, part_id)
    if part.state != LEFT or one.state != RUNNING:
        return None, None
    config = app.config(uow.connection)
    actor = on_duty(uow, _asker(uow, one))
    own_only(uow, actor, {one.whose})
    lifted = lift_in(
        uow,
        config,
        actor,
        platform,
        part.account,
        part.enforcements,
        "rollback",
        exempt=one.exempt,
        group_id=one.id,
    )
    state, because = NOTHING, later("Nothing of theirs stood there any more.")
    if lifted.restore is not None:
        state, because = PLACED, ""
    elif lifted.withdrawn:
        state, because = WITHDRAWN, later("Withdrawn before anything was done.")
    restore_id = None if lifted.restore is None else lifted.restore.id
    _note(uow, part, state, because, by=actor.id, restore_id=restore_id)
    return part, lifted.restore


def _note(
    uow: UnitOfWork, part: RollbackPart, state: str, because: str, *, by: str, restore_id: str | None = None
) -> None:
    noted = replace(part, state=state, because=because, restore_id=restore_id, at=uow.now, version=part.version + 1)
    uow.record(
        "rollback.carried", by=by, platform=part.platform, account=part.account, about=part.rollback_id, puts=(noted,)
    )


def _failed(app: App, platform: str, part_id: str, why: str) -> bool:
    with app.works.begin() as uow:
        part = uow.need(RollbackPart, platform, part_id)
        if part.state != LEFT:
            return False
        _note(uow, part, FAILED, why, by=SYSTEM)
        return True


def _end(app: App, rollback_id: str, state: str, because: str = "") -> int:
    with app.works.begin() as uow:
        one = uow.need(Rollback, ORGANISATION, rollback_id)
        if one.state != RUNNING:
            return 0
        if state == DONE and uow.find(RollbackPart, _p.rollback_id == rollback_id, _p.state == LEFT) is not None:
            return 0
        _write_end(uow, one, state, because)
        return 1


def _write_end(uow: UnitOfWork, one: Rollback, state: str, because: str) -> None:
    ended = replace(one, state=state, because=because, ended_at=uow.now, version=one.version + 1)
    if state == DONE:
        uow.record("rollback.ended", by=SYSTEM, about=one.id, puts=(ended,))
    else:
        uow.record("rollback.stopped", by=SYSTEM, about=one.id, puts=(ended,))


def carry_running(app: App) -> int:
    """Carry every rollback that is not at its end by some accounts, whoever began it; return how much was done."""
    with app.works.read() as connection:
        running = [row.id for row in _RUNNING.all(connection)]
    return sum(carry(app, one, most=_ROUND, backwards=True) for one in running)
