"""Taking reports over HTTP: single, in files, under keys."""

from __future__ import annotations

import gzip

import orjson
import pytest
import sqlalchemy as sa

from gardefou.storage import tables
from gardefou.web.api import reports
from gardefou.web.hot import HotPath

GOOD = {
    "platform": "sandbox",
    "subject": {"kind": "account", "account": "1001"},
    "reporter": "r1",
    "category": "spam",
}


def count(house, table=tables.report) -> int:
    with house.app.works.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def batch(house, body: bytes, *, by="forms", key=None, **headers):
    headers = {"Content-Type": "application/x-ndjson", **headers}
    return house.call("POST", "/reports/batch", by=by, key=key, content=body, headers=headers)


def test_a_report_is_answered_with_its_case_and_merged_into_it(house):
    first = house.report(reporter="r1")
    second = house.report(reporter="r2")
    assert first.status_code == second.status_code == 202
    assert set(first.json()) == {"report", "case", "merged"}
    assert first.json()["merged"] is False
    assert second.json() == {"report": second.json()["report"], "case": first.json()["case"], "merged": True}


def test_the_same_key_and_report_is_one_report(house):
    first = house.report(key="k1")
    again = house.report(key="k1")
    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert count(house) == 1


def test_the_same_key_with_another_report_is_refused(house):
    house.report(key="k1")
    for other in ({"reporter": "r2"}, {"account": "1002"}, {"text": "more"}, {"evidence": [{"url": "x"}]}):
        answer = house.report(key="k1", **other)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency/reused")
    assert count(house) == 1


def test_one_senders_key_is_not_anothers(house):
    house.service("other", "reports:write")
    house.report(key="k1")
    assert house.post("/reports", GOOD, by="other", key="k1").status_code == 202
    assert count(house) == 2


def test_a_file_gives_one_result_a_line_and_a_bad_line_spoils_none(house):
    lines = [orjson.dumps(GOOD), b"{nonsense", orjson.dumps({**GOOD, "category": "NO"}), b"", orjson.dumps(GOOD)]
    answer = batch(house, b"\n".join(lines) + b"\n")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    results = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [one["line"] for one in results] == [1, 2, 3, 5]
    assert results[1]["error"]["code"] == "report/json"
    assert results[2]["error"]["field"] == "category"
    assert results[0]["case"] == results[3]["case"]
    assert count(house) == 2


def test_a_gzip_file_is_unpacked(house):
    body = gzip.compress(orjson.dumps(GOOD) + b"\n") + gzip.compress(orjson.dumps(GOOD))
    answer = batch(house, body, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert count(house) == 2


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/gzip"])
def test_a_gzip_file_is_known_by_how_it_begins(house, kind):
    answer = batch(house, gzip.compress(orjson.dumps(GOOD)), **{"Content-Type": kind})
    assert (answer.status_code, answer.text.count("\n"), '"report"' in answer.text) == (200, 1, True)


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(orjson.dumps(GOOD) * 50)[:-12]])
def test_a_torn_gzip_file_changes_nothing(one_house, body):
    answer = batch(one_house, body, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (400, "report/gzip")
    assert count(one_house) == 0


def test_a_gzip_bomb_is_refused_before_anything_is_taken(one_house, monkeypatch):
    monkeypatch.setattr(reports, "UNPACKED", 0.001)
    body = gzip.compress((orjson.dumps(GOOD) + b"\n") * 2_000)
    answer = batch(one_house, body, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (413, "http/too_large")
    assert count(one_house) == 0


def test_the_same_file_under_the_same_key_is_taken_once(house):
    body = orjson.dumps(GOOD) + b"\n{bad\n"
    first = batch(house, body, key="f1")
    again = batch(house, body, key="f1")
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert count(house) == 1
    other = batch(house, body + orjson.dumps(GOOD), key="f1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency/reused")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "input/json", None),
        (b"{", "input/json", None),
        (b'{"platform": NaN}', "input/json", None),
        (b"[" * 5_000, "input/json", None),
        (b"[]", "report/shape", None),
        (orjson.dumps({**GOOD, "extra": 1}), "report/unknown_field", "extra"),
        (orjson.dumps({**GOOD, "reporter": 5}), "report/type", "reporter"),
        (orjson.dumps({**GOOD, "text": "a\x00b"}), "report/text", "text"),
        (orjson.dumps({**GOOD, "at": "yesterday"}), "report/at", "at"),
    ],
)
def test_bad_reports_are_named_and_change_nothing(one_house, body, code, field):
    answer = one_house.call("POST", "/reports", by="forms", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json().get("field") == field
    assert count(one_house) == 0


def test_an_unknown_platform_is_not_found(house):
    answer = house.report(platform="elsewhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "platform/not_found")


def test_a_body_that_is_too_large_is_413_with_and_without_a_length(one_house):
    big = orjson.dumps({**GOOD, "text": "x" * 400_000})
    told = one_house.call("POST", "/reports", by="forms", content=big, headers={"Content-Type": "application/json"})

    def pieces():
        yield from (big[at : at + 10_000] for at in range(0, len(big), 10_000))

    untold = one_house.call(
        "POST", "/reports", by="forms", content=pieces(), headers={"Content-Type": "application/json"}
    )
    for answer in (told, untold):
        assert (answer.status_code, answer.json()["code"]) == (413, "http/too_large")
    assert count(one_house) == 0


@pytest.mark.parametrize(
    ("by", "method", "options"),
    [
        ("forms", "POST", {"json": {**GOOD, "category": "No"}}),
        ("forms", "POST", {"json": {**GOOD, "platform": "nowhere"}}),
        ("forms", "POST", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        ("forms", "POST", {"content": b"x" * 300_000, "headers": {"Content-Type": "application/json"}}),
        ("forms", "POST", {"content": b"a=1"}),
        ("forms", "GET", {}),
        ("aud", "POST", {"json": GOOD}),
        (None, "POST", {"json": GOOD}),
    ],
    ids=["category", "platform", "torn", "large", "form", "get", "powerless", "nobody"],
)
def test_what_is_wrong_with_a_report_is_answered_as_its_route_would(one_house, monkeypatch, by, method, options):
    def answer():
        got = one_house.call(method, "/reports", by=by, **options)
        return got.status_code, got.content, got.headers.items()

    taken_short = answer()
    assert taken_short[0] >= 400

    async def through(self, scope, receive, send):
        await self._app(scope, receive, send)

    monkeypatch.setattr(HotPath, "__call__", through)
    assert answer() == taken_short
