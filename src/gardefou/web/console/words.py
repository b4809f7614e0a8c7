"""How things are said on a page: moments, numbers, states, what nets ask, what an event was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from gardefou.domain.actions import Action
from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import SAYS, State
from gardefou.nets.phrasebook import count, duration
from gardefou.nets.verdict import Verdict

_DOES: dict[str, str] = {
    "warn": "Warn",
    "label": "Label",
    "limit": "Limit",
    "remove_content": "Remove content of",
    "lock": "Lock",
    "suspend": "Suspend",
    "deactivate": "Deactivate",
    "delete": "Delete",
    "restore": "Restore",
}

_CHANGES: dict[str, str] = {
    "tier": "Change of tier",
    "mark_fake": "Mark as a fake",
    "nets": "Change of nets",
    "staff_add": "New person",
    "role": "Change of roles",
    "leave": "Last day",
    "off": "End of all powers",
    "reveal": "Reveal a name",
    "token": "New token",
    "token_revoke": "Revoke a token",
    "platform": "Platform",
    "setting": "Setting",
    "setup_finish": "End of setup",
    "pause": "Pause",
    "resume": "Resume",
}

_EVENTS: dict[str, str] = {
    "enforcement.placed": "placed it",
    "enforcement.waiting": "it waits",
    "enforcement.ready": "it is cleared",
    "enforcement.executing": "it is on its way to the platform",
    "enforcement.in_force": "the platform shows it",
    "enforcement.failed": "the platform refused it",
    "enforcement.unknown": "no answer came; the platform is read before anything else",
    "enforcement.retrying": "the platform cannot be reached; it is tried again",
    "enforcement.lapsed": "it lapsed",
    "enforcement.refused": "it was refused",
    "enforcement.cancelled": "it was withdrawn",
    "enforcement.approved": "said yes",
    "enforcement.denied": "said no",
    "enforcement.restoring": "is undoing it",
    "enforcement.restored": "it is undone",
    "enforcement.held_back": "something holds it back for now",
    "enforcement.ratified": "let the broken glass stand",
    "enforcement.rebased": "what remains was traced to the state before",
    "enforcement.answered_late": "the platform answered late",
    "report.taken": "a report came in",
    "case.claimed": "took the case",
    "case.renewed": "kept the case longer",
    "case.released": "gave the case back",
    "case.skipped": "left the case to others",
    "case.moved": "moved the case",
    "case.escalated": "escalated the case",
    "case.noted": "wrote a note",
    "case.evidence_seen": "opened the evidence",
    "decision.made": "decided the case",
    "incident.opened": "an incident was opened",
    "incident.grew": "the incident grew",
    "account.drifted": "the platform shows a change that did not come through here",
    "account.tier_set": "the tier was set",
    "account.marked_fake": "marked as a fake",
    "pause.started": "paused everything",
    "pause.ended": "resumed",
    "breaker.tripped": "the breaker stopped it",
    "budget.topped_up": "topped up a budget",
}

#: Colour of a state's badge.
TONES: dict[str, str] = {
    "waiting": "wait",
    "placed": "wait",
    "ready": "move",
    "executing": "move",
    "restoring": "move",
    "unknown": "warn",
    "in_force": "on",
    "failed": "bad",
    "refused": "bad",
    "cancelled": "off",
    "lapsed": "off",
    "restored": "good",
}


def moment(at: datetime | None) -> str:
    """Return an instant as people read it, in UTC: ``2 Nov 2017, 21:45``."""
    return "never" if at is None else f"{at.day} {at:%b %Y, %H:%M} UTC"


def ago(at: datetime | None, now: datetime) -> str:
    """Return how long ago an instant was, or how far ahead it lies: ``5 min ago``, ``in 2 h``."""
    if at is None:
        return "never"
    gap = now - at
    size = span(abs(gap))
    if size == "0 s":
        return "just now"
    return f"{size} ago" if gap > timedelta(0) else f"in {size}"


def span(gap: timedelta) -> str:
    """Return a length of time in its largest unit: ``40 s``, ``5 min``, ``2 h``, ``3 days``."""
    seconds = int(gap.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h"
    days = seconds // 86_400
    return f"{days:,} days" if days < 730 else f"{days // 365} years"


def reach(number: int | None) -> str:
    """Return how many people an account reaches."""
    if number is None:
        return "reach unknown"
    return "1 follower" if number == 1 else f"{count(number)} followers"


def age(account: Account, now: datetime) -> str:
    """Return how old an account is."""
    return "age unknown" if account.born_at is None else f"{span(now - account.born_at)} old"


def named(account: Account | None, ref: str) -> str:
    """Return what an account is called: its handle, or its id where no handle is known."""
    if account is None or not account.handle:
        return ref
    return account.handle if account.handle.startswith("@") else f"@{account.handle}"


def title(enforcement: Enforcement, account: Account | None = None) -> str:
    """Return an enforcement in a few words: ``Suspend @x``, ``Change of tier: notable``."""
    if enforcement.action == Action.CHANGE:
        return change_title(enforcement.change or {})
    what = _DOES.get(enforcement.action, enforcement.action)
    name = named(account, enforcement.account)
    if enforcement.action == Action.LABEL:
        return f"Label {name} as {enforcement.label}"
    return f"{what} {name}"


def change_title(change: Mapping[str, Any]) -> str:
    """Return a guarded change in a few words, without anybody's id."""
    kind = str(change.get("kind", ""))
    said = _CHANGES.get(kind, kind)
    more = {"tier": change.get("tier"), "setting": change.get("name"), "platform": change.get("name")}.get(kind)
    return f"{said}: {more}" if more else said


