"""What the organisation's directory says of its people, carried out as far as it may be: it only lowers (R5).

Whoever it takes off duty, out of a role, or lets go earlier, is so at once, in
the transaction that says it. What gives power waits for people as a guarded
change in the client's name: a role, another team, a later last day, coming
back. A newcomer has no role, and so can do nothing until people have said yes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.flow.app import App
from gardefou.flow.change import concerning, propose_in
from gardefou.flow.changes.base import written
from gardefou.flow.newcomers import is_here
from gardefou.people import provisioned
from gardefou.people.actor import Actor
from gardefou.people.directory import Entry
from gardefou.people.standing import Standing
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: What ends a proposal that the directory no longer asks for.
NO_LONGER = "The organisation's directory no longer asks for it."
#: What ends every proposal that would give power to somebody who is somebody else now.
SOMEBODY_ELSE = "Who this person is to the identity provider was stated anew; look again, and propose it anew."
#: After people said no, the same is not asked for again for a day (R15).
_ANSWERED = timedelta(hours=24)

_e = tables.enforcement.c


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDay:
    """A statement of when somebody's last day ends; ``end`` None says that there is none."""

    end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is stated anew of one person; what is left out is as it was."""

    active: bool | None = None
    last_day: LastDay | None = None
    gives: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    team: str = ""
    employer: str = ""


def arrive(
    uow: UnitOfWork,
    app: App,
    actor: Actor,
    because: str,
    *,
    team: str = "",
    employer: str = "",
    last_day: datetime | None = None,
) -> Enforcement:
    """Add a person without any role, at once. Their tenure counts from now, whatever is said of earlier times.

    Writes what `gardefou.flow.change.propose` does.

    Raises:
        InvalidInput: a text is too long (`change/invalid`).
    """
    payload: dict[str, Any] = {"roles": [], "team": team, "employer": employer, "last_day": written(last_day)}
    return _propose(uow, app, actor, "staff_add", payload, because)


def align(uow: UnitOfWork, app: App, actor: Actor, staff_id: str, wish: Wish, because: str) -> list[Enforcement]:
    """Carry out what is stated of a person: what lowers at once, the rest as proposals that wait.

    Returns every change that was made or waits. Whoever has left stays so.

    Writes what `gardefou.flow.change.propose` does; `enforcement.cancelled` for
    each proposal that is no longer asked for.
    """
    person = uow.need(Staff, ORGANISATION, staff_id)
    if person.standing == Standing.LEFT.value:
        return []
    made: list[Enforcement] = []

    def ask(kind: str, **payload: Any) -> None:
        if not _refused_lately(uow, actor, kind, {"staff": staff_id, **payload}):
            made.append(_propose(uow, app, actor, kind, {"staff": staff_id, **payload}, because))

    if wish.active is False:
        _withdraw(uow, actor, staff_id, lambda _change: True)
        if person.standing != Standing.SUSPENDED.value:
            ask("suspend", suspended=True)
    if wish.takes:
        _withdraw(uow, actor, staff_id, lambda change: bool(wish.takes & set(change.get("add", ()))))
        gone = wish.takes & set(person.roles)
        if gone:
            ask("role", add=[], remove=sorted(gone))
    if wish.last_day is not None and wish.last_day.end != person.last_day_end:
        last = written(wish.last_day.end)
        _withdraw(uow, actor, staff_id, lambda change: change.get("kind") == "leave" and change["last_day"] != last)
        ask("leave", last_day=last)
    if wish.active and person.standing == Standing.SUSPENDED.value:
        ask("suspend", suspended=False)
    for role in sorted(wish.gives - set(person.roles)):
        ask("role", add=[role], remove=[])
    moves = {"team": wish.team, "employer": wish.employer}
    for name, value in moves.items():
        if not value:
            continue
        _withdraw(uow, actor, staff_id, _other(name, value))
        if value != getattr(person, name):
            ask("role", add=[], remove=[], **({"team": value} if name == "team" else {"employer": value}))
    return made


def depart(uow: UnitOfWork, app: App, actor: Actor, staff_id: str, because: str) -> Enforcement | None:
    """Put a person off for good, at once; return the change, or None where they had left already."""
    _withdraw(uow, actor, staff_id, lambda _change: True)
    if uow.need(Staff, ORGANISATION, staff_id).standing == Standing.LEFT.value:
        return None
    return _propose(uow, app, actor, "off", {"staff": staff_id}, because)


def describe(uow: UnitOfWork, app: App, actor: Actor, entry: Entry, attributes: list[str]) -> None:
    """Keep who a person is. The record says that it was changed and by whom, and nothing of what.

    Where the identity is another one, nothing that waits for this person goes
    on: people would say yes to one and give power to another.

    Writes `staff.described`, and `enforcement.cancelled` for what waited.

    Raises:
        Conflict: the identity (`directory/identity`) or user name (`directory/user_name`) is somebody else's.
    """
    had = app.directory.get(uow.connection, entry.staff_id)
    app.directory.put(uow.connection, entry)
    if (entry.issuer, entry.subject) != (("", "") if had is None else (had.issuer, had.subject)):
        _look_again(uow, actor, entry.staff_id)
    uow.record("staff.described", by=actor.id, about=entry.staff_id, detail={"attributes": attributes})


def free_identifiers(uow: UnitOfWork, app: App, issuer: str, subject: str, user_name: str) -> str | None:
    """Return the staff id of whoever has this identity and is here still, or waits to be added.

    Somebody who left gives identity and user name up: whoever comes back is added anew, without any power.
    """
    owners = (
        app.directory.by_identity(uow.connection, issuer, subject) if subject else None,
        app.directory.by_user_name(uow.connection, user_name) if user_name else None,
    )
    for owner in dict.fromkeys(one for one in owners if one is not None):
        entry = app.directory.get(uow.connection, owner)
        if entry is not None and not is_here(uow, owner) and provisioned.of_staff(uow.connection, owner) is None:
            app.directory.put(uow.connection, replace(entry, issuer="", subject="", user_name="", external_id=""))
    return app.directory.by_identity(uow.connection, issuer, subject) if subject else None


def _other(name: str, value: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda change: change.get(name) not in {None, "", value}


def _propose(
    uow: UnitOfWork, app: App, actor: Actor, kind: str, payload: Mapping[str, Any], because: str
) -> Enforcement:
    return propose_in(uow, app, actor, kind, payload, because, attended=actor.human)


def _of_person(uow: UnitOfWork, actor: Actor, staff_id: str, *states: State) -> list[Enforcement]:
    """Return the changes of one person that this actor proposed and that are in one of these states."""
    found = uow.all(
        Enforcement,
        _e.placed_by == actor.id,
        _e.platform == ORGANISATION,
        _e.action == Action.CHANGE.value,
        _e.state.in_([state.value for state in states]),
        concerning(staff_id),
        order=_e.id,
    )
    return [one for one in found if (one.change or {}).get("staff") == staff_id]


def _withdraw(uow: UnitOfWork, actor: Actor, staff_id: str, which: Callable[[Mapping[str, Any]], bool]) -> None:
    for one in _of_person(uow, actor, staff_id, State.WAITING, State.READY):
        if which(one.change or {}):
            uow.move(
                one,
                State.CANCELLED,
                "enforcement.cancelled",
                by=actor.id,
                because=NO_LONGER,
                ended_at=uow.now,
            )


def _look_again(uow: UnitOfWork, actor: Actor, staff_id: str) -> None:
    waiting = uow.all(
        Enforcement,
        _e.platform == ORGANISATION,
        _e.action == Action.CHANGE.value,
        _e.state.in_([State.WAITING.value, State.READY.value]),
        concerning(staff_id),
        order=_e.id,
    )
    for one in waiting:
        if (one.change or {}).get("person") == staff_id:
            uow.move(
                one,
                State.CANCELLED,
                "enforcement.cancelled",
                by=actor.id,
                because=SOMEBODY_ELSE,
                ended_at=uow.now,
            )


def _refused_lately(uow: UnitOfWork, actor: Actor, kind: str, payload: Mapping[str, Any]) -> bool:
    """Whether people said no to this within a day, or took it back."""
    for one in _of_person(uow, actor, payload["staff"], State.REFUSED, State.CANCELLED):
        lately = one.ended_at is not None and one.ended_at > uow.now - _ANSWERED
        change = one.change or {}
        same = change.get("kind") == kind and all(change.get(name) == value for name, value in payload.items())
        if lately and same and one.because not in {NO_LONGER, SOMEBODY_ELSE}:
            return True
    return False
