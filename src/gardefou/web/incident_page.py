"""One incident as one HTML page that stands by itself: no script, nothing loaded, a picture of the timeline.

The picture runs downwards, in the sequence of what happened: a column each for
people, nets and platform, a band where an account was down. Its numbers are
those of the list beside it, so it is read on a telephone as on a wide screen.
Everything that others wrote is escaped by the template.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gardefou.flow.incident_words import LANES, PLATFORM, TITLES, minutes_in_words, moment_in_words
from gardefou.flow.story import Line, Story, joined, lines
from gardefou.nets.phrasebook import count
from gardefou.speech import bare, bare_plural, later, speech
from gardefou.speech import gettext as _
from gardefou.web.shield import POLICY

#: Sizes of the picture, in CSS pixels at its natural size.
WIDTH = 330
_TOP = 46
_STEP = 40
COLUMNS = {lane: 55 + 110 * place for place, lane in enumerate(LANES)}
LANE_NAMES = {"person": later("People"), "net": later("Nets"), "platform": later("Platform")}
#: A pause of this many seconds or more between two entries is written between them.
_GAP = 60
_ACCOUNTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """An entry in the picture: its number, its lane, and where."""

    number: int
    lane: str
    x: int
    y: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Time that passed between two entries, in words, and where."""

    y: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Time down: from where to where; ``open`` while it goes on."""

    y: int
    height: int
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The geometry of a timeline's picture."""

    height: int
    dots: tuple[Dot, ...]
    gaps: tuple[Gap, ...]
    bands: tuple[Band, ...]

    @property
    def path(self) -> str:
        """The line from entry to entry, as an SVG path."""
        return "M" + " L".join(f"{dot.x} {dot.y}" for dot in self.dots) if self.dots else ""


def incident_page(story: Story) -> str:
    """Return an incident's page as HTML."""
    told = lines(story.timeline)
    down = [one for one in story.accounts if one.spans]
    return (
        _templates()
        .get_template("incident_page.html")
        .render(
            story=story,
            one=story.incident,
            kind=_(TITLES.get(story.incident.kind, story.incident.kind)),
            heading=down_heading(story),
            speech=speech(),
            lane_names={lane: _(name) for lane, name in LANE_NAMES.items()},
            lines=told,
            picture=draw(story, told),
            down=sorted(down, key=lambda one: -one.reach * one.minutes)[:_ACCOUNTS],
            more_down=max(0, len(down) - _ACCOUNTS),
            untouched=len(story.accounts) - len(down),
            width=WIDTH,
            columns=COLUMNS,
            style=_style(),
        )
    )


def down_heading(story: Story) -> str:
    """Return what the time down is called: of one account or of all, over or not."""
    if sum(bool(one.spans) for one in story.accounts) > 1:
        return _("Down, all accounts together, and still") if story.still_down else _("Down, all accounts together")
    return _("Down, and still") if story.still_down else _("Down")


@cache
def page_policy() -> str:
    """Return the content security policy under which the page is served: its own style, and nothing else."""
    fingerprint = b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"{POLICY.decode()}; style-src 'sha256-{fingerprint}'"


def draw(story: Story, told: Sequence[Line], say: Callable[[float], str] = minutes_in_words) -> Picture:
    """Lay out a timeline: entries one below the other, with the time between them where it matters, as ``say`` says."""
    dots: list[Dot] = []
    gaps: list[Gap] = []
    y = _TOP
    before: datetime | None = None
    for number, line in enumerate(told, start=1):
        passed = 0.0 if before is None else (line.first.at - before).total_seconds()
        if passed >= _GAP:
            gaps.append(Gap(y=y + 4, words=say(passed / 60)))
            y += _STEP
        lane = line.first.lane
        dots.append(Dot(number=number, lane=lane, x=COLUMNS[lane], y=y, title=line.first.words))
        y += _STEP
        before = line.first.at
    bottom = y
    if story.still_down and before is not None:
        passed = (story.now - before).total_seconds()
        if passed >= _GAP:
            gaps.append(Gap(y=y + 4, words=_("%(span)s to now", span=say(passed / 60))))
            bottom = y + _STEP
    return Picture(height=bottom, dots=tuple(dots), gaps=tuple(gaps), bands=tuple(_bands(story, told, dots, bottom)))


def _bands(story: Story, told: Sequence[Line], dots: Sequence[Dot], bottom: int) -> list[Band]:
    """Return where anybody was down: one band for all accounts, from the first to the last of each stretch."""
    made: list[Band] = []
    for span in joined([span for one in story.accounts for span in one.spans]):
        top = _place(span.since, told, dots, bottom)
        end = bottom if span.until is None else _place(span.until, told, dots, bottom)
        made.append(Band(y=top, height=max(6, end - top), open=span.until is None))
    return made


def _place(at: datetime, told: Sequence[Line], dots: Sequence[Dot], bottom: int) -> int:
    """Return where a moment lies: at the platform's entry of that moment, else at the next entry after it."""
    for line, dot in zip(told, dots, strict=True):
        if line.first.lane == PLATFORM and line.first.at <= at <= line.last_at:
            return dot.y
    return next((dot.y for line, dot in zip(told, dots, strict=True) if line.first.at >= at), bottom)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("gardefou.web", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # The extension puts it there.
    cast("Any", environment).install_gettext_callables(bare, bare_plural, newstyle=True)
    environment.filters.update(moment=moment_in_words, minutes=minutes_in_words, many=count, said=_)
    return environment


@cache
def _style() -> str:
    return _templates().get_template("incident_page.css").render()
