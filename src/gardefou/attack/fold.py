"""A state, folded: what matters of it for what may happen next, part by part, without ids and with times in buckets.

Two states of equal parts are one, and are visited once. A part is what concerns
one account (``E:vip``, ``A:vip``), one kind of change that waits (``P:nets``),
one person or token (``S:lena``, ``T:mill``), or a guard (``nets``, ``pause``, …).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import orjson

from gardefou.attack import scene as s
from gardefou.attack.rows import rows
from gardefou.clock import to_micros

Parts = dict[str, Any]

_MINUTE = 60_000_000
_HOUR, _DAY = 60, 1440


def _edges(*minutes: float) -> tuple[int, ...]:
    return tuple(round(one * _MINUTE) for one in minutes)


#: Of every moment the minutes away, back or ahead, at which something begins or ends.
_OVER_OR_NOT = _edges(0)
_BACK_OR_AHEAD = _edges(0, _HOUR, _DAY)
_STANDS = _edges(0, 30, _HOUR, _DAY, 30 * _DAY)
_SIGNED_IN = _edges(0, 10, 15, _DAY)
_LAST_DAY = _edges(0, _HOUR, _DAY, 14 * _DAY)
_LEASED = _edges(0, 30)

_ENFORCEMENTS = """
select id, platform, account, content, action, label, state, placed_by, via, humans, group_index, placed_at, until,
  execute_at, legal_basis, tier, json_extract(verdict,'$.approvals') as approvals,
  json_extract(verdict,'$.hold_seconds') as hold, approve_by, approved_at, hold_until, execute_by, base, whole, change,
  attempts, next_attempt_at, lease_until, intent_event is not null as intended, in_force_at, ended_at, ratified_by,
  digest, policy
