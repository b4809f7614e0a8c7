"""Platforms: which are registered, and registering another."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter

from gardefou.domain.records import ORGANISATION, PlatformEntry
from gardefou.errors import InvalidInput
from gardefou.flow.change import propose
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get
from gardefou.web import views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import NewPlatform
from gardefou.web.api.changes import proposed
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import post

router = APIRouter(tags=["platforms"])
TAG = "platforms"
_KINDS = ("sandbox", "webhook", "synapse")


@router.get("/platforms", response_class=Json)
def list_platforms(caller: Reader) -> Json:
    """List the registered platforms; credentials are not in it."""
    with caller.app.works.read() as connection:
        everyone = sa.select(tables.platform_entry).order_by(tables.platform_entry.c.id)
        found = fetch_all(connection, PlatformEntry, everyone)
    return Json({"items": [views.platform(one) for one in found if caller.actor.sees(one.id)], "next": None})


@post(router, "/platforms", NewPlatform, tag=TAG, answers={201: "In force.", 202: "It waits for people."})
def register(caller: Caller, body: NewPlatform) -> Answer:
    """Register a platform, or (``active: false``) take one out of use.

    Its credentials must lie in the node's key store already; they never travel
    here. What it acts on is asked of the connector, not of the caller.
    """
    caller.actor.require(Power.PLATFORMS, caller.app.now())
    payload: dict[str, Any] = {"name": body.name, "active": body.active}
    if body.active:
        payload |= {"kind": body.kind or "", "config": body.config, "endpoint": _endpoint(caller, body)}
    return proposed(caller, propose(caller.app, caller.actor, "platform", payload, body.because), made=201)


def _endpoint(caller: Caller, body: NewPlatform) -> str:
    """Return the proven identity of what would be acted on (R9), as the connector tells it."""
    if body.kind not in _KINDS:
        raise InvalidInput("platform/kind", f"kind is one of {', '.join(_KINDS)}.", field="kind")
    if not body.name.replace("-", "").replace("_", "").isalnum() or not body.name.isascii():
        raise InvalidInput("platform/name", "A name has letters, digits, - and _.", field="name")
    with caller.app.works.read() as connection:
        known = get(connection, PlatformEntry, ORGANISATION, body.name)
    if body.kind == "sandbox":
        return known.endpoint if known is not None else f"sandbox:{body.name}"
    entry = PlatformEntry(id=body.name, kind=body.kind, endpoint="", config=body.config, added_at=caller.app.now())
    try:
        return caller.app.make_connector(entry).describe().endpoint
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            "platform/config", f"config does not fit a platform of kind {body.kind}: {error}.", field="config"
        ) from error
