"""A PostgreSQL whose every connection is taken: who calls is told to come back, and is served once there are some again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from gardefou.cli import common
from gardefou.cli.common import Cli
from tests.faults.outage import Crowd
from tests.web.house import House, open_house

_HARM = {"platform": "sandbox", "account": "1001", "action": "limit", "policy": "spam", "rationale": "seen"}


@pytest.fixture
def crowd(postgresql_url) -> Iterator[Crowd]:
    made = Crowd(postgresql_url)
    yield made
    made.end()


@pytest.fixture
def house(crowd, tmp_path) -> Iterator[House]:
    with open_house(crowd.url, tmp_path) as made:
        yield made


def test_while_every_connection_is_taken_calls_are_told_to_come_back_and_then_they_are_served(house, crowd):
    first = house.report().json()["report"]
    crowd.takes_all()
    for _ in range(2):
        answers = (
            house.report(reporter="r2", key="k"),
            house.get("/cases"),
            house.post("/cases/next", by="rea"),
            house.post("/enforcements", _HARM, by="rea", key="e"),
            house.get("/readyz", by=None),
        )
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "store/unavailable")
            assert answer.headers["Retry-After"]
        assert house.get("/healthz", by=None).status_code == 200
    crowd.goes()
    assert house.get("/readyz", by=None).status_code == 200
    second = house.report(reporter="r2", key="k").json()
    assert second["merged"]
    assert second["report"] != first
    assert house.post("/enforcements", _HARM, by="rea", key="e").status_code == 201


def test_a_node_goes_on_with_the_connections_that_it_has(house, crowd):
    house.report()
    assert house.get("/cases").status_code == 200
    crowd.comes()
    assert house.report(reporter="r2").status_code == 202
    assert house.get("/cases").status_code == 200
    assert house.get("/readyz", by=None).status_code == 200


@pytest.fixture
def command(crowd, tmp_path) -> Cli:
    """A command that is about to open a store, on a server that has no connection to give."""
    with open_house(crowd.url, tmp_path):
        pass
    crowd.takes_all()
    return Cli(data=tmp_path, flags={"database_url": crowd.url})


def test_a_process_that_starts_meanwhile_waits_for_its_turn(command, crowd, monkeypatch, caplog):
    times = SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: crowd.goes())
    monkeypatch.setattr(common, "time", times)
    app = command.app_in_time()
    with app.works.read() as connection:
        assert app.config(connection).nets
    app.works.store.close()
    assert [record.levelno for record in caplog.records if "asked again" in record.message] == [logging.WARNING]


def test_a_process_that_starts_gives_up_after_a_minute(command, monkeypatch):
    moments = iter((0.0, 59.0, 60.0))
    monkeypatch.setattr(common, "time", SimpleNamespace(monotonic=lambda: next(moments), sleep=lambda _: None))
    with pytest.raises(OperationalError):
        command.app_in_time()
    assert list(moments) == []
