"""The demo on a real homeserver, from the outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gardefou.demo.matrix import NAMES

pytestmark = [pytest.mark.e2e, pytest.mark.network_loopback, pytest.mark.slow]


def test_the_demo_on_a_homeserver_does_what_it_says(tmp_path: Path):
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "gardefou.cli.demo_matrix", "--data", str(data), "--no-serve"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = re.sub(r"[\s│]+", " ", done.stdout)
    for sentence in (
        "@carol:lab.test reported it in her own client: “spam again”",
        "40 boxes, first come, first served.",
        "Both done and confirmed by the homeserver in",
        "What carol sees of the message now: nothing: it is redacted.",
        "403 Sending messages while account is suspended is not allowed.",
        "Waits for two more people (lead or policy) from other teams",
        "Nothing happened: alice still writes.",
        "His message is back, and he writes again.",
    ):
        assert sentence in said
    took = re.search(r"own confirmation: (\d+) ms", said)
    assert took is not None
    assert int(took[1]) < 5_000
    assert "please report it" not in said
    assert not any(part in said for name in NAMES for part in name.split())
    # The homeserver was cleared away: nothing of it runs any more.
    assert not (data / "homeserver" / "running.json").exists()
    assert not (data / "homeserver" / "pid").exists()
