"""The addresses of SCIM: from a request to a call, and back.

Everything is loaded at the first call: an installation that provisions nobody
starts no slower.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gardefou.errors import InvalidInput
from gardefou.people.roles import Power
from gardefou.web.auth import secret_of
from gardefou.web.node import node_of
from gardefou.web.posts import read_body

PREFIX = "/scim/v2"
_JSON = frozenset({"application/scim+json", "application/json"})
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Return every address below ``/scim/v2``."""
    return [Route(f"{PREFIX}/{{path:path}}", serve, methods=_METHODS), Route(PREFIX, serve, methods=_METHODS)]


async def serve(request: Request) -> Response:
    """Answer one request of a provisioning client."""
    node = node_of(request)
    try:
        body = await read_body(request, node.settings.max_body)
    except InvalidInput as error:
        return await run_in_threadpool(_failed, error)
    return await run_in_threadpool(_answer, request, body)


def _failed(error: Exception) -> Response:
    from gardefou.web.scim.calls import failed  # noqa: PLC0415 - at the first call

    return failed(error)


def _answer(request: Request, raw: bytes) -> Response:
    from gardefou.web.scim.calls import Call, Sent  # noqa: PLC0415 - at the first call
    from gardefou.web.scim.service import serve as dispatch  # noqa: PLC0415

    node = node_of(request)
    try:
        actor = node.bearer.actor(secret_of(request))
        actor.require(Power.PROVISION, node.app.now())
        if request.method in {"GET", "HEAD"} or request.url.path.endswith("/.search"):
            # What it writes may take power away, and is never kept waiting.
            node.pace.call(request, actor)
        call = Call(
            app=node.app,
            actor=actor,
            base=f"{node.settings.public_url.rstrip('/') or str(request.base_url).rstrip('/')}{PREFIX}",
            if_match=request.headers.get("if-match", ""),
            if_none_match=request.headers.get("if-none-match", ""),
        )
        path = [part for part in str(request.path_params.get("path", "")).split("/") if part]
        query = dict(request.query_params)
        body = _document(request, raw)
        sent: Sent = dispatch(call, request.method, path, query, body)
        if request.method not in {"GET", "HEAD"}:
            # Whoever was taken off duty just now is so on this node at once.
            node.bearer.forget()
        return sent.response()
    except Exception as error:  # noqa: BLE001 - every error is said in SCIM's own shape
        return _failed(error)


def _document(request: Request, raw: bytes) -> Any:
    if not raw or request.method in {"GET", "HEAD", "DELETE"}:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _JSON:
        raise InvalidInput("http/content_type", "Send JSON with Content-Type: application/scim+json.")
    try:
        document = orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise InvalidInput("input/json", "The body is not JSON.") from None
    if b"\\u0000" in raw and _has_nul(document):
        raise InvalidInput("input/invalid", "The body holds a character that is no text.")
    return document


def _has_nul(document: Any) -> bool:
    """Say whether a text in it holds a NUL, which PostgreSQL keeps nowhere."""
    left: list[Any] = [document]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if "\x00" in one:
                return True
        elif isinstance(one, dict):
            for key, value in cast("dict[str, Any]", one).items():
                left += (key, value)
        elif isinstance(one, list):
            left += cast("Iterable[Any]", one)
    return False
