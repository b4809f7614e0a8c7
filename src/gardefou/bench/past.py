"""A platform with a long past: a few real cases, copied into as many as are asked for.

Rows are copied below the flow, oldest first, with events that pages read; their
bodies are without images of rows, which are most of a real one, and they are no
leaves of the log. For measuring how pages do with a million cases, and for tests
that hold them to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.clock import to_micros
from gardefou.domain.records import Enforcement
from gardefou.flow.app import App
from gardefou.flow.cases import claim, note
from gardefou.flow.decide import ActionWish, carry_out, decide
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.flow.restore import restore
from gardefou.nets.verdict import Reason, Requirement, Verdict
from gardefou.people.actor import Actor
from gardefou.storage import bulk, tables
from gardefou.storage.records import get
from gardefou.storage.types import dumps

DAYS = 365
_BATCH = 5_000
_DAY = 86_400_000_000
#: Who must say yes to what waits.
_LEADS = Verdict(
    approvals=(Requirement(("lead",), 1),),
    reasons=(Reason("bench", "A net of the benchmark", "so that something waits"),),
)
#: Every second one is of a burst beyond a budget, which is answered as a group.
_BURST = replace(_LEADS, reasons=(Reason("person-severity-3-hour", "A budget", "so that something waits together"),))

#: How many ids of each are handed back.
_SHOWN = 20
#: What stands in an id for its kind; events have numbers of their own from the last on.
_CASE, _OPEN_CASE, _REPORT, _OPEN_REPORT, _BUSY_REPORT, _DECISION, _ENFORCEMENT, _WAITING, _NOTE, _INCIDENT = range(10)
_EVENT = 32

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many there are to be of each; ``busy`` is how many reports, notes and past cases one account has."""

    cases: int
    opened: int
    waiting: int
    incidents: int
    busy: int
    #: Whether enforcements and events are copied too: nine tenths of the bytes.
    whole: bool = True


@dataclass(slots=True)
class Past:
    """What to look at: ids and accounts that the copies belong to, the busiest first."""

    accounts: list[str] = field(default_factory=list[str])
    open_cases: list[str] = field(default_factory=list[str])
    closed_cases: list[str] = field(default_factory=list[str])
    in_force: list[str] = field(default_factory=list[str])
    waiting: list[str] = field(default_factory=list[str])
    incidents: list[str] = field(default_factory=list[str])
    events: list[str] = field(default_factory=list[str])


def long_past(
    app: App, reporter: Actor, reviewer: Actor, colleague: Actor, accounts: Sequence[str], size: Size
) -> Past:
    """Give a platform a past of this size; three of its accounts are named, on which it really happens once."""
    real = _really(app, reporter, reviewer, colleague, accounts)
    copies = _Copies(real, size)
    for table, rows in copies.tables():
        while batch := list(islice(rows, _BATCH)):
            with app.works.store.begin() as connection:
                columns = tuple(batch[0])
                bulk.insert_rows(connection, table, columns, [tuple(row.values()) for row in batch])
    return copies.past


@dataclass(slots=True, kw_only=True)
class _Real:
    """Rows as the driver gives them, of one case that is open, one decided on and one that was undone."""

    report: Row
    opened: Row
    closed: Row
    note: Row
    decision: Row
    in_force: Row
    restored: Row
    waiting: Row
    account: Row
    incident: Row
    #: Events of the decided case, by what they are about: the report, the case, the decision, the enforcement.
    events: list[tuple[str, Row]]
    past: Past


