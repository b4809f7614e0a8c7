"""A benchmark's database is its own, and goes with its measurement: some are tens of gigabytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from gardefou.bench.databases import Databases
from gardefou.storage.engine import open_store


class Failed(Exception):
    pass


def _measure(databases: Databases, *, fails: bool) -> Path:
    with databases.fresh("SQLite") as url:
        file = Path(sa.make_url(url).database or "")
        assert file.exists()
        store = open_store(url)
        with store.read() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM event")).scalar() == 0
        store.close()
        if fails:
            raise Failed
    return file


def test_a_database_is_gone_once_its_measurement_has_ended_or_failed():
    with Databases.opened() as databases:
        file = _measure(databases, fails=False)
        assert not file.exists()
        with pytest.raises(Failed):
            _measure(databases, fails=True)
        assert not list(databases.folder.rglob("*.db"))
    assert not databases.folder.exists()
