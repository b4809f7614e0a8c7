"""The real server on this machine: reports side by side, and a shutdown that loses nothing acknowledged."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from gardefou.bootstrap import first_person, initialise, open_app
from gardefou.domain.records import Token
from gardefou.people.authenticate import hash_secret
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.web.processes import bound
from gardefou.web.serve import make_server

pytestmark = pytest.mark.network_loopback

SECRET = "gf_forms"


def test_reports_that_come_side_by_side_are_durable_when_answered(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(data=tmp_path, port=port)
    app = open_app(settings)
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
    server = make_server(app, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    base = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {SECRET}"}) as client:
            for _ in range(500):
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.ConnectError:
                    time.sleep(0.02)

            def send(number: int) -> str:
                body = {
                    "platform": "sandbox",
                    "subject": {"kind": "account", "account": str(number % 7)},
                    "reporter": f"r{number}",
                    "category": "spam",
                }
                answer = client.post("/api/v1/reports", json=body)
                assert answer.status_code == 202, answer.text
                return answer.json()["report"]

            with ThreadPoolExecutor(16) as threads:
                acknowledged = set(threads.map(send, range(200)))
    finally:
        server.should_exit = True
        thread.join()
    with app.works.read() as connection:
        stored = set(connection.execute(sa.select(tables.report.c.id)).scalars())
    app.works.store.close()
    assert len(acknowledged) == 200
    assert acknowledged == stored


def test_a_server_whose_address_another_listened_on_first_starts_nothing(tmp_path):
    settings, [ours] = bound(Settings(data=tmp_path, port=0))
    # Both have bound it; who listens first has it.
    _same, [theirs] = bound(settings)
    theirs.listen()
    app = open_app(settings)
    initialise(app, nets="default", person=first_person(app, roles=("admin",)))
    before = threading.active_count()
    with pytest.raises(OSError, match="in use"):
        make_server(app, settings).run([ours])
    assert threading.active_count() == before
    app.works.store.close()
    ours.close()
    theirs.close()
