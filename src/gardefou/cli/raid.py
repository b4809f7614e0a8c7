"""`gardefou raid`: a wave of new accounts, and an hour of wider budgets on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from gardefou.cli.common import Cli, cli_command, examples
from gardefou.cli.output import moment
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.records import Raid
from gardefou.flow.raid import end_raid, open_raids, start_raid
from gardefou.people.roles import Power


@click.group("raid")
def raid() -> None:
    """Turn raid mode on and off: three times the budgets on accounts under a week old, for an hour."""


@raid.command("start", epilog=examples("gardefou raid start --because 'new accounts, all with the same link'"))
@click.option("--because", required=True, help="What is happening, in a line.")
@cli_command
def start(ctx: Cli, because: str) -> None:
    """Turn raid mode on for sixty minutes, or renew it in its last half hour. Everyone is told.

    A lead does, with a fresh strong sign-in; in a small team either of you. At
    most twice a shift of eight hours. It ends by itself.
    """
    made = start_raid(ctx.app, ctx.actor(), because)
    _tell(ctx, [made])


@raid.command("end", epilog=examples("gardefou raid end"))
@cli_command
def end(ctx: Cli) -> None:
    """Turn raid mode off before it ends by itself. Anyone on duty can."""
    ended = end_raid(ctx.app, ctx.actor())
    ctx.out.data({"raid": False, "items": _shapes(ctx, ended)}, "Raid mode is off; budgets are as always again.")


@raid.command("show", epilog=examples("gardefou raid show", "gardefou raid show --json"))
@cli_command
def show(ctx: Cli) -> None:
    """Say whether raid mode is on, who called it and until when."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    with app.works.read() as connection:
        running = open_raids(connection, app.now())
    _tell(ctx, running)


def _tell(ctx: Cli, running: Sequence[Raid]) -> None:
    items = _shapes(ctx, running)
    ctx.out.data({"raid": bool(running), "until": running[-1].until if running else None, "items": items})
    if not running:
        ctx.out.line("Raid mode is off.")
    for one, item in zip(running, items, strict=True):
        ctx.out.line(f"Raid mode is on until {moment(one.until)}, called by {item['by']}: {one.because}")


def _shapes(ctx: Cli, raids: Sequence[Raid]) -> list[dict[str, Any]]:
    with ctx.app.works.read() as connection:
        names = Pseudonyms(connection)
    return [
        {
            "id": one.id,
            "by": names.of(one.by),
            "at": one.at,
            "because": one.because,
            "until": one.until,
            "ended_at": one.ended_at,
            "ended_by": names.of(one.ended_by),
        }
        for one in raids
    ]
