"""PostgreSQL's own disk is full: real ones, small and in memory, of a server that is as careful as servers are."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from gardefou.ledger.audit import audit
from gardefou.ledger.rebuild import differences
from gardefou.ledger.sequencer import logs
from gardefou.storage import tables
from tests.databases import Databases
from tests.faults.disks import Disk, small_disk
from tests.faults.test_server_restarted import _SIGNALS as SIGNALS
from tests.faults.test_server_restarted import _careful, _stop
from tests.flow.world import MINUTE
from tests.web.house import House, open_house

pytestmark = pytest.mark.long

#: What is kept on the small disk: the tables, or the log that is written ahead of them.
PARTS = {"base": 160, "pg_wal": 160}


class Server:
    """A server one part of whose data lies on a small disk."""

    def __init__(self, databases: Databases, disk: Disk, part: str) -> None:
        self.databases, self.disk = databases, disk
        databases._postgresql()
        self.stop()
        kept = databases._pgdata / part
        target = disk.folder / part
        shutil.move(kept, target)
        owner = databases._pgdata.stat()
        for one in (target, *target.rglob("*")):
            shutil.chown(one, owner.st_uid, owner.st_gid)
        kept.symlink_to(target)
        self.start()

    def start(self) -> None:
        self.databases._server().ensure_postgres_running()

    def stop(self) -> None:
        _stop(self.databases, SIGNALS["fast"])

    @property
    def runs(self) -> bool:
        return (self.databases._pgdata / "postmaster.pid").exists()


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path is short, and the server runs as somebody else: not below pytest's own folders.
    made = Path(tempfile.mkdtemp(prefix="gf-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(params=sorted(PARTS))
def server(request, folder) -> Iterator[Server]:
    with small_disk(folder / "disk", PARTS[request.param]) as disk:
        databases = Databases.for_new_run()
        try:
            yield Server(databases, disk, request.param)
        finally:
            with suppress(FileNotFoundError):
                disk.clear()
            databases.finish()


def _reports(house: House) -> set[str]:
    with house.app.works.read() as connection:
        return {row.id for row in connection.execute(sa.select(tables.report.c.id))}


def _assert_sound(house: House) -> None:
    house.clock.advance(MINUTE)
    house.app.sequencer.integrate_all()
    with house.app.works.read() as connection:
        for name in logs(connection):
            found = audit(connection, name, house.app.sequencer.signer(name).verifier)
            assert found.ok, found
        assert differences(connection) == []


def _use_up_the_log(url: str) -> None:
    """Write until there is no room for more of the log: the server stops there, as it must."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with suppress(psycopg.OperationalError), psycopg.connect(plain, autocommit=True) as connection:
        for _ in range(200):
            connection.execute("SELECT pg_current_xact_id()")
            connection.execute("SELECT pg_switch_wal()")


def test_callers_are_told_to_come_back_nothing_is_half_written_and_all_goes_on_with_room(server, tmp_path):
    with server.databases.fresh("postgresql") as url:
        _careful(url)
        wal = (server.disk.folder / "pg_wal").exists()
        with open_house(url, tmp_path) as house:
            harm = {"platform": "sandbox", "account": "1001", "action": "suspend", "policy": "spam", "rationale": "x"}
            assert house.post("/enforcements", harm, by="rea").status_code == 201
            said = {house.report(reporter="before").json()["report"]}
            server.disk.fill()
            if wal:
                _use_up_the_log(url)
            refused = 0
            # What the server has allocated already has some room left; it is used up soon.
            for number in range(2_000):
                answer = house.report(reporter=f"r{number}", text="".join(f"{number * at:x}" for at in range(1_500)))
                if answer.status_code == 202:
                    said.add(answer.json()["report"])
                    continue
                assert (answer.status_code, answer.json()["code"]) == (503, "store/unavailable")
                refused += 1
                if refused == 5:
                    break
            assert refused == 5
            lifted = house.post("/accounts/sandbox/1001/restore", {"because": "a mistake"}, by="ona", key="k")
            if not wal:
                assert (lifted.status_code, lifted.json()["code"]) == (503, "store/unavailable")
                assert house.get("/cases").status_code == 200
                assert _reports(house) == said
            server.disk.clear()
            # Where there is no room for its log it stops. It comes back by itself, or whoever looks after it starts it.
            _wait_for(lambda: _answers(url) or not server.runs)
            if not server.runs:
                server.start()
            _wait_for(lambda: _answers(url))
            again = house.post("/accounts/sandbox/1001/restore", {"because": "a mistake"}, by="ona", key="k")
            assert again.status_code == 200, (lifted.json(), again.json())
            assert house.sandbox.read_state("1001").measures == frozenset()
            assert house.report(reporter="after").status_code == 202
            assert said < _reports(house)
            _assert_sound(house)


def _answers(url: str) -> bool:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with suppress(psycopg.OperationalError), psycopg.connect(plain):
        return True
    return False


def _wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        threading.Event().wait(0.05)
