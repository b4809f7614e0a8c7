"""What became of an attempt: each way an enforcement under way can go on, written in one transaction each.

`execute` decides which; here it is recorded. Nothing here speaks to a platform.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.accounts import DELETED
from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow import breaker
from gardefou.flow.app import Config
from gardefou.flow.incidents import alert
from gardefou.flow.lift import (
    Lifting,
    ends_by_itself,
    finish_lifting,
    give_up_lifting,
    still_shown,
    undo_late_effect,
)
from gardefou.flow.observe import Seen
from gardefou.flow.reading import lifted, live_on
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.work import UnitOfWork

#: How it is told on record that a platform said no.
REFUSED = "The platform refused: "
_FIRST_RETRY = 1.0
#: Most seconds between two tries of one restore: whoever was wronged does not wait for a platform that is back.
_RESTORE_CEILING = 15.0
#: After some minutes it is this part of the time that it has waited: an outage of days must not fill the record.
_SHARE = 30
_DAY = timedelta(days=1)
_e = tables.enforcement.c
_RESTORES_TRIED = Fast(
    sa.select(sa.func.count()).where(
        tables.enforcement_active,
        _e.state.in_((State.EXECUTING.value, State.UNKNOWN.value)),
        _e.platform == sa.bindparam("platform"),
        _e.action == Action.RESTORE.value,
    )
)
_v = tables.event.c
#: Whether anybody was told about an enforcement since a moment.
_TOLD = Fast(
    sa.select(sa.literal(1))
    .where(
        tables.event_has_about,
        _v.platform == sa.bindparam("platform"),
        _v.about == sa.bindparam("about"),
        _v.kind == "alert.raised",
        _v.at >= sa.bindparam("since", type_=_v.at.type),
    )
    .limit(1)
)
#: Ended, or about to, without an effect that stands.
_WITHDRAWN = frozenset(
    {
        State.RESTORING.value,
        State.RESTORED.value,
        State.CANCELLED.value,
        State.LAPSED.value,
        State.FAILED.value,
        State.REFUSED.value,
    }
)


def conclude(
    uow: UnitOfWork,
    config: Config,
    found: Enforcement,
    seen: Seen,
    more: dict[str, Any],
    lifting: Lifting | None,
) -> Enforcement:
    """Record what the platform is seen to be after it answered: `in_force`, or to be tried again.

    Writes `enforcement.in_force`, and for a restore `enforcement.restored` of what it lifts.
    """
    assert seen.reading is not None
    if lifting is not None:
        live_on(uow, found.platform, found.account)  # before anything waits to be written there
    after = frozenset(seen.reading.measures)
    receipt = {**found.receipt, **more, "after": sorted(after)}
    if found.action == Action.RESTORE:
        assert lifting is not None
        if after & lifting.remove:
            return retry(uow, config, found, "the platform still shows what was to be lifted")
        lifted_now = lifting.remove | _gone(uow, found, seen)
        account = _known_account(uow, seen, imposed=frozenset(), lifted=lifted_now, clear_drift=found.whole)
        done = uow.move(
            found,
            State.IN_FORCE,
            "enforcement.in_force",
            by=found.placed_by,
            also=account,
            in_force_at=uow.now,
            ended_at=uow.now,
            lease_until=None,
            next_attempt_at=None,
            receipt=receipt,
        )
        finish_lifting(uow, config, done)
        return done
    measures = frozenset(found.measures)
    if not measures <= after:
        return retry(uow, config, found, "the platform said yes and does not show it")
    account = _known_account(uow, seen, imposed=measures, lifted=frozenset(), clear_drift=False)
    return uow.move(
        found,
        State.IN_FORCE,
        "enforcement.in_force",
        by=found.placed_by,
        also=account,
        **ends_by_itself(uow, config, found),
        in_force_at=uow.now,
        lease_until=None,
        next_attempt_at=None,
        receipt=receipt,
    )


def _gone(uow: UnitOfWork, restore: Enforcement, seen: Seen) -> frozenset[str]:
    """Return what the restore was to lift and is not shown any more: an earlier try did it, and its answer was lost."""
    account = uow.get(Account, seen.platform, seen.account)
    if account is None or seen.reading is None:
        return frozenset()
    told = {one for one in account.measures if one.removeprefix("removed:") in (one, *seen.content)}
    gone = frozenset(told - set(seen.reading.measures))
    if restore.whole:
        return gone
    return gone & {*restore.measures, *(measure for harm in lifted(uow, restore) for measure in harm.measures)}


def _known_account(
    uow: UnitOfWork, seen: Seen, *, imposed: frozenset[str], lifted: frozenset[str], clear_drift: bool
) -> tuple[Account, ...]:
    """Return the account's row with what Gardefou itself changed, to be written with the enforcement."""
    account = uow.get(Account, seen.platform, seen.account)
    if account is None:
        return ()
    measures = tuple(sorted((set(account.measures) | imposed) - lifted))
    # A deletion that somebody else made stays what it is: a change that nothing here made, and nothing undoes (M7).
    lasting = account.drift_base is not None and DELETED in {*measures} - {*account.drift_base}
    drift_base = None if clear_drift and not lasting else account.drift_base
    # A reading that was begun later may stand there already.
    read_at = seen.taken_at if account.read_at is None else max(seen.taken_at, account.read_at)
    return (replace(account, measures=measures, read_at=read_at, drift_base=drift_base, version=account.version + 1),)