def state(name: str) -> str:
    """Return a state's name as a badge shows it."""
    return name.replace("_", " ")


def tone(name: str) -> str:
    """Return the colour of a state's badge."""
    return TONES.get(name, "off")


def says(name: str) -> str:
    """Return what a state means, in a sentence."""
    return SAYS[State(name)]


def waits_for(enforcement: Enforcement, now: datetime) -> str:
    """Return in a few words what a waiting enforcement waits for; nothing for any other."""
    if enforcement.state != State.WAITING.value:
        return ""
    if enforcement.approved_at is None:
        return "waits for people"
    if enforcement.hold_until is not None and enforcement.hold_until > now:
        return "held"
    return "waits for its hour"


def asks(verdict: Verdict) -> list[str]:
    """Return what nets ask, each ask one phrase; empty where they ask nothing."""
    said = [f"refused: {refusal}" for refusal in verdict.refusals]
    said += [need.in_words() for need in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        said.append(f"a strong sign-in not older than {verdict.fresh_auth_minutes} minutes")
    if verdict.hold_seconds:
        said.append(f"a wait of {duration(verdict.hold_seconds)} in which anyone can cancel")
    said += [
        "the handle typed by hand" if what == "handle" else "the account chosen among its lookalikes"
        for what in verdict.confirm
    ]
    if verdict.notify:
        said.append(f"tells {', '.join(verdict.notify)}")
    return said


def event(kind: str) -> str:
    """Return what an event was."""
    return _EVENTS.get(kind, kind.replace(".", " ").replace("_", " "))


def milliseconds(enforcement: Enforcement) -> int | None:
    """Return the milliseconds from the click to the platform's confirmation, on record; None before it."""
    if enforcement.in_force_at is None:
        return None
    return max(0, round((enforcement.in_force_at - enforcement.placed_at) / timedelta(milliseconds=1)))


def plural(number: int, word: str, many: str = "") -> str:
    """Return a number with its noun: ``1 report``, ``3 reports``."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def plain(text: object) -> str:
    """Return a word of the contract as people write it: ``no_violation`` becomes ``no violation``."""
    return str(text).replace("_", " ")


def fact(value: object) -> str:
    """Return a fact's value in words."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None | "" | [] | ():
            return "none"
        case int() | float():
            return "very many" if value >= 1_000_000_000 else f"{value:,}".removesuffix(".0")
        case list() | tuple():
            return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            return str(value)


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "ago": ago,
    "reach": reach,
    "age": age,
    "named": named,
    "title": title,
    "state": state,
    "tone": tone,
    "says": says,
    "waits_for": waits_for,
    "asks": asks,
    "event": event,
    "milliseconds": milliseconds,
    "plural": plural,
    "plain": plain,
    "fact": fact,
    "many": count,
    "duration": duration,
}
