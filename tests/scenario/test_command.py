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


def test_for_people(run):
    result = run(SHIPPED)
    assert result.exit_code == 0
    assert result.stdout.startswith("ok   eleven-minutes")


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
    assert "scenario.colour" in run(bad).stderr


def test_bad_usage_exits_2(run):
    assert run().exit_code == 2
    assert run("--nets", SHIPPED, "--no-nets", SHIPPED).exit_code == 2
    assert run("--nots", SHIPPED).exit_code == 2
