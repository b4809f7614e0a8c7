"""Identifiers: UUIDv7 (RFC 9562, section 5.7), made in Python from an injected clock and randomness.

They sort by the moment they were made, and within one millisecond by a counter,
so primary keys append at the end of their index.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from random import Random, SystemRandom

from gardefou.clock import Clock

#: The digit that says "RFC 9562", with two random bits (binary 10xx).
_VARIANT = {digit: "89ab"[value % 4] for value, digit in enumerate("0123456789abcdef")}


class Ids:
    """Makes UUIDv7 strings, strictly increasing within one process."""

    def __init__(self, clock: Clock, random: Random | None = None) -> None:
        self._clock = clock
        self._random = random or SystemRandom()
        self._lock = threading.Lock()
        self._last = 0

    def new(self) -> str:
        """Return a new identifier, greater than every one this object made before."""
        return self.many(1)[0]

    def many(self, count: int) -> list[str]:
        """Return ``count`` new identifiers under one lock, for batches."""
        millis = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            # 48 bits of milliseconds, then a 12-bit counter in rand_a.
            first = max(millis << 12, self._last + 1)
            self._last = first + count - 1
        # One draw for all of them: asking the system for randomness is what takes the time.
        drawn = f"{self._random.getrandbits(64 * count):0{16 * count}x}" if count else ""
        made: list[str] = []
        for tick, place in zip(range(first, first + count), range(0, 16 * count, 16), strict=True):
            head = f"{tick >> 12:012x}"
            variant = _VARIANT[drawn[place]]
            made.append(
                f"{head[:8]}-{head[8:]}-7{tick & 0xFFF:03x}"
                f"-{variant}{drawn[place + 1 : place + 4]}-{drawn[place + 4 : place + 16]}"
            )
        return made


def least_at(at: datetime) -> str:
    """Return the least identifier that can be made at a moment: those made from then on are not smaller."""
    head = f"{int(at.timestamp() * 1000):012x}"
    return f"{head[:8]}-{head[8:]}-7000-8000-000000000000"


def at_of(identifier: str) -> datetime:
    """Return the moment at which an identifier was made, to the millisecond."""
    return datetime.fromtimestamp(int(identifier[:8] + identifier[9:13], 16) / 1000, tz=UTC)
