"""What one look at the store finds for everyone who has a page open: what happened since, and the counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import quote

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Approval, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.flow.app import App
from gardefou.flow.second_look import OUTSTANDING, is_hidden
from gardefou.ids import least_at
from gardefou.nets.seats import Person, could_count
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.people.sessions import Lasting, going_on
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all

#: Events that one look names; of more it says only that much happened.
MOST = 200
#: Waiting enforcements that are counted by person.
_MOST_WAITING = 2_000
#: The queue is counted again after this many times what counting took, and at this age at the latest: cases grow late.
_REST = 20
_OLD = 15.0
#: A page was rendered from reads that began a little before the moment it names.
_OVERLAP = timedelta(milliseconds=300)
#: What happened longer ago than this is not gone through: everything may have changed.
_LONG = timedelta(minutes=10)

_e, _v, _l, _p = tables.enforcement.c, tables.event.c, tables.leaf.c, tables.event_pending.c
_WHAT = (_v.platform, _v.id, _v.kind, _v.by, _v.about, _v.account)
_LEAVES = Fast(
    sa.select(_l.seq, *_WHAT)
    .join(tables.event, sa.and_(_v.platform == _l.platform, _v.id == _l.event_id))
    .where(_l.platform == sa.bindparam("platform"), _l.seq > sa.bindparam("seq"))
    .order_by(_l.seq)
    .limit(MOST + 1)
)
_NEWEST = Fast(sa.select(sa.func.max(_l.seq).label("seq")).where(_l.platform == sa.bindparam("platform")))
_PENDING = Fast(
    sa.select(*_WHAT)
    .select_from(tables.event_pending.join(tables.event, sa.and_(_v.platform == _p.platform, _v.id == _p.id)))
    .limit(MOST + 1)
)
_SINCE = Fast(
    sa.select(*_WHAT)
    .where(_v.platform == sa.bindparam("platform"), _v.id >= sa.bindparam("id"))
    .order_by(_v.id)
    .limit(MOST + 1)
)
_QUEUE = Fast(
    sa.select(
        sa.func.count().label("open"),
        sa.func.coalesce(sa.func.sum(sa.case((tables.case.c.due_at < sa.bindparam("now"), 1), else_=0)), 0).label(
            "late"
        ),
    ).where(tables.case_open)
)
_RUNNING = Fast(
    sa.select(sa.func.count().label("running")).where(
        tables.enforcement_active,
        _e.state.in_([State.READY.value, State.EXECUTING.value, State.UNKNOWN.value, State.RESTORING.value]),
    )
)
_PAUSES = Fast(sa.select(sa.func.count().label("open")).where(tables.pause_open))
_for_people = sa.and_(tables.enforcement_active, _e.state == State.WAITING.value, _e.approved_at.is_(None))
_WAITING = sa.select(_e.id, _e.placed_by, _e.humans, _e.verdict).where(_for_people).order_by(_e.id).limit(_MOST_WAITING)
_ANSWERS = sa.select(tables.approval.c.enforcement_id, tables.approval.c.by, tables.approval.c.answer).join(
    tables.enforcement,
    sa.and_(_e.platform == tables.approval.c.platform, _e.id == tables.approval.c.enforcement_id),
)

#: By the first word of an event's kind: which lists it changes.
_LISTS: Mapping[str, tuple[str, ...]] = {
    "enforcement": ("enforcements",),
    "decision": ("cases",),
    "case": ("cases",),
    "report": ("cases",),
    "incident": ("incidents",),
    "pause": ("pauses",),
    "breaker": ("pauses",),
    "raid": ("pauses",),
    "budget": ("pauses", "enforcements"),
    "account": ("accounts",),
    "staff": ("people",),
    "token": ("people",),
    "nets": ("nets",),
    "setting": ("nets",),
    "platform": ("nets",),
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the ledger, as far as pages need it."""

    kind: str
    by: str
    #: What it concerns: an id, and an account as ``platform/ref``; empty where there is none.
    about: str
    account: str

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists that it changes."""
        return _LISTS.get(self.kind.partition(".")[0], ())


@dataclass(frozen=True, slots=True)
class Alike:
    """Enforcements that wait for the same people's yes."""

    needs: tuple[Requirement, ...]
    proposer: str
    #: Whoever is behind it or has answered.
    apart: frozenset[str]
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counters; ``waiting`` becomes a number with whoever looks (see `for_person`)."""

    open: int
    late: int
    running: int
    stopped: int
    waiting: Mapping[Alike, int]
    people: Mapping[str, Staff]
    organisation: str

    def for_person(self, staff: Staff, now: datetime) -> int:
        """Return how many enforcements wait whose open seat this person's yes would fill."""
        if standing_now(staff, now).standing is not Standing.ACTIVE:
            return 0
        candidate = _person(staff.id, {staff.id: staff})
        return sum(
            number
            for one, number in self.waiting.items()
            if staff.id not in one.apart
            and could_count(
                one.needs,
                [_person(by, self.people) for by in one.approvers],
                candidate,
                proposer=_person(one.proposer, self.people),
                organisation=self.organisation,
            )
            is None
        )


