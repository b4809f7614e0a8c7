"""Backups: made while everything goes on, killed at any point, loaded, carried on; and an old one is found out."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from gardefou.bootstrap import open_app
from gardefou.cli.archive import load_archive, write_archive
from gardefou.cli.ledger_check import check_store
from gardefou.clock import SystemClock
from gardefou.errors import Conflict
from gardefou.flow.app import App
from gardefou.flow.decide import enforce
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import take_many
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.people.authenticate import by_staff, note_strong
from gardefou.platforms.sandbox import Sandbox
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.storage.engine import open_store
from gardefou.storage.migrate import _config, is_current, upgrade_store
from tests.databases import Databases, Kind
from tests.faults.killing import Line, each, points, run
from tests.flow.world import World

_KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
#: SQLite every time, PostgreSQL where there is time.
_SIDES = {"sqlite": ("after",), "postgresql": ("before", "after")}
_MOSTLY_SQLITE = ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]


def _installed(url: str, data: Path) -> Settings:
    """Found an installation with the usual people, whose keys lie in ``data``."""
    settings = Settings(data=data, database_url=url)
    app = open_app(settings)
    world = World(url, at=SystemClock().now(), store=app.works.store)
    world.app.sequencer = app.sequencer  # signed with the installation's own key
    world.people()
    world.accounts()
    app.works.store.close()
    return settings


def _report(app: App, number: int) -> str:
    with app.works.read() as connection:
        actor = by_staff(connection, "rev", now=app.now(), via="console")
    made = NewReport(platform="sandbox", kind="account", account=f"a{number}", reporter="r", category="spam")
    return take_many(app, actor, [made])[0].report


def _act(app: App, account: str) -> None:
    with app.works.begin() as uow:
        note_strong(uow.connection, "rev", uow.now)
    with app.works.read() as connection:
        actor = by_staff(connection, "rev", now=app.now(), via="console")
    enforce(app, actor, Wanted(platform="sandbox", account=account, action="limit", policy="spam"))


def _reports(app: App) -> set[str]:
    with app.works.read() as connection:
        return {row.id for row in connection.execute(sa.select(tables.report.c.id))}


@pytest.mark.parametrize(
    ("kind", "into"),
    [
        pytest.param(kind, into, marks=[pytest.mark.long] if kind == into else [], id=f"{kind} into {into}")
        for kind in _KINDS
        for into in _KINDS
    ],
)
def test_a_backup_made_under_load_is_of_one_moment_and_can_be_carried_on(databases, tmp_path, kind, into):
    with databases.fresh(kind) as url, databases.fresh(into, migrated=False) as empty:
        settings = _installed(url, tmp_path / "first")
        app = open_app(settings)
        _act(app, "small")
        before = {_report(app, number) for number in range(20)}
        early = _checkpoint(app)
        stop = threading.Event()
        written: list[str] = []

        def go_on() -> None:
            while not stop.is_set():
                written.append(_report(app, 100 + len(written)))
                app.sequencer.integrate()

        threads = [threading.Thread(target=go_on) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            while len(written) < 10:
                stop.wait(0.001)
            write_archive(settings, app.works.store, app.clock, tmp_path / "backup.tar", keys=True)
        finally:
            # Whatever goes wrong: nothing writes on into what the next test is lent.
            stop.set()
            for thread in threads:
                thread.join()
        held = _checkpoint(app)
        everything = before | set(written)
        app.works.store.close()

        loaded = Settings(data=tmp_path / "second", database_url=empty)
        load_archive(loaded, tmp_path / "backup.tar")
        again = open_app(loaded)
        found = check_store(again)
        assert found.ok, found
        # All that was answered before it began, and no half of anything since.
        assert before <= _reports(again) <= everything
        # It is carried on: the platform as the record says, another report, an undo, and a sound record.
        sandbox = again.connector("sandbox")
        assert isinstance(sandbox, Sandbox)
        assert sandbox.read_state("small").measures == {"limited"}
        _report(again, 7)
        with again.works.read() as connection:
            oncall = by_staff(connection, "oncall", now=again.now(), via="console")
        restore(again, oncall, "sandbox", "small", "a mistake")
        assert sandbox.read_state("small").measures == frozenset()
        assert check_store(again).ok
        # It goes on from what was signed before it, and is found out by whoever kept a checkpoint of what came after.
        assert _goes_on_from(again, tmp_path / "export", early)
        assert not _goes_on_from(again, tmp_path / "another", held)
        again.works.store.close()


def _checkpoint(app: App) -> str:
    from gardefou.ledger.sequencer import latest

    app.sequencer.integrate_all()
    with app.works.read() as connection:
        newest = latest(connection, "sandbox")
    assert newest is not None
    return newest.note


def _goes_on_from(app: App, folder: Path, held: str) -> bool:
    from gardefou.ledger.audit import export
    from gardefou.ledger.verifier import verify_export

    app.sequencer.integrate_all()
    verifier = app.sequencer.signer("sandbox").verifier
    with app.works.read() as connection:
        export(connection, "sandbox", verifier, folder)
    return verify_export(folder, verifier.encoded, held).ok


# killed ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _MOSTLY_SQLITE)
def test_a_backup_that_is_killed_has_no_name_or_is_whole(databases, tmp_path, kind):
    with databases.fresh(kind) as url:
        settings = _installed(url, tmp_path / "first")
        file = tmp_path / "backup.tar"

        def create(_url: str, line: Line) -> None:
            store = open_store(url)
            write_archive(settings, store, SystemClock(), file, keys=True)
            line.say("made")

        found = points(create, url)
        file.unlink()
        for number, place in enumerate(each(found, _SIDES[kind])):
            ran = run(create, url, place)
            assert file.exists() or not ran.of("made")
            if file.exists():
                loaded = Settings(data=tmp_path / f"loaded-{number}")
                load_archive(loaded, file)
                app = open_app(loaded)
                assert check_store(app).ok
                app.works.store.close()
                file.unlink()
        # What was left over stands in nobody's way.
        assert run(create, url).of("made")


@pytest.mark.parametrize("into", _MOSTLY_SQLITE)
def test_a_loading_that_is_killed_can_be_done_again_or_is_whole(databases, tmp_path, into):
    with databases.fresh("sqlite") as url:
        settings = _installed(url, tmp_path / "first")
        store = open_store(url)
        file = tmp_path / "backup.tar"
        write_archive(settings, store, SystemClock(), file, keys=True)
        store.close()
        with databases.fresh(into, migrated=False) as empty:
            found = points(_loading(file, empty, tmp_path / "counted"), empty)
        places = [*each(found, _SIDES[into])]
        # PostgreSQL makes a database for each.
        for number, place in enumerate(places if into == "sqlite" else places[-6:]):
            with databases.fresh(into, migrated=False) as empty:
                data = tmp_path / f"loaded-{number}"
                run(_loading(file, empty, data), empty, place)
                loaded = Settings(data=data, database_url=empty)
                with suppress(Conflict):  # it is there, and whole
                    load_archive(loaded, file)
                app = open_app(loaded)
                check = check_store(app)
                app.works.store.close()
                assert check.ok, (place, check)
                assert (data / "keys" / "ledger.key").read_bytes() == (
                    tmp_path / "first" / "keys" / "ledger.key"
                ).read_bytes()


def _loading(file: Path, url: str, data: Path):
    def load(_url: str, line: Line) -> None:
        load_archive(Settings(data=data, database_url=url), file)
        line.say("loaded")

    return load


@pytest.mark.parametrize("kind", _MOSTLY_SQLITE)
@pytest.mark.parametrize("revision", ["0001", pytest.param("0010", marks=pytest.mark.long), "0016"])
def test_an_upgrade_that_is_killed_is_done_or_was_never_begun(databases, kind, revision):
    with databases.fresh(kind, migrated=False) as old:
        store = open_store(old)
        config = _config()
        with store.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        store.close()
        for place in each(_counted(databases, old)):
            with databases.copied(old) as url:
                run(_upgrading, url, place)
                again = open_store(url)
                with again.read() as connection:
                    done = is_current(connection)
                assert done == (place.side == "after")
                upgrade_store(again)
                with again.read() as connection:
                    assert is_current(connection)
                again.close()


def _counted(databases: Databases, old: str) -> list[tuple[int, str]]:
    with databases.copied(old) as url:
        return points(_upgrading, url)


def _upgrading(url: str, _line: Line) -> None:
    upgrade_store(open_store(url))
