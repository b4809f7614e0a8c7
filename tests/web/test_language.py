"""The console's languages: nothing it says is left without a translation, and a page speaks as its reader chose."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Message

from gardefou.speech import LANGUAGES, LOCALES, Speech, bare, gettext, language_of, plain, speaking
from tools.messages import catalogue, missing, renewed

_FILLED = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", sorted(path.name for path in LOCALES.iterdir()))
def test_everything_that_the_console_says_is_translated_and_nothing_else(language: str) -> None:
    found = catalogue(language)
    new = renewed(found)
    assert missing(new) == [], "python tools/messages.py adds what is new; write its translation"
    assert {_key(one) for one in found} == {_key(one) for one in new}, "python tools/messages.py takes out what is gone"


@pytest.mark.parametrize("language", sorted(path.name for path in LOCALES.iterdir()))
def test_a_translation_fills_in_what_its_original_does(language: str) -> None:
    for one in catalogue(language):
        if one.id:
            given, said = _texts(one.id), _texts(one.string)
            wanted = {name for text in given for name in _FILLED.findall(text)}
            for text in said:
                # One thing may be said without its number.
                assert set(_FILLED.findall(text)) | {"num"} == wanted | {"num"}, f"{one.id}: {text}"


def _key(message: Message) -> tuple[str, ...]:
    return _texts(message.id)


def _texts(given: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (given or "",) if not isinstance(given, tuple | list) else tuple(given)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.5", "fr"),
        ("de, en;q=0.8, fr;q=0.7", "en"),
        ("de", "en"),
        ("fr;q=0, en;q=0.1", "en"),
        ("", "en"),
        ("nonsense;;q=x, fr", "fr"),
    ],
)
def test_a_browser_is_answered_in_the_best_language_there_is(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_where_there_is_nothing_to_say_nothing_is_said(language: str) -> None:
    with speaking(Speech(language)):
        assert [gettext(""), bare(""), plain("")] == ["", "", ""]
