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
        "gardefou bench --report docs/benchmarks.md",
    ),
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this benchmark and the floor; may be repeated.")
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
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the page with the tables there.")
@cli_command
def bench(ctx: Cli, only: tuple[str, ...], seconds: float, enforcements: int, cases: int, report: Path | None) -> None:
    """Measure intake, decisions, restores, ledger, backtests and pages; print tables with ratios to a plain INSERT.

    Everything runs on databases made for it and removed at the end: a SQLite
    file, and a database of its own on the PostgreSQL server that
    GARDEFOU_DATABASE_URL names, else on one that comes as a Python package.
    """
    from datetime import UTC, datetime

    from gardefou.bench.databases import Databases
    from gardefou.bench.measured import Figure, Skipped
    from gardefou.bench.suite import Suite
    from gardefou.bench.table import COLUMNS, machine, page, row, write_page

    if report is not None and not report.absolute().parent.is_dir():
        raise InvalidInput("bench/report", f"There is no folder {report.parent}; name another file.", field="report")
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    with Databases.opened() as databases:
        for found in Suite(databases, seconds, ctx.out.note, enforcements, cases).run(only):
            if isinstance(found, Figure):
                figures.append(found)
            else:
                skipped.append(found)
        about = machine(databases)
    if ctx.out.as_json:
        ctx.out.json(
            {
                "machine": dict(about),
                "figures": [one.to_json() for one in figures],
                "skipped": [{"name": one.name, "why": one.why} for one in skipped],
            }
        )
    ctx.out.pairs(about)
    ctx.out.table(COLUMNS, [row(one) for one in figures], empty="Nothing was measured.")
    for one in skipped:
        ctx.out.line(f"Not measured: {one.name}: {one.why}")
    if report is not None:
        write_page(report, page(about, figures, skipped, datetime.now(UTC).date()))
        ctx.out.note(f"Written to {report}.")
