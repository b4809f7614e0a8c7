"""Takes content down on a homeserver and puts it back: messages, files and whole rooms.

A redacted message cannot be un-redacted in Matrix. It is put back by sending
what was kept once more, in the author's name, and the homeserver keeps a note
of which message stands for which (`Hand.leave_note`), so that reading the old
id tells the truth. Files and rooms come back exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gardefou.platforms.protocol import NoSuchAccount, PlatformRefused, PlatformUnreachable
from gardefou.platforms.synapse_api import ADMIN_V1, ADMIN_V2, CLIENT, Hand, Json, SynapseApi, content_of, q
from gardefou.platforms.synapse_ids import Content, Kind, server_of

#: The reason that stands on a message we redacted; it is how we know our own again.
REASON = "Removed by moderation"

#: What no putting back brings back of a message.
MESSAGE_LOSSES: tuple[str, ...] = (
    "the message's id",
    "its place in the timeline",
    "reactions, replies and threads that pointed to it",
    "encrypted messages: they cannot be read when sent again",
)

#: The kinds of message that the homeserver's own "redact a user's messages" takes.
_BULK_TYPES = ("m.room.message", "m.room.encrypted")
#: Where a message sent again says which one it stands for.
_STANDS_FOR = "org.gardefou.stands_for"
#: How many times in a row one message may have been removed and put back.
_MOST_LIVES = 20
#: How many messages of one room a run redacts; the homeserver's own default is 1,000.
_MOST_AT_ONCE = 100_000
#: How often a redaction is asked whether it is done, and seconds between.
_ASKS, _PAUSE = 400, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One content item as it is now: whose it is, and whether it is down."""

    content: Content
    owner: str | None
    removed: bool
    #: The message that now stands for it (its own id unless it was put back).
    live: str = ""
    kind: str = ""
    sent_at: int = 0
    is_state: bool = False
    #: The reason on its redaction, where it has one.
    because: str | None = None
    #: A file that the homeserver's administrators marked as never to be quarantined.
    protected: bool = False


def find(hand: Hand, content: Content) -> Found:
    """Read one item. Raises `NoSuchAccount` when the homeserver does not have it."""
    match content.kind:
        case Kind.MEDIA:
            info: Json = hand.read(f"{ADMIN_V1}/media/{q(content.server)}/{q(content.media)}")["media_info"]
            owner = info.get("user_id")
            return Found(
                content=content,
                owner=str(owner) if owner else None,
                removed=bool(info.get("quarantined_by")),
                protected=bool(info.get("safe_from_quarantine")),
            )
        case Kind.ROOM:
            details = hand.read(f"{ADMIN_V1}/rooms/{q(content.room)}")
            block = hand.read(f"{ADMIN_V1}/rooms/{q(content.room)}/block")
            return Found(content=content, owner=str(details["creator"]), removed=bool(block.get("block")))
        case _:
            return _find_message(hand, content)


def _find_message(hand: Hand, content: Content) -> Found:
    live = content.event
    for _ in range(_MOST_LIVES):
        event: Json = context(hand.api, content.room, live)["event"]
        cause: Json | None = event.get("redacted_because")
        follower = hand.note(f"put_back.{live}", content.room).get("as") if cause else None
        if follower is None:
            return Found(
                content=content,
                owner=str(event["sender"]),
                removed=bool(cause),
                live=live,
                kind=str(event["type"]),
                sent_at=int(event["origin_server_ts"]),
                is_state="state_key" in event,
                because=str(content_of(cause).get("reason")) if cause else None,
            )
        live = str(follower)
    raise PlatformUnreachable(f"Message {content.id!r} was removed and put back too often to follow.")


def context(api: SynapseApi, room: str, event: str, *, around: int = 0) -> Json:
    """Return a message with its state of now, and ``around`` neighbours. Raises `NoSuchAccount`."""
    try:
        return api.read(f"{ADMIN_V1}/rooms/{q(room)}/context/{q(event)}", {"limit": around})
    except NoSuchAccount:
        raise NoSuchAccount(f"The homeserver has no message {event} in room {room}.") from None


