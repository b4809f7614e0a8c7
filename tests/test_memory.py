"""What a process holds shrinks again where it uses less."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from gardefou.memory import give_back

_MIB = 1024 * 1024


def _resident() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library gives back by itself, or not at all")
def test_pages_that_hold_nothing_go_back_to_the_system_wherever_they_lie():
    give_back()
    before = _resident()
    # Larger than what Python keeps by itself; and one in a hundred stays, so that the end of the heap is never free.
    rows = [bytes(2_000) for _ in range(50_000)]
    kept = rows[::100]
    del rows
    held = _resident() - before
    give_back()
    assert held > 60 * _MIB
    assert _resident() - before < 10 * _MIB
    assert len(kept) == 500
