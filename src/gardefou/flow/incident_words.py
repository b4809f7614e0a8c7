"""What a ledger event says on an incident's timeline, and in which lane it stands: person, net or platform.

No free text that somebody typed gets in here: a timeline is shown to people
outside the case, and what was typed may name anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gardefou.domain.accounts import state_name
from gardefou.domain.records import SYSTEM, Enforcement
from gardefou.errors import InvalidInput
from gardefou.nets.phrasebook import duration
from gardefou.nets.verdict import Verdict

PERSON = "person"
NET = "net"
PLATFORM = "platform"
#: The lanes of a timeline, from the one who acts to the one who is acted upon.
LANES = (PERSON, NET, PLATFORM)

#: What an incident of each kind is called.
TITLES = {
    "drift": "A change behind our back",
    "reversal": "An early reversal",
    "breaker": "The breaker",
    "budget": "A spent budget",
    "near_miss": "A near miss",
    "break_glass": "Broken glass",
    "undelivered": "Notices that do not get through",
    "unsettled": "An answer that never came",
}

#: Said of an enforcement whose second look must not know the first (M3).
SECOND_LOOK = "a second look is needed"

_PLAIN: dict[str, tuple[str, str]] = {
    "report.taken": (PERSON, "a report comes in"),
    "case.claimed": (PERSON, "takes the case"),
    "case.evidence_seen": (PERSON, "opens the evidence"),
    "enforcement.approved": (PERSON, "says yes"),
    "enforcement.denied": (PERSON, "says no; nothing happens"),
    "enforcement.ratified": (PERSON, "lets the broken glass stand"),
    "enforcement.ready": (NET, "all that was asked is there: it may go ahead"),
    "enforcement.lapsed": (NET, "it lapses; nothing happens"),
    "enforcement.held_back": (NET, "it is held back for now"),
    "enforcement.failed": (PLATFORM, "refuses it; nothing changes"),
    "enforcement.unknown": (PLATFORM, "gives no answer; it is read before anything else"),
    "enforcement.retrying": (PLATFORM, "does nothing; it is tried again"),
    "enforcement.restored": (PLATFORM, "shows it undone"),
    "incident.opened": (NET, "this incident opens by itself, and those on duty are told"),
    "incident.grew": (NET, "more belongs to this incident"),
    "breaker.tripped": (NET, "the breaker stops what else comes from there"),
}
_OF_ENFORCEMENTS = frozenset(
    {
        "enforcement.placed",
        "enforcement.waiting",
        "enforcement.refused",
        "enforcement.cancelled",
        "enforcement.in_force",
    }
)
#: The kinds of events that a timeline shows; the others are steps in between.
KINDS = (*_PLAIN, *sorted(_OF_ENFORCEMENTS), "account.drifted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One ledger event with what is needed to put it into words."""

    kind: str
    by: str
    detail: Mapping[str, Any]
    enforcement: Enforcement | None
    #: Kinds of earlier events of the same enforcement.
    before: frozenset[str]
    #: For a restore: whether enforcements of this incident end with it, which says the same.
    lifts_known: bool


def in_words(event: Happened) -> tuple[str, str] | None:
    """Return the lane and the words of an event, or None where it says nothing new."""
    if event.kind == "account.drifted":
        added = [str(one) for one in event.detail.get("added", ())]
        taken = [str(one) for one in event.detail.get("taken", ())]
        what = ", ".join([*(f"now {one}" for one in added), *(f"no longer {one}" for one in taken)])
        return PLATFORM, f"shows a change that did not come through here: {what}"
    made = event.enforcement
    if made is not None and event.kind in _OF_ENFORCEMENTS:
        return _of_enforcement(event, made)
    if event.kind == "enforcement.ready" and "enforcement.waiting" not in event.before:
        return None
    return _PLAIN.get(event.kind)


def _of_enforcement(event: Happened, made: Enforcement) -> tuple[str, str] | None:
    undoes = made.severity == 0 and made.action == "restore"
    match event.kind:
        case "enforcement.placed" if undoes:
            return (NET, "it ends by itself") if event.by == SYSTEM else (PERSON, "restores the account")
        case "enforcement.placed":
            return PERSON, asks_to(made)
        case "enforcement.waiting":
            return NET, _waits(made, answered="enforcement.approved" in event.before)
        case "enforcement.refused":
            # A colleague's no has been told already.
            return None if "enforcement.denied" in event.before else (NET, "the nets refuse it; nothing happens")
        case "enforcement.cancelled":
            lane = NET if event.by == SYSTEM else PERSON
            return lane, "it is withdrawn; nothing happens" if lane == NET else "withdraws it; nothing happens"
        case _ if undoes:
            return None if event.lifts_known else (PLATFORM, "shows the account restored")
        case _:
            measures = frozenset(made.measures)
            if not measures or all(one.startswith(("label:", "removed:")) for one in measures):
                return PLATFORM, "confirms it"
            return PLATFORM, f"shows the account {state_name(measures)}"


def asks_to(made: Enforcement) -> str:
    """Return what somebody wanted: ``asks to suspend the account``."""
    what = f"label the account {made.label}" if made.label else f"{made.action.replace('_', ' ')} the account"
    if made.action == "remove_content":
        what = "remove content of the account"
    if made.action == "warn":
        what = "warn the account"
    glass = "breaks the glass to " if made.via == "break_glass" else "asks to "
    return glass + what


def _waits(made: Enforcement, *, answered: bool) -> str:
    try:
        verdict = Verdict.from_json(made.verdict)
    except InvalidInput:
        return "it waits; nothing happens yet"
    asked = [] if answered else [need.in_words() for need in verdict.approvals]
    if verdict.hold_seconds:
        asked.append(duration(verdict.hold_seconds))
    if not asked:
        return "it waits for its hour; nothing happens yet"
    if answered:
        return f"it waits for another {asked[0]}, in which anyone can stop it"
    return f"it waits for {' and '.join(asked)}; nothing happens on one click"


def moment_in_words(at: datetime) -> str:
    """Return an instant as a timeline writes it: ``2 Nov 2017, 21:45:00``, in UTC."""
    return f"{at.day} {at:%b %Y, %H:%M:%S}"


def minutes_in_words(minutes: float) -> str:
    """Return minutes as people say them: ``11 minutes``, ``24 seconds``, ``3 h 20 min``, ``2 days 4 h``."""
    seconds = round(minutes * 60)
    if seconds < 60:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    if seconds < 3600:
        whole, rest = divmod(seconds, 60)
        return f"{whole} minute{'' if whole == 1 else 's'}" + (f" {rest} s" if rest else "")
    if seconds < 2 * 86_400:
        hours, rest = divmod(seconds // 60, 60)
        return f"{hours} h" + (f" {rest} min" if rest else "")
    days, rest = divmod(seconds // 3600, 24)
    return f"{days} days" + (f" {rest} h" if rest else "")
