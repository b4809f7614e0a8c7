"""Teams written down in a file: read whole, or the first thing wrong is named."""

from __future__ import annotations

import pytest

from gardefou.errors import InvalidInput
from gardefou.nets.seats import Person
from gardefou.nets.team import Team, read_team
from tests.refusals import refused

ADA = '[[staff]]\nid = "ada"\nroles = ["lead"]\n'


def test_what_is_left_out_is_a_team_of_ones_own_and_the_organisation():
    assert read_team(ADA) == Team(
        (Person(id="ada", roles=frozenset({"lead"}), team="ada", employer="organisation"),), "organisation"
    )


def test_everything_written_is_read():
    text = f'organisation = "chirp"\n{ADA}team = "review"\nemployer = "vendor"\n[[staff]]\nid = "ben"\nroles = []\n'
    assert read_team(text) == Team(
        (
            Person(id="ada", roles=frozenset({"lead"}), team="review", employer="vendor"),
            Person(id="ben", roles=frozenset(), team="ben", employer="chirp"),
        ),
        "chirp",
    )


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("[[staff", "team/toml", "team"),
        ("stuff = 1\n" + ADA, "team/unknown_key", "stuff"),
        ("organisation = 1\n" + ADA, "team/invalid", "organisation"),
        ('organisation = ""\n' + ADA, "team/invalid", "organisation"),
        ("", "team/invalid", "staff"),
        ("staff = 1", "team/invalid", "staff"),
        ("staff = []", "team/invalid", "staff"),
        ("staff = [1]", "team/invalid", "staff"),
        (ADA + ADA, "team/invalid", "id"),
        (ADA + "nick = 1\n", "team/unknown_key", "nick"),
        ('[[staff]]\nroles = ["lead"]\n', "team/invalid", "id"),
        ('[[staff]]\nid = ""\nroles = ["lead"]\n', "team/invalid", "id"),
        ('[[staff]]\nid = 1\nroles = ["lead"]\n', "team/invalid", "id"),
        ('[[staff]]\nid = "ada"\n', "team/invalid", "roles"),
        ('[[staff]]\nid = "ada"\nroles = "lead"\n', "team/invalid", "roles"),
        ('[[staff]]\nid = "ada"\nroles = ["lead", "king"]\n', "team/unknown_role", "roles"),
        (ADA + "team = 1\n", "team/invalid", "team"),
        (ADA + "employer = 1\n", "team/invalid", "team"),
    ],
)
def test_the_first_thing_wrong_is_named_by_code_and_field(text, code, field):
    with refused(code, field):
        read_team(text)


def test_what_was_meant_is_suggested_and_the_person_is_counted():
    with pytest.raises(InvalidInput, match=r"people\.toml, staff 2: there is no role 'polcy'\. Did you mean policy\?"):
        read_team(f'{ADA}[[staff]]\nid = "ben"\nroles = ["polcy"]\n', "people.toml")
    with pytest.raises(InvalidInput, match=r"staff 1: there is no role 'zzz'\. Use some of .*lead.*policy"):
        read_team('[[staff]]\nid = "ben"\nroles = ["zzz"]\n')
    with pytest.raises(InvalidInput, match=r"team\.toml: a team has no staf\. Did you mean staff\?"):
        read_team("staf = 1\n")
    with pytest.raises(InvalidInput, match=r"a team has no organsation\. Did you mean organisation\?"):
        read_team('organsation = "chirp"\n')
    with pytest.raises(InvalidInput, match=r"staff 1: there is no rolse here\. Did you mean roles\?"):
        read_team('[[staff]]\nid = "ben"\nrolse = ["lead"]\n')


def test_ten_thousand_people_are_read_and_one_more_is_refused():
    rows = [f'{{id = "p{number}", roles = []}}' for number in range(10_001)]
    assert len(read_team(f"staff = [{', '.join(rows[:-1])}]").people) == 10_000
    with refused("team/invalid", "staff"):
        read_team(f"staff = [{', '.join(rows)}]")
