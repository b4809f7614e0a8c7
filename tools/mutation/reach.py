"""Which test reaches which function, and how long it takes; measured once and kept."""

from __future__ import annotations

import cProfile
import functools
import gc
import hashlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Protocol

import pytest

ROOT = Path(__file__).parent.parent.parent
CACHED: Any = type(functools.cache(lambda: None))


class Runner(Protocol):
    """Runs tests and tells which failed."""

    def failed(self, session: pytest.Session, items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, bool]]:
        """Run tests one after another; tell after each whether it failed."""
        ...


@dataclass(slots=True)
class Reach:
    """For each function, as (file, first line), the tests that call it; for each test its seconds of processor."""

    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    @classmethod
    def measured(cls, session: pytest.Session, runner: Runner, kept: Path, *, files: set[Path]) -> Reach:
        """Run what has changed since the last time under a profiler, in a child: this process stays as it was.

        A test that fails with nothing changed, such as one of time under load, is run for no mutant.
        """
        known: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        marks = {path: _digest(path) for path in {item.path for item in session.items}}
        missing = [i for i in session.items if not _holds(known.get(i.nodeid), marks[i.path])]
        if missing:
            print(f"measuring {len(missing)} tests", file=sys.__stderr__)
            pid = os.fork()
            if not pid:
                os._exit(
                    _measure(session, runner, missing, known, marks, kept, caches_in({one.parent for one in files}))
                )
            if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
                pytest.exit("a test fails with nothing changed", returncode=1)
            known = json.loads(kept.read_text(encoding="utf-8"))
        reach = cls()
        wanted = {str(path) for path in files}
        for item in session.items:
            entry = known[item.nodeid]
            reach.seconds[item.nodeid] = entry["seconds"]
            for file, line in entry["reached"]:
                if str(ROOT / file) in wanted:
                    reach.tests.setdefault((str(ROOT / file), line), []).append(item.nodeid)
        # A test that reaches little is about what it reaches; a quick one costs little to try.
        cost = {
            item.nodeid: sum(file.startswith("src") for file, _ in known[item.nodeid]["reached"])
            * (0.01 + reach.seconds[item.nodeid])
            for item in session.items
        }
        reach.tests = {place: in_turn(tests, cost) for place, tests in reach.tests.items()}
        return reach


def in_turn(tests: Sequence[str], cost: Mapping[str, float]) -> list[str]:
    """Return tests with those first that cost least; the tenth case of a test, when nine saw much, counts ten times."""
    cases: Counter[str] = Counter()
    weighed: dict[str, float] = {}
    for test in sorted(tests, key=cost.__getitem__):
        cases[name := test.partition("[")[0]] += 1
        weighed[test] = cases[name] * cost[test]
    return sorted(weighed, key=weighed.__getitem__)


def caches_in(folders: set[Path]) -> list[Any]:
    """Return the cached functions of the program's files in these folders."""
    # As in `children.all_functions`.
    gc.unfreeze()
    return [
        thing
        for thing in gc.get_objects()
        if type(thing) is CACHED and Path(thing.__wrapped__.__code__.co_filename).parent in folders
    ]


def _measure(
    session: pytest.Session,
    runner: Runner,
    items: list[pytest.Item],
    known: dict[str, Any],
    marks: dict[Path, str],
    kept: Path,
    caches: Sequence[Any],
) -> int:
    # Of the tests' own files as well: what a test does may stand in another file than it does, as lives do.
    inside = tuple(str(ROOT / name) + os.sep for name in ("src", "tests"))
    threads = _Threads()
    profile = cProfile.Profile()
    began = time.process_time()
    threading.setprofile(threads.begin)
    profile.enable()
    for cache in caches:
        cache.cache_clear()
    for item, failed in runner.failed(session, items):
        profile.disable()
        if failed:
            # It would be said to have noticed whatever is changed: it is run for no mutant.
            print(f"left out, as it fails with nothing changed: {item.nodeid}", file=sys.__stderr__)
            profile.clear()
        profiles = [profile, *threads.taken()]
        codes = {entry.code for one in profiles for entry in one.getstats() if isinstance(entry.code, CodeType)}
        reached = sorted(
            {(c.co_filename[len(str(ROOT)) + 1 :], c.co_firstlineno) for c in codes if c.co_filename.startswith(inside)}
        )
        seconds = round(time.process_time() - began, 3)
        mark = _mark(marks[item.path], reached)
        known[item.nodeid] = {"mark": mark, "seconds": seconds, "reached": reached}
        # What this test had worked out must not hide from the profiler that the next one leans on it too.
        for cache in caches:
            cache.cache_clear()
        profile = cProfile.Profile()
        began = time.process_time()
        profile.enable()
    profile.disable()
    threading.setprofile(None)
    kept.write_text(json.dumps(known), encoding="utf-8")
    return 0


class _Threads:
    """The profiles of other threads, in which a page or a call is answered: a profiler sees its own thread only."""

    def __init__(self) -> None:
        self._running: list[tuple[threading.Thread, cProfile.Profile]] = []

    def begin(self, _frame: FrameType, _event: str, _argument: object) -> None:
        """Profile a thread that has just begun, in place of this."""
        profile = cProfile.Profile()
        self._running.append((threading.current_thread(), profile))
        profile.enable()

    def taken(self) -> list[cProfile.Profile]:
        """Return every profile; forget those whose thread has ended."""
        taken = [profile for _, profile in self._running]
        self._running = [one for one in self._running if one[0].is_alive()]
        return taken


def _holds(entry: dict[str, Any] | None, test: str) -> bool:
    """Whether what was measured still is so: neither the test's file has changed nor any that it reached."""
    return entry is not None and entry["mark"] == _mark(test, entry["reached"])


def _mark(test: str, reached: Sequence[Sequence[Any]]) -> str:
    digests = (f"{file} {_digest(ROOT / file)}" for file in sorted({one[0] for one in reached}))
    return hashlib.sha256("\n".join((test, *digests)).encode()).hexdigest()[:12]


@functools.cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()[:12]
