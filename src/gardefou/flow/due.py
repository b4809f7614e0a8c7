"""What the clock brings: holds that end, hours that come, deadlines, expiries, retries, last days.

`run_due` does everything that is due at this moment; `next_due` says when
there is more. The worker calls them in a loop; so does whatever moves a
simulated clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Enforcement, Staff
from gardefou.domain.states import ENDED, State
from gardefou.errors import Conflict, GardefouError, Stale
from gardefou.flow.app import App
from gardefou.flow.approve import find_enforcement
from gardefou.flow.changes.staff import put_off
from gardefou.flow.execute import advance
from gardefou.flow.incidents import alert, near_miss
from gardefou.flow.recertify import lapse_due, next_lapse
from gardefou.flow.restore_some import expire
from gardefou.flow.rollback import carry_running
from gardefou.people.standing import Standing
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast
from gardefou.storage.types import Instant

_log = logging.getLogger("gardefou.due")

_e = tables.enforcement.c
_s = tables.staff.c
_NOW = sa.bindparam("now", type_=Instant)
_BATCH = 200

_ACTIVE = sa.and_(
    tables.enforcement_active,
    _e.state.in_((State.WAITING.value, State.READY.value, State.EXECUTING.value, State.UNKNOWN.value)),
)
_DUE = Fast(
    sa.select(_e.id, _e.platform, _e.state, _e.approved_at, _e.action)
    .where(_ACTIVE, sa.or_(_e.next_attempt_at.is_(None), _e.next_attempt_at <= _NOW, _e.intent_event.is_not(None)))
    # What lifts goes first: after an outage everything is due at once.
    .order_by(sa.case((_e.action == Action.RESTORE.value, 0), else_=1), _e.next_attempt_at, _e.id)
    .limit(_BATCH)
)
_ENDING = Fast(
    sa.select(_e.id)
    .where(
        tables.enforcement_ending,
        _e.until <= _NOW,
        _e.legal_basis.is_(None),
        sa.or_(_e.next_attempt_at.is_(None), _e.next_attempt_at <= _NOW),
    )
    .order_by(_e.until, _e.id)
    .limit(_BATCH)
)
_LAST_DAYS = Fast(
    sa.select(tables.staff).where(
        _s.standing != Standing.LEFT.value, _s.last_day_end.is_not(None), _s.last_day_end <= _NOW
    )
)
_NEXT = (
    sa.select(sa.func.min(_e.next_attempt_at, type_=Instant)).where(_ACTIVE, _e.next_attempt_at > _NOW),
    sa.select(sa.func.min(_e.until, type_=Instant)).where(tables.enforcement_ending, _e.until > _NOW),
    sa.select(sa.func.min(_e.next_attempt_at, type_=Instant)).where(
        tables.enforcement_ending, _e.until <= _NOW, _e.next_attempt_at > _NOW
    ),
    sa.select(sa.func.min(_s.last_day_end, type_=Instant)).where(
        _s.standing != Standing.LEFT.value, _s.last_day_end > _NOW
    ),
)


def run_due(app: App, shuffled: Random | None = None) -> int:
    """Do what is due now; return how much was done. Call again while it is more than nothing.

    Workers side by side begin at different places where each is ``shuffled``;
    what lifts goes first all the same.

    Each piece of work is a transaction of its own: what fails is left for the
    next round and never stops the rest. A platform that does nothing is asked
    once a round: what else waits for it keeps no other platform waiting.
    """
    now = app.now()
    with app.works.read() as connection:
        over = fetch_fast(connection, Staff, _LAST_DAYS, {"now": now})
        due = _DUE.all(connection, {"now": now})
        ending = [row.id for row in _ENDING.all(connection, {"now": now})]
    if shuffled is not None:
        due = sorted(due, key=lambda row: (row.action != Action.RESTORE.value, shuffled.random()))
    done = _last_days(app, over)
    for enforcement_id in ending:
        done += _try(app, expire, enforcement_id) is not None
    silent: set[str] = set()
    for row in due:
        if row.platform in silent:
            continue
        waits_for_people = row.state == State.WAITING.value and row.approved_at is None
        after = _try(app, _lapse if waits_for_people else _advance, row.id)
        if after is not None:
            done += 1
            if _unheard(after):
                silent.add(row.platform)
    return done + carry_running(app) + lapse_due(app)


def _unheard(after: Enforcement) -> bool:
    """Whether its platform did nothing, or gave no answer: it was just asked, and is to be asked again."""
    sent = after.lease_until is None and after.intent_event is None
    return sent and after.state in {State.EXECUTING.value, State.UNKNOWN.value}


def _try(app: App, work: Callable[[App, str], Enforcement | None], enforcement_id: str) -> Enforcement | None:
    try:
        return work(app, enforcement_id)
    except Stale:
        # Someone else was first; whatever is left comes round again.
        return None
    except Conflict as error:
        if error.code != "clock/behind":
            _put_by(app, enforcement_id, error.message)
        # The clock is behind the record: nothing harms until it is set right.
        return None
    except GardefouError as error:
        _put_by(app, enforcement_id, error.message)
        return None
    except DBAPIError:
        # The store was lost, or others were in the way: the next round finds it as it was.
        _log.warning("enforcement %s is left for the next round", enforcement_id, exc_info=True)
        return None
    except Exception as error:  # noqa: BLE001 - a connector's surprise must not stop the rest; it is logged and told
        _log.exception("enforcement %s could not be carried on", enforcement_id)
        _put_by(app, enforcement_id, f"{type(error).__name__}: {error}")
        return None


def _put_by(app: App, enforcement_id: str, why: str) -> None:
    """Look at it again later, and tell the people on duty: one that is stuck holds up nobody else.

    Writes `enforcement.held_back` and `alert.raised`.
    """
    with app.works.begin() as uow:
        found = find_enforcement(uow, enforcement_id)
        if State(found.state) in ENDED or (found.next_attempt_at is not None and found.next_attempt_at > uow.now):
            return
        ceiling = timedelta(seconds=app.config(uow.connection).rules.retry_ceiling_seconds)
        # Without its intention it begins anew; nothing was sent while one waited for its checkpoint.
        uow.rewrite(
            found,
            "enforcement.held_back",
            by=SYSTEM,
            detail={"because": why},
            next_attempt_at=uow.now + ceiling,
            intent_event=None,
        )
        alert(
            uow,
            "stuck",
            platform=found.platform,
            about=found.id,
            says=f"Stuck: {why}",
            accounts=(found.account,) if found.account else (),
            facts={"action": found.action},
        )


def _advance(app: App, enforcement_id: str) -> Enforcement | None:
    with app.works.read() as connection:
        before = connection.execute(sa.select(_e.version).where(_e.id == enforcement_id)).scalar_one()
    after = advance(app, enforcement_id)
    return after if after.version != before else None


def _lapse(app: App, enforcement_id: str) -> Enforcement | None:
    """End what nobody approved in time: silence never consents (M4)."""
    with app.works.begin() as uow:
        found = find_enforcement(uow, enforcement_id)
        if found.state != State.WAITING.value or found.approved_at is not None:
            return None
        if found.approve_by is None or found.approve_by > uow.now:
            return None
        why = "Nobody approved it in time."
        lapsed = uow.move(found, State.LAPSED, "enforcement.lapsed", by=SYSTEM, because=why, ended_at=uow.now)
        near_miss(uow, lapsed, why)
        return lapsed


def _last_days(app: App, over: Sequence[Staff]) -> int:
    """Put off everyone whose last day is over (M9); return how many."""
    done = 0
    for person in over:
        try:
            with app.works.begin() as uow:
                current = uow.need(Staff, person.platform, person.id)
                if current.standing != Standing.LEFT.value:
                    put_off(uow, current, by=SYSTEM, why="The last day of whoever placed it is over.")
        except (Stale, DBAPIError):
            # Others were in the way: the next round finds it as it was, and what else is due waits for nobody.
            _log.warning("somebody whose last day is over is left for the next round", exc_info=True)
        else:
            done += 1
    return done


def next_due(app: App) -> datetime | None:
    """Return when something is due next, after now; None when nothing is."""
    with app.works.read() as connection:
        moments = [connection.execute(statement, {"now": app.now()}).scalar_one() for statement in _NEXT]
        moments.append(next_lapse(app, connection))
    return min((moment for moment in moments if moment is not None), default=None)
