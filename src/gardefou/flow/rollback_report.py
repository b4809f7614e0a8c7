"""How a rollback stands, and at its end the report: account by account, as the platform was seen to be.

Written from what is on record at the moment of asking: an account is back when
a reading after its restore showed it, and not before.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import sqlalchemy as sa

from gardefou.clock import rfc3339
from gardefou.domain.records import Enforcement, Rollback, RollbackPart
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow import rollback as r
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import MAPPED, fetch, fetch_all

#: What became of an account, the worst last. ``moving``: asked of the platform, and not seen yet.
BACK, WITHDRAWN, NOTHING, WAITS, MOVING, LEFT, FAILED = (
    "back",
    "withdrawn",
    "nothing",
    "waits",
    "moving",
    "left",
    "failed",
)
OUTCOMES = (BACK, WITHDRAWN, NOTHING, WAITS, MOVING, LEFT, FAILED)
_OF_STATE = {
    State.IN_FORCE.value: BACK,
    State.WAITING.value: WAITS,
    State.READY.value: MOVING,
    State.EXECUTING.value: MOVING,
    State.UNKNOWN.value: MOVING,
}
_OF_PART = {r.LEFT: LEFT, r.WITHDRAWN: WITHDRAWN, r.NOTHING: NOTHING, r.FAILED: FAILED}
_p = tables.rollback_part.c
_e = tables.enforcement.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One account of a rollback."""

    platform: str
    account: str
    enforcements: tuple[str, ...]
    reach: int
    outcome: str
    #: The restore; None where none was placed.
    restore: Enforcement | None
    #: Why it is not back, in words; empty where it is.
    because: str
    #: From when it was asked of us to when the platform showed it.
    milliseconds: int | None
    #: What the platform did not bring back, in its words.
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many accounts a rollback has in each outcome."""

    record: Rollback
    counts: Mapping[str, int]
    reach: int

    @property
    def accounts(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def settled(self) -> int:
        """Those with which nothing more happens by itself."""
        return self.accounts - (0 if self.record.state == r.STOPPED else self.counts[LEFT]) - self.counts[MOVING]

    @property
    def over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.record.state != r.RUNNING and self.counts[MOVING] == 0


def rollback_of(connection: sa.Connection, rollback_id: str) -> Rollback:
    """Return a rollback by its id.

    Raises:
        NotFound: there is none (`rollback/not_found`).
    """
    found = fetch(connection, Rollback, tables.rollback.c.id == rollback_id)
    if found is None:
        raise NotFound(
            "rollback/not_found", _("There is no rollback %(rollback)s; check the id.", rollback=repr(rollback_id))
        )
    return found


def rollbacks_of(connection: sa.Connection, whose: str, *, most: int = 5) -> list[Rollback]:
    """Return the newest rollbacks of a person's or service's work."""
    table = tables.rollback
    newest = sa.select(table).where(table.c.whose == whose).order_by(table.c.id.desc()).limit(most)
    return fetch_all(connection, Rollback, newest)


_JOINED = tables.rollback_part.outerjoin(
    tables.enforcement, sa.and_(_e.platform == _p.platform, _e.id == _p.restore_id)
)


def standing_of(connection: sa.Connection, record: Rollback) -> Standing:
    """Return how a rollback stands: counted in the database, however many accounts it has."""
    rows = connection.execute(
        sa.select(_p.state, _e.state.label("restore"), sa.func.count().label("number"), sa.func.sum(_p.reach))
        .select_from(_JOINED)
        .where(_p.rollback_id == record.id)
        .group_by(_p.state, _e.state)
    ).all()
    counts: dict[str, int] = {str(outcome): 0 for outcome in OUTCOMES}
    for state, restore, number, _reach in rows:
        counts[_outcome(state, restore)] += int(number)
    return Standing(record=record, counts=counts, reach=sum(int(row[3] or 0) for row in rows))


def _outcome(state: str, restore: str | None) -> str:
    # What is neither underway nor seen ended before it was carried out: refused, lapsed, failed, cancelled.
    return _OF_PART[state] if state != r.PLACED else _OF_STATE.get(restore or "", FAILED)


def outcomes_of(
    connection: sa.Connection, record: Rollback, *, after: str = "", limit: int | None = None, not_back: bool = False
) -> list[tuple[str, Outcome]]:
    """Return a rollback's accounts with their part ids, in its own sequence, from after a part on.

    ``not_back``: only those that somebody must look at: that wait, that failed, that were left behind.
    """
    statement = (
        sa.select(tables.rollback_part, *(column.label(f"r_{column.name}") for column in tables.enforcement.columns))
        .select_from(_JOINED)
        .where(_p.rollback_id == record.id, _p.id > after)
        .order_by(_p.id)
    )
    if not_back:
        behind = (r.FAILED, r.LEFT) if record.state == r.STOPPED else (r.FAILED,)
        unseen = sa.and_(_p.state == r.PLACED, _e.state != State.IN_FORCE.value)
        statement = statement.where(sa.or_(_p.state.in_(behind), unseen))
    if limit is not None:
        statement = statement.limit(limit)
    found: list[tuple[str, Outcome]] = []
    width = len(tables.rollback_part.columns)
    for row in connection.execute(statement):
        part = MAPPED[RollbackPart].from_row(row[:width])
        restore = None if row.r_id is None else MAPPED[Enforcement].from_row(row[width:])
        found.append((part.id, _told(record, part, restore)))
    return found


def _told(record: Rollback, part: RollbackPart, restore: Enforcement | None) -> Outcome:
    outcome = _outcome(part.state, None if restore is None else restore.state)
    return Outcome(
        platform=part.platform,
        account=part.account,
        enforcements=part.enforcements,
        reach=part.reach,
        outcome=outcome,
        restore=restore,
        because=_because(record, part, restore, outcome),
        milliseconds=_milliseconds(record.asked_at, restore) if outcome == BACK else None,
        losses=() if restore is None else tuple(str(loss) for loss in restore.receipt.get("losses", ())),
    )


def _milliseconds(asked_at: datetime, restore: Enforcement | None) -> int | None:
    if restore is None or restore.in_force_at is None:
        return None
    return round((restore.in_force_at - asked_at) / timedelta(milliseconds=1))


def _because(record: Rollback, part: RollbackPart, restore: Enforcement | None, outcome: str) -> str:
    if outcome == LEFT:
        return record.because if record.state == r.STOPPED else ""
    if restore is None:
        return _(part.because) if part.because else ""
    if outcome == WAITS:
        asked = Verdict.from_json(restore.verdict).approvals
        return _("Waits for %(people)s.", people=", ".join(need.in_words() for need in asked))
    if outcome == MOVING:
        return _("Asked of the platform, which has not shown it yet.")
    return "" if outcome == BACK else (restore.because or restore.state)


#: The columns of the report as a table.
COLUMNS = ("platform", "account", "outcome", "milliseconds", "because", "reach", "enforcements", "restore", "losses")


def documented(one: Outcome) -> dict[str, Any]:
    """Return one account's line of the report, as JSON has it."""
    return {
        "platform": one.platform,
        "account": one.account,
        "outcome": one.outcome,
        "milliseconds": one.milliseconds,
        "because": one.because,
        "reach": one.reach,
        "enforcements": list(one.enforcements),
        "restore": None if one.restore is None else one.restore.id,
        "losses": list(one.losses),
    }


