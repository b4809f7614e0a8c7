"""An installation of several real processes on one PostgreSQL, calls that are made to it, and what became of them."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from gardefou.bootstrap import first_person, initialise, open_app
from gardefou.domain.records import Token
from gardefou.domain.states import State
from gardefou.flow.app import App
from gardefou.flow.changes.settings import write_setting
from gardefou.ledger.audit import audit
from gardefou.ledger.rebuild import differences
from gardefou.ledger.sequencer import latest, logs
from gardefou.people.authenticate import hash_secret
from gardefou.settings import Settings
from gardefou.storage import tables

ROOT = Path(__file__).parents[2]
SECRET = "gf_made_for_tests"
#: A start takes some seconds of the processor's time, which a busy machine hands out slowly.
_PATIENCE = 240.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait(until: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait for a state; fail with a word where it does not come in time."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


@dataclass
class Acknowledged:
    """What callers were told, and when."""

    reports: dict[str, str] = field(default_factory=dict)
    enforcements: dict[str, str] = field(default_factory=dict)
    #: Moments at which something was acknowledged.
    at: list[float] = field(default_factory=list)
    #: Answers that were neither a success nor "try again".
    odd: list[str] = field(default_factory=list)

    def longest_silence(self, since: float) -> float:
        """Return the longest time without an answer that was a success, from a moment on."""
        moments = [since, *(one for one in sorted(self.at) if one > since)]
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)


class Installation:
    """A store that is set up, and the processes that were started on it; `close` ends them all."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, database_url=url)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}
        app = self.open()
        person = initialise(app, nets="default", person=first_person(app, roles=("admin", "reviewer", "oncall")))
        scopes = ("reports:write", "enforcements:write")
        token = Token(
            id=app.ids.new(),
            hash=hash_secret(SECRET),
            staff_id=person.id,
            service="load",
            scopes=scopes,
            issued_by=person.id,
            issued_at=app.now(),
        )
        with app.works.begin() as uow:
            write_setting(uow, "setup_finished", value=True, by="system")
            # The limits of one service are not what this is about.
            for name in ("restores_per_hour", "breaker_reversals"):
                write_setting(uow, name, 1_000_000, by="system")
            uow.record("token.issued", by=person.id, about=token.id, puts=(token,))
        app.works.store.close()

    def open(self) -> App:
        """Open a node in this process."""
        return open_app(self.settings)

    def start(self, name: str, *command: str) -> None:
        """Start ``gardefou COMMAND``; ``serve`` on a port of its own, ready when `wait_ready` returns."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GARDEFOU_")},
            "PYTHONPATH": str(ROOT / "src"),
            "GARDEFOU_DATABASE_URL": self.settings.database_url,
            "GARDEFOU_DATA": str(self.folder),
        }
        if command[0] == "serve":
            self.ports.setdefault(name, free_port())
            command = (*command, "--port", str(self.ports[name]))
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "gardefou", *command], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def wait_ready(self, name: str, patience: float = _PATIENCE) -> None:
        """Wait until a server serves."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.base(name)}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / f"{name}.log").read_text())

    def wait_idle(self, patience: float) -> None:
        """Wait until nobody has an enforcement in hand: leases of the dead end, and the others settle what was theirs."""
        states = [State.READY, State.EXECUTING, State.UNKNOWN, State.RESTORING]
        some = sa.exists().where(tables.enforcement.c.state.in_([state.value for state in states]))
        app = self.open()

        def idle() -> bool:
            with app.works.read() as connection:
                return not connection.execute(sa.select(some)).scalar_one()

        wait(idle, patience, "what was in hand is settled by nobody")
        app.works.store.close()

    def base(self, name: str) -> str:
        """Return where a server listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def kill(self, name: str) -> None:
        """``kill -9`` a process."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self, patience: float) -> None:
        """Tell every process to stop after what it has in hand, and wait until they all have."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for name in list(self.processes):
            # A server ends by the signal itself, once it has done what it is to do at its end.
            said = self.processes.pop(name).wait(patience)
            assert said in {0, -signal.SIGTERM}, (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        """End every process that is left."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        self.processes.clear()

    # --- load ----------------------------------------------------------------------------

    def load(self, told: Acknowledged, stop: threading.Event, number: int) -> None:
        """Report and enforce until told to stop; each call is made again, on the next node, until it is acknowledged."""
        turn = 0
        names = list(self.ports)
        with httpx.Client(headers={"Authorization": f"Bearer {SECRET}"}, timeout=10) as client:
            while not stop.is_set():
                turn += 1
                account = f"n{number}-{turn}"
                body: dict[str, Any] = {
                    "platform": "sandbox",
                    "subject": {"kind": "account", "account": account},
                    "reporter": f"u{turn}",
                    "category": "spam",
                }
                path, keep, word = "/api/v1/reports", told.reports, "report"
                if turn % 3 == 0:
                    path, keep, word = "/api/v1/enforcements", told.enforcements, "id"
                    body = {"platform": "sandbox", "account": account, "action": "limit", "policy": "spam"}
                    body["rationale"] = "looks like a machine"
                self._call(client, names, told, stop, path, body, keep, word)

    def _call(
        self,
        client: httpx.Client,
        names: list[str],
        told: Acknowledged,
        stop: threading.Event,
        path: str,
        body: dict[str, Any],
        keep: dict[str, str],
        word: str,
    ) -> None:
        key = uuid.uuid4().hex
        place = len(told.at)
        while not stop.is_set():
            place += 1
            try:
                answer = client.post(
                    self.base(names[place % len(names)]) + path, json=body, headers={"Idempotency-Key": key}
                )
            except httpx.HTTPError:
                stop.wait(0.05)
                continue
            if answer.status_code in {201, 202}:
                document = answer.json()
                document = document.get("enforcement", document) if word == "id" else document
                keep[str(document[word])] = str(body.get("account", ""))
                told.at.append(time.monotonic())
                return
            if answer.status_code != 503 and "in_progress" not in answer.text:
                told.odd.append(f"{path} {answer.status_code} {answer.text[:300]}")
                return
            stop.wait(0.1)

    # --- afterwards ------------------------------------------------------------------------

    def checkpoints(self) -> dict[str, tuple[int, bytes]]:
        """Return the newest checkpoint of each log: its size and root."""
        app = self.open()
        with app.works.read() as connection:
            found = {name: latest(connection, name) for name in logs(connection)}
        app.works.store.close()
        return {name: (one.size, one.root) for name, one in found.items() if one is not None}

    def problems(self, told: Acknowledged, held: dict[str, tuple[int, bytes]]) -> list[str]:
        """Return what was acknowledged and is not so, and what is wrong with the record; nothing is the aim."""
        app = self.open()
        try:
            app.sequencer.integrate_all()
            with app.works.read() as connection:
                return list(_problems(app, connection, told, held))
        finally:
            app.works.store.close()


