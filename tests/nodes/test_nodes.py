"""Several `serve` and `worker` on one PostgreSQL, as real processes: any of them may be killed at any moment."""

from __future__ import annotations

import signal
import threading
import time

import httpx
import pytest
import sqlalchemy as sa

from gardefou.storage import tables
from tests.nodes.installation import SECRET, Acknowledged, Installation

pytestmark = [pytest.mark.network_loopback, pytest.mark.slow]


@pytest.fixture
def installation(postgresql_url, tmp_path):
    made = Installation(postgresql_url, tmp_path)
    yield made
    made.close()


def pending(app) -> int:
    with app.works.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.event_pending)).scalar_one())


def settled(app, seconds: float) -> float:
    """Return the seconds until every event stands in a checkpoint."""
    began = time.monotonic()
    while pending(app):
        assert time.monotonic() - began < seconds, "nobody leads"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_node_that_is_killed_or_hangs_is_taken_over_and_nothing_is_lost_or_done_twice(installation):
    installation.start("one", "serve")
    installation.start("two", "serve", "--no-worker")
    installation.start("worker", "worker")
    installation.wait_ready("one")
    installation.wait_ready("two")
    told, stop = Acknowledged(), threading.Event()
    threads = [threading.Thread(target=installation.load, args=(told, stop, number)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        while len(told.enforcements) < 15:
            time.sleep(0.02)
        held = installation.checkpoints()
        # With its worker goes what it was carrying out and, half of the time, who led the log at that moment.
        installation.kill("one")
        killed = time.monotonic()
        before = len(told.enforcements)
        while len(told.enforcements) < before + 10:
            assert time.monotonic() - killed < 30
            time.sleep(0.02)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # The other server acknowledges, and the other worker leads.
    assert told.longest_silence(killed) < 10
    app = installation.open()
    settled(app, 10)
    # What the killed one had in hand is settled when its lease ends; nothing else is under way.
    app.works.store.close()
    assert installation.problems(told, held) == []
    assert len(told.reports) > 20


@pytest.mark.long
def test_every_process_is_killed_in_turn_and_one_hangs(installation):
    commands = {
        "one": ("serve",),
        "two": ("serve",),
        "three": ("serve", "--no-worker"),
        "w1": ("worker",),
        "w2": ("worker",),
    }
    for name, command in commands.items():
        installation.start(name, *command)
    for name in ("one", "two", "three"):
        installation.wait_ready(name)
    told, stop = Acknowledged(), threading.Event()
    threads = [threading.Thread(target=installation.load, args=(told, stop, number)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(3)
        held = installation.checkpoints()
        for _ in range(3):
            for name, command in commands.items():
                installation.kill(name)
                time.sleep(0.5)
                installation.start(name, *command)
                if command[0] == "serve":
                    installation.wait_ready(name)
        # One hangs without dying, perhaps with the log's lock in its hand: it holds it for a minute at most.
        installation.processes["w1"].send_signal(signal.SIGSTOP)
        app = installation.open()
        time.sleep(1)
        stop.set()
        settled(app, 90)
        installation.processes["w1"].send_signal(signal.SIGCONT)
        # Leases end after their time, and what was in hand is settled.
        time.sleep(45)
        app.works.store.close()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert installation.problems(told, held) == []


def test_what_happens_through_one_node_reaches_the_work_and_the_pages_of_another(installation):
    installation.start("one", "serve", "--no-worker")
    installation.start("worker", "worker")
    installation.wait_ready("one")
    headers = {"Authorization": f"Bearer {SECRET}"}
    body = {"platform": "sandbox", "subject": {"kind": "account", "account": "a"}, "reporter": "u", "category": "spam"}
    answer = httpx.post(f"{installation.base('one')}/api/v1/reports", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    app = installation.open()
    # The worker in the other process finds it by itself.
    assert settled(app, 10) < 10
    app.works.store.close()
