"""Replaying many files: each by itself, so several at once where there are processors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.scenario.model import Scenario
from gardefou.scenario.report import Report, report_of

#: From so many files a second process is worth its start.
_WORTH = 12
_MOST_PROCESSES = 8

#: The nets of a process that replays for another: read once there.
_nets: NetSet | None = None
_no_nets = False


def run_many(scenarios: Sequence[Scenario], *, nets: NetSet | None = None, no_nets: bool = False) -> list[Report]:
    """Replay scenarios and return their reports in the same sequence.

    A replay shares nothing with another and is the same each time, so many are
    spread over the processors.

    Raises:
        InvalidInput: something in one of them is refused while its world is made.
    """
    processes = min(_processors(), len(scenarios) // (_WORTH // 2), _MOST_PROCESSES)
    if processes < 2:
        return [report_of(one, nets=nets, no_nets=no_nets) for one in scenarios]
    toml = None if nets is None else nets.to_toml()
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(toml, no_nets)) as pool:
        return list(pool.map(_replayed, scenarios))


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(toml: str | None, no_nets: bool) -> None:  # noqa: FBT001 - a process's initialiser takes positions
    global _nets, _no_nets  # noqa: PLW0603 - what a process was started with
    _nets = None if toml is None else load(toml)
    _no_nets = no_nets


def _replayed(scenario: Scenario) -> Report:
    return report_of(scenario, nets=_nets, no_nets=_no_nets)
