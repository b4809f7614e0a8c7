"""The facts that nets read: name, type, bounds, meaning, and the most protective value of each.

`SCHEMA` is the only list of facts; the condition language is checked against
it, and `Facts` holds values that passed it. A fact that is absent is
*unknown*: it is taken at its most protective value, or, where no value is most
protective (free texts, and kinds that different
nets look for), reading it errs and the net counts as matched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NoReturn, Self, cast

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action, Reversibility
from gardefou.errors import InvalidInput
from gardefou.nets.suggest import suggestion

Value = bool | int | float | str | tuple[str, ...]

#: Greater than any real count or reach; still exact as a float and in SQL.
VERY_LARGE = 10**15
#: ``actor.hours_to_last_day_end`` of someone without a last day: 100 years.
NO_LAST_DAY_HOURS = 876_600
#: Longest text and most texts in a list that a fact may hold.
MAX_TEXT = 4_000
MAX_TEXTS = 1_000


class Kind(StrEnum):
    """The type of a fact."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    ENUM = "enum"
    TEXTS = "list of text"


class Unit(StrEnum):
    """What a number measures, so that ``"10m"`` can be compared with it."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"

    @property
    def seconds(self) -> int:
        """Seconds in one of it."""
        return {"minutes": 60, "hours": 3_600, "days": 86_400}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One fact: its dotted name, type, bounds, meaning and most protective value.

    ``most_protective`` is ``None`` where no value is; ``choices`` are the words
    of an enum, or those a condition may look for in a list; ``index`` is its place in `Facts.row`.
    """

    name: str
    kind: Kind
    says: str
    index: int
    most_protective: Value | None = None
    choices: tuple[str, ...] = ()
    maximum: int = VERY_LARGE
    unit: Unit | None = None

    @property
    def is_number(self) -> bool:
        """Whether it can be calculated with."""
        return self.kind in (Kind.INT, Kind.FLOAT)

    def validated(self, value: object) -> Value:
        """Return ``value`` as this fact holds it.

        Raises:
            InvalidInput: wrong type or out of bounds, R17 (`facts/invalid`).
        """
        match self.kind:
            case Kind.BOOL if isinstance(value, bool):
                return value
            case Kind.INT if isinstance(value, int) and not isinstance(value, bool):
                return self._bounded(value)
            case Kind.FLOAT if isinstance(value, int | float) and not isinstance(value, bool):
                return self._bounded(value)
            case Kind.TEXT if isinstance(value, str):
                return self._short(value)
            case Kind.ENUM if isinstance(value, str):
                word = str(value)
                if word in self.choices:
                    return word
                raise self._wrong(f"is {word!r}; use one of {', '.join(self.choices)}")
            case Kind.TEXTS if isinstance(value, tuple | list | set | frozenset):
                return self._texts(tuple(cast("Iterable[object]", value)))
            case _:
                raise self._wrong(f"must be of type {self.kind}, not {type(value).__name__}")

    def _bounded(self, value: float) -> int | float:
        if math.isnan(value) or math.isinf(value):
            raise self._wrong("must be a finite number")
        if value < 0:
            raise self._wrong(f"is {value}; it cannot be negative")
        if value > self.maximum:
            raise self._wrong(f"is {value}; it cannot exceed {self.maximum}")
        return value

    def _short(self, value: str) -> str:
        if len(value) > MAX_TEXT:
            raise self._wrong(f"is longer than {MAX_TEXT} characters")
        return str(value)

    def _texts(self, values: tuple[object, ...]) -> tuple[str, ...]:
        if len(values) > MAX_TEXTS:
            raise self._wrong(f"has more than {MAX_TEXTS} entries")
        texts: list[str] = []
        for one in values:
            if not isinstance(one, str):
                raise self._wrong(f"must be a list of texts, not of {type(one).__name__}")
            texts.append(self._short(one))
        # A set by meaning: sorted without repetition, so that equal facts are stored alike.
        return tuple(sorted(set(texts)))

    def _wrong(self, problem: str) -> InvalidInput:
        return InvalidInput("facts/invalid", f"Fact {self.name} {problem}.", field=self.name)


STANDINGS = ("active", "leaving", "suspended", "left")
VIAS = ("console", "api", "cli", "system", "break_glass")
#: The roles shipped; conditions and ``from`` may name only these.
ROLES = ("reviewer", "lead", "policy", "oncall", "legal", "admin", "auditor")
STATES = ("active", "limited", "locked", "suspended", "deactivated", "deleted")
_TIERS = tuple(tier.value for tier in Tier)


