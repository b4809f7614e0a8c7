"""A web application on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.web.chromium import FLAGS, chromium
from tests.web.house import open_house


@pytest.fixture
def house(database_url, tmp_path):
    """An installation with people and tokens, spoken to over HTTP, once on each database."""
    with open_house(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def one_house(sqlite_url, tmp_path):
    """The same on SQLite only, for what the database has no part in."""
    with open_house(sqlite_url, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module whose tests one process runs (`xdist_group`); each test has windows of its own."""
    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield running
        running.close()
