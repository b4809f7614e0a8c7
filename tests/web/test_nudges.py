"""On PostgreSQL an open page need not wait for the next look: a nudge from whichever node leads the log brings it forward.

The clock's look is put off beyond the end of each test: what a page hears, it
hears because of a nudge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from gardefou.storage import nudge
from gardefou.storage.engine import open_store
from gardefou.web.console import streams
from tests.web.console_scene import make_scene
from tests.web.listening import listening
from tests.web.test_live import Installation, named, run

#: The connections that listen, in this database alone.
_EARS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN gardefou'"


@pytest.fixture
def installed(postgresql_url, tmp_path, monkeypatch) -> Iterator[Installation]:
    monkeypatch.setattr(streams, "PACE", 3_600.0)
    monkeypatch.setattr(streams, "_REST", 0)
    monkeypatch.setattr(nudge, "_AFTER_LOSS", 0.01)
    made = Installation(postgresql_url, make_scene(postgresql_url, tmp_path))
    made.other.sequencer.integrate_all()
    yield made
    made.other.works.store.close()
    made.scene.app.works.store.close()


@pytest.fixture
def server(postgresql_url) -> Iterator[psycopg.Connection]:
    url = make_url(postgresql_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def ears(server: psycopg.Connection) -> set[int]:
    return {pid for (pid,) in server.execute(_EARS)}


async def looked(installed: Installation, number: int) -> None:
    """Wait for a look."""
    while installed.live.newest is None or installed.live.newest.number < number:
        await installed.live.bell


def acts(installed: Installation) -> None:
    """Place an enforcement through the other node, which leads the log."""
    installed.suspends_the_president()
    installed.other.sequencer.integrate_all()


def test_what_another_node_does_reaches_an_open_page_without_waiting_for_the_next_look(installed, server):
    async def listens() -> None:
        async with listening(installed.web, installed.session("ben")) as page:
            # The first, and another once it listens: nudges may have passed before.
            await looked(installed, 2)
            assert len(ears(server)) == 1
            await asyncio.to_thread(acts, installed)
            await page.until(named("changed", "enforcements"))
            await page.until(lambda name, data: name == "counts" and data["texts"]["enforcements"] == "1 for you")

    run(listens())


def test_a_listening_connection_that_is_lost_comes_back_and_finds_what_passed_meanwhile(installed, server):
    async def listens() -> None:
        async with listening(installed.web, installed.session("ben")) as page:
            await looked(installed, 2)
            (lost,) = ears(server)
            server.execute("SELECT pg_terminate_backend(%s, 10000)", (lost,))
            await looked(installed, 3)
            (found,) = ears(server)
            assert found != lost
            await asyncio.to_thread(acts, installed)
            await page.until(named("changed", "enforcements"))

    run(listens())


def test_while_nobody_listens_to_pages_no_connection_listens(installed, server, monkeypatch):
    monkeypatch.setattr(streams, "_LINGER", 0.0)
    monkeypatch.setattr(streams, "PACE", 0.05)
    assert ears(server) == set()

    async def listens() -> None:
        async with listening(installed.web, installed.session("ben")) as page:
            await page.until(named("counts"))
            while not ears(server):
                await installed.live.bell
        while installed.live.polling:
            await asyncio.wait({installed.live._poller})

    run(listens())
    # It says goodbye; the server takes its time to hear it.
    while ears(server):
        server.execute("SELECT pg_sleep(0.01)")


def test_acts_nudge_and_reports_do_not(installed, server):
    server.execute("LISTEN gardefou")
    installed.scene.report("3001")
    installed.other.sequencer.integrate_all()
    server.execute("NOTIFY gardefou, 'reported'")
    acts(installed)
    server.execute("NOTIFY gardefou, 'acted'")
    said = []
    for word in server.notifies():
        said.append(word.payload)
        if word.payload == "acted":
            break
    assert said == ["reported", "", "acted"]


def test_sqlite_says_nothing_and_is_looked_at_by_the_clock(sqlite_url):
    store = open_store(sqlite_url)
    asyncio.run(nudge.listen(store, lambda: pytest.fail("SQLite nudges nobody")))
    with store.begin() as connection:
        nudge.nudge(connection)
    store.close()
