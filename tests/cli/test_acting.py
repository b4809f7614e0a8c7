"""Reports, cases, enforcements, restores, pauses: the day's work on the command line."""

from __future__ import annotations

import gzip
import json

import pytest

from .conftest import second_person

REPORT = {
    "platform": "sandbox",
    "subject": {"kind": "account", "account": "1001"},
    "reporter": "r1",
    "category": "spam",
}


def lines(*reports) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in reports)


def test_an_import_says_what_was_taken_merged_and_rejected_by_line(scene, tmp_path):
    file = tmp_path / "reports.ndjson"
    file.write_bytes(lines(REPORT, {**REPORT, "reporter": "r2"}) + b"{nonsense\n\n" + lines({**REPORT, "category": 7}))
    result = scene.run("report", "import", str(file), status=1)
    assert result.stdout == "2 taken, 1 of them merged into open cases, 2 rejected.\n"
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["line 3", "line 5"]
    document = scene.json("report", "import", str(file), status=1)
    assert (document["taken"], document["merged"], document["rejected"]) == (2, 2, 2)
    assert [one["line"] for one in document["results"]] == [1, 2, 3, 5]


def test_imports_read_gzip_and_standard_input(scene, tmp_path):
    file = tmp_path / "reports.ndjson.gz"
    file.write_bytes(gzip.compress(lines(REPORT)))
    assert scene.json("report", "import", str(file))["taken"] == 1
    assert scene.json("report", "import", "-", stdin=lines(REPORT))["merged"] == 1
    file.write_bytes(gzip.compress(lines(REPORT))[:-9])
    assert "report/gzip" in scene.error("report", "import", str(file))
    assert "report/file" in scene.error("report", "import", str(tmp_path / "missing"))


def test_cases_are_listed_shown_and_taken(scene):
    assert scene.text("case", "list") == "No cases wait.\n"
    assert scene.text("case", "next") == "No cases wait.\n"
    assert scene.json("case", "next") is None
    scene.run("report", "import", "-", stdin=lines(REPORT, {**REPORT, "reporter": "r2"}))
    listed = scene.json("case", "list")["cases"]
    assert [(one["account"], one["reports"], one["claimed_by"]) for one in listed] == [("1001", 2, None)]
    taken = scene.json("case", "next")
    me = scene.json("staff", "list")["staff"][0]["pseudonym"]
    assert taken["claimed_by"] == me
    assert len(taken["report_list"]) == 2
    assert "sandbox/1001" in scene.text("case", "show", taken["id"])
    assert "case/not_found" in scene.error("case", "show", "nope")
    assert "cli/usage" in scene.error("case", "list", "--state", "sideways")
    assert "case/cursor" in scene.error("case", "list", "--cursor", "zzz")
    # Else the first page would come again, or nothing at all.
    assert "input/cursor" in scene.error("enforcement", "list", "--cursor", "zzz")
    assert "input/cursor" in scene.error("incident", "list", "--cursor", "zzz")


