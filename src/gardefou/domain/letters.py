"""The letters of a name: those that are not seen made visible, and those that only look like Latin ones.

Whoever passes for another does it with a name, and a page that prints the name
as it is shows the reviewer just what the victim saw. A direction that is turned
round prints ``evil<U+202E>gnp.exe`` as ``evilexe.png``; a ``paypal`` whose ``p``
and ``a`` are Cyrillic looks like the other in every font there is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

#: Blank letters: Unicode counts them among the letters, and they show nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
#: Controls, formats, line and paragraph ends, private use, half pairs.
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
#: They join or part the letters of Persian, of Indic scripts, and pictures to one picture.
_JOINERS = frozenset("\u200c\u200d")
#: After a black flag they say whose flag it is.
_TAGS = range(0xE0020, 0xE0080)
_BLACK_FLAG = "\U0001f3f4"
#: Scripts with letters that cannot be told from Latin ones.
_LIKE_LATIN = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
_WORD = re.compile(r"\w+")


@lru_cache(maxsize=8_192)
def visible(name: str) -> str:
    """Return a name with whatever hides in it, or turns the rest round, as its code: ``evil[U+202E]gnp``."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(f"[U+{ord(char):04X}]" if hides else char for char, hides in _looked_at(name))


def hidden(name: str) -> tuple[str, ...]:
    """Return the codes of what `visible` shows, each once, in the sequence of the name."""
    return tuple(dict.fromkeys(f"U+{ord(char):04X}" for char, hides in _looked_at(name) if hides))


def _looked_at(name: str) -> Iterator[tuple[str, bool]]:
    for place, char in enumerate(name):
        if char in _JOINERS:
            around = name[max(0, place - 1) : place], name[place + 1 : place + 2]
            # Letters that have a small and a capital form are never joined so.
            yield char, any(not one or one.isascii() or one in _JOINERS or one.lower() != one.upper() for one in around)
        elif ord(char) in _TAGS:
            yield char, _BLACK_FLAG not in name[:place]
        else:
            yield char, char in _BLANK or unicodedata.category(char) in _UNSEEN


@lru_cache(maxsize=8_192)
def foreign(name: str) -> tuple[tuple[str, str], ...]:
    """Return the letters of other scripts that stand within words of Latin letters, by their script.

    A ``paypal`` whose first two letters are Cyrillic gives those two under
    ``cyrillic``. A name that is written in one script, or in two word by word,
    gives nothing: there is nothing odd in it.
    """
    found: dict[str, dict[str, None]] = {}
    for word in () if name.isascii() else _WORD.findall(unicodedata.normalize("NFC", name)):
        scripts = {char: unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}
        if "LATIN" in scripts.values():
            for char, script in scripts.items():
                if script in _LIKE_LATIN:
                    found.setdefault(script.lower(), {})[char] = None
    return tuple((script, "".join(letters)) for script, letters in found.items())
