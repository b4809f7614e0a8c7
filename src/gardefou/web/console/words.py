"""How things are said on a page: moments, numbers, states, what nets ask, what an event was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from gardefou.domain.actions import Action
from gardefou.domain.letters import foreign, hidden, visible
from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import SAYS, State
from gardefou.nets.phrasebook import count
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.speech import day, decimal, later, local, moment_in_full, ngettext, plain
from gardefou.speech import gettext as _

_DOES: dict[str, str] = {
    "warn": later("Warn %(name)s"),
    "label": later("Label %(name)s as %(label)s"),
    "limit": later("Limit %(name)s"),
    "remove_content": later("Remove content of %(name)s"),
    "lock": later("Lock %(name)s"),
    "suspend": later("Suspend %(name)s"),
    "deactivate": later("Deactivate %(name)s"),
    "delete": later("Delete %(name)s"),
    "restore": later("Restore %(name)s"),
}

_CHANGES: dict[str, str] = {
    "tier": later("Change of tier"),
    "mark_fake": later("Mark as a fake"),
    "nets": later("Change of nets"),
    "staff_add": later("New person"),
    "role": later("Change of roles"),
    "leave": later("Last day"),
    "off": later("End of all powers"),
    "suspend": later("Off duty, or back"),
    "reveal": later("Reveal a name"),
    "erase": later("Erase a leaver's name"),
    "passkey": later("Passkeys"),
    "token": later("New token"),
    "token_revoke": later("Revoke a token"),
    "platform": later("Platform"),
    "setting": later("Setting"),
    "setup_finish": later("End of setup"),
    "channel": later("Change where notices go"),
    "pause": later("Pause"),
    "resume": later("Resume"),
}

_EVENTS: dict[str, str] = {
    "enforcement.placed": later("placed it"),
    "grant.noted": later("a role that is held was noted"),
    "grant.confirmed": later("confirmed a role"),
    "grant.ended": later("a role is not held any more"),
    "grant.reminded": later("leads were told that a role lapses soon"),
    "grant.kept": later("a role that nobody confirmed was kept"),
    "grant.lapsed": later("a role lapsed that nobody confirmed"),
    "rollback.begun": later("began to roll somebody back"),
    "rollback.carried": later("an account was rolled back"),
    "rollback.ended": later("a rollback went through all its accounts"),
    "rollback.stopped": later("a rollback was stopped"),
    "enforcement.waiting": later("it waits"),
    "enforcement.ready": later("it is cleared"),
    "enforcement.executing": later("it is on its way to the platform"),
    "enforcement.in_force": later("the platform shows it"),
    "enforcement.failed": later("the platform refused it"),
    "enforcement.unknown": later("no answer came; the platform is read before anything else"),
    "enforcement.retrying": later("the platform cannot be reached; it is tried again"),
    "enforcement.lapsed": later("it lapsed"),
    "enforcement.refused": later("it was refused"),
    "enforcement.cancelled": later("it was withdrawn"),
    "enforcement.approved": later("said yes"),
    "enforcement.denied": later("said no"),
    "enforcement.restoring": later("is undoing it"),
    "enforcement.restored": later("it is undone"),
    "enforcement.held_back": later("something holds it back for now"),
    "enforcement.ratified": later("let the broken glass stand"),
    "enforcement.rebased": later("what remains was traced to the state before"),
    "enforcement.answered_late": later("the platform answered late"),
    "report.taken": later("a report came in"),
    "case.claimed": later("took the case"),
    "case.renewed": later("kept the case longer"),
    "case.released": later("gave the case back"),
    "case.skipped": later("left the case to others"),
    "case.moved": later("moved the case"),
    "case.escalated": later("escalated the case"),
    "case.noted": later("wrote a note"),
    "case.evidence_seen": later("opened the evidence"),
    "decision.made": later("decided the case"),
    "incident.opened": later("an incident was opened"),
    "incident.grew": later("the incident grew"),
    "account.drifted": later("the platform shows a change that did not come through here"),
    "account.tier_set": later("the tier was set"),
    "account.marked_fake": later("marked as a fake"),
    "pause.started": later("paused everything"),
    "pause.ended": later("resumed"),
    "breaker.tripped": later("the breaker stopped it"),
    "budget.topped_up": later("topped up a budget"),
    "notice.undelivered": later("notices do not get through"),
    "notice.tested": later("tried a channel for notices"),
    "account.noted": later("the account was noted"),
    "account.seen": later("the platform was read"),
    "alert.raised": later("people on duty were told"),
    "case.reopened": later("the case is open again"),
    "enforcement.intended": later("what would be sent was written down"),
    "enforcement.let_go": later("nothing holds it back any more"),
    "enforcement.sending": later("it is being sent to the platform"),
    "enforcement.unreadable": later("the platform cannot be read"),
    "nets.changed": later("other nets are in force"),
    "platform.pulled": later("reports of the platform were fetched"),
    "platform.registered": later("a platform was registered"),
    "platform.retired": later("a platform was taken out of use"),
    "raid.started": later("called raid mode"),
    "raid.ended": later("ended raid mode"),
    "setting.changed": later("a setting was changed"),
    "setup.finished": later("setup was ended"),
    "staff.added": later("a person was added"),
    "staff.enrolled": later("signed in for the first time"),
    "staff.invited": later("drew half an invitation"),
    "staff.uninvited": later("withdrew half an invitation"),
    "staff.welcomed": later("came in by invitation"),
    "staff.left": later("all powers of a person ended"),
    "staff.notice": later("a last day was set"),
    "staff.revealed": later("a name was revealed"),
    "seals.rotated": later("names were sealed under a new key"),
    "staff.name_read": later("a revealed name was read"),
    "staff.searched": later("someone was searched for by name"),
    "staff.erased": later("a leaver's name was erased"),
    "staff.roles_changed": later("a person's roles or team changed"),
    "staff.signed_in": later("signed in"),
    "token.issued": later("a token was issued"),
    "token.revoked": later("a token was revoked"),
    "token.orphaned": later("nobody answers for a service any more"),
    "staff.suspended": later("someone was taken off duty for now"),
    "staff.reinstated": later("someone came back on duty"),
    "staff.described": later("who somebody is was stated anew"),
    "staff.linked": later("bound their account at the identity provider"),
    "passkey.enrolled": later("a passkey was enrolled"),
    "passkey.revoked": later("a passkey was ended"),
    "session.ended": later("sessions of a person were ended"),
    "signal.received": later("the identity provider told of a security event"),
    "channel.set": later("a channel for notices was set"),
    "channel.retired": later("a channel for notices was taken out of use"),
}

#: Nouns that are counted on pages, one and many; the catalogues have each.
NOUNS: tuple[tuple[str, str], ...] = (
    ("account", "accounts"),
    ("answer", "answers"),
    ("case", "cases"),
    ("claimed case", "claimed cases"),
    ("decision", "decisions"),
    ("enforcement", "enforcements"),
    ("entry", "entries"),
    ("line", "lines"),
    ("net", "nets"),
    ("open enforcement", "open enforcements"),
    ("person", "people"),
    ("promise", "promises"),
    ("report", "reports"),
    ("service", "services"),
    ("time", "times"),
    ("token", "tokens"),
    ("yes that stands", "yeses that stand"),
)

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
    """Return an instant as people read it, in the reader's time zone: ``2 Nov 2017, 21:45 UTC``."""
    return _("never") if at is None else moment_in_full(at)


