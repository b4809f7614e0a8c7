"""A disk that is full, and one that may only be read: real ones, small and in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gardefou.ledger.audit import audit
from gardefou.ledger.rebuild import differences
from gardefou.ledger.sequencer import logs
from gardefou.storage import tables
from tests.cli.conftest import Shell
from tests.faults.disks import Disk, small_disk
from tests.flow.world import MINUTE
from tests.web.house import House, open_house


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", 24) as made:
        yield made


@pytest.fixture
def moved(sqlite_url, disk) -> str:
    """The URL of a migrated store on the small disk."""
    file = disk.folder / "gardefou.sqlite3"
    shutil.copy(Path(sa.make_url(sqlite_url).database or ""), file)
    return f"sqlite:///{file}"


def _reports(house: House) -> set[str]:
    with house.app.works.read() as connection:
        return {row.id for row in connection.execute(sa.select(tables.report.c.id))}


def _assert_sound(house: House) -> None:
    house.app.sequencer.integrate_all()
    with house.app.works.read() as connection:
        for name in logs(connection):
            found = audit(connection, name, house.app.sequencer.signer(name).verifier)
            assert found.ok, found
        assert differences(connection) == []


def test_on_a_full_disk_calls_are_told_to_come_back_and_served_once_there_is_space(disk, moved, tmp_path):
    with open_house(moved, tmp_path) as house:
        harm = {"platform": "sandbox", "account": "1001", "action": "suspend", "policy": "spam", "rationale": "seen"}
        assert house.post("/enforcements", harm, by="rea").status_code == 201
        disk.fill()
        said: set[str] = set()
        refused = 0
        # What stands in the log already may have some room left; it is used up soon.
        for number in range(400):
            answer = house.report(reporter=f"r{number}", text="x" * 9_000)
            if answer.status_code == 202:
                said.add(answer.json()["report"])
                continue
            assert (answer.status_code, answer.json()["code"]) == (503, "store/unavailable")
            refused += 1
            if refused == 3:
                break
        assert refused == 3
        # Nothing without its record, a restore neither; and what is read is read.
        lifted = house.post("/accounts/sandbox/1001/restore", {"because": "a mistake"}, by="ona", key="k")
        assert (lifted.status_code, lifted.json()["code"]) == (503, "store/unavailable")
        assert house.get("/cases").status_code == 200
        assert _reports(house) == said
        disk.clear()
        again = house.post("/accounts/sandbox/1001/restore", {"because": "a mistake"}, by="ona", key="k")
        assert again.status_code == 200
        assert house.sandbox.read_state("1001").measures == frozenset()
        assert house.report(reporter="after").status_code == 202
        assert said < _reports(house)
        house.clock.advance(MINUTE)
        _assert_sound(house)


def test_a_disk_that_may_only_be_read_is_told_as_such_and_written_again_without_a_restart(disk, moved, tmp_path):
    with open_house(moved, tmp_path) as house:
        known = house.report().json()["report"]
        house.app.works.store.close()
        disk.allow("ro")
        for answer in (house.report(reporter="r2", key="k"), house.post("/cases/next", by="rea")):
            assert (answer.status_code, answer.json()["code"]) == (503, "store/unavailable")
        house.app.works.store.close()
        disk.allow("rw")
        assert house.report(reporter="r2", key="k").status_code == 202
        assert known in _reports(house)
        _assert_sound(house)


def test_a_backup_that_finds_no_room_leaves_nothing_and_says_so(disk, shell, tmp_path):
    file = disk.folder / "backup.tar"
    disk.fill()
    said = shell.error("backup", "create", str(file))
    assert said.endswith(("[cli/file]", "[store/unavailable]")), said
    assert [path.name for path in disk.folder.iterdir()] == ["filler"]
    disk.clear()
    shell.run("backup", "create", str(file))
    assert Shell(tmp_path / "loaded").json("backup", "load", str(file))["verified"]["ok"]
