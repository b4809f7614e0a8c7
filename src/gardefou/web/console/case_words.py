"""How a case's page says things: what changed while somebody looked, and what a step did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from gardefou.speech import gettext, later, ngettext
from gardefou.web.console import words
from gardefou.web.console.reading import Moment

#: What somebody else did to a case or its account meanwhile.
_DID: dict[str, str] = {
    "case.claimed": later("%(who)s took this case, %(ago)s."),
    "case.released": later("%(who)s gave this case back, %(ago)s."),
    "case.skipped": later("%(who)s left this case to others, %(ago)s."),
    "case.moved": later("%(who)s moved this case to another queue, %(ago)s."),
    "case.escalated": later("%(who)s escalated this case, %(ago)s."),
    "case.noted": later("%(who)s wrote a note, %(ago)s."),
    "case.reopened": later("%(who)s opened this case again, %(ago)s."),
    "decision.made": later("%(who)s decided this case, %(ago)s."),
    "enforcement.placed": later("%(who)s decided something else about this account, %(ago)s."),
    "enforcement.restored": later("What stood on this account was undone, %(ago)s."),
    "account.drifted": later("The platform shows a change of this account that did not come through here, %(ago)s."),
    "account.tier_set": later("%(who)s set another tier, %(ago)s."),
}
CHANGES = frozenset(_DID)


def changes(moments: Iterable[Moment], who: Callable[[str], str], now: datetime) -> list[str]:
    """Return what others did meanwhile, a sentence each."""
    return [gettext(_DID[one.kind], who=who(one.by), ago=words.ago(one.at, now)) for one in moments]


def more_reports(number: int) -> str:
    """Return that reports came meanwhile."""
    return ngettext("%(num)s more report came in.", "%(num)s more reports came in.", number)


#: What the page says after a step that decided nothing.
DONE: dict[str, str] = {
    "no_violation": later("Closed: no violation. Nothing happened to the account."),
    "released": later("Given back to its queue."),
    "skipped": later("Left to others; you are not offered it again."),
    "moved": later("Moved to the other queue."),
    "escalated": later("Escalated: it stands before the others, and someone else decides."),
    "noted": later("The note is kept."),
    "renewed": later("Yours for longer."),
    "reopened": later("Taken back: the case is open again, and yours."),
    "undone": later("Taken back: the case is open again, for someone else."),
    "again": later("Taken back. It was reported again meanwhile: the new case is decided anew."),
    "empty": later("Nothing waits that is free for you."),
}
