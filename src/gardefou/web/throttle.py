"""How often one address may call what needs no token."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gardefou.errors import Unavailable

#: Addresses remembered at a time; the one that was quiet for longest is forgotten first.
MOST = 10_000


class Throttle:
    """Lets each address do something some times a minute, on this node."""

    def __init__(self, a_minute: int, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._rate = a_minute / 60
        self._burst = float(a_minute)
        self._ticks = ticks
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, address: str) -> None:
        """Take one of an address's calls.

        Raises:
            Unavailable: it has none left for now (`http/too_many`).
        """
        now = self._ticks()
        with self._lock:
            left, at = self._held.pop(address, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            if left >= 1:
                left -= 1
                good = True
            else:
                good = False
            self._held[address] = (left, now)
            while len(self._held) > MOST:
                self._held.popitem(last=False)
        if not good:
            raise Unavailable("http/too_many", "That was often enough for now; go on in a minute.")
