"""The route of the stream that an open page listens to."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from gardefou.errors import GardefouError, TooOften
from gardefou.speech import Speech, speech
from gardefou.speech import gettext as _
from gardefou.web.console.between import later_again, status_of
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.streams import Stream


def routes(console: Console) -> list[BaseRoute]:
    """Return the route of the stream."""

    async def listen(request: Request) -> Any:
        try:
            visit, speaks = await run_in_threadpool(_enter, console, request)
        except GardefouError as error:
            return PlainTextResponse(_(error.message), status_code=status_of(error))
        if visit.who is None:
            return PlainTextResponse(_("You are signed out."), status_code=401)
        session = (visit.staff.id, visit.csrf)
        try:
            console.pace.page("/live", visit.csrf)
        except TooOften as error:
            return later_again(PlainTextResponse(_(error.message), status_of(error)), error)
        if console.live.is_full(session):
            return PlainTextResponse(_("Too many pages are open."), status_code=429, headers={"Retry-After": "30"})
        return Stream(console.live, session, visit.staff, speaks, _since(request))

    return [Route("/live", listen, methods=["GET"])]


def _enter(console: Console, request: Request) -> tuple[Visit, Speech]:
    return console.visitor(request), speech()


def _since(request: Request) -> datetime | None:
    """Return from when on to tell what happened: the last message that arrived, else the page's own moment."""
    last = request.headers.get("last-event-id", "")
    if last.isascii() and last.isdigit() and len(last) < 15:
        return datetime.fromtimestamp(int(last) / 1000, tz=UTC)
    with suppress(ValueError):
        given = datetime.fromisoformat(request.query_params.get("since", ""))
        return given if given.tzinfo is not None else None
    return None