def original(api: SynapseApi, event: str) -> Json:
    """Return what a message said before any redaction.

    The homeserver keeps that for a while (seven days unless set otherwise);
    afterwards the content is empty.
    """
    whole: Json = api.read(f"{ADMIN_V1}/fetch_event/{q(event)}")["event"]
    return whole


# --- taking down ------------------------------------------------------------------------


def refuse_or_keep(hand: Hand, found: Found) -> Json:
    """Say no to what cannot be taken down, before anything is; return what to keep of it."""
    content = found.content
    if content.kind is Kind.MEDIA and found.protected:
        raise PlatformRefused(f"{content.id} is marked safe from quarantine on the homeserver; unmark it there first.")
    if content.kind is not Kind.MESSAGE:
        return {}
    if found.is_state:
        raise PlatformRefused(f"{content.id} is room state ({found.kind}), not a message; change it in the room.")
    if found.removed and found.because != REASON:
        # Its author or a room's moderator took it down: not ours to put back.
        return {"ours": False}
    return {
        "ours": True,
        "room": content.room,
        "event": found.live,
        "type": found.kind,
        "content": content_of(original(hand.api, found.live)),
        "sent_at": found.sent_at,
    }


def take_down(hand: Hand, found: Found, key: str, pause: Callable[[float], None]) -> None:
    """Redact, quarantine or block one item; what is down already stays so."""
    content = found.content
    if found.removed:
        return
    match content.kind:
        case Kind.MEDIA:
            hand.change("POST", f"{ADMIN_V1}/media/quarantine/{q(content.server)}/{q(content.media)}", {})
        case Kind.ROOM:
            hand.change("PUT", f"{ADMIN_V1}/rooms/{q(content.room)}/block", {"block": True})
        case _:
            _redact(hand, found, key, pause)


def _redact(hand: Hand, found: Found, key: str, pause: Callable[[float], None]) -> None:
    owner, room = found.owner or "", found.content.room
    path = f"{CLIENT}/rooms/{q(room)}/redact/{q(found.live)}/{q(key + found.live)}"
    if server_of(owner) != server_of(hand.admin):
        # A guest of another homeserver: only somebody with power in the room can.
        hand.change("PUT", path, {"reason": REASON})
    elif found.kind in _BULK_TYPES and _alone_in_its_millisecond(hand, found):
        # Works whether the author is in the room, banned, locked, shadow-banned or gone.
        at = found.sent_at
        redact_all(hand, owner, [room], pause, within=(at, at))
    else:
        refuse_if_muted(hand, owner, sending=False)
        with hand.in_the_name_of(owner) as token:
            hand.change("PUT", path, {"reason": REASON}, token=token)


def _alone_in_its_millisecond(hand: Hand, found: Found) -> bool:
    near = context(hand.api, found.content.room, found.live, around=20)
    return not any(
        event.get("sender") == found.owner
        and event.get("origin_server_ts") == found.sent_at
        and event.get("event_id") != found.live
        for event in (*near.get("events_before", ()), *near.get("events_after", ()))
    )


def redact_all(
    hand: Hand, account: str, rooms: list[str], pause: Callable[[float], None], *, within: tuple[int, int] | None = None
) -> None:
    """Redact an account's messages in these rooms, and wait until it is done.

    ``within``: first and last millisecond. Raises `PlatformRefused` when the
    homeserver could not redact some, `PlatformUnreachable` when another such
    run is under way for the account.
    """
    body: Json = {"rooms": rooms, "reason": REASON, "limit": _MOST_AT_ONCE}
    if within:
        body |= {"after_ts": within[0], "before_ts": within[1]}
    try:
        run = hand.change("POST", f"{ADMIN_V1}/user/{q(account)}/redact", body)["redact_id"]
    except PlatformRefused as error:
        if "already in progress" in str(error):
            raise PlatformUnreachable(f"Messages of {account} are being redacted already; try again.") from error
        raise
    for _ in range(_ASKS):
        state = hand.read(f"{ADMIN_V1}/user/redact_status/{q(str(run))}")
        match state.get("status"):
            case "complete":
                failed: Mapping[str, Any] = state.get("failed_redactions") or {}
                if failed:
                    raise PlatformRefused(f"The homeserver could not redact {len(failed)} of the messages.")
                return
            case "failed":
                raise PlatformRefused(f"The homeserver could not redact: {state.get('error')}.")
            case _:
                pause(_PAUSE)
    raise PlatformUnreachable(f"Redacting the messages of {account} takes long; read how far it is.")


