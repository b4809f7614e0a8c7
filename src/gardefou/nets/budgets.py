"""How much goes by before a set of nets asks anything: budgets are conditions of nets, and found by trying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gardefou.nets.facts import Facts
from gardefou.nets.judge import judge
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict

#: More than anyone does: a count up to this is no budget.
_NO_BUDGET = 1_000_000


def most_before(nets: NetSet, facts: dict[str, Any], window: str, name: str) -> tuple[int | None, Verdict]:
    """Return how many go by before anything is asked, None where none ever is; and what is asked then."""
    counts = (
        ("all",)
        if name == "all"
        else ("all", "severity3")
        if name in {"severity3", "reach"}
        else (
            "all",
            "severity3",
            "severity4",
        )
    )

    def at(number: int) -> Verdict:
        lately = (
            {f"recent.{window}.reach": number}
            if name == "reach"
            else {f"recent.{window}.{one}": number for one in counts}
        )
        if window == "actor_1h":
            lately |= {key.replace("actor_1h", "actor_24h"): value for key, value in lately.items()}
        return judge(nets, Facts.of({**facts, **lately}))

    found = first_number(lambda number: not at(number).asks_nothing)
    if found is None:
        return None, Verdict()
    this = int(facts["account.reach"]) if name == "reach" else 1
    return (found - 1 + this if found else 0), at(found)


def first_number(asks: Callable[[int], bool]) -> int | None:
    """Return the least number at which something is asked, by halving; None where nothing is at any that matters."""
    if asks(0):
        return 0
    low, high = 0, 1
    while not asks(high):
        low, high = high, high * 2
        if high > _NO_BUDGET * 1_000:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if asks(middle) else (middle, high)
    return high