def _really(app: App, reporter: Actor, reviewer: Actor, colleague: Actor, accounts: Sequence[str]) -> _Real:
    left, decided, undone = accounts[:3]
    subjects: list[Mapping[str, Any]] = [
        {"platform": "sandbox", "subject": {"kind": "account", "account": ref}, "reporter": "r", "category": "spam",
         "text": "Sells watches.", "evidence": [{"kind": "text", "text": "Buy now"}]}
        for ref in (left, decided, undone)
    ]  # fmt: skip
    taken = take_many(app, reporter, [parse_report(one) for one in subjects])
    note(app, reviewer, taken[0].case, "Looks like the others.")
    placed: list[Enforcement] = []
    for one in taken[1:]:
        claim(app, reviewer, one.case)
        wish = ActionWish(action="suspend")
        made = decide(app, reviewer, one.case, policy="spam", rationale="Sells watches.", actions=[wish])
        carry_out(app, made.enforcements)
        placed.append(made.enforcements[0])
    restore(app, colleague, "sandbox", undone, "A mistake.")
    app.sequencer.integrate_all()
    with app.works.read() as connection:
        stands = get(connection, Enforcement, "sandbox", placed[0].id)
        assert stands is not None

        def row(table: sa.Table, **by: str) -> Row:
            named = " AND ".join(f"{name} = '{value}'" for name, value in by.items())
            found = connection.exec_driver_sql(f"SELECT * FROM {table.name} WHERE {named}").mappings().first()  # noqa: S608 - our own names
            assert found is not None, (table.name, by)
            return dict(found)

        in_force = row(tables.enforcement, id=stands.id)
        waits = {**in_force, "state": "waiting", "verdict": dumps(_LEADS.to_json())}
        waits |= dict.fromkeys(("approved_at", "in_force_at", "hold_until"))
        waits |= {"approve_by": to_micros(app.now() + timedelta(days=1))}
        opened = row(tables.case, id=taken[0].case)
        closed = row(tables.case, id=taken[1].case)
        decision = row(tables.decision, id=stands.decision_id or "")
        report = row(tables.report, case_id=taken[1].case)
        names = {report["id"]: "report", closed["id"]: "case", decision["id"]: "decision", stands.id: "enforcement"}
        event = tables.event
        marks = ", ".join(f"'{name}'" for name in names)
        happened = connection.exec_driver_sql(
            f"SELECT * FROM {event.name} WHERE platform = 'sandbox' AND about IN ({marks}) ORDER BY id"  # noqa: S608
        ).mappings()
        return _Real(
            report=report,
            opened=opened,
            closed=closed,
            note=row(tables.case_note, case_id=opened["id"]),
            decision=decision,
            in_force=in_force,
            restored=row(tables.enforcement, id=placed[1].id),
            waiting=waits,
            account=row(tables.account, ref=decided),
            incident=row(tables.incident, kind="reversal"),
            events=[(names[one["about"]], {**one, "body": _without_rows(one["body"])}) for one in happened],
            past=Past(
                accounts=[decided, left, undone],
                open_cases=[opened["id"]],
                closed_cases=[closed["id"]],
                in_force=[stands.id],
            ),
        )


def _without_rows(body: bytes) -> bytes:
    return dumps({**orjson.loads(bytes(body)), "rows": []}).encode()


