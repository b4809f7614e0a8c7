"""Pages that stay true while they are open: counters and what changed, by server-sent events.

One poller a process looks at the store about twice a second while anyone
listens, and wakes every stream; what happens through other nodes is found as
it is read from the store, and on PostgreSQL at once: a nudge brings the next
look forward. A stream ends within a second of its session, and goes on where the
session's secret is renewed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from gardefou.domain.records import Staff
from gardefou.flow.app import App
from gardefou.people.sessions import Lasting
from gardefou.speech import Speech, decimal, ngettext, speak
from gardefou.speech import gettext as _
from gardefou.storage.nudge import listen
from gardefou.web.console.pulse import Blind, Counts, Happened, Look, Reader, happened_since, topics

_log = logging.getLogger("gardefou.live")

#: Seconds between two looks at the store; where nudges bring them forward at least, and as many times what a look took;
#: after one that failed; and for which it goes on looking for nobody.
PACE = 0.5
_LEAST, _REST = 0.1, 9
_AFTER_TROUBLE = 2.0
_LINGER = 5.0
#: Seconds of silence after which a stream says that it is still there.
HEARTBEAT = 15.0
#: Streams of one session, and of one process.
MOST_OF_ONE = 12
MOST_IN_ALL = 2_000
#: Looks that are kept for a stream that is behind; one further behind is told that everything may have changed.
_KEPT = 100
_RETRY_MS = 1_000


def texts(counts: Counts, for_you: int) -> dict[str, str]:
    """Return what stands beside the pages' names in the navigation; nothing where there is nothing to say."""
    opened, late, running = decimal(counts.open), decimal(counts.late), decimal(counts.running)
    if counts.late:
        queue = _("%(open)s open, %(late)s late", open=opened, late=late)
    else:
        queue = _("%(open)s open", open=opened) if counts.open else ""
    if for_you and counts.running:
        enforcements = _("%(waiting)s for you, %(running)s running", waiting=decimal(for_you), running=running)
    elif for_you:
        enforcements = _("%(waiting)s for you", waiting=decimal(for_you))
    else:
        enforcements = _("%(running)s running", running=running) if counts.running else ""
    return {"queue": queue, "enforcements": enforcements, "pause": _("stopped") if counts.stopped else ""}


def _says(before: tuple[Counts, int] | None, counts: Counts, for_you: int) -> str:
    """Return what is worth interrupting somebody for who does not see the counters."""
    if before is None:
        return ""
    if counts.stopped > before[0].stopped:
        return _("Enforcement was stopped.")
    if before[0].stopped and not counts.stopped:
        return _("Enforcement runs again.")
    if for_you > before[1]:
        return ngettext("%(num)s enforcement waits for you.", "%(num)s enforcements wait for you.", for_you)
    return ""


