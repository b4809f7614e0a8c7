"""What the flow's tests share: a world with the usual people and accounts, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flow.world import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """One node with the usual colleagues and one account of each tier."""
    yield from _world(database_url)


@pytest.fixture
def days(sqlite_url: str) -> Iterator[World]:
    """The same for what takes days of looking again: time is the same on every database, and dear on most."""
    yield from _world(sqlite_url)


def _world(url: str) -> Iterator[World]:
    made = World(url)
    made.people()
    made.accounts()
    yield made
    made.close()
