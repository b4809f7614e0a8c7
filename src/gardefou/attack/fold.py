"""A state, folded: what matters of it for what may happen next, part by part, without ids and with times in buckets.

Two states of equal parts are one, and are visited once. A part is what concerns
one account (``E:vip``, ``A:vip``), one kind of change that waits (``P:nets``),
one person or token (``S:lena``, ``T:mill``), or a guard (``nets``, ``pause``, …).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from typing import Any

from gardefou.attack import scene as s
from gardefou.attack.rows import rows
from gardefou.clock import to_micros

Parts = dict[str, Any]

_MINUTE = 60_000_000
#: Minutes at which something begins or ends: a lease, a hold, an hour, the deadlines, a day, the last word.
_EDGES = [bound * _MINUTE for bound in (0, 0.5, 10, 15, 30, 60, 240, 1440, 4320, 43200)]

_ENFORCEMENTS = """
select id, platform, account, content, action, label, state, placed_by, via, humans, group_index, placed_at, until,
  execute_at, legal_basis, tier, json_extract(verdict,'$.approvals') as approvals,
  json_extract(verdict,'$.hold_seconds') as hold, approve_by, approved_at, hold_until, execute_by, base, whole, change,
  attempts, next_attempt_at, lease_until, intent_event is not null as intended, in_force_at, ended_at, ratified_by,
  digest, policy
from enforcement where rowid > ? or account in ('victim', 'old') order by rowid
"""
_TIMES = (
    "placed_at",
    "until",
    "execute_at",
    "approve_by",
    "approved_at",
    "hold_until",
    "execute_by",
    "next_attempt_at",
    "lease_until",
    "in_force_at",
    "ended_at",
)
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
_OVER = frozenset({"in_force", "refused", "cancelled", "lapsed", "failed", "restored"})
#: What of a change differs from one time to the next though it is the same.
_OWN = frozenset({"id", "hash", "pseudonym", "started", "until"})


def bucket(at: int | None, now: int) -> int | None:
    """Return which span a moment lies in, seen from now: negative for the past."""
    if at is None:
        return None
    away = at - now
    return bisect_left(_EDGES, away) if away > 0 else -bisect_left(_EDGES, -away) - 1


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
        found: dict[str, list[str]] = {}
        for row in self.enforcements():
            change = row["change"]
            if change is not None:
                if row["state"] in _OVER:
                    continue
                name = f"P:{change['kind']}"
                change = {key: value for key, value in change.items() if key not in _OWN}
            else:
                name = f"E:{row['account']}"
            told = (
                *(row[key] for key in _PLAIN),
                *(bucket(row[key], now) for key in _TIMES),
                min(row["attempts"], 1),
                change,
                sorted(said.get(row["id"], ())),
            )
            found.setdefault(name, []).append(json.dumps(told))
        for account, measures, fence in driver.execute(
            "select ref, measures, fence > 0 from sandbox_account where measures != '[]' and revision > 1"
        ):
            if f"E:{account}" in found:
                found[f"E:{account}"].append(f"{measures}{fence}")
        for item, owner, gone in driver.execute("select id, account, removed from sandbox_content"):
            if gone or owner != (s.CAT if item == s.FOREIGN else s.VIP):
                found.setdefault(f"E:{owner}", []).append(item)
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
            parts[f"S:{name}"] = (roles, team, standing, bucket(last, now), bucket(notice, now))
        held: dict[str, list[Any]] = {}
        for service, staff, scopes, issuer, revoked in driver.execute(
            "select service, staff_id, scopes, issued_by, revoked_at is not null from token"
        ):
            held.setdefault(f"T:{service or staff}", []).append((scopes, issuer, revoked))
        for name, tokens in held.items():
            parts[name] = tuple(sorted(tokens))
        parts["pause"] = tuple(
            (scope, target, by, bucket(at, now), ended)
            for scope, target, by, at, ended in driver.execute(
                "select scope, target, by, at, ended_at is not null from pause order by id"
            )
        )
        parts["platforms"] = tuple(
            driver.execute("select id, endpoint, active from platform_entry order by id").fetchall()
        )
        parts["claim"] = tuple(
            (account, content, by, bucket(until, now), renewed, version)
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
        parts["fresh"] = None if strong is None else bucket(strong[0], now)
        return parts


def changed(before: Parts, after: Parts) -> frozenset[str]:
    """Return the parts that differ; how long ago somebody signed in is not counted."""
    names = before.keys() | after.keys()
    return frozenset(name for name in names if name != "fresh" and before.get(name) != after.get(name))
