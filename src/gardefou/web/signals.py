"""Where the identity provider's security events come in: SETs over push (RFC 8417, RFC 8935).

What proves an event is its signature. A transmitter that sends a bearer token
besides must send a good one, of a service that provisions.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gardefou.errors import Denied, GardefouError, Unavailable
from gardefou.flow.signals import check, receive, refused
from gardefou.people.published_keys import PublishedKeys, UnusableAnswer, ask, check_address, new_client
from gardefou.people.roles import Power
from gardefou.people.signed_tokens import LONGEST, verify
from gardefou.settings import Settings
from gardefou.web.auth import secret_of
from gardefou.web.node import Node, node_of
from gardefou.web.posts import read_body
from gardefou.web.problems import as_error, problem

PATH = "/ssf/events"
MEDIA_TYPE = "application/secevent+jwt"


class Signals:
    """Takes the events of the one transmitter that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.signals_issuer
        self._audience = settings.signals_audience or f"{settings.address}{PATH}"
        self._keys = keys_at(settings.signals_jwks_url)

    async def take(self, request: Request) -> Response:
        """Answer one delivery: 202 where it is taken, now or before."""
        try:
            _check_type(request)
            raw = await read_body(request, LONGEST)
            return await run_in_threadpool(self._take, request, node_of(request), raw)
        except Exception as error:
            known = as_error(error)
            if known is None:
                raise
            return _refused(known)

    def _take(self, request: Request, node: Node, raw: bytes) -> Response:
        app = node.app
        if "authorization" in request.headers:
            node.bearer.actor(secret_of(request)).require(Power.PROVISION, app.now())
        token = verify(raw.strip().decode("ascii", "replace"), self._keys, types=("secevent+jwt",), refuse=refused)
        check(token, issuer=self._issuer, audience=self._audience, now=app.now())
        receive(app, token.claims)
        node.bearer.forget()
        return Response(None, 202)


def keys_at(url: str) -> PublishedKeys:
    """Return the keys that a transmitter publishes at an address.

    Raises:
        InvalidInput: it is no https address (`signed_token/keys_url`).
    """
    check_address(url)

    def fetch() -> dict[str, Any]:
        with new_client() as client:
            return ask(client, "GET", url)[1]

    return PublishedKeys(fetch, _not_had)


def _not_had(_error: UnusableAnswer) -> Unavailable:
    return Unavailable("signed_token/keys", "The keys that it is signed with cannot be fetched now.")


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise refused("request", f"send it as {MEDIA_TYPE}")


def _refused(error: GardefouError) -> Response:
    """Return the answer that a transmitter understands (RFC 8935, 2.3)."""
    if isinstance(error, Unavailable):
        return problem(error)
    area, _, name = error.code.partition("/")
    err = name if area == "signal" else "invalid_request"
    if isinstance(error, Denied):
        err = "authentication_failed"
    document = {"err": err, "description": error.message}
    return Response(orjson.dumps(document), 400, {"Content-Language": "en"}, "application/json")


def signal_routes(settings: Settings) -> list[Route]:
    """Return where events come in.

    Raises:
        InvalidInput: the keys' address is none (`signed_token/keys_url`).
    """
    return [Route(PATH, Signals(settings).take, methods=["POST"])]
