"""The enforcement's whole life as a state machine: any sequence of acts, failures and kills, and what must hold.

A longer search: ``GARDEFOU_SEARCH=300 pytest tests/flow/test_state_machine.py``
(so many examples on each database, of 60 steps).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gardefou.domain.accounts import severity_of
from gardefou.errors import GardefouError
from gardefou.flow.approve import cancel
from gardefou.flow.break_glass import break_glass, ratify
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.execute import advance
from gardefou.flow.rollback import rollback
from gardefou.flow.watch import watch
from gardefou.people.actor import Actor
from gardefou.platforms.protocol import PlatformRefused
from gardefou.storage import tables
from tests.flow.world import DAY, HOUR, MINUTE, Killed, World

SEARCH = int(os.environ.get("GARDEFOU_SEARCH", "0"))
ACCOUNTS = ("small", "known", "president")
PEOPLE = ("rev", "rev2", "lead", "lead2", "policy", "oncall")
ACTIONS = ("warn", "label", "limit", "lock", "suspend", "deactivate", "delete", "remove_content")
MEASURES = ("limited", "suspended", "deactivated")
OPEN = {"placed", "waiting", "ready", "executing", "unknown", "restoring"}

people = st.sampled_from(PEOPLE)
accounts = st.sampled_from(ACCOUNTS)


class Life(RuleBasedStateMachine):
    """Everything that people, the clock, the platform and bad luck can do to enforcements."""

    #: One maker; in a tuple, as a function in a class would be a method.
    make_world: tuple[Callable[[], World], ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make_world[0]()
        self.world.people()
        self.world.accounts()
        self.lagging = False
        self.down = False

    @initialize()
    def begin(self) -> None:
        self.world.settle()

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            self.world.close()

    # --- helpers ------------------------------------------------------------------------

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Refusals are answers; being killed means going on with another node."""
        try:
            yield
        except GardefouError:
            pass
        except Killed:
            self.world = self.world.restarted()

    def actor(self, name: str) -> Actor:
        return self.world.fresh(name)

    def pick(self, states: set[str], number: int) -> str | None:
        found = [one.id for one in self.world.enforcements() if one.state in states]
        return found[number % len(found)] if found else None

    # --- acts ---------------------------------------------------------------------------

    @rule(
        who=people,
        account=accounts,
        action=st.sampled_from(ACTIONS),
        later=st.sampled_from((None, None, None, 5, 90, 2000)),
        ends=st.sampled_from((None, None, 30, 600)),
        legal=st.sampled_from((None, None, None, None, "court_order")),
    )
    def place(self, who, account, action, later, ends, legal):
        world = self.world
        more = {}
        if action == "remove_content":
            if account == "known":
                return
            more["content"] = ("c1", "c2") if account == "small" else ("p1",)
        start = world.now
        if later is not None:
            start = more["execute_at"] = world.now + later * MINUTE
        if ends is not None and action not in ("warn", "delete") and legal is None:
            more["until"] = start + ends * MINUTE
        if legal is not None:
            more["legal_basis"] = legal
        with self.trying():
            world.enforce(self.actor(who), account, action, **more)

    @rule(who=people, number=st.integers(0, 30), answer=st.sampled_from(("yes", "yes", "yes", "no")))
    def answer(self, who, number, answer):
        found = self.pick({"waiting"}, number)
        if found is not None:
            with self.trying():
                self.world.approve(self.actor(who), self.world.read(found), answer)

    @rule(first=people, second=people, number=st.integers(0, 30))
    def answer_twice(self, first, second, number):
        found = self.pick({"waiting"}, number)
        for who in (first, second):
            if found is not None:
                with self.trying():
                    self.world.approve(self.actor(who), self.world.read(found))

    @rule(who=people, number=st.integers(0, 30))
    def cancel(self, who, number):
        found = self.pick({"waiting", "ready"}, number)
        if found is not None:
            with self.trying():
                cancel(self.world.app, self.actor(who), found, "not this one")

    @rule(who=people, account=accounts)
    def restore(self, who, account):
        with self.trying():
            self.world.restore(self.actor(who), account)

    @rule(who=people, of=people, hours=st.sampled_from((1, 20, 60)))
    def rollback(self, who, of, hours):
        with self.trying():
            rollback(self.world.app, self.actor(who), by=of, since=self.world.now - hours * HOUR)

    @rule(who=people, account=accounts, action=st.sampled_from(("lock", "suspend")))
    def break_glass(self, who, account, action):
        with self.trying():
            break_glass(self.world.app, self.actor(who), "sandbox", account, action, "hacked")

    @rule(who=people, number=st.integers(0, 9))
    def ratify(self, who, number):
        found = self.pick({"in_force"}, number)
        if found is not None:
            with self.trying():
                ratify(self.world.app, self.actor(who), found)

    @rule(who=people)
    def pause(self, who):
        with self.trying():
            pause(self.world.app, self.actor(who), "look first")

    @rule(first=people, second=people)
    def resume(self, first, second):
        for who in (first, second):
            with self.trying():
                resume(self.world.app, self.actor(who), "looked")

    @rule(account=accounts, tier=st.sampled_from(("standard", "notable", "protected")), who=people)
    def tier(self, account, tier, who):
        with self.trying():
            propose(
                self.world.app,
                self.actor(who),
                "tier",
                {"platform": "sandbox", "account": account, "tier": tier},
            )

    @rule(who=st.sampled_from(("rev2", "lead2")))
    def off(self, who):
        with self.trying():
            propose(self.world.app, self.actor("admin"), "off", {"staff": who})

    # --- the platform, the machines, time -------------------------------------------------

    @rule(drops=st.booleans())
    def platform_down(self, drops):
        self.down = True
        self.world.sandbox.switch(down=not drops, drops_answers=drops)

    @rule()
    @precondition(lambda self: self.down)
    def platform_up(self):
        self.down = False
        self.world.up()

    @rule(account=accounts, measures=st.sets(st.sampled_from(MEASURES), max_size=2))
    def behind_our_back(self, account, measures):
        self.world.sandbox.set_measures_out_of_band(account, measures)

    @rule(when=st.sampled_from(("before", "after")))
    def kill_at_next_call(self, when):
        self.world.wire.kill(when)

    @rule(when=st.sampled_from(("before", "after")))
    def platform_refuses_the_next_call(self, when):
        """It says no, and means it or has done it all the same."""

        def refuse(_operation):
            raise PlatformRefused("no")

        setattr(self.world.wire, when, refuse)

    @rule(number=st.integers(0, 30), who=people, account=accounts)
    def restore_while_it_is_sent(self, number, who, account):
        """Somebody restores in the very moment in which the platform is being asked."""

        def meanwhile(_operation):
            with self.trying():
                self.world.restore(self.actor(who), account)

        setattr(self.world.wire, "before" if number % 2 else "after", meanwhile)

    @rule()
    def sequencer_lags(self):
        self.lagging = not self.lagging

    @rule(minutes=st.sampled_from((0, 1, 2, 11, 31, 45, 180, 1500, 4400)))
    def time_passes(self, minutes):
        goal = self.world.now + minutes * MINUTE
        while True:
            try:
                if self.lagging:
                    self.world.settle(integrate=False)
                    self.world.clock.advance_to(goal)
                    self.world.settle(integrate=False)
                else:
                    self.world.run_until(goal)
            except Killed:
                self.world = self.world.restarted()
            else:
                return

    @rule()
    def watch(self):
        with self.trying():
            watch(self.world.app)

    @rule(number=st.integers(0, 30))
    def advance_any(self, number):
        found = self.pick(OPEN | {"in_force"}, number)
        if found is not None:
            with self.trying():
                advance(self.world.app, found)

    # --- what holds after every step -----------------------------------------------------

    @invariant()
    def each_enforcement_has_at_most_one_effect(self):
        for account in ACCOUNTS:
            keys = [effect.key for effect in self.world.effects(account)]
            assert len(keys) == len(set(keys))

    @invariant()
    def r1_nothing_that_lifts_adds(self):
        for account in ACCOUNTS:
            for effect in self.world.effects(account):
                if effect.verb == "undo":
                    assert effect.after <= effect.before, effect

    @invariant()
    def i11_every_rise_is_one_executed_enforcement_that_says_so(self):
        known = {one.id: one for one in self.world.enforcements()}
        for account in ACCOUNTS:
            for effect in self.world.effects(account):
                if effect.verb == "apply":
                    made = known[effect.key]
                    assert made.severity > 0
                    assert made.placed_by != "system"
                    assert effect.after - effect.before <= set(made.measures)

    @invariant()
    def i10_who_agreed(self):
        """Each grave effect on a more than standard account had the people its verdict asked, and its hold."""
        known = {one.id: one for one in self.world.enforcements()}
        for account in ("known", "president"):
            for effect in self.world.effects(account):
                if effect.verb == "undo":
                    continue
                made = known[effect.key]
                yes = [
                    one
                    for one in self.world.approvals(made)
                    if one.answer == "yes" and one.at <= effect.at and one.digest == made.digest
                ]
                others = {one.by for one in yes} - set(made.humans)
                needed = sum(one["approvals"] for one in made.verdict["approvals"])
                assert len(others) >= needed, (made, others)
                if made.via != "break_glass":
                    floor = 2 if account == "president" and made.severity >= 3 else 0
                    floor = max(floor, 1 if made.severity >= 3 else 0)
                    floor = max(floor, 1 if account == "president" and made.action in ("limit", "lock") else 0)
                    assert len(others) >= floor, (made, others)
                    teams = [self.world.staff(who).team for who in {*others, made.placed_by}]
                    assert len(teams) == len(set(teams))
                    if made.severity >= 3 and account == "president":
                        last = max(one.at for one in yes)
                        assert effect.at - last >= timedelta(minutes=10)
                else:
                    assert others
                hold = timedelta(seconds=made.verdict["hold_seconds"])
                since = max((one.at for one in yes), default=made.placed_at)
                assert effect.at - since >= hold

    @invariant()
    def i14_no_effect_before_its_event(self):
        events: dict[tuple[str, str], Any] = {}
        for row in self.world.events():
            events.setdefault((row.about, row.kind), row)
        with self.world.store.read() as connection:
            leaves = {row.event_id for row in connection.execute(tables.leaf.select())}
        for account in ACCOUNTS:
            for effect in self.world.effects(account):
                of = effect.key.split("/")[0]
                event = events[of, "enforcement.executing"]
                assert event.at <= effect.at
                if effect.verb == "apply" and account != "small":
                    assert events[of, "enforcement.intended"].id in leaves

    @invariant()
    def a_restored_measure_is_gone_or_somebody_elses(self):
        """What stands by no enforcement of ours came from behind our back."""
        for one in self.world.enforcements():
            if one.state in ("refused", "cancelled", "placed", "waiting"):
                applied = [effect for effect in self.world.effects(one.account) if effect.key == one.id]
                assert not applied, one

    # --- the end --------------------------------------------------------------------------

    def end(self) -> None:
        world = self.world
        world.wire.clear()
        world.up()
        self.lagging = False
        for _ in range(20):
            for who in ("lead", "policy"):
                with self.trying():
                    resume(world.app, world.fresh(who), "the end")
            world.run(HOUR)
            if all(one.state not in {"ready", "executing", "unknown", "restoring"} for one in world.enforcements()):
                break
            world.run(8 * DAY)
        left = [one for one in world.enforcements() if one.state in {"ready", "executing", "unknown", "restoring"}]
        assert left == []
        self.nothing_of_ours_stands_unowned()
        world.assert_sound()

    def nothing_of_ours_stands_unowned(self) -> None:
        """Each measure that stands is claimed by an enforcement in force, or was put there behind our back."""
        for account in ACCOUNTS:
            standing = self.world.measures(account, ("c1", "c2") if account == "small" else ())
            claimed = {
                measure
                for one in self.world.enforcements(account=account)
                if one.state == "in_force" and one.severity > 0
                for measure in one.measures
            }
            with self.world.store.read() as connection:
                rows = connection.exec_driver_sql(
                    "SELECT verb, measures_before, measures_after FROM sandbox_effect"
                    f" WHERE account = '{account}' ORDER BY revision"
                ).all()
            behind: set[str] = set()
            for row in rows:
                if row.verb == "out_of_band":
                    behind |= set(_list(row.measures_after))
            assert standing - claimed - behind == set(), (account, standing, claimed, behind)
            assert severity_of(frozenset(standing - behind)) <= severity_of(frozenset(claimed))


