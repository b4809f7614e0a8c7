"""Two acts that cross: one halted half way, the other gone as far as it can. Neither hears of it, nor waits for ever.

On PostgreSQL each holds rows and keys by then; on SQLite one is alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from gardefou.errors import Denied, GardefouError
from gardefou.flow.approve import cancel
from gardefou.flow.break_glass import break_glass, ratify
from gardefou.flow.budget import top_up
from gardefou.flow.cases import next_case
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.leaked import revoke_leaked
from gardefou.flow.recertify import certify, note_grants
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import Given, take_given, take_many
from gardefou.flow.rollback import rollback
from gardefou.people.authenticate import give_signin_key, start_session
from gardefou.people.preferences import Preferences, prefer, preferences_of
from gardefou.storage import tables
from tests.flow.world import HOUR

_LONG = 30.0
#: So long the second one gets to come as far as it can.
_FAR = 0.4


class Halting:
    """Halts whoever comes to one place first, until the other has come as far as it can."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._reached, self._on = threading.Event(), threading.Event()

    def after(self, place: str, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        """Run ``first`` until ``place`` was called, then ``second``; return what each gave, or its error."""
        module, name = place.rsplit(".", 1)
        ask = getattr(__import__(module, fromlist=[name]), name)

        def halted(*args: Any, **more: Any) -> Any:
            given = ask(*args, **more)
            self.here()
            return given

        self._monkeypatch.setattr(place, halted)
        return self.at(first, second)

    def here(self) -> None:
        """Halt, the first time."""
        if not self._reached.is_set():
            self._reached.set()
            assert self._on.wait(_LONG)

    def at(self, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        """Run ``first`` until it calls `here`, then ``second``; return what each gave, or its error."""
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(_outcome, first)
            assert self._reached.wait(_LONG), one.result(_LONG)
            two = pool.submit(_outcome, second)
            wait([two], timeout=_FAR)
            self._on.set()
            return one.result(_LONG), two.result(_LONG)


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except GardefouError as error:
        return error


@pytest.fixture
def halting(monkeypatch: pytest.MonkeyPatch) -> Halting:
    return Halting(monkeypatch)


def report(ref: str) -> NewReport:
    return NewReport(
        platform="sandbox", kind="account", account=ref, content=None, reporter="u", category="spam", text=""
    )


def test_a_burst_goes_on_while_a_lead_tops_it_up(world, halting):
    lead, rev = world.fresh("lead"), world.fresh("rev")
    topped, placed = halting.after(
        "gardefou.flow.budget.standing_now",
        lambda: top_up(world.app, lead, "rev"),
        lambda: world.enforce(rev, "small", "limit"),
    )
    assert topped.staff_id == "rev"
    assert placed.state == "in_force"


def test_r14_whoever_ratifies_in_one_tab_restores_in_another(world, halting):
    broken = break_glass(world.app, world.fresh("oncall"), "sandbox", "known", "lock", "hacked")
    world.approve("lead", broken)
    world.settle()
    policy = world.fresh("policy")
    ratified, restored = halting.after(
        "gardefou.flow.break_glass.find_enforcement",
        lambda: ratify(world.app, policy, broken.id),
        lambda: world.restore(policy, "known"),
    )
    assert ratified.ratified_by == "policy"
    assert [one.state for one in restored.restores] == ["in_force"]
    assert world.measures("known") == frozenset()
    world.assert_sound()


def test_m9_nobody_stays_on_duty_for_a_report_that_comes_in_at_that_moment(world, halting):
    case = take_many(world.app, world.actor("rev"), [report("known")])[0].case
    wish = ActionWish(action="suspend")
    made = decide(world.app, world.fresh("rev"), case, policy="spam", rationale="Spam.", actions=[wish])
    assert made.enforcements[0].state == "waiting"
    put_off, taken = halting.after(
        "gardefou.flow.changes.staff.reopen",
        lambda: propose(world.app, world.fresh("admin"), "off", {"staff": "rev"}),
        lambda: take_many(world.app, world.actor("rev2"), [report("known")])[0],
    )
    assert put_off.state == "in_force"
    assert (taken.case == case) == world.store.is_sqlite
    with world.store.read() as connection:
        left = connection.execute(sa.select(tables.staff.c.standing).where(tables.staff.c.id == "rev")).scalar_one()
    assert left == "left"


@pytest.mark.parametrize("act", ["cancel", "no", "last yes"])
@pytest.mark.parametrize("lift", ["restore", "rollback"])
def test_m5_a_restore_is_not_refused_for_what_a_colleague_says_at_that_moment(world, halting, act, lift):
    waiting = world.enforce("rev", "known", "suspend")
    lead, oncall = world.fresh("lead"), world.fresh("oncall")
    acts = {
        "cancel": lambda: cancel(world.app, lead, waiting.id, "no"),
        "no": lambda: world.approve(lead, waiting, "no"),
        "last yes": lambda: world.approve(lead, waiting),
    }
    lifts = {
        "restore": ("gardefou.flow.restore.live_harms", lambda: world.restore(oncall, "known")),
        "rollback": (
            "gardefou.flow.restore_some.live_harms",
            lambda: rollback(world.app, oncall, by="rev", since=world.now - HOUR, until=world.now + HOUR),
        ),
    }
    place, call = lifts[lift]
    restored, answered = halting.after(place, call, acts[act])
    assert [one.state for one in restored.restores] == ["in_force"]
    assert answered.code == "enforcement/state"
    assert world.read(waiting).state == "cancelled"
    world.run(HOUR)
    assert world.measures("known") == frozenset()
    world.assert_sound()


def test_enforcement_goes_on_though_somebody_withdraws_what_was_held_back_at_that_moment(world, halting):
    held = world.enforce("rev", "small", "limit", execute_at=world.now + timedelta(minutes=1))
    pause(world.app, world.fresh("oncall"), "stop")
    world.run(timedelta(minutes=2))
    assert world.read(held).state == "ready"
    resume(world.app, world.fresh("oncall"), "go on")
    lead, rev2 = world.fresh("lead"), world.fresh("rev2")
    resumed, withdrawn = halting.after(
        "gardefou.flow.changes.pauses.Entry",
        lambda: resume(world.app, lead, "go on"),
        lambda: cancel(world.app, rev2, held.id, "no"),
    )
    assert resumed.state == "in_force"
    assert withdrawn.state == "cancelled"
    assert all(one.ended_at for one in world.pauses())
    world.assert_sound()


def test_two_leads_confirm_each_other(world, halting):
    lead, lead2 = world.fresh("lead"), world.fresh("lead2")
    one, other = halting.after(
        "gardefou.flow.recertify.find_staff",
        lambda: certify(world.app, lead, [("rev", "reviewer"), ("lead2", "lead")]),
        lambda: certify(world.app, lead2, [("lead", "lead"), ("rev", "reviewer")]),
    )
    assert [made.staff_id for made in one] == ["rev", "lead2"]
    assert [made.staff_id for made in other] == ["lead", "rev"]


def test_a_role_is_confirmed_while_it_is_noted(world, halting):
    lead = world.fresh("lead")
    confirmed, noted = halting.after(
        "gardefou.flow.recertify._new",
        lambda: certify(world.app, lead, [("rev", "reviewer")]),
        lambda: note_grants(world.app),
    )
    assert [made.confirmed_by for made in confirmed] == ["lead"]
    assert noted


def test_m9_taking_power_away_is_not_refused_for_a_token_that_ends_at_that_moment(world, halting):
    with world.app.works.begin() as uow:
        secret = give_signin_key(uow, "rev")
    admin = world.fresh("admin")
    _, off = halting.after(
        "gardefou.flow.leaked.alert",
        lambda: revoke_leaked(world.app, secret),
        lambda: propose(world.app, admin, "off", {"staff": "rev"}),
    )
    assert off.state == "in_force"


def sign_in(world, who: str, **more: Any) -> str:
    with world.app.works.begin() as uow:
        return start_session(uow, who, strong=True, **more)[0]


def open_sessions(world, who: str) -> int:
    s = tables.session.c
    with world.store.read() as connection:
        mine = sa.select(sa.func.count()).where(s.staff_id == who, s.revoked_at.is_(None))
        return connection.execute(mine).scalar_one()


def test_m9_whoever_signs_in_again_while_they_are_put_off_is_out(world, halting):
    before = sign_in(world, "rev")
    admin = world.fresh("admin")
    _, off = halting.after(
        "gardefou.people.authenticate.end_session",
        lambda: sign_in(world, "rev", instead_of=before),
        lambda: propose(world.app, admin, "off", {"staff": "rev"}),
    )
    assert off.state == "in_force"
    assert open_sessions(world, "rev") == 0


@pytest.mark.parametrize("what", ["session", "key"])
def test_m9_no_session_and_no_key_outlives_being_taken_off_duty_at_that_moment(world, halting, what):
    def give_key() -> None:
        with world.app.works.begin() as uow:
            give_signin_key(uow, "rev")

    admin = world.fresh("admin")
    off, entered = halting.after(
        "gardefou.flow.changes.suspend.strip",
        lambda: propose(world.app, admin, "suspend", {"staff": "rev"}),
        give_key if what == "key" else lambda: sign_in(world, "rev"),
    )
    assert off.state == "in_force"
    assert isinstance(entered, Denied)
    assert open_sessions(world, "rev") == 0


def test_the_first_two_sign_ins_of_somebody_are_one_after_the_other(world, halting):
    with world.app.works.begin() as uow:
        uow.connection.execute(tables.presence.delete().where(tables.presence.c.staff_id == "rev"))
    both = halting.after(
        "gardefou.people.authenticate.note_strong", partial(sign_in, world, "rev"), partial(sign_in, world, "rev")
    )
    assert len(set(both)) == 2
    assert open_sessions(world, "rev") == 2


def test_what_somebody_chooses_for_the_first_time_in_two_tabs_is_kept(world, halting):
    def choose(theme: str, *, halt: bool = False) -> None:
        with world.app.works.begin() as uow:
            prefer(uow.connection, "rev", Preferences(theme=theme))
            if halt:
                halting.here()

    halting.at(lambda: choose("dark", halt=True), lambda: choose("light"))
    with world.store.read() as connection:
        assert preferences_of(connection, "rev").theme == "light"


def test_the_only_case_is_found_while_it_is_reported_once_more(world, halting):
    reporter = world.actor("rev2")
    case = take_many(world.app, reporter, [report("small")])[0].case
    rev = world.fresh("rev")
    _, found = halting.at(
        lambda: take_given(world.app, [Given(reporter, report("small"))], within=lambda _uow: halting.here()),
        lambda: next_case(world.app, rev),
    )
    assert found is not None
    assert (found.id, found.claimed_by, found.reports) == (case, "rev", 2)


def test_two_who_ask_for_the_only_case_at_one_moment_get_it_once(world, halting):
    take_many(world.app, world.actor("rev2"), [report("small")])
    rev, rev2 = world.fresh("rev"), world.fresh("rev2")
    one, other = halting.after(
        "gardefou.flow.cases._claim", lambda: next_case(world.app, rev), lambda: next_case(world.app, rev2)
    )
    assert one.claimed_by == "rev"
    assert other is None
