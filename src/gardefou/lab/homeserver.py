"""A Matrix homeserver that is brought up for one test run or one demo, and thrown away.

It is real: Synapse, run as a separate process in a virtual environment of its
own (see `gardefou.lab.install`), on SQLite and a loopback port. Synapse is AGPL
software; nothing of it is imported, copied or shipped here.

    with Homeserver.up(folder) as server:
        server.users["bob"].send(server.room, "hello")
"""

from __future__ import annotations

import base64
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gardefou.errors import Unavailable
from gardefou.lab import config
from gardefou.lab.install import PROJECT, locked, synapse_python
from gardefou.lab.people import LabUser, enrol, seed

#: Seconds between two looks at a server that starts or stops, and how many looks.
_LOOK = 0.05
_LOOKS = 1_800


@dataclass(slots=True, kw_only=True)
class Homeserver:
    """A running homeserver with people, a room, messages and reports in it.

    ``admin`` is the server's administrator; ``users`` the others by name
    (alice made ``room``; bob wrote ``events`` in it; carol reported bob's first
    message as spam, and bob). ``secret`` registers further accounts.
    """

    folder: Path
    base_url: str
    server_name: str
    version: str
    secret: str = field(repr=False)
    admin: LabUser
    users: dict[str, LabUser]
    room: str
    events: tuple[str, ...]
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _added: list[LabUser] = field(default_factory=list[LabUser], repr=False)

    @classmethod
    def up(cls, folder: Path, *, notices: bool = False, project: Path = PROJECT) -> Homeserver:
        """Bring the homeserver of ``folder`` up, and return it healthy and seeded.

        Installs it first where needed. A homeserver that already runs in the
        folder is used as it is; after a crash the same folder starts again with
        the same accounts. It ends with `down`, or when this process dies.
        ``notices`` switches server notices on.

        Raises `Unavailable` (``lab/install``, ``lab/lock``, ``lab/start``).
        """
        python = synapse_python(project)
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "up.lock"):
            secret = _secret(folder)
            running = _running(folder)
            process = None
            if running is None:
                port = _free_port()
                settings = config.write(folder, port=port, secret=secret, notices=notices)
                process = _start(python, folder, settings)
                try:
                    _wait_ready(port, process, folder)
                except BaseException:
                    _end(folder, process)
                    raise
                _write_private(folder / "running.json", json.dumps({"port": port}))
            else:
                port = running
            base_url = f"http://127.0.0.1:{port}"
            people = {
                name: enrol(base_url, secret, name, admin=name == "admin")
                for name in ("admin", "alice", "bob", "carol")
            }
            admin = people.pop("admin")
            room, events = _seed_once(folder, people)
            version = str(admin.call("GET", "/_synapse/admin/v1/server_version")["server_version"])
            return cls(
                folder=folder,
                base_url=base_url,
                server_name=config.SERVER_NAME,
                version=version,
                secret=secret,
                admin=admin,
                users=people,
                room=room,
                events=events,
                _process=process,
            )

    def add(self, name: str, *, admin: bool = False) -> LabUser:
        """Register one more account, or sign an existing one in."""
        person = enrol(self.base_url, self.secret, name, admin=admin)
        self._added.append(person)
        return person

    def down(self) -> None:
        """Stop the homeserver; its folder stays. Stopping twice is fine."""
        for person in (self.admin, *self.users.values(), *self._added):
            person.close()
        with locked(self.folder / "up.lock"):
            _end(self.folder, self._process)
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.down()


def _secret(folder: Path) -> str:
    file = folder / "secret"
    if not file.exists():
        _write_private(file, secrets.token_hex(24))
    return file.read_text(encoding="utf-8")


def _signing_key(folder: Path) -> None:
    """Give the homeserver its key, as its ``--generate-keys`` would: that is a whole start of the program."""
    file = folder / "signing.key"
    if not file.exists():
        seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        _write_private(file, f"ed25519 a_{secrets.token_hex(2)} {seed}\n")


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    beside = file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy(port: int) -> bool:
    # No client of httpx: it reads this machine's certificates first, at each look.
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as line:
        try:
            line.request("GET", "/health")
            return line.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def _running(folder: Path) -> int | None:
    """Return the port of the healthy homeserver of this folder, ending what is left of a broken one."""
    try:
        port = int(json.loads((folder / "running.json").read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        port = 0
    if port and _pid(folder) is not None and _healthy(port):
        return port
    _end(folder, None)
    return None


def _start(python: Path, folder: Path, settings: Path) -> subprocess.Popen[bytes]:
    """Start the homeserver on a leash: it ends when this process does."""
    run = [str(python), "-m", "synapse.app.homeserver", "--config-path", str(settings)]
    _signing_key(folder)
    with (folder / "output.log").open("ab") as output, (folder / "alive.lock").open("a") as held:
        # Inherited, and so held until the last of them has ended.
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(  # noqa: S603 - fixed command
            [sys.executable, str(Path(__file__).with_name("leash.py")), str(held.fileno()), *run],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(held.fileno(),),
        )
        # The session's id is the leash's pid: one signal to it reaches the homeserver too.
        _write_private(folder / "pid", str(process.pid))
    return process


def _wait_ready(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until it answers, and has built the indexes without which accounts cannot be reactivated."""
    for _ in range(_LOOKS):
        if _healthy(port) and not _indexes_wanting(folder):
            return
        if process.poll() is not None:
            break
        time.sleep(_LOOK)
    lines = (folder / "output.log").read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"]
    raise Unavailable("lab/start", f"The homeserver did not start: {lines[-1]}")


def _indexes_wanting(folder: Path) -> bool:
    database = sqlite3.connect(f"file:{folder / 'homeserver.db'}?mode=ro", uri=True)
    with closing(database):
        wanting = database.execute("SELECT COUNT(*) FROM background_updates").fetchone()
    return int(wanting[0]) > 0


def _pid(folder: Path) -> int | None:
    """Return the process group of this folder's homeserver while any of it lives.

    Both its processes hold a lock for as long as they live, so a pid that the
    system has given to another program since is never taken for theirs.
    """
    with (folder / "alive.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int((folder / "pid").read_text(encoding="utf-8"))
    return None


def _end(folder: Path, process: subprocess.Popen[bytes] | None) -> None:
    """End the homeserver of this folder, whoever started it."""
    if process is not None and process.stdin is not None:
        process.stdin.close()
    pid = _pid(folder)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if pid is None:
            break
        try:
            os.killpg(pid, sign)
        except ProcessLookupError:
            break
        for _ in range(200):
            if process is not None:
                process.poll()
            if _pid(folder) is None:
                pid = None
                break
            time.sleep(_LOOK)
    if process is not None:
        process.wait(timeout=10)
    for name in ("pid", "running.json"):
        (folder / name).unlink(missing_ok=True)


def _seed_once(folder: Path, people: dict[str, LabUser]) -> tuple[str, tuple[str, ...]]:
    file = folder / "seed.json"
    if not file.exists():
        _write_private(file, json.dumps(seed(people)))
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return str(kept["room"]), tuple(str(event) for event in kept["events"])
