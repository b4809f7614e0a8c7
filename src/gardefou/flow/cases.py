"""Working the queue: next, claim, skip, move, escalate, note.

A claim belongs to one person for `Rules.claim_seconds`, renews once (R13) and
ends by itself: once ``claimed_until`` has passed the case counts as unclaimed,
without anything being written. Every change is one event, ``case.…``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import SYSTEM, Case, CaseNote, Enforcement, Staff
from gardefou.errors import Conflict, Denied, InvalidInput
from gardefou.flow.app import App
from gardefou.flow.case_reading import case_ahead, case_by_id, case_view, find_case, list_cases, need_case, seen_by
from gardefou.flow.priority import ESCALATED
from gardefou.flow.reading import person_ahead
from gardefou.flow.rules import Rules, load_rules, rules_ahead
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.types import Instant
from gardefou.storage.work import UnitOfWork

__all__ = [
    "acting",
    "case_by_id",
    "case_view",
    "claim",
    "claim_in",
    "escalate",
    "find_case",
    "held_by",
    "list_cases",
    "move",
    "need_case",
    "next_case",
    "note",
    "queues",
    "refuse_closed",
    "refuse_others",
    "release",
    "release_all",
    "renew",
    "reopen",
    "see_evidence",
    "skip",
]

#: Characters of a note.
MAX_NOTE = 10_000

_c = tables.case.c
_NOW = sa.bindparam("now", type_=Instant)
_OPEN = tables.case_open
_FREE = sa.or_(_c.claimed_by.is_(None), _c.claimed_until <= _NOW)
_FIRST = (_c.priority.desc(), _c.due_at, _c.id)
# One step along the index: far cheaper than reading every open case for its queue.
_NEXT_QUEUE = sa.select(sa.func.min(_c.queue)).where(_OPEN, _c.queue > sa.bindparam("after"))


def next_case(app: App, actor: Actor, queue: str | None = None) -> Case | None:
    """Claim the most urgent case that nobody works on, in one queue or over all; None when there is none.

    Highest priority first, then the one whose clock runs out first. Cases that
    this person skipped are left to others. Two callers at once never get the
    same case.

    Writes `case.claimed`.

    Raises:
        Denied: the actor does not work cases (`auth/forbidden`, `staff/…`).
    """
    actor.require(Power.WORK_CASES, app.now())
    with app.works.begin() as uow:
        actor = acting(uow, actor)
        rules = load_rules(uow.connection)
        names = _queues_by_urgency(uow, actor) if queue is None else [queue]
        # What somebody holds at this moment is left out; where that leaves nothing it is waited for: it may only be
        # reported once more, and a queue in which something waits is never told to be empty.
        for skip_locked in (True, False):
            for name in names:
                found = uow.connection.execute(
                    _candidates(name, actor).with_for_update(skip_locked=skip_locked), {"now": uow.now}
                ).first()
                if found is not None:
                    return _claim(uow, rules, need_case(uow, found.id), actor)
    return None


def _candidates(queue: str, actor: Actor) -> sa.Select[*tuple[Any, ...]]:
    # The list is stored as JSON text; ids need no escape in it.
    within = [_c.platform.in_(actor.platforms)] if actor.platforms else []
    skipped = sa.cast(_c.skipped_by, sa.Text).contains(f'"{actor.id}"', autoescape=True)
    return (
        sa.select(_c.id, _c.priority, _c.due_at)
        .where(_OPEN, _c.queue == queue, _FREE, ~skipped, *within)
        .order_by(*_FIRST)
        .limit(1)
    )


def _queues_by_urgency(uow: UnitOfWork, actor: Actor) -> list[str]:
    """Return the queues that have something for this person, the one with the most urgent case first."""
    heads: list[tuple[int, datetime, str, str]] = []
    queue = ""
    while (found := uow.connection.execute(_NEXT_QUEUE, {"after": queue}).scalar_one()) is not None:
        queue = str(found)
        head = uow.connection.execute(_candidates(queue, actor), {"now": uow.now}).first()
        if head is not None:
            heads.append((-head.priority, head.due_at, head.id, queue))
    return [head[3] for head in sorted(heads)]


def claim(app: App, actor: Actor, case_id: str) -> Case:
    """Claim one case by its id; whoever holds it already keeps it, unchanged.

    Writes `case.claimed`.

    Raises:
        NotFound: `case/not_found`.
        Conflict: `case/closed`; someone else holds it (`case/claimed`).
    """
    with _working(app, actor, case_id) as (uow, me, rules):
        return claim_in(uow, rules, need_case(uow, case_id), me)


def claim_in(uow: UnitOfWork, rules: Rules, case: Case, actor: Actor) -> Case:
    """Claim a case within a transaction, as `claim` does."""
    refuse_closed(case)
    refuse_others(case, actor, uow.now)
    return case if held_by(case, uow.now) == actor.id else _claim(uow, rules, case, actor)


def _claim(uow: UnitOfWork, rules: Rules, case: Case, actor: Actor) -> Case:
    until = uow.now + timedelta(seconds=rules.claim_seconds)
    return _change(uow, "case.claimed", case, actor.id, claimed_by=actor.id, claimed_until=until, claim_renewed=False)


def release(app: App, actor: Actor, case_id: str) -> Case:
    """Give a case back to its queue.

    Writes `case.released`.

    Raises:
        NotFound: `case/not_found`.
        Conflict: `case/closed`, or it is not yours (`case/not_claimed`).
    """
    with _working(app, actor, case_id) as (uow, me, _):
        case = _mine(uow, me, case_id)
        return _change(uow, "case.released", case, me.id, **_UNCLAIMED)


def renew(app: App, actor: Actor, case_id: str) -> Case:
    """Hold a case for one more claim's time, from now; once a claim (R13).

    Writes `case.renewed`.

    Raises:
        NotFound: `case/not_found`.
        Conflict: `case/closed`, not yours (`case/not_claimed`), or renewed before (`case/renewed`).
    """
    with _working(app, actor, case_id) as (uow, me, rules):
        case = _mine(uow, me, case_id)
        if case.claim_renewed:
            raise Conflict("case/renewed", "A claim is renewed once; decide, or release it for a colleague.")
        until = uow.now + timedelta(seconds=rules.claim_seconds)
        return _change(uow, "case.renewed", case, me.id, claimed_until=until, claim_renewed=True)


def skip(app: App, actor: Actor, case_id: str) -> Case:
    """Leave a case to others: it is released, and `next_case` does not offer it to this person again.

    Writes `case.skipped`.

    Raises:
        NotFound: `case/not_found`.
        Conflict: `case/closed`, or someone else holds it (`case/claimed`).
    """
    with _working(app, actor, case_id) as (uow, me, _):
        case = _free_or_mine(uow, me, case_id)
        skipped = tuple(dict.fromkeys((*case.skipped_by, me.id)))
        return _change(uow, "case.skipped", case, me.id, skipped_by=skipped, **_UNCLAIMED)


def move(app: App, actor: Actor, case_id: str, queue: str) -> Case:
    """Move a case to another queue, whose clock it then has from when it was opened.

    It is released: another team takes it from there.

    Writes `case.moved`.

    Raises:
        InvalidInput: there is no such queue (`case/queue`).
        NotFound: `case/not_found`.
        Conflict: `case/closed`, or someone else holds it (`case/claimed`).
    """
    with _working(app, actor, case_id) as (uow, me, rules):
        known = queues(rules)
        if queue not in known:
            raise InvalidInput(
                "case/queue",
                _("There is no queue %(queue)s; use one of %(known)s.", queue=repr(queue), known=", ".join(known)),
                field="queue",
            )
        case = _free_or_mine(uow, me, case_id)
        if queue == case.queue:
            return case
        due = case.opened_at + rules.clock_of(queue)
        return _change(
            uow, "case.moved", case, me.id, detail={"from": case.queue}, queue=queue, due_at=due, **_UNCLAIMED
        )


def queues(rules: Rules) -> list[str]:
    """Return every queue there is, sorted."""
    return sorted({"urgent", "general", *(name for name, _ in rules.queue_clocks)})


def escalate(app: App, actor: Actor, case_id: str, because: str = "") -> Case:
    """Put a case before all that are not escalated, and leave it to someone else.

    The reason, where one is given, becomes a note.

    Writes `case.escalated`.

    Raises:
        InvalidInput: the reason is too long (`case/note`).
        NotFound: `case/not_found`.
        Conflict: `case/closed`, or someone else holds it (`case/claimed`).
    """
    with _working(app, actor, case_id) as (uow, me, _):
        case = _free_or_mine(uow, me, case_id)
        also = (_note(uow, case, me, because, "because"),) if because else ()
        if case.escalated and not also:
            return case
        priority = case.priority if case.escalated else case.priority + ESCALATED
        skipped = tuple(dict.fromkeys((*case.skipped_by, me.id)))
        return _change(
            uow,
            "case.escalated",
            case,
            me.id,
            also=also,
            escalated=True,
            priority=priority,
            skipped_by=skipped,
            **_UNCLAIMED,
        )


def note(app: App, actor: Actor, case_id: str, text: str) -> CaseNote:
    """Write a note on a case for the next one; anyone who works cases can, at any time.

    Writes `case.noted`.

    Raises:
        InvalidInput: empty or too long (`case/note`).
        NotFound: `case/not_found`.
    """
    with _working(app, actor, case_id) as (uow, me, _):
        case = case_by_id(uow.connection, case_id)
        written = _note(uow, case, me, text, "text")
        uow.record("case.noted", by=me.id, platform=case.platform, account=case.account, about=case.id, puts=(written,))
        return written


def _note(uow: UnitOfWork, case: Case, actor: Actor, text: str, field: str) -> CaseNote:
    if not text.strip() or len(text) > MAX_NOTE or "\x00" in text:
        raise InvalidInput("case/note", _("A note has 1 to %(most)s characters.", most=MAX_NOTE), field=field)
    return CaseNote(platform=case.platform, id=uow.ids.new(), case_id=case.id, by=actor.id, at=uow.now, text=text)


def see_evidence(app: App, actor: Actor, case_id: str) -> Case:
    """Note that this person has opened the case with its evidence; nets may ask for it.

    Writes `case.evidence_seen`, once a person; nothing on a closed case.

    Raises:
        NotFound: `case/not_found`.
    """
    with _working(app, actor, case_id) as (uow, me, _):
        case = need_case(uow, case_id)
        if case.state != "open" or me.id in case.evidence_seen_by:
            return case
        return _change(uow, "case.evidence_seen", case, me.id, evidence_seen_by=(*case.evidence_seen_by, me.id))


def release_all(uow: UnitOfWork, staff_id: str, because: str) -> list[Case]:
    """End every claim of a person who may not act any more; the cases go back to their queues.

    Writes one `case.released` a case, by the system.
    """
    held = uow.all(Case, _OPEN, _c.claimed_by == staff_id, order=_c.id)
    released: list[Case] = []
    for seen in held:
        case = need_case(uow, seen.id)
        if case.state == "open" and case.claimed_by == staff_id:
            released.append(_change(uow, "case.released", case, SYSTEM, detail={"because": because}, **_UNCLAIMED))
    return released


def reopen(uow: UnitOfWork, lapsed: Enforcement) -> Case | None:
    """Put the case of a lapsed enforcement back into its queue, unless its subject has an open case again (M9).

    Writes `case.reopened`, by the system.
    """
    if lapsed.case_id is None:
        return None
    case = need_case(uow, lapsed.case_id)
    again = uow.find(Case, _OPEN, _c.platform == case.platform, _c.account == case.account, _c.content == case.content)
    if case.state == "open" or again is not None:
        return None
    return _change(uow, "case.reopened", case, SYSTEM, state="open", closed_at=None, decision_id=None, **_UNCLAIMED)


# what all of them need ---------------------------------------------------------

_UNCLAIMED: dict[str, Any] = {"claimed_by": None, "claimed_until": None, "claim_renewed": False}


def held_by(case: Case, now: datetime) -> str | None:
    """Return who holds a case at this moment: a claim whose time is over counts as none."""
    over = case.claimed_until is None or case.claimed_until <= now
    return None if over else case.claimed_by


def refuse_closed(case: Case) -> None:
    """Raise when a case is closed (`case/closed`)."""
    if case.state != "open":
        raise Conflict("case/closed", "This case is closed; a new report opens a new one.", extra={"case": case.id})


def refuse_others(case: Case, actor: Actor, now: datetime) -> None:
    """Raise when someone else holds a case (`case/claimed`)."""
    if held_by(case, now) not in (None, actor.id):
        raise Conflict(
            "case/claimed", "A colleague is working on this case; take the next one.", extra={"case": case.id}
        )


def acting(uow: UnitOfWork, actor: Actor, power: Power = Power.WORK_CASES) -> Actor:
    """Return the actor as the store knows them now, on duty, with the power, and the token not revoked.

    Raises:
        Denied: `staff/…`, `auth/forbidden`, `auth/revoked`.
    """
    if actor.staff is not None:
        actor = replace(actor, staff=uow.need(Staff, actor.staff.platform, actor.staff.id))
    if actor.token_id is not None:
        token = uow.connection.execute(
            sa.select(tables.token.c.revoked_at).where(tables.token.c.id == actor.token_id)
        ).first()
        if token is None or token.revoked_at is not None:
            raise Denied("auth/revoked", "This token was revoked; sign in again.")
    actor.require(power, uow.now)
    return actor


@contextmanager
def _working(app: App, actor: Actor, case_id: str) -> Iterator[tuple[UnitOfWork, Actor, Rules]]:
    """Open a transaction of someone who works a case: the actor as of now, and the rules."""
    actor.require(Power.WORK_CASES, app.now())
    with app.works.begin() as uow:
        uow.ahead([*person_ahead(actor), rules_ahead(), case_ahead(case_id)])
        if actor.platforms:
            seen_by(need_case(uow, case_id), actor)
        yield uow, acting(uow, actor), load_rules(uow.connection)


def _mine(uow: UnitOfWork, actor: Actor, case_id: str) -> Case:
    case = need_case(uow, case_id)
    refuse_closed(case)
    if held_by(case, uow.now) != actor.id:
        raise Conflict("case/not_claimed", "You do not hold this case; claim it first.", extra={"case": case.id})
    return case


def _free_or_mine(uow: UnitOfWork, actor: Actor, case_id: str) -> Case:
    case = need_case(uow, case_id)
    refuse_closed(case)
    refuse_others(case, actor, uow.now)
    return case


def _change(
    uow: UnitOfWork,
    kind: str,
    case: Case,
    by: str,
    *,
    also: tuple[CaseNote, ...] = (),
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> Case:
    changed = replace(case, version=case.version + 1, **changes)
    uow.record(
        kind,
        by=by,
        platform=case.platform,
        account=case.account,
        about=case.id,
        puts=(changed, *also),
        detail=detail,
    )
    return changed
