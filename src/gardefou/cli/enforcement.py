"""`gardefou enforcement`: what was placed, placing, and other people's answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from gardefou.cli import shapes
from gardefou.cli.arguments import page_end, wanted, wish_options
from gardefou.cli.changes import end
from gardefou.cli.common import Cli, cli_command, confirmed, examples
from gardefou.cli.enforcement_group import answer_many, group_options, tell_groups
from gardefou.cli.output import moment
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.records import Enforcement
from gardefou.domain.states import SAYS, State
from gardefou.errors import Conflict, InvalidInput, NotFound
from gardefou.flow.second_look import require_seen
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

if TYPE_CHECKING:
    from gardefou.flow.approve import Answer


@click.group("enforcement")
def enforcement() -> None:
    """Place enforcements, answer for them, look at them."""


@enforcement.command(
    "list",
    epilog=examples(
        "gardefou enforcement list",
        "gardefou enforcement list --state waiting",
        "gardefou enforcement list --account sandbox/1001 --json",
    ),
)
@click.option("--state", type=click.Choice([state.value for state in State]), help="In one state only.")
@click.option("--account", metavar="PLATFORM/REF", help="On one account only.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most so many.")
@click.option("--cursor", metavar="ID", help="Only those before this one.")
@cli_command
def list_(ctx: Cli, state: str | None, account: str | None, limit: int, cursor: str | None) -> None:
    """List enforcements, restores and guarded changes, newest first."""
    from gardefou.cli.common import split_account

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    table = tables.enforcement.c
    statement = sa.select(tables.enforcement).order_by(table.id.desc()).limit(limit + 1)
    if state is not None:
        statement = statement.where(table.state == state)
    if account is not None:
        platform, ref = split_account(account)
        statement = statement.where(table.platform == platform, table.account == ref)
    if cursor is not None:
        statement = statement.where(table.id < page_end(cursor))
    with app.works.read() as connection:
        found = fetch_all(connection, Enforcement, statement)
        names = Pseudonyms(connection)
        page = found[:limit]
        given = shapes.approvals_of(connection, page)
    blind = {one.id for one in page if shapes.is_blind_for(actor, one, given[one.id])}
    following = page[-1].id if len(found) > limit else None
    ctx.out.data(
        {
            "enforcements": [shapes.enforcement(one, names, given[one.id], blind=one.id in blind) for one in page],
            "next": following,
        }
    )
    ctx.out.table(
        ("id", "what", "account", "state", "by", "placed", "waits for"),
        [
            (one.id, "a second look is needed", _subject(one), one.state, "", one.placed_at, "you")
            if one.id in blind
            else (
                one.id,
                shapes.what(one),
                _subject(one),
                one.state,
                names.of(one.placed_by),
                one.placed_at,
                shapes.waits_for(one, given[one.id]),
            )
            for one in page
        ],
        empty="There are no such enforcements." if state or account else "Nothing was placed yet.",
    )
    if following is not None:
        ctx.out.note(f"There are more: --cursor {following}")


@enforcement.command("show", epilog=examples("gardefou enforcement show 0197f3a2-…"))
@click.argument("enforcement_id", metavar="ID")
@cli_command
def show(ctx: Cli, enforcement_id: str) -> None:
    """Show one enforcement: what, on whom, what the nets ask and why, who answered."""
    actor = ctx.actor()
    actor.require(Power.READ, ctx.app.now())
    _tell(ctx, actor, _read(ctx, enforcement_id))


@enforcement.command(
    "place",
    epilog=examples(
        "gardefou enforcement place sandbox/1001 suspend --policy spam --because 'hundreds of links an hour'",
        "gardefou enforcement place sandbox/1001 label --label spam --policy spam --until 7d",
        "gardefou enforcement place sandbox/1001 remove_content --content c1 --policy nudity",
        "gardefou enforcement place sandbox/1001 deactivate --policy impersonation --dry-run",
    ),
)
@wish_options
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@cli_command
def place(ctx: Cli, dry_run: bool, **given: Any) -> None:
    """Place one action on one account, without a case; the same nets judge it.

    ACTION is warn, label, limit, remove_content, lock, suspend, deactivate or
    delete. Exits 1 when it was refused or the platform would not do it.
    """
    from gardefou.flow.decide import enforce

    app = ctx.app
    actor = ctx.actor()
    wish = wanted(app.now(), given)
    if dry_run:
        from gardefou.cli.nets import tell_preview

        tell_preview(ctx, actor, wish)
        return
    made = enforce(app, actor, wish)
    _tell(ctx, actor, made)
    end(made)


@enforcement.command(
    "approve",
    epilog=examples(
        "gardefou enforcement show ID        (read it first; its digest binds your yes to what you saw)",
        "gardefou enforcement approve ID --digest 9f2c… --note 'checked the reports'",
        "gardefou enforcement approve ID ID ID",
        "gardefou enforcement approve --group GROUP        (a bulk; see gardefou enforcement groups)",
        "gardefou enforcement approve --by velor-tami --waiting budget",
    ),
)
@click.argument("enforcement_ids", metavar="[ID]...", nargs=-1)
@group_options
@click.option(
    "--digest", help="What you saw, by its digest or the beginning of it; if it differs now, nothing is recorded."
)
@click.option("--own-answer", default="", help="Your own answer on the case, where a net asks for a blind second look.")
@click.option("--note", default="", help="A line for the record.")
@click.option(
    "--assertion",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with a passkey's signature over this yes; without one, say it in the console.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@cli_command
def approve(
    ctx: Cli,
    enforcement_ids: tuple[str, ...],
    group: str | None,
    by: str | None,
    waiting: str | None,
    digest: str | None,
    own_answer: str,
    note: str,
    assertion: Path | None,
    yes: bool,
) -> None:
    """Say yes to what a colleague placed, a guarded change too.

    With the last needed yes it runs, or its hold begins. Several are answered
    at once: by their ids, a whole bulk, or all that waits because of one
    person's budget. Each stands by itself; exits 1 where any could not be
    answered. A blind second look is answered alone. On a notable or protected
    account a yes is signed with your passkey, if you have one: say it in the
    console, where a touch signs it.
    """
    if len(enforcement_ids) == 1 and (group, by, waiting) == (None, None, None):
        given = _answer_of(digest=digest, own_answer=own_answer, note=note, assertion=assertion)
        _answer(ctx, enforcement_ids[0], given, yes=yes)
        return
    if assertion is not None:
        raise InvalidInput("cli/group", "A signature belongs to one enforcement.", field="assertion")
    _only_notes(enforcement_ids, (group, by, waiting), digest, own_answer)
    answer_many(ctx, "yes", enforcement_ids, group=group, by=by, waiting=waiting, note=note, yes=yes)


@enforcement.command(
    "refuse",
    epilog=examples(
        "gardefou enforcement refuse ID --note 'this is the real one'",
        "gardefou enforcement refuse --by velor-tami --waiting budget --note 'a script run wild'",
    ),
)
@click.argument("enforcement_ids", metavar="[ID]...", nargs=-1)
@group_options
@click.option("--digest", help="What you saw, by its digest or the beginning of it.")
@click.option("--note", default="", help="Why, in a line.")
@cli_command
def refuse(
    ctx: Cli,
    enforcement_ids: tuple[str, ...],
    group: str | None,
    by: str | None,
    waiting: str | None,
    digest: str | None,
    note: str,
) -> None:
    """Say no: it ends refused, and nothing is done. Several at once as with `approve`."""
    if len(enforcement_ids) == 1 and (group, by, waiting) == (None, None, None):
        _answer(ctx, enforcement_ids[0], _answer_of("no", digest=digest, note=note), yes=True)
        return
    _only_notes(enforcement_ids, (group, by, waiting), digest, "")
    answer_many(ctx, "no", enforcement_ids, group=group, by=by, waiting=waiting, note=note, yes=True)


def _only_notes(ids: tuple[str, ...], named: tuple[str | None, ...], digest: str | None, own_answer: str) -> None:
    if ids and any(one is not None for one in named):
        raise InvalidInput("cli/group", "Name enforcements by id or as a group, not both.", field="group")
    if digest is not None or own_answer:
        raise InvalidInput("cli/group", "A digest or an own answer belongs to one enforcement.", field="group")


@enforcement.command("groups", epilog=examples("gardefou enforcement groups", "gardefou enforcement groups --json"))
@cli_command
def groups(ctx: Cli) -> None:
    """List what waits for one answer: a person's burst beyond a budget, or a bulk."""
    ctx.actor().require(Power.READ, ctx.app.now())
    tell_groups(ctx)


