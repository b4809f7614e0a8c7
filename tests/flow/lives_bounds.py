"""Lives at the edges: accounts by another name, measures that overlap, and what is done at the last moment or just after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import orjson

from gardefou.domain.accounts import AccountReading
from gardefou.domain.records import Enforcement
from gardefou.errors import InvalidInput
from gardefou.flow import approve, bulk_enforce, cases, intake, passkeys
from gardefou.flow.break_glass import break_glass
from gardefou.flow.breaker import how_near
from gardefou.flow.budget import top_up
from gardefou.flow.change import propose
from gardefou.flow.decide import ActionWish, decide, enforce, preview_wanted
from gardefou.flow.incidents import open_incident
from gardefou.flow.intake import Progress
from gardefou.flow.invitations import come_in, draw_half
from gardefou.flow.names import read_name, revealings_of
from gardefou.flow.raid import start_raid
from gardefou.flow.restore import restore
from gardefou.flow.restore_preview import foresee_restore
from gardefou.flow.restore_some import expire
from gardefou.flow.rollback import rollback
from gardefou.flow.spec import Wanted
from gardefou.flow.take_back import take_back
from gardefou.flow.tries import trying
from gardefou.people.directory import Entry
from gardefou.people.passkeys import Purpose
from gardefou.people.software_authenticator import SoftwareAuthenticator
from gardefou.platforms.protocol import Resolved
from tests.flow.chronicle import Chronicle
from tests.flow.lives_acts import answer, refusing
from tests.flow.lives_desk import form, given, read_cases, report
from tests.flow.world import DAY, HOUR, MINUTE, SITE, Wired

INSTANT = timedelta(microseconds=1)


def answered(life: Chronicle, *who: str, made: Enforcement | None = None, says: str = "yes") -> None:
    """Let people answer whatever waits, or one enforcement."""
    for one in life.world.enforcements() if made is None else [made]:
        if made is not None or one.state == "waiting":
            for name in who:
                life.tries(life.world.approve, name, one, says)


def overlapped(life: Chronicle) -> None:
    """One measure ends while another stands; the law's ends by two people; what has the same name elsewhere stays."""
    world = life.world
    app = world.app
    there = Wanted(platform="other", account="small", action="limit", policy="p", until=world.now + 3 * HOUR)
    read_cases(life)
    life.head("one ends while another stands")
    life.does(world.enforce, "rev", "small", "limit", until=world.now + HOUR)
    life.does(enforce, app, world.fresh("rev"), there)
    world.clock.advance(MINUTE)
    life.does(world.enforce, "rev2", "small", "lock")
    life.does(world.enforce, "rev2", "small", "remove_content", content=("c1",), until=world.now + 2 * HOUR)
    life.does(world.enforce, "rev", "small", "label", label="satire")
    life.head("the same again")
    for who, action, more in (
        ("rev", "label", {"label": "spam"}),
        ("rev2", "label", {"label": "satire"}),
        ("rev2", "label", {"label": "spam"}),
        ("rev", "lock", {}),
        ("rev", "limit", {"until": world.now + HOUR - MINUTE}),
        ("rev", "lock", {"until": world.now + HOUR}),
        ("rev2", "lock", {"until": world.now + HOUR}),
    ):
        life.tries(world.enforce, who, "small", action, **more)
    life.passes(HOUR, steps=1)
    life.does(world.enforce, "rev", "small", "suspend", until=world.now + 30 * MINUTE)
    life.passes(2 * HOUR, steps=2)
    life.does(rollback, app, world.actor("lead"), by="rev2", since=world.now - DAY)
    life.does(world.settle)
    life.reads("what stands", sorted(world.measures("small", ["c1"])))
    life.does(world.restore, "lead", "small")
    life.reads("what stands", sorted(world.measures("small", ["c1"])))
    life.passes(HOUR)
    life.does(world.enforce, "rev2", "small2", "label", label="satire", until=world.now + DAY)
    for one in world.enforcements():
        life.tries(expire, app, one.id)
    life.tries(expire, app, "none")
    life.does(world.restore, "lead", "small2")

    life.head("the law")
    law: dict[str, Any] = {"legal_basis": "court_order"}
    life.tries(world.enforce, "legal", "small2", "suspend", until=world.now + DAY, **law)
    life.tries(world.enforce, "rev", "small2", "suspend", **law)
    life.tries(world.enforce, "legal", "small2", "suspend", legal_basis="my own")
    demanded = life.does(world.enforce, "legal", "small2", "suspend", **law)
    answered(life, "legal", "lead", made=demanded)
    life.does(world.enforce, "rev", "small2", "limit")
    done = life.does(world.restore, "lead", "small2")
    life.reads("barred", done.barred)
    # What stood before it was the law's; when that goes, it is traced to the state before.
    life.does(world.enforce, "rev2", "small2", "label", label="satire")
    life.does(world.settle)
    life.reads("what stands", sorted(world.measures("small2")))
    answered(life, "lead", "rev", "policy", "legal")
    life.does(world.settle)
    life.reads("what stands", sorted(world.measures("small2")))

    life.head("decided, and taken back by another")
    small, there_too, item = report(
        life, given("small"), given("small", platform="other"), given("small", content="c1")
    )
    actions = [ActionWish(action="limit", until=world.now + DAY), ActionWish(action="label", label="spam")]
    done_with = life.does(decide, app, world.fresh("rev"), small, policy="spam", rationale="so", actions=actions)
    report(life, given("small", reporter="again"))
    life.tries(take_back, app, world.fresh("rev"), small, done_with.decision.id)
    life.tries(take_back, app, world.fresh("rev"), there_too, done_with.decision.id)
    read_cases(life, small, there_too, item)


