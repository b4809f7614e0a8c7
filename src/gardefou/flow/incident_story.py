"""One incident as a story: timeline, time down, and the nets that spoke or stayed silent (M8).

Nothing here writes. People stand by pseudonym in everything that is returned:
no staff id, no name, and no text that somebody typed, except the incident's own
summary, in which ids are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import orjson
import sqlalchemy as sa

from gardefou.domain.accounts import severity_of
from gardefou.domain.records import SYSTEM, Account, Enforcement, Incident
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.incident_nets import nets_of
from gardefou.flow.incident_words import KINDS, NET, PERSON, SECOND_LOOK, Happened, in_words
from gardefou.flow.second_look import hidden_among
from gardefou.flow.story import Down, Moment, Span, Story, joined
from gardefou.ids import least_at
from gardefou.people.directory import Directory
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all

#: From this severity on an account counts as down.
DOWN_SEVERITY = 3
#: Events on one timeline, accounts and enforcements in one story.
MOST_EVENTS = 500
_MOST = 500
_NEAR = timedelta(minutes=1)
_DAY = timedelta(hours=24)
_e = tables.enforcement.c
_ev = tables.event.c
#: Kinds that name every account of a burst and only the last of its enforcements.
_BURSTS = frozenset({"budget", "breaker"})
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def read_story(
    connection: sa.Connection,
    incident_id: str,
    *,
    now: datetime,
    viewer: str = "",
    outside: Directory | None = None,
) -> Story:
    """Read one incident's story as of ``now``.

    ``viewer`` is whoever asks: of what still waits for a second look that must
    not know the first (M3), they are told no more than that. ``outside`` is the
    directory where the story may leave the organisation: people then stand by
    names that are this incident's alone (R19).

    Raises:
        NotFound: there is no such incident (`incident/not_found`).
    """
    found = fetch(connection, Incident, tables.incident.c.id == incident_id)
    if found is None:
        raise NotFound(
            "incident/not_found",
            _("There is no incident %(incident_id)s; check the id.", incident_id=repr(incident_id)),
        )
    acts = _acts(connection, found)
    since = min([found.opened_at, *(one.placed_at for one in acts)])
    restores = _restores(connection, found, acts, since)
    rows = _events(connection, found, [*acts, *restores], since)
    hidden = hidden_among(connection, acts, viewer)
    names = _Names(connection, None if outside is None else partial(outside.outside, connection, found.id))
    shown = [one for one in acts if one.id not in hidden]
    spoke, silent = nets_of(connection, shown)
    return Story(
        incident=replace(
            found,
            about=names.clean(found.about),
            summary=names.clean(found.summary),
            detail=cast("Mapping[str, Any]", names.clean(dict(found.detail))),
        ),
        now=now,
        timeline=tuple(_timeline(rows[:MOST_EVENTS], acts, restores, hidden, names)),
        more=len(rows) > MOST_EVENTS,
        accounts=tuple(_down(connection, found, acts, restores, rows, now)),
        spoke=spoke,
        silent=silent,
    )


# what belongs to it --------------------------------------------------------------------


def _acts(connection: sa.Connection, found: Incident) -> list[Enforcement]:
    """Return the enforcements it is about: those it names, and of a burst those on the accounts it names."""
    which: sa.ColumnElement[bool] = _e.id.in_(found.enforcements[:_MOST])
    if found.kind in _BURSTS:
        burst = [
            _e.account.in_(found.accounts[:_MOST]),
            _e.severity > 0,
            _e.placed_at >= found.opened_at - _DAY,
            _e.placed_at <= found.last_at,
        ]
        if found.about:
            burst.append(_e.placed_by == found.about)
        which = sa.or_(which, sa.and_(*burst))
    statement = sa.select(tables.enforcement).where(_e.platform == found.platform, which).order_by(_e.id).limit(_MOST)
    return fetch_all(connection, Enforcement, statement)


def _restores(
    connection: sa.Connection, found: Incident, acts: Sequence[Enforcement], since: datetime
) -> list[Enforcement]:
    """Return the restores that withdrew them; after drift those of the whole account."""
    statement = (
        sa.select(tables.enforcement)
        .where(
            _e.platform == found.platform,
            _e.account.in_(found.accounts[:_MOST]),
            _e.action == "restore",
            _e.placed_at >= since,
        )
        .order_by(_e.id)
        .limit(_MOST)
    )
    ids = {one.id for one in acts}
    drift = found.kind == "drift"
    return [
        one for one in fetch_all(connection, Enforcement, statement) if ids & set(one.lifts) or (drift and one.whole)
    ]


def _events(
    connection: sa.Connection, found: Incident, enforcements: Sequence[Enforcement], since: datetime
) -> list[Any]:
    """Return the ledger's events of all that, oldest first."""
    concerns = {found.id, *(one.id for one in enforcements), *(one.case_id for one in enforcements if one.case_id)}
    which: list[sa.ColumnElement[bool]] = [sa.and_(tables.event_has_about, _ev.about.in_(sorted(concerns)))]
    if found.kind == "drift":
        which.append(
            sa.and_(
                tables.event_has_account,
                _ev.account.in_(found.accounts[:_MOST]),
                _ev.kind == "account.drifted",
                _ev.at >= found.opened_at,
            )
        )
    if found.kind == "breaker":
        which.append(
            sa.and_(
                _ev.kind == "breaker.tripped",
                _ev.at >= found.opened_at,
                _ev.at <= found.last_at,
                # Found by their key: ids are of the moment they were made in, a little before their event.
                _ev.id >= least_at(found.opened_at - _NEAR),
                _ev.id < least_at(found.last_at + _NEAR),
            )
        )
    statement = (
        sa.select(_ev.kind, _ev.at, _ev.by, _ev.account, _ev.about, _ev.body)
        .where(_ev.platform == found.platform, _ev.kind.in_(KINDS), sa.or_(*which))
        # Work on the case long before has no part in it.
        .where(_ev.at >= since - _DAY)
        .order_by(_ev.id)
        .limit(MOST_EVENTS + 1)
    )
    return list(connection.execute(statement))