@enforcement.command("cancel", epilog=examples("gardefou enforcement cancel ID --because 'wrong account'"))
@click.argument("enforcement_id", metavar="ID")
@click.option("--because", default="", help="Why, in a line.")
@cli_command
def cancel(ctx: Cli, enforcement_id: str, because: str) -> None:
    """Withdraw an enforcement before anything is done. Anyone on duty can."""
    from gardefou.flow.approve import cancel as withdraw

    actor = ctx.actor()
    _tell(ctx, actor, withdraw(ctx.app, actor, enforcement_id, because))


@enforcement.command(
    "proof",
    epilog=examples("gardefou enforcement proof ID > proof.json", "gardefou enforcement proof ID --out proof.json"),
)
@click.argument("enforcement_id", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the bundle to a new file.")
@cli_command
def proof(ctx: Cli, enforcement_id: str, out: Path | None) -> None:
    """Write a bundle that proves every event of an enforcement, offline; JSON in any case."""
    import orjson

    from gardefou.ledger.audit import proof as prove

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    found = _read(ctx, enforcement_id)
    with app.works.read() as connection:
        require_seen(connection, found, actor.id)
        bundle = prove(connection, found.platform, app.sequencer.signer(found.platform).verifier, found.id)
    if out is None:
        ctx.out.json(bundle)
        return
    try:
        with out.open("xb") as file:
            file.write(orjson.dumps(bundle, option=orjson.OPT_INDENT_2) + b"\n")
    except FileExistsError:
        raise Conflict("cli/exists", f"{out} is there already; name a new file.", field="out") from None
    ctx.out.data(
        {"file": str(out), "events": len(bundle["events"])}, f"{len(bundle['events'])} events proved in {out}."
    )


# what they share -----------------------------------------------------------------------


def _read(ctx: Cli, enforcement_id: str) -> Enforcement:
    from gardefou.flow.reading import enforcement_by_id

    with ctx.app.works.read() as connection:
        found = enforcement_by_id(connection, enforcement_id)
    if found is None:
        raise NotFound(
            "enforcement/not_found", f"There is no enforcement {enforcement_id!r}; see `gardefou enforcement list`."
        )
    return found


def _answer_of(
    answer: str = "yes", *, digest: str | None, own_answer: str = "", note: str = "", assertion: Path | None = None
) -> Answer:
    """Return an answer as the command line gives it: the digest may be the beginning of one, or none."""
    from gardefou.flow.approve import Answer
    from gardefou.people.assertions import checked, read_json

    if digest is not None and len(digest) < 8:
        raise InvalidInput("approval/digest", "Give at least 8 characters of the digest.", field="digest")
    signed = None if assertion is None else checked(read_json(assertion.read_text(encoding="utf-8")))
    return Answer(
        enforcement="", digest=digest or "", answer=answer, note=note, own_answer=own_answer, assertion=signed
    )


def _answer(ctx: Cli, enforcement_id: str, given: Answer, *, yes: bool) -> None:
    from gardefou.flow.approve import approve as give
    from gardefou.flow.decide import carry_out

    app = ctx.app
    actor = ctx.actor()
    found = _read(ctx, enforcement_id)
    if not found.digest.startswith(given.digest.lower()):
        raise Conflict("enforcement/stale", "What you saw is not what it is now; read it again and decide anew.")
    if not given.digest:
        confirmed(f"Say {given.answer} to {shapes.what(found)} on {_subject(found)}, {found.id}?", yes=yes)
    after = give(app, actor, replace(given, enforcement=found.id, digest=found.digest))
    after = carry_out(app, [after])[0]
    _tell(ctx, actor, after)
    if given.answer == "yes":
        end(after)


def _tell(ctx: Cli, actor: Actor, one: Enforcement) -> None:
    with ctx.app.works.read() as connection:
        names = Pseudonyms(connection)
        given = shapes.approvals_of(connection, [one])[one.id]
    blind = shapes.is_blind_for(actor, one, given)
    ctx.out.data(shapes.enforcement(one, names, given, blind=blind))
    if blind:
        ctx.out.pairs([("enforcement", one.id), ("account", _subject(one)), ("digest", one.digest)])
        ctx.out.line("A second look is needed: answer on the case, then approve with --own-answer.")
        return
    reasons = [f"{reason['title']} ({reason['because']})" for reason in one.verdict.get("reasons", [])]
    ctx.out.pairs(
        [
            ("enforcement", one.id),
            ("what", shapes.what(one)),
            ("account", _subject(one)),
            ("items", one.content),
            ("state", f"{one.state}. {SAYS[State(one.state)]}"),
            ("because", one.because),
            ("policy", one.policy),
            ("why", one.rationale),
            ("placed by", names.of(one.placed_by)),
            ("placed", one.placed_at),
            ("waits for", shapes.waits_for(one, given)),
            ("approve by", one.approve_by if one.state == State.WAITING.value and one.approved_at is None else None),
            ("ends", one.until),
            ("digest", one.digest),
        ]
    )
    for reason in reasons:
        ctx.out.line(f"  net: {reason}")
    for each in given:
        ctx.out.line(
            f"  {names.of(each.by)} said {each.answer} at {moment(each.at)}{f': {each.note}' if each.note else ''}"
        )
    for name, value in (names.within(one.change) or {}).items():
        ctx.out.line(f"  {name}: {value}")


def _subject(one: Enforcement) -> str:
    return f"{one.platform}/{one.account}" if one.account else "Gardefou itself"
