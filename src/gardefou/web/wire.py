"""The other side of a connection: how much it may send before it is heard, how slowly, and how many may be open.

Stands on uvicorn's protocol over llhttp, which refuses what two servers could
read in two ways. What is bounded here is what that leaves open: the head of a
request, the time it and the body take, how long an answer may wait for a
reader, and connections, in all and of one address.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httptools
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gardefou.errors import InvalidInput, Unavailable
from gardefou.settings import Settings
from gardefou.web.console.aside import framed
from gardefou.web.problems import problem

_log = logging.getLogger("gardefou.web")

#: Fields of a head, and of what follows a body in pieces.
MOST_FIELDS = 100


@dataclass(slots=True)
class Bounds:
    """What one server lets its connections do, and how many each address has open."""

    settings: Settings
    open: Counter[str] = field(default_factory=Counter[str])

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol of this server's connections."""
        bounds = self

        class Bounded(Wire):
            def __init__(
                self,
                config: Config,
                server_state: ServerState,
                app_state: dict[str, Any],
                _loop: asyncio.AbstractEventLoop | None = None,
            ) -> None:
                super().__init__(config, server_state, app_state, _loop)
                self.bounds = bounds

        return Bounded


class _Refusal:
    """Answers a request with what is wrong with its form, and ends the connection."""

    def __init__(self, error: InvalidInput | Unavailable, status: int) -> None:
        self._error, self._status = error, status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(self._error, self._status, scope)(scope, receive, send)


