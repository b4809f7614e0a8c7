"""The others' ordinary work, the passing of time, and what goes wrong at the platform.

Colleagues are honest and can be deceived: they say yes to enforcements, lifts
and most changes, but not to a new person, to a set of nets, or to a setting
that they would have to understand to be against. What two of them agree to is no hole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from gardefou.attack import scene as s
from gardefou.attack.moves import LONGER, RULES, Do, Move, Situation, about, changing, played, respond
from gardefou.attack.rows import Row, first, rows
from gardefou.clock import to_micros
from gardefou.flow.changes.base import written
from gardefou.flow.due import next_due, run_due
from gardefou.scenario import model as m

#: In this sequence colleagues are asked for their yes: as few as it needs say it.
_ASKED = ("lena", "leo", "pia", "otto", "lou", "rita")
#: Changes that colleagues may be talked into.
_AGREED = frozenset({"role", "tier", "mark_fake", "platform", "token", "resume"})
_NEVER = ("second", "take the platform out of use")
_LATE = timedelta(seconds=1)


def _agrees(row: Row) -> bool:
    change: dict[str, Any] | None = row["change"]
    if change is None:
        return True
    if change["kind"] == "nets":
        # A set that keeps every promise: the floor lets through no other.
        return True
    retires = change["kind"] == "platform" and not change.get("active", True)
    return change["kind"] in _AGREED and change.get("staff") != s.SECOND and not retires


def _needs(row: Row) -> list[dict[str, Any]]:
    needs: list[dict[str, Any]] = json.loads(row["approvals"])
    return needs


def _wanted(row: Row) -> list[str]:
    """Return who is asked, those first whose yes the nets ask for."""
    roles = {role for need in _needs(row) for role in need["from"]}
    return sorted(_ASKED, key=lambda who: not roles & set(s.ROLES_OF[who]))


def _say_yes(row: Row, most: int) -> Do:
    def do(scene: s.Scene) -> bool:
        # A list is answered for as a whole.
        together = "select * from enforcement where group_id = (select group_id from enforcement where id = ?)"
        beside = [one for one in rows(scene.past.driver, together, (row["id"],)) if one["id"] != row["id"]]
        given = 0
        for name in _wanted(row):
            outcome = scene.play(respond(scene, row, "approve", name, "console"))
            if outcome.error is not None:
                if outcome.error.code == "enforcement/state":
                    break
                continue
            given += 1
            for one in beside:
                scene.play(respond(scene, one, "approve", name, "console"))
            if given == most:
                break
        return given > 0

    return do


def _answers(scene: s.Scene, now: Situation) -> Iterator[Move]:
    for name, row in now.open.items():
        if row["state"] != "waiting" or row["approved_at"] is not None or not _agrees(row):
            continue
        reads = frozenset({about(row), "nets", "settings", "armed", "behind", *(f"S:{who}" for who in _ASKED)})
        yield Move(f"yes {name}", f"colleagues say yes to {name}, as many as it needs", reads, _say_yes(row, 9))
        if sum(int(need["approvals"]) for need in _needs(row)) > 1:
            yield Move(f"one yes {name}", f"one colleague says yes to {name}", reads, _say_yes(row, 1))
        if row["change"] is None and row["action"] != "restore":
            who = "leo" if row["placed_by"] == "lena" else "lena"
            step = respond(scene, row, "refuse", who, "console")
            yield Move(f"no {name}", f"{who} says no to {name}", reads, played(step), (step,))


def _agreed(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield changes that are proposed, agreed to by colleagues, and in force once their hold is over: one move each."""
    for move in changing(scene, now):
        if not move.steps:
            continue
        deed = move.steps[0].deed
        kind = deed.kind if isinstance(deed, m.Change) else "token" if isinstance(deed, m.IssueToken) else ""
        if kind not in _AGREED or any(word in move.says for word in _NEVER):
            continue
        yield Move(
            f"agreed {move.key}",
            f"{move.says}, and colleagues agree",
            move.reads,
            _agree_to(move.steps[0]),
            cost=3,
            opens=True,
        )


