"""`gardefou account`: what is known of an account, and how much review it gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from gardefou.cli import shapes
from gardefou.cli.arguments import future, reason, written
from gardefou.cli.changes import change, outcome, tell
from gardefou.cli.common import Cli, cli_command, examples, fail, split_account, text_of
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.accounts import AccountReading, Tier, state_name
from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import LIVE, State
from gardefou.errors import NotFound
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get

_TIERS = click.Choice([tier.value for tier in Tier])


@click.group("account")
def account() -> None:
    """Look at accounts, and protect them."""


@account.command(
    "show",
    epilog=examples("gardefou account show sandbox/1001", "gardefou account show matrix/@bob:example.org --json"),
)
@click.argument("account", metavar="PLATFORM/REF")
@cli_command
def show(ctx: Cli, account: str) -> None:
    """Show an account: at the platform now, on record here, and what was done to it."""
    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    platform, ref = split_account(account)
    reading, trouble = _look(ctx, platform, ref)
    ref = reading.ref if reading is not None else ref
    table = tables.enforcement.c
    statement = sa.select(tables.enforcement).where(table.platform == platform, table.account == ref)
    with app.works.read() as connection:
        known = get(connection, Account, platform, ref)
        done = fetch_all(connection, Enforcement, statement.order_by(table.id.desc()).limit(50))
        given = shapes.approvals_of(connection, done)
        names = Pseudonyms(connection)
    if known is None and reading is None:
        raise NotFound("account/not_found", f"Nothing is known of {platform}/{ref}: {trouble}.", field="account")
    blind = {one.id for one in done if shapes.is_blind_for(actor, one, given[one.id])}
    document: dict[str, Any] = {
        "platform": platform,
        "ref": ref,
        "now": None if reading is None else _reading(reading),
        "trouble": trouble or None,
        "on_record": None if known is None else shapes.account(known, app.now()),
        "enforcements": [shapes.enforcement(one, names, given[one.id], blind=one.id in blind) for one in done],
    }
    ctx.out.data(document)
    handle = reading.handle if reading is not None else known.handle if known is not None else ""
    ctx.out.pairs(
        [
            ("account", f"{platform}/{ref}"),
            ("handle", handle),
            ("at the platform", trouble or (state_name(reading.measures) if reading else "")),
            ("reach", reading.reach if reading else known.reach if known else None),
            ("labels", reading.labels if reading else known.labels if known else ()),
            ("tier", known.tier if known else "not seen by the flow yet"),
            ("registry", f"{known.explicit_tier}: {known.explicit_because}" if known and known.explicit_tier else None),
            ("registry until", known.explicit_until if known else None),
            ("looks like", known.lookalike_of if known else None),
        ]
    )
    for one in done:
        live = "*" if State(one.state) in LIVE else " "
        what = "a second look is needed" if one.id in blind else f"{shapes.what(one)} by {names.of(one.placed_by)}"
        ctx.out.line(f" {live} {one.id}  {what}: {one.state}")


@account.command(
    "protect",
    epilog=examples(
        "gardefou account protect sandbox/1001 --tier protected --because 'head of state' --until 2027-05-31",
        "gardefou account protect sandbox/1001 --tier standard --because 'left office'      (waits for two people)",
    ),
)
@click.argument("account", metavar="PLATFORM/REF")
@click.option("--tier", required=True, type=_TIERS, help="How much review it gets.")
@click.option("--because", required=True, callback=reason, help="Why, in a line.")
@click.option("--until", help="When the entry ends: a moment, or a length such as 365d; left out, twelve months.")
@cli_command
def protect(ctx: Cli, account: str, tier: str, because: str, until: str | None) -> None:
    """Set an account's tier in the registry. Raising it takes effect at once; lowering it waits for people."""
    app = ctx.app
    actor = ctx.actor()
    platform, ref = split_account(account)
    end_at = future(until, now=app.now(), field="--until")
    reading, trouble = _look(ctx, platform, ref)
    if trouble:
        ctx.out.note(f"{trouble}; the ref is taken as given.")
    payload = {
        "platform": platform,
        "account": reading.ref if reading else ref,
        "handle": reading.handle if reading else "",
        "tier": tier,
        "because": because,
        "until": written(end_at),
    }
    tell(ctx, change(ctx, actor, "tier", payload, because))


