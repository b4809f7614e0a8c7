"""The one call that comes by the thousand, a single report, taken past what the framework does for every other."""

from __future__ import annotations

from typing import cast

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gardefou.web.api.reports import take_report
from gardefou.web.problems import as_error, note_denied, problem


class _Read(Request):
    """A request whose head is read once, for the five fields that are looked up."""

    @property
    def headers(self) -> Headers:
        """The fields by name; none that counts here comes twice (`gardefou.web.wire`)."""
        if not hasattr(self, "_fields"):
            self._fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        return cast("Headers", self._fields)


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
        request = _Read(scope, receive)
        try:
            answer = await take_report(request)
        except ClientDisconnect:
            return  # in the middle of the body: nothing was taken, and nobody is there to be told
        except Exception as error:
            known = as_error(error)
            if known is None:
                raise
            note_denied(request, known)
            answer = problem(known)
        await answer(scope, receive, send)
