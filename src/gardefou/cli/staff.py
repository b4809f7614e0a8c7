"""`gardefou staff`: who is here, what they may do, and leaving. Names stay sealed."""

from __future__ import annotations

from typing import Any

import click
import sqlalchemy as sa

from gardefou.cli import shapes
from gardefou.cli.arguments import last_day_end, past, reason, words, written
from gardefou.cli.changes import change, end, outcome, tell
from gardefou.cli.common import Cli, cli_command, confirmed, examples, fail
from gardefou.cli.output import moment
from gardefou.cli.people_names import person
from gardefou.cli.setup import link_lines, new_link
from gardefou.domain.records import Staff
from gardefou.domain.states import State
from gardefou.errors import InvalidInput
from gardefou.flow.newcomers import keep_newcomer, newcomer
from gardefou.flow.rules import load_rules
from gardefou.people.last_days import refuse_over
from gardefou.people.roles import ROLES, Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

_ROLE_HELP = f"One of {', '.join(ROLES)}; may be repeated, or with commas."


@click.group("staff")
def staff() -> None:
    """Look after people: adding, roles, last days, leaving."""


@staff.command(
    "add",
    epilog=examples(
        "gardefou staff add --role lead --team policy",
        "gardefou staff add --role reviewer --team reports --last-day 2026-12-31 --name 'Ada Example'",
    ),
)
@click.option("--role", "roles", multiple=True, required=True, help=_ROLE_HELP)
@click.option("--team", default="", help="Their team; approvers of one enforcement come from different ones.")
@click.option("--employer", default="", help="Who employs them, where it is not the organisation itself.")
@click.option("--name", default="", help="Their name; kept sealed.")
@click.option("--email", default="", help="Their address; kept sealed.")
@click.option(
    "--subject", default="", help="What the identity provider knows them by; kept sealed. They sign in there."
)
@click.option("--issuer", default="", help="That provider; left out, the one of the setting oidc_issuer.")
@click.option("--id", "staff_id", default="", help="A staff id of your own; left out, one is made.")
@click.option("--started", help="Since when they work here; left out, now.")
@click.option("--last-day", help="The end of a contract that has one.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of the last day.")
@cli_command
def add(
    ctx: Cli,
    roles: tuple[str, ...],
    team: str,
    employer: str,
    name: str,
    email: str,
    subject: str,
    issuer: str,
    staff_id: str,
    started: str | None,
    last_day: str | None,
    zone: str,
) -> None:
    """Add a person. After setup it waits for two others; during setup it prints a one-time sign-in link."""
    app = ctx.app
    actor = ctx.actor()
    ends = None if last_day is None else last_day_end(last_day, zone)
    refuse_over(ends, app.now())
    payload: dict[str, Any] = {
        "staff": staff_id,
        "roles": words(roles),
        "team": team,
        "employer": employer,
        "started": written(None if started is None else past(started, now=app.now(), field="--started")),
        "last_day": written(ends),
    }
    who = newcomer(app, name=name, email=email, subject=subject, issuer=issuer or ctx.settings.oidc_issuer)
    made = change(ctx, actor, "staff_add", payload)
    proposed = dict(made.change or {})
    new_id, pseudonym = str(proposed["staff"]), str(proposed["pseudonym"])
    keep_newcomer(app, made, who)
    says, shape = outcome(ctx, made)
    with app.works.read() as connection:
        in_setup = not load_rules(connection).setup_finished
    link = new_link(app, actor, new_id) if in_setup and made.state == State.IN_FORCE.value else None
    ctx.out.data(
        {"state": made.state, "says": says, "change": shape, "id": new_id, "pseudonym": pseudonym, "link": link},
        f"{pseudonym} ({', '.join(words(roles))}): {says}",
        *(link_lines(pseudonym, link) if link else ()),
    )
    end(made)


