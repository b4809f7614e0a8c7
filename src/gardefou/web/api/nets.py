"""The safety nets in force, and proposing others."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter

from gardefou.domain.records import NetsVersion
from gardefou.errors import NotFound
from gardefou.flow.change import propose
from gardefou.storage import tables
from gardefou.storage.records import fetch
from gardefou.web import views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import NetsProposal
from gardefou.web.api.changes import proposed
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import post

router = APIRouter(tags=["nets"])
TAG = "nets"


@router.get("/nets", response_class=Json)
def show_nets(caller: Reader) -> Json:
    """Show the nets in force: each with its condition and reason, and the whole as TOML."""
    newest = sa.select(sa.func.max(tables.nets_version.c.id)).scalar_subquery()
    with caller.node.reading() as (connection, names):
        nets = caller.app.config(connection).nets
        version = fetch(connection, NetsVersion, tables.nets_version.c.id == newest)
        if version is None:
            raise NotFound("nets/not_found", "There are no nets in force.")
        items = [net.to_table() for net in nets]
        return Json({**views.nets(names, version), "items": items})


@post(router, "/nets/proposals", NetsProposal, tag=TAG, answers={201: "In force.", 202: "It waits for people."})
def propose_nets(caller: Caller, body: NetsProposal) -> Answer:
    """Propose other nets. Adding takes effect at once; everything else waits for people."""
    payload: dict[str, Any] = {"name": body.name}
    if body.toml is not None:
        payload["toml"] = body.toml
    else:
        payload |= {"remove": body.remove, "put": body.put}
    return proposed(caller, propose(caller.app, caller.actor, "nets", payload, body.because), made=201)
