"""The ledger, backups and the doctor on the command line."""

from __future__ import annotations

import sqlite3
import stat
import tarfile
from importlib.resources import files

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from gardefou.storage.engine import open_store
from tests.storage.test_migrations import counted

from .conftest import Shell


def damage(shell: Shell, *statements: str) -> None:
    """Change the database behind everybody's back, triggers or not."""
    with sqlite3.connect(shell.data / "gardefou.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_sound_store_verifies(scene):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    found = scene.json("ledger", "verify")
    assert found["ok"]
    assert {one["platform"] for one in found["logs"]} == {"gardefou", "sandbox"}


def test_an_altered_event_is_named(scene):
    scene.run("ledger", "checkpoint")
    damage(
        scene,
        "UPDATE event SET body = CAST(body || ' ' AS BLOB) WHERE id = (SELECT event_id FROM leaf WHERE platform = 'gardefou' AND seq = 1)",
    )
    result = scene.run("ledger", "verify", status=1)
    assert "BAD gardefou: entry 1 (event " in result.stdout
    assert scene.json("ledger", "verify", status=1)["logs"][0]["bad_index"] == 1
    assert "ledger" in [one["what"] for one in scene.json("doctor", status=1)["checks"] if not one["ok"]]


def test_a_table_changed_behind_the_ledger_is_named(scene):
    damage(scene, 'UPDATE staff SET roles = \'["admin","lead"]\'')
    found = scene.json("ledger", "verify", status=1)
    assert any("staff" in one and "roles" in one for one in found["differences"])


def test_exports_verify_offline_and_altered_ones_do_not(scene, empty, tmp_path):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    exported = scene.json("ledger", "export", str(tmp_path / "out"))["exports"]
    assert {one["platform"] for one in exported} == {"gardefou", "sandbox"}
    assert empty.json("ledger", "verify", str(tmp_path / "out"))["ok"]
    one = tmp_path / "out" / "sandbox"
    assert empty.json("ledger", "verify", str(one), "--key", exported[1]["verifier_key"])["ok"]
    (one / "bodies.ndjson").write_bytes((one / "bodies.ndjson").read_bytes().replace(b'"seq":1', b'"seq":9', 1))
    assert "BAD entry 1" in empty.run("ledger", "verify", str(one), status=1).stdout
    assert "ledger/export" in empty.error("ledger", "verify", str(tmp_path / "missing"))
    assert "ledger/export_exists" in scene.error("ledger", "export", str(tmp_path / "out"))
    assert "ledger/not_found" in scene.error("ledger", "export", str(tmp_path / "new"), "--platform", "nowhere")


def test_checkpoints_are_signed_notes(shell):
    found = shell.json("ledger", "checkpoint")["checkpoints"]
    assert found[0]["platform"] == "gardefou"
    assert "\n\n— gardefou-" in found[0]["note"]


def test_on_sqlite_there_is_no_role_to_give_grants_to(shell):
    assert "ledger/role" in shell.error("ledger", "grants", "gardefou")


@pytest.mark.network_loopback
def test_the_owner_of_the_tables_is_given_the_sql_for_a_role_and_that_role_is_not(databases, tmp_path):
    with databases.fresh("postgresql", migrated=False) as url:
        owner = Shell(tmp_path / "data", {"GARDEFOU_DATABASE_URL": url})
        owner.run("init")
        given = owner.json("ledger", "grants", "runs")
        assert given["role"] == "runs"
        assert 'GRANT SELECT, INSERT ON public."event" TO "runs"' in given["statements"]
        assert owner.text("ledger", "grants", "runs").splitlines() == [f"{one};" for one in given["statements"]]
        assert "ledger/role" in owner.error("ledger", "grants", "")
        remark = "could rewrite them: `gardefou ledger grants`"
        assert remark in owner.text("doctor")
        with psycopg.connect(_plain(url), autocommit=True) as connection:
            connection.execute("CREATE ROLE runs LOGIN")
            try:
                for statement in given["statements"]:
                    connection.execute(statement.encode())
                as_role = make_url(url).set(username="runs").render_as_string(hide_password=False)
                role = Shell(tmp_path / "data", {"GARDEFOU_DATABASE_URL": as_role})
                assert "ledger/role" in role.error("ledger", "grants", "runs")
                assert remark not in role.text("doctor")
                assert role.json("worker", "--once")["done"]
                assert role.json("ledger", "verify")["ok"]
                # As after an update that brought a table, where nobody ran the grants again.
                connection.execute("REVOKE INSERT, UPDATE ON notice, pause FROM runs")
                said = "lacks INSERT on notice, UPDATE on notice, INSERT on pause and 1 more"
                assert said not in owner.text("doctor")
                assert said in role.text("doctor", status=1)
                assert "store/not_granted" in role.error("worker", "--once")
            finally:
                connection.execute("DROP OWNED BY runs")
                connection.execute("DROP ROLE runs")


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_backup_brings_everything_back(scene, empty, tmp_path):
    scene.run("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    file = tmp_path / "backup.tar"
    made = scene.json("backup", "create", str(file))
    assert "ledger.key" in made["keys"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    loaded = empty.json("backup", "load", str(file))
    assert loaded["verified"]["ok"]
    assert stat.S_IMODE((empty.data / "keys" / "ledger.key").stat().st_mode) == 0o600
    secret = (scene.data / "signin").read_text().strip()
    assert empty.json("account", "show", "sandbox/1001", token=secret)["now"]["state"] == "suspended"
    assert "backup/not_empty" in empty.error("backup", "load", str(file))
    assert "backup/exists" in scene.error("backup", "create", str(file))


def test_a_backup_without_keys_says_so(shell, empty, tmp_path):
    file = tmp_path / "backup.tar"
    shell.run("backup", "create", str(file), "--without-keys")
    with tarfile.open(file) as tar:
        assert sorted(tar.getnames()) == ["database.sqlite3", "manifest.json"]
    assert empty.json("backup", "load", str(file))["verified"] is None
    assert not (empty.data / "keys" / "ledger.key").exists()


def test_what_is_no_backup_is_refused(empty, tmp_path):
    (tmp_path / "nonsense.tar").write_bytes(b"nonsense" * 100)
    assert "backup/malformed" in empty.error("backup", "load", str(tmp_path / "nonsense.tar"))
    assert "backup/file" in empty.error("backup", "load", str(tmp_path / "missing.tar"))


def is_planned_for(url: str) -> None:
    """Fail unless PostgreSQL knows how many rows there are, and what stands in columns and expressions of indexes."""
    store = open_store(url)
    with store.read() as connection:
        rows = counted(connection)
        known = set(connection.execute(sa.text("SELECT tablename FROM pg_stats WHERE schemaname = 'public'")).scalars())
    store.close()
    assert min(rows.values()) >= 0
    assert {"account", "account_by_handle", "enforcement", "event"} <= known


@pytest.mark.network_loopback
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_backup_of_postgresql_loads_into_either_database(databases, scene, tmp_path, target):
    scene.run("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    scene.run("backup", "create", str(tmp_path / "first.tar"))
    with databases.fresh("postgresql", migrated=False) as url, databases.fresh("postgresql", migrated=False) as other:
        server = Shell(tmp_path / "server", {"GARDEFOU_DATABASE_URL": url})
        assert server.json("backup", "load", str(tmp_path / "first.tar"))["verified"]["ok"]
        is_planned_for(url)
        made = server.json("backup", "create", str(tmp_path / "second.tar"))
        assert made["database"] == "ndjson"
        back = Shell(tmp_path / "back", {"GARDEFOU_DATABASE_URL": other if target == "postgresql" else None})
        assert back.json("backup", "load", str(tmp_path / "second.tar"))["verified"]["ok"]
        if target == "postgresql":
            is_planned_for(other)
        secret = (scene.data / "signin").read_text().strip()
        assert back.json("account", "show", "sandbox/1001", token=secret)["now"]["state"] == "suspended"
        assert "backup/not_empty" in server.error("backup", "load", str(tmp_path / "second.tar"))


def test_a_sound_installation_is_well(shell):
    found = shell.json("doctor")
    assert found["ok"]
    assert {one["what"] for one in found["checks"]} >= {
        "store",
        "migrations",
        "way",
        "ledger",
        "clock",
        "keys",
        "worker",
        "platforms",
        "nets",
    }


def test_the_doctor_names_what_does_not_hold(shell, empty):
    assert empty.json("doctor", status=1)["checks"][0]["what"] == "store"
    (shell.data / "keys" / "ledger.key").chmod(0o644)
    bad = [one for one in shell.json("doctor", status=1)["checks"] if not one["ok"]]
    assert [one["what"] for one in bad] == ["keys"]
    assert "chmod" in bad[0]["says"]


def test_the_doctor_says_how_the_nets_file_stands_to_the_nets_in_force(shell, tmp_path):
    file = tmp_path / "nets.toml"
    shell.env["GARDEFOU_NETS_FILE"] = str(file)

    def said():
        return next(one["says"] for one in shell.json("doctor")["checks"] if one["what"] == "nets")

    shipped = files("gardefou.nets.shipped").joinpath("small-team.toml").read_text(encoding="utf-8")
    file.write_text(shipped)
    assert said().endswith(f"{file} holds the same")
    file.write_text(shipped.replace('hold = "2h"', 'hold = "3h"'))
    assert "is not obeyed; if it is meant, run `gardefou nets propose`" in said()
    # Read, and refused to someone without the power; without the setting there is nothing to read.
    assert "auth/forbidden" in shell.error("nets", "propose")
    del shell.env["GARDEFOU_NETS_FILE"]
    assert "nets_file" in shell.run("nets", "propose", status=2).stderr
    shell.env["GARDEFOU_NETS_FILE"] = str(file)
    file.write_text("[[net]]")
    bad = [one for one in shell.json("doctor", status=1)["checks"] if not one["ok"]]
    assert [one["what"] for one in bad] == ["nets"]


def test_the_doctor_misses_a_worker(scene):
    scene.run("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    damage(scene, "UPDATE event SET at = at - 600000000")
    bad = [one for one in scene.json("doctor", status=1)["checks"] if not one["ok"]]
    assert "worker" in [one["what"] for one in bad]


def test_text_where_bytes_belong_is_an_altered_event(scene):
    scene.run("ledger", "checkpoint")
    damage(
        scene,
        "UPDATE event SET body = 'x' WHERE id = (SELECT event_id FROM leaf WHERE platform = 'gardefou' AND seq = 2)",
    )
    assert "BAD gardefou: entry 2 (event " in scene.run("ledger", "verify", status=1).stdout
    assert scene.run("doctor", status=1).stdout.count("BAD") == 1
