"""The safety nets in force, what they let one person do, why one stopped something, and proposing others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter

from gardefou.domain.records import NetsVersion
from gardefou.errors import NotFound
from gardefou.flow.change import propose
from gardefou.flow.explain import explanation
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.second_look import is_hidden
from gardefou.nets.alone_page import alone
from gardefou.nets.examine import warnings_of
from gardefou.nets.load import load
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


@router.get("/nets/alone", response_class=Json)
def show_alone(caller: Reader) -> Json:
    """Say what one person can do alone under the nets in force, proved; and the promises that do not hold."""
    with caller.node.reading() as (connection, _):
        nets = caller.app.config(connection).nets
    return Json(alone(nets).to_json())


@router.get("/enforcements/{id}/explanation", response_class=Json)
def explain_enforcement(caller: Reader, id: str) -> Json:  # noqa: A002 - the contract's name
    """Say which facts made which net speak on an enforcement, and what would satisfy the nets now."""
    with caller.node.reading() as (connection, _):
        found = enforcement_by_id(connection, id)
        if found is None or not caller.actor.sees(found.platform):
            raise NotFound("enforcement/not_found", f"There is no enforcement {id!r}; check the id.")
        given = views.approvals_of(connection, [found]).get(found.id, [])
        told = explanation(
            connection,
            found,
            caller.app.config(connection),
            now=caller.app.now(),
            blind=is_hidden(found, given, caller.actor.id),
        )
    return Json(told.to_json())


@post(router, "/nets/proposals", NetsProposal, tag=TAG, answers={201: "In force.", 202: "It waits for people."})
def propose_nets(caller: Caller, body: NetsProposal) -> Answer:
    """Propose other nets. Adding takes effect at once; everything else waits for people.

    `warnings` tells of conditions that never or always hold, and of nets that others always cover.
    """
    payload: dict[str, Any] = {"name": body.name}
    if body.toml is not None:
        payload["toml"] = body.toml
    else:
        payload |= {"remove": body.remove, "put": body.put}
    change = propose(caller.app, caller.actor, "nets", payload, body.because)
    answer = proposed(caller, change, made=201)
    found = warnings_of(load((change.change or {})["toml"], "proposal"))
    return replace(answer, document={**answer.document, "warnings": [one.to_json() for one in found]})
