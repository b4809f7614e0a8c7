"""Load on a server from outside it: as many reports as go, by `wrk`; and so many a second, evenly."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import orjson
import uvloop

from gardefou.bench.floor import TEXT
from gardefou.bench.measured import percentile
from gardefou.errors import Unavailable

#: What `wrk` runs with; as many connections stay open for an even load.
THREADS, CONNECTIONS = 1, 64
#: Seconds that an even load waits for its last answers.
_LAST = 30
_TAKEN = 202

_LUA = """
local sent = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %(secret)s"
local before = '{"platform":"sandbox","subject":{"kind":"account","account":"'
local between = '"},"reporter":"member-'
local after = '","category":"spam","text":"%(text)s"}'
function request()
  sent = sent + 1
  return wrk.format(nil, nil, nil, before .. "%(run)s-" .. sent .. between .. sent .. after)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was taken in how many seconds, and how long callers waited for their answer, in milliseconds."""

    taken: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Reports a second."""
        return self.taken / self.seconds


def wrk(address: str, folder: Path, *, secret: str, run: str, seconds: float) -> Load:
    """Send reports of a new subject each, as fast as `CONNECTIONS` get their answers.

    Raises:
        Unavailable: there is no `wrk` or it failed (`bench/wrk`), or a call was not taken (`bench/unexpected`).
    """
    program = shutil.which("wrk")
    if program is None:
        raise Unavailable("bench/wrk", "`wrk` is missing; install your system's package `wrk`.")
    script = folder / "reports.lua"
    script.write_text(_LUA % {"secret": secret, "text": TEXT, "run": run}, encoding="utf-8")
    command = [
        program, f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s",
        "-s", str(script), address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own fixed command
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    if found is None:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Unavailable("bench/wrk", f"wrk failed: {last}")
    requests, micros, errors, p50, p99 = (int(part) for part in found.groups())
    if errors:
        raise Unavailable("bench/unexpected", f"{errors} of {requests} reports were not taken.")
    return Load(taken=requests, seconds=micros / 1e6, p50=p50 / 1000, p99=p99 / 1000)


def evenly(address: str, *, secret: str, rate: int, seconds: float) -> Load:
    """Send ``rate`` reports a second of a new subject each, whether or not earlier ones are answered.

    A report waits from the moment at which it was due: what waits for a
    connection because the server is slow counts as slow.

    Raises:
        Unavailable: a call was not taken, or not in time (`bench/unexpected`).
    """
    return uvloop.run(_Pace(address, secret, rate, max(1, round(rate * seconds))).run())


class _Pace:
    """One even load: what is due, which connections are free, and what was waited for."""

    def __init__(self, address: str, secret: str, rate: int, count: int) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {secret}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.rate, self.count = rate, count
        self.free: deque[_Line] = deque()
        self.due: deque[tuple[float, bytes]] = deque()
        self.waited: list[float] = []
        self.wrong = ""
        self.all = asyncio.Event()

    async def run(self) -> Load:
        loop = asyncio.get_running_loop()
        lines = [
            (await loop.create_connection(lambda: _Line(self), self.host, self.port))[1] for _ in range(CONNECTIONS)
        ]
        self.free.extend(lines)
        begun = time.perf_counter()
        sent = 0
        while sent < self.count and not self.wrong:
            now = time.perf_counter()
            while sent < self.count and begun + sent / self.rate <= now:
                self.send(begun + sent / self.rate, sent)
                sent += 1
            await asyncio.sleep(0.001)
        try:
            await asyncio.wait_for(self.all.wait(), _LAST)
        except TimeoutError:
            self.wrong = self.wrong or f"{self.count - len(self.waited)} of {self.count} reports had no answer"
        seconds = time.perf_counter() - begun
        for line in lines:
            line.transport.abort()
        if self.wrong:
            raise Unavailable("bench/unexpected", f"Not every report was taken: {self.wrong}.")
        return Load(
            taken=self.count,
            seconds=seconds,
            p50=percentile(self.waited, 0.5) * 1000,
            p99=percentile(self.waited, 0.99) * 1000,
        )

    def send(self, due: float, place: int) -> None:
        """Send a report over a free connection, or as soon as there is one."""
        body = orjson.dumps(
            {
                "platform": "sandbox",
                "subject": {"kind": "account", "account": f"p-{place}"},
                "reporter": f"member-{place}",
                "category": "spam",
                "text": TEXT,
            }
        )
        request = b"%b%d\r\n\r\n%b" % (self.head, len(body), body)
        if self.free:
            self.free.popleft().ask(due, request)
        else:
            self.due.append((due, request))

    def answered(self, line: _Line, due: float, status: int) -> None:
        """Note an answer, and give its connection what waits."""
        self.waited.append(time.perf_counter() - due)
        if status != _TAKEN:
            self.fail(f"one was answered {status}")
        elif len(self.waited) == self.count:
            self.all.set()
        elif self.due:
            line.ask(*self.due.popleft())
        else:
            self.free.append(line)

    def fail(self, what: str) -> None:
        """Give up."""
        self.wrong = self.wrong or what
        self.all.set()


class _Line(asyncio.Protocol):
    """One connection that is kept open: a report, then its answer."""

    def __init__(self, pace: _Pace) -> None:
        self.pace = pace
        self.transport: asyncio.Transport
        self.due = 0.0
        self.read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, due: float, request: bytes) -> None:
        """Send a report that was due then."""
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, end, body = self.read.partition(b"\r\n\r\n")
        if not end:
            return
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is not None and len(body) < int(length[1]):
            return
        self.read = b""
        self.pace.answered(self, self.due, int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.pace.all.is_set():
            self.pace.fail(f"a connection was closed ({exc or 'by the server'})")