@staff.command("list", epilog=examples("gardefou staff list", "gardefou staff list --all --json"))
@click.option("--all", "everyone", is_flag=True, help="Also those who have left.")
@cli_command
def list_(ctx: Cli, everyone: bool) -> None:
    """List people by pseudonym."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    with app.works.read() as connection:
        people = fetch_all(connection, Staff, sa.select(tables.staff).order_by(tables.staff.c.id))
    shown = [shapes.staff(one, app.now()) for one in people]
    shown = [one for one in shown if everyone or one["standing"] != "left"]
    ctx.out.data({"staff": shown})
    ctx.out.table(
        ("person", "roles", "team", "standing", "last day", "enrolled"),
        [
            (one["pseudonym"], one["roles"], one["team"], one["standing"], one["last_day_end"], one["enrolled"])
            for one in shown
        ],
        empty="Nobody is here yet.",
    )


@staff.command("show", epilog=examples("gardefou staff show velor-tami"))
@click.argument("staff", metavar="STAFF")
@cli_command
def show(ctx: Cli, staff: str) -> None:
    """Show one person, by pseudonym or staff id; without a name."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    with app.works.read() as connection:
        shown = shapes.staff(person(connection, staff), app.now())
    ctx.out.data(shown)
    ctx.out.pairs(
        [
            ("person", shown["pseudonym"]),
            ("id", shown["id"]),
            ("roles", shown["roles"]),
            ("team", shown["team"]),
            ("employer", shown["employer"]),
            ("standing", shown["standing"]),
            ("since", shown["started_at"]),
            ("last day ends", shown["last_day_end"]),
            ("enrolled", shown["enrolled"]),
        ]
    )


@staff.command(
    "role",
    epilog=examples(
        "gardefou staff role velor-tami --add policy",
        "gardefou staff role velor-tami --remove lead        (at once)",
    ),
)
@click.argument("staff", metavar="STAFF")
@click.option("--add", multiple=True, help=f"Give a role: {', '.join(ROLES)}.")
@click.option("--remove", multiple=True, help="Take a role away; takes effect at once.")
@click.option("--team", default="", help="Move them to another team.")
@cli_command
def role(ctx: Cli, staff: str, add: tuple[str, ...], remove: tuple[str, ...], team: str) -> None:
    """Give or take roles. Taking works at once; giving waits for people."""
    payload = {"staff": staff, "add": words(add), "remove": words(remove), "team": team}
    tell(ctx, change(ctx, ctx.actor(), "role", payload))


@staff.command(
    "leave",
    epilog=examples(
        "gardefou staff leave velor-tami --last-day 2026-12-31",
        "gardefou staff leave velor-tami --last-day 2026-12-31 --zone Europe/Paris",
        "gardefou staff leave velor-tami --stays        (waits for people)",
    ),
)
@click.argument("staff", metavar="STAFF")
@click.option("--last-day", metavar="D", help="The last day, ending at 23:59 there; or a moment.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of the last day.")
@click.option("--stays", is_flag=True, help="Take the notice back.")
@cli_command
def leave(ctx: Cli, staff: str, last_day: str | None, zone: str, stays: bool) -> None:
    """Give notice of a last day.

    A first or earlier one takes effect at once; a later one, or none, waits for people. A day that is over
    already would put them off for good, and is `gardefou staff off`.
    """
    if (last_day is None) != stays:
        raise click.UsageError("give either --last-day D or --stays")
    day = None if last_day is None else last_day_end(last_day, zone)
    if day is not None and day <= ctx.app.now():
        raise InvalidInput(
            "cli/last_day",
            f"{last_day} is over already, at {moment(day)}; to put them off now, use `gardefou staff off`.",
            field="last_day",
        )
    made = change(ctx, ctx.actor(), "leave", {"staff": staff, "last_day": written(day)})
    if day is not None and made.state == State.IN_FORCE:
        ctx.out.line(f"The last day ends {moment(day)}.")
    tell(ctx, made)


