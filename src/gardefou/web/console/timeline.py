"""One account's timeline: reports, decisions, enforcements, restores and notes as the ledger has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import Account, Enforcement
from gardefou.flow.second_look import hidden_on
from gardefou.speech import gettext as _
from gardefou.speech import later, plain
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging
from gardefou.web.console import words

#: Events of one page.
_PAGE = 80
#: Steps of one enforcement that lie further apart stand by themselves.
_TOGETHER = timedelta(hours=1)
#: Nothing that a reader looks for: what is read and what is under way.
_NOISE = (
    "account.noted",
    "account.seen",
    "alert.raised",
    "case.claimed",
    "case.evidence_seen",
    "case.released",
    "case.renewed",
    "enforcement.executing",
    "enforcement.let_go",
    "enforcement.ready",
)
_event = tables.event.c
#: What a timeline can be narrowed to: its name, and how kinds of events begin.
VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": (later("Everything"), ()),
    "reports": (later("Reports"), ("report.",)),
    "decisions": (later("Decisions"), ("decision.",)),
    "enforcements": (later("Enforcements and restores"), ("enforcement.",)),
    "notes": (later("Notes"), ("case.noted",)),
    "account": (later("The account itself"), ("account.", "incident.")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to an enforcement."""

    at: datetime
    by: str
    says: str
    event: str


@dataclass(slots=True, kw_only=True)
class Entry:
    """One entry of a timeline: what happened, who did it, and where more of it stands."""

    at: datetime
    #: report, decision, enforcement, restore, note, tier, incident, case or account.
    kind: str
    title: str
    by: str = ""
    text: str = ""
    href: str = ""
    count: int = 1
    #: The ledger's event, for its page in the record.
    event: str = ""
    about: str = ""
    steps: list[Step] = field(default_factory=list[Step])


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A page of it, newest first, and the cursor of what is older."""

    entries: list[Entry]
    older: str | None


def read_timeline(
    connection: sa.Connection, account: Account, *, viewer: str, view: str = "", cursor: str | None = None
) -> Timeline:
    """Read a page of an account's timeline as this viewer may see it; three queries, whatever there is.

    What a second look must not know yet is left out; the reports are what it
    is given on, and stay.

    Raises:
        InvalidInput: the cursor is none of ours (`input/cursor`).
    """
    place = paging.decode(cursor, str)
    statement = sa.select(tables.event).where(
        tables.event_has_account,
        _event.platform == account.platform,
        _event.account == account.ref,
        _event.kind.not_in(_NOISE),
    )
    kinds = VIEWS.get(view, VIEWS[""])[1]
    if kinds:
        statement = statement.where(sa.or_(*(_event.kind.startswith(kind, autoescape=True) for kind in kinds)))
    if place is not None:
        statement = statement.where(_event.id < place[0])
    found = connection.execute(statement.order_by(_event.id.desc()).limit(_PAGE + 1)).all()
    shown, older = paging.page(found, _PAGE, lambda row: paging.encode(str(row.id)))
    hidden = hidden_on(connection, account.platform, viewer)
    rows = [row for row in shown if row.kind == "report.taken" or row.about not in hidden]
    table = tables.enforcement.c
    wanted = {row.about for row in rows if row.kind.startswith("enforcement.")}
    known = {
        one.id: one
        for one in fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement).where(table.platform == account.platform, table.id.in_(sorted(wanted))),
        )
    }
    return Timeline(entries=_entries(rows, known, account), older=older)


def _entries(rows: list[Any], known: Mapping[str, Enforcement], account: Account) -> list[Entry]:
    entries: list[Entry] = []
    open_steps: dict[str, Entry] = {}
    for row in rows:
        images, detail = images_of(row.body)
        if row.kind.startswith("enforcement."):
            one = known.get(row.about)
            step = Step(at=row.at, by=row.by, says=words.event(row.kind), event=row.id)
            before = open_steps.get(row.about)
            if before is not None and before.steps[-1].at - row.at <= _TOGETHER:
                before.steps.append(step)
                continue
            entry = _of_enforcement(row, one, account)
            entry.steps.append(step)
            open_steps[row.about] = entry
            entries.append(entry)
            continue
        entry = _entry(row, images, detail)
        last = entries[-1] if entries else None
        if last is not None and last.kind == entry.kind == "report" and last.about == entry.about:
            last.count += 1
            last.text = last.text or entry.text
            continue
        entries.append(entry)
    for entry in entries:
        entry.steps.reverse()
        if entry.kind == "report":
            entry.title = _(
                "%(reports)s: %(category)s", reports=words.plural(entry.count, "report"), category=entry.title
            )
    return entries


def _of_enforcement(row: Any, one: Enforcement | None, account: Account) -> Entry:
    restore = one is not None and one.action == Action.RESTORE
    return Entry(
        at=row.at,
        kind="restore" if restore else "enforcement",
        title=row.about if one is None else words.title(one, account),
        text="" if one is None else one.rationale,
        href=f"/enforcements/{row.about}",
        event=row.id,
        about=row.about,
    )


def _entry(row: Any, images: Mapping[str, Mapping[str, Any]], detail: Mapping[str, Any]) -> Entry:
    entry = Entry(at=row.at, kind="account", title=words.event(row.kind), by=row.by, event=row.id, about=row.about)
    if not row.body:
        entry.text = _("What it said was erased; that it happened is proved all the same.")
    match row.kind:
        case "report.taken":
            report = images.get("report", {})
            entry.kind, entry.by = "report", ""
            entry.title = plain(report.get("category", ""))
            entry.text = str(report.get("text", ""))
            entry.href = f"/cases/{row.about}"
        case "decision.made":
            made = images.get("decision", {})
            entry.kind, entry.href = "decision", f"/cases/{row.about}"
            outcome, policy = plain(made.get("outcome", "")), plain(made.get("policy", ""))
            entry.title = _("%(outcome)s: %(policy)s", outcome=outcome, policy=policy) if policy else outcome
            entry.text = str(made.get("rationale", ""))
        case "case.noted":
            entry.kind, entry.href = "note", f"/cases/{row.about}"
            entry.text = str(images.get("case_note", {}).get("text", ""))
        case "account.tier_set":
            entry.kind, entry.href = "tier", f"/enforcements/{row.about}"
            entry.title = _("set to %(tier)s in the registry", tier=plain(detail.get("tier", "")))
            entry.text = str(images.get("account", {}).get("explicit_because", ""))
        case kind if kind.startswith("incident."):
            entry.kind, entry.href, entry.by = "incident", f"/incidents/{row.about}", ""
            entry.text = str(images.get("incident", {}).get("summary", ""))
        case kind if kind.startswith("case."):
            entry.kind, entry.href = "case", f"/cases/{row.about}"
        case _:
            pass
    return entry


def images_of(body: bytes) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the rows that an event wrote, by table, and its detail; nothing of one that was erased."""
    if not body:
        return {}, {}
    read = orjson.loads(body)
    return dict(read.get("rows", ())), read.get("detail", {})
