"""`gardefou staff import`: what a list of people states, carried out as provisioning does."""

from __future__ import annotations

from pathlib import Path

import click

from gardefou.cli.common import Cli, cli_command, examples, fail, text_of


@click.command(
    "import",
    epilog=examples(
        "gardefou staff import people.csv --dry-run",
        "gardefou staff import people.csv",
        "printf 'external_id,name,roles,last_day\\n1017,Ada Example,reviewer,2026-12-31\\n' > people.csv",
    ),
)
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Try every line, and change nothing.")
@cli_command
def import_staff(ctx: Cli, file: Path, dry_run: bool) -> None:
    """Carry out what a file states of people: what takes power at once, what gives it once people say yes.

    Columns: external_id (the organisation's own identifier; needed), issuer and
    subject (who the person is to the identity provider), user_name, name, email,
    roles (by spaces; none takes all), team, employer, last_day (2026-12-31, or
    none), zone (where it ends; UTC if left out), active (yes, no, gone). An
    empty cell says nothing.

    Every line is tried first; if any is wrong, each is named with its number
    and column and nothing is changed (exit status 2). What is printed names
    lines and no pseudonyms.
    """
    from gardefou.flow.staff_import import import_staff as carry_out

    done = carry_out(ctx.app, ctx.actor(), text_of(file, code="staff_import/file"), dry_run=dry_run)
    unchanged = sum(not (one.at_once or one.waits or one.refused) for one in done)
    at_once = sum(len(one.at_once) for one in done)
    waits = sum(len(one.waits) for one in done)
    refused = sum(len(one.refused) for one in done)
    for one in done:
        for says, what in (("at once", one.at_once), ("waits for people", one.waits), ("refused", one.refused)):
            if what:
                ctx.out.line(f"line {one.line}: {', '.join(what)} ({says})")
    end = " Nothing was changed." if dry_run else ""
    ctx.out.data(
        {
            "dry_run": dry_run,
            "at_once": at_once,
            "waiting": waits,
            "refused": refused,
            "unchanged": unchanged,
            "lines": [
                {"line": one.line, "at_once": one.at_once, "waits": one.waits, "refused": one.refused} for one in done
            ],
        },
        f"{at_once} at once, {waits} waiting for people, {refused} refused, {unchanged} lines unchanged.{end}",
    )
    if refused:
        fail()
