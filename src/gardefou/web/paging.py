"""Pages by cursor: where the last page ended, in an opaque word."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from gardefou.errors import InvalidInput

T = TypeVar("T")

DEFAULT = 50
MOST = 200


def encode(*place: str | int) -> str:
    """Return the cursor of a place in a sequence."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type[str | int]) -> tuple[Any, ...] | None:
    """Return the place that a cursor names, or None at the start.

    Raises:
        InvalidInput: it is none of ours (`input/cursor`).
    """
    if not cursor:
        return None
    try:
        decoded = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place: list[Any] = decoded if isinstance(decoded, list) else []  # pyright: ignore[reportUnknownVariableType]
        if len(place) == len(kinds) and "\\x00" not in str(place) and all(map(_is, place, kinds)):
            return tuple(place)
    except ValueError:
        pass
    raise InvalidInput("input/cursor", "This cursor is none of ours; start at the first page.", field="cursor")


def _is(part: object, kind: type[object]) -> bool:
    return type(part) is kind


def page(found: Sequence[T], limit: int, place: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Return one page of what was found with one more than ``limit``, and the next page's cursor."""
    shown = found[:limit]
    return shown, place(shown[-1]) if len(found) > limit else None
