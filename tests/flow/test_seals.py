"""The sealed directory: what lies in it, how people are found, keys and their rotation (R19)."""

from __future__ import annotations

import json
import sqlite3
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from gardefou.bootstrap import open_app, open_seals
from gardefou.cli.archive import FORMAT, load_archive
from gardefou.errors import Conflict, Unavailable
from gardefou.people.directory import Directory, Entry, seal_plain
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.storage.engine import Store, open_store
from gardefou.storage.migrate import _config as migration_config
from gardefou.storage.migrate import upgrade_store
from tests.flow.world import World

ADA = Entry(
    staff_id="s-1",
    name="Zoë Canarybird",
    email="Zoe.Canarybird@Example.org",
    issuer="https://id.example.org",
    subject="Subject-7711",
    user_name="zcanary",
    external_id="HR-0042",
)


@pytest.fixture
def world(database_url):
    world = World(database_url)
    yield world
    world.close()


def put(world: World, *entries: Entry) -> None:
    with world.store.begin() as connection:
        for entry in entries:
            world.app.directory.put(connection, entry)


def test_what_is_put_into_the_directory_is_got_from_it_and_found_by_each_of_its_marks(world):
    put(world, ADA)
    directory = world.app.directory
    with world.store.read() as connection:
        assert directory.get(connection, "s-1") == ADA
        assert directory.get(connection, "s-2") is None
        assert directory.by_identity(connection, "https://id.example.org", "Subject-7711") == "s-1"
        assert directory.by_identity(connection, "https://id.example.org", "subject-7711") is None
        assert directory.by_identity(connection, "https://id.example.orgS", "ubject-7711") is None
        assert directory.by_email(connection, "zoe.canarybird@example.ORG ") == "s-1"
        assert directory.by_user_name(connection, "ZCanary") == "s-1"
        assert directory.by_external_id(connection, "HR-0042") == "s-1"
        for text in ("zoe canarybird", "Canarybird, Zoe\u0308", "ZOE.canarybird@example.org"):
            assert directory.search(connection, text) == ["s-1"], text
        for text in ("Zoe", "canary", "", " ", "zoe.canarybird"):
            assert directory.search(connection, text) == [], text


def test_an_identity_and_a_user_name_are_one_persons(world):
    put(world, ADA)
    with pytest.raises(Conflict, match="directory/identity"):
        put(world, Entry(staff_id="s-2", issuer=ADA.issuer, subject=ADA.subject))
    with pytest.raises(Conflict, match="directory/user_name"):
        put(world, Entry(staff_id="s-2", user_name="ZCANARY"))
    put(world, Entry(staff_id="s-2", email=ADA.email))
    with world.store.read() as connection:
        assert world.app.directory.by_email(connection, ADA.email) is None
        assert world.app.directory.search(connection, ADA.email) == ["s-1", "s-2"]


def rows(world: World) -> list[tuple[str, bytes]]:
    with world.store.read() as connection:
        return [(row.staff_id, row.sealed) for row in connection.execute(tables.person.select())]


def test_what_is_sealed_tells_neither_text_nor_length(world):
    put(world, ADA, Entry(staff_id="s-2", name="Al"))
    lengths = {len(sealed) for _, sealed in rows(world)}
    assert len(lengths) == 1
    assert all(b"anarybird" not in sealed and b"Al" not in sealed for _, sealed in rows(world))


def test_a_row_or_mark_moved_to_somebody_else_by_the_databases_owner_gives_them_nothing(world):
    put(world, ADA, Entry(staff_id="s-2", name="Mallory", issuer=ADA.issuer, subject="mallory"))
    directory, marks = world.app.directory, tables.person_mark
    ada, identity = marks.c.staff_id == "s-1", marks.c.kind == "identity"
    with world.store.begin() as connection:
        mark = connection.execute(sa.select(marks.c.mark).where(ada, identity)).scalar_one()
        connection.execute(marks.delete().where(ada, identity))
        connection.execute(marks.update().where(marks.c.staff_id == "s-2", identity).values(mark=mark))
    with world.store.read() as connection:
        assert directory.by_identity(connection, ADA.issuer, ADA.subject) is None
    sealed = dict(rows(world))["s-1"]
    with world.store.begin() as connection:
        connection.execute(tables.person.update().where(tables.person.c.staff_id == "s-2").values(sealed=sealed))
    with world.store.read() as connection, pytest.raises(Unavailable, match="seals/broken"):
        directory.get(connection, "s-2")


PLAIN = {"name": "Zoë Canarybird", "email": "zoe@canary.example", "issuer": "https://id", "subject": "canary-subject"}


