"""The words for facts: what each says of an account, an act, a person, a moment."""

from __future__ import annotations

from gardefou.nets.facts import NO_LAST_DAY_HOURS, VERY_LARGE

#: A condition that looks for more than this many in a count asks whether the count is known at all.
UNKNOWN_FROM = 1_000_000_000

#: Facts that are true or false: what each says when it is, and when it is not.
TRUTHS: dict[str, tuple[str, str]] = {
    "account.lookalike": ("the account looks like a protected one", "the account looks like no protected one"),
    "action.on_content": ("it is about content", "it is about the account itself"),
    "action.scheduled": ("it runs later", "it runs now"),
    "action.automated": ("an automation caused it", "no automation caused it"),
    "action.legal": ("the law demands it", "the law does not demand it"),
    "actor.human": ("a person does it", "a service does it"),
    "actor.in_shift": ("whoever does it is on duty", "whoever does it is off duty"),
    "actor.involved_30d": (
        "whoever does it had a part in what was done to the account within 30 days",
        "whoever does it had no part in what was done to the account within 30 days",
    ),
    "case.burst": ("the reports came in a burst", "the reports came in no burst"),
    "case.trusted_flagger": ("a trusted flagger reported it", "no trusted flagger reported it"),
    "case.evidence_seen": ("the evidence was opened", "the evidence was not opened"),
    "change.weakens": ("it weakens protection", "it weakens no protection"),
    "now.paused": ("enforcement is paused", "nothing is paused"),
    "now.raid": ("raid mode is on", "raid mode is off"),
}

#: Facts that are words: a sentence with the word, and its opposite.
WORDS: dict[str, tuple[str, str]] = {
    "account.tier": ("the account is {} today", "the account is not {} today"),
    "account.tier_memory": ("the account is {}", "the account is not {}"),
    "account.labels": ("the account is labelled {}", "the account is not labelled {}"),
    "account.state": ("the account is {} now", "the account is not {} now"),
    "action.name": ("it is {}", "it is not {}"),
    "action.reversibility": ("undoing it is {}", "undoing it is not {}"),
    "action.label": ("the label is {}", "the label is not {}"),
    "actor.roles": ("whoever does it is {}", "whoever does it is not {}"),
    "actor.team": ("whoever does it is of the team {}", "whoever does it is not of the team {}"),
    "actor.employer": ("whoever does it works for {}", "whoever does it does not work for {}"),
    "actor.standing": ("whoever does it is {}", "whoever does it is not {}"),
    "actor.via": ("it comes {}", "it does not come {}"),
    "case.category": ("it was reported as {}", "it was not reported as {}"),
    "case.policy": ("it is for {}", "it is not for {}"),
    "case.language": ("the language is {}", "the language is not {}"),
    "change.person": ("it concerns {}", "it does not concern {}"),
}

#: Words that have a sentence of their own.
BARE: dict[str, dict[str, tuple[str, str]]] = {
    "account.labels": {"": ("the account has no labels", "the account has labels")},
    "action.reversibility": {
        "none": ("it cannot be undone", "it can be undone"),
        "exact": ("it can be undone exactly", "it cannot be undone exactly"),
        "lossy": ("undoing it loses something", "undoing it loses nothing, or it cannot be undone"),
    },
    "action.label": {"": ("it puts on no label", "it puts on a label")},
    "actor.roles": {"": ("whoever does it has no role", "whoever does it has a role")},
    "actor.team": {"": ("whoever does it is of no team", "whoever does it is of a team")},
    "actor.employer": {
        "organisation": ("whoever does it works for the organisation", "whoever does it works for a vendor"),
        "": ("nobody employs whoever does it", "whoever does it is employed"),
    },
    "actor.via": {
        "system": ("Gardefou itself does it", "it does not come from Gardefou itself"),
        "break_glass": ("it breaks the glass", "it does not break the glass"),
    },
    "case.category": {"": ("nothing was reported", "something was reported")},
    "case.policy": {"": ("no policy is named", "a policy is named")},
    "case.language": {"": ("the language is not known", "the language is known")},
    "change.person": {"": ("it concerns no person", "it concerns a person")},
}

_SPOKEN: dict[str, dict[str, str]] = {
    "action.name": {
        "warn": "a warning",
        "label": "a label",
        "limit": "a limit",
        "remove_content": "a removal of content",
        "lock": "a lock",
        "suspend": "a suspension",
        "deactivate": "a deactivation",
        "delete": "a deletion",
        "restore": "a restore",
        "change": "a guarded change",
    },
    "actor.via": {
        "console": "by the console",
        "api": "by token",
        "cli": "by the command line",
        "system": "from Gardefou itself",
        "break_glass": "by broken glass",
    },
    "actor.standing": {"left": "gone", "active": "in good standing", "leaving": "leaving"},
    "actor.roles": {
        "reviewer": "a reviewer",
        "lead": "a lead",
        "policy": "of policy",
        "oncall": "on call",
        "legal": "of legal",
        "admin": "an admin",
        "auditor": "an auditor",
    },
}

