"""Staff and tokens on the command line."""

from __future__ import annotations

import json

import pytest

from .conftest import second_person


def test_a_person_is_added_listed_shown_and_put_off(shell):
    added = shell.json("staff", "add", "--role", "reviewer,auditor", "--team", "reports", "--last-day", "2099-12-31")
    who = added["pseudonym"]
    shown = shell.json("staff", "show", who)
    assert shown["roles"] == ["reviewer", "auditor"]
    assert shown["last_day_end"] == "2099-12-31T23:59:00Z"
    assert shell.json("staff", "role", who, "--add", "policy", "--remove", "auditor")["state"] == "in_force"
    assert shell.json("staff", "show", added["id"])["roles"] == ["reviewer", "policy"]
    shell.run("staff", "off", who)
    assert shell.json("staff", "show", who)["standing"] == "left"
    assert who not in shell.text("staff", "list")
    assert who in shell.text("staff", "list", "--all")


def test_m9_a_last_day_ends_at_2359_in_its_zone(shell):
    who = shell.json("staff", "add", "--role", "reviewer")["pseudonym"]
    shell.run("staff", "leave", who, "--last-day", "2099-07-14", "--zone", "Europe/Paris")
    assert shell.json("staff", "show", who)["last_day_end"] == "2099-07-14T21:59:00Z"
    shell.run("staff", "leave", who, "--stays")
    assert shell.json("staff", "show", who)["last_day_end"] is None
    assert "cli/zone" in shell.error("staff", "leave", who, "--last-day", "2099-07-14", "--zone", "Nowhere/Else")
    assert "cli/last_day" in shell.error("staff", "leave", who, "--last-day", "soon")
    assert "cli/usage" in shell.error("staff", "leave", who)


def test_a_last_day_that_is_over_is_taken_for_a_slip_and_nobody_is_put_off_by_it(shell):
    who = shell.json("staff", "add", "--role", "reviewer")["pseudonym"]
    said = shell.error("staff", "leave", who, "--last-day", "2020-01-01")
    assert "cli/last_day" in said
    assert "gardefou staff off" in said
    assert shell.json("staff", "show", who)["standing"] == "active"
    assert "2099-07-14 21:59" in shell.text("staff", "leave", who, "--last-day", "2099-07-14", "--zone", "Europe/Paris")


def test_a_reason_that_is_asked_for_says_something(shell):
    who = shell.json("staff", "add", "--role", "reviewer")["pseudonym"]
    for words in (("reveal", who), ("erase", who, "--yes"), ("reset-passkeys", who)):
        assert "--because" in shell.error("staff", *words, "--because", " ")
    assert "--because" in shell.error("account", "protect", "sandbox/1001", "--tier", "notable", "--because", "")


def test_nobody_is_added_who_has_left_already(shell):
    before = shell.json("staff", "list", "--all")
    assert "staff/last_day_over" in shell.error("staff", "add", "--role", "lead", "--last-day", "2020-01-01")
    assert shell.json("staff", "list", "--all") == before


def test_wrong_roles_and_unknown_people_are_named(shell):
    assert "staff/role" in shell.error("staff", "add", "--role", "king")
    assert "staff/not_found" in shell.error("staff", "show", "nobody")
    assert "not_found" in shell.error("staff", "off", "nobody")


def test_a_name_is_shown_only_where_it_was_revealed(shell):
    added = shell.json("staff", "add", "--role", "reviewer", "--name", "Grace Example")
    assert "auth/forbidden" in shell.error("staff", "reveal", added["pseudonym"], "--because", "curious")
    legal = second_person(shell, role="legal", team="law")
    revealed = shell.json("staff", "reveal", added["pseudonym"], "--because", "court order", token=legal)
    # During setup nothing waits; afterwards the same call waits for another person first.
    assert revealed["name"] == "Grace Example"
    assert "Grace" not in shell.text("staff", "show", added["pseudonym"])


