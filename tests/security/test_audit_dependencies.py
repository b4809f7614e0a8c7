"""The audit of what is pinned finds holes, holds them against excuses, and says when it could not look."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tools.audit_dependencies import LOCK, audit, excuses_of, main, may_ship, pins_of, shipped

pytestmark = pytest.mark.network_loopback

TODAY = date(2026, 6, 1)
HASH = "--hash=sha256:" + 64 * "a"
TWO = f"jinja2==2.4.1 \\\n    {HASH}\n    # via gardefou\nclick==8.5.1 ; python_version < '3.14' \\\n    {HASH}\n"


class Service:
    """OSV's querybatch, as documented: one result a query, in the same sequence; long answers in pages."""

    def __init__(self) -> None:
        self.holes: dict[tuple[str, str], list[str]] = {}
        self.status = 200
        self.body: bytes | None = None
        self.page = 1_000
        self.asked: list[dict[str, Any]] = []

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        results: list[dict[str, Any]] = []
        for query in asked["queries"]:
            assert query["package"]["ecosystem"] == "PyPI"
            found = self.holes.get((query["package"]["name"], query["version"]), [])
            first = int(query.get("page_token") or 0)
            result: dict[str, Any] = {}
            if page := found[first : first + self.page]:
                result["vulns"] = [{"id": one, "modified": "2026-01-01T00:00:00Z"} for one in page]
            if first + self.page < len(found):
                result["next_page_token"] = str(first + self.page)
            results.append(result)
        return {"results": results}


@contextmanager
def serving(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.asked.append(asked)
            body = service.body
            if body is None:
                body = json.dumps(service.answer(asked)).encode()
            self.send_response(service.status if self.path == "/v1/querybatch" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - the base class's name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service() -> Iterator[tuple[Service, str]]:
    made = Service()
    with serving(made) as url:
        yield made, url


def look(url: str, lock: str = TWO, exceptions: str = "", *, required: bool = False) -> tuple[list[str], list[str]]:
    with httpx.Client(base_url=url, trust_env=False) as client:
        return audit(lock, exceptions, today=TODAY, client=client, required=required, ship=())


def excuse(package: str = "jinja2", hole: str = "GHSA-1", until: str = "2026-07-01") -> str:
    return f'[[exception]]\npackage = "{package}"\nid = "{hole}"\nbecause = "not called here"\nuntil = {until}\n'


def test_what_has_no_known_hole_passes(service):
    _, url = service
    assert look(url) == ([], ["audited: 2 pinned versions, 0 excused"])


def test_a_known_hole_fails_and_is_named(service):
    made, url = service
    made.holes["jinja2", "2.4.1"] = ["GHSA-1", "PYSEC-2"]
    wrong, _ = look(url)
    assert wrong == [f"jinja2 2.4.1 has a known hole: {one}" for one in ("GHSA-1", "PYSEC-2")]


def test_every_page_of_an_answer_is_read(service):
    made, url = service
    made.page = 2
    made.holes["click", "8.5.1"] = [f"GHSA-{number}" for number in range(5)]
    wrong, _ = look(url)
    assert len(wrong) == 5
    assert len(made.asked) == 3


def test_an_excuse_lets_one_hole_pass_until_its_day(service):
    made, url = service
    made.holes["jinja2", "2.4.1"] = ["GHSA-1", "GHSA-2"]
    assert look(url, exceptions=excuse())[0] == ["jinja2 2.4.1 has a known hole: GHSA-2"]
    made.holes["jinja2", "2.4.1"] = ["GHSA-1"]
    assert look(url, exceptions=excuse()) == ([], ["audited: 2 pinned versions, 1 excused"])
    ended, _ = look(url, exceptions=excuse(until="2026-05-31"))
    assert ended == [
        "the exception for jinja2 (GHSA-1) ended on 2026-05-31; look again",
        "jinja2 2.4.1 has a known hole: GHSA-1",
    ]
    made.holes.clear()
    assert look(url, exceptions=excuse())[0] == [
        "the exception for jinja2 (GHSA-1) excuses nothing any more; remove it"
    ]


def test_an_excuse_has_a_reason_and_an_end():
    assert excuses_of('[[exception]]\npackage = "x"\nid = "y"\nuntil = 2026-07-01\n', TODAY)[1]
    assert excuses_of(excuse(until='"some day"'), TODAY)[1]
    assert excuses_of(excuse(until="2029-01-01"), TODAY)[1]
    assert excuses_of(excuse(), TODAY)[1] == []


def test_a_service_out_of_reach_is_said_and_fails_only_where_it_is_required():
    with serving(Service()) as url:
        pass
    wrong, said = look(url)
    assert wrong == []
    assert said[0].startswith("not audited: unreachable")
    wrong, said = look(url, required=True)
    assert wrong[0].startswith("not audited: unreachable")
    assert said == []


def test_a_service_with_a_fault_is_as_one_out_of_reach(service):
    made, url = service
    made.status = 503
    assert look(url)[1] == ["not audited: unreachable (it answers 503)"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>sign in</html>"),
        (200, b'{"results": []}'),
        (200, b'{"results": [{}, {"vulns": [{"name": "no id"}]}]}'),
        (200, b"[]"),
        (400, b'{"code": 3, "message": "invalid"}'),
    ],
)
def test_an_answer_that_is_none_never_passes_for_a_good_one(service, status, body):
    made, url = service
    made.status, made.body = status, body
    wrong, _ = look(url)
    assert wrong[0].startswith("not audited: ")


@pytest.mark.parametrize(
    "line",
    [
        "jinja2>=2",
        "jinja2",
        "jinja2==2.*",
        f"jinja2 @ https://example.org/x.whl {HASH}",
        "-r other.txt",
        "jinja2==2.4.1",
    ],
)
def test_what_is_not_pinned_or_has_no_hash_is_found(line):
    assert pins_of(line + "\n")[1]


def test_a_lock_file_of_nothing_is_no_lock_file():
    assert pins_of("# nothing\n")[1] == ["the lock file pins nothing"]


@pytest.mark.parametrize(
    ("licence", "may"),
    [
        ("MIT", True),
        ("LGPL-3.0-only", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("GPL-3.0-or-later", False),
        ("GPLv2", False),
        ("AGPL-3.0", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("GNU Affero General Public License v3", False),
        ("MIT AND GPL-2.0-only", False),
        ("(MIT OR GPL-2.0-only) AND GPL-2.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("", False),
    ],
)
def test_what_ships_is_not_copyleft(licence, may):
    assert may_ship(licence) is may


def test_our_own_lock_file_is_whole_and_what_ships_may(service):
    _, url = service
    ship = shipped()
    assert {"gardefou", "fastapi", "starlette", "psycopg"} <= ship
    assert "pytest" not in ship
    assert main(["--service", url]) == 0


def test_a_copyleft_package_that_ships_is_found(service, monkeypatch):
    _, url = service
    monkeypatch.setattr("tools.audit_dependencies.licence_of", lambda name: "GPL-3.0" if name == "rich" else "MIT")
    with httpx.Client(base_url=url, trust_env=False) as client:
        wrong, _ = audit(
            LOCK.read_text("utf-8"), "", today=TODAY, client=client, required=False, ship={"rich", "click", "nowhere"}
        )
    assert wrong == ["nowhere ships and is not in the lock file", "rich ships under 'GPL-3.0'"]
