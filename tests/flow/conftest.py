"""What the flow's tests share: a world with the usual people and accounts, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flow.world import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """One node with the usual colleagues and one account of each tier."""
    made = World(database_url)
    made.people()
    made.accounts()
    yield made
    made.close()