def _schema() -> dict[str, FactSpec]:
    specs: dict[str, FactSpec] = {}

    def fact(name: str, kind: Kind, says: str, most_protective: Value | None = None, **more: Any) -> None:
        specs[name] = FactSpec(
            name=name, kind=kind, says=says, index=len(specs), most_protective=most_protective, **more
        )

    b, i, f, t, e, ts = Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.TEXT, Kind.ENUM, Kind.TEXTS
    many = VERY_LARGE
    fact("account.tier", e, "the account's tier now", "protected", choices=_TIERS)
    fact("account.tier_memory", e, "its highest tier of the last 30 days", "protected", choices=_TIERS)
    fact("account.reach", i, "how many accounts it reaches", many)
    fact("account.labels", ts, "labels the platform put on it")
    fact("account.state", e, "its state at the platform", choices=STATES)
    fact("account.age_days", f, "how old the account is", many, unit=Unit.DAYS)
    fact("account.lookalike", b, "whether its name looks like a protected account's", True)
    fact(
        "account.enforced_24h",
        i,
        "effects on it in the last 24 hours, content items counted singly, with this enforcement's beyond the first",
        many,
    )
    fact("account.restored_30d", i, "restores of it in the last 30 days", many)

    fact("action.name", e, "what is to be done", choices=tuple(action.value for action in Action))
    fact("action.severity", i, "how much it harms, 0 to 5, as the platform does it", 5, maximum=5)
    fact(
        "action.reversibility",
        e,
        "how far the platform can undo it",
        "none",
        choices=tuple(word.value for word in Reversibility),
    )
    fact("action.on_content", b, "whether it targets content items, not the account", False)
    fact("action.bulk", i, "how many accounts are judged together; 1 for a single one", many)
    fact("action.duration_hours", f, "how long it lasts", many, unit=Unit.HOURS)
    fact("action.scheduled", b, "whether it runs later than now", True)
    fact("action.automated", b, "whether an automation caused it", True)
    # No value is most protective: the mark lifts budgets, and its absence lifts the look of one of legal (I5).
    fact("action.legal", b, "whether the law demands it")
    fact("action.label", t, "the label it puts on, or nothing")

    fact("actor.roles", ts, "roles of whoever places it", (), choices=ROLES)
    fact("actor.team", t, "their team")
    fact("actor.employer", t, "who employs them")
    fact("actor.standing", e, "their standing", "suspended", choices=STANDINGS)
    fact("actor.tenure_days", f, "how long they have been on staff", 0, unit=Unit.DAYS)
    fact("actor.hours_to_last_day_end", f, "hours until their last day ends", 0, unit=Unit.HOURS)
    fact("actor.fresh_minutes", f, "minutes since their last strong sign-in", many, unit=Unit.MINUTES)
    # Nets for people and nets for services each let the other kind through: neither value is most protective (I5).
    fact("actor.human", b, "whether it is a person, not a service")
    fact("actor.in_shift", b, "whether they are on duty", False)
    fact("actor.via", e, "the way they came", choices=VIAS)
    fact("actor.involved_30d", b, "whether they placed, approved or restored on it within 30 days", True)

    fact("case.reports", i, "open reports (of the content item that has fewest)", 0)
    fact("case.reporters", i, "different people who reported", 0)
    fact("case.burst", b, "whether the reports came in a burst", True)
    fact("case.category", t, "what it was reported as")
    fact("case.policy", t, "the policy decided on")
    fact("case.trusted_flagger", b, "whether a trusted flagger reported it", False)
    fact("case.evidence_seen", b, "whether the reviewer opened the evidence", False)
    fact("case.language", t, "the language of what was reported")
    fact("case.harm", i, "how much harm the category can do, 0 unknown to 5 danger to life", 0, maximum=5)

    windows = {
        "actor_1h": "this person, last hour",
        "actor_24h": "this person, last 24 hours",
        "team_1h": "their team, last hour",
        "platform_1h": "the whole platform, last hour",
    }
    for window, who in windows.items():
        fact(f"recent.{window}.severity3", i, f"enforcements of severity 3 or more by {who}", many)
        fact(f"recent.{window}.severity4", i, f"enforcements of severity 4 or more by {who}", many)
        fact(f"recent.{window}.all", i, f"enforcements of severity 1 or more by {who}", many)
        fact(f"recent.{window}.reach", i, f"reach touched at severity 3 or more by {who}", many)
    fact("recent.actor_reversed_7d", i, "enforcements of theirs reversed in 7 days", many)

    fact("change.kind", t, "the kind of guarded change; empty for an enforcement")
    fact("change.weakens", b, "whether it weakens protection", True)
    fact("change.person", t, "the person it concerns; empty when none")

    fact("now.hour", i, "hour of the day in UTC, 0 to 23", maximum=23)
    fact("now.weekday", i, "day of the week, 0 Monday to 6 Sunday", maximum=6)
    fact("now.paused", b, "whether enforcement is paused", True)
    fact("now.raid", b, "whether raid mode is on", False)
    return specs


#: Every fact there is, by name, in the contract's sequence.
SCHEMA: Mapping[str, FactSpec] = MappingProxyType(_schema())


