"""Figures of the flow and its record: decisions, restores, the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gardefou.bench import homeserver, ledger, pairs, pairs_http
from gardefou.bench.databases import KINDS
from gardefou.bench.measured import Figure, number
from gardefou.bench.suite import Found, Suite
from gardefou.bench.yardsticks import HASHES, INSERT, PEER_PAIRS, READ

#: Decided, executed, restored a second.
PAIRS_AIM = 500.0
#: People who decide at the same time, each in a thread of one process.
AT_ONCE = 8
#: Restores timed on a homeserver; the milliseconds that each takes beyond the homeserver's own call.
CLICKS, OVERHEAD_AIM = 50, 15.0
#: Events a second integrated and verified; milliseconds of a proof.
INTEGRATED_AIM, VERIFIED_AIM, PROOF_AIM = 50_000.0, 150_000.0, 1.0

#: Found with a sampling profiler and, on PostgreSQL, its own log of statements and what its sessions wait for.
_PAIRS_BOUND = {
    "SQLite": "one core of Python: some 40 statements a decision, 55 a suspension and its restore; commits are shared",
    "PostgreSQL": "both cores: about as much in the driver as in the flow, some 15 exchanges a decision and 28 a"
    " suspension and its restore; suspensions wait in line for the platform's budget",
}


_HTTP_BOUND = {
    "SQLite": "one core of Python: three fifths of it the flow, the rest HTTP, tokens, answers and the worker",
    "PostgreSQL": "both cores, by two processes and the server: the flow and the driver, then HTTP, tokens, answers and"
    " the worker",
}


def decide(suite: Suite) -> Iterator[Found]:
    """Decisions on cases, until they are in force."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        most = round(suite.extent.seconds * 2 * PAIRS_AIM) + 100
        run = pairs.decide_and_execute(
            url, folder, seconds=suite.extent.seconds, most=most, threads=AT_ONCE, action="limit"
        )
        yield _pairs_figure(
            suite,
            kind,
            run,
            "limit decided on a case, in force at the sandbox",
            f"{AT_ONCE} people at once; default nets, unchanged",
        )

    yield from suite.each("decide", KINDS, measure)


def restore(suite: Suite) -> Iterator[Found]:
    """Takedowns and their restores, until both are seen."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        # Below the 1,500 suspensions an hour at which the platform's budget would ask for a lead.
        run = pairs.takedown_and_restore(
            url, folder, seconds=suite.extent.seconds, most=1_450, threads=AT_ONCE, action="suspend"
        )
        yield _pairs_figure(
            suite,
            kind,
            run,
            "suspended and restored at the sandbox, both seen there",
            f"{AT_ONCE} people at once; default nets, unchanged; breaker and hourly restores out of reach",
        )

    yield from suite.each("restore", KINDS, measure)


def restore_http(suite: Suite) -> Iterator[Found]:
    """Takedowns and their restores as a platform's tools ask for them."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        most = round(suite.extent.seconds * PAIRS_AIM) + 100
        run = pairs_http.limited_and_restored(url, folder, seconds=suite.extent.seconds, most=most, threads=AT_ONCE)
        yield _pairs_figure(
            suite,
            kind,
            run,
            "limited and restored over HTTP, both seen at the sandbox",
            f"{AT_ONCE} people with a token each, two calls a pair; default nets, unchanged; breaker and hourly"
            " restores out of reach",
            bound=_HTTP_BOUND,
        )

    yield from suite.each("restore over HTTP", KINDS, measure)


def _pairs_figure(
    suite: Suite, kind: str, run: pairs.Run, name: str, note: str, bound: dict[str, str] = _PAIRS_BOUND
) -> Figure:
    return Figure(
        name=name,
        database=kind,
        value=run.rate,
        unit="pairs/s",
        against=suite.against(kind, INSERT, PEER_PAIRS),
        aim=PAIRS_AIM,
        note=f"{note}; p50 {number(run.slow(0.5))} ms, p99 {number(run.slow(0.99))} ms",
        bound=bound[kind],
    )


def synapse(suite: Suite) -> Iterator[Found]:
    """Restores on a real homeserver."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        clicks = homeserver.restore_clicks(url, folder, count=CLICKS)
        for word, share in (("p50", 0.5), ("p99", 0.99)):
            restored, call = clicks.of(share)
            yield Figure(
                name=f"restore click to confirmed by Synapse {clicks.version}, {word}",
                database=kind,
                value=restored,
                unit="ms",
                against={f"Synapse's own call alone, {word}": call},
                note=f"{len(clicks.restores)} restores",
                bound="Synapse: it is read before, asked, and read after",
            )
        restored, call = clicks.of(0.5)
        yield Figure(
            name=f"the same beyond Synapse {clicks.version}'s own call, p50",
            database=kind,
            value=restored - call,
            unit="ms",
            aim=OVERHEAD_AIM,
            bound="Synapse: two of its three calls are readings",
        )

    yield from suite.each("synapse", KINDS[:1], measure)


def log(suite: Suite) -> Iterator[Found]:
    """Integrating, proving and verifying events."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        times = ledger.ledger(url, folder, events=suite.extent.events)
        bound = "one core of Python: SHA-256, and rows in and out"
        if kind == "PostgreSQL":
            bound += "; the server reads and writes meanwhile"
        yield Figure(
            name="ledger: events integrated into signed trees", database=kind, value=times.integrated, unit="events/s",
            against=suite.against(kind, INSERT, HASHES), aim=INTEGRATED_AIM, bound=bound,
        )  # fmt: skip
        yield Figure(
            name=f"ledger: one inclusion proof among {times.events:,} events", database=kind, value=times.proof_ms,
            unit="ms", against=suite.against(kind, READ), aim=PROOF_AIM,
            bound="one read along the key a level of the tree, on PostgreSQL all in one exchange",
        )  # fmt: skip
        yield Figure(
            name="ledger: events verified by a full audit",
            database=kind,
            value=times.audited,
            unit="events/s",
            against=suite.against(kind, HASHES),
            aim=VERIFIED_AIM,
            bound="all cores: rows out of the database, and SHA-256",
        )

    yield from suite.each("ledger", KINDS, measure)
