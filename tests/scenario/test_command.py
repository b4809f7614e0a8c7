"""``gardefou scenario run``: exit status and output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gardefou.cli.scenario import scenario

SHIPPED = Path(__file__).parents[2] / "src" / "gardefou" / "scenario" / "shipped" / "eleven-minutes.toml"
NET = """
[[net]]
id = "one-more"
title = "One more"
because = "a test"
when = "action.severity >= 3"
[net.require]
approvals = 1
"""


@pytest.fixture
def run():
    def call(*args):
        return CliRunner().invoke(scenario, ["run", *map(str, args)])

    return call


def test_a_shipped_set_is_named_as_everywhere_else(run):
    case = Path(__file__).with_name("small_team") / "ordinary-spam.toml"
    assert run("--nets", "small-team", case).exit_code == 0
    missing = run("--nets", "medium-team", case)
    assert (missing.exit_code, "nets/file" in missing.stderr) == (2, True)


def test_a_passing_scenario_exits_0_and_prints_the_contracts_json(run):
    result = run("--json", SHIPPED, SHIPPED)
    assert result.exit_code == 0
    reports = json.loads(result.stdout)
    assert [one["scenario"] for one in reports] == ["eleven-minutes", "eleven-minutes"]
    report = reports[0]
    assert report["passed"] is True
    assert report["failures"] == []
    assert report["accounts"]["1001"]["state"] == "active"
    assert report["accounts"]["1001"]["down_seconds"] == 0
    assert report["accounts"]["1001"]["timeline"] == [[0, "active"]]
    click = report["enforcements"]["click"]
    assert click["state"] == "refused"
    assert "leaver-last-24h" in click["nets"]
    assert click["waited_seconds"] is None
    assert report["incidents"][0]["accounts"] == ["1001"]
    assert report["elapsed_ms"] > 0


def test_without_nets_it_fails_and_says_since_when_the_account_is_down(run):
    result = run("--json", "--no-nets", SHIPPED)
    assert result.exit_code == 1
    account = json.loads(result.stdout)[0]["accounts"]["1001"]
    assert account["timeline"] == [[0, "active"], [3480, "deactivated"]]
    assert account["down_seconds"] == 7200


def test_other_nets_than_the_shipped_ones(run, tmp_path):
    nets = tmp_path / "nets.toml"
    nets.write_text(NET)
    result = run("--json", "--nets", nets, SHIPPED)
    assert result.exit_code == 1
    report = json.loads(result.stdout)[0]
    assert report["enforcements"]["click"]["nets"] == ["one-more"]
    assert report["accounts"]["1001"]["down_seconds"] == 0


def test_one_file_is_told_whole(run):
    result = run(SHIPPED)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1].startswith("ok    eleven-minutes         -  click: leaver-last-24h, leaver-not-on-notable")
    assert "A leaver, an impersonation report, and a real account" in lines
    assert any(line.startswith("      step click (line 39): refused; nets: leaver-last-24h") for line in lines)
    assert any(line.startswith("      incident +0:58: ") for line in lines)
    assert lines[-1].startswith("1 scenario in ")


def test_a_folder_is_a_table_of_its_files_by_name(run, tmp_path):
    for name in ("b", "a", "deeper/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        text = SHIPPED.read_text().replace('"eleven-minutes"', f'"{name}"')
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "notes.txt").write_text("no scenario")
    result = run(tmp_path)
    assert result.exit_code == 0
    words = [line.split()[:3] for line in result.stdout.splitlines()]
    assert words[1:4] == [["ok", "a", "-"], ["ok", "b", "-"], ["ok", "deeper/c", "-"]]
    assert ": all as expected." in result.stdout
    assert [one["scenario"] for one in json.loads(run("--json", tmp_path).stdout)] == ["a", "b", "deeper/c"]


def test_an_empty_folder_is_said_to_be_empty(run, tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "no *.toml in this folder" in result.stderr


def test_of_many_files_each_failing_one_says_the_first_of_what_went_wrong(run):
    result = run("--no-nets", SHIPPED, SHIPPED.with_name("tools-taken-over.toml"))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[1].startswith("FAIL  eleven-minutes         2 h  no net; 1001 deactivated")
    assert "was never to be: step click (line 39) took it down (line 49)" in lines[2]
    assert "and 8 more; run this file alone to read them all" in result.stdout
    assert "2 scenarios in " in lines[-1]
    assert lines[-1].endswith(": 2 not as expected.")


def test_many_files_come_back_in_their_sequence_and_as_each_alone(run, tmp_path):
    files = [SHIPPED.with_name(f"{name}.toml") for name in ("unread-reply", "eleven-minutes", "r15-asked-until-yes")]
    many = json.loads(run("--json", *files * 5).stdout)
    alone = [json.loads(run("--json", one).stdout)[0] for one in files]
    for report in (*many, *alone):
        del report["elapsed_ms"]
    assert many == alone * 5


ODD = """
staff = [{ id = "rev", roles = ["reviewer"] }]
platform = [{ name = "one" }, { name = "two" }]
account = [
  { platform = "one", ref = "same", handle = "somebody" },
  { platform = "two", ref = "same", handle = "anybody" },
  { platform = "one", ref = "other", handle = "another" },
]

