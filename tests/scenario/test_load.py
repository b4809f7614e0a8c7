"""Reading scenario files: what is wrong is named by file and key."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from gardefou.errors import InvalidInput
from gardefou.scenario import model as m
from gardefou.scenario.load import load_file, load_text
from gardefou.scenario.table import span

GOOD = """
[scenario]
name = "good"
starts_at = 2024-03-04T09:00:00Z

[[platform]]
name = "chirp"

[[staff]]
id = "rev"
roles = ["reviewer"]
last_day = 2024-03-20

[[account]]
platform = "chirp"
ref = "1"
handle = "one"

[[content]]
platform = "chirp"
id = "c1"
account = "1"

[[step]]
at = "+1h30m"
id = "click"
by = "rev"
do = "enforce"
account = "1"
action = "suspend"
until = "+2d"

[expect]
up = ["1"]
"""


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def test_offsets_dates_and_defaults():
    scenario = load_text(GOOD, "good.toml")
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    assert scenario.title == "good"
    assert scenario.ends_after == timedelta(hours=48)
    assert scenario.staff[0].team == "team-rev"
    assert scenario.staff[0].started == start - timedelta(days=365)
    assert scenario.staff[0].last_day_end == datetime(2024, 3, 20, 23, 59, tzinfo=UTC)
    assert scenario.accounts[0].age_days == 365
    step = scenario.steps[0]
    assert step.at == start + timedelta(minutes=90)
    assert isinstance(step.deed, m.Act)
    assert step.deed.until == start + timedelta(days=2)
    assert scenario.ends_at == step.at + timedelta(hours=48)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+0m", 0), ("+90s", 90), ("+1h30m", 5400), ("+2d", 172_800), ("+1d1h1m1s", 90_061)],
)
def test_offsets(text, seconds):
    scenario = load_text(changed('"+1h30m"', f'"{text}"').replace('until = "+2d"', ""), "good.toml")
    assert (scenario.steps[0].at - scenario.starts_at).total_seconds() == seconds


def test_a_moment_may_be_written_as_a_text_and_an_offset_in_weeks():
    written = changed(
        "last_day = 2024-03-20", 'last_day = "2024-03-20"\nstarted = "2024-02-29"\ntimezone = "Asia/Tokyo"'
    )
    staff = load_text(written, "x").staff[0]
    assert staff.last_day_end == datetime(2024, 3, 20, 14, 59, tzinfo=UTC)
    assert staff.started == datetime(2024, 2, 29, tzinfo=UTC)
    quoted = changed("starts_at = 2024-03-04T09:00:00Z", 'starts_at = "2024-03-04T10:00:00+01:00"')
    assert load_text(quoted, "x").starts_at == datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
    assert span("1w2d") == timedelta(days=9)
    with pytest.raises(InvalidInput, match="It is a moment such as"):
        load_text(changed("last_day = 2024-03-20", 'last_day = "2024-02-30"'), "x")


def test_a_last_day_has_a_time_zone():
    scenario = load_text(changed("last_day = 2024-03-20", 'last_day = 2024-03-20\ntimezone = "America/New_York"'), "x")
    assert scenario.staff[0].last_day_end == datetime(2024, 3, 21, 3, 59, tzinfo=UTC)


def test_a_last_day_that_a_step_gives_has_a_time_zone_too():
    leave = '[[step]]\nat = "+1m"\nby = "rev"\ndo = "leave"\nstaff = "rev"\nlast_day = 2024-03-18\ntimezone = "Asia/Tokyo"\n\n'
    deed = load_text(GOOD.replace("[expect]", leave + "[expect]"), "x").steps[0].deed
    assert isinstance(deed, m.Change)
    assert deed.payload["last_day"] == "2024-03-18T14:59:00Z"


def test_steps_stand_in_the_sequence_of_time():
    text = GOOD.replace("[expect]", '[[step]]\nat = "+1m"\ndo = "tick"\n\n[expect]')
    assert [step.key for step in load_text(text, "x").steps] == ["step-2", "click"]


WRONG = {
    "no TOML": (GOOD + "[", "file"),
    "unknown table": (GOOD + "\n[more]\nx = 1\n", "more"),
    "unknown key of the scenario": (changed('name = "good"', 'name = "good"\nauthor = "x"'), "scenario.author"),
    "no name": (changed('name = "good"\n', ""), "scenario.name"),
    "no start": (changed("starts_at = 2024-03-04T09:00:00Z", ""), "scenario.starts_at"),
    "a start that is no time": (changed("2024-03-04T09:00:00Z", '"noon"'), "scenario.starts_at"),
    "unknown key of a platform": (changed('name = "chirp"', 'name = "chirp"\nkind = "x"'), "platform.1.kind"),
    "unknown key of staff": (changed('id = "rev"', 'id = "rev"\nname = "x"'), "staff.1.name"),
    "unknown role": (changed('"reviewer"', '"wizard"'), "staff.1.roles"),
    "roles that are a text": (changed('["reviewer"]', '"reviewer"'), "staff.1.roles"),
    "unknown key of an account": (changed('handle = "one"', 'handel = "one"'), "account.1.handel"),
    "unknown platform": (changed('platform = "chirp"\nref', 'platform = "other"\nref'), "account.1.platform"),
    "a reach below nothing": (changed('handle = "one"', "reach = -1"), "account.1.reach"),
    "a reach that is true": (changed('handle = "one"', "reach = true"), "account.1.reach"),
    "unknown tier": (changed('handle = "one"', 'tier = "holy"'), "account.1.tier"),
    "an item of nobody": (changed('account = "1"\n\n[[step]]', 'account = "2"\n\n[[step]]'), "content.1.account"),
    "unknown deed": (changed('do = "enforce"', 'do = "explode"'), "step.1.do"),
    "unknown key of a step": (changed('until = "+2d"', 'untl = "+2d"'), "step.1.untl"),
    "a key of another deed": (changed('until = "+2d"', "count = 2"), "step.1.count"),
    "unknown action": (changed('"suspend"', '"suspnd"'), "step.1.action"),
    "no action": (changed('action = "suspend"', ""), "step.1.action"),
    "unknown account": (changed('do = "enforce"\naccount = "1"', 'do = "enforce"\naccount = "9"'), "step.1.account"),
    "unknown staff": (changed('by = "rev"', 'by = "nobody"'), "step.1.by"),
    "nobody acting": (changed('by = "rev"', ""), "step.1.by"),
    "unknown content": (changed('until = "+2d"', 'content = ["c9"]'), "step.1.content"),
    "unknown way in": (changed('until = "+2d"', 'via = "fax"'), "step.1.via"),
    "no offset": (changed('at = "+1h30m"', 'at = "soon"'), "step.1.at"),
    "an offset without its sign": (changed('at = "+1h30m"', 'at = "1h"'), "step.1.at"),
    "an offset that is a number": (changed('at = "+1h30m"', "at = 90"), "step.1.at"),
    "an empty offset": (changed('at = "+1h30m"', 'at = "+"'), "step.1.at"),
    "an offset beyond all time": (changed('at = "+1h30m"', 'at = "+999999999d"'), "step.1.at"),
    "unknown ref expected": (changed('up = ["1"]', 'up = ["7"]'), "expect.up"),
    "unknown expectation": (changed("up =", "upp ="), "expect.upp"),
    "unknown step expected": (changed('up = ["1"]', 'allowed = ["clack"]'), "expect.allowed"),
    "a state of no account": (changed('up = ["1"]', 'state = { 1 = "banned" }'), "expect.state.1"),
    "a state of no enforcement": (
        changed('up = ["1"]', 'enforcement_state = { click = "done" }'),
        "expect.enforcement_state.click",
    ),
    "seconds that are a text": (
        changed('up = ["1"]', 'max_down_seconds = { 1 = "none" }'),
        "expect.max_down_seconds.1",
    ),
    "effects that are half": (changed('up = ["1"]', "effects = { 1 = 0.5 }"), "expect.effects.1"),
    "an answer to what comes later": (
        changed("[expect]", '[[step]]\nat = "+1m"\nby = "rev"\ndo = "approve"\nof = "click"\n\n[expect]'),
        "step.2.of",
    ),
    "an answer to nothing": (
        changed("[expect]", '[[step]]\nat = "+2h"\nby = "rev"\ndo = "approve"\nof = "clack"\n\n[expect]'),
        "step.2.of",
    ),
    "a net that is none": (
        changed(
            "[expect]",
            '[[step]]\nat = "+2h"\nby = "rev"\ndo = "nets"\n[[step.net]]\nid = "x"\ntitle = "x"\nbecause = "x"\n'
            "when = 'acount.tier == \"x\"'\n[step.net.require]\napprovals = 1\n\n[expect]",
        ),
        "step.2.net.1.when",
    ),
    "two steps of one id": (
        changed("[expect]", '[[step]]\nat = "+2h"\nid = "click"\ndo = "tick"\n\n[expect]'),
        "step.1.id",
    ),
}


@pytest.mark.parametrize(("text", "field"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(text, field):
    with pytest.raises(InvalidInput) as caught:
        load_text(text, "some.toml")
    assert caught.value.field == field
    assert re.match(r"some\.toml:\d+:\d+: ", caught.value.message)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="No such file"):
        load_file(tmp_path / "none.toml")


def test_people_who_come_later_are_known_from_then_on():
    add = '[[step]]\nat = "+{0}"\nby = "rev"\ndo = "staff_add"\nstaff = "new"\nroles = ["lead"]\n\n'
    act = '[[step]]\nat = "+3h"\nby = "new"\ndo = "restore"\naccount = "1"\n\n'
    load_text(changed("[expect]", add.format("2h") + act + "[expect]"), "x")
    with pytest.raises(InvalidInput, match="no person 'new' yet"):
        load_text(changed("[expect]", add.format("4h") + act + "[expect]"), "x")
