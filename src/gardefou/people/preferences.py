"""How a person likes the console: language, time zone, theme, media of reports. No part of the record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa

from gardefou.errors import InvalidInput
from gardefou.speech import LANGUAGES
from gardefou.storage import tables
from gardefou.storage.engine import locked
from gardefou.storage.fast import Fast

THEMES = ("", "light", "dark")
#: Media of reports: ``asked`` is blurred and grey until asked for, ``grey`` is clear and grey, ``clear`` as it is.
MEDIA = ("asked", "grey", "clear")

_table = tables.preference


@cache
def zones() -> tuple[str, ...]:
    """Return the time zones to choose from. The machine's folders are looked through once, not at every page."""
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


_OF = Fast(sa.select(_table).where(_table.c.staff_id == sa.bindparam("staff")))


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one person chose; an empty choice is left to the browser."""

    language: str = ""
    zone: str = ""
    theme: str = ""
    media: str = "asked"

    def checked(self) -> Preferences:
        """Return them as they are.

        Raises:
            InvalidInput: a choice that there is none of (`preference/unknown`).
        """
        known = {
            "language": {"", *LANGUAGES},
            "zone": {"", *zones()},
            "theme": set(THEMES),
            "media": set(MEDIA),
        }
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise InvalidInput("preference/unknown", "Choose one of those offered.", field=name)
        return self

    @property
    def timezone(self) -> ZoneInfo | None:
        """The chosen time zone, or None."""
        return ZoneInfo(self.zone) if self.zone else None


def preferences_of(connection: sa.Connection, staff_id: str) -> Preferences:
    """Return what a person chose; the defaults where they chose nothing."""
    row = _OF.first(connection, {"staff": staff_id})
    return Preferences() if row is None else Preferences(row.language, row.zone, row.theme, row.media)


def prefer(connection: sa.Connection, staff_id: str, chosen: Preferences) -> None:
    """Keep what a person chose.

    Raises:
        InvalidInput: `preference/unknown`.
    """
    chosen.checked()
    # The first choice makes the row: of two at one moment the second finds it.
    locked(connection, f"preferences:{staff_id}")
    values = {"language": chosen.language, "zone": chosen.zone, "theme": chosen.theme, "media": chosen.media}
    done = connection.execute(_table.update().where(_table.c.staff_id == staff_id).values(values))
    if not done.rowcount:
        connection.execute(_table.insert().values(staff_id=staff_id, **values))
