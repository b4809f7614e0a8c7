"""Rehearse a failover on this machine: three PostgreSQL under Patroni, Gardefou's processes, load, and a kill.

    python tools/failover.py

Needs Debian's packages patroni, etcd-server and postgresql (their services
need not run), and two to three minutes. Exits 1 where something acknowledged was lost.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.nodes.cluster import missing
from tests.nodes.failover import rehearse


def main() -> int:
    """Rehearse, say what it came to, and leave nothing behind."""
    if missing():
        print(f"Cannot rehearse: {missing()}.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="gardefou-failover-"))
    folder.chmod(0o755)
    try:
        done = rehearse(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{done.reports} reports and {done.enforcements} enforcements were acknowledged.")
    print(f"{done.killed} was killed; {done.promoted} was primary after {done.promoted_after:.1f} s.")
    print(f"The longest time without an answer: {done.away:.1f} s. {done.killed} was a replica again after")
    print(f"{done.rejoined_after:.1f} s from its start.")
    for problem in done.problems:
        print(f"WRONG: {problem}")
    if not done.problems:
        print("Nothing acknowledged is lost, nothing was done twice, and the record verifies.")
    return 1 if done.problems else 0


if __name__ == "__main__":
    sys.exit(main())
