"""The rehearsal of a failover: a primary under load loses power, and nothing acknowledged is lost."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.nodes.cluster import Cluster
from tests.nodes.installation import Acknowledged, Installation, wait

#: For what a machine does sooner or later, that has more to do.
_LONG = 600.0


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


def rehearse(folder: Path, *, reports: int = 50, enforcements: int = 20) -> Rehearsed:
    """Start a cluster and an installation on it, kill the primary under load, let it come back, and compare.

    So many reports and enforcements at least are acknowledged before the kill, and as many after it.
    """
    (folder / "cluster").mkdir(mode=0o755)
    (folder / "gardefou").mkdir()
    cluster = Cluster(folder / "cluster")
    told, stop = Acknowledged(), threading.Event()
    threads: list[threading.Thread] = []
    installation: Installation | None = None
    try:
        cluster.start()
        port = cluster.ports[f"{cluster.primary(_LONG)}-pg"]
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
            installation.wait_ready(name, _LONG)

        def go_on() -> None:
            first = len(told.reports) + reports, len(told.enforcements) + enforcements
            wait(
                lambda: len(told.reports) >= first[0] and len(told.enforcements) >= first[1],
                _LONG,
                "too little is acknowledged",
            )

        threads = [threading.Thread(target=installation.load, args=(told, stop, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        go_on()
        held = installation.checkpoints()
        primary = cluster.primary(_LONG)
        killed = time.monotonic()
        cluster.kill(primary)
        promoted = cluster.primary(_LONG)
        promoted_after = time.monotonic() - killed
        go_on()
        back = time.monotonic()
        cluster.start_node(primary)
        cluster.wait_synchronous(_LONG)
        rejoined_after = time.monotonic() - back
        stop.set()
        for thread in threads:
            thread.join()
        installation.wait_idle(_LONG)
        # Workers read who was reported for a while yet: what is compared stands still.
        installation.stop(_LONG)
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
