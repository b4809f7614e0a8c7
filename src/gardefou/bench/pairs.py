"""Decide-and-execute, and takedown-and-restore: whole ways through the flow, many people at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gardefou.bench.install import Installation, installed
from gardefou.bench.measured import percentile
from gardefou.domain.states import State
from gardefou.errors import Unavailable
from gardefou.flow.decide import ActionWish, decide, enforce
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.settings import Settings
from gardefou.worker import Worker

#: Settings that let somebody restore all day what they have taken down.
FREE = {"breaker_reversals": 1_000_000_000, "restores_per_hour": 1_000_000_000}
#: Cases that are opened together, before the clock runs.
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How many were done in how many seconds, and each one's own milliseconds."""

    done: int
    seconds: float
    milliseconds: tuple[float, ...]

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.done / self.seconds

    def slow(self, share: float) -> float:
        """Return the time in milliseconds that this share of all did not exceed."""
        return percentile(self.milliseconds, share)


def decide_and_execute(url: str, folder: Path, *, seconds: float, most: int, threads: int, action: str) -> Run:
    """Decide ``action`` on reported cases, each claimed by deciding, and see it in force at the sandbox.

    Cases and accounts are there before the clock runs; the worker runs beside it
    as in `serve`, so ledger and checkpoints are included.

    Raises:
        Unavailable: one did not end in force (`bench/unexpected`).
    """
    with installed(url, folder, accounts=most) as made:
        cases = _cases(made, most)

        def one(place: int) -> None:
            person = made.person(place)
            wish = ActionWish(action=action)
            done = decide(made.app, person, cases[place], policy="spam", rationale="Spam.", actions=[wish])
            _must(done.enforcements[0].state == State.IN_FORCE.value, f"a decision ended {done.enforcements[0].state}")

        return _run(made, one, seconds=seconds, most=most, threads=threads)


def takedown_and_restore(url: str, folder: Path, *, seconds: float, most: int, threads: int, action: str) -> Run:
    """Enforce ``action`` on an account and restore it, both seen at the sandbox.

    The breaker, which would stop after five reversals, and the hourly number of
    restores a person may make are set out of reach.

    Raises:
        Unavailable: one did not end as it should (`bench/unexpected`).
    """
    with installed(url, folder, accounts=most, settings=FREE) as made:

        def one(place: int) -> None:
            person = made.person(place)
            wanted = Wanted(platform="sandbox", account=f"a{place}", action=action, policy="spam", rationale="Spam.")
            taken = enforce(made.app, person, wanted)
            _must(taken.state == State.IN_FORCE.value, f"a takedown ended {taken.state}")
            lifted = restore(made.app, person, "sandbox", f"a{place}", "It was a mistake.")
            states = [one.state for one in lifted.restores]
            _must(states == [State.IN_FORCE.value], f"a restore ended {states}")

        return _run(made, one, seconds=seconds, most=most, threads=threads)


def _must(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        raise Unavailable("bench/unexpected", f"The benchmark is not what it says: {what}.")


def _cases(made: Installation, count: int) -> list[str]:
    """Report accounts ``a0``, ``a1``, …; return their cases."""
    reporter = made.reporter()
    cases: list[str] = []
    for first in range(0, count, _BATCH):
        reports = [
            parse_report(
                {
                    "platform": "sandbox",
                    "subject": {"kind": "account", "account": f"a{place}"},
                    "reporter": f"member-{place}",
                    "category": "spam",
                    "text": "They post the same link in every thread.",
                }
            )
            for place in range(first, min(first + _BATCH, count))
        ]
        cases += [taken.case for taken in take_many(made.app, reporter, reports)]
    return cases


def _run(made: Installation, one: Callable[[int], None], *, seconds: float, most: int, threads: int) -> Run:
    """Do ``one`` as `timed` does, with the worker beside it."""
    made.app.sequencer.integrate_all()
    worker = Worker(made.app, Settings(data=made.settings.data, database_url=made.settings.database_url))
    worker.start()
    try:
        return timed(one, seconds=seconds, most=most, threads=threads)
    finally:
        worker.stop()


def timed(one: Callable[[int], None], *, seconds: float, most: int, threads: int) -> Run:
    """Do ``one`` with each number in turn, in threads, until time or numbers run out; the first few do not count."""
    warm = min(20, most // 10)
    places = iter(range(most))
    lock = threading.Lock()
    took: list[float] = []
    wrong: list[BaseException] = []
    end = float("inf")

    def work() -> None:
        while time.perf_counter() < end and not wrong:
            with lock:
                place = next(places, None)
            if place is None:
                return
            begun = time.perf_counter()
            try:
                one(place)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that measures
                wrong.append(error)
                return
            took.append((time.perf_counter() - begun) * 1000)

    for _ in range(warm):
        one(next(places))
    running = [threading.Thread(target=work) for _ in range(threads)]
    started = time.perf_counter()
    end = started + seconds
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    elapsed = time.perf_counter() - started
    if wrong:
        raise wrong[0]
    return Run(done=len(took), seconds=elapsed, milliseconds=tuple(took))
