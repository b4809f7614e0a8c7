"""Pseudonyms: pronounceable, unique, and staying with the person for good; outside, another in each matter (R19)."""

from __future__ import annotations

import hmac
from collections.abc import Container
from random import Random

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "tr", "kl", "pl")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")
_CODAS = ("", "n", "r", "l", "s", "m")


def pseudonym(random: Random, taken: Container[str]) -> str:
    """Return a pseudonym of two or three syllables that is not taken, such as ``velor-tami``."""
    while True:
        words = ["".join(_syllable(random) for _ in range(2)) for _ in range(2)]
        name = "-".join(words)
        if name not in taken:
            return name


def outside_name(key: bytes, matter: str, who: str) -> str:
    """Return the name of a person outside the organisation, in one matter only: three words, so it is no pseudonym.

    It comes from an HMAC under a key that stays in the key store.
    """
    number = int.from_bytes(hmac.digest(key, f"{len(matter)}:{matter}{who}".encode(), "sha256"))
    syllables: list[str] = []
    for _ in range(5):
        syllable = ""
        for parts in (_ONSETS, _VOWELS, _CODAS):
            number, place = divmod(number, len(parts))
            syllable += parts[place]
        syllables.append(syllable)
    one, two, three, four, five = syllables
    return f"{one}{two}-{three}{four}-{five}"


def _syllable(random: Random) -> str:
    return random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS)