def aliased(life: Chronicle) -> None:
    """A platform knows its accounts by other names as well: what is done stands under their own."""
    world = life.world
    app = world.app
    wired = app.connector("sandbox")
    assert isinstance(wired, Wired)
    read, resolve = wired.read_state, wired.resolve

    def read_state(account: str, *, content: Any = ()) -> AccountReading:
        return read(account.removeprefix("@"), content=content)

    def resolved(account: str, *, content: Any = ()) -> Resolved:
        return resolve(account.removeprefix("@"), content=content)

    wired.read_state, wired.resolve = read_state, resolved
    life.head("by another name")
    life.reads("preview", preview_wanted(app, world.fresh("rev"), [world.wanted("@small", "limit")]).says)
    life.does(world.enforce, "rev", "@small", "limit")
    life.tries(world.enforce, "rev", "small", "limit")
    life.does(world.enforce, "rev2", "@small", "remove_content", content=("c1",))
    life.tries(world.enforce, "rev2", "@small", "remove_content", content=("p1",))
    life.does(world.enforce, "rev", "@president", "suspend")
    wish = Wanted(platform="sandbox", account="", action="limit", policy="spam")
    life.does(bulk_enforce.enforce_bulk, app, world.fresh("rev2"), ["@small2", "small2", "@nobody", "@known"], wish)
    life.does(break_glass, app, world.fresh("lead"), "sandbox", "@known", "lock", "it is hacked")
    (case,) = report(life, given("@small2"))
    life.tries(decide, app, world.fresh("rev"), case, policy="p", rationale="so", actions=[ActionWish(action="lock")])
    life.tries(
        propose, app, world.fresh("lead"), "tier", {"platform": "sandbox", "account": "@small", "tier": "notable"}
    )
    life.does(world.settle)
    able = wired.describe().capabilities
    lead = world.actor("lead")
    for ref in ("@small", "small"):
        with world.store.read() as connection:
            seen = foresee_restore(connection, app.config(connection), lead, "sandbox", ref, able, now=world.now)
        life.reads(f"foreseen of {ref}", (seen, seen.anything))
    for ref in ("@small", "@small2", "@president", "@known", "@nobody"):
        life.tries(restore, app, world.fresh("lead"), "sandbox", ref, "a mistake")
    life.does(world.settle)
    life.reads("what stands", [sorted(world.measures(ref, ["c1"])) for ref in ("small", "small2", "president")])
    world.sandbox.switch(down=True)
    life.tries(world.restore, "lead", "@small2")
    life.tries(world.enforce, "rev", "@small2", "limit")
    world.up()
    life.passes(5 * MINUTE)


