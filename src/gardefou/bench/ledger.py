"""The ledger by itself: integrating events, proving one, and verifying them all."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gardefou.bench.floor import TEXT
from gardefou.bench.install import Installation, installed
from gardefou.errors import Unavailable
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.ledger.audit import audit
from gardefou.ledger.leaf import SALT_BYTES
from gardefou.ledger.nodes import read_nodes
from gardefou.ledger.sequencer import latest
from gardefou.ledger.tree import inclusion_proof
from gardefou.storage import bulk

_BATCH = 10_000
#: Stands in a body for the account.
_ACCOUNT = "(account)"
_PROOFS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Events integrated a second, milliseconds of one inclusion proof, events verified a second, of ``events``."""

    events: int
    integrated: float
    proof_ms: float
    audited: float


def ledger(database_url: str, folder: Path, *, events: int) -> Times:
    """Write so many events as reports do, then integrate, prove and verify them.

    Raises:
        Unavailable: the log does not verify (`bench/unexpected`).
    """
    with installed(database_url, folder, people=1) as made:
        app = made.app
        app.sequencer.integrate_all()
        _fill(made, events)
        begun = time.perf_counter()
        done = app.sequencer.integrate_all()
        integrated = done / (time.perf_counter() - begun)
        if not app.works.store.is_sqlite:
            # What autovacuum does within a minute; a plan made for empty tables is no measure.
            with app.works.store.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        with app.works.read() as connection:
            held = latest(connection, "sandbox")
            if held is None:
                raise Unavailable("bench/unexpected", "Nothing was integrated.")
            places = [random.randrange(held.size) for _ in range(_PROOFS)]  # noqa: S311 - which ones does not matter
            begun = time.perf_counter()
            for place in places:
                read_nodes(connection, "sandbox", partial(inclusion_proof, place, held.size))
            proof_ms = (time.perf_counter() - begun) * 1000 / _PROOFS
            begun = time.perf_counter()
            url = app.works.store.shared_url
            found = audit(connection, "sandbox", app.sequencer.signer("sandbox").verifier, url=url)
            audited = found.size / (time.perf_counter() - begun)
            if not found.ok:
                raise Unavailable("bench/unexpected", f"The log does not verify: {found.problem}.")
        return Times(events=done, integrated=integrated, proof_ms=proof_ms, audited=audited)


def _fill(made: Installation, events: int) -> None:
    """Take one report; write its event over and over, each of another account, with an id and a salt of its own."""
    app = made.app
    report = parse_report(
        {
            "platform": "sandbox",
            "subject": {"kind": "account", "account": _ACCOUNT},
            "reporter": "member-1",
            "category": "spam",
            "text": TEXT,
        }
    )
    take_many(app, made.reporter(), [report])
    with app.works.read() as connection:
        names = ", ".join(f'"{name}"' for name in bulk.EVENT_COLUMNS)
        statement = f"SELECT {names} FROM event WHERE platform = ? AND kind = ?"  # noqa: S608 - own names
        found = bulk.select(connection, statement, ("sandbox", "report.taken"))
    if not found:
        raise Unavailable("bench/unexpected", "A report was taken and is not in the record.")
    platform, _, kind, at, by, _, about, _, body = found[0]
    written = bytes(body)
    for first in range(0, events - 1, _BATCH):
        places = range(first, min(first + _BATCH, events - 1))
        rows = [
            (
                platform, event, kind, at, by, f"l{place}", about, app.works.salts(SALT_BYTES),
                written.replace(_ACCOUNT.encode(), b"l%d" % place),
            )
            for place, event in zip(places, app.ids.many(len(places)), strict=True)
        ]  # fmt: skip
        with app.works.store.begin() as connection:
            bulk.insert_events(connection, rows)
