"""Installs the pinned homeserver program into a virtual environment of its own.

Synapse is licensed under the AGPL. Gardefou neither imports nor ships it: it is
a peer, installed from its own package into a folder of its own and run there as
a separate process, which Gardefou talks to over HTTP as to any homeserver.

What is installed stands in ``lab/synapse.lock`` (versions and hashes; renewed
from ``lab/synapse.in`` by ``uv pip compile``), and nothing else is accepted.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from gardefou.errors import Unavailable

#: The project's folder, where ``lab/synapse.lock`` stands and ``.lab`` is made.
PROJECT = Path(__file__).resolve().parents[3]


def synapse_python(project: Path = PROJECT) -> Path:
    """Return the Python that has Synapse installed, installing it at the first call.

    The environment is made in ``.lab`` under ``project`` and named after the
    lock file's contents and the Python version, so another lock makes another
    one. Parallel callers wait for the first; one that was killed half-way is
    begun anew.

    Raises `Unavailable` (``lab/lock`` without a lock file, ``lab/install`` when pip fails).
    """
    lock = project / "lab" / "synapse.lock"
    if not lock.is_file():
        raise Unavailable("lab/lock", f"{lock} is missing; the homeserver is installed from a checkout of Gardefou.")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    cache = project / ".lab"
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")
    home = cache / f"synapse-{digest}-py{sys.version_info.major}{sys.version_info.minor}"
    python = home / "bin" / "python"
    done = home / ".installed"
    with locked(cache / "install.lock"):
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(home)])
            _run([
                str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
                "--only-binary", ":all:", "--require-hashes", "--requirement", str(lock),
            ])  # fmt: skip
            done.touch()
    return python


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Hold an exclusive lock on a file; the system frees it when the holder dies."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own fixed command
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Unavailable("lab/install", f"Installing the homeserver failed: {last}")
