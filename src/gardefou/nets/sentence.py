"""A situation in a sentence that a lead understands: who can do what, how, and what the nets ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.domain.actions import SEVERITY
from gardefou.nets.floor import ORDINARY
from gardefou.nets.phrase import fact_in_english
from gardefou.nets.phrasebook import change_kind, count, duration, word_of
from gardefou.nets.verdict import Verdict
from gardefou.speech import listed

_VIA = {
    "console": "in the console",
    "api": "by API",
    "cli": "on the command line",
    "system": "as the system",
    "break_glass": "by breaking glass",
}
_SEVERITIES = {action.value: severity for action, severity in SEVERITY.items()}
_SAID = frozenset(
    {
        "account.tier",
        "account.tier_memory",
        "account.reach",
        "action.name",
        "actor.human",
        "actor.roles",
        "actor.via",
        "change.kind",
        "change.weakens",
    }
)


def in_words(facts: Mapping[str, Any], verdict: Verdict, *, compares: str = "") -> str:
    """Return the situation in one sentence: what is not said is as on an ordinary day."""
    unusual = unusual_facts(facts)
    day = " on an ordinary day" if not unusual else ""
    more = f", where {listed(unusual, 'and')}" if unusual else ""
    why = f", and {compares} asks for less" if compares else ""
    how = _VIA[facts.get("actor.via", "console")]
    return f"{_who(facts)}{day} can {_what(facts)} {how}{more}{why}, because {asked(verdict)}."


def situation_in_words(facts: Mapping[str, Any]) -> str:
    """Return a situation by itself: ``a suspension of a notable account (40 followers) by a lead``."""
    via = facts.get("actor.via", "console")
    how = "" if via == "console" else f" {_VIA[via]}"
    unusual = unusual_facts(facts)
    more = f", where {listed(unusual, 'and')}" if unusual else ""
    who = _who(facts)
    return f"{_act(facts)} by {who[0].lower()}{who[1:]}{how}{more}"


def unusual_facts(facts: Mapping[str, Any]) -> list[str]:
    """Return in words what is otherwise than on an ordinary day, but for who does what to which account."""
    return [
        fact_in_english(name, value)
        for name, value in facts.items()
        if name in ORDINARY and not _said(facts, name) and not _usual(name, value)
    ]


def asked(verdict: Verdict) -> str:
    """Say what a verdict asks for: ``the nets ask for nothing``."""
    if verdict.refused:
        return f"the nets refuse it: {verdict.refusals[0].rstrip('.')}"
    parts = asks_in_words(verdict)
    return f"the nets ask only for {listed(parts, 'and')}" if parts else "the nets ask for nothing"


def asks_in_words(verdict: Verdict) -> list[str]:
    """Say what a verdict that refuses nothing asks for, each ask one phrase; empty where it asks nothing."""
    parts = [need.in_words() for need in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        parts.append(f"a sign-in of the last {verdict.fresh_auth_minutes} minutes")
    if verdict.hold_seconds:
        parts.append(f"a hold of {duration(verdict.hold_seconds)}")
    if verdict.confirm:
        parts.append(f"the {' and the '.join(verdict.confirm)} confirmed")
    return parts


def _who(facts: Mapping[str, Any]) -> str:
    if not facts.get("actor.human", True):
        return "A service"
    roles = list(facts.get("actor.roles", ()))
    if not roles:
        return "Someone without a role"
    words = listed(roles, "and")
    article = "An" if words[0] in "aeio" else "A"
    return f"{article} {words}"


def _account(facts: Mapping[str, Any]) -> str:
    """Return which account it is; a higher tier lately is the one that counts."""
    tier, memory = facts.get("account.tier", "protected"), facts.get("account.tier_memory", "protected")
    now = "" if tier == memory else f", today {tier},"
    return f"{memory} account{now} ({count(facts.get('account.reach', 0))} followers)"


def _act(facts: Mapping[str, Any]) -> str:
    if facts.get("change.kind"):
        said = change_kind([str(facts["change.kind"])], keep=True).removeprefix("it is ")
        return f"{said} that weakens protection," if facts.get("change.weakens") else f"{said}"
    return f"{word_of('action.name', str(facts.get('action.name', 'warn')))} of a {_account(facts)}"


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


def _said(facts: Mapping[str, Any], name: str) -> bool:
    """Whether the sentence says a fact elsewhere, or it follows from what it says."""
    if name == "action.reversibility" and facts.get("action.name") == "delete":
        return facts.get(name) == "none"
    if name == "action.on_content" and facts.get("action.name") == "remove_content":
        return bool(facts.get(name))
    if name == "action.severity":
        usual = _SEVERITIES.get(str(facts.get("action.name")))
        return facts.get(name) == usual
    if name == "action.automated":
        return not facts.get("actor.human", True)
    return name in _SAID


def _usual(name: str, value: Any) -> bool:
    usual = ORDINARY[name]
    return bool(value == usual) or (isinstance(usual, list) and list(value) == usual)
