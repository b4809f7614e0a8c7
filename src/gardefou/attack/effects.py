"""The goals at every call of the platform: what the record says in the moment before something is sent.

Nothing here asks the flow whether it may be done. It is worked out anew, from
the rows, the clock and what the search knows to be so: which accounts are
protected, who is a person of their own, what is merged into what.
"""

from __future__ import annotations

import json
from typing import Any

from gardefou.attack import scene as s
from gardefou.attack.rows import Row, count, first, rows
from gardefou.attack.store import Nested
from gardefou.clock import to_micros
from gardefou.nets.facts import Facts
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict
from gardefou.platforms.protocol import Operation

_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_SEVERITY = {
    "warn": 1,
    "label": 1,
    "limit": 2,
    "remove_content": 2,
    "lock": 2,
    "suspend": 3,
    "deactivate": 4,
    "delete": 5,
}
_GRAVE = 3
_ENFORCING = frozenset({"reviewer", "lead"})
_GLASS = frozenset({"reviewer", "lead", "policy", "oncall"})
_SENIOR = frozenset({"lead", "policy"})
#: The fewest minutes between the last yes and the effect, by tier and severity.
_HOLD_MINUTES = {("protected", 3): 10, ("protected", 4): 30, ("notable", 4): 10}
#: How far a clock may lag behind the last checkpoint.
_SLACK = 2_000_000
_APPROVE_WITHIN = {"protected": 4 * _HOUR}
#: Reversals that stop whoever imposed it.
_REVERSED = 5
_EXECUTE_WITHIN = 72 * _HOUR


def person(who: str) -> str:
    """Return which human somebody is: whoever was not there at the beginning is the attacker's second self."""
    return who if who in s.PEOPLE else s.ATTACKER


def is_rewritten(driver: Nested, row: Row) -> bool:
    """Whether an enforcement is not what was placed any more, by its event."""
    placed = first(
        driver,
        "select body from event where about = ? and kind = 'enforcement.placed' and platform = ?",
        (row["id"], row["platform"]),
    )
    if placed is None:
        return False
    written: list[tuple[str, dict[str, Any]]] = json.loads(placed["body"])["rows"]
    image = next((one[1] for one in written if one[0] == "enforcement"), None)
    return image is not None and any(
        image[name] != row[name] for name in ("account", "action", "content", "label", "until", "legal_basis")
    )


