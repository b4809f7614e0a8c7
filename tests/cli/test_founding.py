"""init, setup, login: how an installation begins, and who acts in it."""

from __future__ import annotations

import re
import sqlite3
import stat
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from gardefou.people.roles import SCOPES

from .conftest import Shell, put_accounts, second_person


def test_init_makes_everything_and_signs_the_first_person_in(empty):
    made = empty.json("init", "--name", "Ada Example", "--email", "ada@example.org")
    assert made["roles"] == ["admin", "lead", "reviewer"]
    assert made["founders_needed"] == 3
    signin = empty.data / "signin"
    assert stat.S_IMODE(signin.stat().st_mode) == 0o600
    assert stat.S_IMODE((empty.data / "keys").stat().st_mode) == 0o700
    people = empty.json("staff", "list")["staff"]
    assert [one["pseudonym"] for one in people] == [made["pseudonym"]]
    assert people[0]["enrolled"]


def test_the_first_persons_name_is_nowhere_in_the_clear(empty):
    empty.run("init", "--name", "Ada Example", "--email", "ada@example.org")
    files = [path for path in empty.data.rglob("*") if path.is_file()]
    assert {"gardefou.db", "seals.json"} <= {path.name for path in files}
    assert not [path for path in files if re.search(rb"ada.?example", path.read_bytes(), re.IGNORECASE)]
    assert stat.S_IMODE((empty.data / "keys" / "seals.json").stat().st_mode) == 0o600
    for words in (["staff", "list"], ["staff", "list", "--json"], ["setup", "status"]):
        assert "Ada" not in empty.text(*words)


def test_solo_founders_hold_the_role_policy_too(empty):
    assert empty.json("init", "--nets", "solo")["roles"] == ["admin", "lead", "reviewer", "policy"]


def test_a_second_init_changes_nothing(shell):
    before = shell.json("staff", "list")
    assert "store/initialised" in shell.error("init")
    assert shell.json("staff", "list") == before


def test_an_unknown_set_of_nets_makes_nothing(empty):
    assert "--nets" in empty.error("init", "--nets", "nope")
    assert not empty.data.exists()


def test_without_an_installation_nothing_is_made_and_the_way_is_shown(empty):
    for words in (["case", "list"], ["staff", "list"], ["ledger", "verify"], ["worker", "--once"]):
        assert "gardefou init" in empty.error(*words)
    assert not empty.data.exists()


def test_nobody_acts_unless_signed_in_r4(shell):
    shell.run("logout")
    assert "gardefou login" in shell.error("case", "list")
    assert "auth/signed_out" in shell.error("restore", "sandbox/1001", "--because", "x")


def test_a_signed_out_session_is_over_everywhere(shell):
    secret = (shell.data / "signin").read_text().strip()
    shell.run("logout")
    assert "auth/signed_out" in shell.error("case", "list", token=secret)


def test_a_session_of_the_command_line_goes_on_while_it_is_used(shell):
    """It ends after eight hours unused, and after twelve in any case."""

    def used_ago(hours: int) -> None:
        with closing(sqlite3.connect(shell.data / "gardefou.db")) as store, store:
            then = int((time.time() - hours * 3600) * 1_000_000)
            store.execute("UPDATE session SET created_at = ?, seen_at = ?", (then, then))

    used_ago(7)
    shell.run("case", "list")
    seen = datetime.fromisoformat(shell.json("session", "list")["sessions"][0]["seen_at"])
    assert datetime.now(UTC) - seen < timedelta(minutes=10)
    used_ago(9)
    assert "auth/signed_out" in shell.error("case", "list")


def test_setup_waits_for_its_founders_and_then_guards(shell):
    assert shell.json("setup", "status")["enrolled"] == 1
    assert "setup/founders" in shell.error("setup", "finish")
    second_person(shell)
    assert shell.json("setup", "status")["enrolled"] == 2
    assert shell.json("setup", "finish")["state"] == "in_force"
    assert shell.json("setup", "status")["finished"]
    waiting = shell.json("staff", "add", "--role", "lead")
    assert waiting["state"] == "waiting"
    assert waiting["link"] is None
    assert "Waits for" in waiting["says"]


