"""A PostgreSQL that is really stopped and started while reports are taken."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from gardefou.errors import Unavailable
from gardefou.flow.intake import Intake
from gardefou.flow.report_input import NewReport
from gardefou.storage import tables
from tests.databases import Databases
from tests.flow.world import World

pytestmark = pytest.mark.long

_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


@pytest.fixture
def own_server() -> Iterator[Databases]:
    """A server that this test alone uses, and that is as careful as servers are."""
    made = Databases.for_new_run()
    yield made
    made.finish()


def _careful(url: str) -> None:
    with psycopg.connect(sa.make_url(url).set(drivername="postgresql").render_as_string(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM RESET ALL")
        admin.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("mode", sorted(_SIGNALS))
def test_a_server_that_is_stopped_and_started_under_load_loses_nothing_that_was_acknowledged(own_server, mode):
    with own_server.fresh("postgresql") as url:
        _careful(url)
        world = World(url)
        world.people()
        with closing(Intake(world.app)) as intake:
            said: list[str] = []
            away = threading.Event()
            stop = threading.Event()
            actor = world.actor("rev")

            def send(lane: int) -> None:
                number = 0
                while not stop.is_set():
                    number += 1
                    report = NewReport("sandbox", "account", f"a{lane}", f"r{lane}-{number}", "spam")
                    try:
                        said.append(intake.submit(actor, report).report)
                    except (Unavailable, OperationalError):
                        away.set()
                        stop.wait(0.05)

            lanes = [threading.Thread(target=send, args=(lane,)) for lane in range(4)]
            for lane in lanes:
                lane.start()
            for _ in range(2):
                _wait_for_more(said)
                away.clear()
                _stop(own_server, _SIGNALS[mode])
                assert away.wait(20)
                own_server._server().ensure_postgres_running()
            _wait_for_more(said)
            stop.set()
            for lane in lanes:
                lane.join(30)
                assert not lane.is_alive()
        with world.store.read() as connection:
            kept = {row.id for row in connection.execute(sa.select(tables.report.c.id))}
        assert set(said) <= kept
        world.assert_sound()
        world.close()


def _wait_for_more(said: list[str]) -> None:
    before = len(said)
    until = time.monotonic() + 120
    while len(said) < before + 50:
        assert time.monotonic() < until, "nobody goes on"
        threading.Event().wait(0.01)


def _stop(databases: Databases, how: signal.Signals) -> None:
    file = databases._pgdata / "postmaster.pid"
    server = int(file.read_text().splitlines()[0])
    os.kill(server, how)
    until = time.monotonic() + 120
    while file.exists() and time.monotonic() < until:
        threading.Event().wait(0.02)
    file.unlink(missing_ok=True)