def _list(text):
    import json

    return json.loads(text)


def run(make_world: Callable[[], World], *, examples: int, steps: int) -> None:
    machine = type("Life", (Life,), {"make_world": (make_world,)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=SEARCH or examples,
            stateful_step_count=60 if SEARCH else steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            print_blob=False,
            derandomize=not SEARCH,
        ),
    )


def test_the_whole_life_on_sqlite():
    run(lambda: World("sqlite://"), examples=18, steps=30)


def test_the_whole_life_on_postgresql(databases):
    kept = []

    def make() -> World:
        lent = databases.fresh("postgresql")
        world = World(lent.__enter__())
        kept.append((world, lent))
        return world

    try:
        run(make, examples=8, steps=20)
    finally:
        for world, lent in kept:
            world.close()
            lent.__exit__(None, None, None)


@pytest.mark.parametrize("when", ["before", "after"])
def test_one_kill_is_survived(world, when):
    """The shortest way through: killed around the effect, another node ends it."""
    world.wire.kill(when)
    with pytest.raises(Killed):
        world.enforce("rev", "small", "suspend")
    after = world.restarted()
    after.run(HOUR)
    [made] = after.enforcements()
    assert made.state == "in_force"
    assert len(after.effects("small")) == 1
    after.assert_sound()