class Effects:
    """Looks at every call; what is not as it must be is told to the desk."""

    def __init__(self, scene: s.Scene) -> None:
        self._scene = scene
        self._driver = scene.past.driver
        self._say = scene.desk.say
        self._nets: dict[str, NetSet] = {}

    def look(self, verb: str, operation: Operation, name: str) -> None:
        """Judge one call of the platform, before it is made."""
        ref = operation.target.account
        if self._driver.inside:
            self._say("I14", f"{ref} is acted on inside a transaction that is not committed yet")
            return
        entry = first(self._driver, "select * from platform_entry where id = ?", (name,))
        if entry is None or not entry["active"]:
            self._say("R9", f"{ref} is acted on at a platform that is not registered")
        if verb == "undo":
            self._undo(operation)
            return
        row = first(self._driver, "select * from enforcement where id = ?", (operation.key,))
        if row is None:
            self._say("I11", f"{operation.action} is sent to {ref} and is no enforcement of its own")
            return
        self._apply(row, operation)

    # undo ---------------------------------------------------------------------------

    def _undo(self, operation: Operation) -> None:
        key = operation.key.split("/")[0]
        row = first(self._driver, "select * from enforcement where id = ?", (key,))
        if row is None or row["action"] != "restore":
            self._say("I11", f"{operation.target.account} is changed by what is no restore")

    # apply --------------------------------------------------------------------------

    def _apply(self, row: Row, operation: Operation) -> None:
        now = to_micros(self._scene.clock.now())
        ref = self._scene.desk.merged.get(operation.target.account, operation.target.account)
        severity = _SEVERITY.get(str(operation.action), 5)
        tier = "protected" if ref in s.PROTECTED else "notable" if ref == s.NOTED else "standard"
        what = f"{operation.action} on {ref}"
        if row["action"] == "restore" or row["state"] != "executing":
            self._say("I11", f"{what} is the effect of a {row['action']} that is {row['state']}")
        self._same_thing(row, operation, what)
        self._clock(now, what)
        humans, said = self._people(row)
        self._standing(row, said, now, what)
        self._counted(row, humans, said, tier, severity, what)
        self._moments(row, said, tier, severity, now, what)
        self._record(row, tier, what)
        self._stops(row, what)
        self._canaries(row, what)
        self._again(row, humans, said, what)
        self._nets_now(row, said, what, now)
        if row["via"] == "break_glass":
            self._glass(row, now, what)
        if tier == "protected" and severity == 5:
            self._say("I3", f"{what}: nothing irreversible is done to a protected account")

    def _people(self, row: Row) -> tuple[set[str], list[Row]]:
        """Return the humans behind it (R6) and the yeses given, each of another human."""
        behind = [*row["humans"], row["placed_by"]]
        for token in rows(self._driver, "select staff_id, issued_by from token where service = ?", (row["placed_by"],)):
            behind += [token["staff_id"], token["issued_by"]]
        services = {
            found["service"] for found in rows(self._driver, "select service from token where service is not null")
        }
        humans = {person(who) for who in behind if who and who not in services}
        said = rows(
            self._driver,
            "select * from approval where platform = ? and enforcement_id = ? and answer = 'yes' order by rowid",
            (row["platform"], row["id"]),
        )
        return humans, said

    def _standing(self, row: Row, said: list[Row], now: int, what: str) -> None:
        staff = {one["id"]: one for one in rows(self._driver, "select * from staff")}

        def off(who: str) -> bool:
            one = staff.get(who)
            if one is None:
                return True
            return one["standing"] in {"left", "suspended"} or (
                one["last_day_end"] is not None and one["last_day_end"] <= now
            )

        for who in dict.fromkeys([*row["humans"]]):
            if off(who):
                self._say("M1-standing", f"{what}: {who}, who is behind it, is no longer on duty")
        for approval in said:
            leaving = staff.get(approval["by"], {}).get("notice_at") is not None
            if (off(approval["by"]) or leaving) and self._needs(row) >= len(said):
                self._say("M1-approver", f"{what}: {approval['by']}, who said yes, is off duty or leaving")
        placer = staff.get(row["placed_by"])
        if placer is not None:
            roles = set(placer["roles"])
            needed = _GLASS if row["via"] == "break_glass" else _ENFORCING
            if row["legal_basis"] is not None:
                needed = needed | {"legal"}
            if not roles & needed:
                self._say("M1-role", f"{what}: {row['placed_by']} no longer has a role to do it")
        elif not count(
            self._driver, "select count(*) from token where service = ? and revoked_at is null", (row["placed_by"],)
        ):
            self._say("M1-token", f"{what}: the service {row['placed_by']} has no token any more")

    def _needs(self, row: Row) -> int:
        return sum(int(one["approvals"]) for one in row["verdict"]["approvals"])

    def _counted(self, row: Row, humans: set[str], said: list[Row], tier: str, severity: int, what: str) -> None:
        yes = {person(one["by"]) for one in said}
        both = yes & humans
        if both and severity >= 2 and tier != "standard":
            self._say("I10", f"{what}: {', '.join(sorted(both))} is behind it and says yes to it")
        people = len(humans | yes)
        if tier == "protected" and severity >= _GRAVE:
            needed = 2 if row["via"] == "break_glass" else 3
            if people < needed:
                self._say("I10", f"{what} by {_people(people)}: {', '.join(sorted(humans | yes))}")
            teams = {
                one["id"]: one["team"]
                for one in rows(self._driver, "select id, team from staff")
                if one["id"] in {*row["humans"], *(given["by"] for given in said)}
            }
            if needed == 3 and len(set(teams.values())) < min(3, len(teams)):
                self._say("M2", f"{what} by people of one team")
        elif tier == "notable" and severity >= _GRAVE and people < 2:
            self._say("I10", f"{what}, a notable account, by one person: {', '.join(sorted(humans | yes))}")
        elif tier == "protected" and severity == 2 and people < 2 and not self._free_removal(row):
            self._say("R7", f"{what}, a protected account, by one person")
        elif row["account"] == s.LOOKALIKE and severity >= _GRAVE and people < 2 and not self._marked_fake():
            self._say("R10", f"{what}, which looks like a protected account, by one person")
        elif row["action"] == "delete" and people < 2:
            self._say("I3", f"{what}, which cannot be undone, by one person")
        if severity >= _GRAVE and tier == "standard" and not said and row["legal_basis"] is None:
            alone = count(
                self._driver,
                "select count(*) from enforcement where placed_by = ? and severity >= 3 and approve_by is null"
                " and placed_at > ? and state not in ('refused', 'cancelled', 'lapsed') and legal_basis is null",
                (row["placed_by"], row["placed_at"] - _HOUR),
            )
            if alone > 60:
                self._say(
                    "R13-budget", f"{what}: {row['placed_by']} suspends a {alone}th account within the hour alone"
                )
        if int(row["facts"].get("action.bulk", 1)) > 25 and people < 2:
            self._say("R13-bulk", f"{what}: more than 25 accounts at once by one person")

    def _free_removal(self, row: Row) -> bool:
        """Whether it is the removal of reported items of the account, of which three a day are free (R7)."""
        reported = {one["content"] for one in rows(self._driver, "select content from report")}
        items = row["content"]
        if row["action"] != "remove_content" or not items or not set(items) <= reported:
            return False
        earlier = rows(
            self._driver,
            "select content from enforcement where account = ? and severity > 0 and placed_at > ? and rowid <="
            " (select rowid from enforcement where id = ?)"
            " and state not in ('refused', 'cancelled', 'lapsed', 'failed')",
            (row["account"], row["placed_at"] - _DAY, row["id"]),
        )
        return sum(max(1, len(one["content"])) for one in earlier) <= 3

    def _marked_fake(self) -> bool:
        found = first(self._driver, "select marked_fake from account where ref = ?", (s.LOOKALIKE,))
        return bool(found and found["marked_fake"])

    def _same_thing(self, row: Row, operation: Operation, what: str) -> None:
        """What is sent is what was placed, on the account that was meant, as everybody who said yes saw it."""
        if is_rewritten(self._driver, row):
            self._say("M1-digest", f"{what}: it is not what was placed")
        if operation.target.account != row["account"] or str(operation.action) != row["action"]:
            self._say("R8", f"{what}: the enforcement is {row['action']} on {row['account']}")
        merged = self._scene.desk.merged
        if row["account"] in merged:
            self._say("M1-account", f"{what}: it was placed on {row['account']}, which is another account now")
        for item in operation.target.content:
            owner = first(self._driver, "select account from sandbox_content where id = ?", (item,))
            if owner is None or owner["account"] != row["account"]:
                self._say("R8", f"{what}: {item} belongs to somebody else")

    def _clock(self, now: int, what: str) -> None:
        newest = count(self._driver, "select coalesce(max(at), 0) from checkpoint")
        if now < newest - _SLACK:
            self._say("R18", f"{what}: the clock is behind the last checkpoint")

    def _moments(self, row: Row, said: list[Row], tier: str, severity: int, now: int, what: str) -> None:
        within = _APPROVE_WITHIN.get(row["tier"], _DAY)
        if any(one["at"] - row["placed_at"] >= within for one in said):
            self._say("M4-approve-by", f"{what}: a yes came after the time for it")
        last = max((one["at"] for one in said), default=row["placed_at"])
        hold = _HOLD_MINUTES.get((tier, min(severity, 4)), 0) * _MINUTE
        if row["via"] == "break_glass":
            hold = 0
        if now - last < hold:
            self._say("I1-hold", f"{what}: {round((now - last) / _MINUTE)} minutes after the last yes")
        if severity == 5 and now - last < _DAY:
            self._say("I3", f"{what}, which cannot be undone, within a day")
        if row["execute_at"] is not None and now < row["execute_at"]:
            self._say("M4-early", f"{what}: before its hour")
        start = max(last + hold, row["execute_at"] or 0, row["hold_until"] or 0)
        if now > start + _EXECUTE_WITHIN + _MINUTE:
            self._say("M4-execute-by", f"{what}: more than 72 hours after it could have been done")

    def _record(self, row: Row, tier: str, what: str) -> None:
        """No effect without its committed event; on notable and protected accounts in a checkpoint (I14)."""
        began = first(
            self._driver,
            "select id from event where about = ? and platform = ? and kind = 'enforcement.executing'"
            " order by id desc limit 1",
            (row["id"], row["platform"]),
        )
        if began is None:
            self._say("I14", f"{what}: no event says that it begins")
            return
        if count(
            self._driver,
            "select count(*) from event where about = ? and kind in ('enforcement.cancelled', 'enforcement.refused')",
            (row["id"],),
        ):
            self._say("M5-cancelled", f"{what}: it was withdrawn")
        if tier == "standard" and row["tier"] == "standard":
            return
        intended = first(
            self._driver,
            "select event.id, leaf.seq from event left join leaf on leaf.platform = event.platform and"
            " leaf.event_id = event.id where event.about = ? and event.platform = ?"
            " and event.kind = 'enforcement.intended' order by event.id desc limit 1",
            (row["id"], row["platform"]),
        )
        size = count(
            self._driver, "select coalesce(max(size), 0) from checkpoint where platform = ?", (row["platform"],)
        )
        if intended is None or intended["seq"] is None or intended["seq"] >= size:
            self._say("I14", f"{what}: the intention stands in no signed checkpoint")

    def _stops(self, row: Row, what: str) -> None:
        if row["legal_basis"] is not None:
            return
        for pause in rows(self._driver, "select * from pause where ended_at is null"):
            mine = {"all": "", "staff": row["placed_by"], "team": row["team"], "platform": row["platform"]}
            if pause["scope"] == "all" or pause["target"] == mine[pause["scope"]]:
                self._say("M5-paused", f"{what}, while enforcement is paused")

        self._breaker(row, what)

    def _breaker(self, row: Row, what: str) -> None:
        """Whoever was reversed often was stopped, until people resumed."""
        reversed_ = count(
            self._driver,
            "select count(*) from enforcement harm where placed_by = ? and state = 'restored' and placed_at > ?"
            " and exists (select 1 from enforcement lift, json_each(lift.lifts) one where one.value = harm.id"
            " and lift.action = 'restore' and lift.placed_by != harm.placed_by)",
            (row["placed_by"], row["placed_at"] - 7 * _DAY),
        )
        stopped = count(
            self._driver, "select count(*) from pause where scope in ('staff', 'team', 'platform') and by = 'system'"
        )
        if reversed_ >= _REVERSED and not stopped:
            self._say(
                "R13-breaker", f"{what}: {reversed_} of {row['placed_by']} were reversed, and nobody stopped them"
            )

    def _canaries(self, row: Row, what: str) -> None:
        if row["group_id"] is None or row["group_index"] < 10 or int(row["facts"].get("action.bulk", 1)) < 26:
            return
        begun = count(
            self._driver,
            "select coalesce(min(in_force_at), 0) from enforcement where group_id = ? and group_index < 10",
            (row["group_id"],),
        )
        if to_micros(self._scene.clock.now()) - begun < 15 * _MINUTE - _MINUTE:
            self._say("canary", f"{what}: less than a quarter of an hour after the first ten of its list")
        bad = count(
            self._driver,
            "select count(*) from enforcement where group_id = ? and group_index < 10 and state != 'in_force'",
            (row["group_id"],),
        )
        if bad:
            self._say("canary", f"{what}: {bad} of the first ten of its list did not go well")

    def _again(self, row: Row, humans: set[str], said: list[Row], what: str) -> None:
        """After a restore those who had a part stay out of it (R16); after a no they do not try again (R15)."""
        lifted = rows(
            self._driver,
            "select * from enforcement where account = ? and action = 'restore' and placed_by != 'system'"
            " and state in ('executing', 'unknown', 'in_force') and placed_at <= ?",
            (row["account"], max([row["placed_at"], *(one["at"] for one in said)])),
        )
        part: set[str] = set()
        for restore in lifted:
            before = restore["id"] < row["id"]
            part |= {person(restore["placed_by"])} if before else set()
            for harm in restore["lifts"]:
                one = first(self._driver, "select * from enforcement where id = ?", (harm,))
                if one is None or one["state"] not in {"restoring", "restored"} or one["in_force_at"] is None:
                    continue
                part |= {person(who) for who in (one["placed_by"], *one["humans"])}
                part |= {
                    person(given["by"])
                    for given in rows(
                        self._driver, "select by from approval where enforcement_id = ? and answer = 'yes'", (harm,)
                    )
                }
            if before and part & humans:
                self._say("R16", f"{what}: {', '.join(sorted(part & humans))} had a part in what was restored")
            yes = {person(one["by"]) for one in said if one["id"] > restore["id"]}
            if part & yes:
                self._say(
                    "R16", f"{what}: {', '.join(sorted(part & yes))}, who says yes, had a part in what was restored"
                )
        ended = rows(
            self._driver,
            "select * from enforcement where account = ? and platform = ? and id != ? and ended_at <= ?"
            " and ended_at > ? and (state in ('cancelled', 'lapsed') or (state = 'refused' and approve_by is not null))"
            " and action != 'restore'",
            (row["account"], row["platform"], row["id"], row["placed_at"], row["placed_at"] - _DAY),
        )
        if row["tier"] == "standard":
            return
        for one in ended:
            same = one["action"] == row["action"] or (one["severity"] >= _GRAVE and one["severity"] <= row["severity"])
            # Ids rise: what is of one moment has an order too.
            before = self._ended_by(one) < row["id"]
            if same and before and one["placed_by"] == row["placed_by"] and row["via"] != "break_glass":
                self._say("R15", f"{what}: the same by {row['placed_by']} ended {one['state']} within a day")
            if one["state"] != "refused" or one["action"] != row["action"]:
                continue
            spoke = {person(who) for who in (one["placed_by"], *one["humans"])} | {
                person(given["by"])
                for given in rows(self._driver, "select by from approval where enforcement_id = ?", (one["id"],))
            }
            yes = {person(given["by"]) for given in said if given["id"] > self._ended_by(one)}
            if spoke & yes:
                self._say("R15", f"{what}: {', '.join(sorted(spoke & yes))} spoke before the no and says yes again")

    def _ended_by(self, row: Row) -> str:
        """Return the id of the event that ended an enforcement."""
        found = first(
            self._driver,
            "select max(id) id from event where about = ? and platform = ?"
            " and kind in ('enforcement.cancelled', 'enforcement.refused', 'enforcement.lapsed')",
            (row["id"], row["platform"]),
        )
        return "" if found is None else str(found["id"])

    def _nets_now(self, row: Row, said: list[Row], what: str, now: int) -> None:
        """The nets in force now ask no more than is met."""
        if row["via"] == "break_glass":
            return
        newest = first(self._driver, "select digest, toml from nets_version order by id desc limit 1")
        assert newest is not None
        nets = self._nets.get(newest["digest"])
        if nets is None:
            nets = self._nets[newest["digest"]] = load(newest["toml"], "nets in force")
        ref = self._scene.desk.merged.get(row["account"], row["account"])
        tier = "protected" if ref in s.PROTECTED else "notable" if ref == s.NOTED else "standard"
        facts = dict(row["facts"])
        known = first(self._driver, "select tier from account where ref = ?", (ref,))
        if known is not None and known["tier"] == "protected":
            tier = "protected"
        if tier != "standard":
            facts["account.tier"] = facts["account.tier_memory"] = tier
        verdict = judge(nets, Facts.from_json(facts))
        if verdict.refused:
            self._say("M1-nets", f"{what}: the nets in force refuse it")
            return
        given = {person(one["by"]) for one in said}
        wanted = max((one.approvals for one in verdict.approvals), default=0)
        if len(given) < wanted:
            self._say("M1-nets", f"{what}: the nets in force ask for {wanted} people, and {len(given)} said yes")
        asked = Verdict.from_json(row["verdict"])
        since = row["approved_at"] or row["placed_at"]
        if verdict.hold_seconds > asked.hold_seconds and now - since < verdict.hold_seconds * 1_000_000:
            self._say("M1-nets", f"{what}: the nets in force ask for a longer hold than was kept")

    def _glass(self, row: Row, now: int, what: str) -> None:
        before = rows(
            self._driver,
            "select * from enforcement where account = ? and via = 'break_glass' and id != ? and in_force_at > ?",
            (row["account"], row["id"], now - _DAY),
        )
        if before:
            self._say("R14", f"{what}: the glass was broken for it before within 24 hours")


def _people(number: int) -> str:
    return "one person" if number == 1 else f"{number} people"
