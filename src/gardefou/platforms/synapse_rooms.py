"""What a homeserver's rooms say about an account: whom it reaches, and what it looks after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from gardefou.platforms.protocol import NoSuchAccount
from gardefou.platforms.synapse_api import ADMIN_V1, Json, SynapseApi, content_of, q

#: The power level from which an account can remove other people and their messages.
MODERATES = 50
#: The power level of whoever made a room.
ADMINISTERS = 100
#: A room of this size with one administrator loses its only one when that account goes.
SOLE_ADMIN_ROOM = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an account looks after. ``reach`` is ``None`` when there were too many rooms to read."""

    reach: int | None
    moderator: bool
    sole_admin: bool


def joined_rooms(api: SynapseApi, account: str) -> list[str]:
    """Return the rooms the account is in, as far as this homeserver takes part in them."""
    return [str(room) for room in api.read(f"{ADMIN_V1}/users/{q(account)}/joined_rooms")["joined_rooms"]]


def all_rooms(api: SynapseApi, account: str) -> list[str]:
    """Return the rooms a local account is in, has left, or is banned from."""
    rooms: Mapping[str, str] = api.read(f"{ADMIN_V1}/users/{q(account)}/memberships")["memberships"]
    return sorted(room for room, membership in rooms.items() if membership in {"join", "leave", "ban"})


def standing(api: SynapseApi, account: str, *, most_rooms: int, moderator_room_size: int) -> Standing:
    """Work out an account's reach: the distinct members of the rooms it moderates, without itself.

    Costs two requests a room, and one more for each room it moderates. Beyond
    ``most_rooms`` rooms nothing is read and the reach is unknown, which nets
    take at its most protective value.
    """
    rooms = joined_rooms(api, account)
    if len(rooms) > most_rooms:
        return Standing(reach=None, moderator=True, sole_admin=False)
    reached: set[str] = set()
    moderator = sole = False
    for room in rooms:
        try:
            powers = _Powers.of(api, room)
            if powers.of_account(account) < MODERATES:
                continue
            members = {str(member) for member in api.read(f"{ADMIN_V1}/rooms/{q(room)}/members")["members"]}
        except NoSuchAccount:
            # The room was purged between two readings.
            continue
        reached |= members
        moderator = moderator or len(members) >= moderator_room_size
        if len(members) >= SOLE_ADMIN_ROOM and powers.administrators(members) == {account}:
            sole = True
    return Standing(reach=len(reached - {account}), moderator=moderator, sole_admin=sole)


@dataclass(frozen=True, slots=True)
class _Powers:
    """The power levels of one room; ``makers`` stand above all levels (room versions 12 on)."""

    users: Mapping[str, Any]
    default: int
    makers: frozenset[str]

    @classmethod
    def of(cls, api: SynapseApi, room: str) -> _Powers:
        create = _state(api, room, "m.room.create")
        levels = _state(api, room, "m.room.power_levels")
        content, made = content_of(levels), content_of(create)
        makers: frozenset[str] = frozenset()
        # Before version 12 the maker is an ordinary entry of the levels, when there are any.
        if _number(made.get("room_version"), 1) >= 12 or not levels:
            makers = frozenset({str(create.get("sender", "")), *_names(made.get("additional_creators"))})
        return cls(content.get("users") or {}, _number(content.get("users_default"), 0), makers)

    def of_account(self, account: str) -> int:
        if account in self.makers:
            return ADMINISTERS
        return _number(self.users.get(account), self.default)

    def administrators(self, members: set[str]) -> set[str]:
        return {member for member in members if self.of_account(member) >= ADMINISTERS}


def _state(api: SynapseApi, room: str, kind: str) -> Json:
    events: list[Json] = api.read(f"{ADMIN_V1}/rooms/{q(room)}/state", {"type": kind})["state"]
    none: Json = {}
    return next((event for event in events if event.get("type") == kind and event.get("state_key") == ""), none)


def _names(value: object) -> list[str]:
    return [str(name) for name in cast("list[object]", value)] if isinstance(value, list) else []


def _number(value: Any, default: int) -> int:
    """Read a power level; old rooms write them as text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return default
