"""Every scenario file: the shipped incidents, and the rules one by one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from gardefou.scenario.load import load_file
from gardefou.scenario.load_steps import _DEEDS
from gardefou.scenario.report import run_scenario

CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
SHIPPED = sorted(Path(str(files("gardefou.scenario"))).joinpath("shipped").glob("*.toml"))
#: Who is harmed where everything is let through.
HARMED = {
    "eleven-minutes": ["1001"],
    "tools-taken-over": ["founder", "company", "singer"],
    "unread-reply": ["indie-games"],
    "sites-deleted-by-script": ["site-11", "site-40"],
    "fake-account-detector": ["student", "teacher"],
    "false-alarm-by-menu": ["real"],
    "reversing-each-other": ["editor"],
}


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", [*SHIPPED, *CASES], ids=name)
def test_a_scenario_comes_out_as_it_expects(path):
    report = run_scenario(load_file(path))
    assert report["failures"] == []
    assert report["passed"] is True


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_without_nets_the_harm_of_the_incident_happens(path):
    scenario = load_file(path)
    report = run_scenario(scenario, no_nets=True)
    assert report["passed"] is False
    for ref in HARMED[scenario.name]:
        account = report["accounts"][ref]
        assert account["down_seconds"] > 0, ref
        assert any(state in {"suspended", "deactivated", "deleted"} for _, state in account["timeline"])


def test_the_cases_use_every_deed():
    used = {step.do for path in [*SHIPPED, *CASES] for step in load_file(path).steps}
    assert used == set(_DEEDS)


def test_a_replay_is_the_same_each_time():
    scenario = load_file(SHIPPED[0])
    one, two = run_scenario(scenario), run_scenario(scenario)
    del one["elapsed_ms"], two["elapsed_ms"]
    assert one == two
