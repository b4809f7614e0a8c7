"""What comes over the wire, byte by byte, at the real server: too much, too slow, readable in two ways."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest
import uvicorn

from gardefou.bootstrap import first_person, initialise, open_app
from gardefou.domain.records import Token
from gardefou.people.authenticate import hash_secret
from gardefou.settings import Settings
from gardefou.web.serve import make_server

pytestmark = pytest.mark.network_loopback

SECRET = "gf_forms"
REPORT = {
    "platform": "sandbox",
    "subject": {"kind": "account", "account": "1"},
    "reporter": "r",
    "category": "spam",
}
HEAD = b"POST /api/v1/reports HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer gf_forms\r\nContent-Type: application/json\r\nConnection: close\r\n"


class Answer(NamedTuple):
    status: int
    body: dict


class Wire:
    def __init__(self, port: int, server: uvicorn.Server) -> None:
        self.port = port
        self.server = server

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def say(self, *parts: bytes) -> list[Answer]:
        """Send bytes as they are; return the answers up to the end of the connection."""
        with self.open() as line:
            try:
                for part in parts:
                    line.sendall(part)
            except OSError:
                pass  # the other side has answered and closed by now
            return answers(rest(line))


def rest(line: socket.socket) -> bytes:
    read = b""
    try:
        while piece := line.recv(65_536):
            read += piece
    except ConnectionError:
        pass
    return read


def answers(read: bytes) -> list[Answer]:
    found = []
    while read:
        head, _, tail = read.partition(b"\r\n\r\n")
        length = next(
            (int(one.split(b":")[1]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length")), 0
        )
        found.append(Answer(int(head.split()[1]), json.loads(tail[:length])))
        read = tail[length:]
    return found


def report(*fields: bytes, body: bytes | None = None) -> bytes:
    sent = json.dumps(REPORT).encode() if body is None else body
    return HEAD + b"".join(one + b"\r\n" for one in fields) + b"Content-Length: %d\r\n\r\n" % len(sent) + sent


@contextmanager
def serving(folder, **settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = Settings(data=folder, port=port, embedded_worker=False, **settings)
    app = open_app(given)
    person = initialise(app, nets="default", person=first_person(app, roles=("admin",)))
    token = Token(
        id=app.ids.new(),
        hash=hash_secret(SECRET),
        staff_id=person.id,
        service="forms",
        scopes=("reports:write",),
        issued_by=person.id,
        issued_at=app.now(),
    )
    with app.works.begin() as uow:
        uow.record("token.issued", by=person.id, about=token.id, puts=(token,))
    server = make_server(app, given)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait = threading.Event()
    try:
        for _ in range(1_000):
            if server.started:
                break
            wait.wait(0.01)
        yield Wire(port, server)
    finally:
        server.should_exit = True
        thread.join()
        app.works.store.close()


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("wire")) as one:
        yield one


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server of little patience, for few."""
    bounds = {"slow_seconds": 0.25, "slow_bytes": 400, "max_connections_each": 8, "stuck_seconds": 0.5}
    with serving(tmp_path_factory.mktemp("strict"), **bounds) as one:
        yield one


def one_answer(found: list[Answer], status: int, code: str) -> None:
    assert [(one.status, one.body.get("code")) for one in found] == [(status, code)]


def test_a_plain_report_is_taken_and_so_is_one_in_chunks(wire):
    assert [one.status for one in wire.say(report())] == [202]
    body = json.dumps(REPORT).encode()
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert [one.status for one in wire.say(chunked)] == [202]
    kept = report().replace(b"Connection: close\r\n", b"")
    assert [one.status for one in wire.say(kept + report())] == [202, 202]


