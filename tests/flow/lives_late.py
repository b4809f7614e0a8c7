"""Lives in which something comes late: a node dies on the way, people go, what was cleared is looked at again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gardefou.domain.records import PlatformEntry
from gardefou.flow import passkeys
from gardefou.flow.approve import Answer, approve
from gardefou.flow.change import propose
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.due import next_due, run_due
from gardefou.flow.incidents import alert, near_miss, open_incident
from gardefou.flow.pull import pull
from gardefou.people.assertions import approval_challenge, assertion_of, encoded
from gardefou.people.passkeys import Purpose
from gardefou.platforms.protocol import PlatformUnreachable, PulledReport
from gardefou.platforms.sandbox import Sandbox
from tests.flow.chronicle import Chronicle
from tests.flow.lives_acts import refusing, stories
from tests.flow.lives_desk import given, read_cases, report
from tests.flow.world import DAY, HOUR, MINUTE, SITE, Killed

SECOND = timedelta(seconds=1)


def killed(life: Chronicle, what: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call something in the middle of which the process is gone."""
    with contextlib.suppress(Killed):
        what(*args, **kwargs)
    life.world.wire.clear()
    life.events()


def late(life: Chronicle) -> None:
    """A node dies before and after the platform did it; later everything is looked at again."""
    world = life.world
    app = world.app
    life.head("killed before, and after")
    for when, ref, action in (("before", "small", "limit"), ("after", "small2", "suspend"), ("after", "small", "lock")):
        world.wire.kill(when)
        killed(life, world.enforce, "rev", ref, action)
        life.reads("due", next_due(app))
        life.passes(MINUTE, steps=2)
    world.wire.kill("before")
    killed(life, world.enforce, "rev", "small2", "limit")
    life.does(world.restore, "lead", "small2")
    life.passes(2 * MINUTE)
    world.wire.kill("after")
    killed(life, world.restore, "lead", "small")
    life.passes(2 * MINUTE)

    # What nobody here did is taken back with the rest, and is no news when it is gone.
    world.sandbox.set_measures_out_of_band("small2", ["label:odd"])
    life.does(world.enforce, "rev", "small2", "lock")
    world.wire.kill("after")
    killed(life, world.restore, "lead", "small2")
    life.passes(2 * MINUTE)
    life.reads("what stands", sorted(world.measures("small2")))

    life.head("away when it is to be settled")
    world.wire.kill("after")
    killed(life, world.enforce, "rev", "small", "suspend")
    world.sandbox.switch(down=True)
    life.passes(20 * MINUTE)
    world.up()
    life.passes(10 * MINUTE)
    stories(life)

    life.head("cleared, and otherwise when it comes")
    later = world.now + HOUR
    world.sandbox.put_content("mine", account="small2")
    world.sandbox.put_content("moved", account="small2")
    life.does(world.enforce, "rev2", "small2", "remove_content", content=("mine",), execute_at=later)
    life.does(world.enforce, "rev2", "small2", "remove_content", content=("moved",), execute_at=later)
    life.does(world.enforce, "rev2", "known", "warn", execute_at=later)
    life.does(world.enforce, "rev", "small", "label", label="satire", execute_at=later)
    world.sandbox.put_content("moved", account="small")
    # Recorded, and waiting for its checkpoint, when whoever is behind it goes.
    recorded = world.enforce("rev", "president", "label", label="satire")
    noted = world.enforce("rev", "known", "limit")
    for one in (recorded, noted):
        life.tries(world.approve, "lead", one)
    world.sandbox.put_account("known", handle="known", reach=9_000_000)
    life.tries(propose, app, world.fresh("admin"), "off", {"staff": "rev"}, "gone")
    life.passes(HOUR + MINUTE, steps=3)
    life.passes(3 * DAY + HOUR, steps=3)

    life.head("whoever is behind it goes, and the case comes back")
    (case,) = report(life, given("president"))
    wish = [ActionWish(action="suspend", execute_at=world.now + 2 * HOUR)]
    placed = decide(app, world.fresh("rev2"), case, policy="spam", rationale="why", actions=wish)
    life.events()
    # Neither the same account elsewhere nor one item of it is its subject.
    report(life, given("president", platform="other"), given("president", content="p1"))
    for who in ("lead", "policy"):
        life.tries(world.approve, who, placed.enforcements[0])
    life.tries(propose, app, world.fresh("admin"), "leave", {"staff": "rev2", "last_day": "2017-11-07T00:00:00Z"}, "")
    life.passes(3 * HOUR)
    read_cases(life, case)
    life.reads("done", run_due(app))