def _agree_to(step: m.Step) -> Do:
    def do(scene: s.Scene) -> bool:
        outcome = scene.play(step)
        if outcome.error is not None or not outcome.placed:
            return False
        sql = "select *, json_extract(verdict, '$.approvals') as approvals from enforcement where id = ?"
        row = first(scene.past.driver, sql, (outcome.placed[0],))
        if row is None or row["state"] != "waiting" or not _say_yes(row, 9)(scene):
            return False
        after = first(scene.past.driver, sql, (row["id"],))
        if after is not None and after["hold_until"] is not None:
            _until(scene, after["hold_until"])
        return True

    return do


def _until(scene: s.Scene, micros: int) -> None:
    now = scene.clock.now()
    scene.passing.until(now + timedelta(microseconds=max(0, micros - to_micros(now))) + _LATE)


def _wait(seconds: float) -> Do:
    def do(scene: s.Scene) -> bool:
        scene.passing.until(scene.clock.now() + timedelta(seconds=seconds))
        return True

    return do


def _wait_for_next(scene: s.Scene) -> bool:
    due = next_due(scene.world.app)
    if due is None:
        return False
    scene.passing.until(due + _LATE)
    return True


def _time(now: Situation) -> Iterator[Move]:
    everything = frozenset(now.parts)
    if now.open or scene_waits(now) or f"E:{s.long_list()[-1]}" in now.parts:
        yield Move("next", "time passes until the next thing is due", everything, _wait_for_next)
    if now.known or any(one[0] == "all" for one in now.parts["pause"]):
        yield Move("a day", "a day passes", everything, _wait(24.1 * 3600), cost=2)


def scene_waits(now: Situation) -> bool:
    """Whether a last day is near."""
    return any(row["last_day_end"] is not None for row in now.staff.values())


