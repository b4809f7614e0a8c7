"""How glibc keeps the memory of a process that runs for months: in few places, and what is free goes back.

Left to itself it gives threads heaps of their own, up to eight for each core,
and gives back only what is free at the end of one. Rows, pages of SQLite's and
answers come and go in all sizes on all of them, and between them stay a few
that are kept: what the process holds grows, though it uses no more. Other C
libraries do neither, and nothing is done there.
"""

from __future__ import annotations

import ctypes
from typing import Any

#: Seconds between two times that a worker gives back: it takes milliseconds, in which nobody can take memory.
EVERY = 60.0
#: Heaps that threads share. They seldom wait for one: most of the time one thread runs Python, the others wait for it.
_HEAPS = 2
#: The number of this option in glibc's <malloc.h>.
_M_ARENA_MAX = -8


def share_heaps() -> None:
    """Let threads share few heaps. Counts for those that are started afterwards."""
    _call("mallopt", _M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Return every page that holds nothing to the system, wherever it lies."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    try:
        function: Any = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return  # another C library
    function(*arguments)
