"""The page of one enforcement: what it is, why, who said what, what happened, and the proof that it is on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.actions import Action
from gardefou.domain.records import Case, Enforcement
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.case_reading import case_view
from gardefou.flow.explain import explanation
from gardefou.flow.outcome import REFUSED
from gardefou.flow.reading import enforcement_by_id, lifted_as_stored
from gardefou.flow.second_look import require_seen, seen_by
from gardefou.ledger.audit import proof
from gardefou.ledger.sequencer import latest
from gardefou.storage import tables
from gardefou.storage.records import get
from gardefou.web.console.enforcement_reads import of_viewer
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.reading import approvals_of, described, events, rows

_e = tables.enforcement.c
_MOVING = frozenset({State.READY.value, State.EXECUTING.value, State.UNKNOWN.value, State.RESTORING.value})
_RECEIPT = ("before", "after", "asked", "answer", "kept", "losses", "trouble", "sent_at", "asked_at", "answered_ms")


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of one enforcement's page."""
    return [
        console.get("/enforcements/{id}", show),
        console.get("/enforcements/{id}/proof", give_proof),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """Where an enforcement stands in its log: the entries about it, and the newest checkpoint."""

    log: str
    #: Index of each of its entries that has one, oldest first.
    entries: tuple[int, ...]
    #: Entries the checkpoint speaks of, its root, when it was signed; zero and empty before the first.
    size: int
    root: str
    at: datetime | None
    #: Whoever holds the log's key signs with this one.
    key: str

    @property
    def proved(self) -> tuple[int, ...]:
        """Its entries that the checkpoint takes in."""
        return tuple(index for index in self.entries if index < self.size)

    @property
    def whole(self) -> bool:
        """Whether the checkpoint takes in all of them."""
        return bool(self.entries) and len(self.proved) == len(self.entries)


def show(visit: Visit) -> Response:
    """Show one enforcement: what it is, why, what nets and people said, and what can be done now."""
    with visit.app.works.read() as connection:
        found = _need(connection, visit.path("id"))
        config = visit.app.config(connection)
        row = rows(connection, [found], visit.actor.id)[0]
        given = approvals_of(connection, found)
        case = None
        if found.case_id is not None and get(connection, Case, found.platform, found.case_id) is not None:
            case = seen_by(connection, case_view(connection, found.case_id, now=visit.now), visit.actor.id)
        lifts = rows(connection, lifted_as_stored(connection, found), visit.actor.id)
        undone_by = _undone_by(connection, found)
        record = _on_record(connection, visit, found)
        about = sa.and_(tables.event_has_about, tables.event.c.about == found.id)
        story = events(connection, found.platform, about, viewer=visit.actor.id)
        why = explanation(connection, found, config, now=visit.now, blind=row.blind)
    receipt = {} if row.blind else _receipt(found)
    item = of_viewer(visit, row, given, config.rules.organisation)
    return visit.page(
        "enforcement.html",
        row=row,
        one=found,
        item=item,
        given=given,
        case=case,
        lifts=lifts,
        undone_by=undone_by,
        record=record,
        story=story,
        losses=() if row.blind else _losses(visit, found),
        why=why,
        receipt=receipt,
        said_no=_said_no(found, receipt),
        may_ratify=found.via == "break_glass" and found.state == State.IN_FORCE.value and found.ratified_by is None,
        moving=found.state in _MOVING,
        done=visit.query("done"),
    )


def _said_no(found: Enforcement, receipt: dict[str, Any]) -> str:
    """Return what a platform refused with that shows what it refused; else nothing."""
    trouble = str(receipt.get("trouble") or "")
    stands = found.state == State.IN_FORCE.value and found.action != Action.RESTORE.value
    return trouble if stands and trouble.startswith(REFUSED) else ""


def _need(connection: sa.Connection, enforcement_id: str) -> Enforcement:
    found = enforcement_by_id(connection, enforcement_id)
    if found is None:
        raise NotFound("enforcement/not_found", "There is no such enforcement; check the address.")
    return found


def _undone_by(connection: sa.Connection, found: Enforcement) -> str | None:
    row = connection.execute(
        sa.select(_e.id).where(
            _e.platform == found.platform,
            _e.account == found.account,
            _e.action == Action.RESTORE.value,
            _e.placed_at >= found.placed_at,
            sa.cast(_e.lifts, sa.Text).contains(f'"{found.id}"', autoescape=True),
        )
    ).first()
    return None if row is None else str(row.id)


def _on_record(connection: sa.Connection, visit: Visit, found: Enforcement) -> OnRecord:
    held = latest(connection, found.platform)
    entries = connection.execute(
        sa.select(tables.leaf.c.seq)
        .join(
            tables.event,
            sa.and_(tables.event.c.platform == tables.leaf.c.platform, tables.event.c.id == tables.leaf.c.event_id),
        )
        .where(tables.event.c.platform == found.platform, tables.event_has_about, tables.event.c.about == found.id)
        .order_by(tables.leaf.c.seq)
    ).scalars()
    return OnRecord(
        log=found.platform,
        entries=tuple(entries),
        size=0 if held is None else held.size,
        root="" if held is None else held.root.hex(),
        at=None if held is None else held.at,
        key=visit.app.sequencer.signer(found.platform).verifier.encoded,
    )


def _receipt(found: Enforcement) -> dict[str, Any]:
    """Return what the platform was asked, answered and showed, as far as it was written down."""
    return {name: found.receipt[name] for name in _RECEIPT if name in found.receipt}


def _losses(visit: Visit, found: Enforcement) -> tuple[str, ...]:
    """Return what an undo does not bring back, as the platform declares it."""
    description = described(visit.app, found.platform)
    if description is None or found.action in {Action.CHANGE, Action.RESTORE}:
        return ()
    capability = description.capabilities.get(Action(found.action))
    return () if capability is None else capability.losses


def give_proof(visit: Visit) -> Response:
    """Give the bundle that proves every event of an enforcement offline, as the API does, as a file to keep."""
    visit.app.sequencer.integrate()
    with visit.app.works.read() as connection:
        found = _need(connection, visit.path("id"))
        require_seen(connection, found, visit.actor.id)
        bundle = proof(connection, found.platform, visit.app.sequencer.signer(found.platform).verifier, found.id)
    return Response(
        orjson.dumps(bundle, option=orjson.OPT_INDENT_2) + b"\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="proof-{found.id}.json"'},
    )
