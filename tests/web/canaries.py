"""Canaries: people whose names are found in whatever they leak into, however it was written (R19)."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import unicodedata
from urllib.parse import quote, quote_plus

from gardefou.people.directory import Entry

ISSUER = "https://anmeldung.vogelhuis.example/realm"
#: Words that stand nowhere else, one for each column.
WORDS = (
    "Zéphyrine",
    "Ødegård-Quuxley",
    "zq.quuxley@vogelhuis.example",
    "sub7731quuxx",
    "zquux42login",
    "HR-9917-QUUX",
    ISSUER,
)


def canary(staff_id: str, number: int) -> Entry:
    """Return an entry whose every word is a canary; people differ by a number."""
    name, family, email, subject, login, external, issuer = WORDS
    return Entry(
        staff_id=staff_id,
        name=f"{name} {family} {number}",
        email=f"n{number}.{email}",
        issuer=issuer,
        subject=f"{subject}{number}",
        user_name=f"{login}{number}",
        external_id=f"{external}-{number}",
    )


def _base64(word: bytes) -> set[bytes]:
    """Return what stands in base64 of any text with the word in it, at each of the three places it may begin."""
    found: set[bytes] = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + word)
        inner = whole[-(-before * 8 // 6) : len(b"\0" * before + word) * 8 // 6]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def _forms() -> tuple[set[bytes], set[bytes]]:
    """Return what to look for: in whichever case, and exactly."""
    loose: set[bytes] = set()
    exact: set[bytes] = set()
    for word in WORDS:
        for text in {unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKD")}:
            for one in {text, text.lower(), text.upper(), text.casefold()}:
                raw = one.encode()
                written = {
                    one,
                    quote(one),
                    quote_plus(one),
                    quote(one, safe=""),
                    html.escape(one),
                    one.encode("ascii", "xmlcharrefreplace").decode(),
                    json.dumps(one)[1:-1],
                    repr(one)[1:-1],
                    one.encode("ascii", "backslashreplace").decode(),
                    raw.hex(),
                }
                loose |= {form.encode().lower() for form in written}
                loose |= {one.encode("utf-16-le"), one.encode("utf-16-be")}
                exact |= _base64(raw)
                loose |= {hashlib.new(kind, raw).hexdigest().encode() for kind in ("md5", "sha1", "sha256")}
                exact |= {hashlib.sha256(raw).digest()}
    # The bare letters too, as a search without accents would write them.
    loose |= {b"quuxley", b"zephyrine", b"degard-quux", b"vogelhuis", b"zquux42"}
    return _shortest(loose), _shortest(exact)


def _shortest(forms: set[bytes]) -> set[bytes]:
    """Leave out what is found wherever another form is."""
    return {one for one in forms if not any(other in one for other in forms if other != one)}


_LOOSE, _EXACT = _forms()


def leaks(text: str | bytes) -> list[bytes]:
    """Return every canary in a text or file, in whichever form it was written."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    low = raw.lower()
    # As bytes lowercase ASCII only, letters beyond it are looked for in both cases.
    return [form for form in sorted(_LOOSE) if form in low or form in raw] + [
        one for one in sorted(_EXACT) if one in raw
    ]
