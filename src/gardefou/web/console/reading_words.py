"""How accounts, people, the registry and the record are said on their pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gardefou.errors import InvalidInput
from gardefou.flow.registry import Criterion
from gardefou.nets.phrasebook import count
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.speech import later, plain, speech
from gardefou.web.console import words

#: What an import would do with a line, and the colour of its badge.
OUTCOMES: dict[str, tuple[str, str]] = {
    "new": (later("new"), "good"),
    "raised": (later("raised"), "good"),
    "renewed": (later("renewed"), "good"),
    "lowered": (later("lowered: it waits for people"), "wait"),
    "asked": (later("waits for people already"), "off"),
    "unchanged": (later("unchanged"), "off"),
    "refused": (later("refused"), "bad"),
}

_POWERS: dict[Power, str] = {
    Power.READ: later("read everything"),
    Power.WORK_CASES: later("work cases"),
    Power.ENFORCE: later("place enforcements"),
    Power.ENFORCE_LEGAL: later("place what the law demands"),
    Power.APPROVE: later("approve"),
    Power.LIFT: later("restore, roll back, pause and cancel"),
    Power.BREAK_GLASS: later("break the glass"),
    Power.RESUME: later("resume after a pause"),
    Power.TOP_UP: later("top up budgets"),
    Power.TIERS: later("change tiers"),
    Power.NETS: later("propose nets"),
    Power.STAFF: later("look after people"),
    Power.PLATFORMS: later("register platforms"),
    Power.SETTINGS: later("change settings"),
    Power.TOKENS: later("issue tokens of services"),
    Power.REVEAL: later("reveal names"),
    Power.REPORT: later("report"),
}

#: Colour of the badge of what kind an entry of a timeline is, and its name.
ENTRIES: dict[str, tuple[str, str]] = {
    "report": (later("report"), "off"),
    "decision": (later("decision"), "move"),
    "enforcement": (later("enforcement"), "on"),
    "restore": (later("restore"), "good"),
    "note": (later("note"), "off"),
    "tier": (later("tier"), "notable"),
    "incident": (later("incident"), "bad"),
    "case": (later("case"), "off"),
    "account": (later("account"), "wait"),
}

_STANDINGS = {"active": "good", "leaving": "wait", "suspended": "bad", "left": "off"}


_THINGS: dict[str, str] = {"cases": later("case"), "case_note": later("note"), "platform_entry": later("platform")}


def thing(table: str) -> str:
    """Return what a row of a table is called."""
    return _(_THINGS[table]) if table in _THINGS else plain(table)


def outcome(name: str) -> str:
    """Return what an import would do with a line."""
    return _(OUTCOMES[name][0])


def outcome_tone(name: str) -> str:
    """Return the colour of its badge."""
    return OUTCOMES[name][1]


def entry_tone(name: str) -> str:
    """Return the colour of the badge of an entry of a timeline."""
    return ENTRIES[name][1]


def standing_tone(name: str) -> str:
    """Return the colour of a person's standing."""
    return _STANDINGS[name]


def power(one: Power) -> str:
    """Return what a power lets a person do."""
    return _(_POWERS[one])


def entry_kind(name: str) -> str:
    """Return what kind of entry one of a timeline is."""
    return _(ENTRIES[name][0])


def criterion(one: Criterion) -> str:
    """Return one reason for a tier in words."""
    match one.kind:
        case "label":
            return _("labelled %(label)s by the platform", label=plain(one.value))
        case "reach":
            assert isinstance(one.value, int)
            return _("reaches %(reach)s or more", reach=count(one.value))
        case "verified":
            return _("a verified organisation")
        case "memory":
            return _("had the tier %(tier)s until lately, and counts as that", tier=plain(one.tier))
        case _:
            return _("entered in the registry")


def end_of_day(text: str, field: str, zone: str = "") -> datetime | None:
    """Return the end of a day, in the reader's time zone where none is named; None where no day is given.

    Raises:
        InvalidInput: it is no day (`console/day`), no time zone (`console/zone`).
    """
    if not text:
        return None
    try:
        where = ZoneInfo(zone) if zone else speech().zone
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput("console/zone", _("There is no such time zone."), field="zone") from error
    try:
        # The browser's own field writes it so, in every language.
        return datetime.combine(date.fromisoformat(text), time(23, 59), tzinfo=where).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("console/day", _("Write the day as 2027-05-31."), field=field) from error


def shown_value(value: Any) -> str:
    """Return a value of an event in words, short enough to be read."""
    said = words.fact(value)
    return said if len(said) <= 300 else said[:299] + "…"


FILTERS: dict[str, Callable[..., str]] = {
    "criterion": criterion,
    "entry_kind": entry_kind,
    "entry_tone": entry_tone,
    "outcome": outcome,
    "outcome_tone": outcome_tone,
    "power": power,
    "shown_value": shown_value,
    "standing_tone": standing_tone,
    "thing": thing,
}