def bounded(life: Chronicle) -> None:
    """What may be done until a moment may be done at it, and not an instant after; what is too long by one is refused."""
    world = life.world
    app = world.app

    def at(moment: datetime, *, settle: bool = False) -> None:
        world.clock.advance_to(moment)
        if settle:
            world.settle()
        life.events()

    def around(moment: datetime, what: Callable[..., Any], *args: Any, **more: Any) -> None:
        """Try it an instant before, at the moment, and an instant after."""
        for step in (-INSTANT, timedelta(0), INSTANT):
            at(moment + step)
            life.tries(what, *args, **more)

    life.head("of cases")
    small, small2, known = report(life, given("small"), given("small2"), given("known"))
    life.does(cases.claim, app, world.fresh("rev"), small)
    held = world.now + timedelta(seconds=900)
    for step in (-INSTANT, timedelta(0)):
        at(held + step)
        life.tries(cases.renew, app, world.actor("rev"), small)
        life.tries(cases.claim, app, world.fresh("rev2"), small)
    made = [
        life.does(decide, app, world.fresh("rev"), one, outcome="no_violation", rationale="fine")
        for one in (small2, known)
    ]
    over = world.now + HOUR
    at(over)
    life.tries(take_back, app, world.fresh("rev"), small2, made[0].decision.id)
    at(over + INSTANT)
    life.tries(take_back, app, world.fresh("rev"), known, made[1].decision.id)
    life.tries(cases.note, app, world.fresh("rev"), small, "x" * 10_000)

    life.head("of wishes")
    for more in (
        {"policy": "x" * 512},
        {"rationale": "x" * 10_000},
        {"until": world.now + INSTANT},
        {"execute_at": world.now},
        {"execute_at": world.now + 365 * DAY},
        {"execute_at": world.now + 365 * DAY + INSTANT},
        {"execute_at": world.now + DAY, "until": world.now + DAY},
    ):
        wish: dict[str, Any] = {"account": "small2", "action": "limit", "policy": "spam"} | more
        life.tries(preview_wanted, app, world.fresh("rev"), [Wanted(platform="sandbox", **wish)])

    life.head("of raids and bursts")
    began = world.now
    life.tries(top_up, app, world.fresh("lead"), "rev")
    life.tries(start_raid, app, world.fresh("lead"), "x" * 2000)
    at(began + 30 * MINUTE - INSTANT)
    life.tries(start_raid, app, world.fresh("lead2"), "more")
    at(began + 30 * MINUTE)
    life.tries(start_raid, app, world.fresh("lead2"), "x" * 2001)
    life.tries(start_raid, app, world.fresh("lead2"), "more")
    around(began + HOUR, lambda: life.tries(top_up, app, world.fresh("lead"), "rev"))
    at(began + 8 * HOUR)
    life.tries(start_raid, app, world.fresh("lead"), "third")
    life.tries(top_up, app, world.fresh("lead"), "rev")
    strong = world.fresh("lead")
    at(world.now + 10 * MINUTE)
    life.tries(start_raid, app, strong, "fourth")
    at(world.now + INSTANT)
    life.tries(top_up, app, strong, "rev2")

    life.head("of what went wrong")
    with app.works.begin() as uow:
        for number in range(3):
            open_incident(uow, platform="sandbox", kind="drift", accounts=("a",), summary="It.", about=f"p{number}")
    first = world.now

    def grows(about: str, account: str = "b") -> None:
        with app.works.begin() as uow:
            open_incident(uow, platform="sandbox", kind="drift", accounts=(account,), summary="It.", about=about)

    at(first + HOUR)
    life.does(grows, "p0")
    at(first + HOUR + INSTANT)
    life.does(grows, "p1")
    for hour in range(23):
        at(first + (hour + 2) * HOUR)
        grows("p0", f"b{hour}")
    at(first + DAY + INSTANT)
    life.does(grows, "p0", "late")

    life.head("of restores")
    for name in ("also", "too"):
        world.sandbox.put_account(name, handle=name, reach=1)
    limits = [life.does(world.enforce, "rev", ref, "limit") for ref in ("small", "small2", "also", "too")]
    at(limits[0].placed_at + DAY)
    for name in ("small", "also", "too"):
        life.does(world.restore, "lead", name)
    at(limits[1].placed_at + DAY + INSTANT)
    life.does(world.restore, "lead", "small2")
    stood = [life.does(world.enforce, "rev2", ref, "limit") for ref in ("small", "small2")]

    def near() -> None:
        with world.store.read() as connection:
            life.reads("near", how_near(connection, app.config(connection), world.now))

    around(limits[0].placed_at + 7 * DAY, near)
    # Two of one and two of the other are not half of either.
    world.person("mixed", "reviewer")
    for number in range(4):
        world.sandbox.put_account(f"n{number}", handle=f"n{number}", reach=1)
        world.wire.before = refusing if number % 2 else None
        life.tries(world.enforce, "mixed", f"n{number}", "limit")
        if not number % 2:
            life.does(world.restore, "lead", f"n{number}")
    near()
    world.wire.before = refusing
    life.tries(world.enforce, "mixed", "n3", "suspend")
    near()
    at(stood[0].placed_at + 30 * DAY)
    life.does(world.restore, "lead", "small")
    at(stood[1].placed_at + 30 * DAY + INSTANT)
    life.does(world.restore, "lead", "small2")

    life.head("of what waits")
    waiting = [life.does(world.enforce, "rev", "president", action) for action in ("suspend", "lock")]
    until = waiting[0].approve_by
    assert until is not None
    life.tries(world.approve, "lead", waiting[0])
    life.tries(world.approve, "lead", waiting[1])
    at(until - INSTANT)
    life.tries(world.approve, "policy", waiting[0])
    at(until)
    life.tries(world.approve, "policy", waiting[1])
    at(until, settle=True)
    later = life.does(world.enforce, "rev", "small", "limit", execute_at=world.now + HOUR, until=world.now + 2 * HOUR)
    for moment in (HOUR - INSTANT, HOUR, 2 * HOUR - INSTANT, 2 * HOUR):
        at(later.placed_at + moment, settle=True)
        life.reads("it is", world.read(later).state)

    life.head("of people")
    with app.works.begin() as uow:
        app.directory.put(uow.connection, Entry(staff_id="rev", name="Zoë"))
    life.tries(propose, app, world.fresh("legal"), "reveal", {"staff": "rev", "because": "a court"}, "a court")
    answered(life, "lead")
    revealed = world.now
    around(revealed + DAY, read_name, app, world.actor("legal"), "rev")

    def told() -> None:
        with world.store.read() as connection:
            life.reads("told", revealings_of(connection, "rev", world.now))

    around(revealed + 90 * DAY, told)
    device = SoftwareAuthenticator(b"d" * 32, SITE, counting=True)
    drawn = [passkeys.draw(app, Purpose.ENROL, whose="0" * 64) for _ in range(2)]
    drew = world.now
    for until_then, one in zip((drew + 2 * MINUTE - INSTANT, drew + 2 * MINUTE), drawn, strict=True):
        at(until_then)
        life.tries(passkeys.enrol, app, world.fresh("rev"), device.make(one), SITE, whose="0" * 64, label="x" * 64)
    words: list[str] = []
    newcomers = ("new", "newer")
    for who in newcomers:
        pseudonym = f"p-{who}"
        life.tries(propose, app, world.fresh("admin"), "staff_add", {"staff": who, "roles": [], "pseudonym": pseudonym})
        words += [draw_half(app, world.fresh(by), who)[1] for by in ("lead", "admin")]
    invited = world.now

    def comes(one: str, other: str) -> str:
        return come_in(app, one, other)[0]

    at(invited + 7 * DAY - INSTANT)
    life.tries(comes, *words[:2])
    at(invited + 7 * DAY)
    life.tries(comes, *words[2:])

    life.head("of tries")

    def fails() -> None:
        with trying(app, what="w", address="a"):
            raise InvalidInput("test/wrong", "It is wrong.")

    for _time in range(7):
        life.tries(fails)
    at(world.now + timedelta(seconds=1) - INSTANT)
    life.tries(fails)
    at(world.now + INSTANT)
    life.tries(fails)
    at(world.now + 15 * MINUTE)
    life.tries(fails)
    at(world.now + 2 * MINUTE)
    at(world.now + 15 * MINUTE + INSTANT)
    life.tries(fails)
    life.tries(fails)


