"""Figures of what others would pick instead; ours stand beside them in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gardefou.bench import peers as measuring
from gardefou.bench.databases import KINDS
from gardefou.bench.measured import Figure, Skipped, number
from gardefou.bench.suite import Found, Suite
from gardefou.bench.yardsticks import PEER_PAIRS, PEER_REPORTS

_BOUND = "one core of node: dozens of statements a call, and a signature checked"


def peers(suite: Suite) -> Iterator[Found]:
    """Ozone's reports and takedowns; only where peers are asked for."""
    if not suite.extent.peers:
        yield Skipped(name="peers", why="they are installed first, which takes minutes; `--peers` runs them")
        return

    def measure(kind: str, url: str, _folder: Path) -> Iterator[Found]:
        found = measuring.ozone(url, seconds=suite.extent.seconds)
        for what, yardstick, unit, rates in (
            ("createReport, a new subject each", PEER_REPORTS, "reports/s", found.reports),
            ("takedown, and its reversal", PEER_PAIRS, "pairs/s", found.pairs),
        ):
            best = max(rates, key=lambda clients: rates[clients])
            rest = ", ".join(f"{number(rate)} with {clients}" for clients, rate in rates.items() if clients != best)
            yield Figure(
                name=f"Ozone {found.version}: {what}",
                database=kind,
                value=suite.measured("", yardstick, rates[best]),
                unit=unit,
                note=f"{best} clients at once; {rest}; its appview only answers",
                bound=_BOUND,
            )

    yield from suite.each("peers", KINDS[1:], measure, migrated=False)