def old_store(url: str) -> Store:
    """Return a store of the shape before seals, with a person in it and one whose name was replaced."""
    store, config = open_store(url), migration_config()
    with store.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
    insert = "INSERT INTO person VALUES (:staff_id, :name, :email, :issuer, :subject)"
    with store.begin() as connection:
        connection.execute(sa.text(insert), {"staff_id": "s-1", **PLAIN})
        connection.execute(sa.text(insert), {"staff_id": "s-2", **PLAIN, "subject": "canary-2"})
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE person SET name = 'B' WHERE staff_id = 's-2'"))
    return store


def test_what_an_older_version_kept_plain_is_sealed_at_the_first_opening_and_gone_from_the_file(
    empty_database_url, tmp_path
):
    old_store(empty_database_url).close()
    settings = Settings(data=tmp_path, database_url=empty_database_url)
    app = open_app(settings)
    with app.works.read() as connection:
        assert app.directory.get(connection, "s-1") == Entry(staff_id="s-1", **PLAIN)
        assert app.directory.by_identity(connection, "https://id", "canary-2") == "s-2"
        assert not sa.inspect(connection).has_table("person_plain")
    app.works.store.close()
    if app.works.store.is_sqlite:
        file = Path(sa.make_url(empty_database_url).database or "")
        for path in file.parent.glob(f"{file.name}*"):
            assert b"canary" not in path.read_bytes().lower(), path
    again = open_app(settings)
    with again.works.read() as connection:
        assert again.directory.search(connection, "zoe canarybird") == ["s-1"]
    again.works.store.close()


def test_a_backup_from_before_names_were_sealed_is_loaded_sealed(databases, database_kind, tmp_path):
    old_store(f"sqlite:///{tmp_path / 'database.sqlite3'}").close()
    with closing(sqlite3.connect(tmp_path / "database.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    manifest = {"format": FORMAT, "database": "sqlite", "revision": "0010", "made_at": "", "keys": []}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(tmp_path / "old.tar", "w") as tar:
        for name in ("manifest.json", "database.sqlite3"):
            tar.add(tmp_path / name, arcname=name)
    with databases.fresh("postgresql", migrated=False) if database_kind == "postgresql" else nullcontext("") as url:
        settings = Settings(data=tmp_path / "new", database_url=url)
        load_archive(settings, tmp_path / "old.tar")
        assert not [one for one in settings.data.rglob("*") if one.is_file() and b"canary" in one.read_bytes().lower()]
        app = open_app(settings)
        with app.works.read() as connection:
            assert app.directory.get(connection, "s-1") == Entry(staff_id="s-1", **PLAIN)
        app.works.store.close()


@pytest.mark.parametrize("name", ["\ud800 lone", "nul \0 in it", "x" * 5_000, "\u202egnirB", "  "])
def test_any_text_at_all_is_sealed_and_opened_as_it_was(sqlite_url, name):
    world = World(sqlite_url)
    put(world, Entry(staff_id="s-9", name=name, email=name))
    with world.store.read() as connection:
        entry = world.app.directory.get(connection, "s-9")
        assert entry is not None
        assert (entry.name, entry.email) == (name, name)
        assert world.app.directory.search(connection, name) == (["s-9"] if name.strip() else [])
    world.close()


def test_two_who_put_the_same_identity_at_once_are_one_and_a_refusal(world):
    ready = threading.Barrier(6)

    def one(number: int) -> str:
        ready.wait()
        try:
            put(world, Entry(staff_id=f"s-{number}", issuer=ADA.issuer, subject=ADA.subject, user_name="same"))
        except Conflict as error:
            return error.code
        return "put"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(one, range(6)))
    assert outcomes == ["directory/identity"] * 5 + ["put"]


def test_sealing_whose_file_somebody_else_holds_is_finished_at_the_next_opening(tmp_path):
    sqlite_file = tmp_path / "old.db"
    url = f"sqlite:///{sqlite_file}"
    store = old_store(url)
    upgrade_store(store)
    directory = Directory(open_seals(Settings(data=tmp_path)))
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        # Somebody reads meanwhile, so the log cannot be cut.
        other.execute("BEGIN")
        other.execute("SELECT * FROM staff").fetchall()
        assert seal_plain(store, directory) == 2
    store.close()
    app = open_app(Settings(data=tmp_path, database_url=url))
    with app.works.read() as connection:
        assert app.directory.get(connection, "s-1") == Entry(staff_id="s-1", **PLAIN)
        assert not sa.inspect(connection).has_table("person_plain")
    app.works.store.close()
    assert b"canary" not in sqlite_file.read_bytes().lower()
