"""Codes, names of events and exact bounds of the flow, which the stories of the other tests pass by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from gardefou.domain.actions import Action
from gardefou.errors import Conflict, InvalidInput, NotFound, Unavailable
from gardefou.flow.approve import cancel
from gardefou.flow.change import propose
from gardefou.flow.execute import advance
from gardefou.flow.incidents import alert
from gardefou.flow.report_input import parse_report
from gardefou.flow.spec import Wanted, check
from gardefou.ledger.note import Signer
from gardefou.platforms.protocol import PlatformRefused
from gardefou.storage import tables
from tests.flow.world import DAY, HOUR
from tests.refusals import refused


def told(event: Any) -> dict[str, Any]:
    """Return what an event has to say besides."""
    return orjson.loads(event.body)["detail"]


def test_what_has_ended_is_not_cancelled_and_says_its_state(world):
    made = world.enforce("rev", "president", "suspend")
    cancel(world.app, world.actor("oncall"), made.id, "wait")
    with refused("enforcement/state", None, by=Conflict) as caught:
        cancel(world.app, world.actor("oncall"), made.id, "again")
    assert caught.value.extra == {"state": "cancelled"}


def test_nothing_is_restored_of_whom_nothing_is_known_and_nothing_can_be_read(world):
    world.sandbox.switch(down=True)
    with refused("account/not_found", "account", by=NotFound):
        world.restore("lead", "nobody")


def test_a_store_without_nets_says_what_to_run(database_url):
    from random import Random

    from gardefou.bootstrap import Parts, make_app
    from gardefou.clock import SimulatedClock
    from gardefou.storage.engine import open_store
    from tests.flow.world import START

    store = open_store(database_url)
    seeded = Random(1)
    parts = Parts(SimulatedClock(START), seeded, seeded.randbytes, lambda _: None)
    app = make_app(store, parts, signer=Signer.generate("gardefou-test", seeded.randbytes))
    with store.read() as connection, refused("store/uninitialised", None, by=Unavailable) as caught:
        app.config(connection)
    assert "gardefou init" in caught.value.message
    store.close()


def test_an_action_that_a_platform_lacks_or_nobody_has_is_the_field_that_is_refused(world):
    description = world.app.connector("sandbox").describe()
    with world.store.read() as connection:
        rules = world.app.config(connection).rules
    able = {action: one for action, one in description.capabilities.items() if action is not Action.LOCK}
    with refused("enforcement/action", "action") as caught:
        check(world.wanted("small", "lock"), replace(description, capabilities=able), rules, world.now)
    assert caught.value.message.startswith("sandbox cannot lock; it can ")
    with refused("enforcement/action", "action"):
        check(world.wanted("small", "vanish"), description, rules, world.now)
    with refused("enforcement/content", "content"):
        check(world.wanted("small", "suspend", content=("c1",)), description, rules, world.now)
    assert check(world.wanted("small", "label", content=("c1",)), description, rules, world.now).action is Action.LABEL
    for account in ("", "x" * 513):
        with refused("enforcement/account", "account"):
            check(
                Wanted(platform="sandbox", account=account, action="warn", policy="spam"), description, rules, world.now
            )
    assert check(world.wanted("x" * 512, "warn"), description, rules, world.now).wanted.account == "x" * 512


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (2**63 - 1, True),
        (2**63, False),
        (-(2**63), True),
        (-(2**63) - 1, False),
        (1.5, True),
        (float("inf"), False),
        (float("nan"), False),
        (None, True),
        (True, True),
        ({"a": [1, "b", (2,)]}, True),
        ({1: "a"}, False),
        (b"a", False),
    ],
)
def test_r17_evidence_is_json_and_nothing_else(value, good):
    given = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": "1"},
        "reporter": "r",
        "category": "spam",
        "evidence": [{"x": value}],
    }
    if good:
        assert parse_report(given).evidence == ({"x": value},)
    else:
        with refused("report/evidence", "evidence.0"):
            parse_report(given)


@pytest.mark.parametrize(("deep", "good"), [(14, True), (15, True), (16, False), (17, False)])
def test_r17_evidence_is_so_deep_at_most(deep, good):
    value: Any = "x"
    for place in range(deep):
        value = [value] if place % 2 else {"x": value}
    given = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": "1"},
        "reporter": "r",
        "category": "spam",
        "evidence": [{"x": value}],
    }
    if good:
        parse_report(given)
    else:
        with refused("report/evidence", "evidence.0"):
            parse_report(given)


@pytest.mark.parametrize(("reach", "noted"), [(1_050, 1_000), (1_051, 1_051), (950, 1_000), (949, 949)])
def test_a_reach_that_hardly_differs_is_the_one_that_was_noted(world, reach, noted):
    world.sandbox.put_account("some", handle="some", reach=1_000)
    world.enforce("rev", "some", "warn")
    world.sandbox.put_account("some", handle="some", reach=reach)
    world.enforce("rev2", "some", "limit")
    assert world.account("some").reach == noted


@pytest.mark.parametrize(("before", "after"), [(99_000, 100_000), (100_000, 99_999), (4_990_000, 5_000_000)])
def test_a_reach_that_crosses_into_another_tier_is_noted_however_little_it_differs(world, before, after):
    world.sandbox.put_account("some", handle="some", reach=before)
    world.enforce("rev", "some", "warn")
    world.sandbox.put_account("some", handle="some", reach=after)
    world.enforce("rev2", "some", "warn")
    assert world.account("some").reach == after


def test_what_is_known_of_an_account_follows_what_is_read(world):
    world.sandbox.put_account("some", handle="some", reach=10, labels=["b", "a"])
    world.enforce("rev", "some", "warn")
    assert (world.account("some").handle, world.account("some").labels) == ("some", ("a", "b"))
    world.sandbox.put_account("some", handle="other", reach=10, labels=["c"])
    world.enforce("rev2", "some", "limit")
    found = world.account("some")
    assert (found.handle, found.labels) == ("other", ("c",))


def test_an_alert_says_to_whom_it_goes_and_of_many_accounts_how_many(world):
    with world.app.works.begin() as uow:
        for count in (1, 3, 4):
            accounts = tuple(f"a{number}" for number in range(count))
            alert(
                uow,
                kind="drift",
                says="Said.",
                platform="sandbox",
                about=f"it-{count}",
                accounts=accounts,
                to=("lead",),
            )
    for count in (1, 3, 4):
        [event] = world.events("alert.raised", about=f"it-{count}")
        assert told(event)["to"] == ["lead"]
        assert (told(event)["says"], told(event)["kind"], len(told(event)["accounts"])) == ("Said.", "drift", count)
        assert event.account == ("a0" if count == 1 else "")
    with world.store.read() as connection:
        rows = connection.execute(tables.notice.select().order_by(tables.notice.c.id)).all()
    notices = {row.about: row for row in rows if row.about.startswith("it-")}
    assert {about: len(row.accounts) for about, row in notices.items()} == {"it-1": 1, "it-3": 3, "it-4": 3}
    assert [row.facts.get("accounts") for row in notices.values()] == [None, None, 4]


def test_a_restore_that_the_platform_refuses_says_why_it_is_in_force_again(world):
    made = world.enforce("rev", "small", "suspend")

    def refuse(_operation):
        msg = "no"
        raise PlatformRefused(msg)

    world.wire.before = refuse
    world.restore("lead", "small")
    assert world.read(made).state == "in_force"
    event = world.events("enforcement.in_force", about=made.id)[-1]
    assert told(event)["because"] == "the platform refused the restore"


def test_what_is_refused_is_an_event_of_its_own(world):
    world.person("gone", "reviewer", last_day=world.now + 12 * HOUR)
    made = world.enforce("gone", "president", "suspend")
    assert made.state == "refused"
    assert [event.about for event in world.events("enforcement.refused")] == [made.id]


def test_the_state_before_is_on_the_receipt_of_what_waited_for_its_checkpoint(world):
    world.enforce("rev", "known", "limit")
    world.settle()
    made = world.enforce("rev", "known", "suspend")
    world.approve("lead", made)
    world.app.sequencer.integrate_all()
    done = advance(world.app, made.id)
    assert done.state == "in_force"
    assert done.receipt["before"] == ["limited"]
    assert "sent_at" in done.receipt


def test_a_guarded_change_is_judged_as_what_it_weakens(world):
    weak = propose(
        world.app, world.fresh("lead"), "tier", {"platform": "sandbox", "account": "small", "tier": "protected"}
    )
    assert (weak.team, weak.tier, (weak.change or {})["kind"], (weak.change or {})["weakens"]) == (
        "team-lead",
        "standard",
        "tier",
        False,
    )
    strong = propose(
        world.app, world.fresh("lead"), "tier", {"platform": "sandbox", "account": "small", "tier": "standard"}
    )
    assert (strong.team, strong.tier, (strong.change or {})["weakens"]) == ("team-lead", "protected", True)
    assert (strong.account, strong.action, strong.severity, strong.reversibility) == ("", "change", 0, "exact")


def test_the_same_asked_for_again_is_told_from_what_only_looks_alike(world):
    """Of several on one account, the one that is the same is found, wherever it stands."""
    world.enforce("rev", "small", "limit", until=world.now + HOUR)
    made = world.enforce("rev", "small", "limit", until=world.now + DAY)
    again = world.enforce("rev", "small", "limit", until=world.now + DAY)
    assert again.id == made.id
    with pytest.raises(InvalidInput):
        world.enforce("rev", "small", "limit", until=world.now - timedelta(seconds=1))