@account.command(
    "import",
    epilog=examples(
        "gardefou account import registry.csv --dry-run",
        "gardefou account import registry.csv",
        "printf 'platform,ref,tier,because,until\\nsandbox,1001,protected,head of state,2027-05-31\\n' > registry.csv",
    ),
)
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every line, and change nothing.")
@cli_command
def import_(ctx: Cli, file: Path, dry_run: bool) -> None:
    """Set the tiers of many accounts from a file with the columns platform, ref, tier, because, until.

    Every line is checked first; if any is wrong, each is named with its number
    and nothing is changed (exit status 2). Lines that lower a tier wait for
    people. Importing the same file again changes nothing; a line without an
    end leaves the end of an entry as it is.
    """
    from gardefou.flow.registry_import import import_registry, plan_import, require_good

    app = ctx.app
    actor = ctx.actor()
    text = text_of(file, code="registry/file")
    if dry_run:
        plan = plan_import(app, actor, text)
        require_good(plan)
        counts = plan.counts
        ctx.out.data(
            {
                "checked": len(plan.lines),
                "would_wait": counts.get("lowered", 0),
                "counts": dict(counts),
                "lines": [
                    {
                        "line": one.number,
                        **one.payload,
                        "outcome": one.outcome,
                        "before": one.before,
                        "weakens": one.outcome == "lowered",
                    }
                    for one in plan.lines
                ],
            },
            f"{len(plan.lines)} lines are good: {_counted(counts)}. Nothing was changed.",
        )
        return
    imported = import_registry(app, actor, text)
    results: list[dict[str, Any]] = []
    for one in imported.done:
        if one.change is None:
            # Checked a moment ago: only something that changed meanwhile, or a sign-in grown old, comes here.
            assert one.error is not None
            ctx.out.note(f"line {one.line.number}: {one.error.message}  [{one.error.code}]")
            wrong = {"code": one.error.code, "message": one.error.message}
            results.append({"line": one.line.number, "error": wrong})
            continue
        says, _ = outcome(ctx, one.change)
        results.append({"line": one.line.number, "change": one.change.id, "state": one.change.state, "says": says})
        if one.change.state == State.WAITING.value:
            ctx.out.line(f"line {one.line.number}: {says}")
    in_force, waiting = imported.count(State.IN_FORCE), imported.count(State.WAITING)
    unchanged = len(imported.plan.lines) - len(imported.done)
    wrong_ones = len(imported.done) - in_force - waiting
    ctx.out.data(
        {"in_force": in_force, "waiting": waiting, "unchanged": unchanged, "failed": wrong_ones, "lines": results},
        f"{in_force} in force, {waiting} waiting for people, {unchanged} unchanged, {wrong_ones} failed.",
    )
    if wrong_ones:
        fail()


def _counted(counts: Mapping[str, int]) -> str:
    """Return how many lines would do what."""
    words = {
        "new": "new",
        "raised": "raised",
        "renewed": "renewed",
        "lowered": "lowered, which waits for people",
        "asked": "asked for already",
        "unchanged": "unchanged",
    }
    return ", ".join(f"{counts[name]} {says}" for name, says in words.items() if counts.get(name))


def _look(ctx: Cli, platform: str, ref: str) -> tuple[AccountReading | None, str]:
    """Read an account at its platform; return the reading, or what stands in its way.

    Raises:
        NotFound: the platform knows no such account (`account/not_found`), or is none of ours.
    """
    from gardefou.platforms.protocol import NoSuchAccount, PlatformError

    connector = ctx.app.connector(platform)
    try:
        return connector.read_state(ref), ""
    except NoSuchAccount as error:
        raise NotFound("account/not_found", f"{platform} says: {error}", field="account") from error
    except PlatformError as error:
        return None, f"{platform} does not answer: {error}".rstrip(".")


def _reading(one: AccountReading) -> dict[str, Any]:
    return {
        "ref": one.ref,
        "handle": one.handle,
        "display_name": one.display_name,
        "state": state_name(one.measures),
        "measures": sorted(one.measures),
        "reach": one.reach,
        "labels": list(one.labels),
        "age_days": one.age_days,
        "verified_org": one.verified_org,
    }