from enforcement where rowid > ? or account in ('victim', 'old') order by rowid
"""
#: The moments of an enforcement that has not ended, and where each is cut.
_OPEN_TIMES = {
    "placed_at": _BACK_OR_AHEAD,
    "until": _BACK_OR_AHEAD,
    "execute_at": _OVER_OR_NOT,
    "approve_by": _OVER_OR_NOT,
    "approved_at": _OVER_OR_NOT,
    "hold_until": _OVER_OR_NOT,
    "execute_by": _OVER_OR_NOT,
    "next_attempt_at": _OVER_OR_NOT,
    "lease_until": _OVER_OR_NOT,
    "in_force_at": _STANDS,
}
#: Of one that ended before it took effect: only that it did, and by whom, still matters, for a day.
_ENDED_TIMES = {"placed_at": _BACK_OR_AHEAD, "ended_at": _edges(0, _DAY)}
#: What ended so long ago before it took effect matters no more.
_LONG = _DAY * _MINUTE
_UNDONE_TIMES = {"placed_at": _BACK_OR_AHEAD, "ended_at": _edges(0, _DAY, 30 * _DAY)}
_PLAIN = (
    "content",
    "action",
    "label",
    "state",
    "placed_by",
    "via",
    "humans",
    "group_index",
    "legal_basis",
    "tier",
    "approvals",
    "hold",
    "base",
    "whole",
    "intended",
    "ratified_by",
)
_ENDED = ("action", "state", "placed_by", "via", "humans", "tier", "content", "legal_basis")
_NEVER = frozenset({"refused", "cancelled", "lapsed", "failed"})
_OVER = frozenset({"in_force", "restored"}) | _NEVER
#: What of a change differs from one time to the next though it is the same.
_OWN = frozenset({"id", "hash", "pseudonym", "started", "until"})


def bucket(at: int | None, now: int, edges: tuple[int, ...]) -> int | None:
    """Return which span a moment lies in, seen from now: negative for the past."""
    if at is None:
        return None
    away = at - now
    return bisect_left(edges, away) if away > 0 else -bisect_left(edges, -away) - 1


def _told(row: dict[str, Any], change: Any, said: list[tuple[str, str]], now: int) -> bytes:
    """Return what of an enforcement still matters."""
    state = row["state"]
    plain: tuple[str, ...] = _ENDED
    if state in _NEVER:
        times = _ENDED_TIMES
    elif state == "restored":
        times = _UNDONE_TIMES
    else:
        times, plain = _OPEN_TIMES, _PLAIN
    return orjson.dumps(
        (
            *(row[key] for key in plain),
            *(bucket(row[key], now, edges) for key, edges in times.items()),
            min(row["attempts"], 1),
            change,
            sorted(said),
        )
    )


class Fold:
    """Folds the states of one scene; what was there at the beginning and never changes is left out."""

    def __init__(self, scene: s.Scene) -> None:
        self._driver = scene.past.driver
        self._scene = scene
        found = rows(self._driver, "select max(rowid) n from enforcement")
        self.since = int(found[0]["n"] or 0)

    def enforcements(self) -> list[dict[str, Any]]:
        """Return the enforcements that the search placed, oldest first, with those on the two accounts down before."""
        return rows(self._driver, _ENFORCEMENTS, (self.since,))

    def parts(self) -> Parts:
        """Return the folded parts of the present state."""
        driver, now = self._driver, to_micros(self._scene.clock.now())
        desk = self._scene.desk
        parts: Parts = {}
        said: dict[str, list[tuple[str, str]]] = {}
        for place, by, answer in driver.execute("select enforcement_id, by, answer from approval"):
            said.setdefault(place, []).append((by, answer))
        found: dict[str, list[bytes]] = {}
        for row in self.enforcements():
            change = row["change"]
            if change is not None:
                if row["state"] in _OVER:
                    continue
                name = f"P:{change['kind']}"
                change = {key: value for key, value in change.items() if key not in _OWN}
            else:
                name = f"E:{row['account']}"
            if row["state"] in _NEVER and row["ended_at"] is not None and now - row["ended_at"] > _LONG:
                continue
            found.setdefault(name, []).append(_told(row, change, said.get(row["id"], []), now))
        for account, measures, fence in driver.execute(
            "select ref, measures, fence > 0 from sandbox_account where measures != '[]' and revision > 1"
        ):
            if f"E:{account}" in found:
                found[f"E:{account}"].append(f"{measures}{fence}".encode())
        for item, owner, gone in driver.execute("select id, account, removed from sandbox_content"):
            if gone or owner != (s.CAT if item == s.FOREIGN else s.VIP):
                found.setdefault(f"E:{owner}", []).append(item.encode())
        for name, texts in found.items():
            parts[name] = hash(tuple(sorted(texts)))
        for account, tier, explicit, memory, fake, drift in driver.execute(
            "select ref, tier, explicit_tier, memory_tier, marked_fake, drift_base from account"
            " where tier != 'standard' or memory_tier != 'standard' or lookalike_of is not null"
        ):
            parts[f"A:{account}"] = (tier, explicit, memory, fake, drift)
        parts["nets"] = driver.execute("select digest from nets_version order by id desc limit 1").fetchone()
        parts["settings"] = tuple(driver.execute("select id, value from setting order by id").fetchall())
        for name, roles, team, standing, last, notice in driver.execute(
            "select id, roles, team, standing, last_day_end, notice_at from staff"
        ):
            parts[f"S:{name}"] = (
                roles,
                team,
                standing,
                bucket(last, now, _LAST_DAY),
                bucket(notice, now, _OVER_OR_NOT),
            )
        held: dict[str, list[Any]] = {}
        for service, staff, scopes, issuer, revoked in driver.execute(
            "select service, staff_id, scopes, issued_by, revoked_at is not null from token"
        ):
            held.setdefault(f"T:{service or staff}", []).append((scopes, issuer, revoked))
        for name, tokens in held.items():
            parts[name] = tuple(sorted(tokens))
        parts["pause"] = tuple(
            (scope, target, by, bucket(at, now, _edges(0, _DAY)), ended)
            for scope, target, by, at, ended in driver.execute(
                "select scope, target, by, at, ended_at is not null from pause order by id"
            )
        )
        parts["platforms"] = tuple(
            driver.execute("select id, endpoint, active from platform_entry order by id").fetchall()
        )
        parts["claim"] = tuple(
            (account, content, by, bucket(until, now, _LEASED), renewed, version)
            for account, content, by, until, renewed, version in driver.execute(
                "select account, content, claimed_by, claimed_until, claim_renewed, version from cases"
                " where claimed_by is not null order by account, content"
            )
        )
        parts["switch"] = tuple(driver.execute("select down, drops_answers from sandbox_switch").fetchall())
        parts["merged"] = tuple(sorted(desk.merged.items()))
        parts["armed"] = desk.armed
        parts["behind"] = driver.execute("select coalesce(max(at), 0) from checkpoint").fetchone()[0] > now
        strong = driver.execute("select strong_at from presence where staff_id = ?", (s.ATTACKER,)).fetchone()
        parts["fresh"] = None if strong is None else bucket(strong[0], now, _SIGNED_IN)
        return parts


def changed(before: Parts, after: Parts) -> frozenset[str]:
    """Return the parts that differ; how long ago somebody signed in is not counted."""
    names = before.keys() | after.keys()
    return frozenset(name for name in names if name != "fresh" and before.get(name) != after.get(name))
