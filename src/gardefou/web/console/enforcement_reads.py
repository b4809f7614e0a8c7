"""Lists of enforcements: the tabs and what each holds, filters, pages by cursor, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Approval, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.approve import in_lone_hold
from gardefou.flow.second_look import OUTSTANDING, hidden_among
from gardefou.nets.seats import Person, seats_filled
from gardefou.nets.verdict import Requirement
from gardefou.people.leaving import Loss
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.speech import gettext as _
from gardefou.speech import later
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging
from gardefou.web.console.frame import Visit
from gardefou.web.console.reading import PAGE, Names, Row, rows

_e = tables.enforcement.c
#: Beyond this many nobody needs the number.
MOST_COUNTED = 1_000
_RESTORABLE = frozenset({State.IN_FORCE.value, State.EXECUTING.value, State.UNKNOWN.value})
_CANCELLABLE = frozenset({State.WAITING.value, State.READY.value})


@dataclass(frozen=True, slots=True)
class Tab:
    """One list: what it is called, the states in it, and in a sentence what it holds."""

    name: str
    states: tuple[str, ...]
    says: str
    #: Of what waits: with everyone's yes already, or without it; None for any.
    approved: bool | None = None
    counted: bool = True


_ACTIVE = frozenset({"placed", "waiting", "ready", "executing", "unknown", "restoring"})
TABS: dict[str, Tab] = {
    "waiting": Tab(
        later("Waiting for people"),
        ("waiting",),
        later("Someone else's yes or no is needed. Nothing was done yet."),
        approved=False,
    ),
    "held": Tab(
        later("Held"),
        ("waiting",),
        later("Everyone needed said yes. Until the time is over anyone on duty can cancel."),
        approved=True,
    ),
    "running": Tab(later("Running"), ("ready", "executing", "restoring"), later("On the way to a platform.")),
    "unknown": Tab(
        later("No answer"),
        ("unknown",),
        later("Sent, and no answer came; the platform is read before anything else."),
    ),
    "in_force": Tab(later("In force"), ("in_force",), later("Carried out, and seen at the platform.")),
    "failed": Tab(later("Failed"), ("failed",), later("The platform refused; nothing changed.")),
    "ended": Tab(
        later("Ended"),
        ("restored", "cancelled", "lapsed", "refused"),
        later("Undone, withdrawn, lapsed or refused."),
        counted=False,
    ),
    "all": Tab(
        later("All"), tuple(state.value for state in State), later("Everything that was ever placed."), counted=False
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which enforcements of a tab: of one platform, of one kind, placed by one person or service."""

    platform: str = ""
    action: str = ""
    #: As it was asked for: a pseudonym, or a service's name.
    by: str = ""
    #: Whose id that is; empty where nobody is called so.
    by_id: str = ""

    @property
    def tells(self) -> bool:
        """Whether what is found says something that a blind second look must not know (M3)."""
        return bool(self.action or self.by)

    @property
    def any(self) -> bool:
        """Whether anything is filtered at all."""
        return bool(self.platform or self.action or self.by)

    @property
    def query(self) -> dict[str, str]:
        """Return it as fields of an address."""
        named = {"platform": self.platform, "action": self.action, "by": self.by}
        return {name: value for name, value in named.items() if value}

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return its conditions."""
        made: list[sa.ColumnElement[bool]] = []
        if self.platform:
            made.append(_e.platform == self.platform)
        if self.action:
            made.append(_e.action == self.action)
        if self.by:
            made.append(_e.placed_by == self.by_id)
        return made


def filter_of(visit: Visit) -> Filter:
    """Return what the address filters by."""
    by = visit.query("by").strip()
    return Filter(platform=visit.query("platform"), action=visit.query("action"), by=by, by_id=_id_of(visit.names, by))


def _id_of(names: Names, by: str) -> str:
    """Return whose id it is that `Names.of` calls so."""
    if by.casefold() == "gardefou":
        return SYSTEM
    if by.removeprefix("service ") in names.services:
        return by.removeprefix("service ")
    return next((one.id for one in names.people.values() if one.pseudonym == by), "")


def tab_of(visit: Visit) -> str:
    """Return the tab that the address names; the first where it names none.

    Raises:
        NotFound: there is no such tab (`enforcement/tab`).
    """
    tab = visit.query("tab") or "waiting"
    if tab not in TABS:
        raise NotFound("enforcement/tab", _("There is no list %(tab)s; choose one above.", tab=repr(tab)))
    return tab


def page_of(
    connection: sa.Connection, viewer: str, tab: Tab, chosen: Filter, cursor: str, platforms: Iterable[str]
) -> tuple[list[Enforcement], str | None]:
    """Return one page of a tab, newest first, and the cursor of the next; None at the end.

    ``platforms`` are all there are, the organisation's own log among them.
    """
    place = paging.decode(cursor, str)
    ids = _ids(tab, chosen, platforms, most=PAGE + 1, before=None if place is None else str(place[0]))
    newest = sa.select(ids.c.id).order_by(ids.c.id.desc()).limit(PAGE + 1)
    statement = sa.select(tables.enforcement).where(_e.id.in_(newest)).order_by(_e.id.desc())
    found = fetch_all(connection, Enforcement, statement)
    shown, following = paging.page(found, PAGE, lambda one: paging.encode(one.id))
    if chosen.tells:
        # What is found by what it does, or by who placed it, is known by it.
        hidden = hidden_among(connection, shown, viewer)
        shown = [one for one in shown if one.id not in hidden]
    return list(shown), following


def _ids(tab: Tab, chosen: Filter, platforms: Iterable[str], *, most: int, before: str | None = None) -> sa.Subquery:
    """Return the ids of a tab's newest: at most so many of each state, each from the index that has them in a row.

    A list of several states from one index would have to be sorted whole.
    """
    older = [] if before is None else [_e.id < before]
    if len(tab.states) == len(State) and not chosen.any:
        return sa.select(_e.id).where(*older).order_by(_e.id.desc()).limit(most).subquery("ids")
    several: list[list[sa.ColumnElement[bool]]] = [[_e.platform == platform] for platform in platforms]
    if chosen.any:
        several = [[]]
    branches: list[sa.Select[Any]] = []
    for state in tab.states:
        where = [_e.state == sa.literal_column(f"'{state}'"), *chosen.where(), *older]
        if state in _ACTIVE:
            # Few: read by their state alone.
            if tab.approved is not None:
                where.append(_e.approved_at.is_not(None) if tab.approved else _e.approved_at.is_(None))
            each = [[tables.enforcement_active, *where]]
        else:
            each = [[tables.enforcement_settled, *one, *where] for one in several]
        branches += [sa.select(_e.id).where(*one).order_by(_e.id.desc()).limit(most) for one in each]
    return sa.union_all(*(sa.select(one.subquery().c.id) for one in branches)).subquery("ids")


def counts(connection: sa.Connection, viewer: str, chosen: Filter, platforms: Iterable[str]) -> dict[str, int]:
    """Return how many each counted tab holds, as this viewer may know; beyond `MOST_COUNTED` one more than that."""
    platforms = list(platforms)
    asked: list[sa.Label[int]] = []
    for key, tab in TABS.items():
        if tab.counted:
            some = sa.select(_ids(tab, chosen, platforms, most=MOST_COUNTED + 1).c.id).limit(MOST_COUNTED + 1)
            counted = sa.select(sa.func.count()).select_from(some.subquery())
            asked.append(counted.scalar_subquery().label(key))
    found: dict[str, int] = dict(connection.execute(sa.select(*asked)).mappings().one())
    if chosen.tells:
        statement = sa.select(tables.enforcement).where(tables.enforcement_active, OUTSTANDING, *chosen.where())
        waiting = fetch_all(connection, Enforcement, statement.limit(MOST_COUNTED + 1))
        found["waiting"] -= len(hidden_among(connection, waiting, viewer))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An enforcement in a list, with what this viewer can do about it there."""

    row: Row
    #: Who is missing still, for one that waits for people.
    missing: tuple[Requirement, ...]
    may_answer: bool
    may_cancel: bool
    may_restore: bool

    @property
    def one(self) -> Enforcement:
        """The enforcement itself."""
        return self.row.enforcement


