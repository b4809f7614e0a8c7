"""Who a newcomer is, outside of Gardefou: kept in the directory, and nobody twice (R5)."""

from __future__ import annotations

from dataclasses import replace

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Approval, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.app import App
from gardefou.flow.change import concerning
from gardefou.people.directory import Entry
from gardefou.people.standing import Standing
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork


def newcomer(app: App, *, name: str, email: str, issuer: str, subject: str) -> Entry:
    """Return who a newcomer will be, without an id yet, after looking whether they are somebody already.

    Raises:
        InvalidInput: a subject without an issuer (`staff/issuer`).
        Conflict: another person is known by that identity (`staff/identity`).
        Unavailable: it could not be kept, for want of the key (`seals/…`).
    """
    who = Entry(staff_id="", name=name, email=email, issuer=issuer if subject else "", subject=subject)
    if not _kept(who):
        return who
    if subject and not issuer:
        raise InvalidInput(
            "staff/issuer", "Say whose subject it is: give its issuer, or set oidc_issuer.", field="issuer"
        )
    with app.works.begin(keep=False) as uow:
        app.directory.ready(uow.connection)
        if subject:
            check_identity(uow, app, issuer, subject)
    return who


def keep_newcomer(app: App, added: Enforcement, who: Entry) -> None:
    """Keep who a newcomer is, once their adding is in force or waits for people; otherwise nothing.

    Raises:
        Conflict: somebody became known by that identity meanwhile, or others were asked about the same newcomer
            under another one (`staff/identity`, `directory/identity`).
    """
    if added.state not in {State.IN_FORCE.value, State.WAITING.value} or not _kept(who):
        return
    entry = replace(who, staff_id=str((added.change or {})["staff"]))
    with app.works.begin() as uow:
        uow.serialise("changes")
        _as_asked(uow, app, added, entry)
        if who.subject:
            keep_identity(uow, app, entry, who.issuer, who.subject)
        else:
            app.directory.put(uow.connection, entry)


def _as_asked(uow: UnitOfWork, app: App, added: Enforcement, entry: Entry) -> None:
    """Raise where people were asked about this newcomer before, and as somebody else than this (R5, I13).

    They would say yes to one and let another in. What nobody has answered yet may be stated anew.
    """
    table, spoken = tables.enforcement.c, tables.approval.c
    waiting = uow.all(
        Enforcement,
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
        table.state.in_([State.WAITING.value, State.READY.value]),
        concerning(entry.staff_id),
    )
    asked = [one for one in waiting if (one.change or {}).get("staff") == entry.staff_id and one.id != added.id]
    if not asked and uow.find(Approval, spoken.platform == ORGANISATION, spoken.enforcement_id == added.id) is None:
        return
    had = app.directory.get(uow.connection, entry.staff_id)
    if (entry.issuer, entry.subject) != (("", "") if had is None else (had.issuer, had.subject)):
        raise Conflict(
            "staff/identity",
            "People were asked about this newcomer under another identity, or none; cancel that first.",
            field="subject",
        )


def _kept(who: Entry) -> bool:
    return bool(who.name or who.email or who.subject)


def keep_identity(uow: UnitOfWork, app: App, entry: Entry, issuer: str, subject: str) -> None:
    """Keep a person's entry with what the provider knows them by. One who has left, or never came, gives way.

    Raises:
        Conflict: it is another person's, or waits with them for approval (`staff/identity`, `directory/identity`).
    """
    holder = app.directory.by_identity(uow.connection, issuer, subject)
    if holder is not None and holder != entry.staff_id:
        check_identity(uow, app, issuer, subject)
        held = app.directory.get(uow.connection, holder)
        assert held is not None
        app.directory.put(uow.connection, replace(held, issuer="", subject=""))
    app.directory.put(uow.connection, replace(entry, issuer=issuer, subject=subject))


def check_identity(uow: UnitOfWork, app: App, issuer: str, subject: str) -> None:
    """Raise where somebody here, or somebody who waits to be added, is known by this identity.

    Raises:
        Conflict: `staff/identity`.
    """
    holder = app.directory.by_identity(uow.connection, issuer, subject)
    if holder is not None and is_here(uow, holder):
        raise Conflict(
            "staff/identity", "Another person here is known by that issuer and subject; nobody is two.", field="subject"
        )


def is_here(uow: UnitOfWork, staff_id: str) -> bool:
    """Whether somebody is here, or waits to be added. Whoever has left, or never came, gives their identity up."""
    person = uow.get(Staff, ORGANISATION, staff_id, lock=False)
    if person is not None:
        return person.standing != Standing.LEFT.value
    table = tables.enforcement.c
    waiting = uow.all(
        Enforcement,
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
        table.state.in_([State.WAITING.value, State.READY.value]),
        concerning(staff_id),
    )
    return any((one.change or {}).get("staff") == staff_id for one in waiting)
