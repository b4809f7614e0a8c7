"""A proxy between us and a homeserver that understands HTTP, and meddles with the calls that a test names.

One request to a connection: what is between the two is never mistaken for the next answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable
from typing import Any

import httpx

_GARBAGE = b"<html>all is well</html>"
_LIMITED = b'{"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 30000}'


class Meddler:
    """Forwards a loopback port to another; ``mode`` is what becomes of the calls that ``meddles`` names.

    well | answered twice | told twice | garbage | half | hung up | late | limited
    """

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.port = 0
        self.mode = "well"
        #: Whether a request, by method and path, is one to meddle with.
        self.meddles: Callable[[str], bool] = lambda _what: False
        #: What happens once, before the homeserver gets such a request, while it has it, or when it has answered.
        self.before: Callable[[], None] | None = None
        self.during: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None
        #: How many requests were passed on and not answered yet.
        self.under_way = 0
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End it, and whatever is held back."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._closing.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            request = head + await reader.readexactly(int(length[1]) if length else 0)
            what = " ".join(head.split(b" ", 2)[i].decode() for i in (0, 1))
            mode = self.mode if self.meddles(what) else "well"
            writer.write(await self._answer(request, mode, once=self.meddles(what)))
            await writer.drain()
        writer.close()

    async def _answer(self, request: bytes, mode: str, *, once: bool) -> bytes:
        if mode == "limited":
            return _whole(429, _LIMITED, b"retry-after: 30\r\n")
        answer = await self._ask(request, once=once)
        match mode:
            case "told twice":
                return await self._ask(request, once=False)
            case "answered twice":
                return answer + answer
            case "garbage":
                return _whole(200, _GARBAGE)
            case "half":
                return answer[:-1]
            case "hung up":
                return b""
            case "late":
                await self._closing.wait()
                return answer
            case _:
                return answer

    async def _ask(self, request: bytes, *, once: bool) -> bytes:
        """Ask the homeserver and return the whole of its answer; nothing where it is not there."""
        self._happen("before", once=once)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        self.under_way += 1
        try:
            writer.write(re.sub(rb"(?i)\r\nconnection: [^\r]*", b"\r\nconnection: close", request, count=1))
            await writer.drain()
            self._happen("during", once=once)
            answer = await reader.read()
        finally:
            self.under_way -= 1
            writer.close()
        self._happen("after", once=once)
        return answer

    def _happen(self, when: str, *, once: bool) -> None:
        what: Any = getattr(self, when)
        if once and what is not None:
            setattr(self, when, None)
            what()


def _whole(status: int, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n" % status
    return head + more + b"content-length: %d\r\n\r\n" % len(body) + body


class Hasty(httpx.HTTPTransport):
    """A network on which nobody waits for what is held back on purpose; for all else one is as patient as ever.

    ``before`` happens once, before a request that is meddled with is sent; ``silent``: nothing answers at all.
    """

    def __init__(self, meddler: Meddler) -> None:
        super().__init__()
        self._meddler = meddler
        self.silent = False
        self.before: Callable[[], None] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        ours = self._meddler.meddles(f"{request.method} {request.url.raw_path.decode()}")
        before = self.before if ours else None
        if before is not None:
            self.before = None
            before()
        if self.silent or (ours and self._meddler.mode == "late"):
            timeouts = dict.fromkeys(("connect", "write", "pool"), 60.0) | {"read": 0.2}
            request.extensions = {**request.extensions, "timeout": timeouts}
        return super().handle_request(request)
