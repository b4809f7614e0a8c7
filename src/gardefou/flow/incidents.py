"""Incidents: opened by themselves when something went wrong or nearly did (M8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import SYSTEM, Enforcement, Incident
from gardefou.flow.notices import write_notice
from gardefou.notices.kinds import KINDS
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

#: What follows within this belongs to the same incident; after it the incident is closed.
TOGETHER = timedelta(hours=1)
#: So long after it was opened nothing is added to one any more.
LONGEST = timedelta(hours=24)
_NEAR_MISS_SEVERITY = 3
_i = tables.incident.c
_RECENT = Fast(
    sa.select(tables.incident)
    .where(
        _i.platform == sa.bindparam("platform"),
        _i.kind == sa.bindparam("kind"),
        _i.about == sa.bindparam("about"),
        _i.opened_at >= sa.bindparam("since", type_=_i.opened_at.type),
    )
    .order_by(_i.opened_at.desc())
    .limit(20)
)


def recent_ahead(uow: UnitOfWork, platform: str, kind: str, about: str) -> Read:
    """Return what `open_incident` reads first."""
    return _RECENT, {"platform": platform, "kind": kind, "about": about, "since": uow.now - LONGEST}


def open_incident(
    uow: UnitOfWork,
    *,
    platform: str,
    kind: str,
    accounts: tuple[str, ...],
    summary: str,
    enforcements: tuple[str, ...] = (),
    about: str = "",
    detail: Mapping[str, Any] | None = None,
    facts: Mapping[str, str] | None = None,
    whole: Callable[[], tuple[tuple[str, ...], tuple[str, ...]]] | None = None,
) -> Incident:
    """Open an incident and raise its alert, or add to the open one of its kind.

    What concerns the same person (``about``) or, without one, the same
    accounts within an hour is one incident, so that a burst is one story.
    ``facts`` are for the words of its notice. ``whole`` gives accounts and
    enforcements of all that will follow: named at once, where naming them one
    by one would write the list as often as it is long.

    Writes `incident.opened` or `incident.grew`, and `alert.raised`.
    """
    recent = fetch_fast(uow.connection, Incident, *recent_ahead(uow, platform, kind, about))
    for incident in recent:
        same = bool(about) or set(incident.accounts) == set(accounts)
        if not about and not accounts:
            # It concerns a thing, which its summary names.
            same = incident.summary == summary
        if not same or uow.now - incident.last_at > TOGETHER:
            continue
        # Held from here on: several may add to it at once.
        held = uow.need(Incident, platform, incident.id)
        if whole is not None and set(enforcements).issubset(held.enforcements) and set(accounts) <= set(held.accounts):
            return held
        if whole is not None:
            accounts, enforcements = whole()
        grown = replace(
            held,
            accounts=tuple(dict.fromkeys((*held.accounts, *accounts))),
            enforcements=tuple(dict.fromkeys((*held.enforcements, *enforcements))),
            last_at=uow.now,
            version=held.version + 1,
        )
        if (grown.accounts, grown.enforcements) == (held.accounts, held.enforcements):
            return held
        uow.record("incident.grew", by=SYSTEM, platform=platform, about=grown.id, puts=(grown,))
        return grown
    if whole is not None:
        accounts, enforcements = whole()
    incident = Incident(
        platform=platform,
        id=uow.ids.new(),
        kind=kind,
        accounts=accounts,
        enforcements=enforcements,
        about=about,
        opened_at=uow.now,
        last_at=uow.now,
        summary=summary,
        detail=dict(detail or {}),
    )
    uow.record(
        "incident.opened",
        by=SYSTEM,
        platform=platform,
        account=accounts[0] if len(accounts) == 1 else "",
        about=incident.id,
        puts=(incident,),
    )
    alert(uow, kind, platform=platform, about=incident.id, says=summary, accounts=accounts, facts=facts)
    return incident


def alert(
    uow: UnitOfWork,
    kind: str,
    *,
    platform: str,
    about: str,
    says: str,
    accounts: tuple[str, ...] = (),
    to: tuple[str, ...] = (),
    team: str = "",
    facts: Mapping[str, str] | None = None,
) -> None:
    """Tell the people on duty; written down first, delivered from what is written.

    ``kind`` is one of `gardefou.notices.kinds.KINDS`, which says for whom it is
    where ``to`` does not, and in what words: ``says`` stays in the record.
    Nothing waits for the delivery (`gardefou.flow.deliver`).

    Writes `alert.raised`.
    """
    told = to or KINDS[kind].to
    uow.record(
        "alert.raised",
        by=SYSTEM,
        platform=platform,
        account=accounts[0] if len(accounts) == 1 else "",
        about=about,
        detail={"says": says, "accounts": list(accounts), "kind": kind, "to": list(told)},
    )
    # Whoever is to look without knowing the first look is told nothing of it, nor of whom it concerns (M3).
    named = () if kind == "second_look" else accounts
    write_notice(uow, kind, platform=platform, about=about, accounts=named, to=told, team=team, facts=facts or {})


def forged_approval(uow: UnitOfWork, enforcement: Enforcement, why: str) -> None:
    """Open an incident, or for a guarded change tell people, when a yes on record was not its giver's own."""
    says = f"{enforcement.action}: {why} Somebody may have written into the database."
    if enforcement.account:
        open_incident(
            uow,
            platform=enforcement.platform,
            kind="near_miss",
            accounts=(enforcement.account,),
            enforcements=(enforcement.id,),
            summary=says,
        )
    alert(uow, "passkey", platform=enforcement.platform, about=enforcement.id, says=says)


def near_miss(uow: UnitOfWork, enforcement: Enforcement, why: str) -> None:
    """Open a near miss when a grave enforcement on a notable or protected account came to nothing (M8)."""
    if enforcement.severity < _NEAR_MISS_SEVERITY or enforcement.tier == "standard" or enforcement.action == "change":
        return
    open_incident(
        uow,
        platform=enforcement.platform,
        kind="near_miss",
        accounts=(enforcement.account,),
        enforcements=(enforcement.id,),
        summary=f"{enforcement.action} on a {enforcement.tier} account came to nothing: {why}",
    )