@staff.command(
    "certify",
    epilog=examples(
        "gardefou staff certify                                 (what lapses when, and what nobody used)",
        "gardefou staff certify velor-tami --role lead",
        "gardefou staff certify velor-tami --role lead --role policy --because 'runs the late shift'",
    ),
)
@click.argument("staff", metavar="[STAFF]", required=False)
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role to confirm; may be given several times.")
@click.option("--because", default="", help="Why, in a line.")
@cli_command
def certify(ctx: Cli, staff: str | None, roles: tuple[str, ...], because: str) -> None:
    """Confirm that somebody else still needs their roles; without STAFF, list what lapses when.

    Every quarter each role is confirmed by someone other than its holder, or
    it lapses. A lead or an admin confirms, never their own. To take a role
    away at once: `gardefou staff role`.
    """
    from gardefou.flow.recertify import certify as confirm

    if staff is None:
        if roles:
            raise click.UsageError("name the person whose roles these are")
        _list_grants(ctx)
        return
    with ctx.app.works.read() as connection:
        one = person(connection, staff)
    made = confirm(ctx.app, ctx.actor(), [(one.id, name) for name in roles or one.roles], because)
    ctx.out.data({"staff": one.pseudonym, "confirmed": [grant.role for grant in made]})
    for grant in made:
        ctx.out.line(f"{one.pseudonym} keeps the role {grant.role} for another quarter.")


def _list_grants(ctx: Cli) -> None:
    from gardefou.flow.recertify import held_roles, quarter
    from gardefou.flow.used_powers import is_unused, used_since

    now = ctx.app.now()
    ctx.actor().require(Power.READ, now)
    with ctx.app.works.read() as connection:
        config = ctx.app.config(connection)
        held = held_roles(connection, config, now)
        lasts = quarter(config)
        used = used_since(connection, {one.person.id for one in held}, now - lasts) if lasts is not None else {}
    rows: list[dict[str, Any]] = []
    for one in held:
        unused = lasts is not None and is_unused(one.grant.role, used[one.person.id], now - one.grant.since)
        rows.append(
            {
                "staff": one.person.pseudonym,
                "role": one.grant.role,
                "confirmed_at": one.grant.confirmed_at,
                "lapses_at": one.lapses_at,
                "unused": unused,
            }
        )
        lapses = "does not lapse" if one.lapses_at is None else f"lapses {moment(one.lapses_at)}"
        more = ", and nothing of it was used: `gardefou staff role` takes it away" if unused else ""
        ctx.out.line(f"{one.person.pseudonym}: {one.grant.role}, {lapses}{more}")
    ctx.out.data({"items": rows})


@staff.command(
    "reset-passkeys", epilog=examples("gardefou staff reset-passkeys velor-tami --because 'lost the phone and the key'")
)
@click.argument("staff", metavar="STAFF")
@click.option("--because", required=True, callback=reason, help="Why, in a line.")
@cli_command
def reset_passkeys(ctx: Cli, staff: str, because: str) -> None:
    """End all that a person signs in with who lost it: passkeys, sign-in key, sessions; waits for people.

    Then two colleagues invite them back, see `gardefou staff invite`. The next
    passkey that they enrol signs them in at once, and signs approvals on
    notable and protected accounts only after some days.
    """
    tell(ctx, change(ctx, ctx.actor(), "passkey", {"do": "reset", "staff": staff}, because))


@staff.command("off", epilog=examples("gardefou staff off velor-tami"))
@click.argument("staff", metavar="STAFF")
@click.option("--yes", is_flag=True, help="Do not ask.")
@cli_command
def off(ctx: Cli, staff: str, yes: bool) -> None:
    """Take all powers away, now: tokens, sign-ins, claims, and what waits in the person's name."""
    actor = ctx.actor()
    confirmed(f"Take all powers from {staff}, now?", yes=yes)
    tell(ctx, change(ctx, actor, "off", {"staff": staff}))


