"""Yardsticks: what the databases, and the server without a database, do by themselves on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gardefou.bench import floor, intake
from gardefou.bench.databases import KINDS
from gardefou.bench.load import CONNECTIONS
from gardefou.bench.measured import Figure, number
from gardefou.bench.suite import Found, Suite

#: The yardsticks' names, as figures are held against them.
INSERT, MANY, READ = "a plain INSERT", "rows written a thousand a commit", "a row read by its key"
BARE, HASHES = "a bare app", "hashing alone"
PEER_REPORTS, PEER_PAIRS = "Ozone's createReport", "Ozone's takedown and reversal"
_CLIENTS = 32


def floors(suite: Suite) -> Iterator[Found]:
    """Rows written one a commit and a thousand a commit, and read by their key."""
    seconds = suite.extent.seconds

    def written(kind: str, rate: float, clients: int) -> Figure:
        return Figure(
            name=f"plain INSERT, one a commit, {clients} client{'s' if clients > 1 else ''}",
            database=kind,
            value=suite.measured(kind, INSERT, rate),
            unit="rows/s",
            bound="the disk: one flush a commit"
            if clients == 1
            else "the disk, shared by commits that wait together; cores",
        )

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        sqlite = kind == "SQLite"
        if sqlite:
            yield written(kind, floor.on_sqlite(folder, seconds=seconds), 1)
            many = floor.many_on_sqlite(folder, seconds=seconds)
        else:
            for clients in (1, _CLIENTS):
                yield written(kind, floor.on_postgresql(url, seconds=seconds, clients=clients), clients)
            many = floor.copied_on_postgresql(url, seconds=seconds)
        yield Figure(
            name=f"plain {'INSERT' if sqlite else 'COPY'}, a thousand rows a commit, 1 client",
            database=kind,
            value=suite.measured(kind, MANY, many),
            unit="rows/s",
            bound="one core: SQLite's B-trees, and a flush a commit"
            if sqlite
            else "two cores: Python writes the rows, PostgreSQL reads them",
        )
        yield Figure(
            name="plain SELECT of one row by its key",
            database=kind,
            value=suite.measured(kind, READ, floor.read_on_sqlite(folder) if sqlite else floor.read_on_postgresql(url)),
            unit="ms",
            bound="one core: the driver" if sqlite else "the way to the server and back",
        )

    yield from suite.each("floor", KINDS, measure)
    yield Figure(
        name="SHA-256 of a leaf and of a node of the tree, and nothing else",
        database="none",
        value=suite.measured("", HASHES, floor.hashed(seconds=min(1.0, seconds))),
        unit="events/s",
        bound="one core: Python's calls of OpenSSL",
    )


def bare(suite: Suite) -> Iterator[Found]:
    """Single reports sent to an application that answers and does nothing else."""
    suite.say("bare")
    load = intake.nothing(suite.folder(), seconds=suite.extent.seconds)
    yield Figure(
        name="a bare ASGI application that answers 202, under the same server",
        database="none",
        value=suite.measured("", BARE, load.rate),
        unit="reports/s",
        note=f"wrk, {CONNECTIONS} connections; p50 {number(load.p50)} ms, p99 {number(load.p99)} ms",
        bound="one core of Python: uvicorn with httptools and uvloop",
    )
