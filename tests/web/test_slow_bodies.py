"""A body that trickles has its time, on a clock that the test moves; what Gardefou keeps waiting itself does not count."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import MagicMock

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from gardefou.settings import Settings
from gardefou.web.wire import Wire, protocol_of

BOUNDS = Settings(slow_seconds=10.0, slow_bytes=64, body_seconds=60.0)
HEAD = b"POST /api/v1/reports HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"


class Loop:
    """Runs nothing by itself: timers when the test says so, tasks never."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None], MagicMock]] = []

    def call_later(self, delay: float, callback: Callable[[], None], *_: Any) -> MagicMock:
        handle = MagicMock()
        self.timers.append((delay, callback, handle))
        return handle

    def create_task(self, work: Coroutine[Any, Any, Any]) -> MagicMock:
        work.close()
        return MagicMock()

    def ten_seconds_later(self) -> None:
        due = [one for one in self.timers if one[0] == BOUNDS.slow_seconds and not one[2].cancel.called]
        self.timers = [one for one in self.timers if one not in due]
        assert len(due) == 1
        due[0][1]()


class Line:
    """One connection, with the other side in the test's hands."""

    def __init__(self) -> None:
        async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise AssertionError("nothing is answered here")

        self.loop, self.transport = Loop(), MagicMock()
        self.transport.is_closing.return_value = False
        self.transport.get_extra_info.return_value = None
        made: Any = protocol_of(BOUNDS)
        self.wire: Wire = made(Config(never, log_config=None), ServerState(), {}, self.loop)
        self.wire.connection_made(self.transport)

    @property
    def answer(self) -> tuple[bytes, str] | None:
        """The status line and code of what was answered, where anything was, and the line closed."""
        if not self.transport.close.called:
            return None
        said = b"".join(call.args[0] for call in self.transport.write.call_args_list)
        head, _, body = said.partition(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        return head.split(b"\r\n")[0], json.loads(body)["code"]


@pytest.fixture
def line() -> Line:
    return Line()


TOO_SLOW = (b"HTTP/1.1 408 Request Timeout", "http/slow")


def test_a_body_that_trickles_on_and_on_is_cut_off_when_its_time_is_over(line: Line):
    line.wire.data_received(HEAD % 100_000)
    for _ in range(5):
        line.wire.data_received(b"x" * 700)
        line.loop.ten_seconds_later()
        assert line.answer is None
    line.wire.data_received(b"x" * 700)
    line.loop.ten_seconds_later()
    assert line.answer == TOO_SLOW


def test_in_pieces_of_a_length_of_their_own_it_has_no_longer(line: Line):
    line.wire.data_received(
        b"POST /api/v1/reports HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    for _ in range(6):
        assert line.answer is None
        line.wire.data_received(b"400\r\n" + b"x" * 1024 + b"\r\n")
        line.loop.ten_seconds_later()
    assert line.answer == TOO_SLOW


def test_what_gardefou_keeps_waiting_itself_does_not_count(line: Line):
    line.wire.data_received(HEAD % 1_000_000)
    line.wire.data_received(b"x" * 200_000)
    assert line.wire.flow.read_paused
    for _ in range(20):
        line.loop.ten_seconds_later()
    assert line.answer is None
    line.wire.flow.resume_reading()
    for _ in range(6):
        assert line.answer is None
        line.wire.data_received(b"x" * 700)
        line.wire.flow.resume_reading()
        line.loop.ten_seconds_later()
    assert line.answer == TOO_SLOW


def test_the_next_request_of_a_connection_has_a_time_of_its_own(line: Line):
    line.wire.data_received(HEAD % 3_500)
    for _ in range(5):
        line.wire.data_received(b"x" * 700)
        if line.wire._receiving:
            line.loop.ten_seconds_later()
    # The first is here whole; the second one behind it begins.
    line.wire.data_received(HEAD % 100_000)
    line.wire.cycle.response_complete = True
    for _ in range(5):
        line.wire.data_received(b"x" * 700)
        line.loop.ten_seconds_later()
        assert line.answer is None