@dataclass(slots=True)
class _Copies:
    """Makes the rows. The newest copies are the busy account's; every other account has one past case."""

    real: _Real
    size: Size
    past: Past = field(init=False)

    def __post_init__(self) -> None:
        self.past = self.real.past

    def tables(self) -> Iterator[tuple[sa.Table, Iterator[Row]]]:
        """Yield each table with its rows."""
        yield tables.account, self._accounts()
        yield tables.case, self._cases()
        yield tables.report, self._reports()
        yield tables.decision, self._decisions()
        if self.size.whole:
            yield tables.enforcement, self._enforcements()
            yield tables.event, self._events()
        yield tables.case_note, self._notes()
        yield tables.incident, self._incidents()

    def _account(self, place: int) -> str:
        return self.past.accounts[0] if place >= self.size.cases - self.size.busy else f"copy-{place}"

    def _back(self, place: int) -> int:
        """Return how many microseconds before the real one a copy's moments lie."""
        return (self.size.cases - place) * (DAYS * _DAY // (self.size.cases + 1))

    def _moved(self, row: Row, place: int, names: Sequence[str]) -> Row:
        back = self._back(place)
        return {name: row[name] - back for name in names if row[name] is not None}

    def _id(self, kind: int, place: int) -> str:
        """Return an id of the moment of a copy, its own for each kind."""
        millis = (self.real.report["received_at"] - self._back(place)) // 1000
        head = f"{millis:012x}"
        return f"{head[:8]}-{head[8:]}-7{kind:03x}-8000-{place:012x}"

    def _accounts(self) -> Iterator[Row]:
        for place in range(self.size.cases - self.size.busy):
            ref = self._account(place)
            yield {**self.real.account, "ref": ref, "handle": f"member_{place}"}
        for place in range(self.size.opened):
            yield {**self.real.account, "ref": f"open-{place}", "handle": f"newcomer_{place}"}

    def _cases(self) -> Iterator[Row]:
        moments = ("opened_at", "due_at", "last_report_at", "closed_at")
        for place in range(self.size.cases):
            case = {"id": self._id(_CASE, place), "account": self._account(place)}
            if place >= self.size.cases - _SHOWN:
                self.past.closed_cases.append(case["id"])
            decision = {"decision_id": self._id(_DECISION, place)}
            yield {**self.real.closed, **case, **decision, **self._moved(self.real.closed, place, moments)}
        for place in range(self.size.opened):
            case = {"id": self._id(_OPEN_CASE, place), "account": f"open-{place}"}
            if len(self.past.open_cases) < _SHOWN:
                self.past.open_cases.append(case["id"])
            # Half of them are late.
            due = self.real.opened["due_at"] + (place % 48 - 24) * 3_600_000_000 - _DAY
            yield {**self.real.opened, **case, "due_at": due, "priority": place % 100}

    def _reports(self) -> Iterator[Row]:
        for place in range(self.size.cases):
            of = {"id": self._id(_REPORT, place), "case_id": self._id(_CASE, place), "account": self._account(place)}
            moved = self._moved(self.real.report, place, ("received_at",))
            yield {**self.real.report, **of, **moved, "reporter": f"reader-{place}"}
        for place in range(self.size.opened):
            of = {"id": self._id(_OPEN_REPORT, place), "case_id": self._id(_OPEN_CASE, place)}
            yield {**self.real.report, **of, "account": f"open-{place}"}
        # The one that is open in truth has many.
        opened = {"case_id": self.real.opened["id"], "account": self.real.opened["account"]}
        for place in range(self.size.busy):
            own = {"id": self._id(_BUSY_REPORT, place), "reporter": f"reader-{place}"}
            yield {**self.real.report, **own, **opened}

    def _decisions(self) -> Iterator[Row]:
        for place in range(self.size.cases):
            of = {"id": self._id(_DECISION, place), "case_id": self._id(_CASE, place), "account": self._account(place)}
            yield {**self.real.decision, **of, **self._moved(self.real.decision, place, ("at",))}

    def _enforcements(self) -> Iterator[Row]:
        moments = ("placed_at", "approved_at", "in_force_at", "ended_at", "execute_by")
        for place in range(self.size.cases):
            real = self.real.restored if place % 20 == 19 else self.real.in_force
            of = {
                "id": self._id(_ENFORCEMENT, place),
                "account": self._account(place),
                "case_id": self._id(_CASE, place),
                "decision_id": self._id(_DECISION, place),
            }
            if real is self.real.in_force and place >= self.size.cases - _SHOWN:
                self.past.in_force.append(of["id"])
            yield {**real, **of, **self._moved(real, place, moments)}
        for place in range(self.size.waiting):
            of = {"id": self._id(_WAITING, place), "account": f"open-{place}"}
            if len(self.past.waiting) < _SHOWN:
                self.past.waiting.append(of["id"])
            # Over a day: that long people have to answer.
            placed = self.real.waiting["placed_at"] - place * _DAY // self.size.waiting
            if place % 2 == 0:
                of["verdict"] = dumps(_BURST.to_json())
            yield {**self.real.waiting, **of, "placed_at": placed, "case_id": None, "decision_id": None}

    def _events(self) -> Iterator[Row]:
        kinds = {"report": _REPORT, "case": _CASE, "decision": _DECISION, "enforcement": _ENFORCEMENT}
        for place in range(self.size.cases):
            account = self._account(place)
            for number, (about, real) in enumerate(self.real.events):
                own = {"id": self._id(_EVENT + number, place), "about": self._id(kinds[about], place)}
                if len(self.past.events) < _SHOWN:
                    self.past.events.append(own["id"])
                yield {**real, **own, "account": account, **self._moved(real, place, ("at",))}

    def _notes(self) -> Iterator[Row]:
        for place in range(self.size.busy):
            yield {**self.real.note, "id": self._id(_NOTE, place)}

    def _incidents(self) -> Iterator[Row]:
        for place in range(self.size.incidents):
            of = {"id": self._id(_INCIDENT, place), "accounts": f'["{self._account(place)}"]'}
            of |= {"enforcements": f'["{self._id(_ENFORCEMENT, place)}"]'}
            if len(self.past.incidents) < _SHOWN:
                self.past.incidents.append(of["id"])
            yield {**self.real.incident, **of, **self._moved(self.real.incident, place, ("opened_at", "last_at"))}