def test_an_enforcement_is_placed_shown_proved_and_restored(scene, tmp_path):
    made = scene.json("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    assert made["state"] == "in_force"
    assert made["via"] == "cli"
    assert "staff" not in json.dumps(made["placed_by"])
    assert scene.json("account", "show", "sandbox/1001")["now"]["state"] == "suspended"
    assert "suspend" in scene.text("enforcement", "list")
    assert "in_force" in scene.text("enforcement", "show", made["id"])
    assert "No net" in scene.text("nets", "explain", made["id"])
    scene.run("ledger", "checkpoint")
    bundle = scene.json("enforcement", "proof", made["id"])
    assert bundle["events"]
    scene.run("enforcement", "proof", made["id"], "--out", str(tmp_path / "proof.json"))
    assert json.loads((tmp_path / "proof.json").read_bytes())["events"] == bundle["events"]
    assert "cli/exists" in scene.error("enforcement", "proof", made["id"], "--out", str(tmp_path / "proof.json"))
    assert scene.json("ledger", "verify", str(tmp_path / "proof.json"))["ok"] is True
    (tmp_path / "emptied.json").write_text(json.dumps({**bundle, "events": []}))
    emptied = scene.json("ledger", "verify", str(tmp_path / "emptied.json"), status=1)
    assert emptied["ok"] is False
    assert "proves nothing" in emptied["problem"]
    done = scene.json("restore", "sandbox/1001", "--because", "appeal upheld")
    assert [one["state"] for one in done["restores"]] == ["in_force"]
    assert scene.json("account", "show", "sandbox/1001")["now"]["state"] == "active"
    assert "nothing to lift" in scene.text("restore", "sandbox/1001", "--because", "again")


def test_a_dry_run_says_what_would_happen_and_does_nothing(scene):
    words = ("sandbox/1001", "suspend", "--policy", "spam")
    assert "Suspends @spammer now" in scene.text("enforcement", "place", *words, "--dry-run")
    assert "Suspends @spammer now" in scene.text("nets", "preview", *words)
    assert scene.text("enforcement", "list") == "Nothing was placed yet.\n"


def test_an_unknown_platform_action_or_form_is_refused_in_one_line(scene):
    place = ("enforcement", "place")
    assert "enforcement/action" in scene.error(*place, "sandbox/1001", "annoy", "--policy", "spam")
    assert "cli/account" in scene.error(*place, "1001", "suspend", "--policy", "spam")
    assert "platform/not_found" in scene.error(*place, "nowhere/1", "suspend", "--policy", "spam")
    assert "--policy" in scene.error(*place, "sandbox/1001", "suspend")
    assert "cli/moment" in scene.error(*place, "sandbox/1001", "suspend", "--policy", "spam", "--until", "soon")


@pytest.fixture
def waiting(guarded):
    """The head of state's account, its deactivation waiting; and a colleague's token."""
    token = second_person(guarded)
    words = ("sandbox/1002", "suspend", "--policy", "impersonation", "--confirm-handle", "president")
    made = guarded.json("enforcement", "place", *words, "--confirm-identity", "1002")
    assert made["state"] == "waiting"
    return made, token


def test_what_waits_is_said_and_a_colleague_refuses_it(guarded, waiting):
    made, token = waiting
    assert "wait" in guarded.text("enforcement", "show", made["id"]).lower()
    assert guarded.json("enforcement", "list", "--state", "waiting")["enforcements"][0]["id"] == made["id"]
    stale = guarded.error("enforcement", "refuse", made["id"], "--digest", "0" * 16, token=token)
    assert "enforcement/stale" in stale
    said = guarded.json(
        "enforcement", "refuse", made["id"], "--digest", made["digest"][:12], "--note", "the real one", token=token
    )
    assert said["state"] == "refused"
    assert said["approvals"][0]["note"] == "the real one"
    assert guarded.json("account", "show", "sandbox/1002")["now"]["state"] == "active"


def test_nobody_approves_their_own(guarded, waiting):
    made, _ = waiting
    assert "approval/own" in guarded.error("enforcement", "approve", made["id"])


def test_cancelling_withdraws_it(guarded, waiting):
    made, _ = waiting
    assert guarded.json("enforcement", "cancel", made["id"], "--because", "wrong account")["state"] == "cancelled"
    assert "enforcement/state" in guarded.error("enforcement", "cancel", made["id"])


def test_a_rollback_takes_back_one_persons_last_hours(scene):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    me = scene.json("staff", "list")["staff"][0]["pseudonym"]
    dry = scene.json("rollback", "--by", me, "--since", "2h", "--dry-run")
    assert (dry["accounts"], dry["restores"]) == (["1001"], [])
    assert scene.json("account", "show", "sandbox/1001")["now"]["state"] == "limited"
    assert scene.json("rollback", "--by", me, "--since", "2h")["restored"] == 1
    assert scene.json("account", "show", "sandbox/1001")["now"]["state"] == "active"
    assert "nothing of theirs" in scene.text("rollback", "--by", me, "--since", "2h")
    assert "staff/not_found" in scene.error("rollback", "--by", "nobody", "--since", "2h")
    assert "cli/moment" in scene.error("rollback", "--by", me, "--since", "yesterday")


def test_a_pause_stops_everything_but_restores(scene):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    assert scene.text("pause", "--because", "a runaway script") == "In force.\n"
    stopped = scene.run("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam", status=1)
    assert "refused" in stopped.stdout
    assert scene.json("restore", "sandbox/1001", "--because", "back")["restores"][0]["state"] == "in_force"
    assert scene.json("resume", "--because", "fixed")["state"] == "in_force"
    assert "pause/none" in scene.error("resume")


def test_broken_glass_waits_for_one_other_and_can_be_ratified_by_nobody_before(scene):
    made = scene.json("break-glass", "sandbox/1001", "suspend", "--because", "hacked")
    assert made["state"] == "waiting"
    assert "ratify/nothing" in scene.error("ratify", made["id"])
    assert "break_glass/irreversible" in scene.error("break-glass", "sandbox/1002", "delete", "--because", "hacked")


def test_the_worker_does_what_is_due_and_ends(scene):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    assert scene.json("worker", "--once")["done"] > 0
    assert scene.text("worker", "--once") == "Nothing was due.\n"
