"""Rolling one person's work back: what it would do, doing it, and how it stands."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query

from gardefou.flow.rollback import RUNNING, RolledBack, begin_rollback, carry, so_far
from gardefou.flow.rollback_preview import ForeseenRollback, foresee, said
from gardefou.flow.rollback_report import documented, head, outcomes_of, rollback_of, standing_of
from gardefou.storage import tables
from gardefou.web import paging, views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Rollback
from gardefou.web.api.staff import PageQuery
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import post

router = APIRouter(tags=["stops"])
TAG = "stops"
#: Up to so many accounts are done before the answer; beyond that the worker does them, and one asks how it stands.
INLINE = 200
_BY_PSEUDONYM = sa.select(tables.staff.c.id).where(tables.staff.c.pseudonym == sa.bindparam("who"))


@post(
    router,
    "/rollbacks",
    Rollback,
    tag=TAG,
    answers={200: "What was withdrawn, or would be.", 202: "It is being done; ask for it by its id."},
    delegable=True,
)
def roll_back(caller: Caller, body: Rollback) -> Answer:
    """Withdraw what one person or service placed in a span of time, and nothing else of theirs.

    With ``dry_run`` nothing changes and the answer says what would: how many of
    each action, and what stands in the way. Up to 200 accounts are done before
    the answer; more are done by the worker, and `GET /rollbacks/{id}` says how
    it stands. Asking again joins what is under way.
    """
    with caller.app.works.read() as connection:
        row = connection.execute(_BY_PSEUDONYM, {"who": body.by}).first()
    whose = body.by if row is None else row.id
    if body.dry_run:
        return Answer(
            document=_foreseen(foresee(caller.app, caller.actor, by=whose, since=body.since, until=body.until))
        )
    done = begin_rollback(caller.app, caller.actor, by=whose, since=body.since, until=body.until)
    if done.record is None:
        return Answer(document=_document(caller, done))
    if len(done.accounts) <= INLINE:
        carry(caller.app, done.record.id)
    caller.app.wake()
    document = _document(caller, so_far(caller.app, done))
    with caller.node.reading() as (connection, names):
        standing = standing_of(connection, rollback_of(connection, done.record.id))
        document |= {name: value for name, value in head(standing, names.of).items() if name not in document}
    return Answer(document=document, status=202 if standing.record.state == RUNNING else 200)


def _document(caller: Caller, done: RolledBack) -> dict[str, Any]:
    with caller.node.reading() as (connection, names):
        restores = views.enforcements(connection, names, done.restores, viewer=caller.actor.id)
    return {
        "dry_run": False,
        "accounts": list(done.accounts),
        "enforcements": list(done.enforcements),
        "restores": restores,
        "barred": list(done.barred),
        "reach": done.reach,
    }


def _foreseen(foreseen: ForeseenRollback) -> dict[str, Any]:
    return {
        "dry_run": True,
        "accounts": [ref for _, ref in foreseen.accounts],
        "enforcements": [one.id for one in foreseen.harms],
        "restores": [],
        "barred": [one.id for one in foreseen.barred],
        "reach": foreseen.reach,
        "actions": dict(foreseen.actions),
        "waits": foreseen.waits,
        "conflicts": [said(one) for one in foreseen.conflicts],
        "running": None if foreseen.running is None else foreseen.running.id,
    }


@router.get("/rollbacks/{id}", response_class=Json)
def show_rollback(caller: Reader, id: str, query: Annotated[PageQuery, Query()]) -> Json:  # noqa: A002 - the contract's name
    """Say how a rollback stands, and at its end report: counts, and a page of its accounts with what became of each."""
    place = paging.decode(query.cursor, str)
    with caller.node.reading() as (connection, names):
        record = rollback_of(connection, id)
        standing = standing_of(connection, record)
        found = outcomes_of(connection, record, after="" if place is None else place[0], limit=query.limit + 1)
        shown, following = paging.page(found, query.limit, lambda pair: paging.encode(pair[0]))
        document = head(standing, names.of)
    return Json(document | {"items": [documented(one) for _, one in shown], "next": following})
