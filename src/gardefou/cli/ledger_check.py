"""Verifying a whole store: each log, and the state tables against what the logs give."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gardefou.flow.app import App
from gardefou.ledger.audit import Audit, audit
from gardefou.ledger.rebuild import differences
from gardefou.ledger.sequencer import logs

_TRIES = 5


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What verifying a store found: one audit a log, and where tables differ from the logs."""

    audits: tuple[Audit, ...]
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(one.ok for one in self.audits) and not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {"ok": self.ok, "logs": [asdict(one) for one in self.audits], "differences": list(self.differences)}

    def lines(self) -> list[str]:
        """Return it for people, one line a log."""
        said = [in_words(one) for one in self.audits]
        return [*said, *(f"BAD the tables differ from the ledger: {one}" for one in self.differences)]


def in_words(one: Audit) -> str:
    """Say an audit in one line."""
    if one.ok:
        erased = f", {one.erased} bodies erased" if one.erased else ""
        pending = f", {one.pending} not yet in a checkpoint" if one.pending else ""
        entries = "1 entry" if one.size == 1 else f"{one.size} entries"
        return f"OK  {one.platform}: {entries}{erased}{pending}"
    where = "" if one.bad_index is None else f" entry {one.bad_index}"
    event = "" if one.bad_event is None else f" (event {one.bad_event})"
    return f"BAD {one.platform}:{where}{event}: {one.problem}"


def check_store(app: App) -> StoreCheck:
    """Verify every log and the tables, after what is pending was put into checkpoints."""
    found = StoreCheck((), ())
    for _ in range(_TRIES):
        app.sequencer.integrate_all()
        with app.works.store.snapshot() as connection:
            names = logs(connection)
            url = app.works.store.shared_url
            audits = tuple(audit(connection, name, app.sequencer.signer(name).verifier, url=url) for name in names)
            pending = any(one.pending for one in audits)
            # What a broken log gives is no measure for the tables.
            comparable = not pending and all(one.ok for one in audits)
            found = StoreCheck(audits, tuple(differences(connection)) if comparable else ())
        if not pending:
            # Otherwise something was written meanwhile: the tables are ahead of the log, and rightly so.
            break
    return found
