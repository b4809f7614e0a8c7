"""`gardefou seals`: the keys that people's names are sealed under."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gardefou.cli.common import Cli, cli_command, examples
from gardefou.people.roles import Power

if TYPE_CHECKING:
    from gardefou.flow.sealing import Sealing


@click.group("seals")
def seals() -> None:
    """Look after the keys that people's names and addresses are sealed under."""


@seals.command("status", epilog=examples("gardefou seals status"))
@cli_command
def status(ctx: Cli) -> None:
    """Show how the sealing keys are kept, and how many people are sealed under which."""
    from gardefou.flow.sealing import sealing_now

    ctx.actor().require(Power.READ, ctx.app.now())
    _tell(ctx, sealing_now(ctx.app))


@seals.command(
    "rotate",
    epilog=examples(
        "gardefou seals rotate",
        "gardefou seals rotate --key-only        (then copy seals.json to the other machines, then rotate)",
    ),
)
@click.option("--key-only", is_flag=True, help="Make the new key, and seal nothing under it yet.")
@cli_command
def rotate(ctx: Cli, *, key_only: bool) -> None:
    """Seal everybody under a new key. Running it again goes on where it was cut off.

    The keys are written as the settings seal_wrap and seal_unwrap have them
    kept, so this also puts them behind a key management service. The old key
    stays until `gardefou seals drop`.
    """
    from gardefou.flow import sealing

    _tell(ctx, (sealing.new_key if key_only else sealing.rotate)(ctx.app, ctx.actor()))


@seals.command("drop", epilog=examples("gardefou seals drop"))
@cli_command
def drop(ctx: Cli) -> None:
    """Let go of every key that nobody is sealed under. Backups from before need the key store of then."""
    from gardefou.flow.sealing import let_go

    _tell(ctx, let_go(ctx.app, ctx.actor()))


_KEPT = {
    "": "nothing is sealed yet",
    "file": "in a file that only its owner reads",
    "command": "wrapped by a command",
}


def _tell(ctx: Cli, now: Sealing) -> None:
    ctx.out.data(
        {
            "kept": now.kept,
            "sealing": now.sealing,
            "keys": [{"id": key, "seals": key == now.sealing, "people": now.people.get(key, 0)} for key in now.keys],
            "elsewhere": {key: count for key, count in now.people.items() if key not in now.keys},
        }
    )
    ctx.out.line(f"Sealing keys: {_KEPT[now.kept]}.")
    ctx.out.table(
        ("key", "people", ""),
        [(key, now.people.get(key, 0), "seals" if key == now.sealing else "") for key in now.keys],
        empty="",
    )
    for key, count in now.people.items():
        if key not in now.keys:
            ctx.out.line(f"{count} are sealed under {key}, which is not in this key store.")
