"""A situation in a sentence that a lead understands: who can do what, how, and what the nets ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.nets.facts import NO_LAST_DAY_HOURS
from gardefou.nets.floor import ORDINARY
from gardefou.nets.net import duration_text
from gardefou.nets.verdict import Verdict

_VIA = {
    "console": "in the console",
    "api": "by API",
    "cli": "on the command line",
    "system": "as the system",
    "break_glass": "by breaking glass",
}
_SAID = frozenset(
    {
        "account.tier",
        "account.tier_memory",
        "account.reach",
        "action.name",
        "action.severity",
        "actor.roles",
        "actor.via",
        "change.kind",
        "change.weakens",
    }
)


def in_words(facts: Mapping[str, Any], verdict: Verdict, *, compares: str = "") -> str:
    """Return the situation in one sentence: what is not said is as on an ordinary day."""
    unusual = [
        f"{name} is {_value(value)}"
        for name, value in facts.items()
        if name not in _SAID and name in ORDINARY and not _usual(name, value)
    ]
    day = " on an ordinary day" if not unusual else ""
    more = f", where {_listed(unusual)}" if unusual else ""
    why = f", and {compares} asks for less" if compares else ""
    how = _VIA[facts.get("actor.via", "console")]
    return f"{_who(facts)}{day} can {_what(facts)} {how}{more}{why}, because {asked(verdict)}."


def asked(verdict: Verdict) -> str:
    """Say what a verdict asks for: ``the nets ask for nothing``."""
    if verdict.refused:
        return f"the nets refuse it: {verdict.refusals[0].rstrip('.')}"
    parts = [need.in_words() for need in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        parts.append(f"a sign-in of the last {verdict.fresh_auth_minutes} minutes")
    if verdict.hold_seconds:
        parts.append(f"a hold of {duration_text(verdict.hold_seconds)}")
    if verdict.confirm:
        parts.append(f"the {' and the '.join(verdict.confirm)} confirmed")
    return f"the nets ask only for {_listed(parts)}" if parts else "the nets ask for nothing"


def _who(facts: Mapping[str, Any]) -> str:
    if not facts.get("actor.human", True):
        return "A service"
    roles = list(facts.get("actor.roles", ()))
    if not roles:
        return "Someone without a role"
    words = " and ".join(roles) if len(roles) < 3 else f"{', '.join(roles[:-1])} and {roles[-1]}"
    article = "An" if words[0] in "aeio" else "A"
    return f"{article} {words}"


def _what(facts: Mapping[str, Any]) -> str:
    if facts.get("change.kind"):
        weaker = " that weakens protection" if facts.get("change.weakens") else ""
        return f"make a change of kind {facts['change.kind']}{weaker}"
    name = str(facts.get("action.name", "act")).replace("_", " ")
    tier, memory = facts.get("account.tier", "protected"), facts.get("account.tier_memory", "protected")
    lately = "" if tier == memory else f" (lately {memory})"
    article = "an" if str(tier)[0] in "aeio" else "a"
    return (
        f"{name} {article} *{tier}*{lately} account of {facts.get('account.reach', 0):,} followers"
        f" (severity {facts.get('action.severity', 5)})"
    )


def _usual(name: str, value: Any) -> bool:
    usual = ORDINARY[name]
    return bool(value == usual) or (isinstance(usual, list) and list(value) == usual)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(str, value)) or "empty"  # pyright: ignore[reportUnknownArgumentType]
        case int() | float() if value >= NO_LAST_DAY_HOURS:
            return "very large"
        case str():
            return value or "empty"
        case _:
            return f"{value:,}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
