"""What travels between a browser and the console beside the pages: cookies, and where a form comes from."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, timedelta, tzinfo
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request
from starlette.responses import Response

from gardefou.errors import Denied
from gardefou.people.authenticate import SESSION

COOKIE = "gardefou"
#: With this prefix a browser takes a cookie over https only, for this host alone.
_HOST_ONLY = "__Host-"
SECURE_COOKIE = f"{_HOST_ONLY}{COOKIE}"
#: Where the page's script tells the browser's time zone.
ZONE_COOKIE = "zone"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def open_cookie(response: Response, request: Request, secret: str) -> Response:
    """Put the session's secret into the browser's keeping."""
    return set_cookie(response, request, COOKIE, secret, lasts=SESSION)


def set_cookie(response: Response, request: Request, name: str, value: str, *, lasts: timedelta) -> Response:
    """Put a secret into the browser's keeping, for this host alone and out of any script's reach."""
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=int(lasts / timedelta(seconds=1)),
        path="/",
        secure=_is_https(request),
        httponly=True,
        samesite="lax",
    )
    return response


def cookie_of(request: Request, name: str) -> str:
    """Return a secret that the browser keeps, or nothing."""
    return request.cookies.get(cookie_name(request, name), "")


def drop_cookie(response: Response, request: Request) -> Response:
    """Take the session's secret out of the browser's keeping."""
    response.delete_cookie(cookie_name(request), path="/", secure=_is_https(request), httponly=True, samesite="lax")
    return response


def require_safe_way(request: Request) -> None:
    """Raise unless a session's cookie can travel safely: over https, or on this machine alone.

    Raises:
        Denied: plain http from elsewhere (`auth/insecure`).
    """
    if not _is_https(request) and (request.url.hostname or "") not in LOOPBACK:
        raise Denied("auth/insecure", "Signing in needs https, or a browser on this machine (127.0.0.1).")


def browsers_zone(request: Request) -> tzinfo:
    """Return the time zone that the page's script told of the browser; UTC before it did."""
    with suppress(ValueError, ZoneInfoNotFoundError, OSError):
        return ZoneInfo(unquote(request.cookies.get(ZONE_COOKIE, "")) or "UTC")
    return UTC


def by_itself(request: Request) -> bool:
    """Whether an open page asks by itself, with nobody at it."""
    return request.method == "GET" and request.headers.get("sec-fetch-dest") == "empty"


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"


def cookie_name(request: Request, name: str = COOKIE) -> str:
    """Return what a cookie is called here: over https it is for this host alone."""
    return f"{_HOST_ONLY}{name}" if _is_https(request) else name


def check_origin(request: Request, *, strict: bool) -> None:
    """Raise when a form comes from another site; before a session there is no token, so it must say so.

    Raises:
        Denied: `auth/origin`.
    """
    origin = request.headers.get("origin")
    if origin is None:
        foreign = strict or request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
    else:
        foreign = urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign:
        raise Denied("auth/origin", "This form came from another site and was not taken; use the console's own pages.")


def address_of(request: Request) -> str:
    """Return the address that was asked for, with its query."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
