"""Warns an account of a homeserver, by server notice where there is one, else by direct message."""

from __future__ import annotations

from collections.abc import Mapping

from gardefou.platforms.protocol import Answer, NoSuchAccount, PlatformRefused
from gardefou.platforms.synapse_api import ADMIN_V1, ADMIN_V2, CLIENT, Hand, Json, content_of, q

#: What is sent when the operation gives no reason.
DEFAULT_TEXT = "The moderators of this server ask you to keep to its rules."


def send_warning(hand: Hand, account: str, text: str, key: str) -> Answer:
    """Send a warning. A server without server notices gets a direct message from the admin account.

    The key is the message's transaction id, so the homeserver sends it once
    when asked again within the half hour it remembers.
    """
    hand.read(f"{ADMIN_V2}/users/{q(account)}")
    content = {"msgtype": "m.text", "body": text.strip() or DEFAULT_TEXT}
    path = f"{ADMIN_V1}/send_server_notice/{q(key)}"
    try:
        event = hand.change("PUT", path, {"user_id": account, "content": content})["event_id"]
        return Answer(said={"event": event, "by": "server notice"}, losses=("that it may have been read",))
    except PlatformRefused as error:
        if "not enabled" not in str(error):
            raise
    room = _direct_room(hand, account)
    path = f"{CLIENT}/rooms/{q(room)}/send/m.room.message/{q(key)}"
    event = hand.change("PUT", path, content)["event_id"]
    return Answer(
        said={"event": event, "by": "direct message"},
        kept={"room": room, "event": event},
        losses=("that it may have been read",),
    )


def withdraw_warning(hand: Hand, kept: Mapping[str, object], key: str) -> None:
    """Redact a warning that was sent as a direct message; a server notice stays."""
    room, event = kept.get("room"), kept.get("event")
    if isinstance(room, str) and isinstance(event, str):
        path = f"{CLIENT}/rooms/{q(room)}/redact/{q(event)}/{q(key)}"
        hand.change("PUT", path, {"reason": "The warning was withdrawn."})


def _direct_room(hand: Hand, account: str) -> str:
    """Return the admin account's direct room with the account, making one where there is none."""
    noted = hand.note(f"direct.{account}").get("room")
    if isinstance(noted, str) and account in _present(hand, noted):
        return noted
    body: Json = {
        "preset": "private_chat",
        "is_direct": True,
        "invite": [account],
        "name": "A message from the moderators",
        # Only the moderators write here.
        "power_level_content_override": {"events_default": 50},
    }
    room = str(hand.change("POST", f"{CLIENT}/createRoom", body)["room_id"])
    hand.leave_note(f"direct.{account}", {"room": room})
    return room


def _present(hand: Hand, room: str) -> set[str]:
    """Return who is in a room or invited to it."""
    try:
        state: list[Json] = hand.read(f"{ADMIN_V1}/rooms/{q(room)}/state", {"type": "m.room.member"})["state"]
    except NoSuchAccount:
        # The room was purged.
        return set()
    return {str(event["state_key"]) for event in state if content_of(event).get("membership") in {"join", "invite"}}
