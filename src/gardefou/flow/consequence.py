"""What a click will do, in words, before it is clicked."""

from __future__ import annotations

from datetime import datetime

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action, Reversibility
from gardefou.flow.place import Judged
from gardefou.nets.phrasebook import count, duration
from gardefou.nets.verdict import Requirement, Verdict

#: From this reach on it is said, as a reason to look twice.
_MANY = 10_000
_SMALL_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def consequence(judged: Judged, *, now: datetime, minutes_since_signin: float) -> str:
    """Return what placing this would do, in one to three short sentences.

    ``Suspends @x now. Nothing is lost. Undone in one click.`` or ``Waits for two
    more people (lead or policy) from other teams and 30 minutes; 41 million
    followers; nothing happens on your click alone.``
    """
    verdict = judged.verdict
    if verdict.refused:
        why = "; ".join(refusal.rstrip(".") for refusal in verdict.refusals)
        return f"Refused: {why.rstrip('.')}. Nothing will happen."
    if judged.joins is not None:
        return "The same is already on its way or in force; nothing new is placed."
    said = _asked_first(verdict, minutes_since_signin)
    if verdict.approvals or verdict.hold_seconds:
        said.append(_waits(judged))
        if verdict.approvals:
            return " ".join(said)
    start = judged.checked.wanted.execute_at
    when = "" if verdict.hold_seconds else f" at {_moment(start)}" if start and start > now else " now"
    said.append(f"{_does(judged)}{' then' if verdict.hold_seconds else when}.")
    if judged.checked.wanted.until is not None:
        said.append(f"Ends by itself at {_moment(judged.checked.wanted.until)}.")
    said.append(_way_back(judged))
    return " ".join(said)


def _asked_first(verdict: Verdict, minutes: float) -> list[str]:
    fresh = verdict.fresh_auth_minutes
    said = ["You are asked to sign in again first."] if fresh is not None and minutes > fresh else []
    if verdict.confirm:
        said.append(f"You are asked to confirm the {' and the '.join(verdict.confirm)}.")
    return said


def _waits(judged: Judged) -> str:
    verdict = judged.verdict
    asked = [_people(need) for need in verdict.approvals]
    if verdict.hold_seconds:
        asked.append(duration(verdict.hold_seconds))
    parts = [f"Waits for {' and '.join(asked)}"]
    reach = judged.account.reach if judged.account is not None else None
    if reach is not None and (reach >= _MANY or judged.tier is not Tier.STANDARD):
        parts.append(f"{count(reach)} followers")
    parts.append("nothing happens on your click alone" if verdict.approvals else "it can be withdrawn until then")
    return "; ".join(parts) + "."


def _people(need: Requirement) -> str:
    number = _SMALL_NUMBERS[need.approvals] if need.approvals < len(_SMALL_NUMBERS) else str(need.approvals)
    who = "more person" if need.approvals == 1 else "more people"
    team = "another team" if need.approvals == 1 else "other teams"
    return f"{number} {who} ({' or '.join(need.roles)}){f' from {team}' if need.distinct_teams else ''}"


def _does(judged: Judged) -> str:
    wanted = judged.checked.wanted
    account = judged.account
    name = f"@{account.handle}" if account is not None and account.handle else wanted.account
    items = "1 item" if len(wanted.content) == 1 else f"{len(wanted.content)} items"
    match judged.checked.action:
        case Action.WARN:
            return f"Warns {name}"
        case Action.LABEL:
            return f"Labels {f'{items} of ' if wanted.content else ''}{name} as {wanted.label}"
        case Action.LIMIT:
            return f"Limits who sees {name}"
        case Action.REMOVE_CONTENT:
            return f"Removes {items} of {name}"
        case action:
            return f"{action.value.capitalize()}s {name}"


def _way_back(judged: Judged) -> str:
    checked = judged.checked
    if checked.action is Action.WARN:
        return "Nothing is taken away."
    match checked.reversibility:
        case Reversibility.EXACT:
            return "Nothing is lost. Undone in one click."
        case Reversibility.LOSSY:
            lost = ", ".join(checked.capability.losses) or "everything"
            return f"Undoing it does not bring back: {lost}."
        case Reversibility.NONE:
            return "It cannot be undone."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
