"""Redacts all messages of an account, and puts back what was kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gardefou.platforms.protocol import PlatformRefused
from gardefou.platforms.synapse_api import ADMIN_V1, ADMIN_V2, Hand, Json, q
from gardefou.platforms.synapse_content import (
    MESSAGE_LOSSES,
    redact_all,
    refuse_if_muted,
    send_again,
    sender_filter,
)
from gardefou.platforms.synapse_ids import server_of
from gardefou.platforms.synapse_rooms import all_rooms, joined_rooms

#: How many messages are kept for an undo, newest first.
MOST_KEPT = 1_000


def everything_removed(hand: Hand, account: str) -> bool:
    """Say whether the account has redacted messages and none that is not.

    Looks at its newest messages, a hundred in each room it is in or was in.
    """
    redacted = False
    for room in _rooms(hand, account):
        for event in _page(hand, room, account, None)[0]:
            if "redacted_because" not in event:
                return False
            redacted = True
    return redacted


def keep_everything(hand: Hand, account: str) -> Json:
    """Return what to keep of all the account's messages, and the rooms they are in.

    Raises `PlatformRefused` when there is no message to remove.
    """
    kept: list[Json] = []
    rooms: list[str] = []
    more = False
    for room in _rooms(hand, account):
        found = False
        for event in _messages(hand, room, account):
            found = True
            if len(kept) >= MOST_KEPT:
                more = True
                break
            kept.append(
                {
                    "room": room,
                    "event": event["event_id"],
                    "type": event["type"],
                    "content": event["content"],
                    "sent_at": event["origin_server_ts"],
                }
            )
        if found:
            rooms.append(room)
    if not rooms:
        raise PlatformRefused(f"{account} has no message that could be removed.")
    kept.sort(key=lambda message: int(message["sent_at"]))
    return {"rooms": rooms, "messages": kept, "more": more}


def remove_everything(hand: Hand, account: str, kept: Mapping[str, Any], pause: Callable[[float], None]) -> None:
    """Redact all the account's messages in the rooms of ``kept``, and wait until it is done."""
    redact_all(hand, account, list(kept["rooms"]), pause)


def put_everything_back(hand: Hand, account: str, kept: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Send the kept messages again in their sequence; return what did not come back."""
    if server_of(account) != server_of(hand.admin):
        raise PlatformRefused(f"{account} is of another homeserver, in whose name we cannot speak.")
    messages: list[Json] = list(kept.get("messages") or ())
    if not messages:
        raise PlatformRefused(f"Nothing of the messages of {account} was kept.")
    refuse_if_muted(hand, account, sending=True)
    inside = set(joined_rooms(hand.api, account))
    away = 0
    with hand.in_the_name_of(account) as token:
        for message in messages:
            room, event = str(message["room"]), str(message["event"])
            if room not in inside:
                away += 1
            elif not hand.note(f"put_back.{event}", room):
                said = message["content"]
                send_again(hand, room, event, str(message["type"]), said, key=key, token=token, author=account)
    if away == len(messages):
        raise PlatformRefused(f"{account} is in none of the rooms its messages were in; let it join again first.")
    _show_profile_again(hand, account)
    losses = list(MESSAGE_LOSSES)
    if away:
        losses.append(f"{away} messages in rooms the account is no longer in")
    if kept.get("more"):
        losses.append(f"messages beyond the newest {MOST_KEPT}")
    return tuple(losses)


def _rooms(hand: Hand, account: str) -> list[str]:
    """Return the rooms to look in: also those it left or is banned from, where the homeserver keeps count."""
    if server_of(account) == server_of(hand.admin):
        return all_rooms(hand.api, account)
    return joined_rooms(hand.api, account)


def _messages(hand: Hand, room: str, account: str) -> Iterator[Json]:
    """Yield the account's messages in a room that are not redacted, newest first."""
    start: str | None = None
    while True:
        events, start = _page(hand, room, account, start)
        yield from (event for event in events if "redacted_because" not in event)
        if start is None or not events:
            return


def _page(hand: Hand, room: str, account: str, start: str | None) -> tuple[list[Json], str | None]:
    query: dict[str, str | int] = {"dir": "b", "limit": 100, "filter": sender_filter(account)}
    if start is not None:
        query["from"] = start
    page = hand.read(f"{ADMIN_V1}/rooms/{q(room)}/messages", query)
    end = page.get("end")
    return list(page["chunk"]), str(end) if end else None


def _show_profile_again(hand: Hand, account: str) -> None:
    """Bring name and picture back into the rooms: redacting all messages takes them out of the joins too."""
    path = f"{ADMIN_V2}/users/{q(account)}"
    user = hand.read(path)
    hand.change("PUT", path, {"displayname": user.get("displayname") or "", "avatar_url": user.get("avatar_url") or ""})
