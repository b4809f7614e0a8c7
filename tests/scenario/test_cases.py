"""Every scenario file: the shipped incidents, and the rules one by one."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gardefou.nets.shipped import load_shipped
from gardefou.scenario.load import load_file
from gardefou.scenario.load_steps import _DEEDS
from gardefou.scenario.report import run_scenario

CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
SMALL_TEAM = sorted((Path(__file__).parent / "small_team").glob("*.toml"))
SOLO = sorted((Path(__file__).parent / "solo").glob("*.toml"))
SHIPPED = sorted(Path(str(files("gardefou.scenario"))).joinpath("shipped").glob("*.toml"))
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "scenarios.md"
#: Who is taken down where everything is let through.
HARMED = {
    "eleven-minutes": ["1001"],
    "tools-taken-over": ["founder", "company", "singer"],
    "hosting-company-suspended": ["host", "shop"],
    "unread-reply": ["indie-games"],
    "sites-deleted-by-script": ["site-11", "site-40"],
    "fake-account-detector": ["student", "teacher"],
    "cleared-man": ["father"],
    "false-alarm-by-menu": ["real"],
    "reversing-each-other": ["editor"],
    "m09-last-evening-elsewhere": ["head", "town", "singer"],
    "r01-label-for-a-sentence": ["baker", "paper"],
    "r02-rollback-of-a-restore": ["critic", "witness"],
    "r03-net-removed-first": ["town", "paper", "cook"],
    "r04-second-self": ["town", "head"],
    "r05-last-day-put-off": ["town", "head"],
    "r06-own-automation": ["town", "club"],
    "r08-somebody-elses-item": ["head"],
    "r09-protection-lowered-first": ["witness", "source", "head"],
    "r09-unread-account": ["head", "someone"],
    "r10-lookalike-is-real": ["office"],
    "r13-all-for-the-same-minute": ["cook", "actor"],
    "r14-glass-in-turns": ["town", "head"],
    "r15-asked-until-yes": ["paper"],
    "r16-by-other-means": ["small", "editor"],
}
#: Where the harm is another than to be down: what accounts are in the end where everything is let through.
HARMED_OTHERWISE = {
    "r07-many-items": {"candidate": "locked"},
    "r12-restored-wholesale": {"spam-21": "active", "spam-23": "active", "old": "active"},
}


def name(path: Path) -> str:
    return path.stem


def together(path: Path) -> pytest.MarkDecorator:
    """Keep what is asked of one scenario in one process: it is replayed there once."""
    return pytest.mark.xdist_group(path.stem)


@cache
def under_the_nets(path: Path) -> dict[str, Any]:
    """Replay a scenario under the default set."""
    return run_scenario(load_file(path))


#: Three days, tried anew every five minutes; `tests/flow` lets them pass too (`test_m4_…`).
LONG = frozenset({"m4-execute-within-72h", "pause-72h-lapses"})


@pytest.mark.parametrize(
    "path",
    [
        *(pytest.param(one, marks=together(one)) for one in SHIPPED),
        *(pytest.param(one, marks=pytest.mark.long) if one.stem in LONG else one for one in CASES),
    ],
    ids=name,
)
def test_a_scenario_comes_out_as_it_expects(path):
    report = under_the_nets(path)
    assert report["failures"] == []
    assert report["passed"] is True


@pytest.mark.parametrize("path", SMALL_TEAM, ids=name)
def test_a_small_teams_scenario_comes_out_as_it_expects(path):
    assert run_scenario(load_file(path), nets=load_shipped("small-team"))["failures"] == []


@pytest.mark.parametrize("path", SOLO, ids=name)
def test_a_scenario_of_one_person_alone_comes_out_as_it_expects(path):
    assert run_scenario(load_file(path), nets=load_shipped("solo"))["failures"] == []


@pytest.mark.parametrize("path", [pytest.param(one, marks=together(one)) for one in SHIPPED], ids=name)
def test_without_nets_the_harm_happens(path):
    scenario = load_file(path)
    with_nets = under_the_nets(path)["accounts"]
    report = run_scenario(scenario, no_nets=True)
    assert report["passed"] is False
    assert (scenario.name in HARMED) is not (scenario.name in HARMED_OTHERWISE)
    for ref in HARMED.get(scenario.name, ()):
        account = report["accounts"][ref]
        assert account["down_seconds"] > with_nets[ref]["down_seconds"], ref
        assert any(state in {"suspended", "deactivated", "deleted"} for _, state in account["timeline"])
    for ref, state in HARMED_OTHERWISE.get(scenario.name, {}).items():
        assert report["accounts"][ref]["state"] == state, ref
        assert with_nets[ref]["state"] != state, ref


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_shipped_scenario_is_named_as_its_file_and_says_what_happens(path):
    scenario = load_file(path)
    assert scenario.name == path.stem
    assert scenario.title
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_reference_page_lists_the_shipped_scenarios():
    lists = PAGE.read_text(encoding="utf-8").split("## The file")[0]
    listed = [line.split("`")[1] for line in lists.splitlines() if line.startswith("| `")]
    assert sorted(listed) == [path.stem for path in SHIPPED]


def test_the_cases_use_every_deed():
    used = {step.do for path in [*SHIPPED, *CASES] for step in load_file(path).steps}
    assert used == set(_DEEDS)


def test_a_restore_whose_answer_was_lost_raises_no_false_alarm():
    path = Path(__file__).parent / "cases" / "lost_answer_of_a_restore.toml"
    incidents = run_scenario(load_file(path))["incidents"]
    assert [one["kind"] for one in incidents] == ["reversal"]


def test_a_replay_is_the_same_each_time():
    scenario = load_file(SHIPPED[0])
    one, two = run_scenario(scenario), run_scenario(scenario)
    del one["elapsed_ms"], two["elapsed_ms"]
    assert one == two