def test_what_the_nets_leave_open_is_said_before_setup_is_to_end(shell, tmp_path):
    second_person(shell)
    assert shell.json("setup", "status")["nets_leave_open"] == []
    assert "Next: gardefou setup finish" in shell.text("setup", "status")
    file = tmp_path / "nets.toml"
    shell.run("staff", "role", shell.json("staff", "list")["staff"][0]["pseudonym"], "--add", "policy")
    shipped = load_shipped(shell.json("setup", "status")["nets"])
    file.write_text(NetSet(net for net in shipped.nets if net.id != "irreversible-hold").to_toml())
    assert shell.json("nets", "propose", str(file))["state"] == "in_force"
    assert "I3" in shell.json("setup", "status")["nets_leave_open"][0]
    assert "Next: gardefou nets propose" in shell.text("setup", "status")


def test_r11_sign_in_links_end_with_setup(shell):
    second_person(shell)
    added = shell.json("staff", "add", "--role", "reviewer")
    shell.run("setup", "finish")
    assert "setup/finished" in shell.error("login", "--link", added["link"])
    assert "setup/finished" in shell.error("setup", "link", added["pseudonym"])


def test_a_sign_in_link_works_once(shell):
    added = shell.json("staff", "add", "--role", "reviewer")
    assert shell.json("login", "--link", added["link"])["whose"] == added["pseudonym"]
    assert "auth/link" in shell.error("login", "--link", added["link"])


def test_a_new_link_says_how_long_it_is_good_for(shell):
    added = shell.json("staff", "add", "--role", "reviewer")
    assert shell.json("setup", "link", added["pseudonym"])["minutes"] == 10
    assert "within 10 minutes" in shell.text("setup", "link", added["pseudonym"])


def test_nobody_gets_a_link_of_someone_who_has_enrolled(shell):
    added = shell.json("staff", "add", "--role", "reviewer")
    again = shell.json("setup", "link", added["pseudonym"])["link"]
    mine = (shell.data / "signin").read_text()
    shell.run("login", "--link", again)
    (shell.data / "signin").write_text(mine)
    assert "setup/enrolled" in shell.error("setup", "link", added["pseudonym"])


def test_login_takes_a_token_from_standard_input(shell):
    secret = shell.json("token", "issue", "--mine", "--scope", "read")["secret"]
    assert shell.json("login", "--token-stdin", stdin=f"{secret}\n")["strong"] is False
    shell.run("case", "list")
    assert "auth/forbidden" in shell.error("staff", "off", "someone")
    assert "auth/invalid" in shell.error("login", "--token-stdin", stdin="gf_nonsense\n")


def test_init_shows_the_sign_in_key_once_and_it_signs_in(empty):
    said = empty.text("init", "--nets", "solo")
    assert "Keep this sign-in key; it is shown only now." in said
    [key] = re.findall(r"gf_\S+", said)
    empty.run("logout")
    assert empty.json("login", "--key-stdin", stdin=f"{key}\n")["strong"] is True
    empty.run("case", "list")
    assert key not in empty.text("token", "list", "--all", "--json")


