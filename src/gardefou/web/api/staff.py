"""Colleagues, by pseudonym: who there is, arriving, roles, leaving, and revealing a name."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import NotFound
from gardefou.flow.budget import top_up
from gardefou.flow.change import propose
from gardefou.flow.names import find_person, read_name, revealings_of
from gardefou.flow.newcomers import keep_newcomer, newcomer
from gardefou.people.last_days import refuse_over
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all, get
from gardefou.web import paging, views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Because, FindStaff, Leave, NewStaff, Roles, Suspend
from gardefou.web.api.changes import proposed
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import Nothing, post

router = APIRouter(tags=["staff"])
TAG = "staff"
_WAITS = {200: "In force.", 202: "It waits for people."}


class PageQuery(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid")
    cursor: str = ""
    limit: Annotated[int, Field(ge=1, le=paging.MOST)] = paging.DEFAULT


@router.get("/me", response_class=Json)
def show_me(caller: Reader) -> Json:
    """Say who you are here: roles, powers, and what your token allows."""
    actor = caller.actor
    who: dict[str, Any] = {"kind": "service", "id": actor.service}
    if actor.staff is not None:
        now = caller.app.now()
        with caller.node.reading() as (connection, names):
            told = [views.revealing(names, one) for one in revealings_of(connection, actor.staff.id, now)]
        who = {"kind": "person", **views.staff(actor.staff, now), "name_revealed": told}
    who |= {
        "scope": None if actor.scopes is None else list(actor.scopes),
        "platforms": list(actor.platforms) or None,
        "powers": sorted(power.value for power in actor.powers),
        "signed_in_strongly_at": views.at(actor.strong_at),
    }
    return Json(who)


@router.get("/staff", response_class=Json)
def list_staff(caller: Reader, query: Annotated[PageQuery, Query()]) -> Json:
    """List colleagues by pseudonym, in alphabetical sequence."""
    statement = sa.select(tables.staff).order_by(tables.staff.c.pseudonym).limit(query.limit + 1)
    place = paging.decode(query.cursor, str)
    if place is not None:
        statement = statement.where(tables.staff.c.pseudonym > place[0])
    with caller.app.works.read() as connection:
        found = fetch_all(connection, Staff, statement)
    shown, following = paging.page(found, query.limit, lambda one: paging.encode(one.pseudonym))
    now = caller.app.now()
    return Json({"items": [views.staff(one, now) for one in shown], "next": following})


@router.get("/staff/{id}", response_class=Json)
def show_staff(caller: Reader, id: str) -> Json:  # noqa: A002 - the contract's name
    """Show one colleague."""
    return Json(views.staff(_find(caller, id), caller.app.now()))


def _find(caller: Caller, who: str) -> Staff:
    with caller.app.works.read() as connection:
        found = fetch(connection, Staff, tables.staff.c.pseudonym == who) or get(connection, Staff, ORGANISATION, who)
    if found is None:
        raise NotFound("staff/not_found", f"There is no colleague {who!r}; check the pseudonym.")
    return found


@router.get("/staff/{id}/name", response_class=Json)
def show_name(caller: Reader, id: str) -> Json:  # noqa: A002
    """Say the name behind a pseudonym: to whoever had it revealed, for a day after that. Each reading is on record."""
    person = _find(caller, id)
    entry = read_name(caller.app, caller.actor, person.id)
    return Json({"id": person.pseudonym, "name": entry.name, "email": entry.email})


@post(router, "/staff/search", FindStaff, tag=TAG, answers={200: "Who it is, or null."})
def search(caller: Caller, body: FindStaff) -> Answer:
    """Find the one person with exactly this whole name, or this address: for those who add people, or reveal.

    At most twenty times an hour; on record with whom it found, and without what was asked.
    """
    found = find_person(caller.app, caller.actor, name=body.name, email=body.email)
    return Answer(document={"found": None if found is None else views.staff(found, caller.app.now())})


@post(router, "/staff", NewStaff, tag=TAG, answers={201: "Added.", 202: "It waits for people."})
def add_staff(caller: Caller, body: NewStaff) -> Answer:
    """Add a colleague. The name is sealed at once; everything answers with the pseudonym."""
    refuse_over(body.last_day, caller.app.now())
    payload = {
        "roles": body.roles,
        "team": body.team,
        "employer": body.employer,
        "started": body.started,
        "last_day": body.last_day,
    }
    issuer = body.issuer or caller.node.settings.oidc_issuer
    who = newcomer(caller.app, name=body.name, email=body.email, subject=body.subject, issuer=issuer)
    change = propose(caller.app, caller.actor, "staff_add", payload, body.because)
    keep_newcomer(caller.app, change, who)
    return proposed(caller, change, made=201)


@post(router, "/staff/{id}/roles", Roles, tag=TAG, answers=_WAITS)
def change_roles(caller: Caller, body: Roles, id: str) -> Answer:  # noqa: A002
    """Add roles (which waits for people), remove them (at once), or change the team."""
    payload = {"staff": _find(caller, id).id, "add": body.add, "remove": body.remove, "team": body.team}
    return proposed(caller, propose(caller.app, caller.actor, "role", payload, body.because))


@post(router, "/staff/{id}/leave", Leave, tag=TAG, answers=_WAITS)
def give_notice(caller: Caller, body: Leave, id: str) -> Answer:  # noqa: A002
    """Set the last day. An earlier one counts at once; a later one, or none, waits for people."""
    refuse_over(body.last_day, caller.app.now())
    payload = {"staff": _find(caller, id).id, "last_day": body.last_day}
    return proposed(caller, propose(caller.app, caller.actor, "leave", payload, body.because))


@post(router, "/staff/{id}/off", Nothing, tag=TAG, answers={200: "All powers are gone."})
def put_off(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Take all powers away, now: tokens, sessions, claims, and what waits in the person's name."""
    return proposed(caller, propose(caller.app, caller.actor, "off", {"staff": _find(caller, id).id}))


