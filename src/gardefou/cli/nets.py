"""`gardefou nets`: reading, checking, trying and proposing safety nets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from gardefou.cli.arguments import wanted, wish_options
from gardefou.cli.changes import change, tell
from gardefou.cli.common import Cli, cli_command, examples, fail, is_initialised
from gardefou.domain.records import Enforcement, NetsVersion, Staff
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.app import Config
from gardefou.flow.spec import Wanted
from gardefou.nets.net import NetSet
from gardefou.nets.phrasebook import duration
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all

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


@nets.command("check", epilog=examples("gardefou nets check nets.toml", "gardefou nets check nets.toml --json"))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@cli_command
def check(ctx: Cli, file: Path) -> None:
    """Check a file of nets; name file, line and column of everything wrong. Exits 1 when something is.

    Where setup has ended, also whether the people there are could meet it.
    """
    from gardefou.nets.load import check as problems_of
    from gardefou.nets.load import load

    text = read_text(file)
    problems = [problem.to_json() for problem in problems_of(text, file.name)]
    if not problems and is_initialised(ctx.settings):
        problems = [
            {"code": "nets/unsatisfiable", "message": said, "file": file.name, "line": 1, "column": 1, "net": net}
            for net, said in beyond_the_staff(ctx, load(text, file.name))
        ]
    ctx.out.data({"ok": not problems, "problems": problems})
    if not problems:
        ctx.out.line(f"{file.name} is good: {len(load(text, file.name))} nets.")
        return
    for one in problems:
        ctx.out.line(f"{one['file']}:{one['line']}:{one['column']}: {one['message']} [{one['code']}]")
    fail()


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
    found = prove_nets(_set(ctx, file), claims)
    ctx.out.data({"invariants": [one.to_json() for one in found]})
    for one in found:
        ctx.out.line(f"{'holds ' if one.holds else 'BROKEN'}  {one.id}: {one.says}")
        if one.counterexample is not None:
            ctx.out.line(f"        {one.counterexample}")
    if not all(one.holds for one in found):
        fail()


def _set(ctx: Cli, file: Path | None) -> NetSet:
    """Return the nets of a file, or those in force; before setup the default set."""
    from gardefou.nets.load import load
    from gardefou.nets.shipped import load_shipped

    if file is not None:
        return load(read_text(file), file.name)
    if not is_initialised(ctx.settings):
        return load_shipped("default")
    ctx.actor().require(Power.READ, ctx.app.now())
    return config_of(ctx).nets


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

    seen = preview_wanted(ctx.app, actor, [wish])
    judged, says = seen.judged[0], seen.says[0]
    verdict = judged.verdict
    ctx.out.data(
        {
            "says": says,
            "verdict": verdict.to_json(),
            "tier": judged.tier.value,
            "joins": None if judged.joins is None else judged.joins.id,
            "facts": judged.facts.to_json(),
        },
        says,
        *(f"  net {reason.net}: {reason.title} ({reason.because})" for reason in verdict.reasons),
        *(f"  in shadow, {reason.net}: {reason.title}" for reason in verdict.shadow),
    )


@nets.command("explain", epilog=examples("gardefou nets explain 0197f3a2-…", "gardefou nets explain 0197f3a2-… --all"))
@click.argument("enforcement_id", metavar="ENFORCEMENT")
@click.option("--all", "everything", is_flag=True, help="Also the nets that stayed silent.")
@cli_command
def explain(ctx: Cli, enforcement_id: str, everything: bool) -> None:
    """Say which nets spoke on an enforcement, and the facts that made them, as they were then."""
    from gardefou.cli import shapes
    from gardefou.nets.facts import Facts
    from gardefou.nets.judge import explain as explanations
    from gardefou.nets.load import load

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    with app.works.read() as connection:
        found = fetch(connection, Enforcement, tables.enforcement.c.id == enforcement_id)
        if found is None:
            raise NotFound("enforcement/not_found", f"There is no enforcement {enforcement_id!r}; check the id.")
        version = fetch(connection, NetsVersion, tables.nets_version.c.digest == found.nets)
        given = shapes.approvals_of(connection, [found])[found.id]
    if shapes.is_blind_for(actor, found, given):
        ctx.out.data(
            {"enforcement": found.id, "says": "A second look is needed.", "nets": []}, "A second look is needed."
        )
        return
    if version is None or not found.facts:
        ctx.out.data({"enforcement": found.id, "says": "No net judged it.", "nets": []}, "No net judged it.")
        return
    spoke = [
        one
        for one in explanations(load(version.toml, version.name), Facts.from_json(found.facts))
        if everything or one.spoke
    ]
    ctx.out.data(
        {
            "enforcement": found.id,
            "says": asks(Verdict.from_json(found.verdict)),
            "nets": [one.to_json() for one in spoke],
        }
    )
    if not spoke:
        ctx.out.line("No net had anything to say.")
    for one in spoke:
        mark = "spoke" if one.spoke else "silent"
        ctx.out.line(f"{one.net} ({mark}{', in shadow' if one.shadow else ''}): {one.title}. {one.because}")
        for words in one.words:
            ctx.out.line(f"    {words}")


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
    from gardefou.nets.load import load

    if file is None:
        if not ctx.settings.nets_file:
            raise click.UsageError("Name a file of nets, or set nets_file in gardefou.toml.")
        file = Path(ctx.settings.nets_file)
    text = read_text(file)
    load(text, file.name)
    payload = {"toml": text, "name": name or file.stem}
    tell(ctx, change(ctx, ctx.actor(), "nets", payload, because))


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


def beyond_the_staff(ctx: Cli, asked: NetSet, *, always: bool = False) -> list[tuple[str, str]]:
    """Return each net that the people there are could not satisfy, and why; none before setup has ended."""
    from gardefou.nets.satisfiable import unsatisfiable
    from gardefou.nets.seats import Person

    app = ctx.app
    config = config_of(ctx)
    if not (config.rules.setup_finished or always):
        return []
    with app.works.read() as connection:
        people = fetch_all(connection, Staff, sa.select(tables.staff))
    active = [
        Person(id=one.pseudonym, roles=frozenset(one.roles), team=one.team, employer=one.employer)
        for one in people
        if standing_now(one, app.now()).standing is Standing.ACTIVE
    ]
    return [(one.net, one.message) for one in unsatisfiable(asked, active, organisation=config.rules.organisation)]


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


from gardefou.cli import nets_backtest  # noqa: E402

nets.add_command(nets_backtest.backtest)
