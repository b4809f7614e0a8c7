"""Names for those allowed: revealing, reading, searching, erasing; each on the record, and no name in it (R19)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from gardefou.errors import Conflict, Denied, InvalidInput, NotFound
from gardefou.flow.change import propose
from gardefou.flow.changes.erasing import erase_strangers
from gardefou.flow.incident_story import read_story
from gardefou.flow.names import SEARCHES, find_person, read_name, revealings_of
from gardefou.people.directory import Entry
from gardefou.storage import tables
from tests.flow.test_change import through
from tests.flow.world import DAY, HOUR, World

NAME, EMAIL = "Zoë Canarybird", "zoe@canary.example"


@pytest.fixture
def named(world: World) -> World:
    keep(world, Entry(staff_id="rev", name=NAME, email=EMAIL))
    return world


def keep(world: World, entry: Entry) -> None:
    with world.store.begin() as connection:
        world.app.directory.put(connection, entry)


def revealed(world: World, by: str = "legal", approver: str = "lead") -> None:
    asked = propose(world.app, world.fresh(by), "reveal", {"staff": "rev", "because": "a court asks"}, "a court asks")
    assert asked.state == "waiting"
    assert world.approve(approver, asked).state == "in_force"


def bodies(world: World) -> str:
    return " ".join(bytes(row.body).decode() for row in world.events())


def test_r19_a_name_is_read_by_whoever_had_it_revealed_by_two_for_a_day_and_each_time_is_on_record(named):
    world = named
    world.person("legal2", "legal")
    with pytest.raises(Denied, match="staff/sealed"):
        read_name(world.app, world.actor("legal"), "rev")
    revealed(world)
    assert read_name(world.app, world.actor("legal"), "rev").name == NAME
    assert read_name(world.app, world.actor("legal"), "rev").email == EMAIL
    read = world.events("staff.name_read")
    assert [one.by for one in read] == ["legal", "legal"]
    for other in ("legal2", "lead", "admin"):
        with pytest.raises(Denied, match=r"staff/sealed|auth/forbidden"):
            read_name(world.app, world.actor(other), "rev")
    with pytest.raises(Denied, match="staff/sealed"):
        read_name(world.app, world.actor("legal"), "rev2")
    world.run(DAY - timedelta(seconds=1))
    assert read_name(world.app, world.actor("legal"), "rev").name == NAME
    world.run(timedelta(seconds=1))
    with pytest.raises(Denied, match="staff/sealed"):
        read_name(world.app, world.actor("legal"), "rev")
    assert "anarybird" not in bodies(world)


def test_r19_revealing_asks_for_a_reason_and_another_person_and_never_the_person_themselves(named):
    world = named
    with pytest.raises(InvalidInput):
        propose(world.app, world.fresh("legal"), "reveal", {"staff": "rev", "because": ""})
    with pytest.raises(Denied, match="auth/forbidden"):
        propose(world.app, world.fresh("lead"), "reveal", {"staff": "rev", "because": "curious"})
    with pytest.raises(Denied, match="staff/own"):
        propose(world.app, world.fresh("legal"), "reveal", {"staff": "legal", "because": "me"})
    keep(world, Entry(staff_id="lead", name="Lea"))
    asked = propose(world.app, world.fresh("legal"), "reveal", {"staff": "lead", "because": "a court asks"})
    for whose in ("legal", "lead"):
        with pytest.raises(Denied):
            world.approve(whose, asked)
    with pytest.raises(Denied):
        read_name(world.app, world.actor("legal"), "lead")


def test_who_loses_the_power_reads_no_more(named):
    world = named
    revealed(world)
    propose(world.app, world.actor("admin"), "role", {"staff": "legal", "remove": ["legal"]})
    with pytest.raises(Denied, match="auth/forbidden"):
        read_name(world.app, world.actor("legal"), "rev")


def test_whose_name_was_revealed_is_told_by_whom_why_until_when_and_how_often_it_was_read(named):
    world = named
    revealed(world)
    read_name(world.app, world.actor("legal"), "rev")
    with world.store.read() as connection:
        told = revealings_of(connection, "rev", world.now)
        assert revealings_of(connection, "rev2", world.now) == []
    assert [(one.by, one.because, one.until - one.since, one.reads) for one in told] == [
        ("legal", "a court asks", DAY, 1)
    ]
    assert [orjson.loads(row.body)["detail"]["kind"] for row in world.events("alert.raised")][-1] == "revealed"
    world.run(91 * DAY)
    with world.store.read() as connection:
        assert revealings_of(connection, "rev", world.now) == []


def test_r19_a_person_is_found_by_whole_name_or_address_and_the_record_has_whom_and_not_what_was_typed(named):
    world = named
    admin, legal = world.actor("admin"), world.actor("legal")
    for given in ({"name": "canarybird zoe"}, {"email": EMAIL.upper()}):
        found = find_person(world.app, admin, **given)
        assert found is not None
        assert found.id == "rev"
    assert find_person(world.app, legal, name=NAME) is not None
    for nobody in ({"name": "Zoë"}, {"name": "p-rev"}, {"email": "zoe@"}, {"name": EMAIL}, {"email": NAME}):
        assert find_person(world.app, admin, **nobody) is None
    details = [orjson.loads(row.body)["detail"] for row in world.events("staff.searched")]
    assert [one["staff"] for one in details] == ["rev"] * 3 + [None] * 5
    assert "anary" not in bodies(world).lower()
    with pytest.raises(Denied, match="auth/forbidden"):
        find_person(world.app, world.actor("lead"), name=NAME)
    for wrong in ({}, {"name": NAME, "email": EMAIL}, {"name": " "}, {"name": "x" * 321}):
        with pytest.raises(InvalidInput, match="staff/search"):
            find_person(world.app, admin, **wrong)
    service = replace(world.service("hr"), scopes=("admin:write",))
    with pytest.raises(Denied, match="staff/search_person"):
        find_person(world.app, service, name=NAME)


def test_a_name_that_several_have_finds_none_of_them(named):
    world = named
    keep(world, Entry(staff_id="rev2", name="Zoe CANARYBIRD"))
    keep(world, Entry(staff_id="never-came", name="Grace Example"))
    with pytest.raises(Conflict, match="staff/several") as refused:
        find_person(world.app, world.actor("admin"), name=NAME)
    assert "rev" not in str(refused.value).replace("reveal", "")
    assert find_person(world.app, world.actor("admin"), name="Grace Example") is None


def test_people_are_searched_for_twenty_times_an_hour_at_most(named):
    world = named
    for number in range(SEARCHES):
        find_person(world.app, world.actor("admin"), name=f"Nobody {number}")
    with pytest.raises(Conflict, match="staff/searches"):
        find_person(world.app, world.actor("admin"), name=NAME)
    assert find_person(world.app, world.actor("legal"), name=NAME) is not None
    world.run(HOUR + timedelta(seconds=1))
    assert find_person(world.app, world.actor("admin"), name=NAME) is not None


def test_r19_erasing_a_leaver_waits_for_two_and_leaves_every_proof_valid(named):
    world = named
    made = world.enforce("rev", "small", "suspend")
    revealed(world)
    with pytest.raises(Conflict, match="staff/here"):
        propose(world.app, world.fresh("admin"), "erase", {"staff": "rev"})
    propose(world.app, world.actor("admin"), "off", {"staff": "rev"})
    world.assert_sound()
    before = [(row.id, bytes(row.body), bytes(row.salt)) for row in world.events()]
    asked = propose(world.app, world.fresh("admin"), "erase", {"staff": "rev"}, "left")
    assert asked.state == "waiting"
    assert read_name(world.app, world.actor("legal"), "rev").name == NAME
    through(world, asked)
    assert world.read(asked).state == "in_force"
    with pytest.raises(NotFound, match="staff/no_name"):
        read_name(world.app, world.actor("legal"), "rev")
    assert find_person(world.app, world.actor("admin"), name=NAME) is None
    with world.store.read() as connection:
        assert connection.execute(tables.person.select()).all() == []
        assert connection.execute(tables.person_mark.select()).all() == []
        assert connection.execute(tables.session.select().where(tables.session.c.staff_id == "rev")).all() == []
    assert [(row.id, bytes(row.body), bytes(row.salt)) for row in world.events()][: len(before)] == before
    world.assert_sound()
    assert world.read(made).placed_by == "rev"
    assert world.staff("rev").pseudonym == "p-rev"


def test_the_name_of_somebody_whose_adding_came_to_nothing_is_erased(named):
    world = named
    asked = propose(world.app, world.fresh("admin"), "staff_add", {"staff": "new", "roles": ["reviewer"]})
    keep(world, Entry(staff_id="new", name="Grace Example"))
    keep(world, Entry(staff_id="provisioned", name="Ida Example"))
    assert erase_strangers(world.app) == 0
    world.approve("lead", asked, "no")
    again = propose(world.app, world.fresh("admin"), "staff_add", {"staff": "new", "roles": ["reviewer"]})
    assert erase_strangers(world.app) == 0
    world.approve("lead", again, "no")
    assert erase_strangers(world.app) == 1
    with world.store.read() as connection:
        assert world.app.directory.get(connection, "new") is None
        assert world.app.directory.get(connection, "rev") is not None
        assert world.app.directory.get(connection, "provisioned") is not None


def test_r19_outside_the_organisation_a_person_has_another_name_in_each_matter_and_none_joins_two(world):
    for ref in ("small", "small2"):
        made = world.enforce("rev", ref, "suspend")
        world.restore("lead", ref)
        assert world.read(made).state == "restored"
    said: list[set[str]] = []
    with world.store.read() as connection:
        for incident in world.incidents("reversal"):
            inside = read_story(connection, incident.id, now=world.now)
            told = read_story(connection, incident.id, now=world.now, outside=world.app.directory)
            again = read_story(connection, incident.id, now=world.now, outside=world.app.directory)
            assert told == again
            assert {"p-rev", "p-lead"} <= {one.who for one in inside.timeline}
            names = {one.who for one in told.timeline} - {"", "Gardefou"}
            assert len(names) == 2
            assert all(len(name.split("-")) == 3 for name in names)
            assert "p-rev" not in str(told)
            said.append(names)
    assert len(said) == 2
    assert not said[0] & said[1]
