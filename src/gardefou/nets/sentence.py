"""A situation in a sentence that a lead understands: who can do what, how, and what the nets ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.domain.actions import SEVERITY
from gardefou.nets.facts import SCHEMA
from gardefou.nets.floor import ORDINARY
from gardefou.nets.phrase import fact_in_words
from gardefou.nets.phrasebook import duration, guarded, quantity, word_of
from gardefou.nets.verdict import Verdict
from gardefou.speech import decimal, later, listed, plain
from gardefou.speech import gettext as _

_VIA = {
    "console": later("in the console"),
    "api": later("by API"),
    "cli": later("on the command line"),
    "system": later("as the system"),
    "break_glass": later("by breaking glass"),
}
#: What is confirmed, by what a verdict wants confirmed.
CONFIRMED: dict[tuple[str, ...], str] = {
    ("handle",): later("the handle confirmed"),
    ("identity",): later("the identity confirmed"),
    ("handle", "identity"): later("the handle and the identity confirmed"),
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
    """Return the situation in one sentence: what is not said is as on an ordinary day.

    ``compares``: what asks for less there, or the fact that does so where it is not known.
    """
    unusual = unusual_facts(facts)
    who = _who(facts) if unusual else _("%(who)s on an ordinary day", who=_who(facts))
    more = _(", where %(facts)s", facts=listed(unusual, "and")) if unusual else ""
    other = _("%(fact)s not being known", fact=compares) if compares in SCHEMA else _(compares)
    why = _(", and %(what)s asks for less", what=other) if compares else ""
    return _(
        "%(who)s can %(what)s %(how)s%(more)s%(why)s, because %(asked)s.",
        who=who,
        what=_what(facts),
        how=_(_VIA[facts.get("actor.via", "console")]),
        more=more,
        why=why,
        asked=asked(verdict),
    )


def situation_in_words(facts: Mapping[str, Any]) -> str:
    """Return a situation by itself: ``a suspension of a notable account (40 followers) by a lead``."""
    via = facts.get("actor.via", "console")
    how = "" if via == "console" else f" {_(_VIA[via])}"
    unusual = unusual_facts(facts)
    more = _(", where %(facts)s", facts=listed(unusual, "and")) if unusual else ""
    who = _who(facts)
    who = f"{who[0].lower()}{who[1:]}"
    return _("%(act)s by %(who)s", act=_act(facts), who=who) + how + more


def unusual_facts(facts: Mapping[str, Any]) -> list[str]:
    """Return in words what is otherwise than on an ordinary day, but for who does what to which account."""
    return [
        fact_in_words(name, value)
        for name, value in facts.items()
        if name in ORDINARY and not _said(facts, name) and not _usual(name, value)
    ]


def asked(verdict: Verdict) -> str:
    """Say what a verdict asks for: ``the nets ask for nothing``."""
    if verdict.refused:
        return _("the nets refuse it: %(why)s", why=_(verdict.refusals[0]).rstrip("."))
    parts = asks_in_words(verdict)
    if not parts:
        return _("the nets ask for nothing")
    return _("the nets ask only for %(what)s", what=listed(parts, "and"))


def asks_in_words(verdict: Verdict) -> list[str]:
    """Say what a verdict that refuses nothing asks for, each ask one phrase; empty where it asks nothing."""
    parts = [need.in_words() for need in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        parts.append(_("a sign-in of the last %(minutes)s minutes", minutes=verdict.fresh_auth_minutes))
    if verdict.hold_seconds:
        parts.append(_("a hold of %(time)s", time=duration(verdict.hold_seconds)))
    if verdict.confirm:
        parts.append(_(CONFIRMED[verdict.confirm]))
    return parts


def _who(facts: Mapping[str, Any]) -> str:
    if not facts.get("actor.human", True):
        return _("A service")
    roles = list(facts.get("actor.roles", ()))
    if not roles:
        return _("Someone without a role")
    words = listed([plain(role) for role in roles], "and")
    return _("An %(roles)s", roles=words) if roles[0][0] in "aeio" else _("A %(roles)s", roles=words)


def _account(facts: Mapping[str, Any]) -> str:
    """Return which account it is; a higher tier lately is the one that counts."""
    tier, memory = facts.get("account.tier", "protected"), facts.get("account.tier_memory", "protected")
    followers = quantity(facts.get("account.reach", 0), "followers")
    if tier == memory:
        return _("%(tier)s account (%(followers)s)", tier=plain(memory), followers=followers)
    return _(
        "%(tier)s account, today %(now)s, (%(followers)s)", tier=plain(memory), now=plain(tier), followers=followers
    )


def _act(facts: Mapping[str, Any]) -> str:
    if facts.get("change.kind"):
        said = guarded(str(facts["change.kind"]))
        return _("%(change)s that weakens protection,", change=said) if facts.get("change.weakens") else said
    act = word_of("action.name", str(facts.get("action.name", "warn")))
    return _("%(act)s of a %(account)s", act=act, account=_account(facts))


def _what(facts: Mapping[str, Any]) -> str:
    if facts.get("change.kind"):
        kind = facts["change.kind"]
        if facts.get("change.weakens"):
            return _("make a change of kind %(kind)s that weakens protection", kind=kind)
        return _("make a change of kind %(kind)s", kind=kind)
    tier, memory = facts.get("account.tier", "protected"), facts.get("account.tier_memory", "protected")
    return _(
        "%(act)s a *%(tier)s*%(lately)s account of %(reach)s followers (severity %(severity)s)",
        act=plain(facts.get("action.name", "act")),
        tier=plain(tier),
        lately="" if tier == memory else _(" (lately %(tier)s)", tier=plain(memory)),
        reach=decimal(facts.get("account.reach", 0)),
        severity=facts.get("action.severity", 5),
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
