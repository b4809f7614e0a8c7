"""`gardefou nets shadow`: what the nets in shadow would have asked."""

from __future__ import annotations

from datetime import timedelta

import click

from gardefou.cli.arguments import past
from gardefou.cli.common import Cli, cli_command, examples
from gardefou.people.roles import Power


@click.command("shadow", epilog=examples("gardefou nets shadow", "gardefou nets shadow --since 30d --json"))
@click.option("--since", metavar="T", default=None, help="From when: an instant, or 30d for so long ago; default 7d.")
@cli_command
def shadow(ctx: Cli, since: str | None) -> None:
    """Say what the nets in shadow would have asked of what was placed lately: how many delayed, how long, by which.

    Delays are holds: how long people would have taken to answer is not known.
    """
    from gardefou.flow.shadow import shadow_report

    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    start = app.now() - timedelta(days=7) if since is None else past(since, now=app.now(), field="--since")
    with app.works.read() as connection:
        report = shadow_report(connection, start)
    ctx.out.data(report.to_json())
    ctx.out.line(report.says)
    ctx.out.table(
        ("net", "spoke", "alone", "title"),
        [(one.net, one.spoke, one.alone, one.title) for one in report.ranked()],
        empty="No net in shadow spoke.",
    )
