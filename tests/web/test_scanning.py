"""Pictures of reports go past a virus scanner where one is set: what it does not pass is not shown."""

from __future__ import annotations

import base64
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from gardefou.errors import Denied, InvalidInput, Unavailable
from gardefou.flow.reports import NewReport, take_many
from gardefou.web.scanning import check_address, scan
from tests.web.console_scene import PLATFORM, make_scene

pytestmark = pytest.mark.network_loopback

PNG = b"\x89PNG\r\n\x1a\n" + b"rest" * 40_000
EICAR = b"\x89PNG\r\n\x1a\n" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


class Clamd:
    """As much of clamd as ``INSTREAM`` takes; ``says`` is its answer where it is not what it found."""

    def __init__(self, path: str = "") -> None:
        self.says: bytes | None = None
        self.got: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX) if path else socket.create_server(("127.0.0.1", 0))
        if path:
            self._socket.bind(path)
            self._socket.listen()
        self.address = f"unix:{path}" if path else f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line, line.makefile("rb") as read:
                assert read.read(len(b"zINSTREAM\0")) == b"zINSTREAM\0"
                body = b""
                while size := struct.unpack(">I", read.read(4))[0]:
                    body += read.read(size)
                self.got.append(body)
                found = b"stream: Eicar-Test FOUND\0" if b"EICAR" in body else b"stream: OK\0"
                line.sendall(found if self.says is None else self.says)


@pytest.fixture
def clamd() -> Iterator[Clamd]:
    made = Clamd()
    yield made
    made.close()


def test_what_the_scanner_passes_is_shown_and_what_it_finds_is_not(clamd, sqlite_url, tmp_path):
    scene = make_scene(sqlite_url, tmp_path, scanner=clamd.address)
    bodies = (PNG, EICAR)
    evidence = tuple({"says": "x", "data": base64.b64encode(body).decode()} for body in bodies)
    report = NewReport(
        platform=PLATFORM, kind="account", account="3001", reporter="r", category="spam", evidence=evidence
    )
    taken = take_many(scene.app, scene.actor("ada"), [report])[0]
    browser = scene.client("ada").client
    path = f"/cases/{taken.case}/media/{taken.report}"
    shown = browser.get(f"{path}/0")
    assert (shown.status_code, shown.content) == (200, PNG)
    kept = browser.get(f"{path}/1")
    assert (kept.status_code, kept.headers["gardefou-problem"]) == (403, "media/infected")
    assert EICAR not in kept.content
    assert clamd.got == [PNG, EICAR]
    # While it gives no answer nothing is shown.
    clamd.close()
    away = browser.get(f"{path}/0")
    assert (away.status_code, away.headers["gardefou-problem"]) == (503, "media/unscanned")
    scene.app.works.store.close()


@pytest.mark.parametrize(
    "says", [b"", b"stream: OK and more\0", b"INSTREAM size limit exceeded. ERROR\0", b"\xff" * 9_000]
)
def test_only_a_clear_yes_of_the_scanner_counts(clamd, says):
    clamd.says = says
    with pytest.raises(Unavailable) as caught:
        scan(clamd.address, PNG)
    assert caught.value.code == "media/unscanned"


def test_a_scanner_on_this_machine_is_asked_over_its_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    made = Clamd("clamd.ctl")
    scan(made.address, PNG)
    with pytest.raises(Denied) as caught:
        scan(made.address, EICAR)
    assert caught.value.code == "media/infected"
    made.close()


def test_an_address_that_can_be_none_is_told_at_the_start():
    for good in ("", "unix:/run/clamd.ctl", "127.0.0.1:3310", "[::1]:3310"):
        check_address(good)
    for wrong in ("clamd", "unix:", "host:port", ":3310", "/run/clamd.ctl"):
        with pytest.raises(InvalidInput, match="host:port"):
            check_address(wrong)
