"""Deactivates accounts of a homeserver, and brings them back as far as it can be done.

Deactivating destroys most of what an account has (`DEACTIVATION_LOSSES`, as
measured on Synapse 1.163.2). What the homeserver can be told again is read
beforehand, returned as ``kept``, and put back by the undo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gardefou.platforms.protocol import PlatformError, PlatformRefused, PlatformUnreachable
from gardefou.platforms.synapse_api import ADMIN_V1, ADMIN_V2, Hand, Json, q
from gardefou.platforms.synapse_rooms import joined_rooms

#: What a reactivation does not bring back.
DEACTIVATION_LOSSES: tuple[str, ...] = (
    "all sign-ins and devices",
    "the password: the owner needs a new one from an administrator",
    "encryption keys and their backup",
    "pending invites",
    "membership of rooms that are not public",
    "notification settings and pushers",
    "private account data, such as ignored people and read markers",
)

#: How often to look whether a deactivated account has left its rooms, and seconds between.
_LOOKS, _PAUSE = 200, 0.05

#: What of an account's entry is put back as it was.
_PROFILE = ("displayname", "avatar_url", "user_type")


def keep_account(hand: Hand, account: str) -> Json:
    """Return what can be put back after a deactivation."""
    user = hand.read(f"{ADMIN_V2}/users/{q(account)}")
    return {
        "was_deactivated": bool(user.get("deactivated")),
        "displayname": user.get("displayname"),
        "avatar_url": user.get("avatar_url"),
        "user_type": user.get("user_type"),
        "admin": bool(user.get("admin")),
        "threepids": [_only(each, "medium", "address") for each in user.get("threepids") or ()],
        "external_ids": [_only(each, "auth_provider", "external_id") for each in user.get("external_ids") or ()],
        "rooms": joined_rooms(hand.api, account),
    }


def deactivate(hand: Hand, account: str, *, erase: bool) -> Json:
    """Deactivate an account; with ``erase``, its name, picture and membership events go for good."""
    return hand.change("POST", f"{ADMIN_V1}/deactivate/{q(account)}", {"erase": erase})


def reactivate(hand: Hand, account: str, kept: Mapping[str, Any], pause: Callable[[float], None]) -> tuple[str, ...]:
    """Bring an account back with what was kept of it; return what was lost.

    The homeserver takes a deactivated account out of its rooms in the
    background; that is waited for, lest it take it out of those it just joined
    again. Whatever cannot be put back is named, and stops nothing else.
    """
    path = f"{ADMIN_V2}/users/{q(account)}"
    user = hand.read(path)
    if user.get("deactivated"):
        _wait_until_out(hand, account, pause)
        hand.change("PUT", path, {"deactivated": False})
    losses = list(DEACTIVATION_LOSSES)
    if not kept:
        losses += ["name, picture, e-mail and public rooms: nothing was kept of them"]
        return tuple(losses)
    profile = {field: kept.get(field) for field in _PROFILE if kept.get(field) != user.get(field)}
    # An empty name is how a name is taken away; null is not accepted.
    profile = {field: value if value is not None or field == "user_type" else "" for field, value in profile.items()}
    steps: list[tuple[str, Json]] = [("name and picture", profile)] if profile else []
    if kept.get("threepids"):
        steps.append(("e-mail addresses and telephone numbers", {"threepids": kept["threepids"]}))
    if kept.get("external_ids"):
        steps.append(("single sign-on identities", {"external_ids": kept["external_ids"]}))
    if kept.get("admin") and not user.get("admin"):
        steps.append(("administrator's rights", {"admin": True}))
    for what, body in steps:
        try:
            hand.change("PUT", path, body)
        except PlatformRefused as error:
            losses.append(f"{what} ({error})")
    return (*losses, *_join_again(hand, account, list(kept.get("rooms") or ())))


def _join_again(hand: Hand, account: str, rooms: Sequence[str]) -> list[str]:
    inside = set(joined_rooms(hand.api, account))
    losses: list[str] = []
    for room in rooms:
        if room in inside:
            continue
        try:
            hand.change("POST", f"{ADMIN_V1}/join/{q(room)}", {"user_id": account})
        except PlatformError as error:
            losses.append(f"membership of {room} ({error})")
    return losses


def _wait_until_out(hand: Hand, account: str, pause: Callable[[float], None]) -> None:
    for _ in range(_LOOKS):
        if not joined_rooms(hand.api, account):
            return
        pause(_PAUSE)
    raise PlatformUnreachable(f"The homeserver is still taking {account} out of its rooms; try again.")


def _only(entry: Mapping[str, Any], *names: str) -> Json:
    return {name: entry[name] for name in names}
