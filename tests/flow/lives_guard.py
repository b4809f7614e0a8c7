"""Lives of what guards: pauses, breaker and budgets, raids, changes of the rules, the registry, and notices of it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gardefou.domain.records import Channel, Staff
from gardefou.flow.breaker import how_near
from gardefou.flow.budget import top_up
from gardefou.flow.budget_use import budgets_of
from gardefou.flow.change import pause, preview_change, propose, resume
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.deliver import forget, give_up, note, renew, share_out, take, waiting_channels
from gardefou.flow.explain import explanation
from gardefou.flow.friction import Friction
from gardefou.flow.nets_file import look_at_file, propose_file
from gardefou.flow.notices import channels, health, last_deliveries, unheard
from gardefou.flow.raid import end_raid, open_raids, start_raid
from gardefou.flow.recertify import (
    certify,
    held_roles,
    lapse_due,
    may_certify,
    next_lapse,
    note_grants,
    overdue_among,
    remind,
)
from gardefou.flow.registry import criteria, tiers_set, waiting_for
from gardefou.flow.registry_import import import_registry, plan_import
from gardefou.flow.shadow import shadow_report
from gardefou.flow.stops import open_pauses, paused_for
from gardefou.flow.try_channel import try_channel
from gardefou.flow.used_powers import used_since
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.nets.load import load
from gardefou.notices.post import Sent
from tests.flow.chronicle import Chronicle
from tests.flow.lives_acts import refusing, stories
from tests.flow.lives_desk import given, report
from tests.flow.test_budgets import put_nets
from tests.flow.world import DAY, HOUR, MINUTE


def stopped(life: Chronicle) -> None:
    """All stops and goes on; one person's failures and reversals stop them; budgets ask."""
    world = life.world
    app = world.app

    def stops() -> None:
        with world.store.read() as connection:
            config = app.config(connection)
            life.reads("pauses", [(one.scope, one.target, one.by) for one in open_pauses(connection)])
            life.reads("near", how_near(connection, config, world.now))
            for staff in ("rev", "rev2"):
                life.reads(
                    f"{staff} is stopped",
                    paused_for(connection, staff=staff, team=f"team-{staff}", platform="sandbox") is not None,
                )

    life.head("paused")
    life.does(world.enforce, "rev", "small", "suspend", execute_at=world.now + HOUR)
    life.tries(pause, app, world.actor("rev"), " ")
    life.does(pause, app, world.actor("rev"), "look first")
    life.tries(pause, app, world.actor("rev"), "look first")
    life.tries(world.enforce, "rev2", "small", "limit")
    stops()
    world.clock.advance(MINUTE)
    life.tries(resume, app, world.actor("rev"), "no power")
    life.does(resume, app, world.fresh("lead"), "looked")
    life.tries(resume, app, world.fresh("lead"), "looked")
    life.does(resume, app, world.fresh("oncall"), "looked too")
    life.tries(resume, app, world.fresh("oncall"), "nothing")
    life.does(pause, app, world.actor("rev2"), "again")
    life.passes(2 * HOUR)
    life.tries(propose, app, world.fresh("lead"), "resume", {}, "by hand")
    life.tries(resume, app, world.fresh("policy"), "go on")
    life.passes(HOUR)

    life.head("the breaker")
    refs = [f"b{number}" for number in range(6)]
    for ref in refs:
        world.sandbox.put_account(ref, handle=f"{ref} by name", reach=7)
        world.enforce("rev2", ref, "suspend")
        world.clock.advance(MINUTE)
        world.restore("lead", ref)
        stops()
    life.tries(world.enforce, "rev2", "small2", "suspend")
    life.does(world.settle)
    for ref in ("small", "small2", *refs):
        world.wire.before = refusing
        life.tries(world.enforce, "rev", ref, "limit")
    world.wire.clear()
    stops()
    life.tries(resume, app, world.fresh("lead"), "it was right")
    life.tries(resume, app, world.fresh("lead2"), "it was right")
    stops()
    stories(life)

    life.head("budgets")
    world.clock.advance(DAY)
    reviewer = world.fresh("rev")
    for number in range(9):
        world.sandbox.put_account(f"m{number}", handle=f"mild{number}", reach=number)
        world.enforce(reviewer, f"m{number}", "warn" if number % 2 else "suspend")
    life.tries(top_up, app, world.fresh("rev2"), "rev")
    life.tries(top_up, app, world.fresh("lead"), "lead")
    life.tries(top_up, app, world.fresh("lead"), "nobody")
    life.does(top_up, app, world.fresh("lead"), "rev")
    life.tries(top_up, app, world.fresh("lead"), "rev")
    with world.store.read() as connection:
        config = app.config(connection)
        for staff in ("rev", "rev2"):
            person = reviewer.staff if staff == "rev" else None
            if person is not None:
                found = budgets_of(connection, config, person, world.now)
                life.reads("budgets", found)
                life.reads("shares", [(one.kind, one.window, one.share) for one in found.uses])

    life.head("a raid")
    life.tries(start_raid, app, world.fresh("rev"), "many new ones")
    life.tries(start_raid, app, world.fresh("lead"), " ")
    life.tries(start_raid, app, world.fresh("oncall"), "many new ones")
    life.tries(start_raid, app, world.fresh("lead2"), "twice")
    world.sandbox.put_account("fresh", handle="fresh", reach=1, age_days=1)
    life.does(world.enforce, "rev", "fresh", "suspend")
    with world.store.read() as connection:
        life.reads("raids", [(one.by, one.until) for one in open_raids(connection, world.now)])
        if reviewer.staff is not None:
            life.reads("budgets", budgets_of(connection, config, reviewer.staff, world.now))
    life.tries(end_raid, app, world.fresh("rev"))
    life.tries(end_raid, app, world.fresh("oncall"))
    life.tries(end_raid, app, world.fresh("oncall"))
    life.reads("friction", [Friction(decisions=1000, asked=one).within for one in (0, 5, 10, 11, 500)])


