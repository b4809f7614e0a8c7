"""Notices as work in hand: written with the event that says so, and read by whoever sends or shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gardefou.domain.accounts import MEASURE_SEVERITY
from gardefou.domain.records import Channel
from gardefou.nets.net import CHANNELS
from gardefou.notices.words import Concerned, Told
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all
from gardefou.storage.types import Instant
from gardefou.storage.work import UnitOfWork

#: Accounts that a notice keeps by name; of the others it knows how many there are.
_NAMED = 3
_DOWN = 3
_n = tables.notice.c
_d = tables.delivery.c
_e = tables.enforcement.c
_a = tables.account.c
_COLUMNS = tuple(column.name for column in tables.notice.columns)
_WRITE = Fast(tables.notice.insert(), _COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice as it was written. ``facts`` are words of the domain (`gardefou.notices.words.Told`)."""

    platform: str
    id: str
    kind: str
    to: tuple[str, ...]
    team: str
    accounts: tuple[str, ...]
    about: str
    facts: Mapping[str, Any]
    at: datetime

    @property
    def number(self) -> int:
        """How many accounts it concerns."""
        return int(self.facts.get("accounts", len(self.accounts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notice on its way through one channel, as pages show it. ``state``: waiting, sent or undelivered."""

    notice_id: str
    channel: str
    kind: str
    about: str
    state: str
    at: datetime
    attempts: int
    next_attempt_at: datetime | None
    answer: str
    sent_at: datetime | None
    told_at: datetime | None


def write_notice(
    uow: UnitOfWork,
    kind: str,
    *,
    platform: str,
    about: str,
    accounts: tuple[str, ...],
    to: tuple[str, ...],
    team: str,
    facts: Mapping[str, str],
    shared: bool = False,
) -> str:
    """Write what is to be told, committed with the event that says so or not at all; return its id.

    Who listens is looked up when it is shared out: nothing here depends on the
    channels. ``shared`` is for what goes to one of them already.
    """
    notice_id = uow.ids.new()
    more = {"accounts": len(accounts)} if len(accounts) > _NAMED else {}
    values = {
        "platform": platform,
        "id": notice_id,
        "kind": kind,
        "to": to,
        "team": team,
        "accounts": accounts[:_NAMED],
        "about": about,
        "facts": {**facts, **more},
        "at": uow.now,
        "shared_at": uow.now if shared else None,
    }
    uow.work(tables.notice, _WRITE, values)
    return notice_id


def notice_of(row: Any) -> Notice:
    """Return the notice that a row holds."""
    return Notice(**{name: getattr(row, name) for name in _COLUMNS if name != "shared_at"})


def channels(connection: sa.Connection) -> list[Channel]:
    """Return every channel, by name; those out of use too."""
    return fetch_all(connection, Channel, sa.select(tables.channel).order_by(tables.channel.c.id))


def listens(channel: Channel, notice: Notice) -> bool:
    """Whether a channel takes a notice: by whom it reaches, and by kind.

    What is for everyone goes to every channel. What did not get through one is
    told over the others.
    """
    if not channel.active or notice.facts.get("channel") == channel.id:
        return False
    if channel.kinds and notice.kind not in channel.kinds:
        return False
    named = set(notice.to)
    if "team" in named and notice.team:
        named.add(f"team:{notice.team}")
    return "everyone" in named or bool(named & set(channel.to))


def told(connection: sa.Connection, notice: Notice) -> Told:
    """Return a notice with what is known now of the accounts that it names."""
    known: dict[str, Any] = {}
    since: dict[str, datetime] = {}
    if notice.accounts:
        rows = connection.execute(
            sa.select(_a.ref, _a.handle, _a.reach, _a.tier, _a.measures, _a.read_at).where(
                _a.platform == notice.platform, _a.ref.in_(notice.accounts)
            )
        )
        known = {row.ref: row for row in rows}
        harms = connection.execute(
            sa.select(_e.account, sa.func.min(_e.in_force_at, type_=Instant).label("since"))
            .where(
                _e.platform == notice.platform,
                _e.account.in_(notice.accounts),
                _e.state.in_(("in_force", "restoring")),
                _e.severity >= _DOWN,
            )
            .group_by(_e.account)
        )
        since = {row.account: row.since for row in harms if row.since is not None}
    return Told(
        kind=notice.kind,
        platform=notice.platform,
        about=notice.about,
        accounts=[_concerned(ref, known.get(ref), since.get(ref), notice) for ref in notice.accounts],
        number=notice.number,
        facts=notice.facts,
    )


def _concerned(ref: str, row: Any, since: datetime | None, notice: Notice) -> Concerned:
    if row is None:
        return Concerned(ref=ref)
    if since is None and notice.kind == "drift":
        # Nothing of ours took it down: it has been down since it was seen to be.
        since = notice.at
    down = any(MEASURE_SEVERITY.get(measure, 0) >= _DOWN for measure in row.measures)
    return Concerned(
        ref=ref,
        handle=row.handle,
        reach=row.reach,
        tier=row.tier,
        measures=row.measures if row.read_at is not None else None,
        since=since if down else None,
    )


def last_deliveries(connection: sa.Connection, limit: int, *, before: str = "") -> list[Delivery]:
    """Return how the last notices got through, newest first; ``before`` is the id of a notice."""
    statement = (
        sa.select(tables.delivery, _n.kind, _n.about)
        .join(tables.notice, sa.and_(_n.platform == _d.platform, _n.id == _d.notice_id))
        .order_by(_d.notice_id.desc(), _d.channel.desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(_d.notice_id < before)
    return [
        Delivery(**{name: getattr(row, name) for name in Delivery.__slots__}) for row in connection.execute(statement)
    ]


def health(connection: sa.Connection) -> dict[str, tuple[datetime | None, int]]:
    """Return for each channel when something last got through, and how much waits."""
    last = sa.select(sa.func.max(_d.sent_at)).where(_d.channel == tables.channel.c.id).scalar_subquery()
    sent = connection.execute(sa.select(tables.channel.c.id, sa.type_coerce(last, Instant).label("at")))
    waiting = connection.execute(
        sa.select(_d.channel, sa.func.count()).where(tables.delivery_waiting).group_by(_d.channel)
    )
    number = {row[0]: row[1] for row in waiting}
    return {row.id: (row.at, number.get(row.id, 0)) for row in sent}


def unheard(found: list[Channel]) -> list[str]:
    """Return the names that nets may notify and no channel in use listens to; everyone is whoever there is."""
    heard = {name.split(":")[0] for one in found if one.active for name in one.to}
    return [name for name in CHANNELS if name != "everyone" and name not in heard]
