"""Evidence of reports as a page shows it: facts, links that lead outside, and embedded media that nobody sees unasked.

An item of evidence is any JSON object. A text that starts with http:// or
https:// becomes a link; media are shown only where they lie in the report
itself, as a ``data:`` URI or as base64 in ``data``, and only kinds that are
recognised by their first bytes, whatever they call themselves.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from gardefou.domain.records import Report

#: Items shown of one group of equal reports.
MOST_ITEMS = 12
#: Characters shown of one value.
_MOST_TEXT = 1_000
#: Fields that name the kind of embedded media; what they are is seen.
_TYPES = frozenset({"media_type", "content_type", "mime", "mime_type", "mimetype"})
_SAID = ("says", "alt", "description", "title", "caption")


@dataclass(frozen=True, slots=True)
class Media:
    """Embedded media: what they are by their first bytes, and the bytes."""

    type: str
    body: bytes
    #: Whether they move: shown only when asked for, whatever was chosen.
    moving: bool

    @property
    def is_video(self) -> bool:
        """Whether it takes a player."""
        return self.type.startswith("video/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of evidence as a page shows it."""

    facts: tuple[tuple[str, str], ...]
    #: Name, address, host.
    links: tuple[tuple[str, str, str], ...]
    #: Where the page gets the media from; empty where there are none.
    media: str = ""
    moving: bool = False
    video: bool = False
    #: What the reporter calls the picture.
    says: str = ""
    #: Bytes of embedded data that are not shown, being none of the known kinds.
    unshown: int = 0


def items_of(case_id: str, reports: Sequence[Report], shown: set[bytes]) -> tuple[list[Item], int]:
    """Return the evidence of several equal reports, each item once, and how many more there are.

    What is among ``shown`` already is left out; what is returned is added to it.
    """
    once: dict[bytes, Item | None] = {}
    for report in reports:
        for place, item in enumerate(report.evidence):
            key = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
            if key not in shown:
                shown.add(key)
                once[key] = _item(case_id, report, place, item) if len(once) < MOST_ITEMS else None
    found = [item for item in once.values() if item is not None]
    return found, len(once) - len(found)


def _item(case_id: str, report: Report, place: int, item: Mapping[str, Any]) -> Item:
    name, body = _embedded(item)
    media = recognised(body) if body is not None else None
    facts: list[tuple[str, str]] = []
    links: list[tuple[str, str, str]] = []
    for key, value in item.items():
        if key == name or (media is not None and key in _TYPES):
            continue
        host = _host(value)
        if host:
            links.append((key, str(value), host))
        else:
            facts.append((key, _short(value)))
    path = f"/cases/{quote(case_id, safe='')}/media/{quote(report.id, safe='')}/{place}"
    return Item(
        facts=tuple(facts),
        links=tuple(links),
        media=path if media is not None else "",
        moving=media is not None and media.moving,
        video=media is not None and media.is_video,
        says=next((str(item[key]) for key in _SAID if isinstance(item.get(key), str)), ""),
        unshown=len(body) if body is not None and media is None else 0,
    )


def media_of(report: Report, place: int) -> Media | None:
    """Return the media that lie in one item of a report's evidence, or None."""
    if not 0 <= place < len(report.evidence):
        return None
    _, body = _embedded(report.evidence[place])
    return recognised(body) if body is not None else None


def _embedded(item: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """Return the name of the field that holds embedded data, and the data."""
    for name, value in item.items():
        if not isinstance(value, str):
            continue
        if value.startswith("data:") and ";base64," in value[:200]:
            return name, _decoded(value.split(";base64,", 1)[1])
        if name == "data":
            found = _decoded(value)
            if found is not None:
                return name, found
    return "", None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def recognised(body: bytes) -> Media | None:
    """Return what some bytes are, by how they begin; None for what a page does not show (SVG and HTML among it)."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return Media("image/png", body, b"acTL" in body)
    if body.startswith(b"\xff\xd8\xff"):
        return Media("image/jpeg", body, moving=False)
    if body.startswith((b"GIF87a", b"GIF89a")):
        return Media("image/gif", body, body.count(b"\x21\xf9\x04") > 1)
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return Media("image/webp", body, b"ANIM" in body)
    if body[4:12] in {b"ftypavif", b"ftypavis"}:
        return Media("image/avif", body, body[8:12] == b"avis")
    if body[4:8] == b"ftyp":
        return Media("video/mp4", body, moving=True)
    if body.startswith(b"\x1a\x45\xdf\xa3"):
        return Media("video/webm", body, moving=True)
    return None


def _host(value: object) -> str:
    """Return the host of a text that is an address of the web, else nothing."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return ""
    try:
        return urlsplit(value).hostname or ""
    except ValueError:
        return ""


def _short(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