def ruled(life: Chronicle) -> None:
    """Rules, nets, tiers and roles change: what weakens waits, what nobody confirms lapses."""
    world = life.world
    app = world.app
    life.head("changes")
    for kind, payload in (
        ("setting", {"name": "claim_seconds", "value": 600}),
        ("setting", {"name": "claim_seconds", "value": -1}),
        ("setting", {"name": "restores_per_hour", "value": 2}),
        ("tier", {"platform": "sandbox", "account": "small", "tier": "protected", "because": "a person of note"}),
        ("tier", {"platform": "other", "account": "small", "tier": "notable"}),
        ("tier", {"platform": "sandbox", "account": "small", "tier": "standard"}),
        ("role", {"staff": "rev", "add": ["lead"]}),
        ("role", {"staff": "rev", "remove": ["reviewer"]}),
        ("role", {"staff": "nobody", "add": ["lead"]}),
        ("leave", {"staff": "rev2", "last_day": "2017-12-24T18:00:00Z"}),
        ("nothing", {}),
    ):
        life.tries(propose, app, world.fresh("admin"), kind, payload, "as agreed")
        life.tries(propose, app, world.fresh("lead"), kind, payload, "as agreed")
    life.tries(
        propose, app, world.service("bot"), "tier", {"platform": "sandbox", "account": "small2", "tier": "notable"}
    )
    admin = world.actor("admin")
    life.reads("would ask", preview_change(app, admin, "role", weakens=True, person="rev"))
    life.reads("would not", preview_change(app, admin, "role", weakens=False))
    account = world.account("small")
    with world.store.read() as connection:
        life.reads("groups", waiting_groups(connection, app.config(connection)))
        accounts = [("sandbox", "small"), ("other", "small"), ("sandbox", "none")]
        life.reads("waiting for", waiting_for(connection, accounts, "lead"))
        life.reads("tiers set", tiers_set(connection, accounts))
        rules = app.config(connection).rules
        later = world.now + DAY
        for more in (
            {},
            {"reach": rules.notable_reach - 1},
            {"reach": rules.notable_reach, "verified_org": True},
            {"reach": rules.protected_reach, "labels": (rules.protected_labels[0], "odd", *rules.notable_labels[:1])},
            {"explicit_tier": "notable", "memory_tier": "protected", "memory_until": later},
            {"memory_tier": "protected", "memory_until": world.now},
            {"memory_tier": account.tier, "memory_until": later},
        ):
            life.reads("criteria", criteria(replace(account, **more), rules, world.now))
    for one in [one for one in world.enforcements() if one.state == "waiting"]:
        for who in ("policy", "lead2", "oncall"):
            life.tries(world.approve, who, one)
    life.passes(HOUR)

    life.head("the registry")
    text = (
        "platform,ref,tier,because,until\nsandbox,small2,notable,a paper,\nother,small2,protected,,2099-01-01\n"
        "sandbox,known,standard,over,\n"
    )
    life.reads("plan", plan_import(app, world.fresh("lead"), text))
    done = life.does(import_registry, app, world.fresh("lead"), text)
    life.reads("counts", (done.plan.counts, done.failed, [one.change for one in done.done]))
    life.tries(import_registry, app, world.fresh("lead"), text + "sandbox,a,holy,,\nnowhere,b,notable,,\nsandbox\n")
    changed = text.replace("2099", "2098").replace("a paper", "a newspaper")
    life.reads("plan", plan_import(app, world.fresh("lead"), changed))
    longer = text.replace("2099", "2100").replace("notable,a paper", "protected,a paper")
    life.reads("plan", plan_import(app, world.fresh("lead"), longer))
    life.tries(import_registry, app, world.fresh("lead"), changed)
    life.reads("plan", plan_import(app, world.fresh("lead"), changed))
    for until in ("soon", "2017-01-01", "2018-01-01", "30d", "0d", "2018-01-01T00:00:00+01:00", "9" * 20 + "d"):
        line = f"platform,ref,tier,until\nsandbox,small2,protected,{until}\n"
        life.reads(until, plan_import(app, world.fresh("lead"), line).lines)
    for wrong in ("", "platform,ref\n", "platform,ref,tier,odd\n", text.replace("ref", "ref,ref")):
        life.tries(plan_import, app, world.fresh("lead"), wrong)
    life.tries(import_registry, app, world.fresh("rev2"), text)

    # What it was lately counts for its reports still.
    report(life, given("small"), given("small", platform="other"), given("small2"))
    life.head("settings")
    for why in ("x" * 10_000, "x" * 10_001):
        life.tries(propose, app, world.fresh("admin"), "setting", {"name": "claim_seconds", "value": 700}, why)
    for name, value in (
        ("shadow", 1),
        ("shadow", "yes"),
        ("restores_per_hour", True),
        ("restores_per_hour", "3"),
        ("nothing", 1),
        ("breaker_reversal_share", 0.01),
        ("breaker_reversal_share", True),
        ("breaker_reversal_share", "x"),
        ("labels", ["spam", "new"]),
        ("labels", "spam"),
        ("organisation", 5),
        ("watch_seconds", 1.5),
        ("bulk_max", 10),
    ):
        life.tries(propose, app, world.fresh("admin"), "setting", {"name": name, "value": value}, "as agreed")
    life.head("somebody goes while a role for them is held")
    grant = propose(app, world.fresh("admin"), "role", {"staff": "lead2", "add": ["oncall"]}, "more")
    for who in ("policy", "lead"):
        life.tries(world.approve, who, grant)
    life.tries(propose, app, world.fresh("admin"), "off", {"staff": "lead2"}, "gone")
    life.passes(HOUR)

    life.head("nets")
    nets = world.nets_toml()
    less = nets.replace("hold = ", "hold = ", 1)
    life.reads("same", look_at_file(app, nets))
    life.reads("other", look_at_file(app, less + "\n# a word more\n"))
    life.tries(look_at_file, app, "no toml [")
    fewer = nets[: nets.index("[[net]]")] + nets[nets.index("[[net]]", nets.index("[[net]]") + 5) :]
    life.tries(propose_file, app, fewer)
    life.tries(propose_file, app, fewer)

    life.head("roles are confirmed, or lapse")
    life.does(note_grants, app)
    for roles in ((), ("reviewer",)):
        with app.works.begin() as uow:
            known = uow.need(Staff, "gardefou", "rev2")
            again = replace(known, roles=roles, version=known.version + 1)
            uow.record("staff.roles_changed", by="system", about="rev2", puts=(again,))
        world.clock.advance(MINUTE)
        life.does(note_grants, app)
    life.passes(5 * DAY)
    for pairs, why in (
        ([("rev2", "reviewer"), ("policy", "policy")], "still needed"),
        ([("lead", "lead")], ""),
        ([("rev2", "lead")], ""),
        ([("nobody", "lead")], ""),
        ([], ""),
        ([("rev2", "reviewer")], "x" * 3000),
    ):
        life.tries(certify, app, world.fresh("lead"), pairs, why)
    life.tries(certify, app, world.actor("rev2"), [("lead", "lead")])
    world.clock.advance(20 * MINUTE)
    life.tries(certify, app, world.actor("lead"), [("rev2", "reviewer")])
    life.reads("may", [may_certify(world.actor(who), world.now) for who in ("lead", "rev2", "admin", "legal")])
    for days in (78, 8, 5, 1, 1):
        world.clock.advance(days * DAY)
        life.does(remind, app)
        life.does(lapse_due, app)
        with world.store.read() as connection:
            held = held_roles(connection, app.config(connection), world.now)
            life.reads("held", [(one.grant.id, one.lapses_at) for one in held])
            life.reads("next", (next_lapse(app, connection), overdue_among(held, world.now)))
            life.reads("used", used_since(connection, [one.person.id for one in held], world.now - 100 * DAY))


