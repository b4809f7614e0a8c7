"""What a notice says: title and body, in the language of its channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from gardefou.domain.accounts import MEASURE_SEVERITY, state_name
from gardefou.notices.catalogue import Tongue, later
from gardefou.notices.kinds import ANSWERS, CHANGES, KINDS, NO_RESTORE, WORDS

_NAMED = 3
_DOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """An account that a notice names. ``measures`` None: it was never read. ``since``: when it went down, if known."""

    ref: str
    handle: str = ""
    reach: int | None = None
    tier: str = "standard"
    measures: tuple[str, ...] | None = None
    since: datetime | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return harmless(f"@{self.handle.removeprefix('@')}" if self.handle else self.ref)

    @property
    def down(self) -> bool:
        """Whether it is suspended, deactivated or deleted."""
        return any(MEASURE_SEVERITY.get(measure, 0) >= _DOWN for measure in self.measures or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice with all that its words need. ``facts``: values of `Kind`'s placeholders, as words of the domain."""

    kind: str
    platform: str = ""
    about: str = ""
    accounts: Sequence[Concerned] = ()
    #: How many accounts there are in all.
    number: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


#: What chats read as a link or a tag, and what stands in its place.
_TAMED = str.maketrans("<>[]`*", "‹›()'∗")
_CALLS = ("@everyone", "@here", "@channel", "@all", "@room")
_LONGEST = 80


def harmless(name: str) -> str:
    """Return a name that somebody outside chose, so that no chat takes it for a link, a tag or a call to everyone."""
    shown = "".join(letter for letter in name if letter.isprintable()).translate(_TAMED)[:_LONGEST]
    if shown.casefold().startswith(_CALLS):
        # Unseen, and no longer the word that calls.
        shown = f"@\u2060{shown[1:]}"
    return shown


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in words."""

    title: str
    body: str


def message(told: Told, *, language: str, address: str, now: datetime) -> Message:
    """Return a notice in words, with links below the console's ``address``."""
    tongue, kind = Tongue(language), KINDS[told.kind]
    values = _values(told, tongue)
    lines = [tongue.say(kind.says, **values)]
    for one in told.accounts[:_NAMED]:
        lines += ["", *_of_account(told, one, tongue, now)]
        if told.kind not in NO_RESTORE:
            path = f"/restore/{quote(told.platform, safe='')}/{quote(one.ref, safe='')}"
            lines.append(tongue.say(later("Restore: %(link)s"), link=address + path))
    more = told.number - len(told.accounts[:_NAMED])
    if more > 0:
        lines += ["", tongue.count(later("and %(num)s more account"), later("and %(num)s more accounts"), more)]
    lines += ["", tongue.say(later("More: %(link)s"), link=address + page_of(told.kind, told.about))]
    return Message(f"Gardefou: {tongue.say(kind.title, **values)}", "\n".join(lines))


def page_of(kind: str, about: str) -> str:
    """Return the console's page about what a notice tells of."""
    page = KINDS[kind].page
    return page + (quote(about, safe="") if page.endswith("/") else "")


def answer_in_words(answer: str, language: str) -> str:
    """Return what an attempt came to, as people say it: ``no connection``, ``HTTP 403``."""
    known = ANSWERS.get(answer)
    return answer.upper() if known is None else Tongue(language).say(known)


def _values(told: Told, tongue: Tongue) -> dict[str, str]:
    given = {name: str(value) for name, value in told.facts.items()}
    first = told.accounts[0] if told.accounts else None
    state = "unread" if first is None or first.measures is None else state_name(frozenset(first.measures))
    if told.number == 1 and first is not None:
        account = first.name
    elif told.number:
        account = tongue.count(later("%(num)s account"), later("%(num)s accounts"), told.number)
    else:
        account = ""
    return {
        "account": account,
        "platform": told.platform,
        "action": _word(given.get("action", ""), WORDS, tongue),
        "tier": _word(given.get("tier", ""), WORDS, tongue),
        "state": _word(state, WORDS, tongue),
        "change": _word(given.get("change", ""), CHANGES, tongue),
        "channel": given.get("channel", ""),
        "minutes": given.get("minutes", ""),
        "answer": answer_in_words(given.get("answer", ""), tongue.language),
    }


def _word(word: str, known: Mapping[str, str], tongue: Tongue) -> str:
    return tongue.say(known[word]) if word in known else word.replace("_", " ")


def _of_account(told: Told, one: Concerned, tongue: Tongue, now: datetime) -> list[str]:
    tier = tongue.say(WORDS[one.tier]) if one.tier in WORDS else one.tier
    if one.reach is None:
        reach = tongue.say(later("reach unknown"))
    elif one.reach == 1:
        reach = tongue.say(later("reaches 1 account"))
    else:
        reach = tongue.say(later("reaches %(reach)s accounts"), reach=tongue.large(one.reach))
    lines = [
        tongue.say(
            later("%(account)s on %(platform)s: %(tier)s, %(reach)s"),
            account=one.name,
            platform=told.platform,
            tier=tier,
            reach=reach,
        )
    ]
    if one.down and one.since is not None:
        minutes = max(0, int((now - one.since).total_seconds() // 60))
        long = tongue.count(later("%(num)s minute"), later("%(num)s minutes"), minutes)
        lines.append(
            tongue.say(later("DOWN since %(moment)s (%(minutes)s)"), moment=tongue.moment(one.since), minutes=long)
        )
    elif one.down:
        lines.append(tongue.say(later("DOWN")))
    return lines
