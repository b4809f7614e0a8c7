"""What a click will do, in words, before it is clicked.

The words are English in the source; a `Voice` says them in another language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action, Reversibility
from gardefou.flow.place import Judged
from gardefou.nets.phrasebook import count, duration
from gardefou.nets.verdict import Requirement, Verdict

#: From this reach on it is said, as a reason to look twice.
_MANY = 10_000


def later(text: str) -> str:
    """Mark a text for the catalogues; it is put into a language where it is said."""
    return text


_SMALL_NUMBERS = (
    later("no"),
    later("one"),
    later("two"),
    later("three"),
    later("four"),
    later("five"),
    later("six"),
    later("seven"),
    later("eight"),
    later("nine"),
)

#: What each action does: at once, once people and holds are through, and at its hour.
_DOES: dict[str, tuple[str, str, str]] = {
    "warn": (
        later("Warns %(name)s now."),
        later("Warns %(name)s then."),
        later("Warns %(name)s at %(moment)s."),
    ),
    "label": (
        later("Labels %(name)s as %(label)s now."),
        later("Labels %(name)s as %(label)s then."),
        later("Labels %(name)s as %(label)s at %(moment)s."),
    ),
    "label_items": (
        later("Labels %(items)s of %(name)s as %(label)s now."),
        later("Labels %(items)s of %(name)s as %(label)s then."),
        later("Labels %(items)s of %(name)s as %(label)s at %(moment)s."),
    ),
    "limit": (
        later("Limits who sees %(name)s now."),
        later("Limits who sees %(name)s then."),
        later("Limits who sees %(name)s at %(moment)s."),
    ),
    "remove_content": (
        later("Removes %(items)s of %(name)s now."),
        later("Removes %(items)s of %(name)s then."),
        later("Removes %(items)s of %(name)s at %(moment)s."),
    ),
    "lock": (
        later("Locks %(name)s now."),
        later("Locks %(name)s then."),
        later("Locks %(name)s at %(moment)s."),
    ),
    "suspend": (
        later("Suspends %(name)s now."),
        later("Suspends %(name)s then."),
        later("Suspends %(name)s at %(moment)s."),
    ),
    "deactivate": (
        later("Deactivates %(name)s now."),
        later("Deactivates %(name)s then."),
        later("Deactivates %(name)s at %(moment)s."),
    ),
    "delete": (
        later("Deletes %(name)s now."),
        later("Deletes %(name)s then."),
        later("Deletes %(name)s at %(moment)s."),
    ),
}
_CONFIRMS: dict[tuple[str, ...], str] = {
    ("handle",): later("You are asked to confirm the handle."),
    ("identity",): later("You are asked to confirm the identity."),
    ("handle", "identity"): later("You are asked to confirm the handle and the identity."),
}


class Voice(Protocol):
    """A language to say it in."""

    def gettext(self, text: str, **values: Any) -> str:
        """Return a text of the source, with ``%(name)s`` filled in where values are given."""
        ...

    def ngettext(self, one: str, many: str, number: int, **values: Any) -> str:
        """Return the form of a text that fits a number; ``%(num)s`` is the number."""
        ...

    def count(self, number: float) -> str:
        """Return a number as people say it: ``41 million``."""
        ...

    def lasting(self, seconds: int) -> str:
        """Return a length of time: ``10 minutes``."""
        ...

    def moment(self, at: datetime) -> str:
        """Return an instant."""
        ...

    def plain(self, word: str) -> str:
        """Return a word of the domain, such as a role."""
        ...


class English:
    """The words of the source as they are, and moments in UTC."""

    def gettext(self, text: str, **values: Any) -> str:
        """Return the text, filled in."""
        return text % values if values else text

    def ngettext(self, one: str, many: str, number: int, **values: Any) -> str:
        """Return the form that fits."""
        return (one if number == 1 else many) % {"num": number, **values}

    def count(self, number: float) -> str:
        """Return ``41 million``."""
        return count(number)

    def lasting(self, seconds: int) -> str:
        """Return ``10 minutes``."""
        return duration(seconds)

    def moment(self, at: datetime) -> str:
        """Return ``2017-11-02 21:45 UTC``."""
        return f"{at:%Y-%m-%d %H:%M} UTC"

    def plain(self, word: str) -> str:
        """Return the word."""
        return word


ENGLISH: Voice = English()


def consequence(judged: Judged, *, now: datetime, minutes_since_signin: float, voice: Voice = ENGLISH) -> str:
    """Return what placing this would do, in one to three short sentences.

    ``Suspends @x now. Nothing is lost. Undone in one click.`` or ``Waits for two
    more people (lead or policy) from other teams and 30 minutes; 41 million
    followers; nothing happens on your click alone.``
    """
    verdict = judged.verdict
    if verdict.refused:
        why = "; ".join(voice.gettext(refusal).rstrip(".") for refusal in verdict.refusals)
        return voice.gettext("Refused: %(why)s. Nothing will happen.", why=why.rstrip("."))
    if judged.joins is not None:
        return voice.gettext("The same is already on its way or in force; nothing new is placed.")
    said = _asked_first(verdict, minutes_since_signin, voice)
    if verdict.approvals or verdict.hold_seconds:
        said.append(_waits(judged, voice))
        if verdict.approvals:
            return " ".join(said)
    said.append(_does(judged, now, voice))
    if judged.checked.wanted.until is not None:
        said.append(voice.gettext("Ends by itself at %(moment)s.", moment=voice.moment(judged.checked.wanted.until)))
    said.append(_way_back(judged, voice))
    return " ".join(said)


def _asked_first(verdict: Verdict, minutes: float, voice: Voice) -> list[str]:
    fresh = verdict.fresh_auth_minutes
    again = fresh is not None and minutes > fresh
    said = [voice.gettext("You are asked to sign in again first.")] if again else []
    if verdict.confirm:
        said.append(voice.gettext(_CONFIRMS[tuple(sorted(verdict.confirm))]))
    return said


def _waits(judged: Judged, voice: Voice) -> str:
    verdict = judged.verdict
    asked = [_people(need, voice) for need in verdict.approvals]
    if verdict.hold_seconds:
        asked.append(voice.lasting(verdict.hold_seconds))
    what = voice.gettext(" and ").join(asked)
    reach = judged.account.reach if judged.account is not None else None
    if reach is not None and (reach >= _MANY or judged.tier is not Tier.STANDARD):
        many = voice.count(reach)
        if verdict.approvals:
            return voice.gettext(
                "Waits for %(what)s; %(many)s followers; nothing happens on your click alone.", what=what, many=many
            )
        return voice.gettext(
            "Waits for %(what)s; %(many)s followers; it can be withdrawn until then.", what=what, many=many
        )
    if verdict.approvals:
        return voice.gettext("Waits for %(what)s; nothing happens on your click alone.", what=what)
    return voice.gettext("Waits for %(what)s; it can be withdrawn until then.", what=what)


def _people(need: Requirement, voice: Voice) -> str:
    number = need.approvals
    word = voice.gettext(_SMALL_NUMBERS[number]) if number < len(_SMALL_NUMBERS) else voice.count(number)
    roles = voice.gettext(" or ").join(voice.plain(role) for role in need.roles)
    if need.distinct_teams:
        return voice.ngettext(
            "%(several)s more person (%(roles)s) from another team",
            "%(several)s more people (%(roles)s) from other teams",
            number,
            several=word,
            roles=roles,
        )
    return voice.ngettext(
        "%(several)s more person (%(roles)s)", "%(several)s more people (%(roles)s)", number, several=word, roles=roles
    )


def _does(judged: Judged, now: datetime, voice: Voice) -> str:
    wanted = judged.checked.wanted
    account = judged.account
    action = judged.checked.action
    at_once, then, at_its_hour = _DOES["label_items" if action is Action.LABEL and wanted.content else action.value]
    scheduled = wanted.execute_at is not None and wanted.execute_at > now
    text = then if judged.verdict.hold_seconds else at_its_hour if scheduled else at_once
    return voice.gettext(
        text,
        name=f"@{account.handle}" if account is not None and account.handle else wanted.account,
        items=voice.ngettext("%(num)s item", "%(num)s items", len(wanted.content)),
        label=voice.plain(wanted.label or ""),
        moment=voice.moment(wanted.execute_at) if wanted.execute_at is not None else "",
    )


def _way_back(judged: Judged, voice: Voice) -> str:
    checked = judged.checked
    if checked.action is Action.WARN:
        return voice.gettext("Nothing is taken away.")
    match checked.reversibility:
        case Reversibility.EXACT:
            return voice.gettext("Nothing is lost. Undone in one click.")
        case Reversibility.LOSSY:
            lost = ", ".join(voice.gettext(loss) for loss in checked.capability.losses)
            return voice.gettext("Undoing it does not bring back: %(lost)s.", lost=lost or voice.gettext("everything"))
        case Reversibility.NONE:
            return voice.gettext("It cannot be undone.")
