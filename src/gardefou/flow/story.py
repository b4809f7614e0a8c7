"""An incident's story as a value: its timeline, what was down and for how long, and the nets; with its shapes.

`incident_story` reads one; command line, API, console and the page that stands alone tell it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gardefou.clock import rfc3339
from gardefou.domain.records import Incident
from gardefou.flow.incident_nets import NetSaid

#: A timeline with more entries is told with alike ones in one line.
_LONG = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One entry of a timeline.

    ``lane``: person, net or platform. ``who``: a pseudonym, a service's name,
    or nothing where nobody acted. ``words`` name neither.
    """

    at: datetime
    lane: str
    who: str
    words: str
    kind: str
    account: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of time in which an account was down; ``until`` is None while it still is."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """An account of the incident, and when it was down. ``reach``: the most it had when it was acted on."""

    account: str
    handle: str
    reach: int
    spans: tuple[Span, ...]
    minutes: float

    @property
    def still(self) -> bool:
        """Whether it is down now."""
        return any(span.until is None for span in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An incident with all that can be told of it, as of ``now``.

    ``accounts`` holds every account it names, down or not. ``more``: whether
    the timeline was cut at `MOST_EVENTS`.
    """

    incident: Incident
    now: datetime
    timeline: tuple[Moment, ...]
    more: bool
    accounts: tuple[Down, ...]
    spoke: tuple[NetSaid, ...]
    silent: tuple[NetSaid, ...]

    @property
    def near_miss(self) -> bool:
        """Whether something grave on a notable or protected account came to nothing."""
        return self.incident.kind == "near_miss"

    @property
    def minutes_down(self) -> float:
        """Minutes down, all accounts together; an account that is down still counts to ``now``."""
        return round(sum(one.minutes for one in self.accounts), 2)

    @property
    def reach_minutes(self) -> int:
        """Each account's reach times its minutes down, together: how much was not seen by whom it was for."""
        return round(sum(one.reach * one.minutes for one in self.accounts))

    @property
    def still_down(self) -> bool:
        """Whether any account is down now."""
        return any(one.still for one in self.accounts)

    def to_json(self) -> dict[str, Any]:
        """Return what the API and ``gardefou incident show --json`` add to the incident itself."""
        return {
            "near_miss": self.near_miss,
            "minutes_down": self.minutes_down,
            "reach_minutes": self.reach_minutes,
            "still_down": self.still_down,
            "down": [
                {
                    "account": one.account,
                    "reach": one.reach,
                    "minutes": round(one.minutes, 2),
                    "spans": [{"from": rfc3339(span.since), "to": _at(span.until)} for span in one.spans],
                }
                for one in self.accounts
            ],
            "nets": {"spoke": [one.to_json() for one in self.spoke], "silent": [one.to_json() for one in self.silent]},
            "timeline": [
                {
                    "at": rfc3339(one.at),
                    "lane": one.lane,
                    "words": one.words,
                    "kind": one.kind,
                    "by": one.who or None,
                    "account": one.account or None,
                    "about": one.about,
                }
                for one in self.timeline
            ],
            "timeline_cut": self.more,
        }

    def document(self) -> dict[str, Any]:
        """Return the whole incident as one JSON document, as the API answers it."""
        one = self.incident
        return {
            "id": one.id,
            "platform": one.platform,
            "kind": one.kind,
            "accounts": list(one.accounts),
            "enforcements": list(one.enforcements),
            "about": one.about or None,
            "opened_at": rfc3339(one.opened_at),
            "last_at": rfc3339(one.last_at),
            "summary": one.summary,
            "detail": dict(one.detail),
            **self.to_json(),
        }


def joined(spans: Sequence[Span]) -> list[Span]:
    """Return the same time as stretches that do not overlap, oldest first: no minute is counted twice."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda one: one.since):
        last = whole[-1] if whole else None
        if last is None or (last.until is not None and last.until < span.since):
            whole.append(span)
        elif last.until is not None and (span.until is None or span.until > last.until):
            whole[-1] = replace(last, until=span.until)
    return whole


# told shortly --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a timeline as people read it: one entry, or many alike with how many and when the last was."""

    first: Moment
    number: int
    last_at: datetime


def lines(timeline: Sequence[Moment]) -> list[Line]:
    """Return a timeline's lines, oldest first; a long one has alike entries in one line, at the first of them."""
    if len(timeline) <= _LONG:
        return [Line(first=one, number=1, last_at=one.at) for one in timeline]
    alike: dict[tuple[str, str, str], list[Moment]] = {}
    for one in timeline:
        alike.setdefault((one.lane, one.who, one.words), []).append(one)
    return [Line(first=many[0], number=len(many), last_at=many[-1].at) for many in alike.values()]


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