[scenario]
name = "odd"
starts_at = 2024-03-04T09:00:00Z
ends_after = "1h"

[[step]]
at = "+0m"
id = "several"
by = "rev"
do = "bulk"
accounts = ["one/same", "two/same", "other"]
action = "suspend"

[[step]]
at = "+1m"
id = "wrong"
by = "rev"
do = "enforce"
account = "other"
action = "label"

[[step]]
at = "+2m"
do = "tick"

[expect]
down = ["one/same", "two/same"]
"""


def test_the_document_has_the_contracts_keys_and_no_others(run, tmp_path):
    file = tmp_path / "odd.toml"
    file.write_text(ODD)
    [report] = json.loads(run("--json", file).stdout)
    keys = ["scenario", "passed", "failures", "accounts", "enforcements", "incidents", "elapsed_ms"]
    assert list(report) == keys
    assert set(report["accounts"]) == {"one/same", "two/same", "other"}
    assert report["accounts"]["two/same"] == {
        "state": "suspended",
        "down_seconds": 3720,
        "timeline": [[0, "active"], [0, "suspended"]],
    }
    several, wrong = report["enforcements"]["several"], report["enforcements"]["wrong"]
    assert list(report["enforcements"]) == ["several", "wrong"]
    assert (several["state"], several["nets"], several["waited_seconds"]) == ("in_force", [], 0)
    assert [one["account"] for one in several["all"]] == ["same", "other", "same"]
    assert (wrong["state"], wrong["nets"], wrong["waited_seconds"]) == (None, [], None)
    assert wrong["error"]["code"] == "enforcement/label"


def test_what_is_wrong_exits_2_with_one_line_and_nothing_else(run, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text('[scenario]\nname = "x"\nstarts_at = 2024-01-01T00:00:00Z\ncolour = "red"\n')
    nets = tmp_path / "nets.toml"
    nets.write_text("[[net]]\nid = 1\n")
    for args in (
        (bad,),
        ("--json", SHIPPED, bad),
        (tmp_path / "none.toml",),
        ("--nets", nets, SHIPPED),
        ("--nets", tmp_path / "none.toml", SHIPPED),
    ):
        result = run(*args)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
    said = run(bad).stderr
    assert "bad.toml:4:1: scenario.colour: There is no such key here." in said
    assert "It takes name" in said


def test_bad_usage_exits_2(run):
    assert run().exit_code == 2
    assert run("--nets", SHIPPED, "--no-nets", SHIPPED).exit_code == 2
    assert run("--nots", SHIPPED).exit_code == 2
