"""What a ledger event says on an incident's timeline, and in which lane it stands: person, net or platform.

No free text that somebody typed gets in here: a timeline is shown to people
outside the case, and what was typed may name anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import format_datetime

from gardefou.domain.accounts import state_name
from gardefou.domain.records import SYSTEM, Enforcement
from gardefou.errors import InvalidInput
from gardefou.nets.phrasebook import duration
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _
from gardefou.speech import later, ngettext, plain, speech

PERSON = "person"
NET = "net"
PLATFORM = "platform"
#: The lanes of a timeline, from the one who acts to the one who is acted upon.
LANES = (PERSON, NET, PLATFORM)

#: What an incident of each kind is called.
TITLES = {
    "drift": later("A change behind our back"),
    "reversal": later("An early reversal"),
    "breaker": later("The breaker"),
    "budget": later("A spent budget"),
    "near_miss": later("A near miss"),
    "break_glass": later("Broken glass"),
    "undelivered": later("Notices that do not get through"),
    "unsettled": later("An answer that never came"),
}

#: Said of an enforcement whose second look must not know the first (M3).
SECOND_LOOK = later("a second look is needed")

_PLAIN: dict[str, tuple[str, str]] = {
    "report.taken": (PERSON, later("a report comes in")),
    "case.claimed": (PERSON, later("takes the case")),
    "case.evidence_seen": (PERSON, later("opens the evidence")),
    "enforcement.approved": (PERSON, later("says yes")),
    "enforcement.denied": (PERSON, later("says no; nothing happens")),
    "enforcement.ratified": (PERSON, later("lets the broken glass stand")),
    "enforcement.ready": (NET, later("all that was asked is there: it may go ahead")),
    "enforcement.lapsed": (NET, later("it lapses; nothing happens")),
    "enforcement.held_back": (NET, later("it is held back for now")),
    "enforcement.failed": (PLATFORM, later("refuses it; nothing changes")),
    "enforcement.unknown": (PLATFORM, later("gives no answer; it is read before anything else")),
    "enforcement.retrying": (PLATFORM, later("does nothing; it is tried again")),
    "enforcement.restored": (PLATFORM, later("shows it undone")),
    "incident.opened": (NET, later("this incident opens by itself, and those on duty are told")),
    "incident.grew": (NET, later("more belongs to this incident")),
    "breaker.tripped": (NET, later("the breaker stops what else comes from there")),
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
        said = [_("now %(measure)s", measure=plain(one)) for one in added]
        said += [_("no longer %(measure)s", measure=plain(one)) for one in taken]
        return PLATFORM, _("shows a change that did not come through here: %(what)s", what=", ".join(said))
    made = event.enforcement
    if made is not None and event.kind in _OF_ENFORCEMENTS:
        return _of_enforcement(event, made)
    if event.kind == "enforcement.ready" and "enforcement.waiting" not in event.before:
        return None
    if event.kind not in _PLAIN:
        return None
    lane, words = _PLAIN[event.kind]
    return lane, _(words)


def _of_enforcement(event: Happened, made: Enforcement) -> tuple[str, str] | None:
    undoes = made.severity == 0 and made.action == "restore"
    match event.kind:
        case "enforcement.placed" if undoes:
            return (NET, _("it ends by itself")) if event.by == SYSTEM else (PERSON, _("restores the account"))
        case "enforcement.placed":
            return PERSON, asks_to(made)
        case "enforcement.waiting":
            return NET, _waits(made, answered="enforcement.approved" in event.before)
        case "enforcement.refused":
            # A colleague's no has been told already.
            return None if "enforcement.denied" in event.before else (NET, _("the nets refuse it; nothing happens"))
        case "enforcement.cancelled":
            if event.by == SYSTEM:
                return NET, _("it is withdrawn; nothing happens")
            return PERSON, _("withdraws it; nothing happens")
        case _ if undoes:
            return None if event.lifts_known else (PLATFORM, _("shows the account restored"))
        case _:
            measures = frozenset(made.measures)
            if not measures or all(one.startswith(("label:", "removed:")) for one in measures):
                return PLATFORM, _("confirms it")
            return PLATFORM, _("shows the account %(state)s", state=plain(state_name(measures)))


def asks_to(made: Enforcement) -> str:
    """Return what somebody wanted: ``asks to suspend the account``."""
    if made.label:
        what = _("label the account %(label)s", label=plain(made.label))
    elif made.action == "remove_content":
        what = _("remove content of the account")
    else:
        what = _("%(act)s the account", act=plain(made.action))
    if made.via == "break_glass":
        return _("breaks the glass to %(what)s", what=what)
    return _("asks to %(what)s", what=what)


def _waits(made: Enforcement, *, answered: bool) -> str:
    try:
        verdict = Verdict.from_json(made.verdict)
    except InvalidInput:
        return _("it waits; nothing happens yet")
    asked = [] if answered else [need.in_words() for need in verdict.approvals]
    if verdict.hold_seconds:
        asked.append(duration(verdict.hold_seconds))
    if not asked:
        return _("it waits for its hour; nothing happens yet")
    if answered:
        return _("it waits for another %(time)s, in which anyone can stop it", time=asked[0])
    return _("it waits for %(what)s; nothing happens on one click", what=_(" and ").join(asked))


def moment_in_words(at: datetime) -> str:
    """Return an instant as a timeline writes it: ``2 Nov 2017, 21:45:00``, in UTC."""
    return format_datetime(at, "d MMM y, HH:mm:ss", locale=speech().locale)


def minutes_in_words(minutes: float) -> str:
    """Return minutes as people say them: ``11 minutes``, ``24 seconds``, ``3 h 20 min``, ``2 days 4 h``."""
    seconds = round(minutes * 60)
    if seconds < 60:
        return ngettext("%(num)s second", "%(num)s seconds", seconds)
    if seconds < 3600:
        whole, rest = divmod(seconds, 60)
        said = ngettext("%(num)s minute", "%(num)s minutes", whole)
        return _("%(minutes)s %(seconds)s s", minutes=said, seconds=rest) if rest else said
    if seconds < 2 * 86_400:
        hours, rest = divmod(seconds // 60, 60)
        if rest:
            return _("%(hours)s h %(minutes)s min", hours=hours, minutes=rest)
        return _("%(number)s h", number=hours)
    days, rest = divmod(seconds // 3600, 24)
    said = ngettext("%(num)s day", "%(num)s days", days)
    return _("%(days)s %(hours)s h", days=said, hours=rest) if rest else said