def test_after_setup_a_name_waits_for_another_person(shell):
    added = shell.json("staff", "add", "--role", "reviewer", "--name", "Grace Example")
    legal = second_person(shell, role="legal", team="law")
    shell.run("setup", "finish")
    waiting = shell.json("staff", "reveal", added["pseudonym"], "--because", "court order", token=legal)
    assert waiting["state"] == "waiting"
    assert "Grace" not in json.dumps(waiting)


def test_a_tokens_secret_is_printed_once_and_revoking_ends_it(shell):
    issued = shell.json("token", "issue", "--mine", "--scope", "read,cases:write")
    secret = issued["secret"]
    shell.run("case", "list", token=secret)
    listed = shell.json("token", "list")["tokens"]
    # One's sign-in key stands there too, so that it can be revoked.
    assert [one["scopes"] for one in listed] == [["signin"], ["read", "cases:write"]]
    assert secret not in json.dumps(listed)
    assert "hash" not in json.dumps(issued["change"])
    shell.run("token", "revoke", issued["id"])
    assert "auth/invalid" in shell.error("case", "list", token=secret)
    assert [one["scopes"] for one in shell.json("token", "list")["tokens"]] == [["signin"]]


def test_r17_a_services_reports_have_the_source_of_its_token(shell):
    issued = shell.json(
        "token", "issue", "--service", "flaggers", "--scope", "reports:write", "--source", "trusted_flagger"
    )
    report = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": "1"},
        "reporter": "r",
        "category": "spam",
    }
    shell.run("report", "import", "-", stdin=json.dumps(report).encode(), token=issued["secret"])
    case = shell.json("case", "next")
    assert case["report_list"][0]["source"] == "trusted_flagger"
    assert "auth/forbidden" in shell.error("case", "list", token=issued["secret"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--mine", "--scope", "everything"], "token/scope"),
        (["--scope", "read"], "cli/usage"),
        (["--mine", "--service", "x", "--scope", "read"], "cli/usage"),
        (["--service", "x", "--scope", "read", "--source", "gossip"], "token/source"),
        (["--mine", "--scope", "read", "--expires", "never"], "cli/moment"),
    ],
)
def test_wrong_tokens_are_refused(shell, words, code):
    assert code in shell.error("token", "issue", *words)


def test_a_list_of_people_is_tried_and_then_imported_and_no_pseudonym_is_printed(shell, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("external_id,name,roles,last_day\n1,Grace Example,reviewer,2099-12-31\n2,Ada Example,,\n")
    tried = shell.json("staff", "import", str(file), "--dry-run")
    assert (tried["dry_run"], len(shell.json("staff", "list")["staff"])) == (True, 1)
    done = shell.json("staff", "import", str(file))
    assert done["lines"] == tried["lines"]
    people = shell.json("staff", "list")["staff"]
    assert len(people) == 3
    assert not any(one["pseudonym"] in json.dumps(done) for one in people)
    assert shell.json("staff", "import", str(file))["unchanged"] == 2
    file.write_text("external_id,roles\n1,emperor\n")
    assert "line 2, roles" in shell.error("staff", "import", str(file))


def test_somebody_is_off_duty_for_now_and_comes_back(shell):
    second = second_person(shell)
    who = shell.json("staff", "list")["staff"][1]["pseudonym"]
    assert shell.json("staff", "suspend", who)["state"] == "in_force"
    assert "auth/invalid" in shell.error("case", "list", token=second)
    assert shell.json("staff", "show", who)["standing"] == "suspended"
    shell.json("staff", "suspend", who, "--end")
    assert shell.json("staff", "show", who)["standing"] == "active"
    assert "staff/not_suspended" in shell.error("staff", "suspend", who, "--end")


def test_a_guarded_setting_is_listed_and_proposed(shell):
    line = '["Trust leads = role:lead"]'
    assert shell.json("setting", "set", "scim_groups", line)["state"] == "in_force"
    assert shell.json("setting", "list")["settings"]["scim_groups"] == ["Trust leads = role:lead"]
    assert "setting/scim_groups" in shell.error("setting", "set", "scim_groups", '["Leads = role:emperor"]')
    assert "setting/unknown" in shell.error("setting", "set", "nonsense", "1")
