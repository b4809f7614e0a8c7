"""How often one address, token or session may do something, on one node."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gardefou.errors import TooOften

#: Callers remembered at a time; the one that was quiet for longest is forgotten first.
MOST = 10_000


class Throttle:
    """Lets each caller do something some times a minute, all of them at once where it likes, on this node."""

    def __init__(self, a_minute: int, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._rate = a_minute / 60
        self._burst = float(a_minute)
        self._ticks = ticks
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Take one of a caller's calls.

        Raises:
            TooOften: it has none left for now (`http/too_many`).
        """
        if not self._burst:
            return
        with self._lock:
            now = self._ticks()
            left, at = self._held.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            good = left >= 1
            self._held[caller] = (left - good, now)
            if len(self._held) > MOST:
                self._held.popitem(last=False)
        if not good:
            raise TooOften(math.ceil((1 - left) / self._rate))
