"""`gardefou nets backtest`: past enforcements under other nets, and nets as SQL for other tools."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gardefou.cli.arguments import past
from gardefou.cli.common import Cli, cli_command, examples
from gardefou.people.roles import Power

if TYPE_CHECKING:
    from gardefou.flow.history import Say
    from gardefou.nets.backtested import Backtest

#: How many facts that were not recorded are named, those missing most often first.
_NAMED = 5


@click.command(
    "backtest",
    epilog=examples(
        "gardefou nets backtest --nets nets.toml",
        "gardefou nets backtest --nets nets.toml --since 30d --examples 20",
        "gardefou nets backtest --nets nets.toml --sql spark > nets.sql",
    ),
)
@click.option("--nets", "file", metavar="FILE", type=click.Path(path_type=Path), help="These nets, not those in force.")
@click.option("--since", help="Only what was placed since: a moment, or a length back such as 30d.")
@click.option(
    "--examples", "most", type=click.IntRange(0, 1_000), default=5, show_default=True, help="How many are shown."
)
@click.option(
    "--sql",
    "dialect",
    metavar="DIALECT",
    help="Print the nets as one SELECT over the exported files, in duckdb, spark, postgres, …, and judge nothing.",
)
@cli_command
def backtest(ctx: Cli, file: Path | None, since: str | None, most: int, dialect: str | None) -> None:
    """Judge past enforcements under other nets: what would have been stopped, and what delay added.

    Each is compared with what was asked of it then. First brings the exported
    history up to date: Parquet files in exports/history below the data folder,
    which other tools may read too. Facts are as they were recorded; one that
    was not recorded then is taken at its most protective value, and counted.
    """
    from gardefou.cli.nets import config_of, read_text
    from gardefou.flow.history import export_history, history_folder
    from gardefou.nets import sql
    from gardefou.nets.backtest import backtest as judge
    from gardefou.nets.load import load

    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    nets = config_of(ctx).nets if file is None else load(read_text(file), file.name)
    if dialect is not None:
        written = sql.query(nets, "history", dialect)
        ctx.out.data({"dialect": dialect, "sql": written}, written)
        return
    start = None if since is None else past(since, now=app.now(), field="--since")
    folder = history_folder(ctx.settings.data)
    done = export_history(app, folder, say=_now_and_then(ctx))
    found = judge(nets, done.files, since=start, examples=most)
    ctx.out.data(
        {**found.to_json(), "history": {"folder": str(folder), "days": len(done.files), "days_written": done.written}}
    )
    ctx.out.line(found.headline)
    if found.judged:
        _tell(ctx, found)


def _now_and_then(ctx: Cli) -> Say:
    """Return what says how far a long export is, on standard error, at most once in two seconds."""
    next_at = ctx.app.now() + timedelta(seconds=2)

    def say(text: str) -> None:
        nonlocal next_at
        now = ctx.app.now()
        if now >= next_at:
            next_at = now + timedelta(seconds=2)
            ctx.out.note(text)

    return say


def _tell(ctx: Cli, found: Backtest) -> None:
    from gardefou.nets.backtest_words import in_words, limits

    out = ctx.out
    out.line()
    counts = (
        ("refused, and was not then", found.refused),
        ("asked for people, or for more of them", found.people),
        ("held longer", found.held),
        ("asked otherwise: a fresher sign-in, a confirmation", found.otherwise),
        ("asked less than then", found.weakened),
        ("asked the same", found.unchanged),
        ("judged", found.judged),
    )
    out.pairs([(name, f"{count:,}") for name, count in counts])
    for name, spread in (("hold added", found.added_hold), ("delay added", found.delayed)):
        if name == "delay added" and found.answer_seconds is None:
            continue  # it is the hold
        if spread.median is not None and spread.p90 is not None and spread.most is not None:
            out.line(
                f"{name}: to {spread.count:,}, median {in_words(spread.median)}, nine in ten at most"
                f" {in_words(spread.p90)}, the longest {in_words(spread.most)}"
            )
    out.line()
    for words in limits(found, named=_NAMED):
        out.line(words)
    out.line()
    spoke = sorted((one for one in found.nets if one.spoke), key=lambda one: -one.spoke)
    for shadow in (False, True):
        rows = [
            (one.net, f"{one.spoke:,}", f"{one.alone:,}", f"{one.together:,}") for one in spoke if one.shadow is shadow
        ]
        if shadow and rows:
            out.line()
            out.line("In shadow, and asking for nothing:")
        if rows or not shadow:
            out.table(("net", "would have spoken", "alone", "with others"), rows, empty="No net would have spoken.")
    silent = len(found.nets) - len(spoke)
    if silent:
        out.line(f"{silent} of {len(found.nets)} nets would not have spoken.")
    if found.examples:
        out.line()
    for example in found.examples:
        out.line(f"- {example.says}")
