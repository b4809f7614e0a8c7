"""Accounts' tiers, nets and platforms on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gardefou.nets.shipped as shipped_sets
from gardefou.nets.shipped import shipped_text

NET = """
[[net]]
id = "no-suspending-on-a-whim"
title = "One more person for every suspension"
because = "a test"
when = 'action.name == "suspend"'
mode = "enforce"
[net.require]
approvals = 1
from = ["lead", "policy"]
"""


def test_protecting_takes_effect_at_once(scene):
    assert scene.text("account", "protect", "sandbox/1001", "--tier", "protected", "--because", "news") == "In force.\n"
    shown = scene.json("account", "show", "sandbox/1001")["on_record"]
    assert (shown["tier"], shown["registry"]["because"]) == ("protected", "news")
    assert "platform/not_found" in scene.error("account", "protect", "nowhere/9", "--tier", "notable", "--because", "x")
    assert "--tier" in scene.error("account", "protect", "sandbox/1001", "--tier", "holy", "--because", "x")


def test_a_registry_is_imported_whole_or_not_at_all(scene, tmp_path):
    file = tmp_path / "registry.csv"
    file.write_text("platform,ref,tier,because,until\nsandbox,1001,protected,news,2099-01-01\nsandbox,1002,notable,,\n")
    dry = scene.json("account", "import", str(file), "--dry-run")
    assert (dry["checked"], dry["would_wait"]) == (2, 0)
    assert scene.json("account", "show", "sandbox/1001")["on_record"] is None
    assert scene.json("account", "import", str(file))["in_force"] == 2
    assert scene.json("account", "show", "sandbox/1001")["on_record"]["registry"]["until"] == "2099-01-01T00:00:00Z"


def test_every_bad_line_of_a_registry_is_named_and_nothing_changed(scene, tmp_path):
    file = tmp_path / "registry.csv"
    file.write_text(
        "platform,ref,tier,because,until\nsandbox,1001,protected,news,\nsandbox,1002,holy,,\nnowhere,1,notable,,\n"
    )
    said = scene.error("account", "import", str(file))
    assert "line 3" in said
    assert "line 4" in said
    assert "line 2" not in said
    file.write_text("platform,ref,tier,because,until\nsandbox,1001,protected,,soon\nsandbox,,notable,,\nsandbox,1\n")
    said = scene.error("account", "import", str(file))
    assert all(f"line {number}" in said for number in (2, 3, 4))
    file.write_text("platform,ref\nsandbox,1001\n")
    assert "registry/columns" in scene.error("account", "import", str(file))
    assert "registry/file" in scene.error("account", "import", str(tmp_path / "missing.csv"))
    assert scene.json("account", "show", "sandbox/1001")["on_record"] is None


def test_nets_are_listed_and_shown(shell):
    listed = shell.json("nets", "list")["nets"]
    assert {net["id"] for net in listed} >= {"protected-hold"}
    assert 'id = "protected-hold"' in shell.text("nets", "show", "protected-hold")
    assert "nets/not_found" in shell.error("nets", "show", "nope")


def test_checking_nets_names_line_and_column(shell, empty, tmp_path):
    file = tmp_path / "nets.toml"
    file.write_text(NET)
    assert shell.json("nets", "check", str(file)) == {"ok": True, "problems": []}
    assert "good" in empty.text("nets", "check", str(file))
    file.write_text(NET.replace("action.name", "action.mane"))
    found = shell.json("nets", "check", str(file), status=1)["problems"]
    assert [(one["line"], one["code"]) for one in found] == [(6, "nets/unknown_fact")]
    assert "nets.toml:6:" in shell.run("nets", "check", str(file), status=1).stdout
    assert "nets/file" in shell.error("nets", "check", str(tmp_path / "missing.toml"))


def test_proposed_nets_judge_from_then_on_and_explain_themselves(scene, tmp_path):
    file = tmp_path / "nets.toml"
    file.write_text(shipped_text("small-team") + NET)
    scene.run("staff", "role", scene.json("staff", "list")["staff"][0]["pseudonym"], "--add", "policy")
    assert scene.json("nets", "propose", str(file))["state"] == "in_force"
    made = scene.json("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    assert made["state"] == "waiting"
    spoke = scene.json("nets", "explain", made["id"])["nets"]
    assert "no-suspending-on-a-whim" in {net["net"] for net in spoke}
    assert 'action.name == "suspend"' in scene.text("nets", "explain", made["id"])
    assert "nets/same" in scene.error("nets", "propose", str(file))
    file.write_text("nonsense")
    assert "nets/toml" in scene.error("nets", "propose", str(file))


def test_the_nets_in_force_are_proved_and_what_a_file_would_break_is_said(shell, tmp_path):
    default = Path(shipped_sets.__file__).with_name("default.toml")
    # The installation of these tests began with a set for few people.
    assert {one["id"] for one in shell.json("nets", "prove", status=1)["invariants"] if not one["holds"]} >= {
        "I1",
        "I2",
    }
    found = shell.json("nets", "prove", "--nets", str(default))["invariants"]
    assert [one["id"] for one in found] == [f"I{number}" for number in range(1, 10)]
    assert all(one["holds"] and "counterexample" not in one for one in found)
    weaker = tmp_path / "weaker.toml"
    weaker.write_text(default.read_text().replace("approvals = 2", "approvals = 1"))
    said = shell.text("nets", "prove", "--nets", str(weaker), status=1)
    assert "BROKEN  I1" in said
    assert "A reviewer" in said
    ours = tmp_path / "ours.toml"
    ours.write_text(
        '[[net]]\nid = "a-month"\ntitle = "A month before deletion"\nbecause = "ours"\n'
        'when = "action.severity >= 5"\n[net.require]\nhold = "30d"\n'
    )
    found = shell.json("nets", "prove", "--nets", str(default), "--invariants", str(ours), status=1)["invariants"]
    assert [one["id"] for one in found if not one["holds"]] == ["a-month"]


def test_a_sandbox_is_checked_by_limiting_a_scratch_account_for_a_moment(shell):
    found = shell.json("platform", "check", "sandbox")
    assert found["ok"]
    assert [step["what"] for step in found["steps"]] == ["who it is", "read", "apply", "undo"]
    assert {one["action"] for one in found["actions"]} >= {"warn", "suspend", "delete"}
    assert shell.json("account", "show", "sandbox/gardefou-check")["now"]["state"] == "active"
    assert "platform/not_found" in shell.error("platform", "check", "nowhere")


def test_a_platform_that_is_down_does_not_check(shell):
    from gardefou.bootstrap import open_app
    from gardefou.platforms.sandbox import Sandbox
    from gardefou.settings import Settings

    app = open_app(Settings(data=shell.data))
    sandbox = app.connector("sandbox")
    assert isinstance(sandbox, Sandbox)
    sandbox.switch(down=True)
    app.works.store.close()
    assert shell.json("platform", "check", "sandbox", status=1)["ok"] is False
    checks = shell.json("doctor", status=1)["checks"]
    assert [one["what"] for one in checks if not one["ok"]] == ["platforms"]


def test_a_second_sandbox_is_registered(shell):
    assert shell.json("platform", "add", "trial", "--kind", "sandbox")["endpoint"] == "sandbox:trial"
    assert [one["name"] for one in shell.json("platform", "list")["platforms"]] == ["sandbox", "trial"]


def test_a_webhook_platform_is_registered_with_its_secret_in_the_key_store(shell, tmp_path):
    secret = "whsec_" + "QUFB" * 10
    describe = tmp_path / "describe.json"
    says = {"action": "suspend", "severity": 3, "reversibility": "exact", "says": "Hides the member."}
    describe.write_text(json.dumps({"capabilities": [says], "takes_key": True}))
    words = (
        "--kind",
        "webhook",
        "--url",
        "https://forum.example/gardefou",
        "--describe",
        str(describe),
        "--secrets-stdin",
    )
    made = shell.json("platform", "add", "forum", *words, stdin=secret + "\n")
    assert made["state"] == "in_force"
    assert secret not in json.dumps(made)
    assert secret in (shell.data / "keys" / "platform-forum.json").read_text()
    assert secret.encode() not in (shell.data / "gardefou.db").read_bytes()
    assert "platform/registered" in shell.error("platform", "add", "again", *words, stdin=secret)


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (["--kind", "carrier-pigeon"], None, "cli/usage"),
        (
            ["--kind", "synapse", "--url", "https://m.example", "--admin", "mod", "--secrets-stdin"],
            "t",
            "platform/admin",
        ),
        (["--kind", "synapse", "--admin", "@m:m.example", "--secrets-stdin"], "t", "platform/url"),
        (["--kind", "webhook", "--url", "https://f.example", "--secrets-stdin"], "", "platform/secrets"),
        (["--kind", "webhook", "--url", "https://f.example", "--secrets-stdin"], "weak", "platform/webhook_secret"),
    ],
)
def test_wrong_platforms_are_refused(shell, words, stdin, code):
    assert code in shell.error("platform", "add", "new", *words, stdin=stdin)
    assert not (shell.data / "keys" / "platform-new.json").exists()
