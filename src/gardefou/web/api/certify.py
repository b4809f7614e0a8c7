"""Recertification: which roles lapse when, and confirming that other people still need theirs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from gardefou.domain.records import RoleGrant
from gardefou.flow.recertify import certify, held_roles, quarter
from gardefou.flow.used_powers import countable, is_unused, used_since
from gardefou.web import views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Certify
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import post

router = APIRouter(tags=["staff"])
TAG = "staff"


@router.get("/recertification", response_class=Json)
def list_roles(caller: Reader) -> Json:
    """List the roles that people on duty hold, the one that lapses first at the front, with what nobody used."""
    now = caller.app.now()
    with caller.node.reading() as (connection, names):
        config = caller.app.config(connection)
        held = held_roles(connection, config, now)
        lasts = quarter(config)
        used = used_since(connection, {one.person.id for one in held}, now - lasts) if lasts is not None else {}
        items = [
            {
                **_grant(names, one.grant),
                "lapses_at": views.at(one.lapses_at),
                "unused": lasts is not None and is_unused(one.grant.role, used[one.person.id], now - one.grant.since),
                "used": {
                    power.value: views.at(used.get(one.person.id, {}).get(power))
                    for power in sorted(countable(one.grant.role))
                },
            }
            for one in held
        ]
    return Json({"items": items})


def _grant(names: views.Names, one: RoleGrant) -> dict[str, Any]:
    return {
        "staff": names.of(one.staff_id),
        "role": one.role,
        "since": views.at(one.since),
        "confirmed_at": views.at(one.confirmed_at),
        "confirmed_by": names.of(one.confirmed_by),
    }


@post(router, "/recertification", Certify, tag=TAG, answers={200: "Confirmed for another quarter."})
def confirm_roles(caller: Caller, body: Certify) -> Answer:
    """Confirm that people still need roles they hold: all that are named, or none. Never one's own.

    A lead or an admin with a fresh sign-in does. What nobody confirms lapses;
    taking a role away at once is `POST /staff/{id}/roles`.
    """
    made = certify(caller.app, caller.actor, [(one.staff, one.role) for one in body.grants], body.because)
    with caller.node.reading() as (_, names):
        return Answer(document={"items": [_grant(names, one) for one in made]})
