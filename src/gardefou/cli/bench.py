"""`gardefou bench`: what this machine does, beside what its databases alone can do."""

from __future__ import annotations

from pathlib import Path

import click

from gardefou.cli.common import Cli, cli_command, examples
from gardefou.errors import InvalidInput


@click.command(
    "bench",
    epilog=examples(
        "gardefou bench",
        "gardefou bench --only decide --only restore",
        "gardefou bench --only pages --cases 100000",
        "gardefou bench --only soak --soak 30",
        "gardefou bench --report docs/benchmarks.md",
    ),
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this benchmark and its yardsticks; may be repeated.")
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=5.0, show_default=True, help="How long each measurement takes."
)
@click.option(
    "--enforcements",
    type=click.IntRange(1_000, 100_000_000),
    default=1_000_000,
    show_default=True,
    help="How many past enforcements the backtest judges.",
)
@click.option(
    "--cases",
    type=click.IntRange(100, 10_000_000),
    default=1_000_000,
    show_default=True,
    help="How many past cases the platform has whose console pages, and queues at most, are timed.",
)
@click.option(
    "--events",
    type=click.IntRange(1_000, 100_000_000),
    default=120_000,
    show_default=True,
    help="How many events the log has that is integrated, proved from and verified.",
)
@click.option(
    "--soak",
    type=click.FloatRange(0, 10_000),
    default=0,
    show_default=True,
    metavar="MINUTES",
    help="How long the server's memory is looked at under steady load.",
)
@click.option(
    "--peers",
    is_flag=True,
    help="Install what others would pick instead, and measure it too: Ozone, where node 22 and npm are.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the page with the tables there, and its plots into the folder beside it that is called like it.",
)
@cli_command
def bench(
    ctx: Cli,
    only: tuple[str, ...],
    seconds: float,
    enforcements: int,
    cases: int,
    events: int,
    soak: float,
    peers: bool,
    report: Path | None,
) -> None:
    """Measure starting, intake, decisions, restores, ledger, backtests, pages and queue beside what the machine does.

    Everything runs on databases made for it and removed at the end: a SQLite
    file, and a database of its own on the PostgreSQL server that
    GARDEFOU_DATABASE_URL names, else on one that comes as a Python package.
    A benchmark that fails or cannot run here says so, and costs no other.
    """
    from datetime import UTC, datetime

    from gardefou.bench.catalogue import run
    from gardefou.bench.databases import Databases
    from gardefou.bench.measured import Curve, Figure, Skipped
    from gardefou.bench.report import write_report
    from gardefou.bench.suite import Extent, Suite
    from gardefou.bench.table import COLUMNS, machine, row

    if report is not None:
        if not report.absolute().parent.is_dir():
            raise InvalidInput(
                "bench/report", f"There is no folder {report.parent}; name another file.", field="report"
            )
        plots = report.with_suffix("")
        if not report.suffix or (plots.exists() and not plots.is_dir()):
            raise InvalidInput(
                "bench/report", f"{plots} is to be the folder of the plots; name another file.", field="report"
            )
    extent = Extent(seconds=seconds, enforcements=enforcements, cases=cases, events=events, soak=soak, peers=peers)
    with Databases.opened() as databases:
        found = list(run(Suite(databases, extent, ctx.out.note), only))
        about = machine(databases)
    figures = [one for one in found if isinstance(one, Figure)]
    skipped = [one for one in found if isinstance(one, Skipped)]
    curves = [one for one in found if isinstance(one, Curve)]
    if ctx.out.as_json:
        ctx.out.json(
            {
                "machine": dict(about),
                "figures": [one.to_json() for one in figures],
                "curves": [{"plot": one.plot, "name": one.name, "points": one.points} for one in curves],
                "skipped": [{"name": one.name, "why": one.why} for one in skipped],
            }
        )
    ctx.out.pairs(about)
    ctx.out.table(COLUMNS, [row(one) for one in figures], empty="Nothing was measured.")
    for one in skipped:
        ctx.out.line(f"Not measured: {one.name}: {one.why}")
    if report is not None:
        write_report(report, about, figures, skipped, curves, datetime.now(UTC).date())
        ctx.out.note(f"Written to {report}.")
