"""What a click will do, in words, before it is clicked."""

from __future__ import annotations

from datetime import datetime

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.letters import visible
from gardefou.flow.place import Judged
from gardefou.nets.phrasebook import count, duration
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.speech import gettext as _
from gardefou.speech import later, moment_in_full, ngettext, plain

#: From this reach on it is said, as a reason to look twice.
_MANY = 10_000


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


def consequence(judged: Judged, *, now: datetime, minutes_since_signin: float) -> str:
    """Return what placing this would do, in one to three short sentences.

    ``Suspends @x now. Nothing is lost. Undone in one click.`` or ``Waits for two
    more people (lead or policy) from other teams and 30 minutes; 41 million
    followers; nothing happens on your click alone.``
    """
    verdict = judged.verdict
    if verdict.refused:
        why = "; ".join(_(refusal).rstrip(".") for refusal in verdict.refusals)
        return _("Refused: %(why)s. Nothing will happen.", why=why.rstrip("."))
    if judged.joins is not None:
        return _("The same is already on its way or in force; nothing new is placed.")
    said = _asked_first(verdict, minutes_since_signin)
    if verdict.approvals or verdict.hold_seconds:
        said.append(_waits(judged))
        if verdict.approvals:
            return " ".join(said)
    said.append(_does(judged, now))
    if judged.checked.wanted.until is not None:
        said.append(_("Ends by itself at %(moment)s.", moment=moment_in_full(judged.checked.wanted.until)))
    said.append(_way_back(judged))
    return " ".join(said)


def _asked_first(verdict: Verdict, minutes: float) -> list[str]:
    fresh = verdict.fresh_auth_minutes
    again = fresh is not None and minutes > fresh
    said = [_("You are asked to sign in again first.")] if again else []
    if verdict.confirm:
        said.append(_(_CONFIRMS[tuple(sorted(verdict.confirm))]))
    return said


def _waits(judged: Judged) -> str:
    verdict = judged.verdict
    asked = [_people(need) for need in verdict.approvals]
    if verdict.hold_seconds:
        asked.append(duration(verdict.hold_seconds))
    what = _(" and ").join(asked)
    reach = judged.account.reach if judged.account is not None else None
    if reach is not None and (reach >= _MANY or judged.tier is not Tier.STANDARD):
        many = count(reach)
        if verdict.approvals:
            return _(
                "Waits for %(what)s; %(many)s followers; nothing happens on your click alone.", what=what, many=many
            )
        return _("Waits for %(what)s; %(many)s followers; it can be withdrawn until then.", what=what, many=many)
    if verdict.approvals:
        return _("Waits for %(what)s; nothing happens on your click alone.", what=what)
    return _("Waits for %(what)s; it can be withdrawn until then.", what=what)


def _people(need: Requirement) -> str:
    number = need.approvals
    word = _(_SMALL_NUMBERS[number]) if number < len(_SMALL_NUMBERS) else count(number)
    roles = _(" or ").join(plain(role) for role in need.roles)
    if need.distinct_teams:
        return ngettext(
            "%(several)s more person (%(roles)s) from another team",
            "%(several)s more people (%(roles)s) from other teams",
            number,
            several=word,
            roles=roles,
        )
    return ngettext(
        "%(several)s more person (%(roles)s)", "%(several)s more people (%(roles)s)", number, several=word, roles=roles
    )


def _does(judged: Judged, now: datetime) -> str:
    wanted = judged.checked.wanted
    account = judged.account
    action = judged.checked.action
    at_once, then, at_its_hour = _DOES["label_items" if action is Action.LABEL and wanted.content else action.value]
    scheduled = wanted.execute_at is not None and wanted.execute_at > now
    text = then if judged.verdict.hold_seconds else at_its_hour if scheduled else at_once
    name = visible(f"@{account.handle}" if account is not None and account.handle else wanted.account)
    return _(
        text,
        name=name,
        items=ngettext("%(num)s item", "%(num)s items", len(wanted.content)),
        label=plain(wanted.label or ""),
        moment=moment_in_full(wanted.execute_at) if wanted.execute_at is not None else "",
    )


def _way_back(judged: Judged) -> str:
    checked = judged.checked
    if checked.action is Action.WARN:
        return _("Nothing is taken away.")
    match checked.reversibility:
        case Reversibility.EXACT:
            return _("Nothing is lost. Undone in one click.")
        case Reversibility.LOSSY:
            lost = ", ".join(_(loss) for loss in checked.capability.losses)
            return _("Undoing it does not bring back: %(lost)s.", lost=lost or _("everything"))
        case Reversibility.NONE:
            return _("It cannot be undone.")
