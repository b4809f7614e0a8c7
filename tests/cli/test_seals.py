"""The sealing keys on a machine: rotated, let go, wrapped by a command, and in backups or not (R19)."""

from __future__ import annotations

import json
import sys

import orjson
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from gardefou.bootstrap import open_app
from gardefou.settings import Settings
from gardefou.storage import tables

from .conftest import Shell

NAME = "Grace Canarybird"


@pytest.fixture
def named(empty) -> Shell:
    empty.run("init", "--nets", "small-team", "--name", NAME, "--email", "grace@canary.example")
    return empty


def found(shell: Shell) -> str:
    return shell.text("staff", "find", "--name", NAME).strip()


def test_rotating_seals_everybody_under_a_new_key_and_the_old_one_is_let_go(named):
    who = found(named)
    before = named.json("seals", "status")
    assert before["kept"] == "file"
    (old,) = before["keys"]
    assert old["people"] == 1
    assert old["seals"]
    after = named.json("seals", "rotate")
    assert [(one["people"], one["seals"]) for one in after["keys"]] == [(0, False), (1, True)]
    assert found(named) == who
    app = open_app(Settings(data=named.data))
    with app.works.read() as connection:
        event = connection.execute(sa.select(tables.event).where(tables.event.c.kind == "seals.rotated")).one()
    app.works.store.close()
    key = after["keys"][1]["id"]
    assert event.about == key
    assert orjson.loads(event.body)["detail"] == {"key": key, "people": 1}
    left = named.json("seals", "drop")
    assert [one["id"] for one in left["keys"]] == [after["keys"][1]["id"]]
    assert found(named) == who
    assert named.json("ledger", "verify")["ok"]


def test_a_new_key_is_first_copied_elsewhere_and_then_sealed_with(named):
    first = named.json("seals", "rotate", "--key-only")
    assert first == named.json("seals", "rotate", "--key-only")
    assert [one["seals"] for one in first["keys"]] == [True, False]
    after = named.json("seals", "rotate")
    assert [one["id"] for one in after["keys"]] == [one["id"] for one in first["keys"]]
    assert [one["seals"] for one in after["keys"]] == [False, True]


def test_a_rotation_that_is_cut_off_goes_on_with_its_own_key(named):
    from gardefou.bootstrap import open_seals
    from gardefou.people.seals import SealKey

    seals = open_seals(Settings(data=named.data))
    new = SealKey.new()
    ring = seals.ring()
    assert ring is not None
    seals.keep(ring.with_key(new).sealing_with(new))
    assert found(named)
    kept = named.json("seals", "drop")
    assert [one["people"] for one in kept["keys"]] == [1, 0]
    after = named.json("seals", "rotate")
    assert [(one["id"], one["people"]) for one in after["keys"]][1] == (new.id, 1)
    assert len(after["keys"]) == 2


def test_without_the_key_nothing_is_read_and_no_second_key_is_made(named):
    file = named.data / "keys" / "seals.json"
    ring = file.read_text()
    file.unlink()
    assert "seals/key" in named.error("staff", "add", "--role", "reviewer", "--name", "Ida Example")
    assert not file.exists()
    assert "seals/key" in named.error("staff", "find", "--name", NAME)
    assert len(named.json("staff", "list")["staff"]) == 1
    other = Shell(named.data.parent / "other")
    other.run("init", "--name", "Someone Else")
    file.write_text((other.data / "keys" / "seals.json").read_text())
    assert "seals/key" in named.error("staff", "add", "--role", "reviewer", "--name", "Ida Example")
    file.write_text('{"kept": "file", "ring": {"keys": []}}')
    assert "seals/unreadable" in named.error("staff", "find", "--name", NAME)
    file.write_text(ring)
    assert found(named)


@pytest.fixture
def kms(tmp_path) -> dict[str, str]:
    """Two commands that wrap with a key of their own, as a key management service's would."""
    key, script = tmp_path / "kms.key", tmp_path / "kms.py"
    key.write_bytes(Fernet.generate_key())
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom cryptography.fernet import Fernet\n"
        f"cipher = Fernet(Path({str(key)!r}).read_bytes())\n"
        "sys.stdout.buffer.write(getattr(cipher, sys.argv[1])(sys.stdin.buffer.read()))\n"
    )
    return {
        "GARDEFOU_SEAL_WRAP": f"{sys.executable} {script} encrypt",
        "GARDEFOU_SEAL_UNWRAP": f"{sys.executable} {script} decrypt",
    }


def test_with_a_wrapping_command_the_key_store_alone_opens_nothing(empty, kms, tmp_path):
    shell = Shell(empty.data, kms)
    shell.run("init", "--nets", "small-team", "--name", NAME)
    who = found(shell)
    document = json.loads((shell.data / "keys" / "seals.json").read_text())
    assert document["kept"] == "command"
    assert b"keys" not in document["ring"].encode()
    bare = Shell(empty.data)
    assert "seals/command" in bare.error("staff", "find", "--name", NAME)
    broken = Shell(empty.data, {**kms, "GARDEFOU_SEAL_UNWRAP": "false"})
    assert "seals/command" in broken.error("staff", "find", "--name", NAME)
    gone = Shell(empty.data, {**kms, "GARDEFOU_SEAL_UNWRAP": str(tmp_path / "nowhere")})
    assert "seals/command" in gone.error("staff", "find", "--name", NAME)
    made = shell.run("backup", "create", str(tmp_path / "one.tar"))
    assert "wrapped" in made.stderr
    # Back into a file, and behind the command again: each with a new key.
    plain = Shell(empty.data, {"GARDEFOU_SEAL_UNWRAP": kms["GARDEFOU_SEAL_UNWRAP"]})
    assert plain.json("seals", "rotate")["kept"] == "file"
    assert found(bare) == who
    assert shell.json("seals", "rotate")["kept"] == "command"
    assert found(shell) == who


def test_a_wrap_that_its_own_command_does_not_undo_is_refused_before_anything_is_sealed(empty, kms):
    shell = Shell(empty.data, {**kms, "GARDEFOU_SEAL_UNWRAP": "cat"})
    assert "seals/command" in shell.error("init", "--name", NAME)
    assert not (empty.data / "keys" / "seals.json").exists()
    assert "settings/invalid" in Shell(empty.data, {**kms, "GARDEFOU_SEAL_UNWRAP": ""}).error("init", "--name", NAME)


def test_a_backup_says_whether_names_can_be_read_from_it(named, tmp_path):
    who = found(named)
    whole = named.run("backup", "create", str(tmp_path / "whole.tar"), "--json")
    assert json.loads(whole.stdout)["seals"] == "file"
    assert "can read the names" in whole.stderr
    bare = named.run("backup", "create", str(tmp_path / "bare.tar"), "--without-keys", "--json")
    assert json.loads(bare.stdout)["seals"] == ""
    assert "stay sealed" in bare.stderr
    for name in ("whole.tar", "bare.tar"):
        assert b"anarybird" not in (tmp_path / name).read_bytes()
    secret = (named.data / "signin").read_text().strip()
    one, other = Shell(tmp_path / "one"), Shell(tmp_path / "other")
    one.run("backup", "load", str(tmp_path / "whole.tar"))
    assert one.text("staff", "find", "--name", NAME, token=secret).strip() == who
    other.run("backup", "load", str(tmp_path / "bare.tar"))
    assert "seals/key" in other.error("staff", "find", "--name", NAME, token=secret)
