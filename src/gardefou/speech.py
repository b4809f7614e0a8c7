"""In which language and time zone things are said: English in UTC, unless whoever reads a page chose otherwise.

Texts are English in the source and go through `gettext` where they are put
together (in templates ``_("…")``); the catalogues are ``locale/*/gardefou.po``,
read as they are, so that there is nothing to build. Only the console speaks
(`speak`) as its reader chose: API, command line and worker say everything in
English. What is kept is English whoever clicks: it is put together under
``speaking(PLAIN)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

LOCALES = Path(__file__).resolve().parent / "locale"
#: Languages there is a catalogue of, by their own name.
LANGUAGES = {"en": "English", "fr": "Français"}


@dataclass(frozen=True, slots=True)
class Speech:
    """A language and a time zone."""

    language: str = "en"
    zone: tzinfo = UTC

    @property
    def locale(self) -> Locale:
        """Babel's locale of the language; English writes dates day first, as the record does."""
        return Locale("en", "GB") if self.language == "en" else Locale.parse(self.language)

    @property
    def direction(self) -> str:
        """Which way it is written: ``ltr`` or ``rtl``."""
        return self.locale.text_direction


#: As API, command line, worker and record speak: English, in UTC.
PLAIN = Speech()
_speech: ContextVar[Speech] = ContextVar("speech", default=PLAIN)


def speak(speech: Speech) -> None:
    """Speak so from now on in this context."""
    _speech.set(speech)


@contextmanager
def speaking(speech: Speech) -> Iterator[None]:
    """Speak so within a block; as a decorator, within a function."""
    token = _speech.set(speech)
    try:
        yield
    finally:
        _speech.reset(token)


def speech() -> Speech:
    """Return how is spoken now."""
    return _speech.get()


@cache
def _catalogue(language: str) -> NullTranslations:
    path = LOCALES / language / "gardefou.po"
    if not path.exists():
        return NullTranslations()
    made = BytesIO()
    with path.open("rb") as file:
        write_mo(made, read_po(file, locale=language))
    made.seek(0)
    return Translations(made)


def gettext(text: str, **values: Any) -> str:
    """Return a text in the reader's language, with ``%(name)s`` filled in where values are given."""
    said = bare(text)
    return said % values if values else said


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """Return the form of a text that fits a number, filled in; ``%(num)s`` is the number as people write it."""
    said = _catalogue(_speech.get().language).ngettext(one, many, number)
    return said % {"num": decimal(number), **values}


def bare(text: str) -> str:
    """Return a text in the reader's language as it stands in the catalogue: templates fill it in themselves."""
    # A catalogue keeps its own header as the translation of nothing.
    return _catalogue(_speech.get().language).gettext(text) if text else text


def bare_plural(one: str, many: str, number: int) -> str:
    """Return the form of a text that fits a number as it stands in the catalogue: templates fill it in themselves."""
    return _catalogue(_speech.get().language).ngettext(one, many, number)


def later(text: str) -> str:
    """Mark a text for the catalogue that is put into the reader's language where it is shown."""
    return text


_JOINING = {"and": later(" and "), "or": later(" or ")}


def decimal(number: float) -> str:
    """Return a number as people of the reader's language write it."""
    return _decimal(number, _speech.get())


@lru_cache(maxsize=8_192)
def _decimal(number: float, speech: Speech) -> str:
    return format_decimal(number, locale=speech.locale, decimal_quantization=False)


def plain(word: object) -> str:
    """Return a word of the contract as people write it: ``no_violation`` becomes ``no violation``."""
    return gettext(str(word).replace("_", " "))


def listed(parts: Sequence[str], word: str) -> str:
    """Return parts in a row, before the last of them ``and`` or ``or``: ``a``, ``a and b``, ``a, b and c``."""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])}{gettext(_JOINING[word])}{parts[-1]}"


def local(at: datetime) -> datetime:
    """Return a moment in the reader's time zone."""
    return at.astimezone(_speech.get().zone)


def moment_in_full(at: datetime) -> str:
    """Return a moment as people read it, in the reader's time zone, which is named: ``2 Nov 2017, 21:45 UTC``."""
    here = local(at)
    said = format_datetime(here, "d MMM y, HH:mm", locale=_speech.get().locale)
    return f"{said} {here.tzname()}"


def day(at: datetime) -> str:
    """Return the day of a moment: ``2 Nov 2017``."""
    return format_date(local(at), "d MMM y", locale=_speech.get().locale)


def clock_time(at: datetime) -> str:
    """Return the time of day of a moment: ``21:45``."""
    return format_time(local(at), "HH:mm", locale=_speech.get().locale)


def clock_second(at: datetime) -> str:
    """Return the time of day of a moment to the second: ``21:45:07``."""
    return format_time(local(at), "HH:mm:ss", locale=_speech.get().locale)


def language_of(accepted: str) -> str:
    """Return the best language there is for a browser's ``Accept-Language``."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")):
        name, _, more = part.strip().partition(";")
        weight = more.strip().removeprefix("q=")
        try:
            wishes.append((-float(weight or "1"), place, name.split("-")[0].lower()))
        except ValueError:
            continue
    return next((name for weight, _, name in sorted(wishes) if name in LANGUAGES and weight), "en")
