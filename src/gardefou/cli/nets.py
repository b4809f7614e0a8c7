"""`gardefou nets`: reading, checking, trying and proposing safety nets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from gardefou.cli.arguments import wanted, wish_options
from gardefou.cli.changes import change, tell
from gardefou.cli.common import Cli, cli_command, examples, fail, is_initialised
from gardefou.domain.records import Staff
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.app import Config
from gardefou.flow.spec import Wanted
from gardefou.nets.net import NetSet
from gardefou.nets.phrasebook import duration
from gardefou.nets.team import Team
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

_MOST = 1_000_000


@click.group("nets")
def nets() -> None:
    """Read, check, try and propose safety nets."""


@nets.command("list", epilog=examples("gardefou nets list", "gardefou nets list --json"))
@cli_command
def list_(ctx: Cli) -> None:
    """List the nets in force: what each asks for, and why it is there."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    config = config_of(ctx)
    shadow = config.rules.shadow
    ctx.out.data({"digest": config.nets.digest, "shadow": shadow, "nets": [net.to_table() for net in config.nets]})
    if shadow:
        ctx.out.note("The whole installation is in shadow: nets judge and record, and ask for nothing.")
    ctx.out.table(
        ("id", "mode", "asks for", "because"),
        [(net.id, "shadow" if net.shadow else "enforce", asks(net.asks), net.because) for net in config.nets],
        empty="No nets are in force.",
    )


@nets.command(
    "prove",
    epilog=examples(
        "gardefou nets prove",
        "gardefou nets prove --nets nets.toml --json",
        "gardefou nets prove --invariants ours.toml",
    ),
)
@click.option("--nets", "file", metavar="FILE", type=click.Path(path_type=Path), help="These nets, not those in force.")
@click.option(
    "--invariants",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Your own as well: a file of nets; wherever one's condition holds, its requirements must be asked for.",
)
@cli_command
def prove(ctx: Cli, file: Path | None, invariants: Path | None) -> None:
    """Prove what the nets guarantee: each invariant holds, or is broken in a situation said in words.

    Exits 1 when one does not hold. The sets for small teams put time where
    people are missing, and so do not keep I1, I2, I7 and I9.
    """
    from gardefou.nets.invariants import INVARIANTS, own
    from gardefou.nets.load import load
    from gardefou.nets.prove import prove as prove_nets

    claims = list(INVARIANTS)
    if invariants is not None:
        claims += [own(net) for net in load(read_text(invariants), invariants.name)]
    found = prove_nets(set_of(ctx, file), claims)
    ctx.out.data({"invariants": [one.to_json() for one in found]})
    for one in found:
        ctx.out.line(f"{'holds ' if one.holds else 'BROKEN'}  {one.id}: {one.says}")
        if one.counterexample is not None:
            ctx.out.line(f"        {one.counterexample}")
    if not all(one.holds for one in found):
        fail()


@nets.command("show", epilog=examples("gardefou nets show protected-two-more-people"))
@click.argument("net_id", metavar="ID")
@cli_command
def show(ctx: Cli, net_id: str) -> None:
    """Show one net in force, as it stands in nets.toml."""
    ctx.actor().require(Power.READ, ctx.app.now())
    net = config_of(ctx).nets.get(net_id)
    if net is None:
        raise NotFound("nets/not_found", f"There is no net {net_id!r} in force; see `gardefou nets list`.")
    ctx.out.data(net.to_table(), NetSet((net,)).to_toml().rstrip())


@nets.command(
    "preview",
    epilog=examples(
        "gardefou nets preview sandbox/1001 suspend --policy spam",
        "gardefou nets preview sandbox/1001 deactivate --policy impersonation --json",
    ),
)
@wish_options
@cli_command
def preview(ctx: Cli, **given: Any) -> None:
    """Say what placing this would do and ask for; change nothing."""
    actor = ctx.actor()
    tell_preview(ctx, actor, wanted(ctx.app.now(), given))


def tell_preview(ctx: Cli, actor: Actor, wish: Wanted) -> None:
    """Print what placing a wish would do."""
    from gardefou.flow.decide import preview_wanted
    from gardefou.flow.explain import shadow_ask

    seen = preview_wanted(ctx.app, actor, [wish])
    judged, says = seen.judged[0], seen.says[0]
    verdict = judged.verdict
    in_shadow = shadow_ask(config_of(ctx).nets, verdict)
    ctx.out.data(
        {
            "says": says,
            "in_shadow": in_shadow or None,
            "verdict": verdict.to_json(),
            "tier": judged.tier.value,
            "joins": None if judged.joins is None else judged.joins.id,
            "facts": judged.facts.to_json(),
        },
        says,
        *(f"  net {reason.net}: {reason.title} ({reason.because})" for reason in verdict.reasons),
        *(f"  in shadow, {reason.net}: {reason.title}" for reason in verdict.shadow),
        *([f"  in shadow, nets {in_shadow}"] if in_shadow else []),
    )


