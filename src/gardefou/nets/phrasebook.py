"""The words for facts: what each says of an account, an act, a person, a moment."""

from __future__ import annotations

from gardefou.nets.facts import NO_LAST_DAY_HOURS, VERY_LARGE
from gardefou.speech import decimal, later, listed, ngettext, plain
from gardefou.speech import gettext as _

#: A condition that looks for more than this many in a count asks whether the count is known at all.
UNKNOWN_FROM = 1_000_000_000

#: Facts that are true or false: what each says when it is, and when it is not.
TRUTHS: dict[str, tuple[str, str]] = {
    "account.lookalike": (
        later("the account looks like a protected one"),
        later("the account looks like no protected one"),
    ),
    "action.on_content": (later("it is about content"), later("it is about the account itself")),
    "action.scheduled": (later("it runs later"), later("it runs now")),
    "action.automated": (later("an automation caused it"), later("no automation caused it")),
    "action.legal": (later("the law demands it"), later("the law does not demand it")),
    "actor.human": (later("a person does it"), later("a service does it")),
    "actor.in_shift": (later("whoever does it is on duty"), later("whoever does it is off duty")),
    "actor.involved_30d": (
        later("whoever does it had a part in what was done to the account within 30 days"),
        later("whoever does it had no part in what was done to the account within 30 days"),
    ),
    "case.burst": (later("the reports came in a burst"), later("the reports came in no burst")),
    "case.trusted_flagger": (later("a trusted flagger reported it"), later("no trusted flagger reported it")),
    "case.evidence_seen": (later("the evidence was opened"), later("the evidence was not opened")),
    "change.weakens": (later("it weakens protection"), later("it weakens no protection")),
    "now.paused": (later("enforcement is paused"), later("nothing is paused")),
    "now.raid": (later("raid mode is on"), later("raid mode is off")),
}

#: Facts that are words: a sentence with the word, and its opposite.
WORDS: dict[str, tuple[str, str]] = {
    "account.tier": (later("the account is %(word)s today"), later("the account is not %(word)s today")),
    "account.tier_memory": (later("the account is %(word)s"), later("the account is not %(word)s")),
    "account.labels": (later("the account is labelled %(word)s"), later("the account is not labelled %(word)s")),
    "account.state": (later("the account is %(word)s now"), later("the account is not %(word)s now")),
    "action.name": (later("it is %(word)s"), later("it is not %(word)s")),
    "action.reversibility": (later("undoing it is %(word)s"), later("undoing it is not %(word)s")),
    "action.label": (later("the label is %(word)s"), later("the label is not %(word)s")),
    "actor.roles": (later("whoever does it is %(word)s"), later("whoever does it is not %(word)s")),
    "actor.team": (
        later("whoever does it is of the team %(word)s"),
        later("whoever does it is not of the team %(word)s"),
    ),
    "actor.employer": (
        later("whoever does it works for %(word)s"),
        later("whoever does it does not work for %(word)s"),
    ),
    "actor.standing": (later("whoever does it is %(word)s"), later("whoever does it is not %(word)s")),
    "actor.via": (later("it comes %(word)s"), later("it does not come %(word)s")),
    "case.category": (later("it was reported as %(word)s"), later("it was not reported as %(word)s")),
    "case.policy": (later("it is for %(word)s"), later("it is not for %(word)s")),
    "case.language": (later("the language is %(word)s"), later("the language is not %(word)s")),
    "change.person": (later("it concerns %(word)s"), later("it does not concern %(word)s")),
}

#: Words that have a sentence of their own.
BARE: dict[str, dict[str, tuple[str, str]]] = {
    "account.labels": {"": (later("the account has no labels"), later("the account has labels"))},
    "action.reversibility": {
        "none": (later("it cannot be undone"), later("it can be undone")),
        "exact": (later("it can be undone exactly"), later("it cannot be undone exactly")),
        "lossy": (later("undoing it loses something"), later("undoing it loses nothing, or it cannot be undone")),
    },
    "action.label": {"": (later("it puts on no label"), later("it puts on a label"))},
    "actor.roles": {"": (later("whoever does it has no role"), later("whoever does it has a role"))},
    "actor.team": {"": (later("whoever does it is of no team"), later("whoever does it is of a team"))},
    "actor.employer": {
        "organisation": (
            later("whoever does it works for the organisation"),
            later("whoever does it works for a vendor"),
        ),
        "": (later("nobody employs whoever does it"), later("whoever does it is employed")),
    },
    "actor.via": {
        "system": (later("Gardefou itself does it"), later("it does not come from Gardefou itself")),
        "break_glass": (later("it breaks the glass"), later("it does not break the glass")),
    },
    "case.category": {"": (later("nothing was reported"), later("something was reported"))},
    "case.policy": {"": (later("no policy is named"), later("a policy is named"))},
    "case.language": {"": (later("the language is not known"), later("the language is known"))},
    "change.person": {"": (later("it concerns no person"), later("it concerns a person"))},
}

