"""Identifiers: UUIDv7 (RFC 9562, section 5.7), made in Python from an injected clock and randomness.

They sort by the moment they were made, and within one millisecond by a counter,
so primary keys append at the end of their index.
"""

from __future__ import annotations

import threading
from random import Random, SystemRandom

from gardefou.clock import Clock


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
        made: list[str] = []
        for tick in range(first, first + count):
            low = (0b10 << 62) | self._random.getrandbits(62)
            text = f"{tick >> 12:012x}7{tick & 0xFFF:03x}{low:016x}"
            made.append(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
        return made