class Box:
    """Where messages arrive, or do not."""

    def __init__(self) -> None:
        self.answer = Sent(ok=True, answer="sent")

    def has(self, key: str) -> bool:
        return key != "k-none"

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:
        return self.answer


def noticed(life: Chronicle) -> None:
    """Notices go out by channels, are tried again, given up, and told of; channels are added and tried."""
    world = life.world
    app = world.app
    box = Box()
    app.post = box
    rows = [
        Channel(id=name, key=f"k-{name}", service="slack", to=to, kinds=kinds, language="en", added_at=world.now)
        for name, to, kinds in (
            ("chat", ("oncall", "lead"), ()),
            ("drifts", ("lead",), ("drift",)),
            ("none", ("oncall",), ()),
        )
    ]
    with app.works.begin() as uow:
        for row in rows:
            uow.record("channel.added", by="admin", about=row.id, puts=(row,))

    def through(name: str, sent: Sent) -> None:
        one = life.does(take, app, name, address="https://g.example")
        if one is None:
            return
        life.reads("in hand", (one.platform, one.notice_id, one.channel, one.attempt, one.key))
        renew(app, one)
        life.does(note, app, one, sent)
        life.does(note, app, one, sent)

    def pages() -> None:
        with world.store.read() as connection:
            life.reads("channels", [one.id for one in channels(connection)])
            life.reads("deliveries", last_deliveries(connection, 3))
            found = last_deliveries(connection, 1)
            if found:
                life.reads("before", last_deliveries(connection, 10, before=found[0].notice_id))
            life.reads("health", health(connection))
            life.reads("unheard", unheard(channels(connection)))
        life.reads("waiting", waiting_channels(app))

    life.head("sent")
    life.does(world.enforce, "rev", "president", "suspend")
    life.does(world.enforce, "rev", "small", "suspend")
    world.clock.advance(MINUTE)
    life.does(world.restore, "lead", "small")
    life.does(share_out, app)
    pages()
    through("chat", Sent(ok=True, answer="sent"))
    through("chat", Sent(ok=False, answer="refused"))
    through("none", Sent(ok=True, answer="sent"))
    through("nowhere", Sent(ok=True, answer="sent"))
    pages()
    for minutes in (1, 3, 4, 30):
        world.clock.advance(minutes * MINUTE)
        life.does(give_up, app)
        life.does(share_out, app)
        through("chat", Sent(ok=False, answer="too_slow"))
    pages()
    world.clock.advance(7 * HOUR)
    life.does(give_up, app)
    pages()
    stories(life)

    life.head("tried")
    life.does(try_channel, app, world.fresh("admin"), "chat", address="https://g.example")
    life.tries(try_channel, app, world.fresh("admin"), "chat", address="https://g.example")
    world.clock.advance(MINUTE)
    box.answer = Sent(ok=False, answer="refused")
    life.does(try_channel, app, world.fresh("admin"), "chat", address="https://g.example")
    life.tries(try_channel, app, world.fresh("admin"), "nowhere", address="https://g.example")
    life.tries(try_channel, app, world.fresh("admin"), "none", address="https://g.example")
    life.tries(try_channel, app, world.fresh("rev"), "chat", address="https://g.example")
    pages()
    world.clock.advance(timedelta(days=100))
    life.does(forget, app)
    pages()


