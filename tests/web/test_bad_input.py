"""Bodies and addresses that are wrong in their bytes: a typed answer, and nothing changed."""

from __future__ import annotations

import base64
import json

import pytest

from gardefou.web.problems import MEDIA_TYPE
from tests.web.house import open_house

JSON = {"Content-Type": "application/json"}
DEEP = 50_000
GOOD = {
    "platform": "sandbox",
    "subject": {"kind": "account", "account": "1001"},
    "reporter": "r1",
    "category": "spam",
}
SENT = json.dumps(GOOD)
BODIES = {
    "utf-16": SENT.encode("utf-16"),
    "utf-32": SENT.encode("utf-32"),
    "latin-1": SENT.replace("spam", "späm").encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf" + SENT.encode(),
    "invalid utf-8": SENT.encode().replace(b"r1", b"r\xff"),
    "overlong utf-8": SENT.encode().replace(b"r1", b"r\xc0\x80"),
    "half a surrogate pair": SENT.encode().replace(b"r1", b"\\ud800"),
    "a surrogate in utf-8": SENT.encode().replace(b"r1", b"\xed\xa0\x80"),
    "a NUL": SENT.encode().replace(b"r1", b"r\\u0000"),
    "a list that never ends": b"[" * DEEP,
    "lists in lists": b"[" * DEEP + b"]" * DEEP,
    "objects in objects": b'{"a":' * (DEEP // 2) + b"1" + b"}" * (DEEP // 2),
    "NaN": b"NaN",
    "infinity": SENT.encode().replace(b'"r1"', b"Infinity"),
    "a huge number": SENT.encode().replace(b'"r1"', b"9" * 5_000),
    "a huge exponent": SENT.encode().replace(b'"r1"', b"1e999999"),
    "a comment": SENT.encode() + b"// and more",
    "two documents": SENT.encode() * 2,
    "single quotes": SENT.replace('"', "'").encode(),
    "a text": b'"platform"',
    "white space": b" \n\t",
}
ROUTES = [
    ("/reports", "forms"),
    ("/enforcements", "lea"),
    ("/enforcements/preview", "lea"),
    ("/nets/proposals", "pol"),
    ("/tokens", "ada"),
]


@pytest.fixture(scope="module")
def house(databases, tmp_path_factory):
    """One for all of these: what is refused changes nothing."""
    with databases.fresh("sqlite") as url, open_house(url, tmp_path_factory.mktemp("house")) as opened:
        yield opened


def typed(answer) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["code"].partition("/")[2]


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_wrong_in_its_bytes_is_a_typed_error_of_every_kind_of_call(house, name):
    for path, who in ROUTES:
        typed(house.call("POST", path, by=who, content=BODIES[name], headers=JSON))
    assert house.get("/cases").json()["items"] == []
    assert house.get("/enforcements").json()["items"] == []


def test_a_batch_answers_each_bad_line_and_takes_the_good_ones(house):
    lines = [
        one.replace(b"\n", b" ") for name, one in BODIES.items() if name not in {"white space", "utf-16", "utf-32"}
    ]
    body = b"\n".join([*lines, SENT.encode()])
    answer = house.call("POST", "/reports/batch", by="forms", content=body)
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert len(results) == len(lines) + 1
    assert all("error" in one for one in results[:-1])
    assert "report" in results[-1]


def test_of_a_key_that_stands_twice_the_last_one_counts_everywhere_alike(house):
    twice = SENT.replace('"reporter"', '"reporter": "first", "reporter"').replace("1001", "1002").encode()
    assert house.call("POST", "/reports", by="forms", content=twice, headers=JSON).status_code == 202
    case = next(one for one in house.get("/cases").json()["items"] if one["subject"]["account"] == "1002")["id"]
    assert [one["reporter"] for one in house.get(f"/cases/{case}").json()["latest_reports"]] == ["r1"]


def test_numbers_that_no_database_holds_are_refused(house):
    for number in (2**63, 2**64 - 1, 10**400):
        body = {**GOOD, "evidence": [{"n": number}]}
        typed(house.call("POST", "/reports", by="forms", content=json.dumps(body), headers=JSON))


@pytest.mark.parametrize(
    "path",
    [
        "/cases/%00",
        "/cases?cursor=%00",
        "/cases?cursor=%ff%fe",
        "/cases?limit=99999999999999999999",
        "/cases?limit=1e3",
        "/cases?limit=-1",
        "/cases?limit=٣",  # a digit elsewhere
        "/enforcements?nonsense=1",
        "/enforcements?cursor=" + "A" * 5_000,
        "/enforcements?cursor=" + base64.urlsafe_b64encode(b"[" * 3_000).decode(),
        "/enforcements?cursor=" + base64.urlsafe_b64encode(b'["\\ud800"]').decode(),
        "/enforcements?cursor=" + base64.urlsafe_b64encode(b"[18446744073709551615]").decode(),
        "/enforcements?cursor=" + base64.urlsafe_b64encode(b'["a\\u0000"]').decode(),
    ],
)
def test_an_address_that_is_wrong_in_its_bytes_is_a_typed_error(house, path):
    typed(house.get(path))


@pytest.mark.parametrize(
    "ref", ["%ff%fe", "%c0%80", "%ed%a0%80", "..%2f..%2fetc", "%u0041", "a" * 3_000, "%0d%0aX-A:1"]
)
def test_an_account_whose_name_is_no_text_is_not_known(house, ref):
    answer = house.get(f"/accounts/sandbox/{ref}")
    assert answer.status_code in {400, 404}
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "x-a" not in answer.headers


def test_r10_a_handle_that_looks_like_a_protected_one_is_taken_for_what_it_looks_like(house):
    house.sandbox.put_account("3001", handle="рresident", reach=10, age_days=5)  # the first letter is Cyrillic
    house.sandbox.put_account("3002", handle="presi\u200bdent", reach=10, age_days=5)  # a space of no width
    confirm = {"handle": "president", "identity": "9001"}
    assert house.post("/enforcements", {**_suspend("9001"), "confirm": confirm}).status_code == 201
    for ref in ("3001", "3002"):
        answer = house.post("/enforcements/preview", _suspend(ref))
        assert answer.status_code == 200
        asked = [one["net"] for one in answer.json()["verdict"]["reasons"]]
        assert any("lookalike" in one for one in asked), (ref, asked)


def _suspend(ref: str) -> dict:
    return {"platform": "sandbox", "account": ref, "policy": "spam", "rationale": "x", "action": "suspend"}
