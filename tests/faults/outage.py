"""A PostgreSQL that goes away and comes back, and a line to it that is cut at the worst moment."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url


class Outage:
    """Lets one database refuse everybody, and cuts whoever is connected, as a server does that stops."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._name = str(self._url.database)

    def begin(self) -> None:
        """Go away."""
        self._do(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(self._name)))
        self.cut()

    def cut(self) -> None:
        """Cut every connection; new ones are taken as ever."""
        self._do(
            sql.SQL("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}").format(
                sql.Literal(self._name)
            )
        )

    def end(self) -> None:
        """Be back."""
        self._do(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(self._name)))

    def _do(self, statement: sql.Composed) -> None:
        admin = self._url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(statement)


class Crowd:
    """A PostgreSQL on which others may take every connection there is: `url` is of a user who then gets none.

    The server refuses that user as it does everybody when `max_connections` are
    open, as long as they are no superuser.
    """

    def __init__(self, url: str) -> None:
        self._admin = make_url(url).set(drivername="postgresql")
        self._name = f"gardefou-test-{uuid.uuid4().hex[:10]}"
        self._do("CREATE ROLE {user} LOGIN PASSWORD {password}")
        # As the owner of everything in it, but no superuser.
        self._do("GRANT {owner} TO {user}")
        self.url = make_url(url).set(username=self._name).render_as_string(hide_password=False)

    def comes(self) -> None:
        """Take every connection that the user does not have."""
        self._do("ALTER ROLE {user} CONNECTION LIMIT 0")

    def takes_all(self) -> None:
        """Take those too."""
        self.comes()
        self._do("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = {name}")

    def goes(self) -> None:
        """Leave them all."""
        self._do("ALTER ROLE {user} CONNECTION LIMIT -1")

    def end(self) -> None:
        """Leave nothing behind."""
        self._do("DROP OWNED BY {user}")
        self._do("DROP ROLE {user}")

    def _do(self, statement: LiteralString) -> None:
        made = sql.SQL(statement).format(
            owner=sql.Identifier(self._admin.username or "postgres"),
            user=sql.Identifier(self._name),
            name=sql.Literal(self._name),
            password=sql.Literal(self._admin.password or ""),
        )
        with psycopg.connect(self._admin.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(made)


class Cutter:
    """A line to PostgreSQL that can be cut around a COMMIT: before it arrives, or before its answer comes back.

    The line is a Unix socket in a folder of its own; `url` leads through it.
    """

    def __init__(self, url: URL, folder: Path) -> None:
        self._target = _socket_of(url)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        self.url = url.set(host=None, port=None, query={"host": str(folder)}).render_as_string(hide_password=False)
        #: COMMITs still let through, then how to cut the next: ``sent`` or ``done``.
        self._let_through = 0
        self._how = ""
        self.cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, how: str, *, after: int = 0) -> None:
        """Cut at the next COMMIT but ``after``: before it is ``sent`` on, or when it is ``done`` and not yet answered."""
        self.cut.clear()
        self._how, self._let_through = how, after

    def close(self) -> None:
        """Take nobody any more."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                threading.Thread(target=self._back, args=(far, near), daemon=True).start()
                threading.Thread(target=self._forth, args=(near, far), daemon=True).start()

    def _forth(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65_536):
                if b"COMMIT\0" in data and self._how:
                    if self._let_through:
                        self._let_through -= 1
                    else:
                        how, self._how = self._how, ""
                        # Whoever waits hears nothing more, and finds the line dead.
                        if how == "done":
                            self._deaf = near
                            far.sendall(data)
                            continue
                        self._end(near, far)
                        return
                far.sendall(data)
        self._end(near, far)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65_536):
                if getattr(self, "_deaf", None) is near and b"COMMIT\0" in data:
                    self._end(near, far)
                    return
                near.sendall(data)
        self._end(near, far)

    def _end(self, near: socket.socket, far: socket.socket) -> None:
        for one in (near, far):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.cut.set()


def _socket_of(url: URL) -> str:
    where = url.query.get("host") or url.host
    assert isinstance(where, str)
    return f"{where}/.s.PGSQL.{url.port or 5432}"


@contextlib.contextmanager
def cutter(url: str) -> Iterator[Cutter]:
    """Lay a line to a database that can be cut."""
    # A socket's path is short: not below pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="gf-") as folder:
        made = Cutter(make_url(url), Path(folder))
        try:
            yield made
        finally:
            made.close()
