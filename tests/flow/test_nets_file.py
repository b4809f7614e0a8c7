"""A nets file that changes on disk is proposed, and never obeyed."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from gardefou.errors import Denied, InvalidInput
from gardefou.flow.change import propose
from gardefou.flow.nets_file import FileState, look_at_file
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.settings import Settings
from gardefou.worker import NetsFile, Worker
from tests.flow.world import HOUR, MINUTE

MORE = """
[[net]]
id = "one-more"
title = "One more"
because = "a test"
when = "account.reach >= 50_000 and action.severity >= 3"
[net.require]
approvals = 1
from = ["lead"]
"""


@pytest.fixture
def kept(world, tmp_path):
    """The file as it is written at first: what is in force."""
    file = tmp_path / "nets.toml"
    file.write_text(world.nets_toml())
    return file


def without(world, net):
    return NetSet(one for one in load(world.nets_toml()) if one.id != net).to_toml()


def proposals(world):
    return [one for one in world.enforcements() if one.action == "change" and one.placed_by == "system"]


def watched(world, file):
    return NetsFile(world.app, str(file))


def test_a_file_that_is_weakened_changes_nothing_and_one_proposal_waits(world, kept):
    eye = watched(world, kept)
    eye.look()
    assert proposals(world) == []
    kept.write_text(without(world, "notable-one-lead").replace("300_000", "900_000"))
    kept.write_text(without(world, "person-severity-3-hour"))
    before = world.nets_toml()
    for _ in range(3):
        eye.look()
        world.run(MINUTE)
    watched(world, kept).look()  # another node, or this one started anew
    assert world.nets_toml() == before
    [waiting] = proposals(world)
    assert waiting.state == "waiting"
    assert "change-weakens" in world.nets_of(waiting)
    assert look_at_file(world.app, kept.read_text()).state is FileState.WAITS


def test_verdicts_stay_until_it_is_approved_by_one_more_than_a_colleagues(world, kept):
    kept.write_text(without(world, "person-severity-3-hour"))
    watched(world, kept).look()
    [waiting] = proposals(world)
    for who in ("lead", "policy"):
        world.approve(who, waiting)
    world.run(31 * MINUTE)
    assert "person-severity-3-hour" in world.nets_toml()
    assert world.read(waiting).state == "waiting"
    world.approve("lead2", waiting)
    world.run(31 * MINUTE)
    assert world.read(waiting).state == "in_force"
    assert "person-severity-3-hour" not in world.nets_toml()
    assert look_at_file(world.app, kept.read_text()).state is FileState.IN_FORCE


def test_adding_nets_waits_too_as_nobody_stands_behind_a_file(world, kept):
    kept.write_text(world.nets_toml() + MORE)
    watched(world, kept).look()
    [waiting] = proposals(world)
    assert waiting.state == "waiting"
    assert "one-more" not in world.nets_toml()


def test_back_to_what_is_in_force_the_proposal_is_withdrawn_and_may_come_again(world, kept):
    eye, old = watched(world, kept), kept.read_text()
    for _ in range(2):
        kept.write_text(old + MORE)
        eye.look()
        kept.write_text(old)
        eye.look()
    assert [one.state for one in proposals(world)] == ["cancelled", "cancelled"]
    kept.write_text(old + MORE.replace("one-more", "another"))
    eye.look()
    kept.write_text(old + MORE)
    eye.look()
    assert [one.state for one in proposals(world)] == ["cancelled", "cancelled", "cancelled", "waiting"]


def test_r15_after_a_no_the_same_file_does_not_ask_again(world, kept):
    kept.write_text(world.nets_toml() + MORE)
    watched(world, kept).look()
    [waiting] = proposals(world)
    world.approve("lead", waiting, "no")
    watched(world, kept).look()
    assert look_at_file(world.app, kept.read_text()).state is FileState.ANSWERED
    world.run(25 * HOUR)
    watched(world, kept).look()
    assert [one.state for one in proposals(world)] == ["refused"]


def test_a_file_left_behind_by_a_change_is_no_wish_to_go_back(world, kept):
    added = propose(world.app, world.fresh("policy"), "nets", {"toml": world.nets_toml() + MORE})
    assert added.state == "in_force"
    watched(world, kept).look()
    assert proposals(world) == []
    assert look_at_file(world.app, kept.read_text()).state is FileState.OLD


def test_a_file_that_breaks_what_is_proved_or_is_no_file_of_nets_is_said_and_not_proposed(world, kept, caplog):
    eye = watched(world, kept)
    for text in (without(world, "protected-two-more-people"), "[[net]]\nid = 1\n", "\udcff"):
        kept.write_text(text, errors="surrogateescape")
        with caplog.at_level(logging.WARNING, "gardefou.nets"):
            eye.look()
            eye.look()
    assert [record.getMessage().count("is not proposed") for record in caplog.records] == [1, 1, 1]
    assert proposals(world) == []
    kept.unlink()
    eye.look()
    with pytest.raises(InvalidInput):
        look_at_file(world.app, "[[net]]\nid = 1\n")


def test_nobody_is_the_proposer_so_a_reviewers_yes_does_not_count(world, kept):
    kept.write_text(world.nets_toml() + MORE)
    watched(world, kept).look()
    [waiting] = proposals(world)
    with pytest.raises(Denied):
        world.approve("rev", waiting)


def test_the_worker_looks_at_the_file_that_the_settings_name(world, kept):
    worker = Worker(world.app, replace(Settings(), nets_file=str(kept), watch_seconds=0.0))
    kept.write_text(world.nets_toml() + MORE)
    worker.watch_round()
    assert len(proposals(world)) == 1
