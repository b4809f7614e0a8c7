"""Reading nets on the command line: check, diff, explain, shadow, alone."""

from __future__ import annotations

from gardefou.nets.shipped import shipped_text

NET = """
[[net]]
id = "suspensions-wait"
title = "Five minutes before a suspension"
because = "a trial"
when = 'action.name == "suspend"'
mode = "shadow"
[net.require]
hold = "5m"
"""
ALWAYS = NET.replace('action.name == "suspend"', "account.reach >= 0")
TEAM = '[[staff]]\nid = "ada"\nroles = ["lead"]\n[[staff]]\nid = "ben"\nroles = ["reviewer"]\n'


def test_a_warning_exits_0_and_with_strict_1(empty, tmp_path):
    file = tmp_path / "nets.toml"
    file.write_text(shipped_text("solo") + ALWAYS)
    found = empty.json("nets", "check", str(file))
    assert found["ok"] is True
    [one] = found["problems"]
    assert (one["code"], one["severity"], one["net"]) == ("nets/always_holds", "warning", "suspensions-wait")
    assert one["suggestion"]
    said = empty.text("nets", "check", str(file))
    assert "warning: " in said
    assert "is good" in said
    assert empty.json("nets", "check", str(file), "--strict", status=1)["ok"] is False


def test_r21_a_team_in_a_file_is_checked_against_before_anything_is_installed(empty, tmp_path):
    file, team = tmp_path / "nets.toml", tmp_path / "team.toml"
    file.write_text(shipped_text("default"))
    team.write_text(TEAM)
    found = empty.json("nets", "check", str(file), "--team", str(team), status=1)["problems"]
    assert "nets/unsatisfiable" in {one["code"] for one in found}
    assert all(one["line"] > 1 for one in found)
    team.write_text(TEAM.replace("roles", "rolls"))
    assert "Did you mean roles?" in empty.error("nets", "check", str(file), "--team", str(team))


def test_a_diff_tells_the_smallest_facts_and_exits_1_where_sets_differ(empty, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(shipped_text("solo").replace('hold = "48h"', 'hold = "24h"'))
    found = empty.json("nets", "diff", "solo", str(file), status=1)
    assert (found["same"], found["how"]) == (False, "proved")
    [one] = found["differences"]
    assert (one["component"], one["asks_less"]) == ("hold", "b")
    assert one["differs_from_ordinary"] == {"action.name": "deactivate", "action.severity": 4}
    said = empty.text("nets", "diff", "solo", str(file), status=1)
    assert "~ severity-4-hold" in said
    assert "hold: [-2d-]{+1d+}" in said
    assert "A deactivation of a standard account (40 followers) by a reviewer" in said
    assert "ask the same in every situation (proved)" in empty.text("nets", "diff", "solo", "solo")
    assert "nets/file" in empty.error("nets", "diff", "solo", "nowhere.toml")


def test_current_is_the_set_in_force(scene):
    assert scene.json("nets", "diff", "current", "small-team")["same"] is True


def test_alone_says_which_promises_hold_under_a_set(empty):
    page = empty.json("nets", "alone", "--nets", "small-team")
    assert page["promises"][0]["kept"] is False
    assert page["promises"][0]["hold_seconds"] == 86_400
    assert {line["tier"] for line in page["table"]} == {"standard", "notable", "protected"}
    said = empty.text("nets", "alone")
    assert "Nobody alone can suspend, deactivate or delete a protected account" in said
    assert "NOT KEPT" not in said
    assert "NOT KEPT  One person alone can" in empty.text("nets", "alone", "--nets", "solo")


def test_shadow_nets_are_told_in_preview_explanation_and_report(scene, tmp_path):
    scene.run("staff", "role", scene.json("staff", "list")["staff"][0]["pseudonym"], "--add", "policy")
    file = tmp_path / "nets.toml"
    file.write_text(shipped_text("small-team") + NET)
    assert scene.json("nets", "propose", str(file))["state"] == "in_force"
    assert "would have asked a hold of 5 minutes" in scene.text(
        "nets", "preview", "sandbox/1001", "suspend", "--policy", "spam"
    )
    placed = scene.json("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam", "--because", "spam")
    explained = scene.json("nets", "explain", placed["id"])
    assert explained["in_shadow"] == "would have asked a hold of 5 minutes"
    assert explained["nets"][0]["plain"] == ["it is a suspension"]
    report = scene.json("nets", "shadow", "--since", "1d")
    assert (report["judged"], report["delayed"], report["median_hold_seconds"]) == (1, 1, 300)
    assert "would have delayed 1, median 5 minutes" in scene.text("nets", "shadow")


def test_a_proposal_is_warned_about_nets_that_always_speak(scene, tmp_path):
    file = tmp_path / "nets.toml"
    file.write_text(shipped_text("small-team") + ALWAYS)
    scene.run("staff", "role", scene.json("staff", "list")["staff"][0]["pseudonym"], "--add", "policy")
    assert "nets/always_holds" in scene.run("nets", "propose", str(file)).stderr
