"""An incident's timeline, read from the ledger's events: who did what, by pseudonym, alike events in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.records import SYSTEM, Enforcement, Incident, Staff
from gardefou.flow.app import App
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

_ev = tables.event.c
_AROUND = timedelta(hours=1)

#: What an event of each kind is called, for one and for many; what is not listed says nothing new.
_WORDS: dict[str, tuple[str, str]] = {
    "report.taken": ("a report came in", "{n} reports came in"),
    "case.claimed": ("took the case", "took {n} cases"),
    "case.evidence_seen": ("opened the evidence", "opened the evidence {n} times"),
    "enforcement.placed": ("asked to {action} the account", "asked to {action} {n} accounts"),
    "enforcement.waiting": (
        "one waits for a lead; nothing happens to it",
        "{n} wait for a lead; nothing happens to them",
    ),
    "enforcement.in_force": ("the platform confirms it", "the platform confirms {n} of them"),
    "enforcement.refused": ("the nets refuse; nothing happens", "the nets refuse {n}; nothing happens"),
    "enforcement.restored": ("it is undone", "{n} are undone"),
    "enforcement.cancelled": ("the one that waited is withdrawn", "{n} that waited are withdrawn"),
    "incident.opened": ("opens this incident", "opens {n} incidents"),
    "breaker.tripped": ("stops everything else that is done in this name", "stops {n}"),
}
#: Who says it: what the nets and the platform do is nobody's act.
_NOBODY = frozenset({"report.taken", "enforcement.waiting", "enforcement.in_force", "enforcement.refused"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline: when it began, who (a pseudonym, or nothing), and what."""

    at: datetime
    who: str
    says: str


@dataclass(frozen=True, slots=True)
class Story:
    """An incident with its timeline, oldest first."""

    incident: Incident
    lines: tuple[Line, ...]


def story_of(app: App, kind: str, *, since: datetime) -> Story | None:
    """Return the newest incident of a kind with what the ledger holds about it since a moment, or None."""
    with app.works.read() as connection:
        found = fetch_all(
            connection,
            Incident,
            sa.select(tables.incident)
            .where(tables.incident.c.kind == kind)
            .order_by(tables.incident.c.id.desc())
            .limit(1),
        )
        if not found:
            return None
        incident = found[0]
        # The breaker's stops of the very person it concerns; a near miss concerns nobody.
        stops = connection.execute(
            sa.select(tables.pause.c.id).where(tables.pause.c.scope == "staff", tables.pause.c.target == incident.about)
        ).scalars()
        rows = connection.execute(
            sa.select(tables.event)
            .where(
                _ev.platform == incident.platform,
                sa.or_(
                    _ev.about.in_((incident.id, *stops)),
                    sa.and_(_ev.account.in_(incident.accounts), _ev.kind != "incident.opened"),
                ),
                _ev.at >= since,
                _ev.at <= incident.last_at + _AROUND,
                _ev.kind.in_(tuple(_WORDS)),
            )
            .order_by(_ev.id)
        ).all()
        people = {one.id: one.pseudonym for one in fetch_all(connection, Staff, sa.select(tables.staff))}
        actions = {
            one.id: one.action
            for one in fetch_all(
                connection,
                Enforcement,
                sa.select(tables.enforcement).where(
                    tables.enforcement.c.platform == incident.platform,
                    tables.enforcement.c.account.in_(incident.accounts),
                ),
            )
        }
    return Story(incident, tuple(_lines(rows, people, actions)))


def _lines(rows: Sequence[sa.Row[tuple[object, ...]]], people: dict[str, str], actions: dict[str, str]) -> list[Line]:
    """Put alike events into one line, at the moment of the first."""
    alike: dict[tuple[str, str, str], list[datetime]] = {}
    for row in rows:
        action = actions.get(row.about, "")
        if row.kind in {"enforcement.in_force", "enforcement.waiting"} and action == "restore":
            continue
        who = "" if row.kind in _NOBODY else people.get(row.by, "Gardefou" if row.by == SYSTEM else "")
        alike.setdefault((row.kind, who, action), []).append(row.at)
    return [
        Line(at=moments[0], who=who, says=_say(kind, action, len(moments)))
        for (kind, who, action), moments in alike.items()
    ]


def _say(kind: str, action: str, number: int) -> str:
    one, many = _WORDS[kind]
    return (one if number == 1 else many).format(n=number, action=action.replace("_", " "))
