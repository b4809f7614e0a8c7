"""What one token or session may ask of a node in a minute; and that nothing which makes milder waits for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from gardefou.errors import TooOften
from gardefou.web import throttle
from gardefou.web.pace import ALWAYS, ALWAYS_IN_CONSOLE
from gardefou.web.throttle import Throttle
from tests.web.console_scene import make_scene
from tests.web.house import House, open_house

#: More than fit into a minute's allowance of one, however slow the machine is.
TRIES = 50


@pytest.fixture
def slow_house(sqlite_url: str, tmp_path: Path):
    """An installation where each may ask for one thing a minute."""
    with open_house(sqlite_url, tmp_path, max_calls_each=1, max_reports_each=2) as opened:
        yield opened


def until_too_often(ask: Callable[[], Any]) -> Any:
    """Ask until it was too often; return the answer that says so."""
    for _ in range(TRIES):
        answer = ask()
        if answer.status_code == 429:
            return answer
    raise AssertionError("it was never too often")


def test_a_token_that_asks_too_often_is_told_when_to_come_back_and_others_go_on(slow_house: House):
    answer = until_too_often(lambda: slow_house.get("/me"))
    assert (answer.headers["content-type"], answer.json()["code"]) == ("application/problem+json", "http/too_many")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["retry_after"] == int(answer.headers["retry-after"])
    assert slow_house.get("/me", by="rea").status_code == 200
    # What changes anything counts as well.
    assert until_too_often(lambda: slow_house.post("/resume", {"because": "Go on."})).status_code == 429


def test_whatever_restores_stops_or_takes_power_away_never_waits(slow_house: House):
    until_too_often(lambda: slow_house.get("/me", by="ada"))
    until_too_often(lambda: slow_house.get("/me"))
    calls = {
        "/accounts/{platform}/{ref:path}/restore": "/accounts/sandbox/1001/restore",
        "/enforcements/{id}/cancel": "/enforcements/none/cancel",
        "/pause": "/pause",
        "/raid/end": "/raid/end",
        "/rollbacks": "/rollbacks",
        "/staff/{id}/off": "/staff/nobody/off",
        "/staff/{id}/suspend": "/staff/nobody/suspend",
        "/tokens/{id}": "/tokens/none",
    }
    assert {path for _, path in ALWAYS} == set(calls)
    for method, path in sorted(ALWAYS):
        answer = slow_house.call(method, calls[path], json={"because": "Now."}, by="lea")
        assert answer.status_code != 429, path
    assert slow_house.post("/accounts/sandbox/1001/restore", {"because": "Now."}).status_code == 200
    # Paused just now, above.
    assert slow_house.post("/pause", {"because": "Now."}).status_code == 409


def test_reports_are_counted_apart(slow_house: House):
    answer = until_too_often(slow_house.report)
    assert answer.json()["code"] == "http/too_many"
    assert slow_house.post("/reports/batch", by="forms").status_code != 429


def test_what_is_never_counted_is_there(slow_house: House):
    web: Any = slow_house.client.app
    calls = {(method.upper(), path) for path, there in web.openapi()["paths"].items() for method in there}
    assert {(method, f"/api/v1{path}".replace(":path", "")) for method, path in ALWAYS} <= calls
    forms = {route.path for route in web.routes if isinstance(route, Route) and "POST" in (route.methods or ())}
    # Those that are only read.
    assert ALWAYS_IN_CONSOLE - forms == {"/restore", "/rollbacks/{id}"}


def test_in_the_console_a_session_waits_but_where_it_restores_or_stops(sqlite_url: str, tmp_path: Path):
    scene = make_scene(sqlite_url, tmp_path, max_calls_each=1)
    ada = scene.client("ada")
    csrf = ada.csrf
    answer = until_too_often(lambda: ada.client.get("/queue"))
    assert answer.headers["content-type"].startswith("text/plain")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "go on in" in answer.text
    page = ada.get("/restore/sandbox/1001")
    assert f'value="{csrf}"' in page
    assert ada.client.get("/pause").status_code == 200
    assert ada.client.get("/static/console.css").status_code == 200
    assert scene.client("ben").get("/queue")
    assert ada.client.post("/signout", data={"csrf": csrf}).status_code == 303


def test_no_more_callers_are_remembered_than_fit_and_nothing_is_without_a_limit_of_its_own(monkeypatch):
    monkeypatch.setattr(throttle, "MOST", 3)
    one = Throttle(1, ticks=lambda: 0.0)
    for number in range(10):
        one.take(str(number))
    for number in (9, 8, 7):
        with pytest.raises(TooOften):
            one.take(str(number))
    unlimited = Throttle(0, ticks=lambda: 0.0)
    for _ in range(1_000):
        unlimited.take("one")
