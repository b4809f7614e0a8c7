"""Figures of a whole server: its start, reports over HTTP, and its memory under steady load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gardefou.bench import intake
from gardefou.bench import soak as soaking
from gardefou.bench.databases import KINDS
from gardefou.bench.install import installed
from gardefou.bench.load import CONNECTIONS
from gardefou.bench.measured import Curve, Figure, Skipped, number
from gardefou.bench.serving import median, starts
from gardefou.bench.suite import Found, Suite
from gardefou.bench.yardsticks import BARE, INSERT, MANY, PEER_REPORTS
from gardefou.settings import Settings
from gardefou.web.processes import processes_of

#: Seconds from the start of the process to its first answer; how often it is started.
START_AIM, STARTS = 1.5, 5
#: Reports a second, one a call; the milliseconds that one in a hundred waits longer at half of it.
SINGLE_AIM, P99_AIM = 4_000.0, 50.0
#: Reports a second in files.
BATCH_AIM = 60_000.0
#: KiB a minute by which memory may grow and still be called flat.
SLOPE_AIM = 100.0
_MIB = 1024 * 1024

#: Found with a sampling profiler and, on PostgreSQL, its own log of statements and what its sessions wait for.
_BATCH_BOUND = {
    "SQLite": "one writer at a time: two thirds checking, encoding and hashing in Python, a third SQLite and its flush",
    "PostgreSQL": "PostgreSQL: a report is some five rows and a dozen entries in indexes;"
    " Python holds its lock two fifths of the time",
}
_SOAK_BOUND = {
    "SQLite": "SQLite keeps the pages it reads, up to 64 MiB a connection, until those are full; caches of fixed size",
    "PostgreSQL": "caches of fixed size, until they are full",
}


def start(suite: Suite) -> Iterator[Found]:
    """How soon a started server answers."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        with installed(url, folder, people=1):
            pass
        found = starts(folder, url, count=STARTS)
        yield Figure(
            name="from the start of `serve` to its first answer",
            database=kind,
            value=median(found.seconds),
            unit="s",
            aim=START_AIM,
            note=f"the median of {STARTS}, the program compiled already; {number(median(found.cpu))} s of processor"
            " time with the worker's first round and the stop",
            bound="one core of Python: nine tenths of it load some 1,100 modules, of which 340 are ours",
        )

    yield from suite.each("start", KINDS[:1], measure)


def single(suite: Suite) -> Iterator[Found]:
    """Reports one a call."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        load = intake.single(url, folder, seconds=suite.extent.seconds)
        count = processes_of(Settings(data=folder, database_url=url))
        where = "one core of Python" if count == 1 else f"all cores: {count} processes of Python and PostgreSQL"
        bound = f"{where}: HTTP, then checking and writing; commits are shared"
        yield Figure(
            name="single reports over HTTP, each durable when answered",
            database=kind,
            value=load.most.rate,
            unit="reports/s",
            against=suite.against(kind, INSERT, BARE, PEER_REPORTS),
            aim=SINGLE_AIM,
            note=f"wrk, {CONNECTIONS} connections, a new subject each;"
            f" p50 {number(load.most.p50)} ms, p99 {number(load.most.p99)} ms",
            bound=bound,
        )
        yield Figure(
            name=f"single reports at an even {intake.PACE:,} a second: one in a hundred waits longer than",
            database=kind,
            value=load.paced.p99,
            unit="ms",
            aim=P99_AIM,
            note=f"half of the aim, sent by a script over {CONNECTIONS} connections, counted from when each was due;"
            f" {number(load.paced.rate)} a second taken, p50 {number(load.paced.p50)} ms",
            bound=bound,
        )

    yield from suite.each("single", KINDS, measure)


def batch(suite: Suite) -> Iterator[Found]:
    """Reports in files."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        load = intake.batch(url, folder, seconds=suite.extent.seconds)
        yield Figure(
            name="reports in files over HTTP",
            database=kind,
            value=load.rate,
            unit="reports/s",
            against=suite.against(kind, INSERT, MANY),
            aim=BATCH_AIM,
            note=f"{intake.LINES:,} lines a file, {intake.FILES} files at once, a new subject each;"
            f" p50 {number(load.p50)} ms a file",
            bound=_BATCH_BOUND[kind],
        )

    yield from suite.each("batch", KINDS, measure)


def soak(suite: Suite) -> Iterator[Found]:
    """The server's memory under steady load; only where minutes are named."""
    minutes = suite.extent.soak
    if not minutes:
        yield Skipped(name="soak", why="it takes minutes; `--soak MINUTES` runs it")
        return

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        found = soaking.soak(url, folder, minutes=minutes)
        done = ", ".join(f"{many:,} {name}" for name, many in found.done.items())
        yield Figure(
            name=f"memory of the server over {number(minutes)} minutes of steady load: growth after the first third",
            database=kind,
            value=found.slope,
            unit="KiB/min",
            aim=SLOPE_AIM,
            note=f"{found.warm[0][1] / _MIB:.1f} MiB then, {found.samples[-1][1] / _MIB:.1f} MiB at the end; {done}",
            bound=_SOAK_BOUND[kind],
        )
        points = tuple((at, held / _MIB) for at, held in found.samples)
        yield Curve(plot="soak", name=kind, points=points)

    yield from suite.each("soak", KINDS, measure)
