"""Reads an account of a homeserver: what is imposed on it, what it is, whom it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gardefou.clock import Clock
from gardefou.domain.accounts import DEACTIVATED, DELETED, LIMITED, LOCKED, SUSPENDED, AccountReading, Measures
from gardefou.platforms.protocol import NoSuchAccount
from gardefou.platforms.synapse_api import ADMIN_V2, Json, SynapseApi, q
from gardefou.platforms.synapse_ids import server_of
from gardefou.platforms.synapse_rooms import Standing, joined_rooms, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one reading may cost, and from what size a room counts.

    ``most_rooms``: an account in more rooms than that has an unknown reach.
    ``moderator_room_size``: members a room needs for its moderators to be
    labelled ``moderator``; every pair of friends has a room, and both may
    moderate it. ``reach``: whether rooms are read at all.
    """

    most_rooms: int = 200
    moderator_room_size: int = 10
    reach: bool = True


def read_account(api: SynapseApi, account: str, server: str, clock: Clock, limits: Limits) -> AccountReading:
    """Read an account, local or not. Raises `NoSuchAccount`, `PlatformUnreachable`."""
    if server_of(account) != server:
        return _read_remote(api, account, limits)
    try:
        user = api.read(f"{ADMIN_V2}/users/{q(account)}")
    except NoSuchAccount:
        raise NoSuchAccount(f"The homeserver has no account {account}.") from None
    stands = _standing(api, account, limits)
    return AccountReading(
        ref=str(user["name"]),
        handle=account.removeprefix("@").partition(":")[0],
        display_name=str(user.get("displayname") or ""),
        exists=not user.get("erased"),
        reach=stands.reach,
        labels=_labels(user, stands),
        age_days=_age_days(int(user["creation_ts"]), clock),
        measures=_measures(user),
        details={"avatar": user.get("avatar_url"), "user_type": user.get("user_type")},
    )


def _read_remote(api: SynapseApi, account: str, limits: Limits) -> AccountReading:
    if not joined_rooms(api, account):
        raise NoSuchAccount(f"{account} lives on another homeserver and is in no room of this one.")
    stands = _standing(api, account, limits)
    return AccountReading(
        ref=account,
        handle=account.removeprefix("@").partition(":")[0],
        reach=stands.reach,
        labels=("remote", *(["moderator"] if stands.moderator else [])),
    )


def _standing(api: SynapseApi, account: str, limits: Limits) -> Standing:
    if not limits.reach:
        return Standing(reach=None, moderator=False, sole_admin=False)
    return standing(api, account, most_rooms=limits.most_rooms, moderator_room_size=limits.moderator_room_size)


def _measures(user: Json) -> Measures:
    """Return what is imposed. An erased account is deactivated too; that is part of being erased."""
    on = {
        LIMITED: user.get("shadow_banned"),
        LOCKED: user.get("locked"),
        SUSPENDED: user.get("suspended"),
        DELETED: user.get("erased"),
        DEACTIVATED: user.get("deactivated") and not user.get("erased"),
    }
    return frozenset(measure for measure, is_on in on.items() if is_on)


def _labels(user: Json, stands: Standing) -> tuple[str, ...]:
    labels = {
        "server_admin": user.get("admin"),
        "bridge": user.get("appservice_id"),
        "bot": user.get("user_type") == "bot",
        "support": user.get("user_type") == "support",
        "guest": user.get("is_guest"),
        "moderator": stands.moderator,
        "sole_room_admin_50": stands.sole_admin,
    }
    return tuple(label for label, has in labels.items() if has)


def _age_days(created: int, clock: Clock) -> int:
    # Seconds on a single account; some versions and listings say milliseconds.
    seconds = created / 1000 if created > 100_000_000_000 else created
    return max(0, (clock.now() - datetime.fromtimestamp(seconds, UTC)).days)
