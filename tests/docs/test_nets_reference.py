"""The reference pages of the nets: they are what the writer writes, and what they say of the solver holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.shipped import SHIPPED, load_shipped
from tools import write_nets_reference as writer

FOUND: dict[str, dict[str, Any]] = json.loads((writer.FOLDER / "examples.json").read_text(encoding="utf-8"))
EVERY = [(name, net.id) for name in SHIPPED for net in load_shipped(name)]
#: What the solver is asked again: one of each kind. The whole takes a minute.
SAMPLE = [("default", "protected-two-more-people"), ("default", "person-reach-hour"), ("solo", "severity-4-hold")]


def test_the_pages_are_those_that_the_writer_writes():
    written = writer.pages(FOUND)
    there = {str(file.relative_to(writer.FOLDER)) for file in writer.FOLDER.rglob("*.md")}
    assert there == set(written)
    for path, text in written.items():
        assert (writer.FOLDER / path).read_text(encoding="utf-8") == text, f"run tools/write_nets_reference.py: {path}"


def test_every_shipped_net_has_its_page_and_its_examples():
    assert {(name, net) for name, nets in FOUND.items() for net in nets} == set(EVERY)


@pytest.mark.parametrize(("name", "net_id"), EVERY)
def test_the_example_makes_the_net_speak_and_the_nearest_does_not(name, net_id):
    net = load_shipped(name).get(net_id)
    assert net is not None
    speaks = ORDINARY | FOUND[name][net_id]["speaks"]
    assert net.condition.evaluate(Facts.of(speaks)).speaks
    assert not net.condition.evaluate(Facts.of(speaks | FOUND[name][net_id]["silent"])).speaks


@pytest.mark.parametrize(("name", "net_id"), SAMPLE)
def test_the_solver_still_finds_what_the_page_says(name, net_id):
    nets = load_shipped(name)
    net = nets.get(net_id)
    assert net is not None
    again = writer.example(net)
    assert len(again["speaks"]) == len(FOUND[name][net_id]["speaks"])
    assert len(again["silent"]) == len(FOUND[name][net_id]["silent"])
    assert writer.rests_on(nets, net, writer.kept_by(nets)) == FOUND[name][net_id]["rests"]


@pytest.mark.parametrize(("name", "net_id"), EVERY)
def test_every_net_names_an_incident_that_is_told(name, net_id):
    net = load_shipped(name).get(net_id)
    assert net is not None
    told = writer.sections()
    assert writer.incidents_of(net)
    for section in writer.incidents_of(net):
        assert told[section][0]


def test_every_scenario_that_an_incident_names_is_shipped():
    for title, scenario in writer.sections().values():
        assert title
        if scenario is not None:
            assert Path(writer.ROOT, writer.SCENARIOS, f"{scenario}.toml").is_file()
