"""The wire format of the webhook connector: what its answers must look like, checked field by field.

Format and examples: ``docs/platforms/webhook.md``. An answer that is not exactly
of this form is no answer (`BadAnswer`): unknown fields, wrong types, values out
of bounds, measures that this platform does not have or was not asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from gardefou.domain.accounts import MEASURE_SEVERITY, AccountReading, Measures
from gardefou.domain.actions import DECIDABLE, SEVERITY, Action, Reversibility
from gardefou.platforms.protocol import Answer, Capability, Description, Resolved

#: Bounds. Reach is in accounts; texts in characters.
MAX_REF = 255
MAX_TEXT = 1_000
MAX_LIST = 1_000
MAX_REACH = 10**11
MAX_AGE_DAYS = 100_000

KIND = "webhook"


class BadAnswer(ValueError):
    """The answer is not of the documented form; the message names the field."""


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that an answer must be."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("the answer is not JSON") from error
    return _mapping(value, "the answer")


def refusal(raw: bytes, status: int) -> tuple[str | None, str]:
    """Return code and words of a refusal, ``{"error": {"code", "message"}}``; no code where it has not that form.

    The words are one line of at most 300 characters, whatever the platform wrote.
    """
    try:
        error = _mapping(parse(raw).get("error"), "error")
        code, words = _text(error.get("code"), "code"), _text(error.get("message"), "message")
    except BadAnswer:
        return None, f"HTTP {status}"
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return code or None, line[:300] or f"HTTP {status}"


def description(document: Mapping[str, Any], *, url: str) -> Description:
    """Read a describe document, from the platform or from configuration.

    ``url`` is the base URL: it is the endpoint where the platform does not name
    its own ``platform_id``, which only a platform itself can do.
    """
    _fields(document, {"capabilities", "takes_key"}, {"platform_id", "labels"}, "describe")
    labels = _names(document.get("labels", []), "labels")
    capabilities: dict[Action, Capability] = {}
    for index, item in enumerate(_list(document["capabilities"], "capabilities")):
        capability = _capability(_mapping(item, f"capabilities.{index}"), f"capabilities.{index}")
        if capability.action in capabilities:
            raise BadAnswer(f"capabilities.{index}.action: {capability.action} is described twice")
        capabilities[capability.action] = capability
    if not capabilities:
        raise BadAnswer("capabilities: describe at least one action")
    if (Action.LABEL in capabilities) != bool(labels):
        raise BadAnswer("labels: name them exactly where label is described")
    own = document.get("platform_id")
    return Description(
        kind=KIND,
        endpoint=f"webhook:{url if own is None else _ref(own, 'platform_id')}",
        sandbox=False,
        takes_key=_flag(document["takes_key"], "takes_key"),
        capabilities=capabilities,
        labels=labels,
    )


def _capability(item: Mapping[str, Any], at: str) -> Capability:
    _fields(item, {"action", "severity", "reversibility", "says"}, {"losses", "word"}, at)
    name, kind = _text(item["action"], f"{at}.action"), _text(item["reversibility"], f"{at}.reversibility")
    if name not in {str(action) for action in DECIDABLE}:
        raise BadAnswer(f"{at}.action: no such action")
    if kind not in {str(each) for each in Reversibility}:
        raise BadAnswer(f"{at}.reversibility: use exact, lossy or none")
    action, reversibility = Action(name), Reversibility(kind)
    losses = _names(item.get("losses", []), f"{at}.losses")
    if bool(losses) != (reversibility is Reversibility.LOSSY):
        raise BadAnswer(f"{at}.losses: name what is lost exactly where it is lossy")
    says = _text(item["says"], f"{at}.says")
    if not says.strip():
        raise BadAnswer(f"{at}.says: say what it does")
    word = item.get("word")
    return Capability(
        action=action,
        severity=_number(item["severity"], f"{at}.severity", SEVERITY[action], 5),
        reversibility=reversibility,
        says=says,
        losses=losses,
        word=None if word is None else _text(word, f"{at}.word"),
    )


def reading(
    answer: Mapping[str, Any], *, account: str, content: Sequence[str], labels: Sequence[str]
) -> AccountReading:
    """Read the answer to ``/read_state``."""
    optional = {"display_name", "exists", "reach", "labels", "age_days", "verified_org", "details"}
    _fields(answer, {"account", "handle", "measures"}, optional, "read_state")
    _echo(answer, account)
    reach, age = answer.get("reach"), answer.get("age_days")
    return AccountReading(
        ref=account,
        handle=_text(answer["handle"], "handle"),
        display_name=_text(answer.get("display_name", ""), "display_name"),
        exists=_flag(answer.get("exists", True), "exists"),
        reach=None if reach is None else _number(reach, "reach", 0, MAX_REACH),
        labels=_names(answer.get("labels", []), "labels"),
        age_days=None if age is None else _number(age, "age_days", 0, MAX_AGE_DAYS),
        verified_org=_flag(answer.get("verified_org", False), "verified_org"),
        measures=_measures(answer["measures"], content=content, labels=labels),
        details=_mapping(answer.get("details", {}), "details"),
    )


def resolved(answer: Mapping[str, Any], *, account: str, content: Sequence[str]) -> Resolved:
    """Read the answer to ``/resolve``: one owner for each item asked about, and for no other."""
    _fields(answer, {"account", "canonical", "content_owner"}, set(), "resolve")
    _echo(answer, account)
    owners = _mapping(answer["content_owner"], "content_owner")
    if set(owners) != set(content):
        raise BadAnswer("content_owner: name the owner of each item asked about, and of no other")
    return Resolved(
        account=_ref(answer["canonical"], "canonical"),
        content_owner={item: _ref(owner, f"content_owner.{item}") for item, owner in owners.items()},
    )


def done(answer: Mapping[str, Any], *, account: str, key: str) -> Answer:
    """Read the answer to ``/apply`` or ``/undo``."""
    _fields(answer, {"account", "key"}, {"said", "kept", "losses"}, "the answer")
    _echo(answer, account)
    if answer["key"] != key:
        raise BadAnswer("key: it answers another operation")
    return Answer(
        said=_mapping(answer.get("said", {}), "said"),
        kept=_mapping(answer.get("kept", {}), "kept"),
        losses=_names(answer.get("losses", []), "losses"),
    )


# --- fields -----------------------------------------------------------------------------


def _echo(answer: Mapping[str, Any], account: str) -> None:
    if answer["account"] != account:
        raise BadAnswer("account: it answers about another account")


def _fields(value: Mapping[str, Any], required: set[str], optional: set[str], at: str) -> None:
    missing, unknown = required - value.keys(), value.keys() - required - optional
    if missing:
        raise BadAnswer(f"{at}: {min(missing)} is missing")
    if unknown:
        raise BadAnswer(f"{at}: unknown field {min(unknown)[:40]!r}")


def _mapping(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer(f"{at}: an object is expected")
    return cast("dict[str, Any]", value)


def _list(value: Any, at: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise BadAnswer(f"{at}: a list is expected")
    items = cast("Sequence[Any]", value)
    if len(items) > MAX_LIST:
        raise BadAnswer(f"{at}: at most {MAX_LIST} entries")
    return items


def _names(value: Any, at: str) -> tuple[str, ...]:
    names = tuple(_ref(item, f"{at}.{index}") for index, item in enumerate(_list(value, at)))
    if len(set(names)) != len(names):
        raise BadAnswer(f"{at}: an entry stands twice")
    return names


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise BadAnswer(f"{at}: a text is expected")
    if len(value) > MAX_TEXT:
        raise BadAnswer(f"{at}: at most {MAX_TEXT} characters")
    return value


def _ref(value: Any, at: str) -> str:
    text = _text(value, at)
    if not 0 < len(text) <= MAX_REF:
        raise BadAnswer(f"{at}: 1 to {MAX_REF} characters")
    return text


def _flag(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise BadAnswer(f"{at}: true or false is expected")
    return value


def _number(value: Any, at: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadAnswer(f"{at}: a whole number is expected")
    if not low <= value <= high:
        raise BadAnswer(f"{at}: between {low} and {high}")
    return value


def _measures(value: Any, *, content: Sequence[str], labels: Sequence[str]) -> Measures:
    """Only measures this platform has, and only removals of items that were asked about."""
    known = {*MEASURE_SEVERITY, *(f"label:{label}" for label in labels), *(f"removed:{item}" for item in content)}
    measures: set[str] = set()
    for index, item in enumerate(_list(value, "measures")):
        if not isinstance(item, str) or item not in known:
            raise BadAnswer(f"measures.{index}: no such measure here")
        measures.add(item)
    return frozenset(measures)
