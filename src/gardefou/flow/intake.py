"""Intake: many callers, one transaction. And whole files of reports, line by line.

A disk makes a transaction durable in about the time in which a hundred reports
can be written; so reports that arrive while one transaction is written share
the next one (group commit). Nobody is answered before their report is durable.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy.exc import OperationalError

from gardefou.errors import Denied, GardefouError, InvalidInput, Unavailable
from gardefou.flow.app import App
from gardefou.flow.reports import Given, NewReport, Taken, parse_report, take_each
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _

#: Reports of one transaction.
GROUP = 500
#: How long a group waits for company, in seconds; only while reports come in side by side.
LINGER = 0.002
#: Reports that may wait for their transaction.
WAITING = 10_000
#: Bytes of one line of a batch, without its end.
MAX_LINE = 256 * 1024
#: Lines of one transaction.
CHUNK = 1_000

_Answer = Taken | Exception
_Deliver = Callable[[_Answer], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    given: Given
    #: Called in the writer's thread, once, when the report is durable or refused.
    deliver: _Deliver | None = None
    #: Or: the loop and the future of a coroutine.
    loop: asyncio.AbstractEventLoop | None = None
    future: asyncio.Future[Taken] | None = None


class Intake:
    """Takes single reports in groups, with one thread that writes. Close it to drain it.

    ``limit`` bounds how many may wait; beyond it callers are told to come back.
    """

    def __init__(self, app: App, *, limit: int = WAITING) -> None:
        self._app = app
        self._limit = limit
        self._queue: deque[_Waiting] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._linger = threading.Event()
        self._thread = threading.Thread(target=self._write, name="intake", daemon=True)
        self._thread.start()

    def submit(self, actor: Actor, report: NewReport) -> Taken:
        """Take a report; returns once it is durable.

        Raises:
            Denied: the actor may not report (`auth/forbidden`, `staff/…`).
            NotFound: no such platform (`platform/not_found`).
            Unavailable: too many are waiting, or it is closing (`report/busy`), or
                the store does not answer (`store/unavailable`).
        """
        done: Future[Taken] = Future()

        def deliver(answer: _Answer) -> None:
            if isinstance(answer, Exception):
                done.set_exception(answer)
            else:
                done.set_result(answer)

        self._put(actor, [_Waiting(Given(actor, report), deliver=deliver)])
        return done.result()

    async def submit_async(self, actor: Actor, report: NewReport, *, pulled_key: str = "") -> Taken:
        """Take a report as `submit` does, without holding a thread while it waits.

        ``pulled_key``: a key under which it is taken at most once.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Taken] = loop.create_future()
        self._put(actor, [_Waiting(Given(actor, report, pulled_key), loop=loop, future=future)])
        return await future

    def close(self) -> None:
        """Take no more, write what is waiting, and end the thread. Safe to call twice."""
        with self._arrived:
            self._closing = True
            self._arrived.notify_all()
        self._linger.set()
        self._thread.join()

    def _put(self, actor: Actor, waiting: list[_Waiting]) -> None:
        actor.require(Power.REPORT, self._app.now())
        with self._arrived:
            if self._closing:
                raise Unavailable("report/busy", "This node is closing; send it again.")
            if len(self._queue) >= self._limit:
                raise Unavailable("report/busy", "Too many reports are waiting; send it again in a moment.")
            self._queue.extend(waiting)
            self._arrived.notify()

    def _write(self) -> None:
        """Write group after group until closed and empty."""
        together = 1
        while True:
            with self._arrived:
                while not self._queue and not self._closing:
                    self._arrived.wait()
                if not self._queue:
                    return
                few = len(self._queue) < min(together, GROUP)
            if few and not self._closing:
                # The last group was larger: the same callers are about to send their next.
                self._linger.wait(LINGER)
            with self._arrived:
                group = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
            together = len(group)
            _deliver(group, self._take([one.given for one in group]))

    def _take(self, given: list[Given]) -> list[_Answer]:
        try:
            return list(take_each(self._app, given))
        except OperationalError:
            gone = Unavailable("store/unavailable", "The store does not answer; send it again.")
            return [gone for _ in given]
        except Exception as error:  # noqa: BLE001 - one report's surprise must not take the others along
            if len(given) == 1:
                return [error]
        return [self._take([one])[0] for one in given]


