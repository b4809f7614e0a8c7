"""What was most likely meant by a word that there is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from gardefou.speech import gettext as _

#: What people call facts elsewhere.
_OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "followers": "account.reach",
        "subscribers": "account.reach",
        "audience": "account.reach",
        "protected": "account.tier_memory",
        "age": "account.age_days",
        "labels": "account.labels",
        "action.type": "action.name",
        "role": "actor.roles",
        "user": "actor.roles",
        "tenure": "actor.tenure_days",
        "last_day": "actor.hours_to_last_day_end",
        "session": "actor.fresh_minutes",
        "mfa": "actor.fresh_minutes",
        "channel": "actor.via",
        "source": "actor.via",
        "count": "action.bulk",
        "accounts": "action.bulk",
        "duration": "action.duration_hours",
        "reason": "case.policy",
        "time": "now.hour",
        "day": "now.weekday",
    }
)


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was most likely meant; None where none is near."""
    words = list(known)
    meant, dotted = word.lower(), any("." in one for one in words)
    if dotted:
        last = meant.rpartition(".")[2]
        for name in (meant, last, *get_close_matches(last, _OTHER_NAMES, n=1, cutoff=0.85)):
            if _OTHER_NAMES.get(name) in words and name not in {one.rpartition(".")[2] for one in words}:
                return _OTHER_NAMES[name]
        # What stands after the dot says most: of the same group first, then of any.
        group = [one for one in words if one.startswith(f"{meant.partition('.')[0]}.")]
        for among in (group, words):
            ends = {one.rpartition(".")[2]: one for one in reversed(among)}
            near = get_close_matches(last, list(ends), n=1, cutoff=0.75)
            if near:
                return ends[near[0]]
    near = get_close_matches(meant, words, n=1, cutoff=0.6)
    return near[0] if near else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean …?`` for the nearest known word, or nothing."""
    near = nearest_word(word, known)
    return _(" Did you mean %(near)s?", near=near) if near else ""
