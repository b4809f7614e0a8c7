"""Several processes that serve one address, for Python runs on one core at a time.

They listen on the same socket: a connection goes to one that waits for it.
They are forked from one that has loaded the program and does nothing but look
after them: it starts the others once the first is ready, which migrates the
store and does the worker's work, starts anew whichever ends, and passes on
what it is told by signals. Should it be killed, so are they.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from gardefou.errors import InvalidInput, Unavailable
from gardefou.settings import Settings

#: Processes at most where the settings leave it open.
_MOST = 4
#: Calls that a node works on at a time: each may hold a connection of the database.
_THREADS = 40
#: Seconds between two starts of one that ends again and again.
_PAUSE = 1.0
_STOPS = (signal.SIGINT, signal.SIGTERM)
_READY = signal.SIGUSR1
_HEARD = (*_STOPS, signal.SIGCHLD, _READY)
#: The number of this option in Linux's <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
#: Where prometheus_client has the processes count together; it looks for it when it is loaded.
COUNTERS = "PROMETHEUS_MULTIPROC_DIR"

_log = logging.getLogger("gardefou.serve")


def processes_of(settings: Settings) -> int:
    """Return how many processes serve a node.

    Raises:
        InvalidInput: more than one on SQLite, which has one writer, or elsewhere
            than on Linux; fewer than none (`serve/processes`).
    """
    several = settings.url.startswith("postgres") and sys.platform == "linux"
    if settings.processes == 0:
        return min(_MOST, len(os.sched_getaffinity(0))) if several else 1
    if settings.processes < 0 or (settings.processes > 1 and not several):
        raise InvalidInput(
            "serve/processes",
            "Several processes serve only on PostgreSQL and Linux; leave `processes` out, or say 1.",
            field="processes",
        )
    return settings.processes


def threads_of(settings: Settings) -> int:
    """Return how many calls each process of a node works on at a time."""
    return max(4, _THREADS // processes_of(settings))


def bound(settings: Settings) -> tuple[Settings, list[socket.socket]]:
    """Bind sockets to the addresses that the host's name stands for; return the settings too, with the port that it is.

    They listen once a server begins with them.

    Raises:
        Unavailable: another has the address, or it is not this machine's (`serve/address`).
    """
    sockets: list[socket.socket] = []
    port = settings.port
    try:
        for family, *_kind, address in socket.getaddrinfo(
            settings.host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            sockets.append(one := socket.socket(family, socket.SOCK_STREAM))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address[0], port, *address[2:]))
            port = int(one.getsockname()[1])
    except OSError as error:
        for one in sockets:
            one.close()
        raise cannot_listen(settings) from error
    return replace(settings, port=port), sockets


def cannot_listen(settings: Settings) -> Unavailable:
    """Return the error of an address that another has, or that is not this machine's (`serve/address`)."""
    where = f"{settings.host}:{settings.port}"
    return Unavailable("serve/address", f"{where} cannot be listened on; name another with --host and --port.")


@dataclass(frozen=True, slots=True)
class Place:
    """One of the processes that serve."""

    settings: Settings
    #: Whether it is the one that the others waited for.
    first: bool
    keeper: int

    def ready(self) -> None:
        """Tell that it takes connections."""
        os.kill(self.keeper, _READY)


def spread(settings: Settings, sockets: list[socket.socket]) -> Place | None:
    """Fork the processes that serve from these sockets; return in each, and in this one, once all have ended, None.

    Call it while there is one thread and no connection to the database. The
    first decides: where it ends before it was ready, this process ends as it did.

    Raises:
        SystemExit: the first ended before it was ready, with its exit status.
    """
    os.environ[COUNTERS] = tempfile.mkdtemp(prefix="gardefou-counters-", dir=_memory())
    importlib.import_module("gardefou.web.serve")
    keeper = _Keeper(settings, sockets)
    place = keeper.keep()
    if place is not None:
        return place
    shutil.rmtree(os.environ[COUNTERS], ignore_errors=True)
    if keeper.stopped is None:
        raise SystemExit(keeper.status)
    # As uvicorn ends where it is alone.
    signal.raise_signal(keeper.stopped)
    return None


def _memory() -> Path | None:
    """Return where files are kept in memory: one on a disk that is full ends whoever writes to its pages."""
    shared = Path("/dev/shm")  # noqa: S108 - only for folders that nobody else may enter
    return shared if os.access(shared, os.W_OK | os.X_OK) else None


class _Keeper:
    """Looks after the processes that serve, in one that has no other thread."""

    def __init__(self, settings: Settings, sockets: list[socket.socket]) -> None:
        #: What it was told to end by; and the exit status of a first one that was never ready.
        self.stopped: signal.Signals | None = None
        self.status = 0
        self._settings = settings
        self._sockets = sockets
        self._running: dict[int, int] = {}
        self._begun: dict[int, float] = {}
        #: Numbers of those that are to be started, and when.
        self._due = {0: 0.0}
        self._ready = False

    def keep(self) -> Place | None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        keeper = os.getpid()
        # What is loaded stays as it is, on pages that all of them share.
        gc.collect()
        gc.freeze()
        while self._running or self._due:
            for number in [number for number, at in self._due.items() if at <= time.monotonic()]:
                del self._due[number]
                self._begun[number] = time.monotonic()
                pid = os.fork()
                if pid == 0:
                    _tie_to(keeper)
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                    return self._place(number, keeper)
                self._running[pid] = number
            self._hear()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return None

    def _place(self, number: int, keeper: int) -> Place:
        settings = self._settings if number == 0 else replace(self._settings, embedded_worker=False)
        return Place(settings, first=number == 0, keeper=keeper)

    def _hear(self) -> None:
        """Wait for a signal, or until another process is due."""
        if self._due:
            heard = signal.sigtimedwait(_HEARD, max(0.0, min(self._due.values()) - time.monotonic()))
        else:
            heard = signal.sigwaitinfo(_HEARD)
        number = 0 if heard is None else heard.si_signo
        if number in _STOPS:
            # Told so, each ends quietly once it has done what it has in hand; a second Ctrl-C makes them hurry.
            how = signal.SIGTERM if self.stopped is None else number
            self.stopped = signal.Signals(number)
            self._due.clear()
            for one in self._sockets:
                one.close()
            for pid in self._running:
                os.kill(pid, how)
        elif number == _READY and not self._ready:
            self._ready = True
            if self.stopped is None:
                self._due.update(dict.fromkeys(range(1, processes_of(self._settings)), 0.0))
        # Signals that come together are one.
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            self._ended(self._running.pop(pid), os.waitstatus_to_exitcode(status))

    def _ended(self, number: int, status: int) -> None:
        if self.stopped is not None:
            return
        if not self._ready:
            self.status = status if status >= 0 else 128 - status
            return
        how = f"exit status {status}" if status >= 0 else signal.Signals(-status).name
        _log.warning("one of the processes that serve has ended (%s); it is started anew", how)
        self._due[number] = self._begun[number] + _PAUSE


def _tie_to(keeper: int) -> None:
    """Have this process killed with the one that looks after it, and leave the terminal's signals to that one."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != keeper:
        os._exit(1)
