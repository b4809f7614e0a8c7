"""Taking somebody off duty for now, and bringing them back.

Off duty is at once, with all that hangs on it; coming back waits for people,
and brings back neither tokens nor sessions.
"""

from __future__ import annotations

from dataclasses import replace

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.against import lapse_against
from gardefou.flow.changes.base import Handler, Payload, text
from gardefou.flow.changes.staff import find_staff, still_here, strip
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import Standing
from gardefou.storage.work import UnitOfWork


class SuspendChange(Handler):
    """Take a person off duty for now, at once; or (``suspended`` false) bring them back, which waits for people."""

    power = Power.STAFF

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff, suspended`` (true or false)."""
        person = still_here(find_staff(uow, text(payload, "staff")))
        suspended = payload.get("suspended", True)
        if not isinstance(suspended, bool):
            raise InvalidInput("change/invalid", "suspended is true or false.", field="suspended")
        if not suspended and person.standing != Standing.SUSPENDED.value:
            raise Conflict("staff/not_suspended", "This person is not suspended; there is nothing to end.")
        return {"staff": person.id, "suspended": suspended}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Coming back does: it gives every power back."""
        return not payload["suspended"]

    def person(self, payload: Payload) -> str:
        """Who comes back; whoever is taken off duty is not asked about, and what they have waiting lapses."""
        return "" if payload["suspended"] else str(payload["staff"])

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.suspended` and what follows from it, or `staff.reinstated`."""
        person = uow.need(Staff, ORGANISATION, payload["staff"])
        if payload["suspended"]:
            suspend(uow, person, by=by, about=about, why="Whoever placed it is off duty for now.")
        elif person.standing == Standing.SUSPENDED.value:
            back = replace(person, standing=Standing.ACTIVE.value, version=person.version + 1)
            uow.record("staff.reinstated", by=by, about=about, puts=(back,))


def suspend(uow: UnitOfWork, person: Staff, *, by: str, why: str, about: str = "") -> None:
    """Mark a person as suspended, and take away everything that hangs on it.

    Whoever has left stays so. Coming back from an earlier time ends with it, if it waits still.
    Writes `staff.suspended`, and what `strip` does.
    """
    if person.standing == Standing.LEFT.value:
        return
    if person.standing != Standing.SUSPENDED.value:
        person = replace(person, standing=Standing.SUSPENDED.value, version=person.version + 1)
        uow.record("staff.suspended", by=by, about=about or person.id, puts=(person,))
        lapse_against(
            uow,
            lambda change: change["kind"] == "suspend" and not change["suspended"],
            named=("staff", person.id),
            why="They were taken off duty anew meanwhile; propose it anew.",
            by=by,
            but=about,
        )
    strip(uow, person, by=by, why=why, but=about)
