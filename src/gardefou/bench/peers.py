"""What others would pick instead, measured on this machine: Ozone, the moderation service of the AT Protocol.

It is installed from its own package into a folder of its own (``.lab``) and run
there as separate processes by ``lab/peers/ozone.mjs``; Gardefou neither imports
nor ships it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import orjson
import sqlalchemy as sa

from gardefou.errors import Unavailable
from gardefou.lab.install import PROJECT, locked

#: The oldest major version of node that runs it.
NODE = 22
_INSTALL_SECONDS = 900
#: Beyond the measurements themselves: its directory, accounts and server come up.
_START_SECONDS = 180
_RUNS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Reports, and takedowns each reversed, that it took a second, by how many clients asked at once."""

    version: str
    reports: dict[int, float]
    pairs: dict[int, float]


def ozone(url: str, *, seconds: float, project: Path = PROJECT) -> Peer:
    """Install Ozone where it is not yet, run it on an empty PostgreSQL database, and measure it.

    Raises:
        Unavailable: there is no node or npm, or they do not do what they are told (`bench/peer`).
    """
    node = _node()
    home = _installed(project)
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    limit = _START_SECONDS + _RUNS * seconds * 2
    text = _run([node, "ozone.mjs", address, str(seconds)], home, limit)
    try:
        found = orjson.loads(text)
        return Peer(
            version=str(found["version"]),
            reports={int(clients): float(rate) for clients, rate in found["reports"].items()},
            pairs={int(clients): float(rate) for clients, rate in found["pairs"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable("bench/peer", f"Ozone's figures cannot be read: {text[-200:]!r}") from error


def _node() -> str:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise Unavailable("bench/peer", f"node {NODE} and npm are needed for Ozone, and are not here.")
    said = _run([node, "--version"], Path.cwd(), 10).strip()
    major = said.removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < NODE:
        raise Unavailable("bench/peer", f"node {NODE} or newer is needed for Ozone; here is {said}.")
    return node


def _installed(project: Path) -> Path:
    """Return the folder with Ozone and what measures it, named after what is to be installed."""
    wanted, script = (project / "lab" / "peers" / name for name in ("ozone.json", "ozone.mjs"))
    if not wanted.is_file() or not script.is_file():
        raise Unavailable("bench/peer", f"{wanted} is missing; peers are measured from a checkout of Gardefou.")
    cache = project / ".lab"
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")
    home = cache / f"ozone-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    done = home / ".installed"
    with locked(cache / "peers.lock"):
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            shutil.copyfile(wanted, home / "package.json")
            quiet = ["--silent", "--no-package-lock", "--no-audit", "--no-fund"]
            _run([shutil.which("npm") or "npm", "install", *quiet], home, _INSTALL_SECONDS)
            done.touch()
        shutil.copyfile(script, home / script.name)
    return home


def _run(command: list[str], folder: Path, seconds: float) -> str:
    """Run a program in the folder, no longer than that; return what it prints."""
    with subprocess.Popen(  # noqa: S603 - our own fixed commands
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as program:  # fmt: skip
        try:
            said, wrong = program.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            # With all that it started: it is a group of its own.
            os.killpg(program.pid, signal.SIGKILL)
            raise Unavailable("bench/peer", f"{Path(command[0]).name} took longer than {seconds:.0f} s.") from error
    if program.returncode:
        last = (wrong or said or b"no output").decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable("bench/peer", f"{Path(command[0]).name} failed: {''.join(last) or 'no output'}")
    return said.decode(errors="replace")
