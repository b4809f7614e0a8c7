"""What every answer carries and every request must be: security headers, and no bytes that are no text."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gardefou.errors import InvalidInput
from gardefou.speech import later
from gardefou.web.console.aside import framed
from gardefou.web.problems import fault, problem

#: For whatever says nothing of its own: an answer is data, and runs nothing.
POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


#: Over https alone: said over plain http it counts for nothing.
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Shield:
    """Outermost layer of the web application. A fault of ours is answered here, so that this answer is no exception."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def shielded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers: list[tuple[bytes, bytes]] = message["headers"]
                present = {name.lower() for name, _ in headers}
                also = (*_HEADERS, _HTTPS_ONLY) if scope.get("scheme") == "https" else _HEADERS
                message["headers"] = [*headers, *(one for one in also if one[0] not in present)]
            await send(message)

        if "\x00" in scope["path"] or b"\x00" in unquote_to_bytes(scope.get("query_string", b"")):
            error = InvalidInput("input/invalid", later("The address holds a character that is no text."))
            await framed(problem(error), error, scope)(scope, receive, shielded)
            return
        try:
            await self._app(scope, receive, shielded)
        except Exception as error:
            made = fault(error)
            if not begun:
                await framed(problem(made, status=500), made, scope)(scope, receive, shielded)
            # The server ends the connection where an answer was begun.
            raise
