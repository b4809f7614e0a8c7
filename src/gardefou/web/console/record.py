"""The record: the newest checkpoint of every log, verifying it, looking entries up, and each entry with its proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.clock import from_micros, to_micros
from gardefou.domain.records import ORGANISATION, Account
from gardefou.errors import Denied, NotFound
from gardefou.flow.second_look import hidden_on
from gardefou.ledger.audit import Audit, audit, event_proof
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.sequencer import Held, latest, logs
from gardefou.ledger.tree import leaf_hash
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.types import Instant
from gardefou.web import paging
from gardefou.web.console.finding import find
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.reading import PAGE, Moment
from gardefou.web.console.timeline import images_of

_event = tables.event.c
_leaf = tables.leaf.c
_BESIDE = (_event.platform, _event.id, _event.at, _event.kind, _event.by, _event.account, _event.about)
#: Columns of images that are not shown: secrets' hashes, reporters, and what is long and shown elsewhere.
_LEFT_OUT = frozenset({"facts", "hash", "nets", "platform", "reporter", "salt", "toml", "verdict", "version"})


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the record."""
    return [
        console.get("/record", show),
        console.post("/record/verify", verify),
        console.get("/record/{log}/{event}", show_event),
        console.get("/record/{log}/{event}/proof", save_proof),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One log as the page shows it: its newest checkpoint, what comes with the next, and its key."""

    name: str
    held: Held | None
    pending: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What looking something up gave: entries of the record, or accounts to choose among."""

    what: str
    #: What finds the same again, for the link to older entries.
    again: str
    events: list[Moment]
    accounts: list[Account]
    more: str | None


def show(visit: Visit) -> Response:
    """Show each log's newest checkpoint, and the entries about what is looked up."""
    return _page(visit, None)


def verify(visit: Visit) -> Response:
    """Verify one log in the store, entry by entry, against every checkpoint ever signed."""
    platform = visit.form.one("log")
    with visit.app.works.read() as connection:
        if platform not in logs(connection):
            raise NotFound(
                "ledger/not_found", _("There is no log %(platform)s; choose one on the page.", platform=repr(platform))
            )
        found = audit(connection, platform, visit.app.sequencer.signer(platform).verifier)
    return _page(visit, found)


def _page(visit: Visit, audited: Audit | None) -> Response:
    looked_for = visit.query("q").strip()
    with visit.app.works.read() as connection:
        names = _names(visit, connection)
        pending = connection.execute(
            sa.select(tables.event_pending.c.platform, sa.func.count().label("events")).group_by(
                tables.event_pending.c.platform
            )
        )
        waiting = {row.platform: row.events for row in pending}
        shown = [
            Log(
                name=name,
                held=latest(connection, name),
                pending=waiting.get(name, 0),
                key=visit.app.sequencer.signer(name).verifier.encoded,
            )
            for name in names
        ]
        found = _look_up(connection, visit, looked_for, names) if looked_for else None
    return visit.page(
        "record.html",
        logs=[log for log in shown if log.held is not None or log.pending],
        audited=audited,
        q=looked_for,
        found=found,
    )


def _names(visit: Visit, connection: sa.Connection) -> list[str]:
    """Return the logs there can be; asking the entries themselves would read all of them."""
    return sorted({ORGANISATION, *visit.app.config(connection).platforms})


def _look_up(connection: sa.Connection, visit: Visit, text: str, names: list[str]) -> Found:
    """Look up a pseudonym, an id (an enforcement's, a case's, an entry's own), or an account."""
    person = next((one for one in visit.names.people.values() if one.pseudonym == text), None)
    before = paging.decode(visit.query("before") or None, str)
    if person is not None:
        found, more = _events(connection, visit, [tables.event_by_person, _event.by == person.id], before)
        return Found(what="person", again=text, events=found, accounts=[], more=more)
    in_any = _event.platform.in_(names)
    for where in ([tables.event_has_about, in_any, _event.about == text], [in_any, _event.id == text]):
        found, more = _events(connection, visit, where, before)
        if found:
            return Found(what="id", again=text, events=found, accounts=[], more=more)
    platform, _, ref = text.partition("/")
    known = _event.platform == platform if platform in names and ref else in_any
    where = [tables.event_has_account, known, _event.account == (ref if platform in names and ref else text)]
    found, more = _events(connection, visit, where, before)
    accounts = [] if before else find(connection, text, [name for name in names if name != ORGANISATION], None).accounts
    if not found and len(accounts) == 1:
        (one,) = accounts
        text = f"{one.platform}/{one.ref}"
        where = [tables.event_has_account, _event.platform == one.platform, _event.account == one.ref]
        found, more = _events(connection, visit, where, before)
    return Found(what="account" if found else "accounts", again=text, events=found, accounts=accounts, more=more)


def _events(
    connection: sa.Connection, visit: Visit, where: Sequence[sa.ColumnElement[bool]], before: tuple[str] | None
) -> tuple[list[Moment], str | None]:
    """Return a page of entries, newest first, without what a second look must not know yet."""
    statement = sa.select(*_BESIDE, _leaf.seq).outerjoin(
        tables.leaf, sa.and_(_leaf.platform == _event.platform, _leaf.event_id == _event.id)
    )
    if before is not None:
        statement = statement.where(_event.id < before[0])
    rows = connection.execute(statement.where(*where).order_by(_event.id.desc()).limit(PAGE + 1)).all()
    shown, more = paging.page(rows, PAGE, lambda row: paging.encode(str(row.id)))
    hidden = hidden_on(connection, None, visit.actor.id)
    return [
        Moment(
            at=row.at,
            kind=row.kind,
            by=row.by,
            about=row.about,
            account=row.account,
            detail={"log": row.platform, "id": row.id, "index": row.seq},
        )
        for row in shown
        if row.kind == "report.taken" or row.about not in hidden
    ], more


def _entry(connection: sa.Connection, visit: Visit) -> Any:
    """Return the entry that a page is about.

    Raises:
        NotFound: there is none (`ledger/not_found`).
        Denied: it would say what a second look must not know yet (`enforcement/second_look`).
    """
    log, event_id = visit.path("log"), visit.path("event")
    row = connection.execute(
        sa.select(tables.event, _leaf.seq, _leaf.data)
        .outerjoin(tables.leaf, sa.and_(_leaf.platform == _event.platform, _leaf.event_id == _event.id))
        .where(_event.platform == log, _event.id == event_id)
    ).first()
    if row is None:
        raise NotFound("ledger/not_found", "There is no such entry; check the address.")
    if row.kind != "report.taken" and row.about in hidden_on(connection, log, visit.actor.id):
        raise Denied(
            "enforcement/second_look", "A second look is needed. Answer on the case first; it is shown after that."
        )
    return row


def show_event(visit: Visit) -> Response:
    """Show one entry: what it says in words, where it stands in the log, and how to verify it elsewhere."""
    log = visit.path("log")
    with visit.app.works.read() as connection:
        row = _entry(connection, visit)
        table = tables.checkpoint
        under = connection.execute(
            sa.select(table.c.size, table.c.root, table.c.at)
            .where(table.c.platform == log, table.c.size > (-1 if row.seq is None else row.seq))
            .order_by(table.c.size)
            .limit(1)
        ).first()
        held = latest(connection, log)
    images, detail = images_of(row.body)
    erased = not row.body
    agrees = row.data is not None and (
        erased or leaf_data(row.id, to_micros(row.at), commit(row.salt, row.body)) == row.data
    )
    return visit.page(
        "record_event.html",
        log=log,
        one=row,
        href=_href(row),
        images={table: _in_words(visit, table, image) for table, image in images.items()},
        detail={name: _named(visit, value) for name, value in detail.items()},
        erased=erased,
        agrees=agrees,
        leaf=None if row.data is None else leaf_hash(row.data).hex(),
        under=None if row.seq is None else under,
        root=None if under is None else under.root.hex(),
        held=held,
        key=visit.app.sequencer.signer(log).verifier.encoded,
    )


def _href(row: Any) -> str:
    """Return the page of what an entry is about, where there is one."""
    kind = str(row.kind).partition(".")[0]
    pages = {
        "enforcement": "enforcements",
        "case": "cases",
        "report": "cases",
        "decision": "cases",
        "incident": "incidents",
    }
    return f"/{pages[kind]}/{row.about}" if kind in pages and row.about else ""


def _in_words(visit: Visit, table: str, image: dict[str, Any]) -> dict[str, Any]:
    """Return what a row became, as people read it: people by pseudonym, moments as moments, nothing that is empty."""
    known = tables.metadata.tables.get(table)
    shown: dict[str, Any] = {}
    for name, value in image.items():
        if name in _LEFT_OUT or value in (None, "", [], {}, False):
            continue
        column = None if known is None else known.columns.get(name)
        if column is not None and isinstance(column.type, Instant) and isinstance(value, int):
            shown[name] = from_micros(value)
        else:
            shown[name] = _named(visit, value)
    return shown


def _named(visit: Visit, value: Any) -> Any:
    """Return a value with every person in it by pseudonym, and nested ones as text."""
    match value:
        case dict():
            left = {name: _named(visit, part) for name, part in value.items() if name not in _LEFT_OUT}  # pyright: ignore[reportUnknownVariableType]
            return orjson.dumps(left).decode() if left else ""
        case list():
            return [_named(visit, part) for part in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return visit.names.in_text(value)


def save_proof(visit: Visit) -> Response:
    """Give the proof of one entry as a file that anybody can verify with the log's key."""
    log = visit.path("log")
    with visit.app.works.read() as connection:
        row = _entry(connection, visit)
        bundle = event_proof(connection, log, visit.app.sequencer.signer(log).verifier, row.id)
    return Response(
        orjson.dumps(bundle, option=orjson.OPT_INDENT_2) + b"\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="proof-{row.id}.json"'},
    )
