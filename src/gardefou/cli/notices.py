"""`gardefou notices`: where people on duty are told what happens, how the last notices got through, and a test."""

from __future__ import annotations

import sys

import click

from gardefou.cli.changes import change, tell
from gardefou.cli.common import Cli, cli_command, examples, fail
from gardefou.domain.records import ORGANISATION, Channel
from gardefou.errors import Denied, InvalidInput
from gardefou.flow.notices import channels, health, last_deliveries, unheard
from gardefou.flow.try_channel import may_see_channels, try_channel
from gardefou.notices.catalogue import LANGUAGES
from gardefou.notices.kinds import KINDS
from gardefou.notices.words import answer_in_words
from gardefou.people.keys import KeyStore
from gardefou.people.roles import Power
from gardefou.storage.records import get

_LAST = 20


@click.group("notices")
def notices() -> None:
    """Tell people on duty over chat, mail and pager; see what got through, and try it."""


@notices.command("list", epilog=examples("gardefou notices list", "gardefou notices list --json"))
@cli_command
def list_(ctx: Cli) -> None:
    """List the channels and how the last notices got through. Leads and admins see it; no address is ever shown."""
    app, actor = ctx.app, ctx.actor()
    actor.require(Power.READ, app.now())
    if not may_see_channels(actor):
        raise Denied("auth/forbidden", "Leads and admins see where notices go; ask one of them.")
    with app.works.read() as connection:
        found = channels(connection)
        healths = health(connection)
        last = last_deliveries(connection, _LAST)
    missing = unheard(found)
    ctx.out.data(
        {
            "channels": [
                {
                    "name": one.id,
                    "service": one.service,
                    "to": list(one.to),
                    "kinds": list(one.kinds),
                    "language": one.language,
                    "active": one.active,
                    "here": app.post.has(one.key),
                    "last_sent_at": healths.get(one.id, (None, 0))[0],
                    "waiting": healths.get(one.id, (None, 0))[1],
                }
                for one in found
            ],
            "unheard": missing,
            "deliveries": [
                {
                    "notice": one.notice_id,
                    "kind": one.kind,
                    "channel": one.channel,
                    "state": one.state,
                    "answer": one.answer,
                    "attempts": one.attempts,
                    "at": one.at,
                    "sent_at": one.sent_at,
                    "next_attempt_at": one.next_attempt_at if one.state == "waiting" else None,
                }
                for one in last
            ],
        }
    )
    ctx.out.table(
        ("channel", "service", "reaches", "kinds", "language", "in use", "last taken", "waiting"),
        [
            (
                one.id,
                one.service,
                one.to,
                one.kinds or "all",
                one.language,
                one.active,
                healths.get(one.id, (None, 0))[0],
                healths.get(one.id, (None, 0))[1],
            )
            for one in found
        ],
        empty="Nobody is told anything yet; see `gardefou notices add --help`.",
    )
    if missing:
        ctx.out.line(f"No channel reaches: {', '.join(missing)}. What nets tell them is in the console only.")
    ctx.out.line()
    ctx.out.table(
        ("when", "notice", "channel", "state", "answer", "attempts"),
        [(one.at, one.kind, one.channel, one.state, answer_in_words(one.answer, "en"), one.attempts) for one in last],
        empty="Nothing was sent in the last 30 days.",
    )


@notices.command(
    "add",
    epilog=examples(
        "gardefou notices add duty --to oncall --to lead --address-stdin < address",
        "gardefou notices add astreinte --to oncall --language fr --kind drift --kind break_glass",
        "gardefou notices add duty --to oncall --to lead --to policy        (its address stays)",
    ),
)
@click.argument("name")
@click.option(
    "--to", multiple=True, required=True, metavar="WHO", help="Whom it reaches: oncall, lead, … or team:NAME."
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only these kinds of notice.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="In which language.")
@click.option("--address-stdin", is_flag=True, help="Read its Apprise address, one line, from standard input.")
@cli_command
def add(
    ctx: Cli, name: str, to: tuple[str, ...], kinds: tuple[str, ...], language: str, *, address_stdin: bool
) -> None:
    """Add a channel, or change whom one reaches. After setup it waits for people.

    Its address is a secret: it goes into this machine's key store, never into
    the database, and is never shown again. For a channel that is there already
    it is asked for only with --address-stdin.
    """
    app, actor = ctx.app, ctx.actor()
    actor.require(Power.SETTINGS, app.now())
    with app.works.read() as connection:
        known = get(connection, Channel, ORGANISATION, name)
    if known is not None and not address_stdin:
        key, service = known.key, known.service
    else:
        key, service = _kept(ctx, given=address_stdin)
    payload = {
        "name": name,
        "key": key,
        "service": service,
        "to": list(to),
        "kinds": list(kinds),
        "language": language,
    }
    tell(ctx, change(ctx, actor, "channel", payload))


@notices.command("remove", epilog=examples("gardefou notices remove duty"))
@click.argument("name")
@cli_command
def remove(ctx: Cli, name: str) -> None:
    """Take a channel out of use. After setup it waits for people: whoever it reaches hears of nothing then."""
    tell(ctx, change(ctx, ctx.actor(), "channel", {"name": name, "active": False}))


@notices.command("test", epilog=examples("gardefou notices test duty", "gardefou notices test duty --json"))
@click.argument("name")
@cli_command
def test(ctx: Cli, name: str) -> None:
    """Send a real notice that says it is a test, from this machine, and say what came back.

    Leads and admins do. Exits 1 when it was not taken.
    """
    sent = try_channel(ctx.app, ctx.actor(), name, address=ctx.settings.address)
    says = answer_in_words(sent.answer, "en")
    ctx.out.data({"channel": name, "sent": sent.ok, "answer": sent.answer, "says": says}, f"{name}: {says}.")
    if not sent.ok:
        fail()


def _kept(ctx: Cli, *, given: bool) -> tuple[str, str]:
    """Keep a new address in the key store; return what it is kept under, and its kind of service.

    It is there before the change is in force, under a key of its own: what
    people agree to is this address, and no other can be put in its place.
    """
    from gardefou.notices.post import service_of

    if given:
        url = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        url = click.prompt("Its address, such as mailtos://user:password@smtp.example.org", hide_input=True, err=True)
    else:
        url = ""
    if not url:
        raise InvalidInput("channel/address", "Give its address: --address-stdin reads it.", field="address")
    service = service_of(url)
    key = ctx.app.ids.new()
    KeyStore(ctx.settings.keys_folder).keep_address(key, url)
    return key, service
