"""Incidents on the command line: listed, told, and written as a page."""

from __future__ import annotations


def reversal(shell):
    """An account suspended and restored at once; return the incident's id."""
    shell.run("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam", "--because", "links")
    shell.run("restore", "sandbox/1001", "--because", "the real one")
    [incident] = shell.json("incident", "list")["incidents"]
    return incident["id"]


def test_m8_an_incident_is_told_in_words_and_as_json(scene):
    assert scene.text("incident", "list") == "Nothing went wrong yet.\n"
    incident = reversal(scene)
    told = scene.json("incident", "show", incident)
    assert (told["kind"], told["still_down"], told["near_miss"]) == ("reversal", False, False)
    assert told["minutes_down"] < 1
    [down] = told["down"]
    assert (down["account"], down["reach"], len(down["spans"])) == ("1001", 12, 1)
    assert {one["lane"] for one in told["timeline"]} == {"person", "net", "platform"}
    text = scene.text("incident", "show", incident)
    for words in ("An early reversal", "asks to suspend the account", "shows it undone", "restores the account"):
        assert words in text


def test_incidents_are_listed_by_kind_and_account(scene):
    incident = reversal(scene)
    assert incident in scene.text("incident", "list", "--account", "sandbox/1001")
    assert scene.json("incident", "list", "--account", "sandbox/1002")["incidents"] == []
    assert scene.text("incident", "list", "--kind", "near_miss") == "There are no such incidents.\n"


def test_m8_the_page_is_one_file(scene, tmp_path):
    incident = reversal(scene)
    file = tmp_path / "incident.html"
    result = scene.run("incident", "show", incident, "--html", str(file))
    assert (result.stdout, "Written" in result.stderr) == ("", True)
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "<script" not in page
    assert scene.json("incident", "show", incident, "--html", str(file))["id"] == incident
    assert "cli/file" in scene.error("incident", "show", incident, "--html", str(tmp_path / "no" / "file.html"))


def test_an_unknown_incident_is_one_line(scene):
    assert "incident/not_found" in scene.error("incident", "show", "nope")
