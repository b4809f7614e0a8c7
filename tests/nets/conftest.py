"""What the tests of nets share: a solver that is given time, however busy the machine is."""

from __future__ import annotations

import pytest

from gardefou.nets import alone, nearest, prove, review, satisfiable


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that takes milliseconds is not given up because others work beside it."""
    for module in (alone, nearest, satisfiable):
        monkeypatch.setattr(module, "MOST_MS", 120_000)
    for module in (prove, review):
        monkeypatch.setattr(module, "_MOST_MS", 120_000)
    monkeypatch.setattr(review, "_MOST_SECONDS", 600.0)
