"""Reading cases: one by its id, a page of a queue, and all that a case page shows."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import orjson
import sqlalchemy as sa

from gardefou.clock import from_micros, to_micros
from gardefou.domain.records import Case, CaseNote, Decision, Enforcement, Report
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.queue_reading import closed_queues, open_queues
from gardefou.people.actor import Actor
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all, fetch_fast
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

#: Cases of one page.
PAGE = 50
MAX_PAGE = 500
#: Reports that a case page shows, the newest; the case counts all of them.
SHOWN_REPORTS = 200
STATES = ("open", "closed")

_c = tables.case.c
_r = tables.report.c
# Ids are unique everywhere, but the key starts with the platform: name them all, and the key serves.
_PLATFORMS = sa.select(tables.platform_entry.c.id)
_by_id = sa.select(tables.case).where(_c.platform.in_(_PLATFORMS), _c.id == sa.bindparam("id"))
_MOST_URGENT = (_c.priority.desc(), _c.due_at, _c.id)
_BY_ID = Fast(_by_id)
_BY_ID_HELD = Fast(_by_id.with_for_update())


def find_case(connection: sa.Connection, case_id: str, *, lock: bool = False) -> Case | None:
    """Return a case by its id, or None. ``lock`` holds its row on PostgreSQL."""
    found = fetch_fast(connection, Case, _BY_ID_HELD if lock else _BY_ID, {"id": case_id})
    return found[0] if found else None


def case_by_id(connection: sa.Connection, case_id: str) -> Case:
    """Return a case by its id.

    Raises:
        NotFound: there is none (`case/not_found`).
    """
    found = find_case(connection, case_id)
    if found is None:
        raise not_found(case_id)
    return found


def need_case(uow: UnitOfWork, case_id: str) -> Case:
    """Return a case by its id and hold its row.

    Raises:
        NotFound: there is none (`case/not_found`).
    """
    found = find_case(uow.connection, case_id, lock=True)
    if found is None:
        raise not_found(case_id)
    return found


def seen_by(case: Case, actor: Actor) -> Case:
    """Return the case; to a token that is for other platforms there is none.

    Raises:
        NotFound: `case/not_found`.
    """
    if not actor.sees(case.platform):
        raise not_found(case.id)
    return case


def case_ahead(case_id: str) -> Read:
    """Return what `need_case` will read."""
    return _BY_ID_HELD, {"id": case_id}


def not_found(case_id: str) -> NotFound:
    """Return the error for an id that no case has."""
    return NotFound("case/not_found", _("There is no case %(case_id)s; check the id.", case_id=repr(case_id)))


def as_of(case: Case, now: datetime) -> Case:
    """Return a case as it counts at a moment: a claim whose time is over is none."""
    if case.claimed_by is None or (case.claimed_until is not None and case.claimed_until > now):
        return case
    return replace(case, claimed_by=None, claimed_until=None, claim_renewed=False)


def list_cases(
    connection: sa.Connection,
    *,
    now: datetime,
    queue: str | None = None,
    state: str | None = "open",
    cursor: str | None = None,
    limit: int = PAGE,
    platforms: tuple[str, ...] = (),
) -> tuple[list[Case], str | None]:
    """Return a page of cases, most urgent first, and the cursor of the next page, None after the last.

    ``platforms`` names those whose cases are meant; none: all.

    Pages follow (priority, due_at, id), so that cases which come and go
    meanwhile neither repeat nor hide others.

    Raises:
        InvalidInput: `case/state`, `case/cursor`, `case/limit`.
    """
    if state is not None and state not in STATES:
        states = ", ".join((*STATES, "all"))
        raise InvalidInput("case/state", _("state is one of %(states)s.", states=states), field="state")
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("case/limit", _("limit is 1 to %(most)s.", most=MAX_PAGE), field="limit")
    where: list[sa.ColumnElement[bool]] = []
    if platforms:
        where.append(_c.platform.in_(platforms))
    if cursor is not None:
        priority, due, last = _read_cursor(cursor)
        where.append(
            sa.or_(
                _c.priority < priority,
                sa.and_(_c.priority == priority, sa.or_(_c.due_at > due, sa.and_(_c.due_at == due, _c.id > last))),
            )
        )
    found = _most_urgent(connection, STATES if state is None else (state,), queue, where, limit + 1)
    page = [as_of(case, now) for case in found[:limit]]
    return page, _cursor(page[-1]) if len(found) > limit else None


def _most_urgent(
    connection: sa.Connection,
    states: Sequence[str],
    queue: str | None,
    where: Sequence[sa.ColumnElement[bool]],
    limit: int,
) -> list[Case]:
    """Return the most urgent cases: the first of each state and queue, read along its index, put together."""
    of_state = {"open": (tables.case_open, open_queues), "closed": (tables.case_not_open, closed_queues)}
    heads = [
        sa.select(tables.case).where(is_so, *where, _c.queue == name).order_by(*_MOST_URGENT).limit(limit)
        for is_so, queues in (of_state[state] for state in states)
        for name in (queues(connection) if queue is None else (queue,))
    ]
    if not heads:
        return []
    if len(heads) == 1:
        return fetch_all(connection, Case, heads[0])
    heads = [sa.select(head.subquery()) for head in heads]
    found = sa.union_all(*heads).subquery()
    order = (found.c.priority.desc(), found.c.due_at, found.c.id)
    return fetch_all(connection, Case, sa.select(found).order_by(*order).limit(limit))


def _cursor(case: Case) -> str:
    text = orjson.dumps([case.priority, to_micros(case.due_at), case.id])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, datetime, str]:
    try:
        match orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))):
            case [int() as priority, int() as due, str() as last] if abs(priority) < 2**31 and "\x00" not in last:
                return priority, from_micros(due), last
            case _:
                pass
    except (ValueError, OverflowError):
        pass
    raise InvalidInput("case/cursor", "This cursor is none of ours; start at the first page.", field="cursor")


#: Steps of the picture of how a case's reports came in.
STEPS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """How the reports of a case came in: so many in each of `STEPS` equal steps from the first to the last."""

    first: datetime
    last: datetime
    counts: tuple[int, ...]

    @property
    def step(self) -> timedelta:
        """How long one step is."""
        return (self.last - self.first) / STEPS


def arrivals(connection: sa.Connection, case: Case) -> Arrivals | None:
    """Return how the reports of a case came in, all of them; None where there are fewer than two moments."""
    of_case = (_r.platform == case.platform, _r.case_id == case.id)
    at = sa.type_coerce(_r.received_at, sa.BigInteger)
    ends = connection.execute(sa.select(sa.func.min(at), sa.func.max(at)).where(*of_case)).one()
    # A case without reports has neither, whatever the types say.
    first, last = cast("tuple[int | None, int | None]", tuple(ends))
    if first is None or last is None or first == last:
        return None
    # Whole numbers on both databases: the step that a moment falls into.
    step = ((at - first) * STEPS) // (last - first + 1)
    counted = connection.execute(
        sa.select(step.label("step"), sa.func.count().label("reports")).where(*of_case).group_by(step)
    )
    counts = [0] * STEPS
    for row in counted:
        counts[row.step] = row.reports
    return Arrivals(first=from_micros(first), last=from_micros(last), counts=tuple(counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """All that a case page shows. ``reports`` are the newest `SHOWN_REPORTS`, newest first."""

    case: Case
    reports: tuple[Report, ...]
    notes: tuple[CaseNote, ...]
    decisions: tuple[Decision, ...]
    enforcements: tuple[Enforcement, ...]


def case_view(connection: sa.Connection, case_id: str, *, now: datetime) -> CaseView:
    """Return a case with its reports, notes, decisions and enforcements.

    Raises:
        NotFound: there is none (`case/not_found`).
    """
    case = case_by_id(connection, case_id)

    def of_case(table: sa.Table) -> sa.Select[tuple[object, ...]]:
        return sa.select(table).where(table.c.platform == case.platform, table.c.case_id == case.id)

    newest = of_case(tables.report).order_by(tables.report.c.id.desc()).limit(SHOWN_REPORTS)
    return CaseView(
        case=as_of(case, now),
        reports=tuple(fetch_all(connection, Report, newest)),
        notes=tuple(fetch_all(connection, CaseNote, of_case(tables.case_note).order_by(tables.case_note.c.id))),
        decisions=tuple(fetch_all(connection, Decision, of_case(tables.decision).order_by(tables.decision.c.id))),
        enforcements=tuple(
            fetch_all(connection, Enforcement, of_case(tables.enforcement).order_by(tables.enforcement.c.id))
        ),
    )
