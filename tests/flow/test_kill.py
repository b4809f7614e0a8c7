"""``kill -9`` at any moment: nothing acknowledged is lost, nothing has its effect twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import sqlalchemy as sa

from gardefou.domain.records import Setting
from gardefou.storage import tables
from tests.flow.world import World

CHILD = Path(__file__).parent / "killed_child.py"
ROOT = Path(__file__).parents[2]
KILLS = 4


def killed(url: str, number: int, seconds: float) -> list[list[str]]:
    """Run the child until it has said something, then that many seconds more; return what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    child = subprocess.Popen(
        [sys.executable, str(CHILD), url, str(number)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout is not None
    said: list[str] = []
    begun = threading.Event()

    def listen() -> None:
        for line in child.stdout or ():
            said.append(line)
            begun.set()
        begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    begun.wait(timeout=120)
    time.sleep(seconds)
    alive = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    listener.join()
    assert child.stderr is not None
    errors = child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    assert alive, errors
    # A line that was cut off was not said.
    return [line.split() for line in said if line.endswith("\n")]


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(database_url):
    world = World(database_url, at=datetime.now(UTC))
    world.person("rev", "reviewer")
    with world.app.works.begin() as uow:
        # The limits of one person are not what this is about.
        now = uow.now
        for name, value in (("restores_per_hour", 1_000_000), ("breaker_reversals", 1_000_000)):
            uow.record("setting.changed", by="system", puts=(Setting(id=name, value=value, at=now, by="system"),))
    random = Random(20171102)
    said = [line for number in range(KILLS) for line in killed(database_url, number, 0.05 + random.random() * 0.5)]
    world.close()

    after = World(database_url, at=datetime.now(UTC) + timedelta(seconds=1))
    after.run(timedelta(minutes=10))
    reports = {line[1] for line in said if line[0] == "report"}
    enforcements = {line[1]: line[2] for line in said if line[0] == "enforcement"}
    assert len(reports) >= KILLS
    assert enforcements
    with after.store.read() as connection:
        kept = {row.id for row in connection.execute(sa.select(tables.report.c.id))}
    assert reports <= kept
    for one in after.enforcements():
        assert one.state in {"in_force", "restored", "waiting", "cancelled"}, one
        if one.action == "restore":
            continue
        effects = [effect for effect in after.effects(one.account) if effect.verb == "apply"]
        assert len(effects) <= 1
        if one.id in enforcements:
            assert one.account == enforcements[one.id]
            assert one.state == "waiting" or len(effects) == 1
        standing = {"limited"} if one.state == "in_force" else set()
        assert after.measures(one.account) == standing
    assert enforcements.keys() <= {one.id for one in after.enforcements()}
    after.assert_sound()
    after.close()
