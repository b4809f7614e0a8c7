"""One TOML table, read strictly: every key once, of its type, and none left over.

Whatever is wrong is an `InvalidInput` that names the file and the dotted path of
the key. Tables of an array are counted from 1, as people count them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn, cast
from zoneinfo import ZoneInfo

from gardefou.errors import InvalidInput
from gardefou.nets.suggest import suggestion
from gardefou.people.last_days import zone_of

_SPAN = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
#: The longest span of time that a scenario may name.
MAX_SPAN = timedelta(days=3_660)
#: When a last day ends that is given as a date (M9).
_END_OF_DAY = time(23, 59)


def span(text: str) -> timedelta | None:
    """Return the length that ``1h30m``, ``90s``, ``2d`` or ``1w`` names; None where it names none."""
    found = _SPAN.fullmatch(text)
    if not text or found is None or any(part is not None and len(part) > 9 for part in found.groups()):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = timedelta(seconds=(((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds)
    return length if length <= MAX_SPAN else None


class Table:
    """A table of a scenario file and where it stands."""

    def __init__(self, file: str, path: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self.path = path
        self.values = values
        self._known: list[str] = []

    def fail(self, key: str, message: str, code: str = "scenario/invalid") -> NoReturn:
        """Raise what is wrong with a key (or, with an empty one, with the table)."""
        where = ".".join(part for part in (self.path, key) if part)
        said = ": ".join(part for part in (self.file, where, message) if part)
        raise InvalidInput(code, said, field=where)

    def finish(self) -> None:
        """Raise when a key is left that nothing asked for."""
        for key in self.values:
            if key not in self._known:
                hint = suggestion(key, tuple(self._known)) or f" It takes {', '.join(self._known)}."
                self.fail(key, f"There is no such key here.{hint}", "scenario/unknown_key")

    def has(self, key: str) -> bool:
        """Whether a key is given; it counts as asked for."""
        self._known.append(key)
        return key in self.values

    def raw(self, key: str) -> Any:
        """Return a value as it stands; None where it is left out."""
        return self.values[key] if self.has(key) else None

    def need(self, key: str) -> Any:
        """Return a value that must be there."""
        value = self.raw(key)
        if value is None:
            self.fail(key, "It is missing; add it.", "scenario/missing_key")
        return value

    # texts ------------------------------------------------------------------------

    def text(self, key: str) -> str:
        """Return a text that must be there and says something."""
        return self._text(key, self.need(key))

    def maybe_text(self, key: str) -> str | None:
        """Return a text, or None where it is left out."""
        value = self.raw(key)
        return None if value is None else self._text(key, value)

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"It is a text that is not empty, not {_show(value)}.", "scenario/type")
        return value

    def one_of(self, key: str, known: Sequence[str]) -> str:
        """Return one of a closed list of words."""
        return self._one_of(key, self.text(key), known)

    def maybe_one_of(self, key: str, known: Sequence[str]) -> str | None:
        """Return one of a closed list of words, or None where it is left out."""
        value = self.maybe_text(key)
        return None if value is None else self._one_of(key, value, known)

    def _one_of(self, key: str, value: str, known: Sequence[str]) -> str:
        if value not in known:
            self.fail(key, f"There is no {value!r}; use one of {', '.join(known)}.{suggestion(value, tuple(known))}")
        return value

    def texts(self, key: str, known: Sequence[str] | None = None, *, single: bool = False) -> tuple[str, ...]:
        """Return a list of texts; empty where it is left out. ``single`` takes one text for a list of one."""
        value = self.raw(key)
        if value is None:
            return ()
        if single and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            self.fail(key, f"It is a list of texts, not {_show(value)}.", "scenario/type")
        items = tuple(self._text(key, item) for item in cast("list[object]", value))
        if len(set(items)) != len(items):
            self.fail(key, "It names something twice.")
        if known is not None:
            for item in items:
                self._one_of(key, item, known)
        return items

    # numbers ----------------------------------------------------------------------

    def whole(self, key: str, *, default: int, least: int = 0, most: int = 10**12) -> int:
        """Return a whole number within bounds."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, f"It is a whole number, not {_show(value)}.", "scenario/type")
        if not least <= value <= most:
            self.fail(key, f"It is a whole number from {least} to {most}.")
        return value

    def seconds(self, key: str) -> float:
        """Return a number of seconds that must be there."""
        return self.number(key, self.need(key))

    def number(self, key: str, value: object) -> float:
        """Return a value as a finite number that is not negative."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"It is a number, not {_show(value)}.", "scenario/type")
        if not 0 <= value <= MAX_SPAN.total_seconds():
            self.fail(key, "It is a number of seconds that is not negative.")
        return float(value)

    # time -------------------------------------------------------------------------

    def moment(self, key: str, zero: datetime | None) -> datetime:
        """Return a moment that must be there: a TOML date-time, or an offset from ``zero``."""
        return self._moment(key, self.need(key), zero)

    def maybe_moment(self, key: str, zero: datetime | None) -> datetime | None:
        """Return a moment, or None where it is left out."""
        value = self.raw(key)
        return None if value is None else self._moment(key, value, zero)

    def _moment(self, key: str, value: object, zero: datetime | None) -> datetime:
        at = self._as_moment(value, zero)
        if at is None:
            likes = "2017-11-02T21:45:00Z" + (' or an offset such as "+1h30m"' if zero is not None else "")
            self.fail(key, f"It is a moment such as {likes}, not {_show(value)}.", "scenario/type")
        return at

    @staticmethod
    def _as_moment(value: object, zero: datetime | None) -> datetime | None:
        if isinstance(value, datetime):
            return _utc(value)
        day = _day(value)
        if day is not None:
            return datetime.combine(day, time(0), UTC)
        if not isinstance(value, str):
            return None
        length = span(value[1:]) if zero is not None and value.startswith("+") else None
        return zero + length if zero is not None and length is not None else _rfc3339(value)

    def offset(self, key: str, zero: datetime) -> datetime:
        """Return the moment of an offset such as ``+1h30m``, which must be there."""
        value = self.need(key)
        length = span(value[1:]) if isinstance(value, str) and value.startswith("+") else None
        if length is None:
            self.fail(key, f'It is an offset such as "+0m", "+1h30m" or "+2d", not {_show(value)}.', "scenario/type")
        return zero + length

    def length(self, key: str, default: timedelta) -> timedelta:
        """Return a length of time such as ``2h``."""
        value = self.raw(key)
        if value is None:
            return default
        length = span(value.removeprefix("+")) if isinstance(value, str) else None
        if length is None:
            self.fail(key, f'It is a length of time such as "2h" or "30m", not {_show(value)}.', "scenario/type")
        return length

    def last_day(self, key: str, zero: datetime, zone: ZoneInfo | None) -> datetime | None:
        """Return the end of a last day: of a date, 23:59 in its time zone; of a date-time, itself (M9)."""
        value = self.raw(key)
        if value is None:
            return None
        day = _day(value)
        if day is not None:
            return datetime.combine(day, _END_OF_DAY, zone or UTC).astimezone(UTC)
        if isinstance(value, datetime) and value.tzinfo is None and zone is not None:
            return value.replace(tzinfo=zone).astimezone(UTC)
        return self._moment(key, value, zero)

    def maybe_zone(self, key: str) -> ZoneInfo | None:
        """Return a time zone by name, or None where it is left out."""
        name = self.maybe_text(key)
        if name is None:
            return None
        zone = zone_of(name)
        if zone is None:
            self.fail(key, f"There is no time zone {name!r}; use a name such as Europe/Berlin.")
        return zone

    # tables -----------------------------------------------------------------------

    def table(self, key: str, *, optional: bool = False) -> Table | None:
        """Return a table of this one; None where it may be and is left out."""
        value = self.raw(key) if optional else self.need(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"It is a table, not {_show(value)}.", "scenario/type")
        return Table(self.file, self._inner(key), cast("dict[str, Any]", value))

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables; empty where it is left out."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in cast("list[object]", value)):
            self.fail(key, f"It is written as [[{self._inner(key)}]] tables.", "scenario/type")
        found = cast("list[dict[str, Any]]", value)
        return [Table(self.file, f"{self._inner(key)}.{place}", one) for place, one in enumerate(found, 1)]

    def _inner(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _day(value: object) -> date | None:
    """Return the day that a TOML date or a text such as ``2017-11-02`` names; None where it names none."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _rfc3339(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else None


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