def overtaken(uow: UnitOfWork, found: Enforcement, more: dict[str, Any]) -> Enforcement:
    """Something else moved it while the platform was asked: keep what was learnt, for the undo."""
    receipt = {**found.receipt, **more}
    noted = uow.rewrite(found, "enforcement.answered_late", by=SYSTEM, receipt=receipt)
    if noted.state in _WITHDRAWN and noted.action != Action.RESTORE:
        # Whoever withdrew it may have read the platform before this took effect: look once more.
        undo_late_effect(uow, noted, at=uow.now)
    return noted


def refused(
    uow: UnitOfWork, config: Config, found: Enforcement, why: str, seen: Seen | None, lifting: Lifting | None
) -> Enforcement:
    """Record what a platform that said no is seen to be: what it did all the same stands on record, or is undone.

    ``seen`` was read after the refusal; None where the platform knows no such
    account. What could not be read is settled by reading later.

    Writes `enforcement.failed`; where something shows, what `conclude` or
    `gardefou.flow.lift.undo_late_effect` writes; `enforcement.unknown` where nothing was read.
    """
    no = f"{REFUSED}{why}"
    traced = frozenset(found.measures) if lifting is None else lifting.remove
    if seen is None or not traced:
        return failed(uow, config, found, no)
    if seen.reading is None:
        return unknown(uow, found, f"{_sentence(no)} It could not be read then.", {"trouble": no})
    shown = frozenset(seen.reading.measures)
    if lifting is not None:
        if traced & shown:
            return failed(uow, config, found, no, seen, traced - shown)
        return conclude(uow, config, found, seen, {"trouble": no}, lifting)
    # Counted from before the first attempt: an earlier one may have done it, and nobody heard of it.
    imposed = (traced - set(found.base or ())) & shown
    if not imposed:
        return failed(uow, config, found, no)
    if traced <= shown:
        done = conclude(uow, config, found, seen, {"trouble": no}, None)
        _tell_of_refusal(uow, done, f"{_sentence(no)} It carried it out all the same; it is in force.")
        return done
    ended = failed(uow, config, found, f"{_sentence(no)} It did part of it all the same, which is undone.")
    undo_late_effect(uow, ended, at=uow.now)
    _tell_of_refusal(uow, ended, ended.because)
    return ended


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _tell_of_refusal(uow: UnitOfWork, found: Enforcement, says: str) -> None:
    alert(uow, "odd_refusal", platform=found.platform, about=found.id, says=says, accounts=(found.account,))


def failed(
    uow: UnitOfWork,
    config: Config,
    found: Enforcement,
    why: str,
    seen: Seen | None = None,
    gone: frozenset[str] = frozenset(),
) -> Enforcement:
    """Record an explicit refusal by the platform; the breaker counts it. Writes `enforcement.failed`.

    ``seen`` is what a refused restore left, ``gone`` what came off all the same: that is on record as lifted.
    """
    if found.state == State.READY.value:
        found = uow.move(found, State.EXECUTING, "enforcement.executing", by=found.placed_by)
    account: tuple[Account, ...] = ()
    shown = None
    if seen is not None and seen.reading is not None:
        shown = frozenset(seen.reading.measures)
        account = _known_account(uow, seen, imposed=still_shown(uow, found, shown), lifted=gone, clear_drift=False)
    failed = uow.move(
        found,
        State.FAILED,
        "enforcement.failed",
        by=SYSTEM,
        also=account,
        because=why,
        ended_at=uow.now,
        lease_until=None,
        intent_event=None,
        next_attempt_at=None,
    )
    if failed.action == Action.RESTORE:
        give_up_lifting(uow, config, failed, shown)
        alert(
            uow,
            "restore_failed",
            platform=failed.platform,
            about=failed.id,
            says=f"A restore failed: {why}",
            accounts=(failed.account,),
        )
    else:
        breaker.consider(uow, config, failed)
    return failed


