"""Delivering notices: each is shared out to the channels that listen, and tried until it is taken or given up.

Nothing is sent inside a transaction, and nothing else waits for it. A worker
takes a delivery under a lease, which it renews while it sends: two workers
never send the same at a time, and what a killed one had in hand is taken up
when its lease ends. So a notice is sent twice at most where a worker died
between sending it and noting that it had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, SYSTEM, Channel
from gardefou.flow.app import App
from gardefou.flow.incidents import open_incident
from gardefou.flow.notices import Notice, channels, listens, notice_of, told
from gardefou.notices.post import Sent
from gardefou.notices.words import Message, message
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import get
from gardefou.storage.types import Instant
from gardefou.storage.work import UnitOfWork

#: How long one attempt is a worker's own; renewed while it lasts.
LEASE = timedelta(seconds=60)
#: Days that notices and how they got through are kept for pages to show; the record keeps its events.
KEPT = timedelta(days=30)
_FIRST_RETRY = 5.0
_BATCH = 100

_n = tables.notice.c
_d = tables.delivery.c


def _free(now: Any) -> sa.ColumnElement[bool]:
    return sa.or_(_d.lease_until.is_(None), _d.lease_until <= now)


_NOW = sa.bindparam("now", type_=Instant)
_DUE = Fast(
    sa.select(_d.channel)
    .where(tables.delivery_waiting, _d.next_attempt_at <= _NOW, _free(_NOW))
    .group_by(_d.channel)
    .order_by(_d.channel)
)
_ONE_OVERDUE = Fast(
    sa.select(_d.notice_id)
    .where(
        tables.delivery_waiting,
        sa.or_(
            sa.and_(_d.at <= sa.bindparam("late", type_=Instant), _d.told_at.is_(None)),
            _d.at <= sa.bindparam("old", type_=Instant),
        ),
    )
    .limit(1)
)
_ONE_NEW = Fast(sa.select(_n.id).where(tables.notice_waiting).limit(1))
_NEW = Fast(sa.select(tables.notice).where(tables.notice_waiting).order_by(_n.id).limit(_BATCH))
_SHARED = (
    tables.notice.update()
    .where(_n.platform == sa.bindparam("of_platform"), _n.id == sa.bindparam("of_id"))
    .values(shared_at=sa.bindparam("shared"))
)


@dataclass(frozen=True, slots=True)
class InHand:
    """A delivery that this worker has taken. ``attempt`` tells it from whoever takes it later."""

    platform: str
    notice_id: str
    channel: str
    attempt: int
    key: str
    message: Message


def share_out(app: App) -> int:
    """Make a delivery of each new notice for each channel that listens to it; return how many notices there were."""
    with app.works.read() as connection:
        if _ONE_NEW.first(connection) is None:
            return 0
    with app.works.begin() as uow:
        uow.serialise("notices")
        rows = _NEW.all(uow.connection)
        found = channels(uow.connection)
        made = [
            _new_delivery(notice, channel.id, uow)
            for notice in map(notice_of, rows)
            for channel in found
            if listens(channel, notice)
        ]
        if made:
            uow.connection.execute(tables.delivery.insert(), made)
        if rows:
            shared = [{"of_platform": row.platform, "of_id": row.id, "shared": uow.now} for row in rows]
            uow.connection.execute(_SHARED, shared)
    return len(rows)


def _new_delivery(notice: Notice, channel: str, uow: UnitOfWork) -> dict[str, Any]:
    return {
        "platform": notice.platform,
        "notice_id": notice.id,
        "channel": channel,
        "state": "waiting",
        "at": notice.at,
        "attempts": 0,
        "next_attempt_at": uow.now,
        "lease_until": None,
        "answer": "",
        "sent_at": None,
        "told_at": None,
    }


def waiting_channels(app: App) -> list[str]:
    """Return the channels for which something is due now."""
    now = app.now()
    with app.works.read() as connection:
        return [row.channel for row in _DUE.all(connection, {"now": now})]


def take(app: App, channel: str, *, address: str) -> InHand | None:
    """Take the oldest delivery that is due through a channel, with its words; None where there is none for us.

    A channel that was taken out of use gets nothing any more. One whose address
    is not in this machine's key store is left to a worker that has it.
    ``address`` is the console's, for links.
    """
    with app.works.begin() as uow:
        row = uow.connection.execute(
            sa.select(tables.delivery)
            .where(_d.channel == channel, tables.delivery_waiting, _d.next_attempt_at <= uow.now, _free(uow.now))
            .order_by(_d.next_attempt_at, _d.notice_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        where = (_d.platform == row.platform, _d.notice_id == row.notice_id, _d.channel == channel)
        found = get(uow.connection, Channel, ORGANISATION, channel)
        if found is None or not found.active:
            uow.connection.execute(
                tables.delivery.update()
                .where(_d.channel == channel, tables.delivery_waiting, _free(uow.now))
                .values(state="undelivered", answer="no_channel")
            )
            return None
        if not app.post.has(found.key):
            if row.answer != "no_address":
                uow.connection.execute(tables.delivery.update().where(*where).values(answer="no_address"))
            return None
        notice = notice_of(
            uow.connection.execute(
                sa.select(tables.notice).where(_n.platform == row.platform, _n.id == row.notice_id)
            ).one()
        )
        attempt = row.attempts + 1
        uow.connection.execute(
            tables.delivery.update().where(*where).values(attempts=attempt, lease_until=uow.now + LEASE)
        )
        words = message(told(uow.connection, notice), language=found.language, address=address, now=uow.now)
        return InHand(row.platform, row.notice_id, channel, attempt, found.key, words)


def _ours(one: InHand) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _d.platform == one.platform,
        _d.notice_id == one.notice_id,
        _d.channel == one.channel,
        _d.attempts == one.attempt,
        tables.delivery_waiting,
    )


def renew(app: App, one: InHand) -> None:
    """Keep a delivery that is still being sent."""
    with app.works.begin() as uow:
        uow.connection.execute(tables.delivery.update().where(*_ours(one)).values(lease_until=uow.now + LEASE))


def note(app: App, one: InHand, sent: Sent) -> bool:
    """Note what an attempt came to; return whether it was still ours to note.

    What was not taken is tried again with backoff to a ceiling, and given up
    after ``notice_give_up_seconds``.
    """
    with app.works.begin() as uow:
        if sent.ok:
            values: dict[str, Any] = {"state": "sent", "sent_at": uow.now}
        else:
            rules = app.config(uow.connection).rules
            wait = min(_FIRST_RETRY * 2 ** min(one.attempt - 1, 12), float(rules.retry_ceiling_seconds))
            values = {"next_attempt_at": uow.now + timedelta(seconds=wait)}
        done = uow.connection.execute(
            tables.delivery.update().where(*_ours(one)).values(answer=sent.answer, lease_until=None, **values)
        )
        return done.rowcount == 1


def give_up(app: App) -> int:
    """Give up what is too old to be news, and open an incident for each channel that lets nothing through.

    One outage is told once: the next time is after something got through again.

    Writes `notice.undelivered`, `incident.opened` and `alert.raised`.
    """
    now = app.now()
    with app.works.read() as connection:
        rules = app.config(connection).rules
        late = now - timedelta(seconds=rules.notice_alert_seconds)
        old = now - timedelta(seconds=rules.notice_give_up_seconds)
        if _ONE_OVERDUE.first(connection, {"late": late, "old": old}) is None:
            return 0
    with app.works.begin() as uow:
        uow.serialise("notices")
        rows = uow.connection.execute(
            sa.select(tables.delivery, _n.kind)
            .join(tables.notice, sa.and_(_n.platform == _d.platform, _n.id == _d.notice_id))
            .where(tables.delivery_waiting, _d.at <= late, _d.told_at.is_(None))
            .order_by(_d.at, _d.notice_id)
            .limit(_BATCH)
        ).all()
        for row in rows:
            # That a channel is broken is no news about the others that it is told over.
            if row.kind != "undelivered" and not _told_already(uow.connection, row.channel):
                _tell(uow, row, minutes=max(1, rules.notice_alert_seconds // 60))
            uow.connection.execute(
                tables.delivery.update()
                .where(_d.platform == row.platform, _d.notice_id == row.notice_id, _d.channel == row.channel)
                .values(told_at=uow.now)
            )
        given_up = uow.connection.execute(
            tables.delivery.update()
            .where(tables.delivery_waiting, _d.at <= old, _free(uow.now))
            .values(state="undelivered", lease_until=None)
        )
        return len(rows) + given_up.rowcount


def _told_already(connection: sa.Connection, channel: str) -> bool:
    """Whether people were told of this channel since something last got through it."""
    last_told, last_sent = (
        connection.execute(sa.select(sa.func.max(column, type_=Instant)).where(_d.channel == channel)).scalar_one()
        for column in (_d.told_at, _d.sent_at)
    )
    return last_told is not None and (last_sent is None or last_sent <= last_told)


def _tell(uow: UnitOfWork, row: Any, *, minutes: int) -> None:
    # Tried, and not heard of again: it hangs.
    answer = row.answer or ("too_slow" if row.attempts else "")
    detail = {"channel": row.channel, "attempts": row.attempts, "answer": answer}
    uow.record("notice.undelivered", by=SYSTEM, about=row.notice_id, detail=detail)
    open_incident(
        uow,
        platform=ORGANISATION,
        kind="undelivered",
        accounts=(),
        summary=f"Notices through the channel {row.channel} do not get through.",
        detail=detail,
        facts={"channel": row.channel, "answer": answer, "minutes": str(minutes)},
    )


def forget(app: App) -> int:
    """Drop notices that are older than `KEPT`, and how they got through; return how many."""
    with app.works.begin() as uow:
        before = uow.now - KEPT
        uow.connection.execute(tables.delivery.delete().where(_d.at < before))
        return uow.connection.execute(tables.notice.delete().where(_n.at < before)).rowcount