def spec_of(name: str) -> FactSpec:
    """Return the fact of this name.

    Raises:
        InvalidInput: there is none; the message suggests the nearest (`facts/unknown`).
    """
    spec = SCHEMA.get(name)
    if spec is None:
        raise InvalidInput("facts/unknown", f"There is no fact {name}.{suggestion(name, SCHEMA)}", field=name)
    return spec


class UnknownFactRead(Exception):
    """A condition read a fact that is unknown and has no most protective value; never leaves an evaluation."""


class _Unknown:
    """Stands for an unknown value in a row: whatever is done with it errs."""

    __slots__ = ()

    def _raise(self, *_: object) -> NoReturn:
        raise UnknownFactRead

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _raise
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _raise
    __neg__ = __bool__ = __len__ = __iter__ = __contains__ = __hash__ = _raise

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = _Unknown()


def _in_row(value: Value) -> Value:
    """Return a value as conditions calculate with it: numbers as floats, which hold every one up to `VERY_LARGE`."""
    return float(value) if type(value) is int else value


_BLANK: tuple[Any, ...] = tuple(
    UNKNOWN if spec.most_protective is None else _in_row(spec.most_protective) for spec in SCHEMA.values()
)


_EXACTLY: dict[Kind, tuple[type, ...]] = {
    Kind.BOOL: (bool,), Kind.INT: (int,), Kind.FLOAT: (int, float), Kind.ENUM: (str,)
}  # fmt: skip
#: Where each fact stands in a row, and which values need no more looking at (`FactSpec.validated` says what is wrong
#: with the others): those of these very types, up to a number or among these words. An act has more than sixty facts.
_AS_IT_IS = {
    spec.name: (spec.index, _EXACTLY.get(spec.kind, ()), spec.maximum if spec.is_number else 1, frozenset(spec.choices))
    for spec in SCHEMA.values()
}
_AS_NOTHING: tuple[int, tuple[type, ...], float, frozenset[str]] = (0, (), 0, frozenset())


@dataclass(frozen=True, slots=True, eq=False)
class Facts(Mapping[str, Value]):
    """What is known of one enforcement or change at one moment; validated, and immutable.

    A mapping of known facts only. `row` is what conditions run on: one value
    per entry of `SCHEMA`, unknown ones at their most protective value, numbers
    as floats.
    """

    values_: Mapping[str, Value]
    row: tuple[Any, ...] = field(repr=False)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Build facts from plain values; what is left out, or ``None``, is unknown.

        Raises:
            InvalidInput: an unknown name (`facts/unknown`), a wrong type, NaN,
                infinity, a negative or too large number (`facts/invalid`).
        """
        known: dict[str, Value] = {}
        row = list(_BLANK)
        for name, given in cast("Mapping[str, Any]", values).items():
            index, kinds, most, words = _AS_IT_IS.get(name, _AS_NOTHING)
            kind = given.__class__
            if kind in kinds and (given in words if words else 0 <= given <= most):
                known[name] = given
                row[index] = float(given) if kind is int else given
                continue
            spec = spec_of(name)
            if given is None:
                continue
            value = spec.validated(given)
            known[name] = value
            row[spec.index] = _in_row(value)
        return cls(MappingProxyType(known), tuple(row))

    def but(self, values: Mapping[str, object]) -> Self:
        """Return the same facts with some replaced; ``None`` makes one unknown."""
        return self.of({**self.values_, **values})

    @property
    def unknown(self) -> frozenset[str]:
        """Names of the facts that are not known."""
        return frozenset(SCHEMA.keys() - self.values_.keys())

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, in the schema's sequence; unknown facts are left out."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name in SCHEMA
            if (value := self.values_.get(name)) is not None
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object] | str | bytes) -> Self:
        """Read what `to_json` wrote, as a mapping or as text.

        Raises:
            InvalidInput: not an object, or a fact is wrong (`facts/invalid`, `facts/unknown`).
        """
        if isinstance(document, str | bytes):
            try:
                parsed: object = json.loads(document)
            except ValueError as error:
                raise InvalidInput("facts/invalid", f"Facts are not JSON: {error}.", field="facts") from error
            if not isinstance(parsed, dict):
                raise InvalidInput("facts/invalid", "Facts must be a JSON object.", field="facts")
            document = {str(name): value for name, value in cast("dict[str, object]", parsed).items()}
        return cls.of(document)

    def __getitem__(self, name: str) -> Value:
        """Return a known fact; an unknown one is a ``KeyError``."""
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the known facts."""
        return iter(self.values_)

    def __len__(self) -> int:
        """Count the known facts."""
        return len(self.values_)

    def __eq__(self, other: object) -> bool:
        """Equal when the same facts are known with the same values."""
        return isinstance(other, Facts) and dict(self.values_) == dict(other.values_)

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(frozenset(self.values_.items()))