_SPOKEN: dict[str, dict[str, str]] = {
    "action.name": {
        "warn": later("a warning"),
        "label": later("a label"),
        "limit": later("a limit"),
        "remove_content": later("a removal of content"),
        "lock": later("a lock"),
        "suspend": later("a suspension"),
        "deactivate": later("a deactivation"),
        "delete": later("a deletion"),
        "restore": later("a restore"),
        "change": later("a guarded change"),
    },
    "actor.via": {
        "console": later("by the console"),
        "api": later("by token"),
        "cli": later("by the command line"),
        "system": later("from Gardefou itself"),
        "break_glass": later("by broken glass"),
    },
    "actor.standing": {"left": later("gone"), "active": later("in good standing"), "leaving": later("leaving")},
    "actor.roles": {
        "reviewer": later("a reviewer"),
        "lead": later("a lead"),
        "policy": later("of policy"),
        "oncall": later("on call"),
        "legal": later("of legal"),
        "admin": later("an admin"),
        "auditor": later("an auditor"),
    },
}

#: Facts that are numbers: a sentence with the amount, and the unit of it.
NUMBERS: dict[str, tuple[str, str]] = {
    "account.reach": (later("the account has %(amount)s"), "followers"),
    "account.age_days": (later("the account is %(amount)s old"), "days"),
    "account.enforced_24h": (later("the account saw %(amount)s in 24 hours"), "effects"),
    "account.restored_30d": (later("the account had %(amount)s within 30 days"), "restores"),
    "action.severity": (later("its severity is %(amount)s"), ""),
    "action.bulk": (later("it is for %(amount)s at once"), "accounts"),
    "action.duration_hours": (later("it lasts %(amount)s"), "hours"),
    "actor.tenure_days": (later("whoever does it has been here %(amount)s"), "days"),
    "actor.hours_to_last_day_end": (later("the last day of whoever does it ends in %(amount)s"), "hours"),
    "actor.fresh_minutes": (later("the last strong sign-in was %(amount)s ago"), "minutes"),
    "case.reports": (later("the case has %(amount)s"), "reports"),
    "case.reporters": (later("the case has reports of %(amount)s"), "people"),
    "case.harm": (later("the harm that the category can do is %(amount)s"), ""),
    "recent.actor_reversed_7d": (
        later("%(amount)s of whoever does it were reversed in 7 days"),
        "enforcements",
    ),
    "now.hour": (later("the hour is %(amount)s UTC"), ""),
    "now.weekday": (later("the day of the week is %(amount)s (0 is Monday)"), ""),
}

#: Units: one of it, more of it, an unknown number of it, and its name alone.
UNITS: dict[str, tuple[str, str, str, str]] = {
    "followers": (
        "%(num)s follower",
        "%(num)s followers",
        "an unknown number of followers",
        "followers",
    ),
    "effects": (
        "%(num)s effect",
        "%(num)s effects",
        "an unknown number of effects",
        "effects",
    ),
    "restores": (
        "%(num)s restore",
        "%(num)s restores",
        "an unknown number of restores",
        "restores",
    ),
    "accounts": (
        "%(num)s account",
        "%(num)s accounts",
        "an unknown number of accounts",
        "accounts",
    ),
    "reports": (
        "%(num)s report",
        "%(num)s reports",
        "an unknown number of reports",
        "reports",
    ),
    "people": (
        "%(num)s person",
        "%(num)s people",
        "an unknown number of people",
        "people",
    ),
    "enforcements": (
        "%(num)s enforcement",
        "%(num)s enforcements",
        "an unknown number of enforcements",
        "enforcements",
    ),
    "minutes": (
        "%(num)s minute",
        "%(num)s minutes",
        "an unknown number of minutes",
        "minutes",
    ),
    "hours": (
        "%(num)s hour",
        "%(num)s hours",
        "an unknown number of hours",
        "hours",
    ),
    "days": (
        "%(num)s day",
        "%(num)s days",
        "an unknown number of days",
        "days",
    ),
    "severity3": (
        "%(num)s enforcement of severity 3 or more",
        "%(num)s enforcements of severity 3 or more",
        "an unknown number of enforcements of severity 3 or more",
        "enforcements of severity 3 or more",
    ),
    "severity4": (
        "%(num)s enforcement of severity 4 or more",
        "%(num)s enforcements of severity 4 or more",
        "an unknown number of enforcements of severity 4 or more",
        "enforcements of severity 4 or more",
    ),
    "milder": (
        "%(num)s enforcement of severity 1 or 2",
        "%(num)s enforcements of severity 1 or 2",
        "an unknown number of enforcements of severity 1 or 2",
        "enforcements of severity 1 or 2",
    ),
    "reach": (
        "%(num)s follower touched at severity 3 or more",
        "%(num)s followers touched at severity 3 or more",
        "an unknown number of followers touched at severity 3 or more",
        "followers touched at severity 3 or more",
    ),
}
#: Counts of the last hour or day, such as ``recent.actor_1h.all``: by whom, and when.
_WINDOWS = {
    "actor_1h": later("%(what)s by the same person in the last hour"),
    "actor_24h": later("%(what)s by the same person in the last 24 hours"),
    "team_1h": later("%(what)s by their team in the last hour"),
    "platform_1h": later("%(what)s on the whole platform in the last hour"),
}

