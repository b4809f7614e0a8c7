"""Bearer tokens: issued once, never shown again, revoked within a second."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gardefou.domain.records import ORGANISATION, Token
from gardefou.errors import InvalidInput
from gardefou.flow.change import propose
from gardefou.flow.leaked import revoke_leaked
from gardefou.people.authenticate import hash_secret, new_secret
from gardefou.people.roles import Power
from gardefou.people.token_use import last_used
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging, views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import NewToken
from gardefou.web.api.changes import proposed
from gardefou.web.api.staff import PageQuery
from gardefou.web.node import Caller, Reader, node_of
from gardefou.web.posts import Body, Nothing, check_json, described, post, read_body

router = APIRouter(tags=["tokens"])
TAG = "tokens"
_t = tables.token.c


@router.get("/tokens", response_class=Json)
def list_tokens(caller: Reader, query: Annotated[PageQuery, Query()]) -> Json:
    """List tokens, newest first: your own, and all of them as an admin or auditor."""
    actor = caller.actor
    statement = sa.select(tables.token).where(_t.platform == ORGANISATION)
    sees_all = Power.TOKENS in actor.powers or (actor.staff is not None and "auditor" in actor.staff.roles)
    if not sees_all:
        statement = statement.where(sa.or_(_t.staff_id == actor.id, _t.issued_by == actor.id, _t.id == actor.token_id))
    place = paging.decode(query.cursor, str)
    if place is not None:
        statement = statement.where(_t.id < place[0])
    with caller.node.reading() as (connection, names):
        found = fetch_all(connection, Token, statement.order_by(_t.id.desc()).limit(query.limit + 1))
        shown, following = paging.page(found, query.limit, lambda one: paging.encode(one.id))
        used = last_used(connection, [one.id for one in shown])
        items = [views.token(names, one, used.get(one.id)) for one in shown]
    return Json({"items": items, "next": following})


@post(router, "/tokens", NewToken, tag=TAG, answers={201: "Issued.", 202: "It works once people have approved it."})
def issue(caller: Caller, body: NewToken) -> Answer:
    """Issue a token for a service, or (without ``service``) your own.

    ``secret`` is in the first answer and never again: only its hash is stored,
    and a repetition with the same Idempotency-Key is answered without it.
    """
    if body.service is not None and not body.service.strip():
        raise InvalidInput("token/whose", "Name the service, or leave it out for a token of your own.", field="service")
    secret, token_id = new_secret(), caller.app.ids.new()
    payload = {
        "id": token_id,
        "hash": hash_secret(secret),
        "scopes": body.scope,
        "service": body.service,
        "staff": None if body.service is not None else caller.actor.id,
        "source": body.source,
        "expires": body.expires,
        "purpose": (body.purpose or body.because)[:500],
        "client": body.client,
        "platforms": body.platforms,
    }
    given = {name: value for name, value in payload.items() if value is not None}
    change = propose(caller.app, caller.actor, "token", given, body.because)
    answer = proposed(caller, change, made=201, once={"secret": secret})
    document = {**answer.document, "token": token_id}
    return Answer(document=document, status=answer.status, once=answer.once)


class Leaked(Body):
    """A secret that was found where it should not be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "gf_…"}]})
    token: Annotated[str, Field(min_length=1, max_length=512)]


_LARGEST = 4_096


@router.post(
    "/tokens/revoke-leaked",
    response_class=Json,
    status_code=202,
    summary="End a secret that was found in the open; whoever holds it may.",
    responses={202: {"description": "Taken. Whether it opened anything is not said."}},
    openapi_extra=described(Leaked, [], method="POST") | {"security": []},
)
async def revoke_leaked_secret(request: Request) -> Response:
    """End a token, sign-in key, session or sign-in link by its secret, without being signed in.

    For scanners that find secrets in the open. The answer is always the same;
    people on duty are told where it was a token or key.
    """
    node = node_of(request)
    node.leaks.take(request.client.host if request.client is not None else "")
    raw = await read_body(request, _LARGEST)
    check_json(request, raw)
    body = Leaked.model_validate_json(raw or b"{}", strict=True)
    await run_in_threadpool(revoke_leaked, node.app, body.token.strip())
    node.bearer.forget()
    return Json({"taken": True}, status_code=202)


@post(router, "/tokens/{id}", Nothing, tag=TAG, method="DELETE", answers={200: "Revoked."})
def revoke(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002 - the contract's name
    """Revoke a token, at once on every node: your own, or any as an admin."""
    return proposed(caller, propose(caller.app, caller.actor, "token_revoke", {"token": id}))
