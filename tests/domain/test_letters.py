"""What hides in a name, and what only looks like a Latin letter in it."""

from __future__ import annotations

import pytest

from gardefou.domain.letters import foreign, hidden, visible

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("evil\u202egnp.exe", "evil[U+202E]gnp.exe"),
        ("\u2066ada\u2069", "[U+2066]ada[U+2069]"),
        ("pre\u00adsident", "pre[U+00AD]sident"),
        ("presi\u200bdent", "presi[U+200B]dent"),
        ("presi\u200ddent", "presi[U+200D]dent"),
        ("\u0440\u200d\u0430", "\u0440[U+200D]\u0430"),
        ("\U0001f469\u200d", "\U0001f469[U+200D]"),
        ("ada\U000e0061", "ada[U+E0061]"),
        ("ada\n\x1b[2J", "ada[U+000A][U+001B][2J"),
        ("\u3164", "[U+3164]"),
        ("\u200f\u0645\u062d\u0645\u062f", "[U+200F]\u0645\u062d\u0645\u062f"),
    ],
)
def test_what_hides_or_turns_the_rest_round_is_shown_by_its_code(name: str, shown: str) -> None:
    assert visible(name) == shown
    assert hidden(name)


@pytest.mark.parametrize(
    "name",
    ["", "president", "Zoë Łukasz", "\u0645\u062d\u0645\u062f", PERSIAN, FAMILY, SCOTLAND, "\u2764\ufe0f", "名前"],
)
def test_a_name_that_is_only_written_is_left_as_it_is(name: str) -> None:
    assert visible(name) == name
    assert hidden(name) == ()


def test_each_code_is_told_once() -> None:
    assert hidden("a\u200bb\u202ec\u200b") == ("U+200B", "U+202E")


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("\u0440\u0430ypal", (("cyrillic", "\u0440\u0430"),)),
        ("P\u0430yPal Supp\u03bfrt", (("cyrillic", "\u0430"), ("greek", "\u03bf"))),
        ("president_\u0435", (("cyrillic", "\u0435"),)),
    ],
)
def test_letters_of_another_script_within_a_word_of_latin_ones(name: str, letters: object) -> None:
    assert foreign(name) == letters


@pytest.mark.parametrize(
    "name",
    [
        "paypal",
        "Zoë",
        "\u0410\u043d\u043d\u0430",
        "Anna \u0410\u043d\u043d\u0430",
        "東京tokyo",
        "@\u0430\u043d\u043d\u0430:matrix.org",
    ],
)
def test_a_name_in_one_script_or_in_two_word_by_word_is_not_odd(name: str) -> None:
    assert foreign(name) == ()
