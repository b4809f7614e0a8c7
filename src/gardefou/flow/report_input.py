"""A report as it comes in from outside: every field checked before anything is done with it.

The JSON form is that of ``POST /reports``: ``{platform, subject: {kind,
account, content?}, reporter, category, text?, evidence?, at?}``. Unknown keys
are refused, so that a misspelt field is not silently lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, cast

import orjson

from gardefou.errors import InvalidInput
from gardefou.speech import gettext as _

#: Characters of an id (platform, account, content, reporter).
MAX_ID = 512
MAX_CATEGORY = 64
MAX_TEXT = 10_000
MAX_EVIDENCE = 20
#: Bytes of all evidence together, as JSON.
MAX_EVIDENCE_BYTES = 64 * 1024
_MAX_DEPTH = 16

# No control characters, and nothing that is no text (half of a surrogate pair).
_ID = re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff]{{1,{MAX_ID}}}")
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_CATEGORY = re.compile(rf"[a-z0-9_]{{1,{MAX_CATEGORY}}}")
#: RFC 3339, section 5.6.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")

_KEYS = frozenset({"platform", "subject", "reporter", "category", "text", "evidence", "at"})
_SUBJECT_KEYS = frozenset({"kind", "account", "content"})


class NewReport(NamedTuple):
    """A report that was checked and not yet taken. ``at`` is the reporter's claim (R17)."""

    platform: str
    kind: Literal["account", "content"]
    account: str
    reporter: str
    category: str
    content: str | None = None
    text: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    at: datetime | None = None


def parse_report(body: object) -> NewReport:
    """Check a report's JSON body and return it.

    Raises:
        InvalidInput: what is wrong, by field (`report/shape`, `report/unknown_field`,
            `report/missing`, `report/type`, `report/too_long`, `report/text`, `report/category`,
            `report/subject`, `report/evidence`, `report/at`).
    """
    document = _object(body, "")
    if not document.keys() <= _KEYS:
        _unknown(document.keys() - _KEYS, "")
    subject = _object(document.get("subject"), "subject")
    if not subject.keys() <= _SUBJECT_KEYS:
        _unknown(subject.keys() - _SUBJECT_KEYS, "subject.")
    kind = subject.get("kind")
    if kind != "account" and kind != "content":  # noqa: PLR1714 - both type checkers follow this form
        raise InvalidInput("report/subject", "subject.kind is account or content.", field="subject.kind")
    content = subject.get("content")
    if kind == "content":
        content = _id(content, "subject.content")
    elif content is not None:
        raise InvalidInput(
            "report/subject", "A report of an account names no content; use kind content.", field="subject.content"
        )
    evidence = document.get("evidence")
    at = document.get("at")
    return NewReport(
        platform=_id(document.get("platform"), "platform"),
        kind=kind,
        account=_id(subject.get("account"), "subject.account"),
        content=content,
        reporter=_id(document.get("reporter"), "reporter"),
        category=_category(document.get("category")),
        text=_text(document.get("text")),
        evidence=() if evidence is None else check_evidence(evidence, code="report/evidence"),
        at=None if at is None else parse_moment(at),
    )


def is_id(text: str) -> bool:
    """Say whether this can be an id at a platform: 1 to 512 characters, none of them a control character."""
    return _ID.fullmatch(text) is not None


def _object(value: object, name: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    if name and value is None:
        raise InvalidInput("report/missing", _("%(name)s is missing.", name=name), field=name)
    raise InvalidInput("report/shape", _("%(what)s is a JSON object.", what=name or "A report"), field=name or None)


def _unknown(keys: set[str], prefix: str) -> None:
    key = min(map(str, keys))
    raise InvalidInput(
        "report/unknown_field",
        _("There is no field %(what)s; check its name.", what=repr(prefix + key)),
        field=f"{prefix}{key}",
    )


def _id(value: object, name: str) -> str:
    if isinstance(value, str):
        if _ID.fullmatch(value):
            return value
        if len(value) > MAX_ID:
            raise InvalidInput(
                "report/too_long", _("%(name)s has at most %(most)s characters.", name=name, most=MAX_ID), field=name
            )
        if value:
            raise InvalidInput("report/text", _("%(name)s holds characters that no id has.", name=name), field=name)
    elif value is not None:
        raise InvalidInput("report/type", _("%(name)s is a text.", name=name), field=name)
    raise InvalidInput("report/missing", _("%(name)s is missing.", name=name), field=name)


def _category(value: object) -> str:
    if isinstance(value, str) and _CATEGORY.fullmatch(value):
        return value
    if value is None:
        raise InvalidInput("report/missing", "category is missing.", field="category")
    raise InvalidInput(
        "report/category",
        _("category is a-z, 0-9 and _, at most %(most)s characters.", most=MAX_CATEGORY),
        field="category",
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput("report/type", "text is a text.", field="text")
    if len(value) > MAX_TEXT:
        raise InvalidInput("report/too_long", _("text has at most %(most)s characters.", most=MAX_TEXT), field="text")
    if _NO_TEXT.search(value):
        raise InvalidInput("report/text", "text holds characters that are no text.", field="text")
    return value


def check_evidence(value: object, *, code: str) -> tuple[Mapping[str, Any], ...]:
    """Return a list of evidence, each item a JSON object or a text, within its bounds.

    A text becomes the object that says it: ``{"text": …}``.

    Raises:
        InvalidInput: with the given code, naming the item (``evidence.3``).
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidInput(code, "evidence is a list of objects and texts.", field="evidence")
    items = [said(item) for item in cast("Sequence[object]", value)]
    if len(items) > MAX_EVIDENCE:
        raise InvalidInput(code, _("At most %(most)s items of evidence.", most=MAX_EVIDENCE), field="evidence")
    for place, item in enumerate(items):
        if not isinstance(item, Mapping) or not _is_json(cast("object", item), 0):
            raise InvalidInput(code, "Each item of evidence is a JSON object or a text.", field=f"evidence.{place}")
    try:
        size = len(orjson.dumps(items))
    except (TypeError, orjson.JSONEncodeError) as error:
        raise InvalidInput(
            code, _("evidence cannot be written as JSON: %(error)s", error=error), field="evidence"
        ) from error
    if size > MAX_EVIDENCE_BYTES:
        raise InvalidInput(
            code, _("evidence has at most %(most)s bytes in all.", most=MAX_EVIDENCE_BYTES), field="evidence"
        )
    return tuple(cast("Mapping[str, Any]", item) for item in items)


def said(item: object) -> object:
    """Return an item of evidence as the object it is kept as: a text is one that says it."""
    return {"text": item} if isinstance(item, str) else item


def _is_json(value: object, depth: int) -> bool:
    """Whether a value is JSON: finite numbers, texts as keys, not too deep."""
    match value:
        case None | bool() | str():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return math.isfinite(value)
        case Mapping():
            mapping = cast("Mapping[object, object]", value)
            return depth < _MAX_DEPTH and all(
                isinstance(key, str) and _is_json(item, depth + 1) for key, item in mapping.items()
            )
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return depth < _MAX_DEPTH and all(_is_json(item, depth + 1) for item in items)
        case _:
            return False


def parse_moment(value: object) -> datetime:
    """Return the instant that an RFC 3339 text names, in UTC.

    Raises:
        InvalidInput: it is none (`report/at`).
    """
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise InvalidInput("report/at", "at is a moment as RFC 3339 writes it, 2017-11-02T21:45:00Z.", field="at")
