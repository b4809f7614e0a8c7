"""Several `serve` and `worker` on one PostgreSQL, as real processes: any of them may be killed at any moment."""

from __future__ import annotations

import signal
import threading

import httpx
import pytest
import sqlalchemy as sa

from gardefou.storage import tables
from tests.nodes.installation import SECRET, Acknowledged, Installation, wait

pytestmark = [pytest.mark.network_loopback, pytest.mark.slow]

#: Seconds within which another node takes over, on a busy machine. Whoever waits for a lock that nobody frees waits for
#: sixty (`idle_in_transaction_session_timeout`), and for ever without it.
SOON = 45
#: For what takes minutes: processes that start and carry things out beside others that want the same two cores.
LONG = 900


@pytest.fixture
def installation(postgresql_url, tmp_path):
    made = Installation(postgresql_url, tmp_path)
    yield made
    made.close()


def pending(app) -> int:
    with app.works.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.event_pending)).scalar_one())


def settled(app, seconds: float) -> None:
    """Wait until every event stands in a checkpoint."""
    wait(lambda: not pending(app), seconds, "nobody leads")


def goes_on(told: Acknowledged, seconds: float) -> None:
    """Wait until some more calls are acknowledged."""
    enough = len(told.at) + 5
    wait(lambda: len(told.at) >= enough, seconds, "nobody goes on")


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
        wait(lambda: len(told.enforcements) >= 15, LONG, "nothing is acknowledged")
        held = installation.checkpoints()
        # With its worker goes what it was carrying out and, half of the time, who led the log at that moment.
        installation.kill("one")
        goes_on(told, SOON)
        wait(lambda: len(told.enforcements) >= 25, LONG, "the other server acknowledges too little")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # The other server acknowledged, and the other worker leads.
    app = installation.open()
    settled(app, SOON)
    app.works.store.close()
    # What the killed one had in hand is settled when its lease ends. The others end: what is compared stands still.
    installation.stop(LONG)
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
        installation.wait_ready(name, LONG)
    told, stop = Acknowledged(), threading.Event()
    threads = [threading.Thread(target=installation.load, args=(told, stop, number)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        wait(lambda: len(told.enforcements) >= 15, LONG, "nothing is acknowledged")
        held = installation.checkpoints()
        for _ in range(3):
            for name, command in commands.items():
                installation.kill(name)
                goes_on(told, SOON)
                installation.start(name, *command)
                if command[0] == "serve":
                    installation.wait_ready(name, LONG)
        # One hangs without dying, perhaps with the log's lock in its hand: it holds it for a minute at most.
        installation.processes["w1"].send_signal(signal.SIGSTOP)
        goes_on(told, LONG)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    app = installation.open()
    settled(app, LONG)
    app.works.store.close()
    installation.wait_idle(LONG)
    # The one that hung finds out that others did what it had in hand.
    installation.processes["w1"].send_signal(signal.SIGCONT)
    installation.stop(LONG)
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
    settled(app, SOON)
    app.works.store.close()
