"""Security events from the identity provider (OpenID Shared Signals): a session revoked, a credential changed.

Whatever they say can only lower: sessions end, a fresh sign-in is asked for,
somebody is off duty for now. Who is meant is told by the identity provider's
own identifier or by ours, never by an address (R5). The record says what came
and what was done, with no name and no subject in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from gardefou.domain.records import ORGANISATION, SYSTEM, Staff
from gardefou.errors import Denied, InvalidInput
from gardefou.flow.app import App
from gardefou.flow.changes.suspend import suspend
from gardefou.people import provisioned
from gardefou.people.authenticate import forget_strong
from gardefou.people.sessions import end_sessions
from gardefou.people.signed_tokens import Part, Signed, spend
from gardefou.speech import gettext as _
from gardefou.storage.work import UnitOfWork

#: A clock may be this far ahead of ours.
AHEAD = timedelta(minutes=5)
#: Older events are not taken: whoever sends them again after an outage has done so by then.
OLDEST = timedelta(days=7)
#: Each event counts once; it is remembered for longer than it would be taken.
REMEMBERED = OLDEST + timedelta(days=1)
_MOST = 10
_LONGEST = 2_048

_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC = "https://schemas.openid.net/secevent/risc/event-type/"
_SSF = "https://schemas.openid.net/secevent/ssf/event-type/"
_SESSIONS, _FRESH, _OFF = "sessions ended", "sign-in forgotten", "off duty"
#: What each kind of event does, in this sequence; any other is taken, noted and does nothing.
DOES: Mapping[str, tuple[str, ...]] = {
    f"{_CAEP}session-revoked": (_SESSIONS,),
    f"{_CAEP}credential-change": (_SESSIONS, _FRESH),
    f"{_CAEP}assurance-level-change": (_SESSIONS, _FRESH),
    f"{_CAEP}device-compliance-change": (_SESSIONS, _FRESH),
    f"{_RISC}sessions-revoked": (_SESSIONS,),
    f"{_RISC}account-credential-change-required": (_SESSIONS, _FRESH),
    f"{_RISC}credential-compromise": (_SESSIONS, _FRESH),
    f"{_RISC}account-disabled": (_SESSIONS, _FRESH, _OFF),
    f"{_RISC}account-purged": (_SESSIONS, _FRESH, _OFF),
    f"{_SSF}verification": (),
    f"{_SSF}stream-updated": (),
}
#: What says of a change that it is for the better; then nothing is done.
_BETTER = {"change_direction": "increase", "current_status": "compliant"}
_BY_ADDRESS = frozenset({"email", "phone_number", "phone", "account"})


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one token: ``repeated`` where it had come before, and whom it concerned."""

    repeated: bool
    staff: tuple[str, ...] = ()


def check(token: Signed, *, issuer: str, audience: str, now: datetime) -> None:
    """Raise unless a signed token is a security event for us (RFC 8417).

    Raises:
        InvalidInput: `signal/invalid_issuer`, `signal/invalid_audience`, `signal/invalid_request`.
    """
    token.check_frame(issuer=issuer, audience=audience, now=now, leeway=AHEAD, ends=False)
    if token.moment("iat") < now - OLDEST:
        raise _wrong("iat is over a week ago")
    token.word("jti")
    events: Any = token.claims.get("events")
    if not isinstance(events, dict) or not 1 <= len(cast("dict[str, Any]", events)) <= _MOST:
        raise _wrong(f"events does not hold 1 to {_MOST} events")
    if not all(isinstance(one, dict) for one in cast("dict[str, Any]", events).values()):
        raise _wrong("an event is no object")


def refused(part: Part, why: str) -> InvalidInput:
    """Return the error for a token that is no event for us; RFC 8935 has a name for each part."""
    return InvalidInput(f"signal/invalid_{part}", _("The event does not count: %(why)s.", why=why))


def receive(app: App, claims: Mapping[str, Any]) -> Taken:
    """Carry out what the claims say, once; they come verified and checked.

    Writes `signal.received` for each event, and `staff.suspended` and what
    follows where an account was disabled.

    Raises:
        InvalidInput: whom it concerns is told by an address, or not at all (`signal/invalid_request`).
    """
    concerned = dict[str, None]()
    try:
        with app.works.begin() as uow:
            uow.serialise("changes")
            spend(uow.connection, "signal", claims["iss"], claims["jti"], until=uow.now + REMEMBERED, now=uow.now)
            for kind, event in cast("dict[str, dict[str, Any]]", claims["events"]).items():
                for who in _take(uow, app, kind, event, claims.get("sub_id", event.get("subject"))):
                    concerned[who] = None
    except Denied as error:
        if error.code != "oidc/replayed":
            raise
        return Taken(repeated=True)
    app.wake()
    return Taken(repeated=False, staff=tuple(concerned))


def _take(uow: UnitOfWork, app: App, kind: str, event: Mapping[str, Any], subject: Any) -> list[str]:
    does = DOES.get(kind)
    if does and not any(event.get(name) == better for name, better in _BETTER.items()):
        found = sorted(_people(uow, app, subject, nested=False))
    else:
        found, does = [], does if does is None else ()
    name = "unknown" if does is None else kind.rpartition("/")[2]
    for who in found:
        person = uow.get(Staff, ORGANISATION, who)
        if person is None:
            continue
        end_sessions(uow, who, by=SYSTEM)
        if _FRESH in (does or ()):
            forget_strong(uow.connection, who)
        if _OFF in (does or ()):
            suspend(uow, person, by=SYSTEM, why="The identity provider has disabled this account.")
        uow.record("signal.received", by=SYSTEM, about=who, detail={"signal": name, "did": list(does or ())})
    if not found:
        uow.record("signal.received", by=SYSTEM, detail={"signal": name, "did": []})
    return found


def _people(uow: UnitOfWork, app: App, subject: Any, *, nested: bool) -> set[str]:
    """Return the staff ids that a subject identifier (RFC 9493, or an older form of it) means."""
    if not isinstance(subject, dict):
        raise _wrong("sub_id does not say whom it concerns")
    given = cast("dict[str, Any]", subject)
    form = str(given.get("format", given.get("subject_type", ""))).replace("-", "_")
    if form in _BY_ADDRESS:
        if nested:
            return set()
        raise _wrong("people are known here by issuer and subject, or by our identifier, never by an address")
    if not nested and (form == "complex" or (not form and "user" in given)):
        return _people(uow, app, given["user"], nested=True) if "user" in given else set()
    if not nested and form == "aliases":
        listed: Any = given.get("identifiers", given.get("aliases"))
        some: Sequence[Any] = cast("Sequence[Any]", listed)[:_MOST] if isinstance(listed, list) else []
        return {who for one in some for who in _people(uow, app, one, nested=True)}
    return {who for who in _one(uow, app, form, given) if who is not None}


def _one(uow: UnitOfWork, app: App, form: str, given: Mapping[str, Any]) -> list[str | None]:
    def word(name: str) -> str:
        value = given.get(name)
        return value if isinstance(value, str) and len(value) <= _LONGEST else ""

    if form == "iss_sub":
        return [app.directory.by_identity(uow.connection, word("iss"), word("sub"))]
    if form == "opaque" and word("id"):
        ours = provisioned.by_id(uow.connection, word("id"))
        return [ours.staff_id if ours is not None else app.directory.by_external_id(uow.connection, word("id"))]
    return []


def _wrong(why: str) -> InvalidInput:
    return refused("request", why)
