"""Taking reports over HTTP: a server process as `gardefou serve` starts it, and load from outside it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import orjson
import sqlalchemy as sa

from gardefou.bench.floor import TEXT
from gardefou.bench.install import Installation, installed
from gardefou.bench.load import Load, evenly, wrk
from gardefou.bench.serving import process, serving
from gardefou.errors import Unavailable
from gardefou.storage import tables

#: Lines of one file of reports.
LINES = 5_000
#: Files sent at once: while one waits for the disk another is read.
FILES = 2
#: Reports a second that are sent evenly, to see how long each waits: half of what is aimed for.
PACE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Singles:
    """Reports one a call: as many as go, and at an even `PACE`."""

    most: Load
    paced: Load


def single(url: str, folder: Path, *, seconds: float) -> Singles:
    """Report one subject after another, one a call, each answered once it is durable.

    Raises:
        Unavailable: there is no `wrk` (`bench/wrk`), or not every call was taken (`bench/unexpected`).
    """
    with installed(url, folder, people=1) as made, serving(folder, url) as server:
        address = f"{server.address}/api/v1/reports"
        wrk(address, folder, secret=made.reporting, run="w", seconds=1)
        before = _stored(made)
        most = wrk(address, folder, secret=made.reporting, run="m", seconds=seconds)
        paced = evenly(address, secret=made.reporting, rate=PACE, seconds=seconds)
        if _stored(made) - before < most.taken + paced.taken:
            raise Unavailable("bench/unexpected", "Fewer reports are stored than were acknowledged.")
        return Singles(most=most, paced=paced)


def nothing(folder: Path, *, seconds: float) -> Load:
    """Send the same to an application that only answers, under the same server.

    Raises:
        Unavailable: there is no `wrk` (`bench/wrk`), or not every call was taken (`bench/unexpected`).
    """
    with process(["gardefou.bench.bare"], folder, {}) as server:
        wrk(server.address, folder, secret="none", run="w", seconds=1)  # noqa: S106 - nobody asks for it
        return wrk(server.address, folder, secret="none", run="m", seconds=seconds)  # noqa: S106


def batch(url: str, folder: Path, *, seconds: float) -> Load:
    """Send whole files of reports, `FILES` at once, of a subject each; a file is one call.

    Raises:
        Unavailable: not every line was taken (`bench/unexpected`).
    """
    with installed(url, folder, people=1) as made, serving(folder, url) as server:
        headers = {"Authorization": f"Bearer {made.reporting}", "Content-Type": "application/x-ndjson"}
        template = _file(_RUN, LINES)
        runs = count()
        times: list[float] = []
        with httpx.Client(base_url=server.address, headers=headers, timeout=120, trust_env=False) as http:
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
