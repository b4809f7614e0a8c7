"""A list of people from a file: it lowers at once, the rest waits, and nothing is done while a line is bad."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import Denied, InvalidInput, StepUpRequired
from gardefou.flow.staff_import import Done, import_staff
from gardefou.people import provisioned
from gardefou.people.directory import Entry
from gardefou.storage import tables
from gardefou.storage.records import get
from tests.flow.world import DAY


def run(world: Any, text: str, *, who: Any = None, dry_run: bool = False) -> list[Done]:
    return import_staff(world.app, who or world.fresh("admin"), text, dry_run=dry_run)


def of(world: Any, external_id: str) -> Staff:
    with world.app.works.read() as connection:
        staff_id = world.app.directory.by_external_id(connection, external_id)
        found = get(connection, Staff, ORGANISATION, staff_id)
    assert found is not None
    return found


def known(world: Any, staff_id: str, external_id: str) -> None:
    with world.app.works.begin() as uow:
        world.app.directory.put(uow.connection, Entry(staff_id=staff_id, name="N", external_id=external_id))


def test_r5_newcomers_come_without_roles_which_wait(world):
    text = "external_id,name,roles,team,last_day,zone\n1,Ada,lead reviewer,night,2026-12-31,Europe/Paris\n"
    (line,) = run(world, text)
    assert line == Done(line=2, at_once=("added",), waits=("role lead", "role reviewer"))
    person = of(world, "1")
    assert (person.roles, person.team) == ((), "night")
    assert person.last_day_end == datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    with world.app.works.read() as connection:
        entry = world.app.directory.get(connection, person.id)
    assert entry is not None
    assert entry.name == "Ada"
    (again,) = run(world, text)
    assert (again.at_once, len(again.waits)) == ((), 2), "the same waits once"
    assert len([one for one in world.enforcements() if one.state == "waiting"]) == 2


def test_r5_what_takes_power_is_at_once_and_what_gives_it_waits(world):
    known(world, "lead", "7")
    text = "external_id,roles,active,last_day,team\n"
    assert run(world, f"{text}7,reviewer,,2017-12-24,\n")[0] == Done(
        line=2, at_once=("without role lead", "last day 2017-12-24T23:59:00Z"), waits=("role reviewer",)
    )
    assert world.staff("lead").roles == ()
    assert run(world, f"{text}7,,,2017-12-31,elsewhere\n")[0].waits == (
        "last day 2017-12-31T23:59:00Z",
        "team elsewhere",
    )
    assert run(world, f"{text}7,,,none,\n")[0].waits == ("last day none",)
    assert run(world, f"{text}7,,no,,\n")[0].at_once == ("off duty",)
    assert world.staff("lead").standing == "suspended"
    assert run(world, f"{text}7,,yes,,\n")[0].waits == ("back on duty",)
    assert run(world, f"{text}7,,gone,,\n")[0].at_once == ("gone",)
    assert world.staff("lead").standing == "left"
    assert run(world, f"{text}7,,yes,,\n")[0].at_once == ("added",), "whoever comes back is somebody without powers"


def test_nothing_is_done_while_a_line_is_bad_and_each_is_named_with_its_column(world):
    text = (
        "external_id,roles,last_day,zone,active,issuer,subject,user_name\n"
        "1,reviewer,,,,,,a\n"
        "2,emperor,,,,,,\n"
        "3,,2026-13-01,,,,,\n"
        "4,,2026-12-01,Mars/Base,,,,\n"
        "5,,,,maybe,,,\n"
        "6,,,,,https://i,,\n"
        "1,,,,,,,A\n"
        ",,,,yes,,,\n"
        "8,x\n"
    )
    with pytest.raises(InvalidInput) as refused:
        run(world, text)
    assert refused.value.code == "staff_import/lines"
    places = [problem.partition(":")[0] for problem in refused.value.extra["problems"]]
    assert places == [
        "line 3, roles",
        "line 4, last_day",
        "line 5, zone",
        "line 6, active",
        "line 7, subject",
        "line 9, external_id",
        "line 10, columns",
        "line 8, external_id",
        "line 8, user_name",
    ]
    with world.app.works.read() as connection:
        assert world.app.directory.by_external_id(connection, "1") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "staff_import/columns"),
        ("name\nAda\n", "staff_import/columns"),
        ("external_id,rights\n1,all\n", "staff_import/columns"),
        ("external_id,external_id\n1,2\n", "staff_import/columns"),
        ("external_id\n\n", "staff_import/file"),
        ('external_id,name\n1,"a\n', "staff_import/lines"),
    ],
)
def test_a_file_that_is_none_is_refused(world, text, code):
    with pytest.raises(InvalidInput) as refused:
        run(world, text)
    assert refused.value.code == code


def test_what_cannot_be_carried_out_is_found_before_anything_is_done(world):
    known(world, "lead", "7")
    known(world, "rev", "8")
    with world.app.works.begin() as uow:
        provisioned.add(uow.connection, provisioned.Provisioned(id="x", client="okta", staff_id="rev"))
    text = "external_id,issuer,subject,active\n9,,,yes\n7,https://i,mallory,\n8,,,no\n"
    with pytest.raises(InvalidInput) as refused:
        run(world, text)
    assert [problem.partition(":")[0] for problem in refused.value.extra["problems"]] == [
        "line 3, subject",
        "line 4, external_id",
    ]
    with world.app.works.read() as connection:
        assert world.app.directory.by_external_id(connection, "9") is None
    assert world.staff("rev").standing == "active"
    assert world.staff("lead").pseudonym not in str(refused.value.extra)


def test_a_dry_run_says_the_same_and_changes_nothing(world):
    known(world, "lead", "7")
    text = "external_id,active,roles\n7,no,\n9,,lead\n"

    def counted() -> int:
        with world.app.works.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(tables.event)) or 0)

    before = counted()
    tried = run(world, text, dry_run=True)
    assert counted() == before
    assert world.staff("lead").standing == "active"
    assert run(world, text) == tried


def test_r4_it_is_done_by_whoever_may_look_after_people_freshly_signed_in(world):
    with pytest.raises(Denied):
        run(world, "external_id\n1\n", who=world.fresh("lead"))
    world.clock.advance(DAY)
    with pytest.raises(StepUpRequired):
        run(world, "external_id,roles\n1,lead\n2,\n", who=world.actor("admin"))
    with world.app.works.read() as connection:
        assert world.app.directory.by_external_id(connection, "2") is None
    assert run(world, "external_id\n2\n", who=world.actor("admin"))[0].at_once == ("added",)


def test_r5_whoever_acts_here_already_keeps_what_the_organisation_knows_them_by(world):
    with world.app.works.begin() as uow:
        for who in ("admin", "lead"):
            entry = Entry(staff_id=who, external_id=f"of-{who}", issuer="https://i", subject=who)
            world.app.directory.put(uow.connection, entry)
    # Swapped, the next file's "gone" for one of them would be the other's.
    for text in ("free,https://i,admin\n", "free,https://i,lead\n"):
        with pytest.raises(InvalidInput) as refused:
            run(world, f"external_id,issuer,subject\n{text}")
        assert "line 2, external_id" in refused.value.extra["problems"][0]
    run(world, "external_id,active\nof-admin,gone\n")
    assert (world.staff("admin").standing, world.staff("lead").standing) == ("left", "active")
