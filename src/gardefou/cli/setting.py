"""`gardefou setting`: the guarded settings, and proposing another value."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click
import orjson

from gardefou.cli.changes import change, tell
from gardefou.cli.common import Cli, cli_command, examples
from gardefou.flow.rules import Rules, load_rules
from gardefou.people.roles import Power


@click.group("setting")
def setting() -> None:
    """Look at the guarded settings, and propose to change one."""


@setting.command("list", epilog=examples("gardefou setting list", "gardefou setting list --json"))
@cli_command
def list_(ctx: Cli) -> None:
    """List every guarded setting with its value; what differs from the default is marked."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    with app.works.read() as connection:
        rules = load_rules(connection)
    default = Rules()
    shown = [(one.name, getattr(rules, one.name), getattr(default, one.name)) for one in fields(Rules)]
    ctx.out.data({"settings": {name: value for name, value, _ in shown}})
    ctx.out.table(
        ("", "setting", "value"),
        [("*" if value != was else "", name, orjson.dumps(value).decode()) for name, value, was in shown],
        empty="",
    )


@setting.command(
    "set",
    epilog=examples(
        "gardefou setting set restores_per_hour 30 --because 'a bigger team'",
        """gardefou setting set scim_groups '["Trust leads = role:lead"]' --because 'provisioning'""",
    ),
)
@click.argument("name")
@click.argument("value")
@click.option("--because", default="", help="Why, in a line.")
@cli_command
def set_(ctx: Cli, name: str, value: str, because: str) -> None:
    """Propose another value, written as JSON (a word needs no quotes). It waits for people, whichever way it goes."""
    try:
        given: Any = orjson.loads(value)
    except orjson.JSONDecodeError:
        given = value
    tell(ctx, change(ctx, ctx.actor(), "setting", {"name": name, "value": given}, because))
