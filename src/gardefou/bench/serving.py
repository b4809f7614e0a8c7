"""A server as a process of its own, as `gardefou serve` starts it, for a measurement; and how fast it starts."""

from __future__ import annotations

import http.client
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gardefou.bench.measured import percentile
from gardefou.errors import Unavailable

_START_SECONDS = 30
_STOP_SECONDS = 30
_POLL_SECONDS = 0.002
_SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A server that answers at ``address``; ``seconds`` it took from its start to its first answer."""

    address: str
    pid: int
    seconds: float

    def resident(self) -> int:
        """Return how many bytes of memory it and the processes that it started hold now, what they share in each.

        Raises:
            Unavailable: this system does not say (`bench/memory`).
        """
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
            return _resident(self.pid) + sum(_resident(int(pid)) for pid in children.split())
        except OSError as error:
            raise Unavailable(
                "bench/memory", "This system does not say how much memory a process holds; Linux does."
            ) from error


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise Unavailable("bench/memory", "The server ended while its memory was looked at.")
    return int(found[1]) * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Seconds from the start of the process to its first answer, and of both cores until it had ended again."""

    seconds: tuple[float, ...]
    cpu: tuple[float, ...]


def starts(data: Path, url: str, *, count: int) -> Starts:
    """Start and stop the server so many times on an initialised store.

    A start before them does not count: it compiles the program, as the first
    after an installation does.
    """
    # Whoever measures may have told Python to keep no compiled program.
    environ = {"PYTHONPYCACHEPREFIX": str(data / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    seconds: list[float] = []
    cpu: list[float] = []
    for _ in range(count + 1):
        before = _children()
        with serving(data, url, environ=environ) as server:
            seconds.append(server.seconds)
        cpu.append(_children() - before)
    return Starts(seconds=tuple(seconds[1:]), cpu=tuple(cpu[1:]))


def median(values: Sequence[float]) -> float:
    """Return the value in the middle."""
    return percentile(values, 0.5)


@contextmanager
def serving(data: Path, url: str, *, environ: dict[str, str] | None = None) -> Iterator[Serving]:
    """Run `gardefou serve`, worker and all, on the store until the block ends."""
    command = ["gardefou", "serve", "--data", str(data)]
    with process(command, data, {"GARDEFOU_DATABASE_URL": url, **(environ or {})}) as server:
        yield server


@contextmanager
def process(module: Sequence[str], folder: Path, environ: dict[str, str]) -> Iterator[Serving]:
    """Run a module of ours, which takes ``--port`` and answers at ``/healthz``, until the block ends.

    Raises:
        Unavailable: it does not answer (`bench/serve`).
    """
    port = _free_port()
    whole = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_SOURCE), os.environ.get("PYTHONPATH", "")]),
        **environ,
    }
    log = folder / "serve.log"
    with log.open("wb") as output:
        begun = time.perf_counter()
        server = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", *module, "--port", str(port)],
            env=whole, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait(server, port, log)
            yield Serving(address=f"http://127.0.0.1:{port}", pid=server.pid, seconds=time.perf_counter() - begun)
        finally:
            server.terminate()
            try:
                server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            asked.request("GET", "/healthz")
            if asked.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(_POLL_SECONDS)
        finally:
            asked.close()
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise Unavailable("bench/serve", f"The server did not start: {said[-1] if said else 'no output'}")


def _children() -> float:
    """Return the processor time of the processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