def listed(connection: sa.Connection, visit: Visit, found: Sequence[Enforcement], organisation: str) -> list[Listed]:
    """Return enforcements as a list shows them, with everyone's answers read at once."""
    given: dict[str, list[Approval]] = {}
    waiting = [one.id for one in found if one.state == State.WAITING.value]
    if waiting:
        table = tables.approval.c
        platforms = sorted({one.platform for one in found})
        statement = (
            sa.select(tables.approval)
            .where(table.platform.in_(platforms), table.enforcement_id.in_(waiting))
            .order_by(table.id)
        )
        for approval in fetch_all(connection, Approval, statement):
            given.setdefault(approval.enforcement_id, []).append(approval)
    return [
        of_viewer(visit, row, given.get(row.enforcement.id, ()), organisation)
        for row in rows(connection, found, visit.actor.id)
    ]


def of_viewer(visit: Visit, row: Row, given: Iterable[Approval], organisation: str) -> Listed:
    """Return what this viewer can do about one enforcement."""
    given = list(given)
    one = row.enforcement
    return Listed(
        row=row,
        missing=missing(visit, row, given, organisation),
        may_answer=_may_answer(visit, one, {answer.by for answer in given}),
        may_cancel=visit.may(Power.LIFT) and one.state in _CANCELLABLE and not _under_way(one),
        may_restore=visit.may(Power.LIFT) and one.severity > 0 and one.state in _RESTORABLE,
    )


def _under_way(one: Enforcement) -> bool:
    """Whether it is a restore that is cleared: it goes on to its end."""
    return one.action == Action.RESTORE and one.state == State.READY.value


def missing(visit: Visit, row: Row, given: Iterable[Approval], organisation: str) -> tuple[Requirement, ...]:
    """Return which people are missing still, for one that waits for people."""
    one = row.enforcement
    if one.state != State.WAITING.value or one.approved_at is not None:
        return ()
    people = visit.names.people
    yeses = [answer.by for answer in given if answer.answer == "yes"]
    proposer = next((who for who in (one.placed_by, *one.humans) if who in people), one.placed_by)
    return seats_filled(
        row.verdict.approvals,
        [_person(people.get(who), who) for who in yeses if who in people and who not in one.humans],
        proposer=_person(people.get(proposer), proposer),
        organisation=organisation,
    )


def _person(staff: Staff | None, who: str) -> Person:
    if staff is None:
        return Person(id=who, roles=frozenset(), team="", employer="")
    return Person(id=staff.id, roles=frozenset(staff.roles), team=staff.team, employer=staff.employer)


def _may_answer(visit: Visit, found: Enforcement, answered: set[str]) -> bool:
    """Whether this person may answer at all; which seats are open is told when they do."""
    staff = visit.staff
    open_still = (found.state == State.WAITING.value and found.approved_at is None) or in_lone_hold(found)
    apart = staff.id not in found.humans and staff.id != found.placed_by and staff.id not in answered
    return open_still and apart and on_duty(visit, visit.now)


def on_duty(visit: Visit, now: datetime) -> bool:
    """Whether the viewer is neither leaving nor gone: only such people approve."""
    return standing_now(visit.staff, now, visit.actor.leaving).has(Loss.APPROVALS)
