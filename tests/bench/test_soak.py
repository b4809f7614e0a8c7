"""A soak is of the real server: reports, decisions, pages and streams are all answered as they should be."""

from __future__ import annotations

import pytest

from gardefou.bench.soak import soak


@pytest.mark.network_loopback
def test_a_soak_has_all_its_calls_answered_while_memory_is_looked_at(sqlite_url, tmp_path):
    found = soak(sqlite_url, tmp_path, minutes=0.04)
    assert {"reports", "decisions and restores", "pages"} <= found.done.keys()
    assert found.done["decisions and restores"] > 2
    assert all(held > 10_000_000 for _, held in found.samples)