def ago(at: datetime | None, now: datetime) -> str:
    """Return how long ago an instant was, or how far ahead it lies: ``5 min ago``, ``in 2 h``."""
    if at is None:
        return _("never")
    gap = now - at
    if abs(gap) < timedelta(seconds=1):
        return _("just now")
    size = span(abs(gap))
    return _("%(span)s ago", span=size) if gap > timedelta(0) else _("in %(span)s", span=size)


def span(gap: timedelta) -> str:
    """Return a length of time in its largest unit: ``40 s``, ``5 min``, ``2 h``, ``3 days``."""
    seconds = int(gap.total_seconds())
    if seconds < 60:
        return _("%(number)s s", number=seconds)
    if seconds < 3600:
        return _("%(number)s min", number=seconds // 60)
    if seconds < 2 * 86_400:
        return _("%(number)s h", number=seconds // 3600)
    days = seconds // 86_400
    if days < 730:
        return ngettext("%(num)s day", "%(num)s days", days)
    return ngettext("%(num)s year", "%(num)s years", days // 365)


def reach(number: int | None) -> str:
    """Return how many people an account reaches."""
    if number is None:
        return _("reach unknown")
    return _("1 follower") if number == 1 else _("%(number)s followers", number=count(number))


def age(account: Account, now: datetime) -> str:
    """Return how old an account is."""
    return _("age unknown") if account.born_at is None else _("%(span)s old", span=span(now - account.born_at))


def named(account: Account | None, ref: str) -> str:
    """Return what an account is called: its handle, or its id where no handle is known; nothing hides in it."""
    if account is None or not account.handle:
        return visible(ref)
    return visible(account.handle if account.handle.startswith("@") else f"@{account.handle}")


_AMONG_LATIN: dict[str, str] = {
    "cyrillic": later("Among the Latin letters of the name are Cyrillic ones: %(letters)s."),
    "greek": later("Among the Latin letters of the name are Greek ones: %(letters)s."),
    "armenian": later("Among the Latin letters of the name are Armenian ones: %(letters)s."),
    "cherokee": later("Among the Latin letters of the name are Cherokee ones: %(letters)s."),
    "coptic": later("Among the Latin letters of the name are Coptic ones: %(letters)s."),
    "lisu": later("Among the Latin letters of the name are Lisu ones: %(letters)s."),
}


def oddities(account: Account) -> list[str]:
    """Return what is odd about an account's names that nobody sees: what hides in them, letters of other scripts."""
    names = (account.handle, account.display_name)
    codes = dict.fromkeys(code for name in names for code in hidden(name))
    said = [_("The name hides characters: %(codes)s.", codes=", ".join(codes))] if codes else []
    scripts: dict[str, dict[str, None]] = {}
    for name in names:
        for script, letters in foreign(name):
            scripts.setdefault(script, {}).update(dict.fromkeys(letters))
    return said + [_(_AMONG_LATIN[script], letters=", ".join(letters)) for script, letters in scripts.items()]


def title(enforcement: Enforcement, account: Account | None = None) -> str:
    """Return an enforcement in a few words: ``Suspend @x``, ``Change of tier: notable``."""
    if enforcement.action == Action.CHANGE:
        return change_title(enforcement.change or {})
    name = named(account, enforcement.account)
    return _(_DOES.get(enforcement.action, "%(name)s"), name=name, label=plain(enforcement.label or ""))


def change_title(change: Mapping[str, Any]) -> str:
    """Return a guarded change in a few words, without anybody's id."""
    kind = str(change.get("kind", ""))
    said = _(_CHANGES.get(kind, kind))
    more = {"tier": change.get("tier"), "setting": change.get("name"), "platform": change.get("name")}.get(kind)
    return _("%(what)s: %(more)s", what=said, more=plain(more)) if more else said


def state(name: str) -> str:
    """Return a state's name as a badge shows it."""
    return plain(name)


def tone(name: str) -> str:
    """Return the colour of a state's badge."""
    return TONES.get(name, "off")


def says(name: str) -> str:
    """Return what a state means, in a sentence."""
    return _(SAYS[State(name)])


def waits_for(enforcement: Enforcement, now: datetime) -> str:
    """Return in a few words what a waiting enforcement waits for; nothing for any other."""
    if enforcement.state != State.WAITING.value:
        return ""
    if enforcement.approved_at is None:
        return _("waits for people")
    if enforcement.hold_until is not None and enforcement.hold_until > now:
        return _("held")
    return _("waits for its hour")


def need(requirement: Requirement) -> str:
    """Return whom nets ask for: ``2 further people (lead or policy), of different teams``."""
    said = requirement.in_words()
    if requirement.blind:
        said = _("%(people)s, who judge without seeing this decision", people=said)
    return said


def lasting(seconds: int) -> str:
    """Return a number of seconds as nets write it: ``10 minutes``, ``24 hours``."""
    if seconds and seconds % 86_400 == 0:
        return ngettext("%(num)s day", "%(num)s days", seconds // 86_400)
    if seconds and seconds % 3600 == 0:
        return ngettext("%(num)s hour", "%(num)s hours", seconds // 3600)
    if seconds and seconds % 60 == 0:
        return ngettext("%(num)s minute", "%(num)s minutes", seconds // 60)
    return ngettext("%(num)s second", "%(num)s seconds", seconds)


def asks(verdict: Verdict) -> list[str]:
    """Return what nets ask, each ask one phrase; empty where they ask nothing."""
    said = [_("refused: %(why)s", why=_(refusal)) for refusal in verdict.refusals]
    said += [need(one) for one in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        said.append(_("a strong sign-in not older than %(minutes)s minutes", minutes=verdict.fresh_auth_minutes))
    if verdict.hold_seconds:
        said.append(_("a wait of %(time)s in which anyone can cancel", time=lasting(verdict.hold_seconds)))
    said += [
        _("the handle typed by hand") if what == "handle" else _("the account chosen among its lookalikes")
        for what in verdict.confirm
    ]
    if verdict.notify:
        said.append(_("tells %(whom)s", whom=", ".join(plain(channel) for channel in verdict.notify)))
    return said


def event(kind: str) -> str:
    """Return what an event was."""
    return _(_EVENTS[kind]) if kind in _EVENTS else kind.replace(".", " ").replace("_", " ")


def milliseconds(enforcement: Enforcement) -> int | None:
    """Return the milliseconds from the click to the platform's confirmation, on record; None before it."""
    if enforcement.in_force_at is None:
        return None
    # A restore reads the platform before it is placed; that counts too.
    asked = enforcement.receipt.get("asked_at")
    clicked = enforcement.placed_at if asked is None else datetime.fromisoformat(str(asked))
    return max(0, round((enforcement.in_force_at - clicked) / timedelta(milliseconds=1)))


def plural(number: int, word: str, more: str = "") -> str:
    """Return a number with its noun: ``1 report``, ``3 reports``. The nouns are `NOUNS`."""
    one, several = f"%(num)s {word}", f"%(num)s {more or word + 's'}"
    return ngettext(one, several, number)


def fact(value: object) -> str:
    """Return a fact's value in words."""
    match value:
        case bool():
            return _("yes") if value else _("no")
        case None | "" | [] | ():
            return _("none")
        case int() | float():
            return _("very many") if value >= 1_000_000_000 else decimal(value)
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
    "visible": visible,
    "oddities": oddities,
    "title": title,
    "state": state,
    "tone": tone,
    "says": says,
    "waits_for": waits_for,
    "asks": asks,
    "event": event,
    "milliseconds": milliseconds,
    "local": local,
    "plural": plural,
    "day": day,
    "decimal": decimal,
    "plain": plain,
    "fact": fact,
    "many": count,
    "said": _,
    "span": span,
    "duration": lasting,
    "need": need,
}
