"""The record: the newest checkpoint of every log, and verifying it from the first entry."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.errors import NotFound
from gardefou.ledger.audit import Audit, audit
from gardefou.ledger.sequencer import latest, logs
from gardefou.storage import tables
from gardefou.web.console.frame import Console, Visit


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the record."""
    return [console.get("/record", show), console.post("/record/verify", verify)]


def show(visit: Visit) -> Response:
    """Show each log's newest checkpoint and what stands before the next."""
    return _page(visit, None)


def verify(visit: Visit) -> Response:
    """Verify one log in the store, entry by entry, against every checkpoint ever signed."""
    platform = visit.form.one("log")
    with visit.app.works.read() as connection:
        if platform not in logs(connection):
            raise NotFound("ledger/not_found", f"There is no log {platform!r}; choose one on the page.")
        found = audit(connection, platform, visit.app.sequencer.signer(platform).verifier)
    return _page(visit, found)


def _page(visit: Visit, audited: Audit | None) -> Response:
    shown: list[dict[str, Any]] = []
    with visit.app.works.read() as connection:
        for name in logs(connection):
            table = tables.event_pending
            pending = connection.execute(
                sa.select(sa.func.count()).select_from(table).where(table.c.platform == name)
            ).scalar_one()
            signer = visit.app.sequencer.signer(name)
            shown.append(
                {"name": name, "held": latest(connection, name), "pending": pending, "key": signer.verifier.encoded}
            )
    return visit.page("record.html", logs=shown, audited=audited)
