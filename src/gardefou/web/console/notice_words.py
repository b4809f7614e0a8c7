"""Words of the page of notices."""

from __future__ import annotations

from gardefou.speech import gettext as _
from gardefou.speech import later

_KINDS: dict[str, str] = {
    "drift": later("a change behind our back"),
    "reversal": later("a restore within a day"),
    "breaker": later("the breaker"),
    "budget": later("a spent budget"),
    "near_miss": later("a near miss"),
    "break_glass": later("broken glass"),
    "undelivered": later("notices that do not get through"),
    "unsettled": later("an answer that never came"),
    "placed": later("an enforcement that nets tell of"),
    "second_look": later("a second look"),
    "change": later("a change that weakens"),
    "pause": later("a pause"),
    "resumed": later("the end of a pause"),
    "raid": later("raid mode"),
    "raid_over": later("the end of raid mode"),
    "retrying": later("a platform that does nothing"),
    "stuck": later("something stuck"),
    "restore_failed": later("a restore that failed"),
    "odd_refusal": later("a refusal that was none"),
    "leaver": later("what a leaver had waiting"),
    "recertify": later("roles to be confirmed"),
    "role_lapsed": later("a role that lapsed"),
    "role_kept": later("a role that is kept unconfirmed"),
    "revealed": later("a revealed name"),
    "service_orphaned": later("a service that nobody answers for"),
    "token_leaked": later("a secret found in the open"),
    "test": later("a test"),
}
_STATES: dict[str, str] = {
    "waiting": later("waiting"),
    "sent": later("delivered"),
    "undelivered": later("not delivered"),
}
_TONES = {"waiting": "wait", "sent": "good", "undelivered": "bad"}
_ANSWERS: dict[str, str] = {
    "": later("nothing was tried yet"),
    "sent": later("it was taken"),
    "no_address": later("its address is not in this machine's key store"),
    "no_channel": later("the channel was taken out of use"),
    "bad_address": later("its address can no longer be used"),
    "no_connection": later("no connection"),
    "unknown_host": later("no such host"),
    "certificate": later("the certificate is not trusted"),
    "too_slow": later("no answer in time"),
    "not_taken": later("it was not taken"),
    "broken": later("it could not be sent"),
}
_REACHED: dict[str, str] = {
    "oncall": later("people on call"),
    "lead": later("leads"),
    "policy": later("policy"),
    "legal": later("legal"),
    "team": later("the team that acted"),
    "everyone": later("everyone"),
}


def kind(name: str) -> str:
    """Return what a notice of a kind is about."""
    return _(_KINDS[name]) if name in _KINDS else name.replace("_", " ")


def state(name: str) -> str:
    """Return how a delivery stands."""
    return _(_STATES.get(name, name))


def tone(name: str) -> str:
    """Return the colour of a delivery's badge."""
    return _TONES.get(name, "off")


def answer(name: str) -> str:
    """Return what an attempt came to; a bare status as it is: ``HTTP 403``."""
    return _(_ANSWERS[name]) if name in _ANSWERS else name.upper()


def reached(name: str) -> str:
    """Return whom a name reaches."""
    if name.startswith("team:"):
        return _("team %(name)s", name=name.removeprefix("team:"))
    return _(_REACHED[name]) if name in _REACHED else name
