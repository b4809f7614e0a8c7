"""An open page in Chromium: it changes by itself, comes back after the server did, and does not grow in a day."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import CDPSession, Page, Route, expect, sync_playwright

from gardefou.flow.cases import note
from gardefou.flow.decide import enforce
from gardefou.flow.spec import Wanted
from gardefou.people.sessions import Lasting
from gardefou.web.console import pulse, streams
from gardefou.web.console.pulse import Happened, Look
from gardefou.web.serve import Server
from gardefou.worker import Worker
from tests.web.chromium import FLAGS, chromium
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.test_console_browser import Console

pytestmark = [pytest.mark.browser, pytest.mark.network_loopback, pytest.mark.slow]

#: Looks at the store as many as a quarter of an hour has; each changes a counter.
LOOKS = 2_000


@contextmanager
def node(scene: Scene, port: int = 0) -> Iterator[Server]:
    """Serve on a port, until the block is left."""
    web = scene.web()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server = Server(uvicorn.Config(web, log_level="error", lifespan="off"), web.state.live)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        listening.close()
        assert not thread.is_alive(), "open pages hold up the stop"


def port_of(server: Server) -> int:
    for _ in range(500):
        if server.started:
            return int(server.servers[0].sockets[0].getsockname()[1])
        threading.Event().wait(0.01)
    raise AssertionError("the server does not start")


@contextmanager
def working(scene: Scene) -> Iterator[None]:
    worker = Worker(scene.app, scene.settings)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


@contextmanager
def browsing(scene: Scene, port: int) -> Iterator[Console]:
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield Console(scene, f"http://127.0.0.1:{port}", browser)
        browser.close()


def suspends_the_president(scene: Scene) -> str:
    wanted = Wanted(
        platform=PLATFORM,
        account="1001",
        action="suspend",
        policy="impersonation",
        rationale="Fake.",
        confirm={"handle": "president"},
    )
    return enforce(scene.app, scene.actor("ada"), wanted).id


def listens(server: Server) -> None:
    """Wait until an open page has been told how things stand: only what comes after is news to it."""
    for _ in range(1_500):
        if any(stream._told is not None for stream in list(server.live._streams)):
            return
        threading.Event().wait(0.01)
    raise AssertionError("no page listens")


def refuse_once(refused: list[str]) -> Callable[[Route], None]:
    """Return a handler that answers the first of a page's own questions with 503, and lets the others through."""

    def handle(route: Route) -> None:
        if refused or route.request.resource_type == "document":
            route.continue_()
            return
        refused.append(urlsplit(route.request.url).path)
        route.fulfill(status=503)

    return handle


def stays(page: Page) -> None:
    """Mark the page, so that a reload shows."""
    page.evaluate("window.opened = true")