class Live:
    """What one process tells open pages. Everything but `texts_for` belongs to the loop that serves."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._reader = Reader(app)
        self._streams: dict[Stream, Lasting] = {}
        self._looks: deque[Look] = deque(maxlen=_KEPT)
        self._looked_at = float("-inf")
        self._poller: asyncio.Task[None] | None = None
        self._bell: asyncio.Future[None] | None = None
        self.closing = False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    @property
    def polling(self) -> bool:
        """Whether the store is looked at."""
        return self._poller is not None and not self._poller.done()

    @property
    def bell(self) -> asyncio.Future[None]:
        """Rings with the next look, and when everything closes."""
        if self._bell is None or self._bell.done():
            self._bell = asyncio.get_running_loop().create_future()
        return self._bell

    @property
    def newest(self) -> Look | None:
        """The newest look, or None before the first."""
        return self._looks[-1] if self._looks else None

    def is_full(self, session: Lasting) -> bool:
        """Whether this session, or this process, has as many streams as there may be."""
        return len(self._streams) >= MOST_IN_ALL or Counter(self._streams.values())[session] >= MOST_OF_ONE

    def looks_after(self, number: int) -> tuple[list[Look], bool]:
        """Return the looks after one, and whether some of them are kept no more."""
        found = [one for one in self._looks if one.number > number]
        return found, bool(found) and found[0].number > number + 1

    def missed(self, since: datetime) -> tuple[datetime, tuple[Happened, ...], bool, Blind]:
        """Return what happened between a page and its stream, or while the stream was down; from any thread."""
        with self._app.works.read() as connection:
            return self._app.now(), *happened_since(self._app, connection, since)

    def texts_for(self, staff: Staff) -> dict[str, str]:
        """Return the counters for a page, where they are known by now; from any thread."""
        look = self.newest
        if look is None or monotonic() - self._looked_at > 2 * PACE + _AFTER_TROUBLE:
            return {}
        return texts(look.counts, look.counts.for_person(staff, look.at))

    def join(self, stream: Stream, session: Lasting) -> None:
        """Let a stream take part; the first one starts the poller."""
        self._streams[stream] = session
        if not self.polling:
            self._poller = asyncio.get_running_loop().create_task(self._poll(), name="gardefou-live")

    def leave(self, stream: Stream) -> None:
        """Let a stream go."""
        self._streams.pop(stream, None)

    def close(self) -> None:
        """End every stream and the poller; for a process that stops."""
        self.closing = True
        self._ring()
        if self._poller is not None:
            self._poller.cancel()

    def _ring(self) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    async def _poll(self) -> None:
        """Look at the store while anyone listens, and listen for nudges."""
        nudged = asyncio.Event()
        ear = asyncio.get_running_loop().create_task(listen(self._app.works.store, nudged.set))
        try:
            await self._look_on(nudged)
        finally:
            ear.cancel()
            with suppress(asyncio.CancelledError):
                await ear

    async def _look_on(self, nudged: asyncio.Event) -> None:
        """Look again and again; what goes wrong is logged once, and tried again."""
        # Requests that wait for a thread do not keep it from one.
        thread = CapacityLimiter(1)
        self._reader.forget()
        self._looks.clear()
        alone_since: float | None = None
        well = True
        while True:
            if self._streams:
                alone_since = None
            elif alone_since is None:
                alone_since = monotonic()
            elif monotonic() - alone_since > _LINGER:
                return
            nudged.clear()
            began = monotonic()
            try:
                look = await to_thread.run_sync(self._reader.look, frozenset(self._streams.values()), limiter=thread)
            except Exception:  # noqa: BLE001 - whatever is wrong with one look, pages stay open and are told later
                if well:
                    _log.exception("the store could not be looked at for open pages; it is tried again")
                well = False
                await asyncio.sleep(_AFTER_TROUBLE)
                continue
            well = True
            self._looks.append(look)
            self._looked_at = monotonic()
            self._ring()
            # However many nudges come, a tenth of the time is spent on looking.
            least = min(PACE, max(_LEAST, _REST * (self._looked_at - began)))
            await asyncio.sleep(least)
            with suppress(TimeoutError):
                await asyncio.wait_for(nudged.wait(), PACE - least)


class Stream:
    """One open page's stream, as an ASGI answer.

    Events, each with JSON: ``counts`` (``texts`` by counter, ``says`` for
    screen readers), ``changed`` (``topics``, those by ones own acts apart as ``own``; ``all``), ``ended`` (``says``:
    the session is over). Its ``id`` is a moment in milliseconds, from which
    the next connection goes on.
    """

    def __init__(self, live: Live, session: Lasting, staff: Staff, speaks: Speech, since: datetime | None) -> None:
        self._live = live
        self._session = session
        self._staff = staff
        self._speaks = speaks
        self._since = since
        self._told: tuple[Counts, int] | None = None
        self._texts: dict[str, str] | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the page is left, the session ends, or the process stops."""
        speak(self._speaks)
        gone = asyncio.ensure_future(_gone(receive))
        self._live.join(self, self._session)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async for text in self._messages(gone):
                if text:
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._live.leave(self)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _messages(self, gone: asyncio.Future[None]) -> AsyncIterator[str]:
        newest = self._live.newest
        number = newest.number if newest is not None else 0
        # Told at once that it is open: nothing may have happened yet.
        yield f"retry: {_RETRY_MS}\n: open\n\n"
        if self._since is not None:
            yield self._changed(*await run_in_threadpool(self._live.missed, self._since))
        if newest is not None and self._session in newest.sessions:
            yield self._counted(newest)
        while not gone.done() and not self._live.closing:
            looks, behind = self._live.looks_after(number)
            for look in looks:
                number = look.number
                if self._session in look.asked and self._session not in look.sessions:
                    yield _message("ended", {"says": _("You are signed out.")})
                    return
                yield self._changed(look.at, look.happened, look.much or behind, look.blind)
                behind = False
            if looks:
                yield self._counted(looks[-1])
                continue
            bell = self._live.bell
            await asyncio.wait({gone, bell}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            if not bell.done():
                yield ": still here\n\n"

    def _changed(self, at: datetime, happened: tuple[Happened, ...], much: bool, blind: Blind) -> str:  # noqa: FBT001
        if not happened and not much:
            return ""
        hidden = blind.hidden(self._staff.id)
        others = topics((one for one in happened if one.by != self._staff.id), hidden)
        own = topics((one for one in happened if one.by == self._staff.id), hidden)
        if not others and not own and not much:
            return ""
        return _message("changed", {"topics": others, "own": own, "all": much}, at)

    def _counted(self, look: Look) -> str:
        self._staff = look.sessions.get(self._session, self._staff)
        if self._told is not None and self._told[0] is look.counts:
            return ""
        for_you = look.counts.for_person(self._staff, look.at)
        says, shown = _says(self._told, look.counts, for_you), texts(look.counts, for_you)
        self._told = (look.counts, for_you)
        if shown == self._texts and not says:
            return ""
        self._texts = shown
        return _message("counts", {"texts": shown, "says": says}, look.at)


_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # A proxy that collects answers before it passes them on would make it anything but live.
    (b"x-accel-buffering", b"no"),
]


def _message(event: str, data: dict[str, Any], at: datetime | None = None) -> str:
    number = "" if at is None else f"id: {int(at.timestamp() * 1000)}\n"
    return f"{number}event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _gone(receive: Receive) -> None:
    """Return once the other side has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
