"""Names that a reader would take for a protected account's name (R10).

A name is folded to its *skeleton*: letters of other scripts to the Latin ones
they look like (Unicode Technical Standard 39, data from
``confusable-homoglyphs``), case, width, accents and separators dropped, digits
to the letters they stand for (``1`` ``i`` ``l``; ``0`` ``o``; ``rn`` ``m``).
Two names are alike when their skeletons are the same, with or without words
such as *the*, *real*, *official* around and digits behind, or one slip of the
keyboard apart where they are long enough to tell.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from confusable_homoglyphs import confusables  # pyright: ignore[reportMissingTypeStubs]
from rapidfuzz import process
from rapidfuzz.distance import OSA

#: From this many letters on, one slip apart counts as alike, and digits behind do not tell names apart.
SLIP_LENGTH = 7
#: What stays when words around are dropped must be at least this long.
CORE_LENGTH = 5
#: Shorter names are alike only letter by letter; digits are not read as letters (``101`` is not ``lol``).
LEET_LENGTH = 4
#: No handle is longer; the rest of a longer text is not looked at.
MAX_NAME = 200

_LEET = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g"})
#: Signs that stand in for letters within a word; read before separators are dropped.
_SIGNS = str.maketrans({"$": "s", "@": "a", "|": "l", "!": "i", "€": "e"})
_PAIRS = (("rn", "m"), ("vv", "w"))
_BEFORE = ("the", "real", "official", "actual", "true", "its", "iam", "im", "mr", "mrs", "ms")
_AFTER = ("official", "real", "verified", "account", "acct", "hq")


@dataclass(frozen=True, slots=True)
class _Forms:
    """The skeletons of a name: ``whole``, and ``cores`` without words around and digits behind."""

    whole: str
    cores: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.cores | {self.whole}


def skeleton(name: str) -> str:
    """Return what the name looks like, in small Latin letters where it can be read so.

    Two names with one skeleton look the same. It is for comparing, not for showing.
    """
    return _fold_digits(_letters(name))


def looks_like(name: str, protected: str) -> bool:
    """Return whether a reader would take ``name`` for ``protected``; a name looks like itself."""
    mine, theirs = _forms(name), _forms(protected)
    if not mine.whole or not theirs.whole:
        return False
    return bool(mine.all & theirs.all) or any(
        _one_slip(one, other) for one in mine.all for other in theirs.all if _long(one) and _long(other)
    )


class LookalikeIndex:
    """Many protected names, each under a key of the caller's (an account ref), asked by name.

    Same answers as `looks_like`. Ten thousand names are asked in about a
    millisecond. Not for use from several threads while it is being changed.
    """

    def __init__(self, names: Iterable[tuple[str, str]] = ()) -> None:
        """Hold these pairs of key and name; a key may have several names."""
        self._by_form: dict[str, set[tuple[str, str]]] = {}
        #: Long forms by first letter, as one slip never changes the first.
        self._long: dict[str, dict[str, None]] = {}
        for key, name in names:
            self.add(key, name)

    def __len__(self) -> int:
        """Count the pairs held."""
        return len({pair for pairs in self._by_form.values() for pair in pairs})

    def add(self, key: str, name: str) -> None:
        """Hold one more name of this key."""
        forms = _forms(name)
        if not forms.whole:
            return
        for form in forms.all:
            self._by_form.setdefault(form, set()).add((key, name))
            if _long(form):
                self._long.setdefault(form[0], {})[form] = None

    def discard(self, key: str, name: str) -> None:
        """Forget one name of this key, if it is held."""
        for form in _forms(name).all:
            pairs = self._by_form.get(form, set())
            pairs.discard((key, name))
            if not pairs:
                self._by_form.pop(form, None)
                if form:
                    self._long.get(form[0], {}).pop(form, None)

    def lookalikes(self, name: str, *, but: str | None = None) -> tuple[tuple[str, str], ...]:
        """Return the pairs of key and protected name that ``name`` looks like, sorted.

        ``but`` leaves out a key: the account itself.
        """
        found: set[tuple[str, str]] = set()
        forms = _forms(name)
        if not forms.whole:
            return ()
        for form in forms.all:
            found |= self._by_form.get(form, set())
            if _long(form):
                for near in self._near(form):
                    found |= self._by_form[near]
        return tuple(sorted(pair for pair in found if pair[0] != but))

    def _near(self, form: str) -> Iterator[str]:
        choices = list(self._long.get(form[0], {}))
        for near, _, _ in process.extract(form, choices, scorer=OSA.distance, score_cutoff=1, limit=None):
            yield str(near)


def _one_slip(one: str, other: str) -> bool:
    # One letter left out, put in, changed or swapped; never the first, which readers do see.
    return one[0] == other[0] and OSA.distance(one, other, score_cutoff=1) <= 1


def _long(form: str) -> bool:
    return len(form) >= SLIP_LENGTH


@lru_cache(maxsize=20_000)
def _forms(name: str) -> _Forms:
    letters = _letters(name)
    cores: set[str] = set()
    for core in _without_words(letters):
        cores.add(_fold_digits(core))
        bare = core.rstrip("0123456789")
        if len(bare) >= SLIP_LENGTH - 1:
            cores.add(_fold_digits(bare))
    return _Forms(_fold_digits(letters), frozenset(cores))


def _without_words(letters: str) -> set[str]:
    """Return the name with each word around it dropped, one after the other, as far as enough remains."""
    found = {letters}
    waiting = [letters]
    while waiting:
        text = waiting.pop()
        folded = text.translate(_LEET)
        shorter = [text[len(word) :] for word in _BEFORE if folded.startswith(word.translate(_LEET))]
        shorter += [text[: -len(word)] for word in _AFTER if folded.endswith(word.translate(_LEET))]
        for rest in shorter:
            if len(rest) >= CORE_LENGTH and rest not in found:
                found.add(rest)
                waiting.append(rest)
    return found


def _letters(name: str) -> str:
    """Fold scripts, case, width, accents and signs; drop separators; keep digits."""
    text = unicodedata.normalize("NFKC", name[:MAX_NAME])
    looked = "".join(_latin(char) for char in text)
    parts = unicodedata.normalize("NFKD", looked.casefold().translate(_SIGNS))
    # Once more: taking accents off or folding case can leave a letter that looks like a Latin one.
    again = "".join(_latin(char) for char in parts if not unicodedata.combining(char)).casefold()
    return "".join(char for char in again if char.isalnum())


@lru_cache(maxsize=20_000)
def _latin(char: str) -> str:
    """Return the Latin letter that a character of another script looks like, or the character."""
    if char.isascii():
        return char
    entries = cast("list[dict[str, Any]]", confusables.confusables_data.get(char, []))
    for entry in entries:
        glyph = str(entry["c"])
        if glyph.isascii() and glyph.isalnum():
            return glyph
    return char


def _fold_digits(letters: str) -> str:
    if len(letters) < LEET_LENGTH:
        return letters
    folded = letters.translate(_LEET)
    for pair, one in _PAIRS:
        folded = folded.replace(pair, one)
    return folded
