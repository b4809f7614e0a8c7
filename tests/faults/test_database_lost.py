"""A database that goes away and comes back, and an answer to a COMMIT that never comes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from gardefou.flow.due import run_due
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.worker import Worker
from tests.faults.outage import Cutter, Outage, cutter
from tests.flow.world import MINUTE, World
from tests.web.house import House, open_house


@pytest.fixture
def outage(postgresql_url) -> Iterator[Outage]:
    made = Outage(postgresql_url)
    yield made
    made.end()


@pytest.fixture
def house(postgresql_url, tmp_path) -> Iterator[House]:
    with open_house(postgresql_url, tmp_path) as made:
        yield made


def _use_many_connections(house: House) -> None:
    """Leave many connections in the pools that nobody uses, each with what the usual calls prepare."""
    ready = threading.Barrier(8)

    def use(_: int) -> None:
        with house.app.works.read() as connection:
            house.app.config(connection)
            ready.wait()
        with house.app.works.store.begin() as connection:
            ready.wait()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))


def test_while_the_database_is_away_calls_are_told_to_come_back_and_when_it_is_there_they_are_served(house, outage):
    first = house.report().json()["report"]
    _use_many_connections(house)
    outage.begin()
    for answer in (house.report(), house.report(key="k"), house.get("/cases"), house.post("/cases/next", by="rea")):
        assert answer.status_code == 503, answer.json()
        assert answer.json()["code"] == "store/unavailable"
        assert answer.headers["Retry-After"]
    assert house.get("/readyz", by=None).status_code == 503
    outage.end()
    # What was sent is sent again, as it was told.
    second = house.report(reporter="r2", key="k").json()
    assert second.get("merged"), second
    assert house.get("/cases").status_code == 200
    claimed = house.post("/cases/next", by="rea").json()
    assert claimed["id"] == second["case"], claimed
    with house.app.works.read() as connection:
        assert {row.id for row in connection.execute(sa.select(tables.report.c.id))} == {first, second["report"]}


def test_who_calls_after_the_database_was_restarted_does_not_notice(house, outage):
    house.report()
    _use_many_connections(house)
    outage.cut()
    assert [house.report(reporter=f"r{number}").status_code for number in range(12)] == [202] * 12
    assert [house.get("/cases").status_code for _ in range(12)] == [200] * 12


def test_a_worker_goes_on_by_itself_when_the_database_is_back(postgresql_url, outage, caplog, tmp_path):
    world = World(postgresql_url)
    world.people()
    world.accounts()
    worker = Worker(world.app, Settings(data=tmp_path, database_url=postgresql_url))
    thread = threading.Thread(target=worker.run)
    troubled = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            troubled.set()

    heard = Heard()
    logging.getLogger("gardefou.worker").addHandler(heard)
    try:
        thread.start()
        for _ in range(2):
            outage.begin()
            troubled.clear()
            assert troubled.wait(20)
            outage.end()
        made = None
        while made is None:
            made = _placed(world)
        for _ in range(400):
            worker.wake()
            thread.join(0.05)
            assert thread.is_alive()
            with world.store.read() as connection:
                if connection.execute(sa.select(sa.func.count()).select_from(tables.event_pending)).scalar_one() == 0:
                    break
    finally:
        worker.stop()
        thread.join(10)
        logging.getLogger("gardefou.worker").removeHandler(heard)
    world.assert_sound()
    world.close()


def _placed(world: World) -> object:
    try:
        return world.enforce("rev", "small", "limit")
    except OperationalError:
        return None


@pytest.fixture
def cut_line(postgresql_url) -> Iterator[Cutter]:
    with cutter(postgresql_url) as line:
        yield line


@pytest.fixture
def behind(cut_line, tmp_path) -> Iterator[House]:
    """An installation whose line to the database can be cut; that its tokens are in use was noted already."""
    with open_house(cut_line.url, tmp_path) as made:
        made.report("1003")
        case = made.post("/cases/next", by="rea").json()["id"]
        made.post(f"/cases/{case}/release", by="rea")
        yield made


@pytest.mark.parametrize("how", ["sent", "done"])
def test_a_report_whose_commit_got_no_answer_is_one_report_when_it_is_sent_again(behind, cut_line, how):
    cut_line.arm(how)
    first = behind.report(key="k")
    assert cut_line.cut.wait(10)
    assert first.status_code == 503
    assert first.json()["code"] == "store/unavailable"
    again = behind.report(key="k")
    assert again.status_code == 202
    with behind.app.works.read() as connection:
        kept = connection.execute(sa.select(tables.report.c.id).where(tables.report.c.account == "1001")).scalar_one()
    assert kept == again.json()["report"]


#: Which COMMIT of the call is cut, and how: the taking of the key, the work, the keeping of the answer.
_CUTS = [(number, how) for number in range(3) for how in ("sent", "done")]


@pytest.mark.parametrize(("number", "how"), _CUTS)
def test_what_is_sent_again_after_a_commit_without_answer_is_done_once(behind, cut_line, number, how):
    case = behind.report().json()["case"]
    note = {"text": "seen before"}
    cut_line.arm(how, after=number)
    first = behind.post(f"/cases/{case}/notes", note, by="rea", key="k")
    assert cut_line.cut.wait(10)
    again = behind.post(f"/cases/{case}/notes", note, by="rea", key="k")
    with behind.app.works.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.case_note)).scalar_one() == 1
    if number != 1:
        # Nobody lost anything: a key and an answer are written once more.
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
    else:
        assert first.status_code == 503
        assert again.status_code == (201 if how == "sent" else 409)
        assert how == "sent" or again.json()["code"] == "idempotency/answer_lost"


@pytest.mark.parametrize("how", ["sent", "done"])
@pytest.mark.parametrize(
    "number", [pytest.param(0, marks=pytest.mark.long), 1, 2, 3, pytest.param(4, marks=pytest.mark.long)]
)
def test_an_enforcement_and_a_restore_that_are_sent_until_they_are_answered_have_their_effect_once(
    behind, cut_line, number, how
):
    calls = [
        ("/enforcements", "rea", {"action": "warn"}),
        ("/enforcements", "rea", {"action": "suspend"}),
        ("/accounts/sandbox/1001/restore", "ona", {}),
    ]
    for path, who, more in calls:
        body = {"because": "a mistake"}
        if more:
            body = {"platform": "sandbox", "account": "1001", "policy": "spam", "rationale": "seen", **more}
        cut_line.arm(how, after=number)
        answers = [behind.post(path, body, by=who, key=f"{path}{more}") for _ in range(3)]
        assert {answer.status_code for answer in answers} <= {200, 201, 409, 503}, [one.json() for one in answers]
        assert answers[-1].status_code in {200, 201} or answers[-1].json()["code"] == "idempotency/answer_lost"
        cut_line.arm("")
        for _ in range(4):
            behind.clock.advance(MINUTE)
            run_due(behind.app)
            behind.app.sequencer.integrate_all()
    effects = [effect for effect in behind.sandbox.effects("1001") if effect.verb in {"apply", "undo"}]
    assert [effect.verb for effect in effects] == ["apply", "apply", "undo"]
    assert effects[-1].after == frozenset()
