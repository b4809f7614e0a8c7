"""Confirming roles, and rolling back, from the command line."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_a_role_is_confirmed_by_somebody_else_and_listed_with_when_it_lapses(scene: Shell):
    listed = scene.json("staff", "certify")["items"]
    assert {one["role"] for one in listed} >= {"admin"}
    assert all(one["lapses_at"] for one in listed)
    mine = next(one for one in listed if one["role"] == "admin")
    assert "certify/own" in scene.error("staff", "certify", mine["staff"], "--role", "admin")
    assert "staff/not_found" in scene.error("staff", "certify", "nobody")


def test_a_dry_run_says_what_is_in_the_way_and_the_report_what_became_of_each(scene: Shell):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    me = scene.json("staff", "list")["staff"][0]["pseudonym"]
    dry = scene.json("rollback", "--by", me, "--since", "2h", "--dry-run")
    assert (dry["actions"], dry["waits"], dry["conflicts"], dry["running"]) == ({"limit": 1}, 0, [], None)
    done = scene.json("rollback", "--by", me, "--since", "2h")
    assert (done["state"], done["counts"]["back"], done["asked_by"]) == ("done", 1, me)
    assert [(one["account"], one["outcome"]) for one in done["report"]] == [("1001", "back")]