@nets.command(
    "propose",
    epilog=examples(
        "gardefou nets propose nets.toml --because 'a burst last week'",
        "gardefou nets check nets.toml && gardefou nets propose nets.toml",
    ),
)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--name", default="", help="What to call this set; left out, the file's name.")
@click.option("--because", default="", help="Why, in a line.")
@cli_command
def propose(ctx: Cli, file: Path | None, name: str, because: str) -> None:
    """Propose a whole file of nets. Adding nets takes effect at once; anything else waits for people.

    Without FILE it is the one that the setting nets_file names.
    """
    from gardefou.nets.examine import warnings_of
    from gardefou.nets.load import load

    if file is None:
        if not ctx.settings.nets_file:
            raise click.UsageError("Name a file of nets, or set nets_file in gardefou.toml.")
        file = Path(ctx.settings.nets_file)
    text = read_text(file)
    asked = load(text, file.name)
    payload = {"toml": text, "name": name or file.stem}
    made = change(ctx, ctx.actor(), "nets", payload, because)
    for one in warnings_of(asked):
        ctx.out.note(f"{one.message} [{one.code}]")
    tell(ctx, made)


# what they share -----------------------------------------------------------------------


def asks(verdict: Verdict) -> str:
    """Say what a verdict asks for, in a few words."""
    if verdict.refused:
        return f"refused: {verdict.refusals[0]}"
    parts = [need.in_words() for need in verdict.approvals]
    if verdict.hold_seconds:
        parts.append(f"hold {duration(verdict.hold_seconds)}")
    if verdict.fresh_auth_minutes is not None:
        parts.append(f"sign-in at most {verdict.fresh_auth_minutes} min old")
    if verdict.confirm:
        parts.append(f"confirm the {' and the '.join(verdict.confirm)}")
    if verdict.notify:
        parts.append(f"tell {', '.join(verdict.notify)}")
    return "; ".join(parts) or "nothing"


def set_of(ctx: Cli, named: Path | str | None) -> NetSet:
    """Return the nets of a file, a shipped set by its name, or those in force; before setup the default set.

    ``current`` and None are those in force. A file that is called like a shipped set is read as ``./default``.
    """
    from gardefou.nets.load import load
    from gardefou.nets.shipped import SHIPPED, load_shipped

    if named is not None and str(named) in SHIPPED:
        return load_shipped(str(named))
    if named is not None and str(named) != "current":
        file = Path(named)
        return load(read_text(file), file.name)
    if not is_initialised(ctx.settings):
        return load_shipped("default")
    ctx.actor().require(Power.READ, ctx.app.now())
    return config_of(ctx).nets


def staff_of(ctx: Cli) -> Team:
    """Return the people who are active in this installation, by pseudonym."""
    from gardefou.nets.seats import Person

    app = ctx.app
    with app.works.read() as connection:
        people = fetch_all(connection, Staff, sa.select(tables.staff))
    rules = config_of(ctx).rules
    return Team(
        tuple(
            Person(id=one.pseudonym, roles=frozenset(one.roles), team=one.team, employer=one.employer)
            for one in people
            if standing_now(one, app.now(), rules.leaver_stages).standing is Standing.ACTIVE
        ),
        rules.organisation,
    )


def beyond_the_staff(ctx: Cli, asked: NetSet, *, always: bool = False) -> list[tuple[str, str]]:
    """Return each net that the people there are could not satisfy, and why; none before setup has ended."""
    from gardefou.nets.satisfiable import unsatisfiable

    if not (config_of(ctx).rules.setup_finished or always):
        return []
    team = staff_of(ctx)
    return [(one.net, one.message) for one in unsatisfiable(asked, team.people, organisation=team.organisation)]


def config_of(ctx: Cli) -> Config:
    """Return what is in force."""
    with ctx.app.works.read() as connection:
        return ctx.app.config(connection)


def read_text(file: Path) -> str:
    """Return the text of a file of nets.

    Raises:
        InvalidInput: it cannot be read, is no text, or is too large (`nets/file`).
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidInput("nets/file", f"{file}: {error.strerror}.", field="file") from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("nets/file", f"{file} is not UTF-8 text.", field="file") from error
    if len(text) > _MOST:
        raise InvalidInput(
            "nets/file", f"{file} is too large; a file of nets has at most {_MOST} characters.", field="file"
        )
    return text


from gardefou.cli import nets_alone, nets_attack, nets_backtest, nets_check, nets_diff, nets_explain, nets_shadow  # noqa: E402

for _command in (
    nets_alone.alone,
    nets_attack.attack,
    nets_backtest.backtest,
    nets_check.check,
    nets_diff.diff,
    nets_explain.explain,
    nets_shadow.shadow,
):
    nets.add_command(_command)
