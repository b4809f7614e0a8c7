"""What a person still holds and did lately, as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Case, Enforcement, Staff, Token
from gardefou.domain.states import State
from gardefou.people.authenticate import SIGNIN
from gardefou.people.token_use import last_used
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Visit
from gardefou.web.console.reading import PAGE, Row, rows

_c = tables.case.c
_e = tables.enforcement.c
#: Days back that people look.
DAYS = (1, 7, 30)
_WAITING_MOST = 300
#: What waits for people, by what tells whom: hundreds are looked through, few are shown.
_WAITING = Fast(
    sa.select(_e.id, _e.placed_by, _e.humans, _e.verdict, _e.change)
    .where(tables.enforcement_active, _e.state == State.WAITING.value, _e.approved_at.is_(None))
    .order_by(_e.id)
    .limit(_WAITING_MOST)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a person still holds."""

    claims: list[Case]
    #: What they placed that is not at its end: waits, is on its way.
    open: list[Row]
    #: Yeses of theirs on what is not carried out: they do not count any more once they leave.
    yeses: list[Row]
    #: What waits for somebody of their roles.
    awaited: list[Row]
    #: How many that is in all, up to `_WAITING_MOST`.
    answers: int
    tokens: list[Token]
    services: list[Token]
    #: When each token was last used, by its id.
    used: dict[str, datetime]
    #: Changes about them that wait.
    asked: list[Row]


def holding_of(connection: sa.Connection, visit: Visit, person: Staff) -> Holding:
    """Return what a person still holds, as the visitor may see it: no blind look is told."""
    viewer = visit.actor.id
    claims = fetch_all(
        connection,
        Case,
        sa.select(tables.case)
        .where(tables.case_claimed, _c.claimed_by == person.id, _c.claimed_until > visit.now)
        .order_by(_c.claimed_until)
        .limit(PAGE),
    )
    active = sa.select(tables.enforcement).where(tables.enforcement_active)
    placed = fetch_all(connection, Enforcement, active.where(_e.placed_by == person.id).order_by(_e.id).limit(PAGE))
    approval = tables.approval.c
    given = fetch_all(
        connection,
        Enforcement,
        active.join(tables.approval, sa.and_(approval.platform == _e.platform, approval.enforcement_id == _e.id))
        .where(approval.by == person.id, approval.answer == "yes")
        .order_by(_e.id)
        .limit(PAGE),
    )
    waiting = _WAITING.all(connection)
    spoken = {one.id for one in given}
    awaited_ids = [one.id for one in waiting if one.id not in spoken and _could_answer(person, one)]
    about_ids = [one.id for one in waiting if one.change is not None and one.change.get("person") == person.id]
    shown_ids = {*awaited_ids[:PAGE], *about_ids[:PAGE]}
    read = fetch_all(connection, Enforcement, active.where(_e.id.in_(sorted(shown_ids))).order_by(_e.id))
    awaited = [one for one in read if one.id in set(awaited_ids)]
    about = [one for one in read if one.id in set(about_ids)]
    tokens = fetch_all(
        connection,
        Token,
        sa.select(tables.token).where(
            tables.token.c.staff_id == person.id,
            tables.token.c.revoked_at.is_(None),
            sa.or_(tables.token.c.expires_at.is_(None), tables.token.c.expires_at > visit.now),
        ),
    )
    # A row that names nobody would still say whose it is on this page: what is blind is left out.
    lists = (placed, given, awaited, about)
    every = {one.id: one for some in lists for one in some}
    seen = {row.enforcement.id: row for row in rows(connection, list(every.values()), viewer) if not row.blind}
    shown = [[seen[one.id] for one in some if one.id in seen] for some in lists]
    return Holding(
        claims=claims,
        open=shown[0],
        yeses=shown[1],
        awaited=shown[2],
        answers=len(awaited_ids) - (len(awaited) - len(shown[2])),
        asked=shown[3],
        tokens=[one for one in tokens if one.service is None and SIGNIN not in one.scopes],
        services=[one for one in tokens if one.service is not None],
        used=last_used(connection, [one.id for one in tokens]),
    )


def _could_answer(person: Staff, one: Any) -> bool:
    """Whether a seat is asked for that one of their roles fills, on what they are not behind."""
    if person.id in {one.placed_by, *one.humans}:
        return False
    return any(set(need["from"]) & set(person.roles) for need in one.verdict["approvals"])


def did_lately(connection: sa.Connection, visit: Visit, person: Staff, days: int) -> tuple[list[Row], int]:
    """Return the newest that a person placed in some days, and how many of these were undone."""
    found = fetch_all(
        connection,
        Enforcement,
        sa.select(tables.enforcement)
        .where(_e.placed_by == person.id, _e.placed_at > visit.now - timedelta(days=days))
        .order_by(_e.placed_at.desc())
        .limit(PAGE),
    )
    shown = [row for row in rows(connection, found, visit.actor.id) if not row.blind]
    gone = {State.RESTORED.value, State.RESTORING.value}
    return shown, sum(row.enforcement.state in gone for row in shown)