SMUGGLED = {
    "both lengths": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "two lengths in one": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "a length in hexadecimal": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "chunked not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a folded field": HEAD + b"X-A: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "a space before the colon": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "bare line feeds": HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "a bare carriage return": HEAD + b"X-A: 1\rContent-Length: 2\r\n\r\n{}",
    "a NUL in a field": HEAD + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "a size of a chunk that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "no version": b"GET /api/v1/healthz\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
    "a path that is no ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: here\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_two_servers_could_read_in_two_ways_is_refused_whole(wire, name):
    found = wire.say(SMUGGLED[name])
    assert len(found) == 1
    assert found[0].status == 400
    assert found[0].body["code"] in {"http/malformed", "input/json"}


@pytest.mark.parametrize("twice", [b"Host: there", b"Authorization: Bearer other", b"Content-Type: text/plain"])
def test_a_field_that_stands_once_stands_once(wire, twice):
    one_answer(wire.say(report(twice)), 400, "http/head")


def test_a_request_names_its_host(wire):
    one_answer(wire.say(b"GET /api/v1/healthz HTTP/1.1\r\n\r\n"), 400, "http/head")


def test_what_comes_after_the_body_is_no_header(wire):
    bare = HEAD.replace(b"Authorization: Bearer gf_forms\r\n", b"")
    trailing = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer gf_forms\r\n\r\n"
    one_answer(wire.say(bare + trailing), 401, "auth/missing")
    body = json.dumps(REPORT).encode()
    many = b"%x\r\n%s\r\n0\r\n" % (len(body), body) + b"X-A: 1\r\n" * 200 + b"\r\n"
    assert wire.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + many)[0].status in {202, 400}


def test_a_head_that_is_too_long_or_never_ends_is_answered_431(wire):
    one_answer(wire.say(report(b"X-A: " + b"a" * 40_000)), 431, "http/head")
    one_answer(wire.say(report(*(b"X-%d: 1" % number for number in range(150)))), 431, "http/head")
    one_answer(
        wire.say(b"GET /api/v1/" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"),
        431,
        "http/head",
    )
    one_answer(wire.say(b"GET / HTTP/1.1\r\nX-A: ", *([b"a" * 8_192] * 8)), 431, "http/head")


def test_a_browser_that_sends_too_much_along_is_told_on_a_page(wire):
    begun = b"GET /queue HTTP/1.1\r\nHost: here\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: fr\r\nCookie: "
    for sent in ([begun, b"a" * 40_000, b"\r\n\r\n"], [begun.replace(b"Cookie", b"X"), *([b"a" * 8_192] * 8)]):
        with wire.open() as line:
            with suppress(OSError):
                for part in sent:
                    line.sendall(part)
            head, _, page = rest(line).decode().partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 431 ")
        assert "content-type: text/html" in head.lower()
        assert "content-security-policy: default-src" in head.lower()
        assert "supprimez ceux de cette adresse" in page


def test_a_body_that_is_too_large_is_answered_413_before_it_is_read_whole(wire):
    one_answer(wire.say(HEAD + b"Content-Length: 900000000\r\n\r\n{"), 413, "http/too_large")
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    found = wire.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *([chunk] * 24))
    assert [(one.status, one.body["code"]) for one in found][:1] == [(413, "http/too_large")]


def test_nothing_is_upgraded_to(wire):
    asked = b"GET /api/v1/healthz HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
    assert [one.status for one in wire.say(asked)] == [200]


def test_a_head_that_drips_is_cut_off_and_others_are_served_meanwhile(strict):
    with strict.open() as silent, strict.open() as slow:
        slow.sendall(b"GET /api/v1/healthz HTTP/1.1\r\nX-A: ")
        assert [one.status for one in strict.say(report())] == [202]
        one_answer(answers(rest(slow)), 408, "http/slow")
        one_answer(answers(rest(silent)), 408, "http/slow")


def test_a_body_that_drips_is_cut_off(strict):
    with strict.open() as slow:
        slow.sendall(HEAD + b"Content-Length: 4000\r\n\r\n{")
        one_answer(answers(rest(slow)), 408, "http/slow")


def test_one_address_takes_no_more_than_its_connections_and_has_them_again(strict):
    lines = [strict.open() for _ in range(8)]
    found = strict.say(b"GET /api/v1/healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    for line in lines:
        line.close()
    one_answer(found, 503, "http/connections")
    for _ in range(200):
        found = strict.say(b"GET /api/v1/healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        if found and found[0].status == 200:
            return
    raise AssertionError(found)


def test_an_answer_waits_for_a_reader_who_does_not_read_but_not_for_ever(strict):
    asked = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n"
    with strict.open() as line:
        line.sendall(asked * 200)
        wait = threading.Event()
        for _ in range(400):
            wait.wait(0.02)
            if not strict.server.server_state.connections:
                break
        assert not strict.server.server_state.connections
        # Some were answered, into the buffers between us; the rest were given up.
        assert 0 < rest(line).count(b"HTTP/1.1 200 OK") < 200
    assert [one.status for one in strict.say(report())] == [202]