def _problems(app: App, connection: sa.Connection, told: Acknowledged, held: dict[str, tuple[int, bytes]]) -> list[str]:
    found = [f"an odd answer: {one}" for one in told.odd]
    kept = set(connection.execute(sa.select(tables.report.c.id)).scalars())
    found += [f"report {one} was acknowledged and is lost" for one in told.reports if one not in kept]
    states = {row.id: row for row in connection.execute(sa.select(tables.enforcement))}
    effects: dict[str, int] = {}
    for row in connection.execute(sa.text("SELECT account FROM sandbox_effect WHERE verb = 'apply'")):
        effects[row.account] = effects.get(row.account, 0) + 1
    for one, account in told.enforcements.items():
        if one not in states:
            found.append(f"enforcement {one} was acknowledged and is lost")
        elif states[one].state == "in_force" and effects.get(account) != 1:
            found.append(f"enforcement {one} is in force with {effects.get(account, 0)} effects")
    found += [f"{account} had {count} effects" for account, count in effects.items() if count > 1]
    for platform in logs(connection):
        verdict = audit(connection, platform, app.sequencer.signer(platform).verifier)
        if not verdict.ok or verdict.pending:
            found.append(f"the log of {platform} does not verify: {verdict}")
        if platform in held:
            size, root = held[platform]
            same = connection.execute(
                sa.select(tables.checkpoint.c.root).where(
                    tables.checkpoint.c.platform == platform, tables.checkpoint.c.size == size
                )
            ).scalar_one_or_none()
            if same is None or bytes(same) != root:
                found.append(f"the log of {platform} contradicts a checkpoint that was held: {size}")
    return [*found, *(f"the state is not what the record says: {one}" for one in differences(connection))]
