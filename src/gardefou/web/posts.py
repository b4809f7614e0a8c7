"""How every change comes in: who is calling, a body within bounds, checked, done once, answered.

Handlers are plain functions and run in a thread of their own: they may wait
for the store and for platforms. The sequence is the same for all: token, then
size and form of the body, then its fields, then the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gardefou.errors import Denied, InvalidInput
from gardefou.people.roles import Power
from gardefou.web.answers import Answer
from gardefou.web.auth import secret_of
from gardefou.web.delegation import acting_for, address_of, assertion_of
from gardefou.web.idempotency import Given, digest_of, once
from gardefou.web.node import Caller, Node, node_of
from gardefou.web.walls import keep_within

_NAMES = re.compile(r"{(\w+)(?::\w+)?}")

KEY_HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"


class Body(BaseModel):
    """A request's JSON: types are exact, and an unknown field is an error."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Nothing(Body):
    """A request that says nothing more; its body may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


B = TypeVar("B", bound=Body)
#: Takes the caller, the body and, by name, what stands in the path.
Handler = Callable[..., Answer]


async def caller_of(request: Request, power: Power) -> Caller:
    """Return the caller, who has the power; a token that was just read costs no thread."""
    node = node_of(request)
    secret = secret_of(request)
    actor = node.bearer.remembered(secret)
    if actor is None:
        actor = await run_in_threadpool(node.bearer.read, secret)
    node.pace.call(request, actor)
    actor.require(power, node.app.now())
    keep_within(request, actor)
    return Caller(node, actor)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body, reading no more than allowed.

    Raises:
        InvalidInput: it is longer (`http/too_large`).
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def too_large(limit: int) -> InvalidInput:
    """Return the error for a body beyond its bound."""
    return InvalidInput("http/too_large", f"A body has at most {limit} bytes here.", extra={"limit": limit})


def check_json(request: Request, body: bytes) -> None:
    """Raise unless the body says that it is plain JSON (`http/content_type`)."""
    if not body:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if kind != "application/json" or coding != "identity":
        raise InvalidInput("http/content_type", "Send plain JSON with Content-Type: application/json.")


def post(
    router: APIRouter,
    path: str,
    body: type[B],
    *,
    answers: dict[int, str],
    tag: str,
    method: str = "POST",
    delegable: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler for a change; its docstring is its text in the reference.

    ``answers`` says in words what each good status means; ``delegable``
    whether a service may make the call for a person.
    """
    names = _NAMES.findall(path)

    def register(handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            caller = await caller_of(request, Power.READ)
            raw = await read_body(request, caller.node.settings.max_body)
            check_json(request, raw)
            asserted = assertion_of(request)
            if asserted is not None:
                if not delegable:
                    raise Denied("delegation/not_here", "This is done in person; a service does it for nobody.")
                url = address_of(request, caller)
                caller = await run_in_threadpool(acting_for, caller, asserted, method=request.method, url=url, body=raw)
            key = request.headers.get(KEY_HEADER)
            place = {name: str(request.path_params[name]) for name in names}
            call = (request.method, request.url.path)
            return await run_in_threadpool(_serve, handler, caller, body, raw, call, key, place)

        lines = (handler.__doc__ or "").strip().partition("\n")
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            name=handler.__name__,
            operation_id=f"{handler.__module__.rpartition('.')[2]}_{handler.__name__}",
            summary=lines[0],
            description=lines[2].strip() or lines[0],
            tags=[tag],
            status_code=min(answers),
            responses={status: {"description": says} for status, says in answers.items()},
            openapi_extra=described(body, names, method=method, delegable=delegable),
        )
        return handler

    return register


def described(body: type[Body], names: list[str], *, method: str, delegable: bool = False) -> dict[str, Any]:
    """Return what OpenAPI is to say of a call's parameters and body."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if method == "DELETE":
        return {"parameters": parameters}
    parameters.append(
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key and body give the same answer.",
            "schema": {"type": "string", "maxLength": 255},
        }
    )
    if delegable:
        parameters.append(
            {
                "name": "Gardefou-On-Behalf-Of",
                "in": "header",
                "required": False,
                "description": "An assertion of the identity provider, with which a service acts for a person.",
                "schema": {"type": "string"},
            }
        )
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    examples = schema.pop("examples", [{}])
    return {
        "parameters": parameters,
        "requestBody": {
            "required": bool(schema.get("required")),
            "content": {"application/json": {"schema": schema, "example": examples[0]}},
        },
        "x-schemas": nested,
    }


def _serve(
    handler: Handler,
    caller: Caller,
    body: type[Body],
    raw: bytes,
    call: tuple[str, str],
    key: str | None,
    place: dict[str, str],
) -> Response:
    parsed = body.model_validate_json(raw.strip() or b"{}", strict=True)

    def work() -> Answer:
        return handler(caller, parsed, **place)

    if key is None:
        return work().response()
    actor = caller.actor
    # A service's keys for a person are neither that person's own nor another service's.
    who = f"{actor.through}\n{actor.id}" if actor.through else actor.id
    if actor.platforms:
        # Nor is what a token for one platform was answered an answer for another's.
        who = "\n".join((who, *actor.platforms))
    return send(once(caller.app, who, key, digest_of(caller.app, *call, raw), work))


def send(given: Given, media_type: str = "application/json") -> Response:
    """Return an answer that was done once, saying whether it is a repetition."""
    if given.status >= 400:
        media_type = "application/problem+json"
    headers = {REPLAYED: "true"} if given.replayed else None
    return Response(given.body, given.status, headers, media_type)


def forget(node: Node) -> None:
    """After a change to people or tokens: read everyone anew."""
    node.bearer.forget()
