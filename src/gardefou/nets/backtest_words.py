"""What a backtest says in words: lengths of time, and how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gardefou.nets.backtested import Backtest


def limits(found: Backtest, *, named: int) -> Iterator[str]:
    """Yield a sentence for each thing that the figures rest on; of facts not recorded, so many are named."""
    if found.answer_seconds is not None:
        yield (
            f"People took a median of {in_words(found.answer_seconds)} to answer, over the {found.answered:,} that"
            " waited for them in this history; where they would have been asked newly, that is in the delay."
        )
    else:
        yield (
            "Nothing waited for people in this history, so how long they would take to answer is not known:"
            " the delay is the hold alone."
        )
    if found.unknown:
        most = sorted(found.unknown_facts.items(), key=lambda one: (-one[1], one[0]))
        listed = ", ".join(f"{name} of {count:,}" for name, count in most[:named])
        more = f", and {len(most) - named} more" if len(most) > named else ""
        yield (
            f"A fact that these nets read was not recorded of {many(found.unknown)}, and is taken at its most"
            f" protective value: {listed}{more}."
        )
    else:
        yield "Every fact that these nets read was recorded of all of them."


def in_words(seconds: float) -> str:
    """Say a length of time: ``no time``, ``45 seconds``, ``4 minutes``, ``3.5 hours``, ``2 days``."""
    if not seconds:
        return "no time"
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= 2 * size or size == 1 or (seconds >= size and seconds % size == 0):
            number = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{number} {word}{'' if number == '1' else 's'}"
    raise AssertionError


def many(count: int) -> str:
    """Say how many enforcements."""
    return f"{count:,} enforcement{'' if count == 1 else 's'}"
