"""All benchmarks: which there are, and in which sequence they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gardefou.bench import figures_flow, figures_http, figures_past, figures_peers, yardsticks
from gardefou.bench.suite import Found, Suite, kept_apart
from gardefou.errors import InvalidInput

_RUNS: dict[str, Callable[[Suite], Iterator[Found]]] = {
    "floor": yardsticks.floors,
    "bare": yardsticks.bare,
    "peers": figures_peers.peers,
    "start": figures_http.start,
    "single": figures_http.single,
    "batch": figures_http.batch,
    "decide": figures_flow.decide,
    "restore": figures_flow.restore,
    "restore-http": figures_flow.restore_http,
    "synapse": figures_flow.synapse,
    "ledger": figures_flow.log,
    "export": figures_past.export,
    "backtest": figures_past.backtest,
    "pages": figures_past.console,
    "queue": figures_past.queues,
    "soak": figures_http.soak,
}
NAMES = tuple(_RUNS)
#: Measured in any case: the others are held against them.
_YARDSTICKS = ("floor",)
#: What `bare` is the yardstick of.
_BARE = "single"


def run(suite: Suite, names: Sequence[str]) -> Iterator[Found]:
    """Run the benchmarks of these names, all where none is named; yield what was found as it comes.

    The yardsticks that others are held against run in any case. One that fails
    says so and costs no other.

    Raises:
        InvalidInput: there is no such benchmark (`bench/unknown`).
    """
    unknown = set(names) - set(NAMES)
    if unknown:
        raise InvalidInput(
            "bench/unknown", f"There is no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}.", field="only"
        )
    wanted = {*(names or NAMES), *_YARDSTICKS}
    if _BARE in wanted:
        wanted.add("bare")
    for name, measure in _RUNS.items():
        if name in wanted:
            yield from kept_apart(name, measure(suite))
