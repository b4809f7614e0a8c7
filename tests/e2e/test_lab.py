"""The throw-away homeserver: up again after anything, and gone when its owner is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gardefou.errors import Unavailable
from gardefou.lab.homeserver import Homeserver
from gardefou.lab.install import synapse_python

pytestmark = [pytest.mark.e2e, pytest.mark.network_loopback, pytest.mark.slow, pytest.mark.xdist_group("synapse")]

UP_AND_WAIT = """
import sys, pathlib
from gardefou.lab.homeserver import Homeserver
server = Homeserver.up(pathlib.Path(sys.argv[1]))
print((server.folder / "pid").read_text(), flush=True)
sys.stdin.read()
"""


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_comes_up_seeded_is_shared_and_survives_a_kill(tmp_path: Path):
    first = Homeserver.up(tmp_path)
    second = Homeserver.up(tmp_path)
    assert (second.base_url, second.room, second.events) == (first.base_url, first.room, first.events)
    assert len(first.events) == 5
    assert first.version.startswith("1.163.2")

    os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    third = Homeserver.up(tmp_path)
    try:
        assert third.room == first.room
        assert third.users["carol"].fetch(third.room, third.events[0])["sender"] == third.users["bob"].user_id
    finally:
        for each in (first, second, third):
            each.down()
    third.down()
    assert not (tmp_path / "pid").exists()


def test_it_ends_when_whoever_started_it_is_killed(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", UP_AND_WAIT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        group = int(owner.stdout.readline())
        assert alive(group)
        owner.kill()
        owner.wait()
    # The leash notices its closed pipe at once; the homeserver needs a moment to end.
    for _ in range(200):
        if not alive(group):
            break
        signal.sigtimedwait([], 0.05)
    assert not alive(group)


def test_without_its_lock_file_it_says_so(tmp_path: Path):
    with pytest.raises(Unavailable, match=r"synapse\.lock is missing"):
        synapse_python(tmp_path)
