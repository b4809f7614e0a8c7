"""`gardefou case`: the queue, one case, the next one."""

from __future__ import annotations

from typing import Any

import click

from gardefou.cli import shapes
from gardefou.cli.common import Cli, cli_command, examples
from gardefou.cli.output import span
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.records import Case
from gardefou.flow.second_look import visible
from gardefou.people.roles import Power


@click.group("case")
def case() -> None:
    """Read the queue, and take cases from it."""


@case.command(
    "list",
    epilog=examples(
        "gardefou case list", "gardefou case list --queue urgent", "gardefou case list --state closed --json"
    ),
)
@click.option("--queue", help="One queue only.")
@click.option("--state", type=click.Choice(["open", "closed", "all"]), default="open", show_default=True, help="Which.")
@click.option("--limit", default=50, show_default=True, help="At most so many, up to 500.")
@click.option("--cursor", help="Where the page before ended.")
@cli_command
def list_(ctx: Cli, queue: str | None, state: str, limit: int, cursor: str | None) -> None:
    """List cases, most urgent first."""
    from gardefou.flow.cases import list_cases

    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    now = app.now()
    with app.works.read() as connection:
        found, following = list_cases(
            connection, now=now, queue=queue, state=None if state == "all" else state, cursor=cursor, limit=limit
        )
        names = Pseudonyms(connection)
    ctx.out.data({"cases": [shapes.case(one, names) for one in found], "next": following})
    ctx.out.table(
        ("id", "subject", "category", "queue", "reports", "due in", "with"),
        [
            (
                one.id,
                _subject(one),
                one.category,
                one.queue,
                f"{one.reports} by {one.reporters}",
                span((one.due_at - now).total_seconds()) if one.due_at > now else "overdue",
                names.of(one.claimed_by),
            )
            for one in found
        ],
        empty="No cases wait." if state == "open" else "There are no such cases.",
    )
    if following is not None:
        ctx.out.note(f"There are more: --cursor {following}")


@case.command("show", epilog=examples("gardefou case show 0197f3a2-…"))
@click.argument("case_id", metavar="ID")
@cli_command
def show(ctx: Cli, case_id: str) -> None:
    """Show a case with its reports, notes, decisions and enforcements.

    Whoever works cases has then seen its evidence, which nets may ask for.
    """
    _show(ctx, case_id)


@case.command("next", epilog=examples("gardefou case next", "gardefou case next --queue spam"))
@click.option("--queue", help="From one queue only.")
@cli_command
def next_(ctx: Cli, queue: str | None) -> None:
    """Claim the most urgent case that nobody works on, and show it."""
    from gardefou.flow.cases import next_case

    claimed = next_case(ctx.app, ctx.actor(), queue)
    if claimed is None:
        ctx.out.data(None, "No cases wait.")
        return
    _show(ctx, claimed.id)


def _show(ctx: Cli, case_id: str) -> None:
    from gardefou.flow.cases import case_view, see_evidence

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    if actor.human and Power.WORK_CASES in actor.powers:
        see_evidence(app, actor, case_id)
    with app.works.read() as connection:
        view = case_view(connection, case_id, now=app.now())
        names = Pseudonyms(connection)
        given = shapes.approvals_of(connection, view.enforcements)
    one = view.case
    blind = {each.id for each in view.enforcements if shapes.is_blind_for(actor, each, given[each.id])}
    decisions = visible(view.decisions, view.enforcements, blind)
    document: dict[str, Any] = {
        **shapes.case(one, names),
        "report_list": [shapes.report(each) for each in view.reports],
        "notes": [shapes.note(each, names) for each in view.notes],
        # A blind second look comes before the first verdict is seen (M3).
        "decisions": [shapes.decision(each, names) for each in decisions],
        "enforcements": [
            shapes.enforcement(each, names, given[each.id], blind=each.id in blind) for each in view.enforcements
        ],
    }
    reporters = "1 reporter" if one.reporters == 1 else f"{one.reporters} reporters"
    ctx.out.data(document)
    ctx.out.pairs(
        [
            ("case", one.id),
            ("subject", _subject(one)),
            ("state", one.state),
            ("category", one.category),
            ("queue", one.queue),
            ("reports", f"{one.reports} by {reporters}{', a burst' if one.burst else ''}"),
            ("opened", one.opened_at),
            ("due", one.due_at),
            ("with", names.of(one.claimed_by)),
            ("until", one.claimed_until),
        ]
    )
    for report in view.reports:
        ctx.out.line(
            f"  report  {report.category} by {report.reporter} ({report.source}): {report.text or '(no text)'}"
        )
    for note in view.notes:
        ctx.out.line(f"  note    {names.of(note.by)}: {note.text}")
    for made in decisions:
        ctx.out.line(f"  decided {made.outcome} by {names.of(made.by)}: {made.policy} {made.rationale}".rstrip())
    for each in view.enforcements:
        what = "a second look is needed" if each.id in blind else f"{shapes.what(each)}, {each.state}"
        ctx.out.line(f"  enforcement {each.id}: {what}")


def _subject(one: Case) -> str:
    return f"{one.platform}/{one.account}" + (f" item {one.content}" if one.content else "")
