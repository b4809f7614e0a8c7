"""The rehearsal of a failover: a primary under load loses power, and nothing acknowledged is lost."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.nodes.cluster import Cluster
from tests.nodes.installation import Acknowledged, Installation


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What one rehearsal came to. Times in seconds."""

    reports: int
    enforcements: int
    killed: str
    promoted: str
    #: From the kill until another node was primary.
    promoted_after: float
    #: The longest time in which nothing was acknowledged.
    away: float
    #: From its start until the killed node was a replica again.
    rejoined_after: float
    problems: list[str]


def rehearse(folder: Path, *, before: float = 5.0, after: float = 10.0) -> Rehearsed:
    """Start a cluster and an installation on it, kill the primary under load, let it come back, and compare."""
    (folder / "cluster").mkdir(mode=0o755)
    (folder / "gardefou").mkdir()
    cluster = Cluster(folder / "cluster")
    told, stop = Acknowledged(), threading.Event()
    threads: list[threading.Thread] = []
    installation: Installation | None = None
    try:
        cluster.start()
        port = cluster.ports[f"{cluster.primary(10)}-pg"]
        with psycopg.connect(
            f"postgresql://postgres:made-for-tests@127.0.0.1:{port}/postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE gardefou")
        installation = Installation(cluster.url("gardefou"), folder / "gardefou")
        for name, command in {
            "one": ("serve", "--no-worker"),
            "two": ("serve", "--no-worker"),
            "w1": ("worker",),
            "w2": ("worker",),
        }.items():
            installation.start(name, *command)
        for name in ("one", "two"):
            installation.wait_ready(name)
        threads = [threading.Thread(target=installation.load, args=(told, stop, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(before)
        held = installation.checkpoints()
        primary = cluster.primary(10)
        killed = time.monotonic()
        cluster.kill(primary)
        promoted = cluster.primary(90)
        promoted_after = time.monotonic() - killed
        last = len(told.at)
        until = time.monotonic() + 90
        while len(told.at) < last + 20 and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(after)
        back = time.monotonic()
        cluster.start_node(primary)
        cluster.wait_synchronous(90)
        rejoined_after = time.monotonic() - back
        stop.set()
        for thread in threads:
            thread.join()
        # Leases that ran while the database was away end, and what was in hand is settled.
        time.sleep(40)
        return Rehearsed(
            reports=len(told.reports),
            enforcements=len(told.enforcements),
            killed=primary,
            promoted=promoted,
            promoted_after=promoted_after,
            away=told.longest_silence(killed),
            rejoined_after=rejoined_after,
            problems=installation.problems(told, held),
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        if installation is not None:
            installation.close()
        cluster.close()