#: Facts that are numbers: a sentence with the amount, and the unit of it.
NUMBERS: dict[str, tuple[str, str]] = {
    "account.reach": ("the account has {}", "followers"),
    "account.age_days": ("the account is {} old", "days"),
    "account.enforced_24h": ("the account saw {} in 24 hours", "effects"),
    "account.restored_30d": ("the account had {} within 30 days", "restores"),
    "action.severity": ("its severity is {}", ""),
    "action.bulk": ("it is for {} at once", "accounts"),
    "action.duration_hours": ("it lasts {}", "hours"),
    "actor.tenure_days": ("whoever does it has been here {}", "days"),
    "actor.hours_to_last_day_end": ("the last day of whoever does it ends in {}", "hours"),
    "actor.fresh_minutes": ("the last strong sign-in was {} ago", "minutes"),
    "case.reports": ("the case has {}", "reports"),
    "case.reporters": ("the case has reports of {}", "people"),
    "case.harm": ("the harm that the category can do is {}", ""),
    "recent.actor_reversed_7d": ("{} of whoever does it were reversed in 7 days", "enforcements"),
    "now.hour": ("the hour is {} UTC", ""),
    "now.weekday": ("the day of the week is {} (0 is Monday)", ""),
}

_WINDOWS = {
    "actor_1h": "by the same person in the last hour",
    "actor_24h": "by the same person in the last 24 hours",
    "team_1h": "by their team in the last hour",
    "platform_1h": "on the whole platform in the last hour",
}
_COUNTED = {
    "severity3": "enforcements of severity 3 or more",
    "severity4": "enforcements of severity 4 or more",
    "all": "enforcements",
    "milder": "enforcements of severity 1 or 2",
    "reach": "followers touched at severity 3 or more",
}
for _window, _who in _WINDOWS.items():
    for _name, _what in _COUNTED.items():
        NUMBERS[f"recent.{_window}.{_name}"] = ("there were {} " + _who, _what)

#: Kinds of guarded change, as people say them.
CHANGES: dict[str, str] = {
    "tier": "a change of tier",
    "mark_fake": "marking a lookalike as a fake",
    "nets": "a change of nets",
    "staff_add": "a new person",
    "role": "a change of roles",
    "leave": "a last day",
    "off": "the end of someone's powers",
    "suspend": "someone off duty, or back",
    "reveal": "revealing a name",
    "token": "a new token",
    "token_revoke": "revoking a token",
    "platform": "a platform",
    "setting": "a setting",
    "channel": "where notices go",
    "setup_finish": "the end of setup",
    "pause": "a pause",
    "second_pause": "a second pause within 24 hours",
    "resume": "resuming",
    "restore": "a restore beyond the limits",
    "restore_legal": "a restore of what the law took down",
}


def word_of(name: str, word: str) -> str:
    """Return a word of a fact as people say it."""
    return _SPOKEN.get(name, {}).get(word, word.replace("_", " ") if word else "none")


def change_kind(words: list[str], *, keep: bool) -> str:
    """Say which kind of guarded change it is, or which it is not."""
    kinds = [CHANGES.get(word, f"a change of kind {word}") for word in words if word]
    if words == [""]:
        return "it is no guarded change" if keep else "it is a guarded change"
    if "" in words:
        return (
            f"it is no guarded change, or {listed(kinds, 'or')}"
            if keep
            else (f"it is a guarded change, and not {listed(kinds, 'or')}")
        )
    return f"it is {listed(kinds, 'or')}" if keep else f"it is not {listed(kinds, 'or')}"


def counted(name: str) -> str:
    """Return what a count of the last hour or day counts: ``enforcements by the same person in the last hour``."""
    template, what = NUMBERS[name]
    return f"{what}{template.removeprefix('there were {}')}" if name.count(".") == 2 else what


def quantity(number: float, unit: str) -> str:
    """Return a number with its unit: ``41 million followers``, ``14 days``, ``1 hour``."""
    if unit in {"hours", "days", "minutes"}:
        return _time(number, unit)
    if number >= VERY_LARGE:
        return f"an unknown number of {unit}" if unit else "an unknown number"
    if not unit:
        return count(number)
    one = {"people": "person"}.get(unit) or (unit.replace("enforcements", "enforcement", 1).removesuffix("s"))
    if number == 1 and unit.startswith("enforcements"):
        one = unit.replace("enforcements", "enforcement", 1)
    elif number == 1 and unit.startswith("followers"):
        one = unit.replace("followers", "follower", 1)
    return f"{count(number)} {one if number == 1 else unit}"


def _time(number: float, unit: str) -> str:
    if unit == "hours" and number >= NO_LAST_DAY_HOURS:
        return "100 years or longer"
    if number >= VERY_LARGE / 1_000:
        return f"an unknown number of {unit}"
    if unit == "hours" and number >= 48 and number % 24 == 0:
        number, unit = number / 24, "days"
    if unit == "minutes" and number >= 120 and number % 60 == 0:
        number, unit = number / 60, "hours"
    return f"{count(number)} {unit.removesuffix('s') if number == 1 else unit}"


def count(number: float) -> str:
    """Return a number as people say it: ``41 million``, ``120,000``, ``1.5``."""
    for size, word in ((1_000_000_000, "billion"), (1_000_000, "million")):
        if number >= size:
            return f"{number / size:,.1f}".removesuffix(".0") + f" {word}"
    return f"{number:,}" if isinstance(number, int) or not float(number).is_integer() else f"{int(number):,}"


def duration(seconds: int) -> str:
    """Return a duration in words: ``30 minutes``, ``72 hours``."""
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {word}{'' if number == 1 else 's'}"
    return f"{seconds} seconds"


def listed(parts: list[str], word: str) -> str:
    """Return parts in a row: ``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"
