"""What incidents, nets and proofs say in fixed sentences of the flow, marked for the catalogue; and lengths of time.

`tests/web/test_lead.py` holds them to be those that the flow says.
"""

from __future__ import annotations

from datetime import datetime

from babel.dates import format_datetime

from gardefou.speech import gettext as _
from gardefou.speech import later, local, ngettext, speech

#: Titles of incidents, as `gardefou.flow.incident_words` has them.
INCIDENTS = (
    later("A change behind our back"),
    later("An early reversal"),
    later("The breaker"),
    later("A spent budget"),
    later("A near miss"),
    later("Broken glass"),
    later("Notices that do not get through"),
    later("An answer that never came"),
)

#: Entries of a timeline that are always the same.
TIMELINE = (
    later("a report comes in"),
    later("takes the case"),
    later("opens the evidence"),
    later("says yes"),
    later("says no; nothing happens"),
    later("lets the broken glass stand"),
    later("all that was asked is there: it may go ahead"),
    later("it lapses; nothing happens"),
    later("it is held back for now"),
    later("refuses it; nothing changes"),
    later("gives no answer; it is read before anything else"),
    later("does nothing; it is tried again"),
    later("shows it undone"),
    later("this incident opens by itself, and those on duty are told"),
    later("more belongs to this incident"),
    later("the breaker stops what else comes from there"),
)
#: Entries that depend on what was asked for.
ACTS = (
    later("it ends by itself"),
    later("restores the account"),
    later("the nets refuse it; nothing happens"),
    later("it is withdrawn; nothing happens"),
    later("withdraws it; nothing happens"),
    later("shows the account restored"),
    later("confirms it"),
    later("shows the account suspended"),
    later("shows the account locked"),
    later("shows the account limited"),
    later("shows the account deactivated"),
    later("shows the account deleted"),
    later("asks to warn the account"),
    later("asks to limit the account"),
    later("asks to lock the account"),
    later("asks to suspend the account"),
    later("asks to deactivate the account"),
    later("asks to delete the account"),
    later("asks to remove content of the account"),
    later("breaks the glass to limit the account"),
    later("breaks the glass to lock the account"),
    later("breaks the glass to suspend the account"),
    later("it waits for its hour; nothing happens yet"),
    later("it waits; nothing happens yet"),
    later("a second look is needed"),
)

#: What is proved of nets, as `gardefou.nets.invariants` has it.
INVARIANTS = (
    later("A protected account needs two more people of other teams, a fresh sign-in and ten minutes."),
    later("A notable or protected account needs at least one more person."),
    later("What cannot be undone waits a day at least, and never goes through broken glass."),
    later("More tier, severity, reach or accounts never ask for less."),
    later("What is not known never asks for less than any value it could have."),
    later(
        "Whoever is suspended or has left does nothing; in the last 24 hours nobody harms a notable or protected one."
    ),
    later("What weakens protection asks what harming a protected account asks."),
    later("An ordinary decision on an ordinary account meets no net."),
    later("An active person who has just signed in is asked for more, never refused, and waits a day at most."),
)


def minutes_said(minutes: float) -> str:
    """Return minutes as people say them: ``11 min``, ``24 s``, ``3 h 20 min``, ``2 days``."""
    seconds = round(minutes * 60)
    if seconds < 60:
        return _("%(number)s s", number=seconds)
    if seconds < 3600:
        whole, rest = divmod(seconds, 60)
        if rest:
            return _("%(minutes)s min %(seconds)s s", minutes=whole, seconds=rest)
        return _("%(number)s min", number=whole)
    if seconds < 2 * 86_400:
        hours, rest = divmod(seconds // 60, 60)
        if rest:
            return _("%(hours)s h %(minutes)s min", hours=hours, minutes=rest)
        return _("%(number)s h", number=hours)
    return ngettext("%(num)s day", "%(num)s days", seconds // 86_400)


def exactly(at: datetime) -> str:
    """Return a moment to the second, in the reader's time zone: ``2 Nov 2017, 21:45:07 UTC``."""
    here = local(at)
    return f"{format_datetime(here, 'd MMM y, HH:mm:ss', locale=speech().locale)} {here.tzname()}"
