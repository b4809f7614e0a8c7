"""Names, for those allowed: reading one that was revealed, finding a person by name, and what one's own was used for.

Each is on the record, and no event holds a name, nor what somebody typed to
find one (R19).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, InvalidInput, NotFound
from gardefou.flow.app import App
from gardefou.ids import least_at
from gardefou.people.actor import Actor
from gardefou.people.directory import Entry
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables

#: How long a revealed name can be read, from when the revealing took effect.
REVEALED = timedelta(days=1)
#: How long after it a person is shown that theirs was.
TOLD = timedelta(days=90)
#: Searches by name a person makes an hour at most: enough to find a colleague, too few to try a list of names.
SEARCHES = 20
_HOUR = timedelta(hours=1)
#: Ids are of the moment they were made in, a little before their event; a change takes effect days after.
_NEAR = timedelta(minutes=1)
_LONGEST = timedelta(days=8)
_MOST_TEXT = 320
_ev = tables.event.c
_e = tables.enforcement.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealing:
    """One name that was revealed to somebody. ``by``: staff id. ``reads``: how often it was read so far."""

    change: str
    by: str
    because: str
    since: datetime
    until: datetime
    reads: int


def open_revealing(connection: sa.Connection, viewer: str, staff_id: str, now: datetime) -> str | None:
    """Return the change by which a name is revealed to this viewer now, by its id; None where it is sealed to them."""
    rows = connection.execute(
        sa.select(_ev.about, _ev.body)
        .where(
            tables.event_by_person,
            _ev.by == viewer,
            _ev.id >= least_at(now - REVEALED - _NEAR),
            _ev.platform == ORGANISATION,
            _ev.kind == "staff.revealed",
        )
        .order_by(_ev.id.desc())
    )
    for row in rows:
        detail: dict[str, Any] = orjson.loads(row.body)["detail"] if row.body else {}
        if detail.get("staff") == staff_id and datetime.fromisoformat(detail["until"]) > now:
            return str(row.about)
    return None


def read_name(app: App, actor: Actor, staff_id: str) -> Entry:
    """Return who a person is, to whoever had it revealed and while that lasts.

    Writes `staff.name_read`, each time.

    Raises:
        Denied: no power to reveal (`auth/forbidden`), or it was not revealed to this person (`staff/sealed`).
        NotFound: nothing is kept of them (`staff/no_name`).
        Unavailable: the sealing key is not to be had (`seals/…`).
    """
    actor.require(Power.REVEAL, app.now())
    app.directory.seals.ring()  # a key that has to be unwrapped first is waited for outside the transaction
    with app.works.begin() as uow:
        change = None if not actor.human else open_revealing(uow.connection, actor.id, staff_id, uow.now)
        if change is None:
            raise Denied("staff/sealed", "This name is sealed; have it revealed first, which takes another person.")
        entry = app.directory.get(uow.connection, staff_id)
        if entry is None:
            raise NotFound("staff/no_name", "The directory holds no name of this person.")
        uow.record("staff.name_read", by=actor.id, about=change, detail={"staff": staff_id})
    return entry


def revealings_of(connection: sa.Connection, staff_id: str, now: datetime) -> list[Revealing]:
    """Return when and to whom this person's name was revealed lately, newest first: what they are told of it."""
    written = sa.type_coerce(_e.change, sa.Text)
    changes = connection.execute(
        sa.select(_e.id, _e.placed_by, _e.change, _e.in_force_at)
        .where(
            tables.enforcement_settled,
            _e.platform == ORGANISATION,
            _e.state == State.IN_FORCE.value,
            _e.id >= least_at(now - TOLD - _LONGEST),
            # Of many changes only the few that can be meant are read whole.
            written.contains('"reveal"'),
            written.contains(staff_id, autoescape=True),
        )
        .order_by(_e.id.desc())
    )
    mine = [one for one in changes if one.change["kind"] == "reveal" and one.change["staff"] == staff_id]
    if not mine:
        return []
    counted = connection.execute(
        sa.select(_ev.about, sa.func.count().label("reads"))
        .where(
            tables.event_has_about,
            _ev.platform == ORGANISATION,
            _ev.about.in_([one.id for one in mine]),
            _ev.kind == "staff.name_read",
        )
        .group_by(_ev.about)
    )
    reads = {row.about: row.reads for row in counted}
    return [
        Revealing(
            change=one.id,
            by=one.placed_by,
            because=str(one.change["because"]),
            since=since,
            until=since + REVEALED,
            reads=reads.get(one.id, 0),
        )
        for one in mine
        if (since := one.in_force_at) is not None and since > now - TOLD
    ]


def find_person(app: App, actor: Actor, *, name: str = "", email: str = "") -> Staff | None:
    """Return the one person with exactly this whole name or this address, or None: for who adds people or reveals.

    What comes back is a pseudonym's record; whoever asks knew the name. Where
    two people have one name, neither is said. At most `SEARCHES` an hour.

    Writes `staff.searched`, with whom it found and never what was typed.

    Raises:
        InvalidInput: not one of the two, or too long (`staff/search`).
        Denied: neither power (`auth/forbidden`), or a service asks (`staff/search_person`).
        Conflict: too many searches this hour (`staff/searches`), or several people have the name (`staff/several`).
        Unavailable: the sealing key is not to be had (`seals/…`).
    """
    now = app.now()
    actor.require(Power.STAFF if Power.STAFF in actor.powers else Power.REVEAL, now)
    if not actor.human:
        raise Denied("staff/search_person", "Only people search for people; a service does not.")
    text = name or email
    if bool(name) == bool(email) or not text.strip() or len(text) > _MOST_TEXT:
        raise InvalidInput(
            "staff/search",
            _("Give a whole name or an address, of at most %(most)s characters.", most=_MOST_TEXT),
            field="name",
        )
    app.directory.seals.ring()
    with app.works.begin() as uow:
        uow.serialise(f"search {actor.id}")
        lately = uow.connection.execute(
            sa.select(sa.func.count())
            .select_from(tables.event)
            .where(
                tables.event_by_person,
                _ev.by == actor.id,
                _ev.id >= least_at(uow.now - _HOUR),
                _ev.kind == "staff.searched",
            )
        ).scalar_one()
        if lately >= SEARCHES:
            raise Conflict(
                "staff/searches",
                _("People are searched for at most %(most)s times an hour; try again later.", most=SEARCHES),
            )
        directory = app.directory
        found = directory.by_name(uow.connection, name) if name else directory.with_email(uow.connection, email)
        # Those whose adding still waits, or came to nothing, are nobody here yet.
        people = [one for who in found if (one := uow.get(Staff, ORGANISATION, who, lock=False)) is not None]
        only = people[0] if len(people) == 1 else None
        detail = {"by": "name" if name else "email", "staff": only.id if only else None, "found": len(people)}
        uow.record("staff.searched", by=actor.id, about=only.id if only else "", detail=detail)
    if len(people) > 1:
        raise Conflict("staff/several", "Several people here have this name; search by address.")
    return only
