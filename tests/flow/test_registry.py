"""Importing the registry: tried first, all or nothing, raising at once, lowering by people, and the same again is nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from gardefou.domain.records import Account
from gardefou.errors import Denied, InvalidInput, StepUpRequired
from gardefou.flow.registry import criteria
from gardefou.flow.registry_import import import_registry, plan_import
from gardefou.flow.rules import Rules
from gardefou.storage import tables
from tests.flow.world import HOUR, World

HEADER = "platform,ref,tier,because,until\n"
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def events(world: World) -> int:
    with world.store.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.event)).scalar_one()


def outcomes(world: World, text: str) -> list[tuple[int, str]]:
    return [(line.number, line.outcome) for line in plan_import(world.app, world.fresh("lead"), text).lines]


def test_trying_a_list_says_what_each_line_would_do_and_changes_nothing(world: World):
    import_registry(
        world.app, world.fresh("lead"), HEADER + "sandbox,small,notable,a paper,\nsandbox,small2,notable,,\n"
    )
    before = events(world)
    text = HEADER + (
        "sandbox,small,protected,a paper,\n"
        "\n"
        "sandbox,small2,standard,over,\n"
        "sandbox,known,protected,head of state,2099-01-01\n"
        "sandbox,other,standard,,\n"
        "sandbox,other2,holy,,\n"
        "nowhere,1,notable,,\n"
        "sandbox,known,notable,twice,\n"
        "sandbox,past,notable,,2001-01-01\n"
        "sandbox,short\n"
    )
    assert outcomes(world, text) == [
        (2, "raised"),
        (4, "lowered"),
        (5, "new"),
        (6, "unchanged"),
        (7, "refused"),
        (8, "refused"),
        (9, "refused"),
        (10, "refused"),
        (11, "refused"),
    ]
    assert events(world) == before


def test_one_bad_line_and_nothing_is_imported(world: World):
    before = events(world)
    with pytest.raises(InvalidInput, match="line 3: tier is") as raised:
        import_registry(world.app, world.fresh("lead"), HEADER + "sandbox,small,notable,,\nsandbox,small2,holy,,\n")
    assert raised.value.code == "registry/lines"
    assert events(world) == before


def test_what_raises_is_at_once_what_lowers_waits_and_the_same_again_changes_nothing(world: World):
    first = HEADER + "sandbox,small,notable,a paper,\nsandbox,known,protected,,2099-01-01\n"
    imported = import_registry(world.app, world.fresh("lead"), first)
    assert [one.change.state for one in imported.done if one.change] == ["in_force", "in_force"]
    second = HEADER + "sandbox,small,standard,over,\nsandbox,known,protected,,2098-01-01\n"
    lowered = import_registry(world.app, world.fresh("lead"), second)
    assert [one.change.state for one in lowered.done if one.change] == ["waiting", "waiting"]
    before = events(world)
    again = import_registry(world.app, world.fresh("lead"), second)
    assert (again.done, again.plan.counts) == ((), {"asked": 2})
    assert import_registry(world.app, world.fresh("lead"), first).done == ()
    assert events(world) == before
    with world.store.read() as connection:
        tier = connection.execute(
            sa.select(tables.account.c.explicit_tier).where(tables.account.c.ref == "small")
        ).scalar_one()
    assert tier == "notable"


def test_a_sign_in_grown_old_is_asked_for_before_the_first_line(world: World):
    import_registry(world.app, world.fresh("lead"), HEADER + "sandbox,small,notable,,\n")
    lead = world.fresh("lead")
    stale = replace(lead, strong_at=world.now - 2 * HOUR)
    before = events(world)
    with pytest.raises(StepUpRequired):
        import_registry(world.app, stale, HEADER + "sandbox,known,protected,,\nsandbox,small,standard,over,\n")
    assert events(world) == before


def test_whoever_may_not_change_tiers_may_not_even_try(world: World):
    with pytest.raises(Denied):
        plan_import(world.app, world.fresh("rev"), HEADER + "sandbox,small,notable,,\n")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "registry/columns"),
        ("platform,ref\nsandbox,1\n", "registry/columns"),
        ("platform,ref,tier,tier\n", "registry/columns"),
        (HEADER, "registry/file"),
    ],
)
def test_a_list_that_is_none_is_refused(world: World, text: str, code: str):
    with pytest.raises(InvalidInput) as raised:
        plan_import(world.app, world.fresh("lead"), text)
    assert raised.value.code == code


def test_lists_as_spreadsheets_write_them_are_read(world: World):
    text = '\ufeffTier,Ref,Platform,Until,Because\r\nnotable,small,sandbox,365d,"a ""paper"", local"\r\n'
    (line,) = plan_import(world.app, world.fresh("lead"), text).lines
    assert (line.outcome, line.account, line.because) == ("new", "small", 'a "paper", local')
    broken = HEADER + 'sandbox,small,notable,"no end,\n'
    assert outcomes(world, broken)[-1][1] == "refused"


def test_why_an_account_is_watched_is_said_by_label_reach_registry_and_memory():
    account = Account(
        platform="p",
        ref="1",
        labels=("head_of_state", "nothing"),
        reach=200_000,
        verified_org=True,
        tier="protected",
        explicit_tier="notable",
    )
    found = {(one.kind, one.tier) for one in criteria(account, Rules(), NOW)}
    assert found == {
        ("label", "protected"),
        ("reach", "notable"),
        ("verified", "notable"),
        ("registry", "notable"),
    }
    fallen = Account(platform="p", ref="1", memory_tier="protected", memory_until=NOW + HOUR)
    assert [one.kind for one in criteria(fallen, Rules(), NOW)] == ["memory"]
    assert criteria(fallen, Rules(), NOW + 2 * HOUR) == ()
