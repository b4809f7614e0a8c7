"""Erasing who a leaver was: names and addresses go for good, and the record of acts stays (R19)."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.domain.states import ENDED, State
from gardefou.errors import Conflict
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler, Payload
from gardefou.flow.changes.base import text as text_of
from gardefou.flow.changes.staff import find_staff
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import Standing
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork


class EraseChange(Handler):
    """Erase a leaver's name, address and everything else that says who they were. It cannot be undone."""

    power = Power.STAFF

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff``, who has left."""
        person = find_staff(uow, text_of(payload, "staff"))
        _gone(person)
        return {"staff": person.id}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Afterwards nobody can be told who did it, so it waits for people as what weakens protection does."""
        return True

    def person(self, payload: Payload) -> str:
        """Whose name."""
        return str(payload["staff"])

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.erased`; no event that stands is touched."""
        staff_id = str(payload["staff"])
        _gone(uow.need(Staff, ORGANISATION, staff_id))
        app.directory.erase(uow.connection, staff_id)
        for table in (tables.preference, tables.presence, tables.session, tables.signin_link, tables.invitation):
            uow.connection.execute(sa.delete(table).where(table.c.staff_id == staff_id))
        uow.record("staff.erased", by=by, about=about, detail={"staff": staff_id})


def _gone(person: Staff) -> None:
    if person.standing != Standing.LEFT.value:
        raise Conflict("staff/here", "Only who has left is erased; this person is still here.")


def erase_strangers(app: App) -> int:
    """Erase the names of people whose adding came to nothing; return how many.

    A name is sealed as soon as somebody is proposed, as it goes into no change.
    """
    person, staff, change = tables.person.c, tables.staff.c, tables.enforcement.c
    nobody = sa.select(person.staff_id).outerjoin(tables.staff, staff.id == person.staff_id).where(staff.id.is_(None))
    with app.works.read() as connection:
        strangers = set(connection.execute(nobody).scalars())
        if not strangers:
            return 0
        asked = connection.execute(
            sa.select(change.state, change.change).where(change.platform == ORGANISATION, change.action == "change")
        ).all()
    adding = [(row.state, row.change["staff"]) for row in asked if row.change and row.change["kind"] == "staff_add"]
    still = {who for state, who in adding if State(state) not in ENDED}
    gone = strangers & {who for _, who in adding} - still
    for staff_id in sorted(gone):
        with app.works.begin() as uow:
            if uow.get(Staff, ORGANISATION, staff_id) is None:
                app.directory.erase(uow.connection, staff_id)
    return len(gone)