#: Kinds of guarded change, as people say them.
CHANGES: dict[str, str] = {
    "tier": later("a change of tier"),
    "mark_fake": later("marking a lookalike as a fake"),
    "nets": later("a change of nets"),
    "staff_add": later("a new person"),
    "role": later("a change of roles"),
    "leave": later("a last day"),
    "off": later("the end of someone's powers"),
    "suspend": later("someone off duty, or back"),
    "reveal": later("revealing a name"),
    "token": later("a new token"),
    "token_revoke": later("revoking a token"),
    "platform": later("a platform"),
    "setting": later("a setting"),
    "channel": later("where notices go"),
    "setup_finish": later("the end of setup"),
    "pause": later("a pause"),
    "second_pause": later("a second pause within 24 hours"),
    "resume": later("resuming"),
    "restore": later("a restore beyond the limits"),
    "restore_legal": later("a restore of what the law took down"),
}


def word_of(name: str, word: str) -> str:
    """Return a word of a fact as people say it."""
    spoken = _SPOKEN.get(name, {}).get(word)
    if spoken is not None:
        return _(spoken)
    return plain(word) if word else _("none")


def guarded(kind: str) -> str:
    """Return a kind of guarded change as people say it: ``a change of tier``."""
    return _(CHANGES[kind]) if kind in CHANGES else _("a change of kind %(kind)s", kind=kind)


def change_kind(words: list[str], *, keep: bool) -> str:
    """Say which kind of guarded change it is, or which it is not."""
    if words == [""]:
        return _("it is no guarded change") if keep else _("it is a guarded change")
    kinds = listed([guarded(word) for word in words if word], "or")
    if "" in words:
        if keep:
            return _("it is no guarded change, or %(kinds)s", kinds=kinds)
        return _("it is a guarded change, and not %(kinds)s", kinds=kinds)
    return _("it is %(kinds)s", kinds=kinds) if keep else _("it is not %(kinds)s", kinds=kinds)


def window_of(name: str) -> tuple[str, str] | None:
    """Return the window and the unit of a count of the last hour or day; None for any other fact."""
    parts = name.split(".")
    if len(parts) != 3 or parts[1] not in _WINDOWS:
        return None
    return parts[1], "enforcements" if parts[2] == "all" else parts[2]


def within(window: str, what: str) -> str:
    """Say of whom and of when a count is: ``10 enforcements by the same person in the last hour``."""
    return _(_WINDOWS[window], what=what)


def counted(window: str, unit: str) -> str:
    """Return what a count of the last hour or day counts: ``enforcements by the same person in the last hour``."""
    return within(window, _(UNITS[unit][3]))


def quantity(number: float, unit: str) -> str:
    """Return a number with its unit: ``41 million followers``, ``14 days``, ``1 hour``."""
    if unit == "hours" and number >= NO_LAST_DAY_HOURS:
        return _("100 years or longer")
    if unit in {"hours", "days", "minutes"}:
        if number >= VERY_LARGE / 1_000:
            return _(UNITS[unit][2])
        if unit == "hours" and number >= 48 and number % 24 == 0:
            number, unit = number / 24, "days"
        elif unit == "minutes" and number >= 120 and number % 60 == 0:
            number, unit = number / 60, "hours"
    if number >= VERY_LARGE:
        return _(UNITS[unit][2]) if unit else _("an unknown number")
    if not unit:
        return count(number)
    one, several = UNITS[unit][:2]
    # What is no whole number takes the form of several.
    return ngettext(one, several, int(number) if number == int(number) else 2, num=count(number))


def count(number: float) -> str:
    """Return a number as people say it: ``41 million``, ``120,000``, ``1.5``."""
    if number >= 1_000_000_000:
        return _("%(number)s billion", number=decimal(round(number / 1_000_000_000, 1)))
    if number >= 1_000_000:
        return _("%(number)s million", number=decimal(round(number / 1_000_000, 1)))
    return decimal(number)


def duration(seconds: int) -> str:
    """Return a duration in words: ``30 minutes``, ``72 hours``."""
    if seconds >= 3600 and seconds % 3600 == 0:
        return ngettext("%(num)s hour", "%(num)s hours", seconds // 3600)
    if seconds >= 60 and seconds % 60 == 0:
        return ngettext("%(num)s minute", "%(num)s minutes", seconds // 60)
    return ngettext("%(num)s second", "%(num)s seconds", seconds)
