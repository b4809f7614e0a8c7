"""Lives that are shaken: somebody is leaving, the program is surprised, a yes was forged, a key copied, a clock set back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from gardefou.domain.records import Approval, Token
from gardefou.flow import passkeys, signals, times_noted
from gardefou.flow.approve import approve
from gardefou.flow.break_glass import break_glass
from gardefou.flow.budget import top_up
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.decide import enforce
from gardefou.flow.explain import explanation
from gardefou.flow.incident_story import read_story
from gardefou.flow.incident_words import minutes_in_words
from gardefou.flow.invitations import draw_half, withdraw_half
from gardefou.flow.newcomers import keep_newcomer, newcomer
from gardefou.flow.raid import start_raid
from gardefou.flow.rollback_preview import foresee
from gardefou.flow.rules import load_rules
from gardefou.flow.sessions import open_sessions
from gardefou.flow.spec import Wanted
from gardefou.flow.story import Span, joined
from gardefou.flow.used_powers import is_unused
from gardefou.people.authenticate import start_session
from gardefou.people.passkeys import Purpose
from gardefou.people.roles import Power
from gardefou.people.signed_tokens import Signed
from tests.flow.chronicle import Chronicle
from tests.flow.lives_acts import answer
from tests.flow.lives_bounds import answered
from tests.flow.test_budgets import put_nets
from tests.flow.world import DAY, HOUR, MINUTE, Wired


def leaving(life: Chronicle) -> None:
    """Somebody who leaves may do less from stage to stage, and nothing after the last day."""
    world = life.world
    app = world.app
    for name in ("parting", "boss"):
        world.person(name, "reviewer", "lead", "policy")
    life.head("the last day is told")
    end = world.now + 40 * DAY
    life.tries(
        propose, app, world.fresh("admin"), "leave", {"staff": "parting", "last_day": end.isoformat()}, "moves on"
    )
    answered(life, "lead", "lead2")
    wish = Wanted(platform="sandbox", account="", action="limit", policy="spam")
    for gone in (30 * DAY, 14 * DAY, 7 * DAY, DAY, HOUR):
        world.clock.advance_to(end - gone)
        world.settle()
        life.head(f"{gone} before the end")
        life.does(world.settle)
        for name in ("small", "small2", "known"):
            life.does(world.restore, "lead", name) if world.measures(name) else None
        for account, action in (("small", "warn"), ("small2", "suspend"), ("small2", "deactivate"), ("known", "limit")):
            life.tries(world.enforce, "parting", account, action)
        life.tries(enforce_bulk, app, world.fresh("parting"), ["small", "small2"], wish)
        life.tries(world.enforce, replace(world.fresh("parting"), via="api"), "small", "label", label="satire")
        made = life.does(world.enforce, "boss", "known", "suspend", evidence=[{"at": str(gone)}])
        life.tries(approve, app, world.fresh("parting"), answer(made, "yes"))
        life.tries(
            propose, app, world.fresh("parting"), "tier", {"platform": "sandbox", "account": "c", "tier": "notable"}
        )
        life.tries(start_raid, app, world.fresh("parting"), "many")
        life.tries(world.restore, "parting", "small2")
        life.tries(break_glass, app, world.fresh("parting"), "sandbox", "president", "lock", "hacked")
        life.tries(pause, app, world.fresh("parting"), "stop")
        life.tries(draw_half, app, world.fresh("parting"), "boss")
        life.tries(withdraw_half, app, world.fresh("parting"), "boss")
        for name in ("lead", "lead2"):
            life.tries(resume, app, world.fresh(name), "on")

    life.head("after the end")
    last = world.actor("parting")
    world.clock.advance_to(end)
    life.does(world.settle)
    life.tries(world.enforce, last, "small", "warn")
    life.tries(world.restore, last, "known")
    life.tries(world.actor, "parting")


def shaken(life: Chronicle) -> None:
    """What nobody expects is told to people, and holds up nothing else."""
    world = life.world
    app = world.app
    life.head("a surprise on the way")

    def surprises(*_given: Any, **_more: Any) -> Any:
        msg = "nobody thought of this"
        raise ValueError(msg)

    later = world.now + HOUR
    stuck = life.does(world.enforce, "rev", "small", "limit", execute_at=later)
    beside = life.does(world.enforce, "rev2", "small2", "limit", execute_at=later)
    world.clock.advance_to(later)
    world.wire.before = surprises
    life.does(world.settle)
    life.reads("they are", [world.read(one).state for one in (stuck, beside)])
    life.passes(10 * MINUTE)
    life.reads("they are", [world.read(one).state for one in (stuck, beside)])

    wired = app.connector("sandbox")
    assert isinstance(wired, Wired)
    read = wired.read_state
    wired.read_state = surprises
    later = world.now + 5 * MINUTE
    wired.read_state = read
    held = [
        life.does(world.enforce, who, "small", action, execute_at=later)
        for who, action in (("rev", "lock"), ("rev2", "suspend"))
    ]
    wired.read_state = surprises
    world.clock.advance_to(later)
    life.does(world.settle)
    life.passes(MINUTE)
    wired.read_state = read
    life.passes(10 * MINUTE)
    life.reads("they are", [world.read(one).state for one in held])

    life.head("a yes that nobody signed")
    device = world.give_device("lead", counting=True)
    made = life.does(world.enforce, "rev", "known", "suspend")
    with app.works.begin() as uow:
        forged = Approval(
            platform="sandbox",
            id=uow.ids.new(),
            enforcement_id=made.id,
            digest=made.digest,
            by="lead",
            via="console",
            answer="yes",
            at=uow.now,
        )
        uow.record(
            "enforcement.approved", by="lead", platform="sandbox", account="known", about=made.id, puts=(forged,)
        )
    life.tries(world.approve, "policy", made)
    life.tries(world.approve, "lead2", made)
    life.passes(30 * MINUTE)
    life.reads("it is", world.read(made).state)

    life.head("a key that was copied")
    drawn = [passkeys.draw(app, Purpose.SIGN_IN) for _time in range(3)]
    first, second = (device.use(one) for one in drawn[:2])
    for one in (second, first, device.use(drawn[2])):
        life.tries(passkeys.use, app, one, Purpose.SIGN_IN)

    life.head("refused by a net, and what would change it")
    life.does(pause, app, world.actor("rev"), "look first")
    refused = life.does(world.enforce, "rev2", "small2", "lock")
    with world.store.read() as connection:
        life.reads(
            "why", explanation(connection, refused, app.config(connection), now=world.now, blind=False).to_json()
        )

    for incident in world.incidents():
        with world.store.read() as connection:
            life.reads("document", read_story(connection, incident.id, now=world.now, viewer="lead").document())

    life.head("a clock that was set back")
    with app.works.begin() as uow:
        start_session(uow, "rev", strong=True)
        for name, hours in (("over", -1), ("over then", 1), ("good", 3)):
            token = Token(
                id=name,
                hash=name,
                staff_id="rev",
                issued_by="rev",
                issued_at=uow.now,
                expires_at=uow.now - 2 * HOUR + HOUR * hours,
            )
            uow.record("token.issued", by="rev", about=name, puts=(token,))
    times_noted.note_time(app)
    life.tries(times_noted.begin_here, app)
    later_now = world.now
    with patch.object(world.clock, "now", return_value=later_now - 2 * HOUR):
        life.tries(times_noted.begin_here, app)
        with world.store.read() as connection:
            found = open_sessions(app, connection, "rev", now=world.now)
            life.reads("sessions", [(one.began_at, one.seen_at, one.ends_at) for one in found])
    times_noted.note_time(app)
    life.tries(times_noted.begin_here, app)

    life.head("tokens of events")
    good: dict[str, Any] = {
        "iss": "https://id.example.org",
        "aud": "us",
        "iat": int(world.now.timestamp()),
        "jti": "j",
        "events": {"https://odd.example/kind": {}},
    }
    wrongs: list[dict[str, Any]] = [
        {},
        {"iss": "other"},
        {"aud": "them"},
        {"iat": good["iat"] - 7 * 86_400},
        {"iat": good["iat"] - 7 * 86_400 - 1},
        {"iat": good["iat"] + 300},
        {"iat": good["iat"] + 301},
        {"exp": 1},
        {"jti": ""},
        {"events": {}},
        {"events": {f"e{number}": {} for number in range(10)}},
        {"events": {f"e{number}": {} for number in range(11)}},
        {"events": []},
        {"events": {"e": 1}},
    ]
    for wrong in wrongs:
        signed = Signed({}, good | wrong, signals.refused)
        life.tries(signals.check, signed, issuer="https://id.example.org", audience="us", now=world.now)

    life.head("newcomers")
    mail: dict[str, Any] = {"name": "Ada", "email": "a@b.example", "issuer": "https://id.example.org"}
    for more in (
        {"subject": "s"},
        {"subject": ""},
        {"subject": "s", "issuer": ""},
        {"name": "", "email": "", "subject": ""},
    ):
        life.tries(newcomer, app, **mail | more)
    who = newcomer(app, **mail, subject="s")
    for name in ("ada", "eve"):
        added = propose(app, world.fresh("admin"), "staff_add", {"staff": name, "roles": [], "pseudonym": name})
        life.tries(keep_newcomer, app, added, who)
    life.tries(newcomer, app, **mail, subject="s")
    life.tries(propose, app, world.fresh("admin"), "off", {"staff": "ada"}, "gone")
    life.tries(keep_newcomer, app, added, who)
    with world.store.read() as connection:
        life.reads("kept", [app.directory.get(connection, name) for name in ("ada", "eve")])

    life.head("in words")
    minutes = (0, 0.49, 59 / 60, 1, 59.99, 60, 61, 2879, 2880, 2939.99, 2940, 4320)
    spans = [(0, 2), (1, 3), (5, 6), (5, 5), (6, 8), (9, 12), (10, None), (11, 13)]
    start = world.now
    many = [Span(since=start + HOUR * one, until=None if two is None else start + HOUR * two) for one, two in spans]
    for most in (2, 5, 6, 8):
        life.reads("joined", joined(many[:most][::-1]))
    life.reads("minutes", [str(minutes_in_words(one)) for one in minutes])
    with app.works.begin() as uow:
        rules = load_rules(uow.connection)
    wishes: list[Any] = [
        "Trust Leads = role:lead",
        "day = team:day",
        "x = role:none",
        "= role:lead",
        "a = b",
        "a",
        "a = team:",
    ]
    for line in wishes:
        life.tries(rules.with_value, "scim_groups", [line])
    several = rules.with_value("scim_groups", wishes[:2])
    life.reads("groups", [several.group_means(name) for name in ("trust leads", " DAY ", "none")])
    for_days = [timedelta(days=days) for days in (29, 30)]
    life.reads("unused", [is_unused("reviewer", {Power.TIERS: world.now}, one) for one in for_days])


_THREE = """
[[net]]
id = "three"
title = "A lead beyond three"
because = "a budget of three"
when = 'action.severity > 0 and recent.actor_1h.all + action.bulk > 3'
[net.require]
approvals = 1
from = ["lead"]
"""


def spent(life: Chronicle) -> None:
    """A budget that is spent is one incident, which names the hour's accounts of that platform and no others."""
    world = life.world
    app = world.app
    put_nets(world, _THREE)
    for number in range(8):
        world.sandbox.put_account(f"s{number}", handle=f"s{number}", reach=number)
    life.head("spent")
    life.does(world.enforce, "rev", "s0", "limit")
    world.clock.advance(HOUR)
    there = Wanted(platform="other", account="small", action="limit", policy="p")
    life.does(enforce, app, world.fresh("rev"), there)
    life.does(world.enforce, "rev2", "s7", "limit")
    for number in range(1, 6):
        life.does(world.enforce, "rev", f"s{number}", "limit")
        world.clock.advance(MINUTE)
    life.does(enforce, app, world.fresh("rev"), replace(there, account="small2"))
    life.tries(top_up, app, world.fresh("lead"), "rev")
    life.does(world.enforce, "rev", "s6", "limit")
    world.clock.advance(HOUR)
    life.does(world.enforce, "rev", "s7", "lock")
    with app.works.begin() as uow:
        write_setting(uow, "restores_per_hour", value=1, by="system")
    life.events()
    for back in (DAY - MINUTE, DAY, DAY + MINUTE):
        seen = foresee(app, world.actor("lead"), by="rev", since=world.now - back)
        life.reads("foreseen", (len(seen.harms), seen.waits))
    for viewer in ("lead", "rev"):
        for incident in world.incidents():
            with world.store.read() as connection:
                life.reads("story", read_story(connection, incident.id, now=world.now, viewer=viewer).document())
