"""The eleven minutes of 2 November 2017 in Chromium, by mouse and by keyboard alone: what would have happened here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.console_scene import Scene, make_scene
from tests.web.test_console_browser import Console, open_console

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network_loopback,
    pytest.mark.slow,
    pytest.mark.xdist_group("eleven_minutes browser"),
]

#: So often somebody presses Tab before they say that a control cannot be reached.
_TABS = 150


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    """The console on a clock that the test moves."""
    with open_console(make_scene(sqlite_url, tmp_path), browser) as opened:
        yield opened


class Mouse:
    """Somebody who clicks."""

    def use(self, control: Locator) -> None:
        control.click()

    def write(self, control: Locator, text: str) -> None:
        control.click()
        control.type(text)


class Keyboard:
    """Somebody who has no mouse: Tab until it has the focus, then Enter or Space."""

    def _reach(self, control: Locator) -> Page:
        page = control.page
        expect(control).to_be_visible()
        page.wait_for_load_state()
        for _ in range(_TABS):
            if control.evaluate("node => node === document.activeElement"):
                return page
            page.keyboard.press("Tab")
        pytest.fail(f"{control} cannot be reached by the keyboard")

    def use(self, control: Locator) -> None:
        page = self._reach(control)
        kind = control.evaluate("node => node.type || node.tagName")
        page.keyboard.press("Space" if kind in {"checkbox", "radio"} else "Enter")

    def write(self, control: Locator, text: str) -> None:
        self._reach(control).keyboard.type(text)


def comes_to(scene: Scene, ref: str, *measures: str) -> None:
    """Wait for an account to be so: the worker beside the console may be carrying it out just now."""
    for _ in range(1_500):
        if scene.state(ref) == frozenset(measures):
            return
        threading.Event().wait(0.01)
    assert scene.state(ref) == frozenset(measures)


@pytest.mark.parametrize("hands", [Mouse(), Keyboard()], ids=["mouse", "keyboard"])
def test_the_eleven_minutes(console: Console, hands: Mouse | Keyboard) -> None:
    scene = console.scene
    scene.report("1001", "impersonation", text="One of these fake accounts again.", count=3)

    # Somebody takes the report, and takes the account for one of many fakes.
    ada = console.open("ada")
    hands.use(ada.get_by_role("link", name="Queue", exact=True))
    hands.use(ada.get_by_role("button", name="Claim next"))
    expect(ada.locator(".loud").first).to_have_text("This is the REAL one: 41 million followers")
    hands.use(ada.get_by_role("checkbox", name="Suspend"))
    expect(ada.locator("#consequence")).to_contain_text("nothing happens on your click alone")
    hands.use(ada.get_by_role("button", name="Decide"))
    ada.wait_for_load_state()
    scene.settle()
    assert scene.state("1001") == frozenset()
    hands.use(ada.get_by_role("link", name="Suspend @president").first)
    expect(ada.get_by_text("2 further people").first).to_be_visible()
    address = ada.url

    # Two others, of other teams, are taken in too.
    for name in ("ben", "cyd"):
        other = console.open(name)
        other.goto(address)
        hands.use(other.get_by_role("button", name="Yes, do it"))
        expect(other.get_by_role("button", name="Yes, do it")).not_to_be_visible()
    scene.settle()
    assert scene.state("1001") == frozenset()

    # Ten minutes in which anyone can cancel pass; nobody does.
    scene.later(timedelta(minutes=10, seconds=1))
    comes_to(scene, "1001", "suspended")

    # Eleven minutes later a colleague on duty lifts it, from the link in an alert.
    scene.later(timedelta(minutes=11))
    dee = console.open("dee", width=390)
    dee.goto(f"{console.url}/restore/sandbox/1001")
    expect(dee.get_by_text("@president").first).to_be_visible()
    hands.use(dee.get_by_role("button", name="Restore", exact=False).first)
    expect(dee.locator(".ms").first).to_contain_text("ms")
    scene.settle()
    assert scene.state("1001") == frozenset()

    # What happened is told, without anybody's name.
    dee.goto(f"{console.url}/incidents")
    expect(dee.get_by_role("main")).to_contain_text("@president")
