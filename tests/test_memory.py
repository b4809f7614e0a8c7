"""What a process holds shrinks again where it uses less, and does not grow where it uses no more."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gardefou.memory import give_back

_MIB = 1024 * 1024


def _resident() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such heaps")
#: Prints how many heaps twelve threads have when all of them hold something: each is 64 MiB of addresses.
_HEAPS = """
import threading
from pathlib import Path
from gardefou.memory import share_heaps

if {shared}:
    share_heaps()
gate = threading.Barrier(13)

def hold():
    rows = [bytes(2_000) for _ in range(50)]
    gate.wait()
    gate.wait()

threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads:
    thread.start()
gate.wait()
spans = [line.split()[:2] for line in Path("/proc/self/maps").read_text().splitlines()]
sizes = [int(span.split("-")[1], 16) - int(span.split("-")[0], 16) for span, may in spans if may == "---p"]
print(sum(60 * 2**20 < size < 64 * 2**20 for size in sizes))
gate.wait()
"""


def test_threads_share_few_heaps():
    def heaps(*, shared: bool) -> int:
        script = _HEAPS.format(shared=shared)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
        return int(done.stdout)

    assert heaps(shared=False) > 2
    assert heaps(shared=True) <= 1


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