class Wire(HttpToolsProtocol):
    """One connection, within bounds. Whatever breaks one is answered with a problem, where that can be, and closed."""

    bounds: Bounds

    # How it began.
    _address = ""
    # A request is being received; within it, its head; fields seen, octets of the head.
    _receiving = False
    _in_head = True
    _head = 0
    _trailers = 0
    # Octets since the last look at how fast they come, the look to come, and seconds waited for this body so far.
    _came = 0
    _waited = 0.0
    _look: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many; a silent one is not kept for long."""
        super().connection_made(transport)
        settings, self._address = self.bounds.settings, self.client[0] if self.client else ""
        self.bounds.open[self._address] += 1
        if len(self.connections) > settings.max_connections:
            self._end(Unavailable("http/connections", "Too many connections are open; try again in a moment."), 503)
        elif self.bounds.open[self._address] > settings.max_connections_each:
            self._end(Unavailable("http/connections", "Too many connections are open from your address."), 503)
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the connection go."""
        self._unwatch()
        if self._stuck is not None:
            self._stuck.cancel()
        self.bounds.open[self._address] -= 1
        if not self.bounds.open[self._address]:
            del self.bounds.open[self._address]
        super().connection_lost(exc)

    # What comes in.

    def data_received(self, data: bytes) -> None:
        """Read on; what is no HTTP, or could be read in two ways, is answered 400."""
        if self.transport.is_closing():
            return
        self._came += len(data)
        if self._in_head:
            self._head += len(data)
        self._unset_keepalive_if_required()
        if self._look is None:
            self._watch()
        parser: Any = self.parser
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing is upgraded to here: the request is answered as it stands, and the connection ends with it.
            cycle = self._current()
            if cycle is not None:
                cycle.keep_alive = False
            return
        except (httptools.HttpParserError, UnicodeDecodeError) as error:
            _log.debug("no request could be read: %s", error)
            self._end(InvalidInput("http/malformed", "This is no HTTP request that can be read in one way only."), 400)
            return
        if self._in_head and self._head > self.bounds.settings.max_head:
            self._end(self._too_long(), 431)

    def on_message_begin(self) -> None:
        """Begin with the head."""
        super().on_message_begin()
        self._in_head, self._receiving, self._trailers = True, True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head. What comes after the body is no part of it, whoever reads the head later."""
        if self._in_head:
            super().on_header(name, value)
            return
        self._trailers += 1
        if self._trailers > MOST_FIELDS:
            raise ValueError("too many trailing fields")

    def on_headers_complete(self) -> None:
        """Pass the request on, or answer what is wrong with its head."""
        self._in_head, self._head, self._waited = False, 0, 0.0
        error, status = self._wrong()
        if error is None:
            super().on_headers_complete()
            return
        app = self.app
        self.app = _Refusal(error, status)
        try:
            super().on_headers_complete()
        finally:
            self.app = app
        self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is here whole."""
        self._receiving, self._in_head, self._head = False, True, 0
        if not self.pipeline:
            self._unwatch()
        super().on_message_complete()

    def _wrong(self) -> tuple[InvalidInput | None, int]:
        parser: Any = self.parser
        fields, version = self.headers, str(parser.get_http_version())
        if version not in {"1.0", "1.1"}:
            return InvalidInput("http/malformed", "Gardefou speaks HTTP/1.1."), 400
        if len(fields) > MOST_FIELDS:
            return InvalidInput("http/head", f"A request has at most {MOST_FIELDS} header fields."), 431
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in fields) > self.bounds.settings.max_head:
            return self._too_long(), 431
        names = [name for name, _ in fields]
        for once in (b"host", b"authorization", b"content-type", b"idempotency-key"):
            if names.count(once) > 1:
                return InvalidInput("http/head", f"A request has one {once.decode()} field.", field=once.decode()), 400
        if b"host" not in names and version == "1.1":
            return InvalidInput("http/head", "A request names its host.", field="host"), 400
        return None, 0

    def _too_long(self) -> InvalidInput:
        most = self.bounds.settings.max_head
        return InvalidInput("http/head", f"The head of a request has at most {most} bytes.", extra={"limit": most})

    # Who is slow.

    def _watch(self) -> None:
        """Look in a while whether what is being received comes along."""
        self._unwatch()
        self._came = 0
        self._look = self.loop.call_later(self.bounds.settings.slow_seconds, self._looked)

    def _unwatch(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _looked(self) -> None:
        self._look = None
        if self.transport.is_closing():
            return
        settings = self.bounds.settings
        busy = self._busy()
        if busy and not self._receiving:
            # Answering; what was pipelined behind it waits by our own doing.
            return
        if not self._in_head and self.flow.read_paused:
            # We are the slow one.
            self._watch()
            return
        self._waited += settings.slow_seconds
        late = self._waited >= settings.body_seconds
        if self._in_head or late or self._came < settings.slow_seconds * settings.slow_bytes:
            slow = InvalidInput("http/slow", "The request did not come along fast enough; send it again.")
            self._end(slow, 408)
        else:
            self._watch()

    def pause_writing(self) -> None:
        """The other side does not read: an answer waits for it, and not for ever."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.bounds.settings.stuck_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        super().resume_writing()

    def _end(self, error: InvalidInput | Unavailable, status: int) -> None:
        """Say why, and close; an answer under way is not talked into."""
        self._unwatch()
        if not (self._busy() and self.cycle.response_started):
            # As far as it was read; on a connection that was never heard, nothing.
            asked = {"headers": self.headers or [], "path": self.url.decode("latin-1") if self.headers else ""}
            answer = _answer(error, status, asked)
            body = bytes(answer.body)
            head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
            self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, _PHRASES[status], head, body))
        self.transport.close()

    def _busy(self) -> bool:
        cycle = self._current()
        return cycle is not None and not cycle.response_complete

    def _current(self) -> RequestResponseCycle | None:
        # None before the first request, whatever its type says.
        return self.cycle


def _answer(error: InvalidInput | Unavailable, status: int, asked: Mapping[str, Any]) -> Response:
    return framed(problem(error, status=status, headers={"Connection": "close"}), error, asked)


_PHRASES = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


def protocol_of(settings: Settings) -> type[asyncio.Protocol]:
    """Return the protocol of a server with these settings."""
    return Bounds(settings).protocol()
