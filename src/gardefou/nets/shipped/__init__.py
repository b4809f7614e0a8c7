"""The sets of nets that ship with Gardefou, as package data: ``default``, ``small-team``, ``solo``.

Read as data by `load_shipped`, which stands here so that data and reader are one package.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from gardefou.errors import InvalidInput
from gardefou.nets.load import load
from gardefou.nets.net import NetSet

#: Names of the shipped sets.
SHIPPED = ("default", "small-team", "solo")


@cache
def load_shipped(name: str) -> NetSet:
    """Return a shipped set of nets; read once, as it never changes.

    Raises:
        InvalidInput: there is no such set (`nets/unknown_set`).
    """
    return load(shipped_text(name), f"{name}.toml")


def shipped_text(name: str) -> str:
    """Return a shipped set as its file reads, with its comments.

    Raises:
        InvalidInput: there is no such set (`nets/unknown_set`).
    """
    if name not in SHIPPED:
        raise InvalidInput(
            "nets/unknown_set", f"There is no shipped set {name!r}; use one of {', '.join(SHIPPED)}.", field="nets"
        )
    return files("gardefou.nets.shipped").joinpath(f"{name}.toml").read_text(encoding="utf-8")
