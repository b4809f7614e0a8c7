"""Figures of a long past: exports, backtests, the console's pages and the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gardefou.bench import history, pages, queue
from gardefou.bench.databases import KINDS
from gardefou.bench.measured import Curve, Figure, number
from gardefou.bench.suite import Found, Suite
from gardefou.bench.yardsticks import INSERT, READ

#: A million past enforcements in ten seconds; and how many are exported, the same for every size of the other.
JUDGED_AIM, EXPORTED = 100_000.0, 20_000
#: Milliseconds of server time that a page of the console takes at most.
PAGE_AIM = 50.0
#: Milliseconds in which the queue is read; and the shares of all cases at which it is: flat is the same at each.
QUEUE_AIM, QUEUE_SHARES = 5.0, (1_000, 100, 10, 1)


def export(suite: Suite) -> Iterator[Found]:
    """A first export of past enforcements."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        yield Figure(
            name="history: enforcements exported to Parquet",
            database=kind,
            value=history.exported(url, folder, count=EXPORTED),
            unit="enforcements/s",
            against=suite.against(kind, INSERT),
            note=f"a first export of {EXPORTED:,} over {history.DAYS} days, a file each day",
            bound="one core: rows out of the database, lines of JSON in Python and DuckDB",
        )

    yield from suite.each("export", KINDS, measure)


def backtest(suite: Suite) -> Iterator[Found]:
    """Past enforcements judged anew."""
    suite.say("backtest on DuckDB")
    done = history.judged(suite.folder(), count=suite.extent.enforcements)
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


def console(suite: Suite) -> Iterator[Found]:
    """The console's pages on a platform with a long past."""

    def measure(kind: str, url: str, folder: Path) -> Iterator[Found]:
        for one in pages.page_times(url, folder, cases=suite.extent.cases):
            yield Figure(
                name=f"console page {one.page}, server time, p50",
                database=kind,
                value=one.slow(0.5),
                unit="ms",
                against=suite.against(kind, READ),
                aim=PAGE_AIM,
                note=f"{suite.extent.cases:,} past cases; p95 {number(one.slow(0.95))} ms; {one.size / 1000:.0f} kB",
                bound="one core of Python: rows into objects, and the template",
                alike=True,
            )

    yield from suite.each("pages", KINDS, measure)


def queues(suite: Suite) -> Iterator[Found]:
    """The queue at a thousandth, a hundredth, a tenth and all of the cases."""
    sizes = sorted({max(100, suite.extent.cases // share) for share in QUEUE_SHARES})
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for cases in sizes:

        def measure(kind: str, url: str, folder: Path, cases: int = cases) -> Iterator[Found]:
            for way, took in queue.queue_times(url, folder, cases=cases).items():
                line = lines.setdefault((kind, way), [])
                line.append((cases, took))
                yield Figure(
                    name=f"queue of {cases:,} cases: {way}, p50",
                    database=kind,
                    value=took,
                    unit="ms",
                    against=suite.against(kind, READ),
                    aim=QUEUE_AIM,
                    note=f"{number(took / line[0][1])} times that of {line[0][0]:,} cases",
                    bound="one core of Python: statements and rows; each reads a page along an index",
                    alike=True,
                )

        yield from suite.each(f"queue of {cases:,}", KINDS, measure)
    for (kind, way), points in lines.items():
        yield Curve(plot="queue", name=f"{way} ({kind})", points=tuple(points))