@post(router, "/staff/{id}/suspend", Suspend, tag=TAG, answers=_WAITS)
def suspend(caller: Caller, body: Suspend, id: str) -> Answer:  # noqa: A002
    """Take a colleague off duty for now, at once, with tokens, sessions, claims and what waits; or ``end`` that.

    Coming back waits for people, and brings back neither tokens nor a sign-in key.
    """
    payload = {"staff": _find(caller, id).id, "suspended": not body.end}
    return proposed(caller, propose(caller.app, caller.actor, "suspend", payload, body.because))


@post(router, "/staff/{id}/top-up", Nothing, tag=TAG, answers={201: "Twice the budget, until then."})
def top_up_budget(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Give a colleague twice their budgets for sixty minutes, at most twice a shift; never your own.

    What waits already waits on: answer for it with ``POST /enforcements/approvals``.
    """
    made = top_up(caller.app, caller.actor, _find(caller, id).id)
    with caller.node.reading() as (_, names):
        return Answer(document=views.top_up(names, made), status=201)


@post(router, "/staff/{id}/reveal", Because, tag=TAG, answers=_WAITS)
def reveal(caller: Caller, body: Because, id: str) -> Answer:  # noqa: A002
    """Have the name behind a pseudonym revealed to you for a day: legal and one more; the person is told.

    Once it is in force, ``GET /staff/{id}/name`` says it.
    """
    payload = {"staff": _find(caller, id).id, "because": body.because}
    return proposed(caller, propose(caller.app, caller.actor, "reveal", payload, body.because))


@post(router, "/staff/{id}/erase", Because, tag=TAG, answers=_WAITS)
def erase(caller: Caller, body: Because, id: str) -> Answer:  # noqa: A002
    """Erase who a leaver was, for good; it waits for people. The record of acts, and its proofs, stay as they are."""
    return proposed(caller, propose(caller.app, caller.actor, "erase", {"staff": _find(caller, id).id}, body.because))
