"""What a person sees in a browser where a call is turned away before there is a page for it.

Knows nothing but the error and the call: no store is read, so that it costs a
small part of a page, and can be said while the store does not answer. Whoever
is no browser at a page of the console gets what they always got.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from gardefou.errors import GardefouError
from gardefou.speech import Speech, language_of, later, speaking, speech
from gardefou.web.console.templates import PAGE_HEADERS, templates
from gardefou.web.problems import TITLES

#: What is for programs only, whatever they say that they take.
_PROGRAMS = ("/api/", "/scim/", "/ssf/", "/live")
#: Said to people in other words than to programs.
_SAYS = {
    "http/not_found": later("There is no page at this address; perhaps a part of it was left out when it was copied."),
    "http/method": later("This address takes what a page sends, and cannot be opened by itself."),
    "http/head": later(
        "The browser sends too much along, cookies most likely; delete those it has for this address, then try again."
    ),
    "http/slow": later("The request did not come along fast enough; send it again."),
    "http/connections": later("Too many connections are open; try again in a moment."),
    "internal/error": later("This is a fault of Gardefou's; its log says more."),
}
#: Headers that say how a body is written.
_OF_THE_BODY = frozenset({"content-type", "content-length"})


def wants_page(scope: Mapping[str, Any]) -> bool:
    """Whether a person opens a page: no program, and no script of a page that is open."""
    headers = Headers(raw=scope["headers"])
    return (
        "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-dest") != "empty"
        and "hx-request" not in headers
        and not str(scope["path"]).startswith(_PROGRAMS)
    )


def framed(answer: Response, error: GardefouError, scope: Scope | Mapping[str, Any]) -> Response:
    """Return the answer to a failed call, as a page with the same status and headers where a person opens one."""
    if not wants_page(scope):
        return answer
    headers = Headers(raw=scope["headers"])
    with speaking(Speech(language_of(headers.get("accept-language", "")))):
        return aside(answer, error, back=came_from(headers, str(scope["path"])))


def aside(
    answer: Response,
    error: GardefouError,
    *,
    back: str,
    theme: str = "",
    again: str = "",
    carried: Sequence[tuple[str, str]] | None = None,
    csrf: str = "",
    written: Sequence[str] = (),
    sign_in: str = "",
    restore: str = "",
    platforms: Sequence[str] = (),
) -> Response:
    """Return the page that stands for an answer, with its status and headers, in the language that is spoken now.

    ``back`` leads on; ``again`` is the same address once more, to open, or
    with ``carried`` to send what was sent, under ``csrf``. ``written`` is
    shown to be copied. ``sign_in`` is where to. ``platforms`` are those an
    account may be restored on meanwhile; ``restore`` leads to one.
    """
    text = (
        templates()
        .get_template("aside.html")
        .render(
            title=TITLES.get(answer.status_code, TITLES[500]),
            told=_SAYS.get(error.code, error.message),
            code=error.code,
            back=back,
            again=again,
            carried=carried,
            csrf=csrf,
            written=written,
            sign_in=sign_in,
            restore=restore,
            platforms=platforms,
            speech=speech(),
            theme=theme,
        )
    )
    kept = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY}
    return HTMLResponse(text, answer.status_code, {**kept, **PAGE_HEADERS, "Gardefou-Problem": error.code})


def local(path: str) -> str:
    """Return the path if it lies on this console, else its first page."""
    good = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if good else "/"


def came_from(headers: Headers, path: str) -> str:
    """Return the page of this console that led to a call, its first where none did or it was the same."""
    before = local(urlsplit(headers.get("referer", "")).path or "/")
    return "/" if before == path else before
