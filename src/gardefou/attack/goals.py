"""The goals after every move: what stands in the store and at the platform now that no one person may bring about."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

from gardefou.attack import scene as s
from gardefou.attack.effects import is_rewritten, person
from gardefou.attack.fold import Fold, Parts
from gardefou.attack.rows import Row, count, first, rows
from gardefou.clock import to_micros
from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.verdict import Verdict

_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_DOWN = frozenset({"suspended", "deactivated", "deleted"})
_HARMLESS = {"read", "reports:write"}
_RANK = {"standard": 0, "notable": 1, "protected": 2}
_GUARDS = frozenset({"nets", "settings", "platforms"})
#: Settings that are decided once.
_CLOSED = frozenset({"shipped_nets", "setup_finished"})
_FRESH = 10 * _MINUTE
_GLASS_MINUTES = 31
#: Colleagues who lift: few roles differ in it.
_LIFTERS = tuple(f"S:{who}" for who in ("rita", "ada"))
_KINDS = ("rita", "ada")


class Goals:
    """Looks at a state; what is not as it must be is told to the desk."""

    def __init__(self, scene: s.Scene, fold: Fold) -> None:
        self._scene = scene
        self._fold = fold
        self._driver = scene.past.driver
        self._say = scene.desk.say
        self._verdicts: dict[str, list[Verdict]] = {}
        self._probed: set[Any] = set()
        self._rows_before = {
            name: count(self._driver, f"select coalesce(max(rowid), 0) from {name}")  # noqa: S608
            for name in ("sandbox_effect", "approval", "enforcement")
        }
        self._staff = {one["id"]: one for one in rows(self._driver, "select * from staff")}
        self._tokens = {one["id"] for one in rows(self._driver, "select id from token")}
        self._settings = {one["id"]: one["value"] for one in rows(self._driver, "select * from setting")}
        self._platforms = {one["id"] for one in rows(self._driver, "select id from platform_entry")}
        self._nets = self._asked()
        self._begun = fold.parts()

    def forget(self) -> None:
        """Begin anew: what was tried is not remembered."""
        self._probed.clear()

    def check(self, different: frozenset[str]) -> None:
        """Judge the present state, as far as it differs from the one before."""
        if different & _GUARDS or any(name[:2] in {"A:", "S:", "T:"} for name in different):
            self._guards()
        self._rows()
        if "pause" in different:
            self._pauses()
        if "claim" in different:
            self._claims()

    # what was agreed to ------------------------------------------------------------------

    def _consented(self, kind: str, *, people: int = 2, **payload: Any) -> bool:
        """Whether as many others as it takes said yes to a change of this kind that is in force."""
        for row in rows(
            self._driver,
            "select * from enforcement where action = 'change' and state = 'in_force' and rowid > ?",
            (self._rows_before["enforcement"],),
        ):
            change = row["change"]
            if change["kind"] != kind or any(change.get(name) != value for name, value in payload.items()):
                continue
            humans = {person(who) for who in (row["placed_by"], *row["humans"]) if who[:8] != "service:"}
            said = {
                person(one["by"])
                for one in rows(
                    self._driver, "select by from approval where enforcement_id = ? and answer = 'yes'", (row["id"],)
                )
            }
            if len(said - humans - {s.ATTACKER}) >= people:
                return True
        return False

    def _guards(self) -> None:
        now = to_micros(self._scene.clock.now())
        for one in rows(self._driver, "select * from staff"):
            self._one_person(one)
        for one in rows(self._driver, "select * from token where revoked_at is null"):
            if one["id"] in self._tokens:
                continue
            if one["service"] is None:
                if one["issued_by"] != one["staff_id"]:
                    self._say("R4", f"{one['issued_by']} has a token of {one['staff_id']}")
            elif set(one["scopes"]) - _HARMLESS and not self._consented("token", service=one["service"]):
                self._say("I13", f"the service {one['service']} has a token that can harm, which nobody agreed to")
        for one in rows(self._driver, "select * from setting"):
            if self._settings.get(one["id"]) != one["value"] and not self._consented("setting", name=one["id"]):
                self._say("I13", f"the setting {one['id']} is {one['value']}, which nobody agreed to")
        self._tiers(now)
        entries = rows(self._driver, "select * from platform_entry")
        for one in entries:
            if one["id"] not in self._platforms and not self._consented("platform", name=one["id"]):
                self._say("I13", f"the platform {one['id']} is registered, which nobody agreed to")
            if not one["active"] and not self._consented("platform", name=one["id"]):
                self._say("I12", f"the platform {one['id']} is out of use, which nobody agreed to")
        if len({one["endpoint"].casefold() for one in entries if one["active"]}) < sum(
            one["active"] for one in entries
        ):
            self._say("R9", "one platform is registered under two names")
        asked = self._asked()
        if not all(mine.covers(before) for mine, before in zip(asked, self._nets, strict=True)):
            self._say("I13", "the nets in force ask for less than they did")
        self._satisfiable()

    def _one_person(self, one: Row) -> None:
        before = self._staff.get(one["id"])
        who = one["id"]
        if before is None:
            if set(one["roles"]) - {"auditor"} and not self._consented("staff_add", staff=who):
                self._say("I13", f"{who} is a new person with power, whom nobody agreed to")
            return
        gained = set(one["roles"]) - set(before["roles"]) - {"auditor"}
        if gained and not self._consented("role", staff=who):
            self._say("I13", f"{who} has become {', '.join(sorted(gained))}, which nobody agreed to")
        if one["team"] != before["team"] and not self._consented("role", staff=who):
            self._say("I13", f"{who} is of another team, which nobody agreed to")
        last, was = one["last_day_end"], before["last_day_end"]
        if was is not None and (last is None or last > was) and not self._consented("leave", staff=who):
            self._say("I13", f"the last day of {who} is put off, which nobody agreed to")

    def _tiers(self, now: int) -> None:
        for one in rows(self._driver, "select * from account where platform = ?", (s.PLATFORM,)):
            wanted = 2 if one["ref"] in s.PROTECTED else 1 if one["ref"] == s.NOTED else 0
            remembered = one["memory_tier"] if (one["memory_until"] or 0) > now else "standard"
            if max(_RANK[one["tier"]], _RANK[remembered]) < wanted:
                self._say("I13", f"{one['ref']} counts as {one['tier']}")
            demoted = one["ref"] in s.PROTECTED and one["explicit_tier"] != "protected"
            if demoted and not self._consented("tier", account=one["ref"]):
                self._say("I13", f"{one['ref']} is no longer in the registry, which nobody agreed to")
            if one["marked_fake"] and not self._consented("mark_fake", account=one["ref"]):
                self._say("R10", f"{one['ref']} is marked as a fake, which nobody agreed to")

    def _asked(self) -> list[Verdict]:
        """Return what the nets in force ask on a grid of situations."""
        newest = first(self._driver, "select digest, toml from nets_version order by id desc limit 1")
        assert newest is not None
        known = self._verdicts.get(newest["digest"])
        if known is None:
            nets = load(newest["toml"], "nets in force")
            shadow = first(self._driver, "select value from setting where id = 'shadow'")
            off = bool(shadow and shadow["value"])
            known = [judge(nets, facts, shadow_all=off) for facts in _GRID]
            self._verdicts[newest["digest"]] = known
        return known

    def _satisfiable(self) -> None:
        """What the nets ask for grave measures can be met by the people there are (R21)."""
        leads = count(self._driver, "select count(*) from staff where roles like '%lead%' or roles like '%policy%'")
        for verdict, before in zip(self._asked(), self._nets, strict=True):
            if verdict.seats > max(leads, before.seats):
                self._say("R21", f"the nets in force ask for {verdict.seats} people, more than there are")
                return

    # what was placed, answered, lifted -------------------------------------------------------

    def _rows(self) -> None:
        now = to_micros(self._scene.clock.now())
        for row in rows(self._driver, "select * from enforcement where rowid > ?", (self._rows_before["enforcement"],)):
            self._one(row, now)
        for effect in rows(
            self._driver, "select * from sandbox_effect where rowid > ?", (self._rows_before["sandbox_effect"],)
        ):
            self._effect(effect)
        self._answers(now)
        self._twice()
        self._glass_twice()
        self._left_behind()
        if count(
            self._driver,
            "select count(*) from enforcement where action = 'restore' and state in ('restoring', 'restored')",
        ):
            self._say("R2", "a restore was rolled back")
        self._restores(now)

    def _one(self, row: Row, now: int) -> None:
        what = f"{row['action']} on {row['account']}"
        live = row["state"] not in {"refused", "cancelled", "lapsed", "failed"}
        if row["label"] in {"head_of_state", "government", "newsroom"}:
            self._say("R9", f"{what}: an action writes a label that protects")
        leaver = self._scene.attacker.leaves_in is not None and person(row["placed_by"]) == s.ATTACKER
        kind = "" if row["change"] is None else row["change"]["kind"]
        if (
            leaver
            and live
            and row["placed_by"] == s.ATTACKER
            and row["account"] in {s.VIP, s.QUIET, s.NOTED}
            and row["severity"] > 0
        ):
            self._say("M9", f"{what}: placed by a leaver in the last 24 hours")
        if leaver and live and kind and kind not in {"pause", "resume"}:
            self._say("M9", f"a change of kind {kind} by a leaver")
        change: dict[str, Any] = row["change"] or {}
        if kind == "setting" and live and change["name"] in _CLOSED:
            self._say("R11", f"{change['name']} may be proposed to be {change['value']}")
        self._placed_now(row, what)
        if row["change"] is not None and row["state"] == "in_force":
            self._change(row, now)
        if row["state"] == "in_force" and row["via"] == "break_glass":
            since = row["in_force_at"]
            up = not count(self._driver, "select count(*) from sandbox_switch where down or drops_answers")
            if row["ratified_by"] is None and now - since > _GLASS_MINUTES * _MINUTE and up:
                self._say("I10", f"{what}: the broken glass still stands after half an hour, and nobody ratified it")
            if row["ratified_by"] is not None:
                self._ratified(row, what)
        if row["state"] in {"waiting", "ready"} and row["approved_at"] is not None:
            until = max(row["hold_until"] or 0, row["execute_at"] or 0, row["approved_at"]) + _DAY
            stopped = count(
                self._driver,
                "select (select count(*) from pause where ended_at is null)"
                " + (select count(*) from sandbox_switch where down or drops_answers)"
                " + (select count(*) from platform_entry where not active)"
                " + (? < (select max(at) from checkpoint))",
                (now,),
            )
            if now > until + _MINUTE and not stopped:
                self._say("I14", f"{what} was agreed to, and a day after its hold it still waits")
        ends = row["until"] if row["state"] == "in_force" and row["legal_basis"] is None else None
        down = "select count(*) from sandbox_switch where down or drops_answers"
        if ends is not None and now > ends + _HOUR and not count(self._driver, down):
            self._say("M5-expiry", f"{what} should have ended")

    def _placed_now(self, row: Row, what: str) -> None:
        """Whoever placed it had signed in as freshly as was asked (M3)."""
        asked = row["verdict"].get("fresh_auth_minutes")
        if asked is None or row["via"] == "system" or row["state"] == "refused":
            return
        strong = first(self._driver, "select strong_at from presence where staff_id = ?", (row["placed_by"],))
        if strong is None or row["placed_at"] - strong["strong_at"] > asked * _MINUTE:
            self._say("M3", f"{row['placed_by']} placed {what} long after signing in")

    def _glass_twice(self) -> None:
        broken = rows(
            self._driver,
            "select * from enforcement where via = 'break_glass' and (attempts > 0 or state in ('waiting', 'ready'))"
            " order by placed_at",
        )
        for index, one in enumerate(broken):
            for other in broken[:index]:
                if other["account"] == one["account"] and one["placed_at"] - other["placed_at"] < _DAY:
                    self._say("R14", f"the glass over {one['account']} was broken twice within a day")

    def _left_behind(self) -> None:
        """Whatever stands at the platform is of an enforcement that stands, or is about to be lifted."""
        if count(self._driver, "select count(*) from sandbox_switch where down or drops_answers"):
            return
        for ref, text in self._driver.execute(
            "select ref, measures from sandbox_account where measures != '[]' and ref in (?, ?, ?, ?, ?)",
            (s.CAT, s.VIP, s.NOTED, s.QUIET, s.LOOKALIKE),
        ).fetchall():
            if ref in self._scene.desk.merged:
                # There is no such account any more.
                continue
            merged = [ref, *(one for one, other in self._scene.desk.merged.items() if other == ref)]
            live: set[str] = set()
            for row in rows(
                self._driver,
                "select measures, lifts, action from enforcement where account in (select value from json_each(?))"
                " and state in ('in_force', 'executing', 'unknown', 'restoring', 'ready')",
                (json.dumps(merged),),
            ):
                live |= set(row["measures"])
            left = set(json.loads(text)) - live
            if left:
                self._say("M5", f"{ref} is {', '.join(sorted(left))}, and no enforcement says so")

    def _change(self, row: Row, now: int) -> None:
        """A change takes effect only while whoever proposed it may propose it, and over the nets it was made for."""
        change = row["change"]
        if row["placed_by"] in s.PEOPLE and change["kind"] not in {"off", "role"}:
            by = first(self._driver, "select roles from staff where id = ?", (row["placed_by"],))
            taken = count(
                self._driver,
                "select count(*) from enforcement where action = 'change' and state = 'in_force' and in_force_at < ?"
                " and json_extract(change, '$.kind') = 'role' and json_extract(change, '$.staff') = ?",
                (row["in_force_at"], row["placed_by"]),
            )
            if taken and by is not None and not by["roles"]:
                says = f"a {change['kind']} change takes effect, and {row['placed_by']} has no role any more"
                self._say("M1-role", says)
        if change["kind"] == "leave" and row["in_force_at"] == now and not self._consented("leave"):
            earlier = first(
                self._driver,
                "select change from enforcement where rowid < (select rowid from enforcement where id = ?)"
                " and state = 'in_force' and json_extract(change, '$.kind') = 'leave'"
                " and json_extract(change, '$.staff') = ? order by rowid desc",
                (row["id"], change["staff"]),
            )
            was = None if earlier is None else earlier["change"]["last_day"]
            if was is not None and (change["last_day"] is None or change["last_day"] > was):
                self._say("I13", f"the last day of {change['staff']} is put off, which nobody agreed to")
        if change["kind"] == "nets" and row["state"] == "in_force":
            newest = rows(self._driver, "select digest, at from nets_version order by id desc limit 2")
            if row["in_force_at"] == newest[0]["at"] and newest[1]["digest"] != change["over"]:
                self._say("R3", "nets are in force that were proposed over others: what was added meanwhile is lost")

    def _ratified(self, row: Row, what: str) -> None:
        said = {
            one["by"] for one in rows(self._driver, "select by from approval where enforcement_id = ?", (row["id"],))
        }
        first_two = {*row["humans"], *said}
        teams = {one["id"]: one["team"] for one in rows(self._driver, "select id, team from staff")}
        who = row["ratified_by"]
        if person(who) in {person(one) for one in first_two} or teams.get(who) in {teams.get(one) for one in first_two}:
            self._say("R14", f"{what}: {who}, one of the first two or of their team, ratified it")

    def _effect(self, effect: Row) -> None:
        if effect["verb"] not in {"apply", "undo"}:
            return
        risen = set(effect["measures_after"]) - set(effect["measures_before"])
        row = first(self._driver, "select * from enforcement where id = ?", (effect["key"],))
        if not risen:
            return
        if row is None or row["action"] == "restore" or not risen <= set(row["measures"]):
            self._say("R1", f"{effect['account']} became {', '.join(sorted(risen))} and nobody placed that")

    def _answers(self, now: int) -> None:
        for one in rows(self._driver, "select * from approval where rowid > ?", (self._rows_before["approval"],)):
            row = first(self._driver, "select * from enforcement where id = ?", (one["enforcement_id"],))
            if row is None:
                continue
            what = (
                f"{row['action']} on {row['account']}" if row["change"] is None else f"a {row['change']['kind']} change"
            )
            behind = {row["placed_by"], *row["humans"]}
            for token in rows(
                self._driver, "select staff_id, issued_by from token where service = ?", (row["placed_by"],)
            ):
                behind |= {token["staff_id"], token["issued_by"]}
            if person(one["by"]) in {person(who) for who in behind if who and who in {*s.PEOPLE, s.SECOND}}:
                self._say("R6", f"{one['by']} answered {what}, and is behind it")
            by = first(self._driver, "select * from staff where id = ?", (one["by"],))
            if by is None:
                self._say("R6", f"{one['by']}, who is no person, answered {what}")
                continue
            if by["last_day_end"] is not None and one["answer"] == "yes" and self._leaver(one["by"]):
                self._say("M9", f"{one['by']}, who is leaving, said yes to {what}")
            within = 4 * _HOUR if row["tier"] == "protected" else _DAY
            if one["at"] - row["placed_at"] >= within:
                self._say("M4-approve-by", f"{one['by']} answered {what} after the time for it")
            if one["at"] == now and one["answer"] == "yes":
                asked = row["verdict"]["fresh_auth_minutes"]
                strong = first(self._driver, "select strong_at from presence where staff_id = ?", (one["by"],))
                if asked and (strong is None or now - strong["strong_at"] > asked * _MINUTE):
                    self._say("M3", f"{one['by']} said yes to {what} long after signing in")
            if (
                one["at"] == now
                and one["answer"] == "yes"
                and any(need["distinct_teams"] for need in row["verdict"]["approvals"])
            ):
                placer = first(self._driver, "select team from staff where id = ?", (row["placed_by"],))
                if placer is not None and placer["team"] == by["team"]:
                    self._say("M2", f"{one['by']} said yes to {what} and is of the team of whoever placed it")
            if one["answer"] == "no":
                self._no(row, one, what)
            elif row["change"] is None and row["action"] != "restore":
                self._spoke(row, one, what)

    def _spoke(self, row: Row, one: Row, what: str) -> None:
        """After a no only people who have not spoken say yes (R15); after a restore only who had no part (R16)."""
        refused = rows(
            self._driver,
            "select * from enforcement where account = ? and action = ? and state = 'refused'"
            " and approve_by is not null"
            " and id != ?",
            (row["account"], row["action"], row["id"]),
        )
        for other in refused:
            said = {
                given["by"]
                for given in rows(self._driver, "select by from approval where enforcement_id = ?", (other["id"],))
            }
            before = self._event(other, "enforcement.refused") < one["id"]
            if before and one["by"] in {*said, other["placed_by"], *other["humans"]}:
                self._say("R15", f"{one['by']} spoke on {what} before the no and says yes again")
        if first(
            self._driver,
            "select id from enforcement where account = ? and action = 'restore' and placed_by = ? and placed_at > ?"
            " and state = 'in_force' and id < ?",
            (row["account"], one["by"], one["at"] - 30 * _DAY, one["id"]),
        ):
            self._say("R16", f"{one['by']} restored {row['account']} and says yes to {what}")

    def _no(self, row: Row, one: Row, what: str) -> None:
        """Whoever imposed it does not stop its end (I12)."""
        for harm in row["lifts"]:
            lifted = first(self._driver, "select * from enforcement where id = ?", (harm,))
            if lifted is not None and one["by"] in {lifted["placed_by"], *lifted["humans"]}:
                self._say("I12", f"{one['by']} said no to {what}, which lifts what they imposed")
        if (
            row["change"] is not None
            and row["change"]["kind"] == "resume"
            and count(self._driver, "select count(*) from pause where by = ? and ended_at is null", (one["by"],))
        ):
            self._say("I12", f"{one['by']} paused everything and said no to resuming")

    def _leaver(self, who: str) -> bool:
        return who == s.ATTACKER and self._scene.attacker.leaves_in is not None

    def _twice(self) -> None:
        """A second click is no second enforcement (R13); the same is not placed again after a no (R15)."""
        seen: dict[str, Row] = {}
        placed = rows(
            self._driver,
            "select * from enforcement where rowid > ? and severity > 0 and action != 'change' order by rowid",
            (self._rows_before["enforcement"],),
        )
        for row in placed:
            standing = row["state"] in {"waiting", "ready", "executing", "unknown", "in_force"}
            if standing and row["via"] != "break_glass" and row["measures"]:
                key = json.dumps(
                    [row[name] for name in ("account", "action", "measures", "until", "execute_at", "legal_basis")]
                )
                other = seen.setdefault(key, row)
                settled = other["state"] in {"ready", "executing", "in_force"}
                alike = other["placed_by"] == row["placed_by"] or settled
                earlier = other["state"] != "in_force" or (other["in_force_at"] or 0) <= row["placed_at"]
                same = other is not row and other["state"] == row["state"]
                if same and alike and earlier and not is_rewritten(self._driver, row):
                    self._say("R13-twice", f"{row['action']} on {row['account']} stands there twice")
            if row["tier"] == "standard" or row["state"] == "refused" or row["via"] == "break_glass":
                continue
            for other in placed:
                same = other["action"] == row["action"] and other["account"] == row["account"]
                ended = other["state"] in {"cancelled", "lapsed"} or (
                    other["state"] == "refused" and other["approve_by"] is not None
                )
                mine = other["placed_by"] == row["placed_by"] and other["id"] < row["id"]
                if not (same and ended and mine) or row["placed_at"] - (other["ended_at"] or 0) >= _DAY:
                    continue
                if self._event(
                    other, "enforcement.cancelled", "enforcement.refused", "enforcement.lapsed"
                ) < self._event(row, "enforcement.placed"):
                    self._say("R15", f"{row['action']} on {row['account']} was placed again after a no")

    def _event(self, row: Row, *kinds: str) -> str:
        """Return the id of the event of an enforcement: ids rise with every event."""
        marks = ", ".join("?" for _ in kinds)
        found = first(
            self._driver,
            f"select id from event where about = ? and platform = ? and kind in ({marks}) order by id desc",  # noqa: S608
            (row["id"], row["platform"], *kinds),
        )
        return "" if found is None else str(found["id"])

    def _restores(self, now: int) -> None:
        """Lifting is free up to a number (R12); what the law demanded and what is old takes another person (M11)."""
        alone = (
            "from enforcement where action = 'restore' and state not in ('refused', 'waiting', 'cancelled')"
            " and approve_by is null and policy != 'rollback' and placed_by = ? and placed_at > ?"
        )
        mine = count(self._driver, f"select count(*) {alone}", (s.ATTACKER, now - _HOUR))
        if mine > 20:
            self._say("R12", f"{s.ATTACKER} restored {mine} accounts within the hour alone")
        for row in rows(
            self._driver,
            f"select * {alone} and rowid > ?",
            (s.ATTACKER, 0, self._rows_before["enforcement"]),
        ):
            for harm in row["lifts"]:
                one = first(self._driver, "select * from enforcement where id = ?", (harm,))
                if one is None:
                    continue
                if one["legal_basis"] is not None:
                    self._say("M11", f"{row['placed_by']} alone lifted what the law demanded on {row['account']}")
                stood = row["placed_at"] - (one["in_force_at"] or row["placed_at"])
                if stood > 30 * _DAY and len(row["lifts"]) == 1:
                    self._say("R12", f"{row['placed_by']} alone lifted what had stood for 30 days")
                if self._leaver(row["placed_by"]) and one["placed_by"] != row["placed_by"]:
                    self._say("R12", f"on the last day {row['placed_by']} lifted what others imposed")

    # stops and claims ------------------------------------------------------------------------

    def _pauses(self) -> None:
        paused = rows(self._driver, "select * from pause where scope = 'all' order by at, id")
        for index, one in enumerate(paused):
            earlier = [other for other in paused[:index] if other["by"] == one["by"] and one["at"] - other["at"] < _DAY]
            if earlier and not self._consented("pause", people=1):
                self._say("R13-pause", f"{one['by']} paused everything twice within a day")
            ended = one["ended_at"] is not None
            if ended and not self._consented("resume", people=1) and not self._resumed_by_two():
                self._say("M5-resume", "one person alone resumed")

    def _resumed_by_two(self) -> bool:
        for row in rows(
            self._driver,
            "select * from enforcement where action = 'change' and state = 'in_force'"
            " and json_extract(change, '$.kind') = 'resume'",
        ):
            said = rows(
                self._driver, "select by from approval where enforcement_id = ? and answer = 'yes'", (row["id"],)
            )
            if {person(one["by"]) for one in said} - {person(row["placed_by"])}:
                return True
        return False

    def _claims(self) -> None:
        renewed = count(
            self._driver, "select count(*) from event where kind = 'case.renewed' and by = ?", (s.ATTACKER,)
        )
        if renewed > 1:
            self._say("R13-claim", f"{s.ATTACKER} renewed a claim {renewed} times")

    # can it be lifted? -----------------------------------------------------------------------------

    def probe(self, parts: Parts) -> list[str]:
        """Return the accounts whose lifting must be tried in this state: not where it was tried in one like it."""
        unread = any(one[0] or one[1] for one in parts["switch"])
        if unread or any(name == s.PLATFORM and not active for name, _, active in parts["platforms"]):
            return []
        guards = tuple(parts[name] for name in ("nets", "settings", "pause", "platforms", *_LIFTERS))
        wanted: list[str] = []
        down = [
            ref
            for ref, measures in self._driver.execute(
                "select ref, measures from sandbox_account where measures != '[]' and ref in (?, ?, ?, ?, ?, ?)",
                (s.VICTIM, s.VIP, s.QUIET, s.NOTED, s.CAT, s.LOOKALIKE),
            )
            if _DOWN & set(json.loads(measures)) and "deleted" not in measures and ref not in self._scene.desk.merged
        ]
        for ref in down:
            key = (ref, parts.get(f"E:{ref}"), guards)
            legal = count(
                self._driver,
                "select count(*) from enforcement where account = ? and legal_basis is not null"
                " and state != 'restored'",
                (ref,),
            )
            if key not in self._probed and not legal:
                self._probed.add(key)
                wanted.append(ref)
        return wanted

    def on_duty(self, parts: Parts) -> list[str]:
        """Return the colleagues who are active and on duty, and whose lifting is tried.

        All of them where the nets are others than at the beginning, one of each kind
        where anything else guards otherwise, and else one.
        """
        free = {
            one["id"]
            for one in rows(self._driver, "select * from staff where standing = 'active' and last_day_end is null")
            if one["id"] in s.PEOPLE - {s.ATTACKER} and set(one["roles"]) - {"auditor"}
        }
        if parts["nets"] != self._begun["nets"]:
            return sorted(free)
        kinds = [who for who in _KINDS if who in free]
        begun = all(parts[name] == self._begun[name] for name in ("settings", "pause", "platforms"))
        return kinds[:1] if begun else kinds

    def is_down(self, ref: str) -> bool:
        """Whether an account is down at the platform."""
        row = first(self._driver, "select measures from sandbox_account where ref = ?", (ref,))
        return row is not None and bool(_DOWN & set(row["measures"]))


def _grid() -> list[Facts]:
    """Return situations in which nets are compared: who, on what, how grave, through what; and weakening changes."""
    grid: list[Facts] = []
    tiers = (("standard", 40), ("notable", 300_000), ("protected", 41_000_000))
    for (tier, reach), severity, via, roles, hours in product(
        tiers, (1, 2, 3, 4, 5), ("console", "api"), (["reviewer"], ["lead"], list(s.ALL_ROLES)), (876_600.0, 5.0)
    ):
        grid.append(
            Facts.of(
                ORDINARY
                | {
                    "account.tier": tier,
                    "account.tier_memory": tier,
                    "account.reach": reach,
                    "action.severity": severity,
                    "action.reversibility": "none" if severity == 5 else "exact",
                    "actor.via": via,
                    "actor.roles": roles,
                    "actor.hours_to_last_day_end": hours,
                }
            )
        )
    grid += [Facts.of(ORDINARY | {name: True}) for name in ("account.lookalike", "now.paused", "change.weakens")]
    grid.append(Facts.of(ORDINARY | {"action.bulk": 27}))
    grid.append(Facts.of(ORDINARY | {"account.restored_30d": 1, "actor.involved_30d": True}))
    grid.append(Facts.of(ORDINARY | {"recent.actor_1h.severity3": 60, "recent.actor_1h.all": 60}))
    return grid


_GRID = _grid()
