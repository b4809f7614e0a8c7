"""Three PostgreSQL under Patroni with etcd, on this machine alone: a primary, and replicas one of which is synchronous.

From Debian's packages ``patroni``, ``etcd-server`` and ``postgresql``. Every
process is an unprivileged user's, and lives in one folder.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.nodes.installation import free_port

PACKAGES = "patroni etcd-server postgresql"
_NODES = ("n1", "n2", "n3")
#: Seconds in which a cluster comes up, on a machine that has more to do.
_PATIENCE = 600.0


def missing() -> str:
    """Return which packages to install, or nothing."""
    here = shutil.which("patroni") and shutil.which("etcd") and _binaries()
    return "" if here else f"install Debian's packages {PACKAGES}, without starting their services"


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@dataclass
class Cluster:
    """The processes of one cluster; `close` ends them all."""

    folder: Path
    user: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if os.geteuid() == 0:
            self.user = "postgres"
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        for name in ("etcd", "peer", *(f"{node}-{what}" for node in _NODES for what in ("rest", "pg"))):
            self.ports[name] = free_port()

    def start(self) -> None:
        """Start everything, and wait until there is a primary with a synchronous replica."""
        client, peer = (f"http://127.0.0.1:{self.ports[name]}" for name in ("etcd", "peer"))
        self._run(
            "etcd",
            [
                *("etcd", "--name", "e", "--data-dir", str(self.folder / "etcd"), "--log-level", "error"),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"e={peer}"),
            ],
        )
        self.start_node("n1")
        self.primary(_PATIENCE)
        for node in _NODES[1:]:
            self.start_node(node)
        self.wait_synchronous(_PATIENCE)

    def start_node(self, node: str) -> None:
        """Start one node's Patroni, which starts its PostgreSQL."""
        (self.folder / f"{node}.yml").write_text(json.dumps(self._settings(node)))
        self._run(node, ["patroni", str(self.folder / f"{node}.yml")])

    def _settings(self, node: str) -> dict[str, Any]:
        rest, port = (f"127.0.0.1:{self.ports[f'{node}-{what}']}" for what in ("rest", "pg"))
        return {
            "scope": "gardefou",
            "name": node,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": f"127.0.0.1:{self.ports['etcd']}"},
            "bootstrap": {
                "dcs": {
                    "ttl": 20,
                    "loop_wait": 2,
                    "retry_timeout": 5,
                    "maximum_lag_on_failover": 1_048_576,
                    "synchronous_mode": True,
                    "synchronous_mode_strict": True,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {"max_connections": 150, "shared_buffers": "32MB", "wal_keep_size": "64MB"},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            },
            "postgresql": {
                "listen": port,
                "connect_address": port,
                "data_dir": str(self.folder / node),
                "bin_dir": str(_binaries()),
                "pgpass": str(self.folder / f"{node}.pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres", "password": "made-for-tests"},
                    "replication": {"username": "replicator", "password": "made-for-tests"},
                },
                "parameters": {"unix_socket_directories": str(self.folder)},
            },
        }

    def _run(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                stdout=log,
                stderr=log,
                user=self.user or None,
                group=self.user or None,
                start_new_session=True,
            )

    def members(self) -> list[dict[str, Any]]:
        """Return what Patroni says of its members; whichever node answers."""
        for node in _NODES:
            with suppress(httpx.HTTPError, ValueError, KeyError):
                found: list[dict[str, Any]] = httpx.get(
                    f"http://127.0.0.1:{self.ports[f'{node}-rest']}/cluster", timeout=2
                ).json()["members"]
                return found
        return []

    def primary(self, seconds: float) -> str:
        """Return the node that is primary, waiting for one."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for node in _NODES:
                with suppress(httpx.HTTPError):
                    if (
                        httpx.get(f"http://127.0.0.1:{self.ports[f'{node}-rest']}/primary", timeout=2).status_code
                        == 200
                    ):
                        return node
            time.sleep(0.2)
        raise AssertionError(self.said())

    def wait_synchronous(self, seconds: float, *, replicas: int = 2) -> None:
        """Wait until so many replicas stream, and one of them is the synchronous one."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            roles = [one["role"] for one in self.members() if one.get("state") in {"running", "streaming"}]
            if "sync_standby" in roles and len(roles) == replicas + 1:
                return
            time.sleep(0.2)
        raise AssertionError(f"{self.members()}\n{self.said()}")

    def url(self, database: str) -> str:
        """Return the database's URL over all nodes: whichever may be written to is the one that is used."""
        hosts = ",".join(f"127.0.0.1:{self.ports[f'{node}-pg']}" for node in _NODES)
        return f"postgresql://postgres:made-for-tests@{hosts}/{database}?target_session_attrs=read-write"

    def kill(self, node: str) -> None:
        """``kill -9`` a node's Patroni and every process of its PostgreSQL, as when its machine loses power."""
        pids = [self.processes[node].pid, *self._postgres(node)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.processes.pop(node).wait()

    def _postgres(self, node: str) -> list[int]:
        try:
            postmaster = int((self.folder / node / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError):
            return []
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        with suppress(OSError):
            return [postmaster, *map(int, children.read_text().split())]
        return [postmaster]

    def said(self) -> str:
        """Return the ends of the logs."""
        return "\n".join(f"{log.name}:\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End every process."""
        for node in _NODES:
            if node in self.processes:
                self.kill(node)
            for pid in self._postgres(node):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
