"""Errors as RFC 9457 problem details: the only place where an error becomes an HTTP status.

InvalidInput is 400, NotFound 404, Conflict 409, TooOften 429, Unavailable 503,
both with Retry-After. Denied is 401 where nobody is signed in (`auth/missing`,
`auth/invalid`, `auth/signed_out`) and 403 otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, NotFound, TooManyTries, TooOften, Unavailable
from gardefou.speech import later

_log = logging.getLogger("gardefou.web")

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a call that could not be served may be made again.
RETRY_SECONDS = 1
#: Nobody is signed in: another sign-in or token may help.
_SIGNED_OUT = frozenset({"auth/invalid", "auth/signed_out", "auth/missing"})

#: What each status of an error means, in words.
TITLES = {
    400: later("The request is wrong"),
    401: later("Sign in first"),
    403: later("Not allowed"),
    404: later("Not found"),
    405: later("Not with this method"),
    408: later("Too slow"),
    409: later("The present state stands against it"),
    413: later("Too large"),
    415: later("Not in this format"),
    429: later("Too often"),
    431: later("Too much before the body"),
    500: later("Something is broken here"),
    503: later("Try again in a moment"),
}
_CODES = {
    404: ("http/not_found", "There is nothing at this address; /api/v1/docs lists what there is."),
    405: ("http/method", "This address does not take this method; the Allow header says which it takes."),
}


def status_of(error: GardefouError) -> int:
    """Return the HTTP status of an error."""
    match error:
        case InvalidInput():
            return {"http/too_large": 413, "http/content_type": 415}.get(error.code, 400)
        case TooManyTries() | TooOften():
            return 429
        case Denied():
            return 401 if error.code in _SIGNED_OUT else 403
        case NotFound():
            return 404
        case Conflict():
            return 409
        case Unavailable():
            return 503
        case _:
            return 500


def document_of(error: GardefouError, *, status: int | None = None) -> dict[str, Any]:
    """Return an error as a problem's JSON object, with its stable code."""
    status = status or status_of(error)
    document: dict[str, Any] = {
        **error.extra,
        "type": f"urn:gardefou:problem:{error.code.replace('/', ':')}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": error.message,
        "code": error.code,
    }
    if error.field is not None:
        document["field"] = error.field
    return document


def problem(error: GardefouError, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a call that failed with this error."""
    document = document_of(error, status=status)
    status = int(document["status"])
    sent = dict(headers or {})
    if status == 401:
        with_token = error.code == "auth/invalid"
        sent["WWW-Authenticate"] = 'Bearer realm="gardefou"' + (', error="invalid_token"' if with_token else "")
    if status == 503 or error.code == "idempotency/in_progress":
        sent["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, TooManyTries | TooOften):
        sent["Retry-After"] = str(error.seconds)
    return Response(orjson.dumps(document, default=str), status, sent, MEDIA_TYPE)


def invalid(errors: list[Any]) -> InvalidInput:
    """Return the error for what pydantic found, naming the first field that is wrong."""
    first: Mapping[str, Any] = errors[0]
    where = [str(part) for part in first.get("loc", ()) if part not in {"body", "query", "path", "header"}]
    name = ".".join(where)
    kind = str(first.get("type", ""))
    if kind == "json_invalid":
        why = str(first.get("ctx", {}).get("error", "it cannot be read"))
        return InvalidInput("input/json", f"The body is not JSON: {why}")
    says = {
        "missing": f"{name} is missing.",
        "extra_forbidden": f"There is no field {name!r}; check its name.",
    }.get(kind)
    if says is None:
        message = str(first.get("msg", "wrong")).removeprefix("Value error, ")
        says = f"{name}: {message}" if name else message
    return InvalidInput("input/invalid", says, field=name or None)


def unavailable() -> Unavailable:
    """Return the error for a store that does not answer."""
    return Unavailable("store/unavailable", "The store does not answer now; send the same again in a moment.")


def as_error(error: Exception) -> GardefouError | None:
    """Return the deliberate error that stands for an exception, or None when it is a fault of ours."""
    match error:
        case GardefouError():
            return error
        case RequestValidationError():
            return invalid(list(error.errors()))
        case ValidationError():
            return invalid(cast("list[Any]", error.errors(include_url=False, include_input=False)))
        case OperationalError() | PoolTimeout():
            return unavailable()
        case _:
            return None


def fault(error: Exception) -> GardefouError:
    """Write a fault of ours into the log; return the error that the caller is told."""
    _log.error("a request failed", exc_info=error)
    return GardefouError("internal/error", "This is a fault of Gardefou's; its log says more.")


def note_denied(request: Request, error: GardefouError) -> None:
    """Write a shut door into the log: which, and why; neither who, nor the address as called: it may be secret."""
    if isinstance(error, Denied):
        route: str = getattr(request.scope.get("route"), "path", "") or request.url.path
        for name, value in request.path_params.items():
            route = route.replace(str(value), f"{{{name}}}") if value else route
        _log.warning("denied: %s %s (%s)", request.method, route, error.code)


#: Makes a page of a problem where a person opens one (`gardefou.web.console.aside.framed`).
Framed = Callable[[Response, GardefouError, Scope], Response]


def install(app: FastAPI, framed: Framed) -> None:
    """Let every error of an application leave as problem details, or as a page where a person opens one.

    A fault of ours is answered by `gardefou.web.shield.Shield`, as what the framework answers by itself passes it by.
    """

    def known(request: Request, error: Exception) -> Response:
        made = as_error(error)
        assert made is not None
        note_denied(request, made)
        return framed(problem(made), made, request.scope)

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code, says = _CODES.get(error.status_code, ("http/error", str(error.detail)))
        kind = NotFound if error.status_code == 404 else InvalidInput
        made = kind(code, says)
        return framed(problem(made, status=error.status_code, headers=error.headers), made, request.scope)

    for kind in (GardefouError, RequestValidationError, ValidationError, OperationalError, PoolTimeout):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(HTTPException, http)
