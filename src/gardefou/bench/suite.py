"""All benchmarks: which there are, in which sequence, what each is held against, and what bounds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gardefou.bench import floor, history, homeserver, intake, ledger, pages, pairs, queue
from gardefou.bench.databases import KINDS, Databases
from gardefou.bench.measured import Figure, Say, Skipped, number
from gardefou.errors import GardefouError, InvalidInput

#: Aims of the project, a second.
SINGLE_AIM, BATCH_AIM, PAIRS_AIM = 2_000.0, 30_000.0, 300.0
#: People who decide at the same time, each in a thread of one process.
AT_ONCE = 8
#: Restores timed on a homeserver.
CLICKS = 50
#: Enough that all cores verify them.
EVENTS = 120_000
#: Events a second integrated and verified; milliseconds of a proof, of the queue, and beyond Synapse's own time.
INTEGRATED_AIM, VERIFIED_AIM, PROOF_AIM, QUEUE_AIM, OVERHEAD_AIM = 50_000.0, 150_000.0, 1.0, 5.0, 15.0
#: The shares of all cases at which the queue is read: flat is the same at each.
QUEUE_SHARES = (100, 10, 1)
#: Milliseconds of server time that a page of the console takes at most.
PAGE_AIM = 50.0
#: A million past enforcements in ten seconds; and how many are exported, the same for every size of the other.
JUDGED_AIM, EXPORTED = 100_000.0, 20_000

#: Found with a sampling profiler and, on PostgreSQL, its own log of statements and what its sessions wait for.
_BATCH_BOUND = {
    "SQLite": "one writer at a time: two thirds checking, encoding and hashing in Python, a third SQLite and its flush",
    "PostgreSQL": "PostgreSQL: a report is seven rows and a dozen entries in indexes;"
    " Python holds its lock two fifths of the time",
}
_PAIRS_BOUND = {
    "SQLite": "one core of Python: some 40 statements a decision, 55 a suspension and its restore; commits are shared",
    "PostgreSQL": "both cores: about as much in the driver as in the flow, some 15 exchanges a decision and 28 a"
    " suspension and its restore; suspensions wait in line for the platform's budget",
}

Found = Figure | Skipped


@dataclass(slots=True)
class Suite:
    """One run: databases, floors already measured, and how long each measurement takes."""

    databases: Databases
    seconds: float
    say: Say
    #: Past enforcements that are judged by a backtest.
    enforcements: int = 1_000_000
    #: Past cases on the platform whose pages are looked at.
    cases: int = 1_000_000
    #: Inserts a second by database: of one connection on SQLite, of 32 on PostgreSQL, one where it was not measured.
    floors: dict[str, float] = field(default_factory=dict[str, float])
    _folders: int = 0

    def run(self, names: Sequence[str]) -> Iterator[Found]:
        """Run the benchmarks of these names, the floor first in any case; yield what was found as it comes.

        Raises:
            InvalidInput: there is no such benchmark (`bench/unknown`).
        """
        unknown = set(names) - set(NAMES)
        if unknown:
            raise InvalidInput(
                "bench/unknown", f"There is no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}.", field="only"
            )
        wanted = list(dict.fromkeys(("floor", *(names or NAMES))))
        for name in NAMES:
            if name in wanted:
                yield from _RUNS[name](self)

    def each(
        self, name: str, kinds: Sequence[str], measure: Callable[[str, str, Path], Iterator[Found]]
    ) -> Iterator[Found]:
        """Measure on a fresh database of each kind; what cannot run here is skipped, and says why."""
        for kind in kinds:
            self.say(f"{name} on {kind}")
            try:
                with self.databases.fresh(kind) as url:
                    yield from measure(kind, url, self.folder())
            except GardefouError as error:
                yield Skipped(name=f"{name} ({kind})", why=error.message)
            except Exception as error:  # noqa: BLE001 - what others measured is not lost for it
                yield Skipped(name=f"{name} ({kind})", why=f"it failed: {type(error).__name__}: {error}")

    def folder(self) -> Path:
        """Make a folder for one measurement."""
        self._folders += 1
        folder = self.databases.folder / f"node-{self._folders}"
        folder.mkdir()
        return folder


def _floor(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        clients = (1,) if kind == "SQLite" else (1, 32)
        for count in clients:
            if kind == "SQLite":
                rate = floor.on_sqlite(folder, seconds=suite.seconds)
            else:
                rate = floor.on_postgresql(url, seconds=suite.seconds, clients=count)
            suite.floors[kind] = rate
            yield Figure(
                name=f"plain INSERT, one a commit, {count} client{'s' if count > 1 else ''}",
                database=kind,
                value=rate,
                unit="rows/s",
                bound="the disk: one flush a commit"
                if count == 1
                else "the disk, shared by commits that wait together; cores",
            )

        if kind == "PostgreSQL":
            yield Figure(
                name="plain COPY, a thousand rows a commit, 1 client",
                database=kind,
                value=floor.copied_on_postgresql(url, seconds=suite.seconds),
                unit="rows/s",
                bound="two cores: Python writes the rows, PostgreSQL reads them",
            )

    yield from suite.each("floor", KINDS, measure)


def _single(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        load = intake.single(url, folder, seconds=suite.seconds)
        yield Figure(
            name="single reports over HTTP, each durable when answered",
            database=kind,
            value=load.rate,
            unit="reports/s",
            floor=suite.floors.get(kind),
            aim=SINGLE_AIM,
            note=f"wrk, {intake.CONNECTIONS} connections, a new subject each;"
            f" p50 {number(load.p50)} ms, p99 {number(load.p99)} ms",
            bound="one core of Python: HTTP, then checking and writing; commits are shared",
        )

    yield from suite.each("single", KINDS, measure)


def _batch(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        load = intake.batch(url, folder, seconds=suite.seconds)
        yield Figure(
            name="reports in files over HTTP",
            database=kind,
            value=load.rate,
            unit="reports/s",
            floor=suite.floors.get(kind),
            aim=BATCH_AIM,
            note=f"{intake.LINES:,} lines a file, {intake.FILES} files at once, a new subject each;"
            f" p50 {number(load.p50)} ms a file",
            bound=_BATCH_BOUND[kind],
        )

    yield from suite.each("batch", KINDS, measure)


def _decide(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        most = round(suite.seconds * 2 * PAIRS_AIM) + 100
        run = pairs.decide_and_execute(url, folder, seconds=suite.seconds, most=most, threads=AT_ONCE, action="limit")
        yield _pairs_figure(
            suite,
            kind,
            run,
            "limit decided on a case, in force at the sandbox",
            f"{AT_ONCE} people at once; default nets, unchanged",
            aim=PAIRS_AIM,
        )

    yield from suite.each("decide", KINDS, measure)


def _restore(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        # Below the 1,500 suspensions an hour at which the platform's budget would ask for a lead.
        run = pairs.takedown_and_restore(
            url, folder, seconds=suite.seconds, most=1_450, threads=AT_ONCE, action="suspend"
        )
        yield _pairs_figure(
            suite,
            kind,
            run,
            "suspended and restored at the sandbox, both seen there",
            f"{AT_ONCE} people at once; default nets, unchanged; breaker and hourly restores out of reach",
        )

    yield from suite.each("restore", KINDS, measure)


def _pairs_figure(suite: Suite, kind: str, run: pairs.Run, name: str, note: str, *, aim: float | None = None) -> Figure:
    return Figure(
        name=name,
        database=kind,
        value=run.rate,
        unit="pairs/s",
        floor=suite.floors.get(kind),
        aim=aim,
        note=f"{note}; p50 {number(run.slow(0.5))} ms, p99 {number(run.slow(0.99))} ms",
        bound=_PAIRS_BOUND[kind],
    )


def _synapse(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        clicks = homeserver.restore_clicks(url, folder, count=CLICKS)
        for word, share in (("p50", 0.5), ("p99", 0.99)):
            restored, call = clicks.of(share)
            yield Figure(
                name=f"restore click to confirmed by Synapse {clicks.version}, {word}",
                database=kind,
                value=restored,
                unit="ms",
                note=f"{len(clicks.restores)} restores; Synapse's own call alone {number(call)} ms {word}",
                bound="Synapse: it is read before, asked, and read after",
            )
        restored, call = clicks.of(0.5)
        yield Figure(
            name=f"the same beyond Synapse {clicks.version}'s own call, p50",
            database=kind,
            value=restored - call,
            unit="ms",
            aim=OVERHEAD_AIM,
            note="an aim not to be passed",
            bound="Synapse: two of its three calls are readings",
        )

    yield from suite.each("synapse", KINDS[:1], measure)


def _ledger(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        times = ledger.ledger(url, folder, events=EVENTS)
        bound = "one core of Python: SHA-256, and rows in and out"
        yield Figure(
            name="ledger: events integrated into signed trees", database=kind, value=times.integrated, unit="events/s",
            floor=suite.floors.get(kind), aim=INTEGRATED_AIM, bound=bound,
        )  # fmt: skip
        yield Figure(
            name=f"ledger: one inclusion proof among {times.events:,} events", database=kind, value=times.proof_ms,
            unit="ms", aim=PROOF_AIM, note="an aim not to be passed",
            bound="one read by the key a level of the tree, on PostgreSQL all in one exchange",
        )  # fmt: skip
        yield Figure(
            name="ledger: events verified by a full audit",
            database=kind,
            value=times.audited,
            unit="events/s",
            aim=VERIFIED_AIM,
            bound="all cores: rows out of the database, and SHA-256",
        )

    yield from suite.each("ledger", KINDS, measure)


def _export(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        yield Figure(
            name="history: enforcements exported to Parquet",
            database=kind,
            value=history.exported(url, folder, count=EXPORTED),
            unit="enforcements/s",
            floor=suite.floors.get(kind),
            note=f"a first export of {EXPORTED:,} over {history.DAYS} days, a file each day",
            bound="one core: rows out of the database, lines of JSON in Python and DuckDB",
        )

    yield from suite.each("export", KINDS, measure)


def _backtest(suite: Suite) -> Iterator[Found]:
    suite.say("backtest on DuckDB")
    try:
        done = history.judged(suite.folder(), count=suite.enforcements)
    except GardefouError as error:
        yield Skipped(name="backtest (DuckDB)", why=error.message)
        return
    yield Figure(
        name="backtest: past enforcements judged under other nets",
        database="DuckDB",
        value=done.count / done.seconds,
        unit="enforcements/s",
        aim=JUDGED_AIM,
        note=f"{done.count:,} made up, under the {done.nets} default nets, in {number(done.seconds)} s, reading"
        f" {done.size / 1e6:,.0f} MB of Parquet included; {done.differed / done.count:.0%} would have gone otherwise",
        bound="all cores: conditions over columns, a few thousand values at a time",
    )


def _pages(suite: Suite) -> Iterator[Found]:
    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        for one in pages.page_times(url, folder, cases=suite.cases):
            yield Figure(
                name=f"console page {one.page}, server time, p50",
                database=kind,
                value=one.slow(0.5),
                unit="ms",
                aim=PAGE_AIM,
                note=f"{suite.cases:,} past cases; p95 {number(one.slow(0.95))} ms; {one.size / 1000:.0f} kB",
                bound="one core of Python: rows into objects, and the template",
            )

    yield from suite.each("pages", KINDS, measure)


def _queue(suite: Suite) -> Iterator[Found]:
    sizes = sorted({max(100, suite.cases // share) for share in QUEUE_SHARES})
    smallest: dict[tuple[str, str], float] = {}
    for cases in sizes:

        def measure(kind: str, url: str, folder: Path, cases: int = cases) -> Iterator[Found]:
            for way, took in queue.queue_times(url, folder, cases=cases).items():
                first = smallest.setdefault((kind, way), took)
                yield Figure(
                    name=f"queue of {cases:,} cases: {way}, p50",
                    database=kind,
                    value=took,
                    unit="ms",
                    aim=QUEUE_AIM,
                    note=f"an aim not to be passed; {number(took / first)} times that of {sizes[0]:,} cases",
                    bound="one core of Python: statements and rows; each reads a page along an index",
                )

        yield from suite.each(f"queue of {cases:,}", KINDS, measure)


_RUNS: dict[str, Callable[[Suite], Iterator[Found]]] = {
    "floor": _floor,
    "single": _single,
    "batch": _batch,
    "decide": _decide,
    "restore": _restore,
    "synapse": _synapse,
    "ledger": _ledger,
    "export": _export,
    "backtest": _backtest,
    "pages": _pages,
    "queue": _queue,
}
NAMES = tuple(_RUNS)
