"""What a restore would do is said beforehand by the rules that the restore obeys, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from gardefou.domain.actions import Action, Reversibility
from gardefou.flow.restore_preview import Foreseen, foresee_restore
from gardefou.flow.watch import watch
from gardefou.storage import tables
from tests.flow.world import DAY, HOUR, World


def foresee(world: World, who: str, ref: str, **changed: dict[str, Any]) -> Foreseen:
    capabilities = dict(world.app.connector("sandbox").describe().capabilities)
    for action, change in changed.items():
        capabilities[Action(action)] = replace(capabilities[Action(action)], **change)
    with world.store.read() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(tables.event)).scalar()
        found = foresee_restore(
            connection,
            world.app.config(connection),
            world.actor(who),
            "sandbox",
            ref,
            capabilities,
            now=world.now,
        )
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.event)).scalar() == before
    return found


def test_what_is_in_force_is_lifted_and_what_waits_withdrawn_as_foreseen(world):
    limited = world.enforce("rev", "small", "limit")
    scheduled = world.enforce("rev2", "small", "suspend", execute_at=world.now + HOUR)
    seen = foresee(world, "lead", "small")
    assert [one.id for one in seen.lifted] == [limited.id]
    assert [one.id for one in seen.withdrawn] == [scheduled.id]
    assert seen.anything
    world.restore("lead", "small")
    assert world.read(limited).state == "restored"
    assert world.read(scheduled).state == "cancelled"
    assert not foresee(world, "lead", "small").anything


def test_losses_and_what_has_no_way_back_are_said_as_the_platform_declares_them(world):
    limited = world.enforce("rev", "small", "limit")
    suspended = world.enforce("rev", "small", "suspend")
    seen = foresee(
        world,
        "lead",
        "small",
        limit={"reversibility": Reversibility.LOSSY, "losses": ("its place in lists",)},
        suspend={"reversibility": Reversibility.NONE},
    )
    assert seen.losses[limited.id] == ("its place in lists",)
    assert [one.id for one in seen.for_ever] == [suspended.id]
    assert [one.id for one in seen.lifted] == [limited.id]


def test_m11_what_the_law_demands_stays(world):
    demanded = world.enforce("legal", "small", "limit", legal_basis="authority_order")
    suspended = world.enforce("rev", "small", "suspend")
    seen = foresee(world, "lead", "small")
    assert [one.id for one in seen.barred] == [demanded.id]
    assert [one.id for one in seen.lifted] == [suspended.id]
    assert set(world.restore("lead", "small").barred) == {one.id for one in seen.barred}


def test_r12_what_stood_for_long_and_more_than_the_hours_number_ask_another(world):
    old = world.enforce("rev", "small", "limit")
    assert not foresee(world, "lead", "small").asks_another
    world.run(31 * DAY)
    alone = foresee(world, "lead", "small")
    assert [one.id for one in alone.old] == [old.id]
    world.sign_in("rev", "lead")
    new = world.enforce("rev", "small", "suspend")
    both = foresee(world, "lead", "small")
    assert [one.id for one in both.lifted] == [new.id]
    assert [one.id for one in both.old] == [old.id]
    done = world.restore("lead", "small")
    assert [one.state for one in done.restores] == ["in_force", "waiting"]


def test_m5_what_changed_behind_our_back_is_foreseen(world):
    world.enforce("rev", "president", "warn")
    world.settle()
    world.sandbox.set_measures_out_of_band("president", ["suspended"])
    watch(world.app)
    seen = foresee(world, "oncall", "president")
    assert seen.drift == ("suspended",)
    assert seen.anything
    world.restore("oncall", "president")
    assert world.measures("president") == frozenset()
    assert foresee(world, "oncall", "president").drift == ()
    world.sandbox.set_measures_out_of_band("president", ["deleted", "suspended"])
    watch(world.app)
    seen = foresee(world, "oncall", "president")
    assert (seen.drift, seen.drift_for_ever) == (("suspended",), ("deleted",))


def test_of_an_account_that_nobody_knows_nothing_is_foreseen(world):
    seen = foresee(world, "oncall", "no-such")
    assert seen.account is None
    assert not seen.anything
