"""The courier: what sends notices, beside the worker and never in its way.

Each channel has a thread of its own while something is due for it, so that one
that hangs holds up neither another channel nor any enforcement.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from gardefou.flow.app import App
from gardefou.flow.deliver import LEASE, InHand, forget, give_up, note, renew, share_out, take, waiting_channels

_log = logging.getLogger("gardefou.courier")

#: Seconds between two looks for what is due.
_PATIENCE = 1.0
#: Seconds a round takes at least: what happens meanwhile is shared out together, and nobody who decides waits for it.
_PACE = 0.2
#: Seconds between two renewals of what is being sent: a third of the lease.
_RENEWED = LEASE.total_seconds() / 3
#: Seconds after which an attempt that has not ended is no longer held for its thread.
_HOPELESS = 900.0
_TIDIED = 3600.0
#: Seconds that `stop` waits for what is being sent; what is not done then is taken up again.
_GRACE = 5.0


@dataclass(slots=True)
class _Run:
    """One channel at work in this process."""

    thread: threading.Thread
    in_hand: InHand | None = None
    since: float = field(default_factory=time.monotonic)
    renewed: float = field(default_factory=time.monotonic)


class Courier:
    """Sends what is due. ``address`` is the console's, for links in notices."""

    def __init__(self, app: App, address: str) -> None:
        self._app = app
        self._address = address
        self._runs: dict[str, _Run] = {}
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._tidied = time.monotonic()

    def wake(self) -> None:
        """Look at once."""
        self._bell.set()

    def run(self) -> None:
        """Go round until stopped; whatever goes wrong is logged and never ends it."""
        while not self._stopping.is_set():
            self._bell.clear()
            next_round = time.monotonic() + _PACE
            try:
                self.round()
            except Exception:  # noqa: BLE001 - one bad round must not end the courier
                _log.exception("a round of notices failed; it goes on")
            self._bell.wait(_PATIENCE)
            self._stopping.wait(max(0.0, next_round - time.monotonic()))

    def stop(self) -> None:
        """Begin nothing more, and wait a little for what is being sent."""
        self._stopping.set()
        self._bell.set()
        until = time.monotonic() + _GRACE
        for run in list(self._runs.values()):
            run.thread.join(timeout=max(0.0, until - time.monotonic()))

    def round(self) -> int:
        """Share out what is new, give up what is old, set each channel to work that has something due."""
        done = share_out(self._app)
        self._renew()
        done += give_up(self._app)
        for channel in waiting_channels(self._app):
            run = self._runs.get(channel)
            if run is not None and run.thread.is_alive():
                continue
            thread = threading.Thread(
                target=self._work_off, args=(channel,), name=f"gardefou-notices-{channel}", daemon=True
            )
            self._runs[channel] = _Run(thread)
            thread.start()
        if time.monotonic() - self._tidied > _TIDIED:
            self._tidied = time.monotonic()
            forget(self._app)
        return done

    def once(self, seconds: float = 30.0) -> int:
        """Do one round and wait for its channels; for ``gardefou worker --once``."""
        done = self.round()
        until = time.monotonic() + seconds
        for run in list(self._runs.values()):
            run.thread.join(timeout=max(0.0, until - time.monotonic()))
        return done

    def _renew(self) -> None:
        now = time.monotonic()
        for run in self._runs.values():
            in_hand = run.in_hand
            if in_hand is None or not run.thread.is_alive() or now - run.since > _HOPELESS:
                continue
            if now - run.renewed >= _RENEWED:
                run.renewed = now
                renew(self._app, in_hand)

    def _work_off(self, channel: str) -> None:
        """Send everything that is due for a channel, one after the other."""
        run = self._runs[channel]
        try:
            while not self._stopping.is_set():
                one = take(self._app, channel, address=self._address)
                if one is None:
                    return
                run.since = run.renewed = time.monotonic()
                run.in_hand = one
                sent = self._app.post.send(one.key, one.message.title, one.message.body, notice=one.notice_id)
                run.in_hand = None
                note(self._app, one, sent)
                if not sent.ok:
                    _log.warning("notice %s does not get through %s: %s", one.notice_id, channel, sent.answer)
        except Exception:  # noqa: BLE001 - the store was lost, or others were in the way: the lease brings it back
            _log.exception("notices for %s are left for the next round", channel)
