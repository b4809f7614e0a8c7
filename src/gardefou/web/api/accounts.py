"""Accounts: what is known of one, lifting what was imposed on it, its tier, and the glass."""

from __future__ import annotations

import time
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.break_glass import break_glass
from gardefou.flow.change import propose
from gardefou.flow.restore import Restored, restore
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get
from gardefou.web import paging, views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Because, BreakGlass, TierBody
from gardefou.web.api.changes import proposed
from gardefou.web.api.enforcements import shown
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import post

router = APIRouter(tags=["accounts"])
TAG = "accounts"
_e = tables.enforcement.c


class HistoryQuery(BaseModel):
    """Which page of the account's history."""

    model_config = ConfigDict(extra="forbid")
    cursor: str = ""
    limit: Annotated[int, Field(ge=1, le=paging.MOST)] = paging.DEFAULT


@router.get("/accounts/{platform}/{ref:path}", response_class=Json)
def show_account(caller: Reader, platform: str, ref: str, query: Annotated[HistoryQuery, Query()]) -> Json:
    """Show what is known of an account, and a page of what was ever placed on it, newest first."""
    caller.actor.require_platform(platform)
    where = [_e.platform == platform, _e.account == ref]
    place = paging.decode(query.cursor, str)
    if place is not None:
        where.append(_e.id < place[0])
    statement = sa.select(tables.enforcement).where(*where).order_by(_e.id.desc()).limit(query.limit + 1)
    with caller.node.reading() as (connection, names):
        known = get(connection, Account, platform, ref)
        found = fetch_all(connection, Enforcement, statement)
        if known is None and not found:
            raise NotFound("account/not_found", f"Nothing is known of {ref!r} on {platform!r}.", field="ref")
        page, following = paging.page(found, query.limit, lambda one: paging.encode(one.id))
        document = views.account(known or Account(platform=platform, ref=ref), caller.app.now())
        history = views.enforcements(connection, names, page, viewer=caller.actor.id)
    return Json({**document, "history": {"items": history, "next": following}})


@post(
    router,
    "/accounts/{platform}/{ref:path}/restore",
    Because,
    tag=TAG,
    answers={200: "Lifted, and seen to be so.", 202: "Under way, or waiting for another person."},
    delegable=True,
)
def restore_account(caller: Caller, body: Because, platform: str, ref: str) -> Answer:
    """Lift everything that stands or waits on an account, to the mildest state on record.

    ``confirmed_ms`` are the milliseconds until the platform was seen to be so;
    null while it is not. ``losses`` names what the platform does not bring back;
    ``barred`` what the law keeps in place until two people lift it.
    """
    began = time.perf_counter()
    done = restore(caller.app, caller.actor, platform, ref, body.because)
    took = time.perf_counter() - began
    confirmed = all(one.state == State.IN_FORCE.value for one in done.restores)
    if confirmed and done.restores:
        caller.node.metrics.restores.observe(took)
    document = restored(caller, done)
    document["confirmed_ms"] = round(took * 1000, 1) if confirmed and done.restores else None
    return Answer(document=document, status=200 if confirmed else 202)


def restored(caller: Caller, done: Restored) -> views.Document:
    """Return what a restore did."""
    lifted = [harm for one in done.restores if one.state == State.IN_FORCE.value for harm in one.lifts]
    with caller.node.reading() as (connection, names):
        restores = views.enforcements(connection, names, done.restores, viewer=caller.actor.id)
    return {"restored": lifted, "restores": restores, "barred": list(done.barred), "losses": list(done.losses)}


@post(
    router,
    "/accounts/{platform}/{ref:path}/tier",
    TierBody,
    tag=TAG,
    answers={200: "In force.", 202: "It weakens protection and waits for people."},
)
def set_tier(caller: Caller, body: TierBody, platform: str, ref: str) -> Answer:
    """Set how much review an account gets; raising it takes effect at once."""
    payload = {
        "platform": platform,
        "account": ref,
        "tier": body.tier,
        "because": body.because,
        "until": body.until,
        "handle": body.handle,
    }
    return proposed(caller, propose(caller.app, caller.actor, "tier", payload, body.because))


@post(
    router,
    "/accounts/{platform}/{ref:path}/break-glass",
    BreakGlass,
    tag=TAG,
    answers={201: "Carried out.", 202: "Waiting for one further person."},
)
def break_the_glass(caller: Caller, body: BreakGlass, platform: str, ref: str) -> Answer:
    """Stop a hacked account at once: one further person now, a third within half an hour."""
    made = break_glass(caller.app, caller.actor, platform, ref, body.action, body.because)
    caller.node.metrics.count([made])
    return Answer(document=shown(caller, made), status=202 if made.state == State.WAITING.value else 201)