SHADOW = """
[[net]]
id = "suspensions-wait"
title = "Five minutes before a suspension"
because = "a trial"
when = 'action.severity >= 3'
mode = "shadow"
[net.require]
hold = "5m"

[[net]]
id = "suspensions-by-two"
title = "A lead for suspensions"
because = "a trial"
when = 'action.name == "suspend"'
mode = "shadow"
[net.require]
approvals = 1
from = ["lead"]
fresh_auth_minutes = 10
"""


def shadowed(life: Chronicle) -> None:
    """Two nets are tried in shadow, and then all of them are."""
    world = life.world
    app = world.app
    before = world.nets_toml()
    life.head("two nets in shadow")
    put_nets(world, before + SHADOW)
    made = [
        life.does(world.enforce, "rev", ref, action)
        for ref, action in (("small", "suspend"), ("small2", "deactivate"), ("president", "suspend"), ("known", "warn"))
    ]
    life.passes(MINUTE)

    def told() -> None:
        with world.store.read() as connection:
            config = app.config(connection)
            for one in made:
                why = explanation(connection, one, config, now=world.now, blind=False)
                life.reads("why", why.to_json())
            for since, most in ((DAY, None), (DAY, 1), (MINUTE, None)):
                found = shadow_report(connection, world.now - since, most=most)
                life.reads("shadow", (found.to_json(), found.says, [one.net for one in found.ranked()]))

    told()
    life.head("what waits was meant over nets that are not in force any more")
    # Where nobody is of note a net may ask nothing.
    apart = SHADOW.replace('mode = "shadow"\n', "").replace("when = '", 'when = \'account.tier == "notable" and ')
    first, second = apart.strip().split("\n\n")
    put_nets(world, f"{before}\n{first}\n\n{second}\n")
    life.tries(propose, app, world.fresh("policy"), "nets", {"toml": f"{before}\n{first}", "name": "one"}, "fewer")
    put_nets(world, f"{before}\n{second}\n")
    for one in [one for one in world.enforcements() if one.state == "waiting"]:
        for who in ("lead", "lead2"):
            life.tries(world.approve, who, one)
    life.passes(2 * DAY, steps=8)
    life.reads("in force", [net.id for net in load(world.nets_toml(), "now").nets if net.id.startswith("suspensions")])
    life.head("all in shadow")
    with app.works.begin() as uow:
        write_setting(uow, "shadow", value=True, by="system")
    made = [life.does(world.enforce, "rev2", ref, "lock") for ref in ("small", "president")]
    told()
