"""Patroni's primary is killed under load: the service comes back by itself, and nothing acknowledged is lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.nodes.cluster import missing
from tests.nodes.failover import rehearse


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.network_loopback
@pytest.mark.timeout(3600)
def test_a_primary_that_is_killed_under_load_costs_a_minute_and_nothing_that_was_acknowledged():
    if missing():
        pytest.skip(missing())
    # Not below the folder of the tests, which only their own user may enter.
    folder = Path(tempfile.mkdtemp(prefix="gardefou-failover-"))
    folder.chmod(0o755)
    try:
        done = rehearse(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.problems == []
    assert done.killed != done.promoted
    # The minute is Patroni's `ttl` and what a node takes; a busy machine takes its time over it.
    assert done.away < 300