def test_a_page_changes_by_itself_keeps_what_is_typed_and_comes_back_with_the_server(sqlite_url, tmp_path):
    scene = make_scene(sqlite_url, tmp_path, real_time=True)
    refused: list[str] = []
    with working(scene), node(scene) as server:
        port = port_of(server)
        with browsing(scene, port) as console:
            page = console.open("ben")
            page.goto(f"{console.url}/enforcements")
            stays(page)
            expect(page.get_by_role("main")).to_contain_text("None.")
            listens(server)
            placed = suspends_the_president(scene)
            expect(page.locator("#count-enforcements")).to_have_text("1 for you")
            row = page.get_by_role("link", name="Suspend @president")
            expect(row).to_be_visible()
            expect(page.get_by_role("link", name="Enforcements", exact=True)).to_have_accessible_description(
                "1 for you"
            )
            expect(page.locator("#live-says")).to_have_text("1 enforcement waits for you.")
            assert page.evaluate("window.opened")

            # Where someone is typing nothing is exchanged; they are told instead.
            page.goto(f"{console.url}/enforcements/{placed}")
            stays(page)
            page.get_by_label("Note").fill("I have looked at it and")
            cyd = console.open("cyd")
            cyd.goto(f"{console.url}/enforcements/{placed}")
            cyd.get_by_role("button", name="Yes, do it").click()
            expect(page.get_by_text("This page has changed since you opened it.")).to_be_visible()
            expect(page.get_by_label("Note")).to_have_value("I have looked at it and")
            cyd.close()
            assert console.complaints == []

            # Nobody is told of what they did themselves: opening a case is on the record.
            case = scene.report("3002")
            page.goto(f"{console.url}/cases/{case}")
            page.get_by_role("button", name="Claim").click()
            expect(page.locator("#count-queue")).to_have_text("1 open")
            changed = page.get_by_text("This page has changed since you opened it.")
            expect(changed).to_be_hidden()
            note(scene.app, scene.actor("dee"), case, "I know this one.")
            expect(changed).to_be_visible()

            page.goto(f"{console.url}/queue")
            stays(page)
            expect(page.locator("#count-enforcements")).to_have_text("1 for you")
            server.should_exit = True
            for _ in range(500):
                if server.servers and not server.servers[0].is_serving():
                    break
                threading.Event().wait(0.01)
            with node(scene, port) as again:
                assert port_of(again) == port
                # A node that cannot answer just now is asked again, without anything new happening.
                page.route("**/queue", refuse_once(refused))
                scene.report("3001")
                expect(page.locator("#count-queue")).to_have_text("2 open")
                # By its handle, as soon as a worker has read who that is.
                expect(page.get_by_role("link", name="@cheap_watches_1")).to_be_visible()
                assert refused == ["/queue"]
                assert page.evaluate("window.opened")

                # The session ends, and the page says so without being touched. Nothing that it showed stays.
                page.goto(f"{console.url}/cases/{case}")
                page.get_by_label("For whoever looks next").fill("I have looked at it and")
                page.evaluate("document.querySelector('form[action=\"/signout\"]').setAttribute('target', '_blank')")
                page.get_by_role("button", name="Sign out").click()
                expect(page.locator("#ended")).to_contain_text("You are signed out.")
                expect(page.locator("#ended")).to_contain_text("What you were writing stands below")
                expect(page.get_by_role("main")).to_have_text("I have looked at it and")
                expect(page).to_have_title("You are signed out.")
                # Nor who they were; and signing in leads back here.
                expect(page.locator(".self")).to_have_count(0)
                back = page.locator("#ended").get_by_role("link", name="Sign in")
                expect(back).to_have_attribute("href", f"/signin?next=%2Fcases%2F{case}")


def metrics(cdp: CDPSession) -> dict[str, float]:
    cdp.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in cdp.send("Performance.getMetrics")["metrics"]}
    return {name: found[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize", "Documents")}


@pytest.mark.long
def test_a_page_left_open_all_day_does_not_grow(sqlite_url, tmp_path, monkeypatch):
    scene = make_scene(sqlite_url, tmp_path, real_time=True)
    look = pulse.Reader.look

    def busy(self: pulse.Reader, sessions: frozenset[Lasting]) -> Look:
        """Something has happened at every look, now and then to what is on the page."""
        found = look(self, sessions)
        about = "enforcement.placed" if not found.number % 50 else "staff.signed_in"
        return replace(
            found,
            happened=(Happened(about, "somebody", f"something-{found.number}", ""),),
            counts=replace(found.counts, open=found.number),
        )

    monkeypatch.setattr(pulse.Reader, "look", busy)
    monkeypatch.setattr(streams, "PACE", 0.001)
    with node(scene) as server:
        port = port_of(server)
        live = server.live
        with browsing(scene, port) as console:
            page = console.open("ben")
            page.goto(f"{console.url}/enforcements")
            stays(page)
            cdp = page.context.new_cdp_session(page)
            cdp.send("Performance.enable")
            taken: list[dict[str, float]] = []
            for _ in range(4):
                assert live.newest is not None
                goal = live.newest.number + LOOKS // 4
                page.wait_for_function(
                    "goal => parseInt(document.getElementById('count-queue').textContent.replace(/\\D/g, '')) >= goal",
                    arg=goal,
                )
                taken.append(metrics(cdp))
            assert page.evaluate("window.opened")
            assert live.streams == 1
            warm, last = taken[0], taken[-1]
            assert last["Documents"] <= warm["Documents"] + 1, taken
            assert last["JSEventListeners"] <= warm["JSEventListeners"] + 5, taken
            assert last["Nodes"] <= warm["Nodes"] * 1.05 + 50, taken
            assert last["JSHeapUsedSize"] <= warm["JSHeapUsedSize"] * 1.1 + 300_000, taken
            assert console.complaints == []
