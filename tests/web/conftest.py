"""A web application on each kind of database."""

from __future__ import annotations

import pytest

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
