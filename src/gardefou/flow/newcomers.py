"""Who a newcomer is, outside of Gardefou: kept in the directory, and nobody twice (R5)."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.exc import IntegrityError

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.app import App
from gardefou.people.directory import Entry
from gardefou.people.standing import Standing
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork


def newcomer(app: App, *, name: str, email: str, issuer: str, subject: str) -> Entry:
    """Return who a newcomer will be, without an id yet, after looking whether they are somebody already.

    Raises:
        InvalidInput: a subject without an issuer (`staff/issuer`).
        Conflict: another person is known by that identity (`staff/identity`).
    """
    if not subject:
        return Entry(staff_id="", name=name, email=email)
    if not issuer:
        raise InvalidInput(
            "staff/issuer", "Say whose subject it is: give its issuer, or set oidc_issuer.", field="issuer"
        )
    with app.works.begin(keep=False) as uow:
        check_identity(uow, app, issuer, subject)
    return Entry(staff_id="", name=name, email=email, issuer=issuer, subject=subject)


def keep_newcomer(app: App, staff_id: str, who: Entry) -> None:
    """Keep who a newcomer is, whose adding is in force or waits for people.

    Raises:
        Conflict: somebody became known by that identity meanwhile (`staff/identity`).
    """
    if not (who.name or who.email or who.subject):
        return
    entry = replace(who, staff_id=staff_id)
    with app.works.begin() as uow:
        if who.subject:
            keep_identity(uow, app, entry, who.issuer, who.subject)
        else:
            app.directory.put(uow.connection, entry)


def keep_identity(uow: UnitOfWork, app: App, entry: Entry, issuer: str, subject: str) -> None:
    """Keep a person's entry with what the provider knows them by. One who has left, or never came, gives way.

    Raises:
        Conflict: it is another person's, or waits with them for approval (`staff/identity`).
    """
    holder = app.directory.by_identity(uow.connection, issuer, subject)
    if holder is not None and holder != entry.staff_id:
        check_identity(uow, app, issuer, subject)
        held = app.directory.get(uow.connection, holder)
        assert held is not None
        app.directory.put(uow.connection, replace(held, issuer="", subject=""))
    try:
        app.directory.put(uow.connection, replace(entry, issuer=issuer, subject=subject))
    except IntegrityError as error:
        raise _taken() from error


def check_identity(uow: UnitOfWork, app: App, issuer: str, subject: str) -> None:
    """Raise where somebody here, or somebody who waits to be added, is known by this identity.

    Raises:
        Conflict: `staff/identity`.
    """
    holder = app.directory.by_identity(uow.connection, issuer, subject)
    if holder is None:
        return
    person = uow.get(Staff, ORGANISATION, holder, lock=False)
    if person is not None and person.standing != Standing.LEFT.value:
        raise _taken()
    table = tables.enforcement.c
    waiting = uow.all(
        Enforcement,
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
        table.state == State.WAITING.value,
    )
    if person is None and any((one.change or {}).get("staff") == holder for one in waiting):
        raise _taken()


def _taken() -> Conflict:
    return Conflict(
        "staff/identity", "Another person here is known by that issuer and subject; nobody is two.", field="subject"
    )
