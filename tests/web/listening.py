"""Listening to the stream of an open page, spoken to as a server would: without a socket, and without waiting for its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from starlette.types import ASGIApp, Message

#: Longer than anything here may take.
PATIENCE = 60.0


@dataclass
class Listener:
    """One open stream: what it answered, and its events as they come."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _text: str = ""

    async def until(self, fits: Callable[[str, dict[str, Any]], bool], after: int = 0) -> tuple[dict[str, Any], float]:
        """Return the first event from a place on that fits, and the seconds until it came."""
        began = monotonic()
        while True:
            found = next((data for name, data in self.events[after:] if fits(name, data)), None)
            if found is not None:
                return found, monotonic() - began
            assert not self.ended, (self.status, self.events)
            await self._next()

    async def end(self) -> float:
        """Return after how many seconds the stream has ended."""
        began = monotonic()
        while not self.ended:
            await self._next()
        return monotonic() - began

    async def _next(self) -> None:
        self._more.clear()
        await asyncio.wait_for(self._more.wait(), PATIENCE)

    async def send(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self._text += message.get("body", b"").decode()
            *whole, self._text = self._text.split("\n\n")
            for one in whole:
                lines = dict(line.split(": ", 1) for line in one.splitlines() if not line.startswith(":"))
                if "id" in lines:
                    self.ids.append(lines["id"])
                if "event" in lines:
                    self.events.append((lines["event"], json.loads(lines["data"])))
            self.ended = not message.get("more_body", False)
        self._more.set()


@asynccontextmanager
async def listening(web: ASGIApp, secret: str, *, since: str = "", last_id: str = "") -> AsyncIterator[Listener]:
    """Open a stream with a session's secret; leaving the block is the page being closed."""
    headers = [(b"host", b"127.0.0.1"), (b"cookie", f"gardefou={secret}".encode())]
    if last_id:
        headers.append((b"last-event-id", last_id.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/live",
        "raw_path": b"/live",
        "root_path": "",
        "query_string": f"since={since}".replace("+", "%2B").encode() if since else b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    left = asyncio.Event()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    listener = Listener()
    task = asyncio.ensure_future(web(scope, receive, listener.send))
    try:
        yield listener
    finally:
        left.set()
        await asyncio.wait_for(task, PATIENCE)