# --- putting back -----------------------------------------------------------------------


def put_back(hand: Hand, found: Found, kept: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Put one item back; return what did not come back. What is up already stays as it is."""
    content = found.content
    if not found.removed:
        return ()
    match content.kind:
        case Kind.MEDIA:
            hand.change("POST", f"{ADMIN_V1}/media/unquarantine/{q(content.server)}/{q(content.media)}", {})
            return ()
        case Kind.ROOM:
            hand.change("PUT", f"{ADMIN_V1}/rooms/{q(content.room)}/block", {"block": False})
            return ()
        case _:
            owner = found.owner or ""
            if found.because != REASON or kept.get("ours") is False:
                raise PlatformRefused(
                    f"{content.id} was redacted by its author or in the room; it is not ours to put back."
                )
            if server_of(owner) != server_of(hand.admin):
                raise PlatformRefused(f"{content.id} is of another homeserver, in whose name we cannot speak.")
            said = kept.get("content") or content_of(original(hand.api, found.live))
            if not said:
                raise PlatformRefused(f"Nothing of {content.id} was kept, here or on the homeserver.")
            refuse_if_muted(hand, owner, sending=True)
            with hand.in_the_name_of(owner) as token:
                send_again(hand, content.room, found.live, found.kind, said, key=key, token=token, author=owner)
            return MESSAGE_LOSSES


def send_again(
    hand: Hand, room: str, event: str, kind: str, content: Mapping[str, Any], *, key: str, token: str, author: str
) -> None:
    """Send a message once more in its author's name, and note which one stands for it.

    A run that died between sending and noting is recognised by what the new message says of itself.
    """
    query: dict[str, str | int] = {"dir": "b", "limit": 50, "filter": sender_filter(author)}
    recent: list[Json] = hand.read(f"{ADMIN_V1}/rooms/{q(room)}/messages", query)["chunk"]
    again = next((new["event_id"] for new in recent if content_of(new).get(_STANDS_FOR) == event), None)
    if again is None:
        path = f"{CLIENT}/rooms/{q(room)}/send/{q(kind)}/{q(key + event)}"
        again = hand.change("PUT", path, {**content, _STANDS_FOR: event}, token=token)["event_id"]
    hand.leave_note(f"put_back.{event}", {"as": again}, room)


def sender_filter(author: str) -> str:
    """Return a room event filter (client-server API, "Filtering") for one author's messages."""
    quoted = author.replace("\\", "\\\\").replace('"', '\\"')
    types = ",".join(f'"{kind}"' for kind in _BULK_TYPES)
    return f'{{"senders":["{quoted}"],"types":[{types}]}}'


def refuse_if_muted(hand: Hand, account: str, *, sending: bool) -> None:
    """Refuse to speak in the name of an account that cannot speak.

    A shadow-banned account's words would go nowhere, and the homeserver would say they did not.
    """
    user = hand.read(f"{ADMIN_V2}/users/{q(account)}")
    states = ["locked", "shadow_banned", "deactivated"] + (["suspended"] if sending else [])
    held = [state.replace("_", "-") for state in states if user.get(state)]
    if held:
        raise PlatformRefused(
            f"{account} is {' and '.join(held)}, so nothing can be done in its name; lift that first."
        )
