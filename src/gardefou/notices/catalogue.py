"""The texts of notices in the languages there are: English in the source, the others as catalogues beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_datetime
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal
from babel.support import NullTranslations, Translations

LOCALES = Path(__file__).resolve().parent / "locale"
#: English, and each language that has a catalogue.
LANGUAGES = ("en", "fr")


def later(text: str) -> str:
    """Mark a text for the catalogue; it is put into a language where it is said."""
    return text


@dataclass(frozen=True, slots=True)
class Tongue:
    """How one channel is spoken to. Moments are in UTC, which is named: who reads it may be anywhere."""

    language: str = "en"

    @property
    def locale(self) -> Locale:
        """Babel's locale; English writes dates day first, as the record does."""
        return Locale("en", "GB") if self.language == "en" else Locale.parse(self.language)

    def say(self, text: str, **values: Any) -> str:
        """Return a text in this language, with ``%(name)s`` filled in."""
        return _catalogue(self.language).gettext(text) % values

    def count(self, one: str, many: str, number: int) -> str:
        """Return the form of a text that fits a number; ``%(num)s`` is the number as people write it."""
        said = _catalogue(self.language).ngettext(one, many, number)
        return said % {"num": format_decimal(number, locale=self.locale)}

    def large(self, number: int) -> str:
        """Return a large number as people say it: ``41 million``, ``250 thousand``, ``420``."""
        if number < 10_000:
            return format_decimal(number, locale=self.locale)
        return format_compact_decimal(number, format_type="long", locale=self.locale, fraction_digits=1)

    def moment(self, at: datetime) -> str:
        """Return a moment: ``2 Nov 2017, 21:45 UTC``."""
        return f"{format_datetime(at.astimezone(UTC), 'd MMM y, HH:mm', locale=self.locale)} UTC"

    def together(self, parts: list[str]) -> str:
        """Return a list as people say it: ``a, b and c``."""
        return format_list(parts, locale=self.locale)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    made = BytesIO()
    with (LOCALES / language / "gardefou.po").open("rb") as file:
        write_mo(made, read_po(file, locale=language))
    made.seek(0)
    return Translations(made)
