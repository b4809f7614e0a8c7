"""Leavers and newcomers: each one's stage, what is lost now and next, what they still hold, and what they did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Staff
from gardefou.domain.states import State
from gardefou.people.authenticate import SIGNIN
from gardefou.people.leaving import Loss
from gardefou.people.roles import Power
from gardefou.people.standing import Now, Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.holdings import DAYS
from gardefou.web.console.leaver_words import LOSS_WORDS, STAGE_WORDS, Ahead, ahead, in_words
from gardefou.web.console.people import NEWCOMER

#: Somebody is shown for so long after their last day: what they did may still have to be looked at.
_GONE = timedelta(days=30)
_MOST = 200
_e = tables.enforcement.c
_c = tables.case.c
_t = tables.token.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One leaver or newcomer."""

    person: Staff
    standing: Now
    lost: tuple[Loss, ...]
    ahead: list[Ahead]
    #: Until when somebody counts as a newcomer.
    newcomer_until: datetime
    claims: int
    open: int
    yeses: int
    tokens: int
    services: int
    placed: int
    undone: int


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of leavers and newcomers."""
    return [console.get("/leavers", show)]


def show(visit: Visit) -> Response:
    """Show every leaver, the nearest last day first, whoever left in the last 30 days, and every newcomer."""
    now = visit.now
    days = int(visit.query("days")) if visit.query("days") in map(str, DAYS) else 7
    with visit.app.works.read() as connection:
        table = visit.app.config(connection).rules.leaver_stages
        everyone = [
            (one, standing_now(one, now, table)) for one in fetch_all(connection, Staff, sa.select(tables.staff))
        ]
        leavers = [pair for pair in everyone if pair[1].standing is Standing.LEAVING or _on_its_way(pair, now)]
        gone = [pair for pair in everyone if pair[1].standing is Standing.LEFT and _lately(pair[0], now)]
        new = [pair for pair in everyone if pair[1].on_duty and now - pair[0].started_at < NEWCOMER]
        far = datetime.max.replace(tzinfo=now.tzinfo)
        leavers.sort(key=lambda pair: (pair[0].last_day_end or far, pair[0].pseudonym))
        gone.sort(key=lambda pair: (pair[0].last_day_end or far, pair[0].pseudonym), reverse=True)
        new.sort(key=lambda pair: pair[0].started_at, reverse=True)
        shown = {one.id for group in (leavers, gone, new) for one, _ in group[:_MOST]}
        counts = _counts(connection, shown, now, now - timedelta(days=days))

    def watched(group: list[tuple[Staff, Now]]) -> list[Watched]:
        return [
            Watched(
                person=one,
                standing=standing,
                lost=in_words(standing.lost),
                ahead=ahead(table, one, standing),
                newcomer_until=one.started_at + NEWCOMER,
                **{name: counted.get(one.id, 0) for name, counted in counts.items()},
            )
            for one, standing in group[:_MOST]
        ]

    return visit.page(
        "leavers.html",
        leavers=watched(leavers),
        gone=watched(gone),
        newcomers=watched(new),
        more=sum(max(0, len(group) - _MOST) for group in (leavers, gone, new)),
        days=days,
        all_days=DAYS,
        stage_words=STAGE_WORDS,
        loss_words=LOSS_WORDS,
        table=[(stage, minutes, [Loss(loss) for loss in lost]) for stage, minutes, lost in table],
        may_lift=visit.may(Power.LIFT),
    )


def _on_its_way(pair: tuple[Staff, Now], now: datetime) -> bool:
    """Whether somebody has a last day that is still too far off for the table."""
    person, standing = pair
    return standing.on_duty and person.last_day_end is not None and person.last_day_end > now


def _lately(person: Staff, now: datetime) -> bool:
    return person.last_day_end is not None and now - person.last_day_end < _GONE


def _counts(
    connection: sa.Connection, people: Collection[str], now: datetime, since: datetime
) -> dict[str, dict[str, int]]:
    """Return by person what they hold and did, by name of `Watched`: a fixed number of queries.

    What waits is in none of what they did: a second look must not know of it.
    """
    wanted = sorted(people)

    def by(column: sa.ColumnElement[str], statement: sa.Select[str, int]) -> dict[str, int]:
        return {str(row[0]): int(row[1]) for row in connection.execute(statement.group_by(column))}

    def count(column: sa.ColumnElement[str]) -> sa.Select[str, int]:
        return sa.select(column, sa.func.count()).where(column.in_(wanted))

    approval = tables.approval.c
    held = (_t.revoked_at.is_(None), sa.or_(_t.expires_at.is_(None), _t.expires_at > now))
    did = count(_e.placed_by).where(_e.placed_at > since, _e.severity > 0, _e.state != State.WAITING.value)
    gone = (State.RESTORED.value, State.RESTORING.value)
    open_ids = sa.select(_e.platform, _e.id).where(tables.enforcement_active)
    yeses = count(approval.by).where(
        sa.tuple_(approval.platform, approval.enforcement_id).in_(open_ids), approval.answer == "yes"
    )
    key_free = sa.type_coerce(_t.scopes, sa.Text).not_like(f'%"{SIGNIN}"%')
    return {
        "claims": by(_c.claimed_by, count(_c.claimed_by).where(tables.case_claimed, _c.claimed_until > now)),
        "open": by(
            _e.placed_by, count(_e.placed_by).where(tables.enforcement_active, _e.state != State.RESTORING.value)
        ),
        "yeses": by(approval.by, yeses),
        "tokens": by(_t.staff_id, count(_t.staff_id).where(*held, _t.service.is_(None), key_free)),
        "services": by(_t.staff_id, count(_t.staff_id).where(*held, _t.service.is_not(None))),
        "placed": by(_e.placed_by, did),
        "undone": by(_e.placed_by, did.where(_e.state.in_(gone))),
    }
