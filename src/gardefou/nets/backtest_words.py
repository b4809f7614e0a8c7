"""What a backtest says in words: lengths of time, and how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gardefou.nets.phrasebook import quantity
from gardefou.speech import decimal, ngettext
from gardefou.speech import gettext as _

if TYPE_CHECKING:
    from gardefou.nets.backtested import Backtest


def limits(found: Backtest, *, named: int) -> Iterator[str]:
    """Yield a sentence for each thing that the figures rest on; of facts not recorded, so many are named."""
    if found.answer_seconds is not None:
        yield _(
            "People took a median of %(time)s to answer, over the %(number)s that waited for them in this history; "
            "where they would have been asked newly, that is in the delay.",
            time=in_words(found.answer_seconds),
            number=decimal(found.answered),
        )
    else:
        yield _(
            "Nothing waited for people in this history, so how long they would take to answer is not known: the delay "
            "is the hold alone."
        )
    if found.unknown:
        most = sorted(found.unknown_facts.items(), key=lambda one: (-one[1], one[0]))
        facts = ", ".join(_("%(fact)s of %(number)s", fact=name, number=decimal(count)) for name, count in most[:named])
        if len(most) > named:
            facts += _(", and %(number)s more", number=len(most) - named)
        yield _(
            "A fact that these nets read was not recorded of %(enforcements)s, and is taken at its most protective "
            "value: %(facts)s.",
            enforcements=many(found.unknown),
            facts=facts,
        )
    else:
        yield _("Every fact that these nets read was recorded of all of them.")


def in_words(seconds: float) -> str:
    """Say a length of time: ``no time``, ``45 seconds``, ``4 minutes``, ``3.5 hours``, ``2 days``."""
    if not seconds:
        return _("no time")
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return quantity(round(seconds / size, 1), unit)
    number = round(seconds, 1)
    return ngettext(
        "%(num)s second", "%(num)s seconds", int(number) if number == int(number) else 2, num=decimal(number)
    )


def many(count: int) -> str:
    """Say how many enforcements."""
    return ngettext("%(num)s enforcement", "%(num)s enforcements", count)
