"""`gardefou incident`: what went wrong or nearly did, and its story in words, as JSON and as a page."""

from __future__ import annotations

from pathlib import Path

import click
import sqlalchemy as sa

from gardefou.cli.arguments import page_end
from gardefou.cli.common import Cli, cli_command, examples, split_account
from gardefou.clock import rfc3339
from gardefou.domain.records import Incident
from gardefou.flow.incident_nets import NetSaid
from gardefou.flow.incident_story import read_story
from gardefou.flow.incident_words import TITLES, minutes_in_words, moment_in_words
from gardefou.flow.story import Story, lines
from gardefou.nets.phrasebook import count
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

_SHOWN = 20


@click.group("incident")
def incident() -> None:
    """Look at incidents and near misses, which open by themselves."""


@incident.command(
    "list",
    epilog=examples(
        "gardefou incident list",
        "gardefou incident list --kind near_miss",
        "gardefou incident list --account chirp/1001",
    ),
)
@click.option("--kind", type=click.Choice(sorted(TITLES)), help="Of one kind only.")
@click.option("--account", metavar="PLATFORM/REF", help="That name one account only, among the newest thousand.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most so many.")
@click.option("--cursor", metavar="ID", help="Only those before this one.")
@cli_command
def list_(ctx: Cli, kind: str | None, account: str | None, limit: int, cursor: str | None) -> None:
    """List incidents and near misses, newest first."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    table = tables.incident.c
    statement = sa.select(tables.incident).order_by(table.id.desc()).limit(1_000 if account else limit + 1)
    if kind is not None:
        statement = statement.where(table.kind == kind)
    if cursor is not None:
        statement = statement.where(table.id < page_end(cursor))
    platform, ref = split_account(account) if account else ("", "")
    if account:
        statement = statement.where(table.platform == platform)
    with app.works.read() as connection:
        found = [one for one in fetch_all(connection, Incident, statement) if not ref or ref in one.accounts]
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    ctx.out.data(
        {
            "incidents": [
                {
                    "id": one.id,
                    "platform": one.platform,
                    "kind": one.kind,
                    "accounts": list(one.accounts),
                    "opened_at": rfc3339(one.opened_at),
                    "last_at": rfc3339(one.last_at),
                }
                for one in page
            ],
            "next": following,
        }
    )
    ctx.out.table(
        ("id", "what", "platform", "accounts", "opened"),
        [
            (
                one.id,
                TITLES.get(one.kind, one.kind),
                one.platform,
                one.accounts[0] if len(one.accounts) == 1 else len(one.accounts),
                one.opened_at,
            )
            for one in page
        ],
        empty="There are no such incidents." if kind or account else "Nothing went wrong yet.",
    )
    if following is not None:
        ctx.out.note(f"There are more: --cursor {following}")


@incident.command(
    "show",
    epilog=examples("gardefou incident show 0197f3a2-…", "gardefou incident show 0197f3a2-… --html incident.html"),
)
@click.argument("incident_id", metavar="ID")
@click.option(
    "--html",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it as one page that loads nothing, with a picture of the timeline.",
)
@cli_command
def show(ctx: Cli, incident_id: str, file: Path | None) -> None:
    """Show an incident: timeline, minutes down, reach times minutes, nets that spoke or stayed silent.

    People stand by pseudonym; in the page, which may be passed on, by names that
    are this incident's alone.
    """
    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    with app.works.read() as connection:
        story = read_story(connection, incident_id, now=app.now(), viewer=actor.id)
    if file is not None:
        from gardefou.web.incident_page import incident_page

        with app.works.read() as connection:
            passed_on = read_story(connection, incident_id, now=app.now(), viewer=actor.id, outside=app.directory)
        file.write_text(incident_page(passed_on), encoding="utf-8")
        ctx.out.note(f"Written to {file}.")
        if not ctx.out.as_json:
            return
    ctx.out.data(story.document())
    _tell(ctx, story)


def _tell(ctx: Cli, story: Story) -> None:
    one = story.incident
    down = minutes_in_words(story.minutes_down) if story.minutes_down else "nobody"
    ctx.out.line(f"{TITLES.get(one.kind, one.kind)}: {one.summary}")
    ctx.out.pairs(
        [
            ("platform", one.platform),
            ("opened", one.opened_at),
            ("concerns", one.about),
            ("down", f"{down}, and still is" if story.still_down else down),
            ("reach × minutes", count(story.reach_minutes) if story.reach_minutes else ""),
        ]
    )
    ctx.out.line()
    for line in lines(story.timeline):
        times = f" ({line.number} times)" if line.number > 1 else ""
        who = f"{line.first.who} " if line.first.who else ""
        ctx.out.line(f"  {moment_in_words(line.first.at)}  {line.first.lane:<8}  {who}{line.first.words}{times}")
    ctx.out.line()
    shown = [account for account in story.accounts if account.spans]
    for account in shown[:_SHOWN]:
        still = ", still" if account.still else ""
        name = account.handle or account.account
        ctx.out.line(f"  down    {name}, reach {count(account.reach)}: {minutes_in_words(account.minutes)}{still}")
    if len(shown) > _SHOWN:
        ctx.out.line(f"  and {len(shown) - _SHOWN} more")
    _nets(ctx, "spoke ", story.spoke)
    _nets(ctx, "silent", story.silent)


def _nets(ctx: Cli, part: str, nets: tuple[NetSaid, ...]) -> None:
    for net in nets:
        shadow = " (in shadow)" if net.mode == "shadow" else ""
        ctx.out.line(f"  {part}  {net.net}{shadow}: {net.title}")
