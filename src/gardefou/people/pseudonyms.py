"""Pseudonyms: pronounceable, unique, and staying with the person for good."""

from __future__ import annotations

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


def _syllable(random: Random) -> str:
    return random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS)
