"""The overview's figures as plots: what each is called, its columns, and its rows, which are the table behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from babel.dates import format_date

from gardefou.flow.backlog import AGES, Waiting, by_age
from gardefou.flow.figures import Bucket, Span
from gardefou.speech import clock_time, decimal, local, ngettext, speech
from gardefou.speech import gettext as _
from gardefou.web.console.words import moment, span


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a plot's table; ``tone`` is its colour, empty where it is in the table only."""

    name: str
    tone: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it is of, shortly and in full, and a value for each column; None where there is none."""

    label: str
    full: str
    values: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One plot. ``kind``: ``bars`` (one on the other) or ``lines``."""

    id: str
    title: str
    says: str
    kind: str
    of: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def plots(span_: Span, buckets: Sequence[Bucket], waiting: Sequence[Waiting]) -> list[Plot]:
    """Return the plots of the first page."""

    def rows(*values: Callable[[Bucket], int | None]) -> tuple[Row, ...]:
        return tuple(
            Row(_short(span_, one), moment(one.since), tuple(value(one) for value in values)) for one in buckets
        )

    def named(*names: str) -> tuple[Row, ...]:
        return rows(*(partial(_of, name) for name in names))

    def total(name: str) -> int:
        return sum(one.of(name) for one in buckets)

    since = _("From")
    kept, late = total("kept"), total("late")
    spoken, shadow = sum(_spoken(one, "net:") for one in buckets), sum(_spoken(one, "shadow:") for one in buckets)
    open_now = sum(one.cases for one in waiting)
    return [
        Plot(
            id="arrivals",
            title=_("What came in"),
            says=_(
                "%(reports)s reports, %(cases)s cases", reports=decimal(total("reports")), cases=decimal(total("cases"))
            ),
            kind="lines",
            of=since,
            columns=(Column(_("Reports"), "move"), Column(_("New cases"), "accent")),
            rows=named("reports", "cases"),
        ),
        Plot(
            id="backlog",
            title=_("What waits, by age"),
            says=ngettext("%(num)s case is open now", "%(num)s cases are open now", open_now),
            kind="bars",
            of=_("Age"),
            columns=(Column(_("Open cases"), "wait"),),
            rows=_ages(by_age(waiting)),
        ),
        Plot(
            id="sla",
            title=_("Closed in time"),
            says=_("%(share)s in time", share=_share(kept, kept + late)) if kept + late else _("Nothing was closed"),
            kind="bars",
            of=since,
            columns=(Column(_("In time"), "good"), Column(_("Late"), "bad")),
            rows=named("kept", "late"),
        ),
        Plot(
            id="decisions",
            title=_("Decisions"),
            says=_(
                "%(no)s no violation, %(yes)s violation",
                no=decimal(total("no_violation")),
                yes=decimal(total("violation")),
            ),
            kind="bars",
            of=since,
            columns=(Column(_("No violation"), "ink-soft"), Column(_("Violation"), "accent")),
            rows=named("no_violation", "violation"),
        ),
        Plot(
            id="reversals",
            title=_("Undone by people"),
            says=_(
                "%(undone)s restores beside %(placed)s enforcements",
                undone=decimal(total("reversed")),
                placed=decimal(total("placed")),
            ),
            kind="bars",
            of=since,
            columns=(Column(_("Restores"), "bad"), Column(_("Enforcements placed"))),
            rows=named("reversed", "placed"),
        ),
        Plot(
            id="nets",
            title=_("Nets that spoke"),
            says=_("%(asked)s times, and %(shadow)s in shadow", asked=decimal(spoken), shadow=decimal(shadow)),
            kind="bars",
            of=since,
            columns=(Column(_("Spoke"), "protected"), Column(_("In shadow"), "ink-soft")),
            rows=rows(lambda one: _spoken(one, "net:"), lambda one: _spoken(one, "shadow:")),
        ),
        Plot(
            id="restores",
            title=_("Time to restore"),
            says=_("From the click to what the platform shows"),
            kind="lines",
            of=since,
            columns=(
                Column(_("Half within"), "good", "ms"),
                Column(_("99 in 100 within"), "notable", "ms"),
                Column(_("Restores")),
            ),
            rows=rows(
                lambda one: one.restored_within(0.5),
                lambda one: one.restored_within(0.99),
                lambda one: one.of("reversed"),
            ),
        ),
    ]


def _of(name: str, one: Bucket) -> int:
    return one.of(name)


def _spoken(one: Bucket, kind: str) -> int:
    return sum(count for name, count in one.counts.items() if name.startswith(kind))


def _share(part: int, whole: int) -> str:
    # Rounded down: what is not quite all is not told as all.
    return _("%(number)s %%", number=decimal(1000 * part // whole / 10))


def _short(span_: Span, one: Bucket) -> str:
    if span_.hours == 1:
        return clock_time(one.since)
    day = format_date(local(one.since), "d MMM", locale=speech().locale)
    return day if span_.hours == 24 else f"{day}, {clock_time(one.since)}"


def _ages(counts: Sequence[int]) -> tuple[Row, ...]:
    names = [
        _("under %(span)s", span=span(AGES[0])),
        *(_("%(from)s to %(to)s", **{"from": span(lower), "to": span(upper)}) for lower, upper in pairwise(AGES)),
        _("over %(span)s", span=span(AGES[-1])),
    ]
    short = [*(f"< {span(age)}" for age in AGES), f"> {span(AGES[-1])}"]
    return tuple(Row(label, name, (count,)) for label, name, count in zip(short, names, counts, strict=True))
