"""Runs a program for as long as whoever started it lives.

Started as ``python leash.py FD PROGRAM ARGUMENT…`` with a pipe as its standard
input; the open file FD is handed on to the program. When the pipe closes (its owner closed it, ended, or was killed by
``kill -9``), the program is asked to end, and made to after ten seconds.
Standard library only: it runs by path, outside any package.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

#: Seconds that the program has to end by itself.
GRACE = 10


def main(handed_on: int, command: list[str]) -> int:
    """Run ``command`` until it ends or standard input closes; return its exit status."""
    over = threading.Event()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(handed_on,)) as program:  # noqa: S603 - the caller's own command

        def end_with_owner() -> None:
            sys.stdin.buffer.read()
            program.terminate()
            if not over.wait(GRACE):
                program.kill()

        def pass_on(_signal: int, _frame: object) -> None:
            program.terminate()

        threading.Thread(target=end_with_owner, daemon=True).start()
        signal.signal(signal.SIGTERM, pass_on)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = program.wait()
        over.set()
        return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