def signed(life: Chronicle) -> None:
    """A yes on a notable account is signed by passkey; one that is not, or not so, counts for nothing."""
    world = life.world
    app = world.app
    life.head("signed")
    made = life.does(world.enforce, "rev", "known", "suspend")
    device = world.give_device("lead")
    other = world.give_device("policy")
    life.events()
    challenge = approval_challenge(platform="sandbox", enforcement=made.id, digest=made.digest, answer="yes")
    yes = Answer(enforcement=made.id, digest=made.digest, answer="yes")
    life.tries(approve, app, world.fresh("lead"), yes)
    for wrong in (
        device.use(b"x" * 32),
        other.use(challenge),
        device.use(approval_challenge(platform="sandbox", enforcement=made.id, digest=made.digest, answer="no")),
        device.use(challenge, origin="https://elsewhere.example"),
    ):
        life.tries(approve, app, world.fresh("lead"), replace(yes, assertion=assertion_of(wrong)))
    good = assertion_of(device.use(challenge))
    life.tries(approve, app, world.fresh("lead"), replace(yes, assertion=good))
    life.head("touched anew, in place of signing in")
    second = life.does(world.enforce, "rev", "president", "suspend")
    stale = world.fresh("lead")
    world.clock.advance(20 * MINUTE)
    for name in ("b", "a"):
        nonce = encoded(passkeys.draw(app, Purpose.APPROVE, whose="a"))
        challenge = approval_challenge(
            platform="sandbox", enforcement=second.id, digest=second.digest, answer="yes", nonce=nonce
        )
        assertion = assertion_of(device.use(challenge), nonce=nonce)
        said = Answer(enforcement=second.id, digest=second.digest, answer="yes", assertion=assertion, whose=name)
        life.tries(approve, app, stale, said)
    life.reads("signed in", [world.actor(who).strong_at for who in ("lead", "policy")])
    life.passes(2 * MINUTE)
    life.reads("it is", world.read(made).state)
    life.reads("site", SITE)


class Pulled:
    """A platform with reports of its own, which may break off."""

    def __init__(self, inner: Sandbox) -> None:
        self.name = inner.name
        self.describe = inner.describe
        self.read_state = inner.read_state
        self.resolve = inner.resolve
        self.apply = inner.apply
        self.undo = inner.undo
        self.reports: list[tuple[str, PulledReport]] = []
        self.after: list[str | None] = []
        self.broken = False

    def pull_reports(self, *, after: str | None) -> Any:
        self.after.append(after)
        yield from self.reports
        if self.broken:
            msg = "it breaks off"
            raise PlatformUnreachable(msg)


def fetched(life: Chronicle) -> None:
    """A platform's own reports are fetched once; incidents and alerts say what they say."""
    world = life.world
    app = world.app
    entry = PlatformEntry(id="third", kind="sandbox", endpoint="sandbox:third", sandbox=True, added_at=world.now)
    with app.works.begin() as uow:
        uow.record("platform.registered", by="system", about=entry.id, puts=(entry,))
    pulled = Pulled(life.other)
    usual = app.make_connector
    app.make_connector = lambda one: pulled if one.id == "third" else usual(one)
    life.head("fetched")

    def one(key: str, **more: Any) -> tuple[str, PulledReport]:
        fields: dict[str, Any] = {"account": "small", "reporter": "r", "category": "spam", "text": "words of it"}
        return f"cursor-{key}", PulledReport(key=key, **fields | more)

    life.tries(pull, app, "sandbox")
    life.tries(pull, app, "nowhere")
    pulled.reports = [
        one("a"),
        one("b", content="c1", at="2017-11-01T10:00:00Z"),
        one("c", account=""),
        one("d", category="x" * 600, at="no time"),
        one("e", evidence=({"a": b""},), reporter="y" * 600),
    ]
    life.tries(pull, app, "third")
    life.tries(pull, app, "third")
    pulled.broken = True
    pulled.reports = [one("f", text="z" * 20_000)]
    life.tries(pull, app, "third")
    life.reads("after", pulled.after)

    life.head("told of")
    world.wire.before = refusing
    made = world.enforce("rev", "small", "suspend")
    life.events()
    with app.works.begin() as uow:
        alert(
            uow, "drift", platform="other", about="it", says="Some words.", accounts=("a", "b"), to=("lead",), team="t"
        )
        near_miss(uow, made, "some words")
        for number in range(2):
            open_incident(
                uow,
                platform="other",
                kind="drift",
                accounts=(f"a{number}",),
                summary="Some words.",
                enforcements=(f"e{number}",),
                about="rev",
                detail={"n": number},
                facts={"n": str(number)},
            )
    life.events()
    stories(life)