def _person(staff_id: str, people: Mapping[str, Staff]) -> Person:
    staff = people.get(staff_id)
    if staff is None:
        return Person(id=staff_id, roles=frozenset(), team="", employer="")
    return Person(id=staff.id, roles=frozenset(staff.roles), team=staff.team, employer=staff.employer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """Enforcements whose blind second look is outstanding, with the answers given on them."""

    found: tuple[tuple[Enforcement, tuple[Approval, ...]], ...] = ()

    def hidden(self, viewer: str) -> frozenset[str]:
        """Return all ids and accounts that would say something of those this viewer must not know of."""
        return frozenset(
            about
            for one, given in self.found
            if is_hidden(one, given, viewer)
            for about in (one.id, one.decision_id, one.case_id, topic(one.platform, one.account))
            if about
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found. ``much``: more happened than is named."""

    number: int
    at: datetime
    happened: tuple[Happened, ...]
    much: bool
    blind: Blind
    counts: Counts
    #: The sessions that listened when it began; and who is behind those of them that go on.
    asked: frozenset[Lasting]
    sessions: Mapping[Lasting, Staff]


def topic(platform: str, account: str) -> str:
    """Return what an account is called among the things that a page watches."""
    return f"{quote(platform, safe='')}/{quote(account, safe='')}"


def topics(happened: Iterable[Happened], hidden: Collection[str]) -> list[str]:
    """Return what changed for a viewer: lists, ids and accounts.

    Of what a second look must not know (`hidden`) only the list is named, in
    which it stands as "a second look is needed" anyway.
    """
    found: set[str] = set()
    for one in happened:
        found.update(one.lists)
        if one.about not in hidden and one.account not in hidden:
            found.update(name for name in (one.about, one.account) if name)
    return sorted(found)


@dataclass(slots=True)
class Reader:
    """Looks at the store, again and again, for all streams of one process. One thread at a time."""

    app: App
    _number: int = 0
    _places: dict[str, int] = field(default_factory=dict[str, int])
    _pending: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _queue: tuple[int, int] = (0, 0)
    _queue_at: float = float("-inf")
    _queue_took: float = 0.0
    _stale: bool = False
    _counts: Counts | None = None
    _blind: Blind = field(default_factory=Blind)

    def look(self, sessions: frozenset[Lasting]) -> Look:
        """Read what happened since the last look, the counters, and who may go on listening."""
        with self.app.works.read() as connection:
            at = self.app.now()
            first = not self._places
            found, much = self._happened(connection)
            # Read after the events: whatever they say of a second look is known to be one.
            lists = {name for one in found for name in one.lists}
            if first or much or lists & {"enforcements", "cases"}:
                self._blind = _blind(connection)
            self._count(connection, at, lists, anew=first or much)
            assert self._counts is not None
            self._number += 1
            return Look(
                number=self._number,
                at=at,
                happened=found,
                much=much,
                blind=self._blind,
                counts=self._counts,
                asked=sessions,
                sessions=_sessions(
                    connection,
                    sessions,
                    at,
                    timedelta(seconds=self.app.config(connection).rules.session_idle_seconds),
                ),
            )

    def forget(self) -> None:
        """Begin anew with the next look, which then names nothing that happened before it."""
        self._places.clear()
        self._pending.clear()
        self._queue_at, self._queue_took, self._counts = float("-inf"), 0.0, None

    def _happened(self, connection: sa.Connection) -> tuple[tuple[Happened, ...], bool]:
        """Return the events since the last look: those that became leaves, and those that wait to."""
        found: dict[tuple[str, str], Happened] = {}
        first, much = not self._places, False
        for platform in _platforms(self.app, connection):
            # A platform that was registered since is new from its first event on.
            place = self._places.setdefault(platform, self._newest(connection, platform) if first else -1)
            rows = _LEAVES.all(connection, {"platform": platform, "seq": place})
            if len(rows) > MOST:
                much = True
                self._places[platform] = self._newest(connection, platform)
            elif rows:
                self._places[platform] = rows[-1].seq
            found |= {(row.platform, row.id): _event_of(row) for row in rows}
        pending = {(row.platform, row.id): _event_of(row) for row in _PENDING.all(connection)}
        found = {key: one for key, one in (found | pending).items() if key not in self._pending}
        self._pending = set(pending)
        if first:
            return (), False
        much = much or len(found) > MOST
        return () if much else tuple(found.values()), much

    def _newest(self, connection: sa.Connection, platform: str) -> int:
        seq = _NEWEST.first(connection, {"platform": platform}).seq
        return -1 if seq is None else int(seq)

    def _count(self, connection: sa.Connection, at: datetime, lists: Collection[str], *, anew: bool) -> None:
        """Count again what may have changed; what takes long is counted the more rarely."""
        before = self._counts
        began = monotonic()
        age = began - self._queue_at
        self._stale = self._stale or anew or "cases" in lists
        queue = self._queue
        if before is None or (age > self._queue_took * _REST and (self._stale or age > _OLD)):
            row = _QUEUE.first(connection, {"now": at})
            queue = (int(row.open), int(row.late))
            self._stale, self._queue_at, self._queue_took = False, began, monotonic() - began
        changed = before is None or anew or not {"enforcements", "pauses", "people", "nets"}.isdisjoint(lists)
        if not changed and queue == self._queue:
            return
        self._queue = queue
        waiting, people = _waiting(connection) if changed or before is None else (before.waiting, before.people)
        self._counts = Counts(
            open=queue[0],
            late=queue[1],
            running=int(_RUNNING.first(connection).running),
            stopped=int(_PAUSES.first(connection).open),
            waiting=waiting,
            people=people,
            organisation=self.app.config(connection).rules.organisation,
        )


def happened_since(app: App, connection: sa.Connection, moment: datetime) -> tuple[tuple[Happened, ...], bool, Blind]:
    """Return what happened since a moment, whether there was more of it, and what is to be kept from whom."""
    if app.now() - moment > _LONG:
        return (), True, Blind()
    rows = [
        row
        for platform in _platforms(app, connection)
        for row in _SINCE.all(connection, {"platform": platform, "id": least_at(moment - _OVERLAP)})
    ]
    if len(rows) > MOST:
        return (), True, Blind()
    return tuple(_event_of(row) for row in rows), False, _blind(connection) if rows else Blind()


def _platforms(app: App, connection: sa.Connection) -> list[str]:
    return [ORGANISATION, *app.config(connection).platforms]


def _event_of(row: sa.Row[tuple[str, ...]]) -> Happened:
    return Happened(row.kind, row.by, row.about, topic(row.platform, row.account) if row.account else "")


def _waiting(connection: sa.Connection) -> tuple[dict[Alike, int], dict[str, Staff]]:
    answers: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = connection.execute(_WAITING).all()
    if rows:
        for answer in connection.execute(_ANSWERS.where(_for_people)):
            answers[answer.enforcement_id].append((answer.by, answer.answer))
    who = {by for row in rows for by in (row.placed_by, *row.humans)}
    who |= {by for some in answers.values() for by, _ in some}
    people = _staff(connection, who)
    waiting: dict[Alike, int] = {}
    for row in rows:
        given = answers.get(row.id, [])
        one = Alike(
            needs=Verdict.from_json(row.verdict).approvals,
            proposer=next((by for by in (row.placed_by, *row.humans) if by in people), row.placed_by),
            apart=frozenset((row.placed_by, *row.humans, *(by for by, _ in given))),
            approvers=tuple(by for by, said in given if said == "yes"),
        )
        waiting[one] = waiting.get(one, 0) + 1
    return waiting, people


def _staff(connection: sa.Connection, ids: Collection[str]) -> dict[str, Staff]:
    if not ids:
        return {}
    statement = sa.select(tables.staff).where(tables.staff.c.platform == ORGANISATION, tables.staff.c.id.in_(ids))
    return {one.id: one for one in fetch_all(connection, Staff, statement)}


def _blind(connection: sa.Connection) -> Blind:
    found = fetch_all(
        connection, Enforcement, sa.select(tables.enforcement).where(tables.enforcement_active, OUTSTANDING)
    )
    if not found:
        return Blind()
    given: dict[str, list[Approval]] = defaultdict(list)
    of = tables.approval.c.enforcement_id.in_([one.id for one in found])
    for answer in fetch_all(connection, Approval, sa.select(tables.approval).where(of)):
        given[answer.enforcement_id].append(answer)
    return Blind(found=tuple((one, tuple(given[one.id])) for one in found))


def _sessions(
    connection: sa.Connection, asked: Collection[Lasting], now: datetime, idle: timedelta
) -> dict[Lasting, Staff]:
    """Return who is behind each session that goes on; of sessions that ended and people off duty nothing."""
    if not asked:
        return {}
    session = tables.session.c
    people, tokens = zip(*asked, strict=True)
    mine = session.staff_id.in_(set(people)), session.csrf.in_(tokens)
    rows = connection.execute(sa.select(session.staff_id, session.csrf).where(*mine, going_on(now, idle))).all()
    staff_of = _staff(connection, {row.staff_id for row in rows})
    return {
        (row.staff_id, row.csrf): staff
        for row in rows
        if (staff := staff_of.get(row.staff_id)) is not None and standing_now(staff, now).on_duty
    }
