"""The worker: the clock's work, the sequencer, the watch, fetching and meeting who is reported, notices, in loops.

Any number may run beside each other; each piece of work is claimed in its own
transaction. `Worker.wake` makes a sleeping one look at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from gardefou import memory
from gardefou.clock import SystemClock
from gardefou.courier import Courier
from gardefou.errors import GardefouError
from gardefou.flow.app import App
from gardefou.flow.changes.erasing import erase_strangers
from gardefou.flow.due import next_due, run_due
from gardefou.flow.meet import Meeting
from gardefou.flow.nets_file import FileState, propose_file
from gardefou.flow.pull import pull
from gardefou.flow.recertify import note_grants, remind
from gardefou.flow.times_noted import note_time
from gardefou.flow.watch import Silent, watch
from gardefou.ledger.sequencer import BATCH
from gardefou.settings import Settings

T = TypeVar("T")

_log = logging.getLogger("gardefou.worker")

#: Seconds between two looks for work when nothing wakes the worker, and no backlog is left.
_PATIENCE = 0.25
#: Seconds between two times that SQLite's log is folded back.
_FOLD = 0.5
#: Seconds a round takes at least: what happens meanwhile shares one checkpoint, and leaves the core to people.
_PACE = 0.05
#: By how much a clock is set before it is said: more than NTP ever slews.
_STEP = timedelta(seconds=5)
_ROUNDS = 10_000
#: What a look at the nets file says to the operator.
_SAID = {
    FileState.WAITS: "%s differs from the nets in force: its proposal %s waits for people; nothing has changed",
    FileState.ANSWERED: "%s differs from the nets in force and its proposal %s came to nothing: "
    "propose it with `gardefou nets propose`",
    FileState.OLD: "%s holds nets that were in force before; they are not proposed again by themselves%s",
    FileState.SETUP: "%s differs from the nets in force; until setup has ended put it in force with "
    "`gardefou nets propose`%s",
}


class Worker:
    """One worker of one process. `run` blocks until `stop`."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._nets_file = NetsFile(app, settings.nets_file)
        self._courier = Courier(app, settings.address)
        self._meeting = Meeting(app)
        self._silent: Silent = {}
        self._clock_noted = False
        app.wake = self.wake

    def wake(self) -> None:
        """Make the worker look for work at once."""
        self._bell.set()
        self._courier.wake()

    def start(self) -> None:
        """Run in threads of this process: due work, watching and fetching, meeting, notices, SQLite's log."""
        folding = [self._run_fold] if self._app.works.store.folds else []
        meeting = [self._run_meeting] if self._settings.meet_seconds > 0 else []
        for target in (self.run, self._run_watch, self._run_courier, *meeting, *folding):
            thread = threading.Thread(target=target, name=f"gardefou-{target.__name__.strip('_')}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop after what is in hand, and wait for it."""
        self._stopping.set()
        self._bell.set()
        self._courier.stop()
        for thread in self._threads:
            thread.join(timeout=30)

    def run(self) -> None:
        """Integrate, do what is due, sleep until there is more; until stopped."""
        while not self._stopping.is_set():
            self._bell.clear()
            next_round = time.monotonic() + _PACE
            worked = self._guarded(self.round) or 0
            if worked < BATCH and not self._bell.is_set():
                # Reports wake nobody: what comes by the thousand gathers meanwhile, as a round has its price.
                self._bell.wait(self._pause())
            self._stopping.wait(max(0.0, next_round - time.monotonic()))

    def _run_courier(self) -> None:
        self._courier.run()

    def _run_meeting(self) -> None:
        while not self._stopping.wait(self._settings.meet_seconds):
            self._guarded(self._meeting.round)

    def _run_fold(self) -> None:
        while not self._stopping.wait(_FOLD):
            self._guarded(self._app.works.store.fold)

    def notices_once(self) -> int:
        """Send the notices that are due, and wait for it; for ``gardefou worker --once``."""
        return self._courier.once()

    def round(self) -> int:
        """Do one round; return how much was done."""
        done = self._app.sequencer.integrate()
        for _ in range(_ROUNDS):
            more = run_due(self._app, shuffled=self._app.random)
            if not more:
                break
            done += more
            done += self._app.sequencer.integrate()
        return done

    def watch_round(self) -> None:
        """Note how late it is, read every watched account, look at the nets file, and erase names of who never came."""
        self._note_clock()
        self._guarded(lambda: note_time(self._app))
        self._guarded(lambda: watch(self._app, self._silent))
        self._guarded(self._nets_file.look)
        self._guarded(lambda: erase_strangers(self._app))
        self._guarded(lambda: note_grants(self._app) + remind(self._app))

    def _note_clock(self) -> None:
        """Say once that the machine's clock was set meanwhile: this process goes on with the time it began with."""
        clock = self._app.clock
        if self._clock_noted or not isinstance(clock, SystemClock) or abs(clock.stepped) < _STEP:
            return
        self._clock_noted = True
        seconds = clock.stepped.total_seconds()
        _log.warning("the machine's clock was set by %+.0f seconds; restart this process to take it as it is", seconds)

    def _pause(self) -> float:
        try:
            due = next_due(self._app)
        except (GardefouError, SQLAlchemyError):
            # The store is away: the next round says so, and goes on when it is back.
            return _PATIENCE
        if due is None:
            return _PATIENCE
        return min(_PATIENCE, max(0.0, (due - self._app.now()).total_seconds()))

    def _run_watch(self) -> None:
        watched = pulled = float("-inf")
        gave_back = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            if now - watched >= self._settings.watch_seconds:
                watched = now
                self.watch_round()
            if now - pulled >= self._settings.pull_seconds:
                pulled = now
                for platform in self._guarded(self._app.platform_names) or []:
                    self._guarded(partial(pull, self._app, platform))
            if now - gave_back >= memory.EVERY:
                gave_back = now
                memory.give_back()
            self._stopping.wait(0.2)

    def _guarded(self, work: Callable[[], T]) -> T | None:
        """Do one thing; whatever goes wrong is logged and never stops the loop."""
        try:
            return work()
        except Exception:  # noqa: BLE001 - one bad round must not end the worker
            _log.exception("a round of the worker failed; it goes on")
            self._stopping.wait(0.5)
            return None


class NetsFile:
    """One process's eye on the file; it looks again only when the file's bytes have changed."""

    def __init__(self, app: App, path: str) -> None:
        self._app = app
        self._path = path
        self._seen: bytes | None = None

    def look(self) -> None:
        """Propose the file where it has changed. What is wrong with it is logged once, and changes nothing."""
        if not self._path:
            return
        try:
            data = Path(self._path).read_bytes()
        except OSError as error:
            data = b""
            if self._seen != data:
                _log.warning("%s cannot be read: %s", self._path, error.strerror)
            self._seen = data
            return
        if data == self._seen:
            return
        self._seen = data
        try:
            found = propose_file(self._app, data.decode())
        except (GardefouError, UnicodeDecodeError) as error:
            _log.warning("%s is not proposed: %s", self._path, error)
            return
        if found.state in _SAID:
            _log.warning(_SAID[found.state], self._path, found.proposal.id if found.proposal else "")
