"""The one call that comes by the thousand, a single report, taken past what the framework does for every other."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gardefou.web.api.reports import take_report
from gardefou.web.problems import as_error, note_denied, problem


class HotPath:
    """Answers ``POST /reports`` itself, as its route would; hands everything else on.

    Matching some two hundred routes and solving dependencies that this call has
    none of takes longer than reading, checking and keeping its report.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._route = Route(f"{prefix}/reports", take_report, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != self._route.path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        # Doors and walls go by it.
        scope["route"] = self._route
        request = Request(scope, receive)
        try:
            answer = await take_report(request)
        except Exception as error:
            known = as_error(error)
            if known is None:
                raise
            note_denied(request, known)
            answer = problem(known)
        await answer(scope, receive, send)