def parted(life: Chronicle) -> None:
    """What is many goes in parts: what spoils one part spoils no other, and all are answered in their sequence."""
    world = life.world
    app = world.app
    names = [f"w{number}" for number in range(5)]
    for name in names:
        world.sandbox.put_account(name, handle=f"{name}-handle", reach=5)
    wish = Wanted(platform="sandbox", account="", action="suspend", policy="spam")

    def many(*wrong: str, most: int = 2) -> None:
        confirms = {name: {"handle": "another"} for name in wrong}
        with patch.object(bulk_enforce, "CHUNK", most):
            life.tries(bulk_enforce.enforce_bulk, app, world.fresh("rev"), names, wish, confirms=confirms)

    life.head("many accounts")
    many("w1")
    many("w3", most=3)
    many("w2")
    many()
    many(most=5)
    life.head("many answers")
    asked = [life.does(world.enforce, "rev", "president", action) for action in ("limit", "lock", "suspend")]
    asked.append(life.does(world.enforce, "rev", "known", "suspend"))
    with patch.object(approve, "CHUNK", 2):
        ids: list[Enforcement | str] = [asked[3], asked[0], asked[2], "none", asked[1]]
        life.tries(approve.approve_group, app, world.fresh("lead"), [answer(one, "yes") for one in ids])
        life.tries(approve.approve_group, app, world.fresh("policy"), [answer(one, "no") for one in ids])
    twice = [life.does(world.enforce, who, "president", "deactivate") for who in ("rev2", "lead", "lead")]
    mixed = [answer(twice[0], "no"), answer("none", "yes"), answer(twice[1], "yes")]
    life.tries(approve.approve_group, app, world.fresh("policy"), mixed)
    # Whoever spoke before a no may not say yes to the next, and may say no to it.
    life.tries(world.approve, "policy", twice[1], "no")
    life.head("many lines")
    lines = [orjson.dumps(given(f"w{number}")) for number in range(5)]
    lines[1:1] = [b"no", b" "]
    for most in (1, 2, 3, 6, 7):
        told: list[Progress] = []
        with patch.object(intake, "CHUNK", most):
            taken = list(intake.take_lines(app, form(), lines, on_progress=told.append))
        life.events()
        life.reads(f"{most} at once", ([one.to_json() for one in taken], told))
    walled = replace(form(), platforms=("other",))
    life.reads("walled", [one.to_json() for one in intake.take_lines(app, walled, lines[:2])])
    parts = [b"one\ntw", b"o\n\nthree", b"", b"\n"]
    life.reads("split", [list(intake.lines_of(given)) for given in (parts, [b"", b"a"], [b"x" * 300_000, b"y\nz"])])