def _work(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield what colleagues do of themselves."""
    lifted = s.lifted_list()[0]
    for by, ref, action in (
        ("lena", s.VIP, "suspend"),
        ("rita", s.CAT, "suspend"),
        ("lena", lifted, "delete"),
    ):
        mine = any(row["account"] == ref and row["placed_by"] == by for row in now.open.values())
        if not mine and now.opens:
            says = f"{by} places {action} on {ref}"
            step = s.act(by, ref, action)
            reads = RULES | {f"S:{by}", f"E:{ref}", f"A:{ref}", "switch"}
            yield Move(says, says, reads, played(step), (step,), ref == lifted, opens=True)
    for ref in sorted(now.touched):
        step = s.step("rita", "restore", m.Restore(account=m.Ref(s.PLATFORM, ref)))
        yield Move(
            f"rita lifts {ref}", f"rita restores {ref}", RULES | {"S:rita", f"E:{ref}", "switch"}, played(step), (step,)
        )
    many = s.reversed_list()
    if f"E:{many[0]}" not in now.parts:
        steps = tuple(s.step("rita", "restore", m.Restore(account=m.Ref(s.PLATFORM, ref))) for ref in many)
        says = f"rita restores {len(many)} accounts that the attacker suspended"
        yield Move(says, says, frozenset({"S:rita", f"E:{many[0]}"}), _each(steps), steps, cost=2)
    yield from _stand_in_the_way(scene, now)
    if any(one[0] == "all" and not one[4] for one in now.parts["pause"]):
        one = s.step("otto", "resume", m.Resume())
        reads = frozenset({"nets", "pause", "P:resume", "S:otto"})
        yield Move("otto resumes", "otto proposes to resume", reads, played(one), (one,))
        steps = tuple(s.step(by, "resume", m.Resume()) for by in ("lena", "otto"))
        yield Move(
            "they resume",
            "two colleagues resume",
            frozenset({"nets", "pause", "P:resume", "S:lena", "S:otto"}),
            _each(steps),
            steps,
        )


def _each(steps: Sequence[m.Step]) -> Do:
    def do(scene: s.Scene) -> bool:
        return all(scene.play(step).error is None for step in steps)

    return do


def _disturbed(row: Row) -> bool:
    """Whether things happen while this waits: of several ways to begin the same only the plain ones are disturbed."""
    if row["state"] not in {"waiting", "ready", "executing"}:
        return False
    if row["change"] is not None:
        return row["change"]["kind"] in {"tier", "nets"}
    if row["account"] == s.CAT or row["content"]:
        return True
    plain = row["until"] is None and row["execute_at"] is None and row["legal_basis"] is None
    return plain and row["action"] == "suspend" and row["via"] != "break_glass"


def _cost(now: Situation) -> int:
    """Return what a disturbance counts: one where something was agreed to and is about to happen, else two."""
    return 2 if any(_disturbed(row) and row["approved_at"] is not None for row in now.open.values()) else 3


def _stand_in_the_way(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield what colleagues change while something of the attacker's waits: it was agreed to under other conditions."""
    waits = frozenset(about(row) for row in now.open.values() if _disturbed(row))
    if not waits:
        return
    cost = _cost(now)

    def change(says: str, kind: str, payload: dict[str, Any], part: str, by: str = "ada") -> Move:
        step = s.step(by, kind, m.Change(kind=kind, payload=payload))
        return Move(says, says, waits | {part}, played(step), (step,), cost=cost)

    me = f"S:{s.ATTACKER}"
    roles = [*scene.attacker.roles]
    yield change("ada puts the attacker off", "off", {"staff": s.ATTACKER}, me)
    yield change("ada takes the attacker's roles away", "role", {"staff": s.ATTACKER, "remove": roles}, me)
    soon = written(scene.clock.now() + timedelta(days=3))
    for who in ("lena", "pia"):
        yield change(f"ada gives {who} notice", "leave", {"staff": who, "last_day": soon}, f"S:{who}")
    if f"E:{s.CAT}" in waits:
        protect = {"platform": s.PLATFORM, "account": s.CAT, "tier": "protected"}
        yield change(f"pia protects {s.CAT}", "tier", protect, f"A:{s.CAT}", by="pia")
        yield Move("retire", "three colleagues take the platform out of use", waits | {"platforms"}, _retire, cost=cost)
    if waits & {"P:nets", f"E:{s.VIP}", f"E:{s.QUIET}"} and now.parts["nets"] == now.nets:
        yield change("pia adds a net that holds for two hours", "nets", {"put": [LONGER]}, "nets", by="pia")
    service = m.service_name(s.SERVICE)
    if any(row["placed_by"] == service for row in now.open.values()):
        token = first(scene.past.driver, "select id from token where service = ? and revoked_at is null", (service,))
        if token is not None:
            yield change("ada revokes the service's token", "token_revoke", {"token": token["id"]}, f"T:{service}")


def _retire(scene: s.Scene) -> bool:
    payload = {"name": s.PLATFORM, "active": False}
    return _agree_to(s.step("ada", "platform", m.Change(kind="platform", payload=payload)))(scene)


def _trouble(now: Situation) -> Iterator[Move]:
    """Yield what goes wrong at the platform or between two workers."""
    merged, armed = now.parts["merged"], now.parts["armed"]
    here = frozenset({"switch"})
    waiting = [row for row in now.open.values() if _disturbed(row)]
    pending = frozenset(about(row) for row in waiting)
    cost = _cost(now)
    if not any(one[0] or one[1] for one in now.parts["switch"]):
        for name, says, switch in (
            ("down", "the platform goes down", m.Switch(platforms=(s.PLATFORM,), down=True)),
            ("mute", "the platform's answers are lost", m.Switch(platforms=(s.PLATFORM,), drops_answers=True)),
        ):
            step = s.step(None, f"platform_{name}", switch)
            yield Move(name, says, here | pending, played(step), (step,), cost=2, prepares=True)
    elif now.open:
        reads = here | {part for part in now.parts if part[:2] == "E:"}
        yield Move("up", "the platform is up again, and five minutes pass", reads, _up)
        yield Move("up late", "74 hours later the platform is up again, and five minutes pass", reads, _up_late)

    def prepared(key: str, says: str, reads: frozenset[str], do: Do) -> Move:
        return Move(key, says, reads, do, cost=cost, prepares=True)

    if not now.parts["behind"]:
        yield prepared("clock", "the clock of this machine goes back by an hour", frozenset({"behind"}), _clock_back)
    cat = frozenset({f"E:{s.CAT}"})
    if cat & pending:
        yield prepared("rewrite", f"somebody rewrites the suspension of {s.CAT} in the database", cat, _rewrite)
        if not merged:
            for ref in (s.VIP, s.long_list()[0]):
                yield prepared(f"merge {ref}", f"the platform merges {s.CAT} into {ref}", cat, _merge(ref))
    if not armed and pending:
        for kind, what, says in _BETWEEN:
            yield prepared(f"meanwhile {kind} {what}", f"(when next {says})", pending, _arm(kind, what))
    removing = frozenset(about(row) for row in waiting if row["content"])
    if removing:
        yield prepared("item moves", "an item becomes another account's at the platform", removing, _item_moves)


_PENDING = frozenset({"waiting", "ready", "executing"})


def _up(scene: s.Scene) -> bool:
    scene.play(s.step(None, "platform_up", m.Switch(platforms=(s.PLATFORM,), down=False, drops_answers=False)))
    scene.passing.until(scene.clock.now() + timedelta(minutes=5, seconds=10))
    return True


def _up_late(scene: s.Scene) -> bool:
    # No worker looked meanwhile either: three days of equal tries show nothing more.
    scene.clock.set_to(scene.clock.now() + timedelta(hours=74))
    return _up(scene)


def _clock_back(scene: s.Scene) -> bool:
    scene.clock.set_to(scene.clock.now() - timedelta(hours=1))
    return True


def _rewrite(scene: s.Scene) -> bool:
    """Somebody with the database makes a suspension that waits a deactivation: it is not what was agreed to."""
    done = scene.past.driver.execute(
        "update enforcement set action = 'deactivate', measures = '[\"deactivated\"]'"
        " where account = ? and action = 'suspend' and state in ('waiting', 'ready')",
        (s.CAT,),
    )
    return done.rowcount > 0


_BETWEEN = (
    ("read", "cancel", "the platform is read, somebody cancels just after"),
    ("read", "off", "the platform is read, whoever placed it is put off just after"),
    ("reading-again", "off", "the intention is on record, whoever placed it is put off before anything is sent"),
    ("apply", "restore", "something is being sent, a colleague restores the account just before it arrives"),
    ("apply-done", "restore", "something was sent, a colleague restores the account before the answer is recorded"),
)


def _merge(ref: str) -> Do:
    def do(scene: s.Scene) -> bool:
        scene.desk.merged = {**scene.desk.merged, s.CAT: ref}
        return True

    return do


def _item_moves(scene: s.Scene) -> bool:
    desk = scene.world.platforms[s.PLATFORM]
    desk.put_content(s.REPORTED, account=s.CAT)
    return True


def _arm(kind: str, what: str) -> Do:
    def do(scene: s.Scene) -> bool:
        scene.desk.armed = ((kind, what),)
        return True

    return do


def between(scene: s.Scene, what: str, account: str) -> None:
    """Let something happen in the midst of a call of the platform."""
    app = scene.world.app
    if what == "restore":
        scene.player.play(s.step("rita", "restore", m.Restore(account=m.Ref(s.PLATFORM, account))))
    elif what == "cancel":
        sql = "select id from enforcement where account = ? and state in ('waiting', 'ready') order by rowid desc"
        row = first(scene.past.driver, sql, (account,))
        if row is not None:
            scene.player.play(respond(scene, row, "cancel", "rita", "console"))
    elif what == "off":
        scene.player.play(s.step("ada", "off", m.Change(kind="off", payload={"staff": s.ATTACKER})))
    elif what == "worker":
        run_due(app)


def work(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield everything that may happen besides the attacker's moves."""
    yield from _answers(scene, now)
    if now.opens:
        yield from _agreed(scene, now)
    yield from _work(scene, now)
    yield from _time(now)
    yield from _trouble(now)
