"""Taking reports over HTTP: a server process as `gardefou serve` starts it, and load from outside it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import orjson
import sqlalchemy as sa

from gardefou.bench.floor import TEXT
from gardefou.bench.install import Installation, installed
from gardefou.errors import Unavailable
from gardefou.storage import tables

#: Lines of one file of reports.
LINES = 5_000
#: Files sent at once: while one waits for the disk another is read.
FILES = 2
#: What `wrk` runs with.
THREADS, CONNECTIONS = 1, 64
_START_SECONDS = 30
_STOP_SECONDS = 30

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


def single(url: str, folder: Path, *, seconds: float) -> Load:
    """Report one subject after another, one a call, each answered once it is durable.

    Raises:
        Unavailable: there is no `wrk` (`bench/wrk`), or not every call was taken (`bench/unexpected`).
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Unavailable("bench/wrk", "`wrk` is missing; install your system's package `wrk`.")
    with installed(url, folder, people=1) as made, _serving(made) as address:
        script = folder / "reports.lua"
        script.write_text(_LUA % {"secret": made.reporting, "text": TEXT, "run": "w"}, encoding="utf-8")
        _wrk(wrk, script, address, 1)
        script.write_text(_LUA % {"secret": made.reporting, "text": TEXT, "run": "m"}, encoding="utf-8")
        before = _stored(made)
        requests, micros, errors, p50, p99 = _wrk(wrk, script, address, seconds)
        if errors:
            raise Unavailable("bench/unexpected", f"{errors} of {requests} reports were not taken.")
        if _stored(made) - before < requests:
            raise Unavailable("bench/unexpected", "Fewer reports are stored than were acknowledged.")
        return Load(taken=requests, seconds=micros / 1e6, p50=p50 / 1000, p99=p99 / 1000)


def _wrk(wrk: str, script: Path, address: str, seconds: float) -> tuple[int, ...]:
    command = [
        wrk, f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s",
        "-s", str(script), f"{address}/api/v1/reports",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own fixed command
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    if found is None:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Unavailable("bench/wrk", f"wrk failed: {last}")
    return tuple(int(part) for part in found.groups())


def batch(url: str, folder: Path, *, seconds: float) -> Load:
    """Send whole files of reports, `FILES` at once, of a subject each; a file is one call.

    Raises:
        Unavailable: not every line was taken (`bench/unexpected`).
    """
    with installed(url, folder, people=1) as made, _serving(made) as address:
        headers = {"Authorization": f"Bearer {made.reporting}", "Content-Type": "application/x-ndjson"}
        template = _file(_RUN, LINES)
        runs = count()
        times: list[float] = []
        with httpx.Client(base_url=address, headers=headers, timeout=120, trust_env=False) as http:
            _send(http, _file("warm", LINES))
            started = time.perf_counter()

            def send_on() -> None:
                while (begun := time.perf_counter()) - started < seconds:
                    _send(http, template.replace(_RUN.encode(), str(next(runs)).encode()))
                    times.append(time.perf_counter() - begun)

            with ThreadPoolExecutor(FILES) as pool:
                for sender in [pool.submit(send_on) for _ in range(FILES)]:
                    sender.result()
            elapsed = time.perf_counter() - started
        ordered = sorted(times)
        return Load(
            taken=LINES * len(times),
            seconds=elapsed,
            p50=ordered[len(ordered) // 2] * 1000,
            p99=ordered[-1] * 1000,
        )


#: Stands in a file for the number of its run.
_RUN = "(run)"


def _file(run: str, lines: int) -> bytes:
    return b"".join(
        orjson.dumps(
            {
                "platform": "sandbox",
                "subject": {"kind": "account", "account": f"b{run}-{line}"},
                "reporter": f"member-{line}",
                "category": "spam",
                "text": TEXT,
            }
        )
        + b"\n"
        for line in range(lines)
    )


def _send(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/api/v1/reports/batch", content=body)
    taken = answer.content.count(b'"report":')
    if answer.status_code != 200 or taken != LINES:
        raise Unavailable("bench/unexpected", f"A file was answered {answer.status_code}, {taken} of its lines taken.")


def _stored(made: Installation) -> int:
    with made.app.works.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.report)).scalar_one())


@contextmanager
def _serving(made: Installation) -> Iterator[str]:
    """Run the server as a process of its own, worker and all, until the block ends."""
    port = _free_port()
    environ = {
        **os.environ,
        "GARDEFOU_DATABASE_URL": made.settings.database_url,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    log = made.settings.data / "serve.log"
    command = [sys.executable, "-m", "gardefou", "serve", "--data", str(made.settings.data), "--port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - our own program
            command, env=environ, cwd=made.settings.data, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(server, address, log)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{address}/healthz", timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise Unavailable("bench/serve", f"The server did not start: {said[-1] if said else 'no output'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