def unknown(uow: UnitOfWork, found: Enforcement, why: str, more: dict[str, Any]) -> Enforcement:
    """Record that it was sent and no answer came; it will be settled by reading. Writes `enforcement.unknown`."""
    return uow.move(
        found,
        State.UNKNOWN,
        "enforcement.unknown",
        by=SYSTEM,
        because=why,
        lease_until=None,
        intent_event=None,
        next_attempt_at=uow.now + timedelta(seconds=_FIRST_RETRY),
        receipt={**found.receipt, **more},
    )


def _backoff(uow: UnitOfWork, config: Config, found: Enforcement, attempts: int) -> timedelta:
    """Return the wait before the next try: 2, 4, 8 … seconds, up to the ceiling; a restore's is far lower.

    Where more restores wait at a platform than its ceiling has seconds, each
    waits for as many seconds as they are: one call a second, however many.
    The longer it has waited the rarer it gets, up to what holds for harm.
    """
    ceiling = float(config.rules.retry_ceiling_seconds)
    if found.action == Action.RESTORE:
        waiting = int(_RESTORES_TRIED.first(uow.connection, {"platform": found.platform})[0])
        waited = (uow.now - found.placed_at).total_seconds()
        ceiling = min(ceiling, max(_RESTORE_CEILING, waiting, waited / _SHARE))
    return timedelta(seconds=min(_FIRST_RETRY * 2 ** min(attempts, 12), ceiling))


def retry(uow: UnitOfWork, config: Config, found: Enforcement, why: str) -> Enforcement:
    """Nothing was done: stay `executing` and try again, with an alert the first time (M6)."""
    if found.state == State.READY.value:
        found = uow.move(found, State.EXECUTING, "enforcement.executing", by=found.placed_by)
    attempts = found.attempts + (1 if found.lease_until is None else 0)
    wait = _backoff(uow, config, found, attempts)
    retrying = uow.rewrite(
        found,
        "enforcement.retrying",
        by=SYSTEM,
        detail={"because": why, "attempts": attempts},
        attempts=attempts,
        lease_until=None,
        intent_event=None,
        next_attempt_at=uow.now + wait,
        receipt={**found.receipt, "trouble": why},
    )
    if attempts == 1:
        alert(
            uow,
            "retrying",
            platform=found.platform,
            about=found.id,
            says=f"{found.platform} does not carry out {found.action}; it is retried: {why}",
            accounts=(found.account,),
            facts={"action": found.action},
        )
    return retrying


def still_unknown(uow: UnitOfWork, config: Config, found: Enforcement) -> Enforcement:
    """Record that the platform could not be read either; look again later, and after a day tell people, once.

    Past the time within which it would be sent again (M6), only the record
    waits for the reading: it is looked at ever more rarely, down to once a
    day. A restore is looked at as often as ever.

    Writes `enforcement.unreadable`, and once `alert.raised`.
    """
    attempts = found.attempts + 1
    wait = _backoff(uow, config, found, attempts)
    if found.action != Action.RESTORE and found.execute_by is not None:
        past = uow.now - found.execute_by
        wait = max(wait, min(_DAY, past / _SHARE))
    unread = uow.rewrite(found, "enforcement.unreadable", by=SYSTEM, attempts=attempts, next_attempt_at=uow.now + wait)
    sent = found.receipt.get("sent_at")
    late = _DAY + (found.placed_at if sent is None else datetime.fromisoformat(str(sent)))
    if uow.now < late:
        return unread
    about = {"platform": found.platform, "about": found.id, "since": late}
    if _TOLD.first(uow.connection, about) is None:
        alert(
            uow,
            "unsettled",
            platform=found.platform,
            about=found.id,
            says="It was sent, no answer came, and for a day the platform could not be read.",
            accounts=(found.account,),
        )
    return unread