def head(standing: Standing, name: Callable[[str], str | None]) -> dict[str, Any]:
    """Return a rollback without its accounts, as JSON has it. ``name`` gives the pseudonym of a staff id."""
    record = standing.record
    return {
        "id": record.id,
        "by": name(record.whose),
        "since": rfc3339(record.since),
        "until": rfc3339(record.until),
        "asked_by": name(record.asked_by),
        "asked_at": rfc3339(record.asked_at),
        "state": record.state,
        "because": record.because,
        "ended_at": None if record.ended_at is None else rfc3339(record.ended_at),
        "over": standing.over,
        "counts": dict(standing.counts),
        "accounts": standing.accounts,
        "reach": standing.reach,
        "barred": list(record.barred),
    }


def as_csv(outcomes: Iterable[Outcome]) -> str:
    """Return the report's lines as CSV with a head; no cell is taken for a formula."""
    out = StringIO()
    written = csv.writer(out, lineterminator="\r\n")
    written.writerow(COLUMNS)
    for one in outcomes:
        line = documented(one) | {"enforcements": " ".join(one.enforcements), "losses": " ".join(one.losses)}
        written.writerow([_safe(line[name]) for name in COLUMNS])
    return out.getvalue()


def _safe(cell: Any) -> Any:
    # An account is called as it likes; a spreadsheet would carry out what begins so.
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