def _deliver(group: list[_Waiting], answers: list[_Answer]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Taken], _Answer]]] = {}
    for waiting, answer in zip(group, answers, strict=True):
        if waiting.deliver is not None:
            waiting.deliver(answer)
        elif waiting.loop is not None and waiting.future is not None:
            by_loop.setdefault(waiting.loop, []).append((waiting.future, answer))
    for loop, answered in by_loop.items():
        # One call a group and loop, whoever many wait in it. A loop that has ended waits no more.
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answered)


def _settle(answered: list[tuple[asyncio.Future[Taken], _Answer]]) -> None:
    for future, answer in answered:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


# whole files --------------------------------------------------------------------


class LineResult(NamedTuple):
    """What became of one line: the report that was taken, or the error. Lines count from 1."""

    line: int
    taken: Taken | None = None
    error: GardefouError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as ``POST /reports/batch`` and ``gardefou report import`` print it."""
        if self.taken is not None:
            return {
                "line": self.line,
                "report": self.taken.report,
                "case": self.taken.case,
                "merged": self.taken.merged,
            }
        assert self.error is not None
        return {
            "line": self.line,
            "error": {"code": self.error.code, "message": self.error.message, "field": self.error.field},
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file has come: lines read, and what became of their reports."""

    lines: int = 0
    taken: int = 0
    merged: int = 0
    rejected: int = 0


def take_lines(
    app: App, actor: Actor, lines: Iterable[bytes], *, on_progress: Callable[[Progress], None] | None = None
) -> Iterator[LineResult]:
    """Take reports from lines of JSON; yields one result a line, in sequence.

    A bad line never spoils the others. Blank lines are passed over (they count
    as lines). Each `CHUNK` lines are one transaction, and their results come
    once they are durable; whoever stops in between has what was yielded.

    Raises:
        Denied: the actor may not report; nothing was taken (`auth/forbidden`, `staff/…`).
    """
    actor.require(Power.REPORT, app.now())
    return _take_lines(app, actor, lines, on_progress)


def _take_lines(
    app: App, actor: Actor, lines: Iterable[bytes], on_progress: Callable[[Progress], None] | None
) -> Iterator[LineResult]:
    read = taken = merged = rejected = 0
    chunk: list[tuple[int, NewReport | GardefouError]] = []

    def results() -> list[LineResult]:
        nonlocal taken, merged, rejected
        done = _chunk(app, actor, chunk)
        chunk.clear()
        for result in done:
            if result.taken is None:
                rejected += 1
            else:
                taken += 1
                merged += result.taken.merged
        if on_progress is not None:
            on_progress(Progress(read, taken, merged, rejected))
        return done

    for line in lines:
        read += 1
        if line.isspace() or not line:
            continue
        chunk.append((read, _within(actor, _parse(line))))
        if len(chunk) >= CHUNK:
            yield from results()
    if chunk:
        yield from results()


def _within(actor: Actor, report: NewReport | GardefouError) -> NewReport | GardefouError:
    """Return the report, or the error of one about another platform than the token is for."""
    if isinstance(report, NewReport) and actor.platforms:
        try:
            actor.require_platform(report.platform)
        except Denied as error:
            return error
    return report


def _parse(line: bytes) -> NewReport | GardefouError:
    if len(line) > MAX_LINE + 2:
        return InvalidInput("report/line_too_long", _("A line has at most %(most)s bytes.", most=MAX_LINE))
    try:
        return parse_report(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        return InvalidInput("report/json", _("This line is not JSON: %(error)s", error=error))
    except InvalidInput as error:
        return error


def _chunk(app: App, actor: Actor, chunk: list[tuple[int, NewReport | GardefouError]]) -> list[LineResult]:
    good = [Given(actor, report) for _, report in chunk if isinstance(report, NewReport)]
    answers = iter(take_each(app, good))
    results: list[LineResult] = []
    for number, parsed in chunk:
        answer = next(answers) if isinstance(parsed, NewReport) else parsed
        if isinstance(answer, GardefouError):
            results.append(LineResult(number, error=answer))
        else:
            results.append(LineResult(number, taken=answer))
    return results


def lines_of(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Split a stream into lines, never holding more than one.

    Of a line that is longer than `MAX_LINE` only as much is kept as shows it.
    """
    held = b""
    dropping = False
    for part in parts:
        pieces = part.split(b"\n")
        for place, piece in enumerate(pieces):
            if not dropping:
                held += piece
                if len(held) > MAX_LINE + 2:
                    held, dropping = held[: MAX_LINE + 3], True
            if place < len(pieces) - 1:
                yield held
                held, dropping = b"", False
    if held:
        yield held