def test_m3_a_key_gives_freshness_and_a_token_of_every_scope_none(empty):
    key = empty.json("init", "--nets", "solo")["signin_key"]
    issued = empty.json("token", "issue", "--mine", "--scope", ",".join(SCOPES))
    put_accounts(empty)
    grave = ("enforcement", "place", "sandbox/1001", "deactivate", "--policy", "spam")
    empty.run("setup", "finish")
    not_fresh(empty)
    assert empty.json("login", "--token-stdin", stdin=issued["secret"])["strong"] is False
    assert "auth/step_up" in empty.error("login", "--new-key")
    assert "auth/step_up" in empty.error(*grave)
    empty.run("login", "--key-stdin", stdin=key)
    assert empty.json(*grave)["state"] in {"in_force", "held", "scheduled", "waiting"}
    assert empty.json("login", "--new-key")["signin_key"].startswith("gf_")
    # Even in the minutes after its owner's own sign-in a token makes no key.
    assert "auth/step_up" in empty.error("login", "--new-key", token=issued["secret"])


def test_a_new_key_ends_the_earlier_one_and_is_printed_once(empty):
    first = empty.json("init", "--nets", "solo")["signin_key"]
    second = empty.json("login", "--new-key")["signin_key"]
    assert "auth/invalid" in empty.error("login", "--key-stdin", stdin=first)
    empty.run("login", "--key-stdin", stdin=second)
    not_fresh(empty)
    assert "auth/step_up" in empty.error("login", "--new-key")


def test_a_sign_in_key_is_no_token(shell):
    added = shell.json("staff", "add", "--role", "lead")
    key = shell.json("login", "--link", added["link"])["signin_key"]
    assert "This is a sign-in key" in shell.error("login", "--token-stdin", stdin=key)
    assert "This is a sign-in key" in shell.error("case", "list", token=key)
    assert "token/scope" in shell.error("token", "issue", "--mine", "--scope", "signin")


def test_a_revoked_key_and_one_of_a_person_put_off_do_not_work(shell):
    added = [shell.json("staff", "add", "--role", "lead") for _ in range(2)]
    mine = (shell.data / "signin").read_text()
    keys = [shell.json("login", "--link", one["link"])["signin_key"] for one in added]
    (shell.data / "signin").write_text(mine)
    tokens = shell.json("token", "list")["tokens"]
    [listed] = [one for one in tokens if one["whose"] == added[0]["pseudonym"]]
    assert listed["scopes"] == ["signin"]
    shell.run("token", "revoke", listed["id"])
    shell.run("staff", "off", added[1]["pseudonym"])
    for key in keys:
        assert "auth/invalid" in shell.error("login", "--key-stdin", stdin=key)
    assert "auth/token" in shell.error("login", "--key-stdin", stdin="\n")


def test_during_setup_a_link_for_oneself_brings_a_new_key_but_not_for_a_token(shell):
    me = shell.json("staff", "list")["staff"][0]["pseudonym"]
    token = shell.json("token", "issue", "--mine", "--scope", "admin:write")["secret"]
    assert "setup/token" in shell.error("setup", "link", me, token=token)
    first = shell.json("login", "--link", shell.json("setup", "link", me)["link"])["signin_key"]
    second = shell.json("login", "--link", shell.json("setup", "link", me)["link"])["signin_key"]
    assert "auth/invalid" in shell.error("login", "--key-stdin", stdin=first)
    shell.run("login", "--key-stdin", stdin=second)


@pytest.mark.parametrize("words", [[], ["--key-stdin", "--token-stdin"], ["--link", "x", "--new-key"]])
def test_login_takes_one_way_at_a_time(shell, words):
    assert "cli/usage" in shell.error("login", *words)


def not_fresh(shell: Shell) -> None:
    """Let everyone's strong sign-in be 11 minutes old."""
    engine = sa.create_engine(f"sqlite:///{shell.data / 'gardefou.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE presence SET strong_at = strong_at - :us"), {"us": 11 * 60 * 1_000_000})
    engine.dispose()


def test_the_environment_comes_before_the_sign_in_and_acts_over_the_command_line(shell):
    token = second_person(shell)
    made = shell.json("token", "issue", "--mine", "--scope", "read", token=token)
    assert made["change"]["via"] == "cli"
    me = shell.json("staff", "list")["staff"][0]["pseudonym"]
    assert made["change"]["placed_by"] != me