# the timeline --------------------------------------------------------------------------


def _timeline(
    rows: Sequence[Any],
    acts: Sequence[Enforcement],
    restores: Sequence[Enforcement],
    hidden: frozenset[str],
    names: _Names,
) -> list[Moment]:
    known = {one.id: one for one in (*acts, *restores)}
    harms = {one.id for one in acts}
    before: dict[str, set[str]] = {}
    moments: list[Moment] = []
    for row in rows:
        earlier = before.setdefault(row.about, set())
        made = known.get(row.about)
        said = in_words(
            Happened(
                kind=row.kind,
                by=row.by,
                detail=_detail(row) if row.kind == "account.drifted" else {},
                enforcement=made,
                before=frozenset(earlier),
                lifts_known=made is not None and bool(harms & set(made.lifts)),
            )
        )
        earlier.add(row.kind)
        if said is None:
            continue
        lane, words = said
        if row.about in hidden:
            if row.kind != "enforcement.placed":
                continue
            lane, words = NET, _(SECOND_LOOK)
        # A report's author is no colleague.
        who = names.of(row.by) if lane == PERSON and row.kind != "report.taken" else ""
        moments.append(
            Moment(at=row.at, lane=lane, who=who, words=words, kind=row.kind, account=row.account, about=row.about)
        )
    return moments


def _detail(row: Any) -> Mapping[str, Any]:
    body = cast("dict[str, Any]", orjson.loads(row.body)) if row.body else {}
    return cast("Mapping[str, Any]", body.get("detail", {}))


# time down -----------------------------------------------------------------------------


def _down(
    connection: sa.Connection,
    found: Incident,
    acts: Sequence[Enforcement],
    restores: Sequence[Enforcement],
    rows: Sequence[Any],
    now: datetime,
) -> list[Down]:
    refs = found.accounts[:_MOST]
    statement = sa.select(tables.account).where(
        tables.account.c.platform == found.platform, tables.account.c.ref.in_(refs)
    )
    accounts = {one.ref: one for one in fetch_all(connection, Account, statement)}
    told: list[Down] = []
    for ref in refs:
        mine = [one for one in acts if one.account == ref]
        spans = [
            Span(since=one.in_force_at, until=one.ended_at if one.state == State.RESTORED.value else None)
            for one in mine
            if one.in_force_at is not None and one.severity >= DOWN_SEVERITY and one.measures
        ]
        if found.kind == "drift":
            drifted = [row for row in rows if row.kind == "account.drifted" and row.account == ref]
            lifted = [
                one.in_force_at for one in restores if one.account == ref and one.whole and one.in_force_at is not None
            ]
            spans += _drift_spans(drifted, lifted)
        spans = joined(spans)
        account = accounts.get(ref)
        known = account.reach if account is not None else None
        told.append(
            Down(
                account=ref,
                handle=account.handle if account is not None else "",
                reach=max((one.reach for one in mine), default=known or 0),
                spans=tuple(spans),
                minutes=sum(((span.until or now) - span.since).total_seconds() for span in spans) / 60,
            )
        )
    return told


def _drift_spans(drifted: Sequence[Any], lifted: Sequence[datetime]) -> list[Span]:
    """Return when a change that nobody here made kept the account down, as it was seen."""
    spans: list[Span] = []
    on: set[str] = set()
    since: datetime | None = None
    steps: list[tuple[datetime, Mapping[str, Any] | None]] = [(row.at, _detail(row)) for row in drifted]
    steps += [(at, None) for at in lifted]
    for at, detail in sorted(steps, key=lambda step: step[0]):
        on = set() if detail is None else (on | set(detail.get("added", ()))) - set(detail.get("taken", ()))
        down = severity_of(frozenset(on)) >= DOWN_SEVERITY
        if down and since is None:
            since = at
        elif not down and since is not None:
            spans.append(Span(since=since, until=at))
            since = None
    if since is not None:
        spans.append(Span(since=since, until=None))
    return spans


# people --------------------------------------------------------------------------------


class _Names:
    """Staff ids to pseudonyms, or to names for outside; what is neither a person nor a service has no name at all."""

    def __init__(self, connection: sa.Connection, outside: Callable[[str], str] | None) -> None:
        staff, token = tables.staff.c, tables.token.c
        self._people = {
            row.id: row.pseudonym if outside is None else outside(row.id)
            for row in connection.execute(sa.select(staff.id, staff.pseudonym))
        }
        services = sa.select(token.service).where(token.service.is_not(None)).distinct()
        self._services = {row.service for row in connection.execute(services)}

    def of(self, who: str) -> str:
        """Return a pseudonym, a service's own name, ``Gardefou``, or nothing."""
        if who == SYSTEM:
            return "Gardefou"
        return self._people.get(who) or (who if who in self._services else "")

    def clean(self, value: Any) -> Any:
        """Return a JSON value in which every staff id is a pseudonym, within sentences too."""
        match value:
            case str():
                whole = self._people.get(value)
                return whole or _UUID.sub(lambda found: self._people.get(found[0], found[0]), value)
            case Mapping():
                items = cast("Mapping[str, Any]", value)
                return {str(self.clean(key)): self.clean(item) for key, item in items.items()}
            case list() | tuple():
                return [self.clean(item) for item in cast("Sequence[Any]", value)]
            case _:
                return value