@staff.command(
    "suspend",
    epilog=examples(
        "gardefou staff suspend velor-tami",
        "gardefou staff suspend velor-tami --end        (waits for people)",
    ),
)
@click.argument("staff", metavar="STAFF")
@click.option("--end", "ends", is_flag=True, help="Bring them back on duty; waits for people.")
@click.option("--because", default="", help="Why, in a line.")
@cli_command
def suspend(ctx: Cli, staff: str, ends: bool, because: str) -> None:
    """Take a person off duty for now: tokens, sign-ins, claims, and what waits in their name. Or bring them back."""
    tell(ctx, change(ctx, ctx.actor(), "suspend", {"staff": staff, "suspended": not ends}, because))


@staff.command("reveal", epilog=examples("gardefou staff reveal velor-tami --because 'court order 12/2026'"))
@click.argument("staff", metavar="STAFF")
@click.option("--because", required=True, callback=reason, help="Why, in a line; the person is told.")
@cli_command
def reveal(ctx: Cli, staff: str, because: str) -> None:
    """Reveal who is behind a pseudonym: legal plus one other person, for a day.

    Proposes it the first time; once it is approved, the same command shows the
    name to whoever proposed it.
    """
    from gardefou.flow.names import open_revealing, read_name

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.REVEAL, app.now())
    with app.works.read() as connection:
        one = person(connection, staff)
        revealed = open_revealing(connection, actor.id, one.id, app.now())
    if revealed is None:
        made = change(ctx, actor, "reveal", {"staff": one.id, "because": because}, because)
        if made.state != State.IN_FORCE.value:
            tell(ctx, made)
            return
    entry = read_name(app, actor, one.id)
    ctx.out.data(
        {"state": "in_force", "pseudonym": one.pseudonym, "id": one.id, "name": entry.name, "email": entry.email},
        f"{one.pseudonym} is {entry.name or '(no name is kept)'}{f' <{entry.email}>' if entry.email else ''}.",
    )


@staff.command(
    "find", epilog=examples("gardefou staff find --name 'Ada Example'", "gardefou staff find --email a@b.org")
)
@click.option("--name", default="", help="The whole name; its words in any sequence, with or without accents.")
@click.option("--email", default="", help="The address.")
@cli_command
def find(ctx: Cli, name: str, email: str) -> None:
    """Find the pseudonym of one person by whole name or address. Exits 1 where nobody has it.

    For those who add people, or reveal; at most twenty times an hour. It is on
    record whom it found, and not what was asked.
    """
    from gardefou.flow.names import find_person

    found = find_person(ctx.app, ctx.actor(), name=name, email=email)
    shape = None if found is None else shapes.staff(found, ctx.app.now())
    ctx.out.data({"found": shape}, "Nobody here has it." if found is None else found.pseudonym)
    if found is None:
        fail()


@staff.command("erase", epilog=examples("gardefou staff erase velor-tami --because 'left a year ago'"))
@click.argument("staff", metavar="STAFF")
@click.option("--because", required=True, callback=reason, help="Why, in a line.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@cli_command
def erase(ctx: Cli, staff: str, because: str, yes: bool) -> None:
    """Erase who a leaver was: name, address, identity, sessions, preferences. Waits for people; cannot be undone.

    What they did stays on the record under their pseudonym, and every proof stays valid.
    """
    actor = ctx.actor()
    confirmed(f"Erase for good who {staff} was?", yes=yes)
    tell(ctx, change(ctx, actor, "erase", {"staff": staff}, because))


@staff.command("top-up", epilog=examples("gardefou staff top-up velor-tami"))
@click.argument("staff", metavar="STAFF")
@cli_command
def top_up(ctx: Cli, staff: str) -> None:
    """Give a person twice their budgets for sixty minutes; a lead does, at most twice a shift, never their own.

    What waits already waits on: `gardefou enforcement approve --by STAFF --waiting budget` answers for it.
    """
    from gardefou.flow.budget import top_up as give
    from gardefou.flow.fact_reads import TOPPED

    with ctx.app.works.read() as connection:
        one = person(connection, staff)
    made = give(ctx.app, ctx.actor(), one.id)
    until = made.at + TOPPED
    ctx.out.data(
        {"id": made.id, "staff": one.pseudonym, "at": made.at, "until": until},
        f"{one.pseudonym} has twice the budget until {moment(until)}.",
    )
