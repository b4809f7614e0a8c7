"""What a notice says, in both languages, and what it never says."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from gardefou.flow import change_apply
from gardefou.notices.catalogue import LANGUAGES, LOCALES
from gardefou.notices.kinds import CHANGES, KINDS
from gardefou.notices.words import Concerned, Told, answer_in_words, message

SOURCE = Path(__file__).parents[2] / "src" / "gardefou"
NOW = datetime(2017, 11, 2, 22, 0, tzinfo=UTC)
PRESIDENT = Concerned(
    ref="1001",
    handle="president",
    reach=41_000_000,
    tier="protected",
    measures=("deactivated",),
    since=NOW - timedelta(minutes=11),
)
DRIFT = Told(kind="drift", platform="chirp", about="i1", accounts=[PRESIDENT], number=1)


def said(told: Told, language: str = "en") -> str:
    words = message(told, language=language, address="https://g.example.org", now=NOW)
    return f"{words.title}\n{words.body}"


def test_a_notice_says_what_happened_to_whom_since_when_and_where_it_is_restored():
    assert said(DRIFT).splitlines() == [
        "Gardefou: @president was changed behind our back",
        "The platform shows a change that did not come through Gardefou. The account is deactivated now.",
        "",
        "@president on chirp: protected, reaches 41 million accounts",
        "DOWN since 2 Nov 2017, 21:49 UTC (11 minutes)",
        "Restore: https://g.example.org/restore/chirp/1001",
        "",
        "More: https://g.example.org/incidents/i1",
    ]


def test_the_same_in_french():
    assert said(DRIFT, "fr").splitlines() == [
        "Gardefou: @president a été modifié à notre insu",
        "La plateforme montre un changement qui n’est pas passé par Gardefou. État du compte : désactivé.",
        "",
        "@president sur chirp : protégé, portée : 41 millions",
        "HORS LIGNE depuis le 2 nov. 2017, 21:49 UTC (11 minutes)",
        "Rétablir : https://g.example.org/restore/chirp/1001",
        "",
        "En savoir plus : https://g.example.org/incidents/i1",
    ]


def texts() -> set[str]:
    """Every text of the notices' source that is marked for the catalogues."""
    found: set[str] = set()
    for file in (SOURCE / "notices").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "later":
                [given] = node.args
                assert isinstance(given, ast.Constant)
                found.add(str(given.value))
    return found


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_text_is_in_every_catalogue_with_its_placeholders_and_nothing_else(language):
    with (LOCALES / language / "gardefou.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    there: set[str] = set()
    for entry in catalogue:
        if not entry.id:
            continue
        ids = [entry.id] if isinstance(entry.id, str) else [str(one) for one in entry.id]
        strings = [entry.string] if isinstance(entry.string, str) else [str(one) for one in entry.string or ()]
        there |= set(ids)
        wanted = set(re.findall(r"%\(\w+\)s", " ".join(ids)))
        for string in strings:
            assert string, ids
            # French may leave out where English has it twice over, and never names what is not given.
            assert set(re.findall(r"%\(\w+\)s", string)) == wanted, ids
    assert there == texts()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_said_of_none_one_and_many_accounts(kind, language):
    facts = {"action": "suspend", "tier": "protected", "change": "nets", "channel": "pager", "answer": "no_connection"}
    facts["minutes"] = "3"
    for number in (0, 1, 12):
        accounts = [PRESIDENT, Concerned(ref="7")][:number]
        told = Told(kind=kind, platform="chirp", about="x", accounts=accounts, number=number, facts=facts)
        text = said(told, language)
        assert "%(" not in text
        assert "https://g.example.org/" in text


def test_every_kind_of_guarded_change_has_its_words():
    assert set(CHANGES) == set(change_apply.KINDS)


def test_m3_a_second_look_says_nothing_but_that_it_is_needed():
    text = said(Told(kind="second_look", platform="chirp", about="e1"))
    assert text.splitlines() == [
        "Gardefou: A second look is needed",
        "Somebody else's look is needed before anything happens.",
        "",
        "More: https://g.example.org/enforcements/e1",
    ]


def test_of_many_accounts_three_are_named_and_the_others_counted():
    named = [Concerned(ref=str(number), handle=f"user{number}", reach=5) for number in range(3)]
    text = said(Told(kind="budget", platform="chirp", about="i", accounts=named, number=12))
    assert text.count("/restore/") == 3
    assert "and 9 more accounts" in text


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("everyone", "@\u2060everyone"),
        ("Here_we_go", "@\u2060Here_we_go"),
        ("<!channel>", "@‹!channel›"),
        ("[bank](http://evil.example)", "@(bank)(http://evil.example)"),
        ("a\nRestore: https://evil.example", "@aRestore: https://evil.example"),
        ("x" * 300, "@" + "x" * 79),
    ],
)
def test_no_handle_calls_everyone_or_dresses_up_as_a_line_of_ours(handle, shown):
    assert Concerned(ref="1", handle=handle).name == shown


def test_what_came_back_is_told_in_words_or_as_a_bare_status():
    assert answer_in_words("no_connection", "en") == "no connection"
    assert answer_in_words("no_connection", "fr") == "pas de connexion"
    assert answer_in_words("http 403", "fr") == "HTTP 403"
