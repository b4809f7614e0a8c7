"""Memory that is free again goes back to the system.

Rows, pages of SQLite's and answers come and go in all sizes, and between them
stay a few that are kept. glibc gives back only what is free at the end of its
heap: what a process holds grows by half a mebibyte a minute of even load,
though it uses no more than before (measured by `gardefou bench --soak`).
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

#: Seconds between two times that a worker does it: it takes milliseconds, in which nobody can take memory.
EVERY = 60.0


def give_back() -> None:
    """Return every page that holds nothing to the system; does nothing where the C library knows no such call."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
