"""The console in Chromium: a report's way by keyboard and mouse, two people in two browsers."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from gardefou.web.serve import Server
from gardefou.worker import Worker
from tests.web.console_scene import Scene, make_scene

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network_loopback,
    pytest.mark.slow,
    pytest.mark.xdist_group("console browser"),
]

# A page is waited for as long as for a click: on a machine that does much else, five seconds are soon over.
expect.set_options(timeout=60_000)


@dataclass
class Console:
    """The running console, and everything that browsers complained about."""

    scene: Scene
    url: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    def open(self, name: str, *, width: int = 1440, scripts: bool = True) -> Page:
        """Open a browser window of its own and sign in by a one-time link."""
        context = self.browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("console", lambda said: self.complaints.append(f"{page.url}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((self.url, "data:")) else self.complaints.append(f"asked {asked.url}")
            ),
        )
        page.goto(f"{self.url}/signin/{self.scene.link(name)}")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        return page


def press(page: Page, key: str) -> None:
    """Press a key once the page and its scripts are there."""
    page.wait_for_load_state()
    page.keyboard.press(key)


@contextmanager
def serving(scene: Scene, port: int = 0) -> Iterator[str]:
    """Serve the console on a port of this machine, a free one where none is given, with a worker beside it."""
    worker = Worker(scene.app, scene.settings)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        web = scene.web()
        server = Server(uvicorn.Config(web, log_level="error", lifespan="off"), web.state.live)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        worker.start()
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=60)
            worker.stop()


@contextmanager
def open_console(scene: Scene, browser: Browser) -> Iterator[Console]:
    """Serve a scene and look at it; in the end nothing was complained of, and nothing asked of any other host."""
    with serving(scene) as url:
        running = Console(scene, url, browser)
        try:
            yield running
        finally:
            for context in browser.contexts:
                context.close()
        assert running.complaints == []


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as running:
        yield running


def test_a_day_at_the_queue_by_keyboard_and_a_restore_by_a_colleague(console: Console):
    scene = console.scene
    scene.report("3001")
    scene.report("3002")
    page = console.open("ada")

    press(page, "j")
    page.wait_for_url("**/cases/*")
    press(page, "n")
    # The next case comes at once, and what came of the last one is said above it.
    page.wait_for_url("**/cases/*done=no_violation*")
    expect(page.locator("#toast")).to_contain_text("Closed: no violation")

    press(page, "5")
    expect(page.locator("#consequence")).to_contain_text("Nothing is lost. Undone in one click.")
    expect(page.get_by_label("Suspend")).to_be_checked()
    press(page, "d")
    expect(page.locator("#toast")).to_contain_text("Carried out, and seen at the platform")
    assert scene.state("3001") | scene.state("3002") == {"suspended"}

    press(page, "?")
    expect(page.get_by_role("dialog")).to_contain_text("claim the next case")
    press(page, "Escape")

    colleague = console.open("dee", width=390)
    colleague.get_by_role("link", name="Enforcements", exact=True).click()
    colleague.get_by_role("link", name="In force").click()
    colleague.get_by_role("link", name=re.compile("Suspend @")).click()
    colleague.get_by_label("Because").fill("It was a mistake.")
    colleague.get_by_role("button", name="Restore now").click()
    expect(colleague.locator(".ms")).to_have_text(re.compile(r"^[\d,]+ ms$"))
    assert scene.state("3001") | scene.state("3002") == frozenset()


def test_the_head_of_states_account_waits_for_two_others_and_is_cancelled(console: Console):
    scene = console.scene
    scene.report("1001", "impersonation", count=12)
    page = console.open("ada")
    press(page, "j")
    expect(page.locator(".loud")).to_have_text("This is the REAL one: 41 million followers")
    page.get_by_label("Suspend").check()
    expect(page.locator("#consequence")).to_contain_text("nothing happens on your click alone")
    page.get_by_role("button", name="Decide").click()
    page.get_by_role("link", name="Suspend @president").first.click()
    expect(page.get_by_text("Needs 2 further people")).to_be_visible()
    address = page.url

    for name in ("ben", "cyd"):
        approver = console.open(name)
        approver.goto(address)
        expect(approver.get_by_text("You confirm exactly this")).to_be_visible()
        approver.get_by_role("button", name="Yes, do it").click()
        expect(approver.get_by_text("Answers", exact=True)).to_be_visible()

    page.goto(address)
    clock = page.locator(".countdown").first
    before = clock.text_content()
    expect(clock).not_to_have_text(before or "")
    press(page, "k")
    page.keyboard.type("It is the real one.")
    press(page, "Enter")
    expect(page.get_by_text("Withdrawn before anything was done. It is the real one.", exact=True)).to_be_visible()
    assert scene.state("1001") == frozenset()


def test_it_works_without_scripts_too(console: Console):
    scene = console.scene
    scene.report("3001")
    page = console.open("ada", scripts=False)
    page.get_by_role("button", name="Claim next").click()
    page.get_by_label("Suspend").check()
    page.get_by_role("button", name="Show what will happen").click()
    expect(page.locator("#consequence")).to_contain_text("Suspends @cheap_watches_1 now")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("status")).to_contain_text("Carried out")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("the platform confirmed it after")
    assert scene.state("3001") == frozenset()


def test_what_one_of_us_can_do_alone_fits_a_desk_and_a_phone(console: Console):
    for width in (1440, 390):
        page = console.open("ada", width=width)
        page.goto(f"{console.url}/nets")
        page.get_by_role("link", name="What can one of us do alone?").click()
        expect(page.get_by_role("heading", name="What nobody can do alone")).to_be_visible()
        expect(page.get_by_text("Nobody alone can suspend, deactivate or delete a protected account")).to_be_visible()
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
