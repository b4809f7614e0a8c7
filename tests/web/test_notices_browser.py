"""The page of notices in Chromium: a test by keyboard, nothing for axe to find, in both themes and on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.notices.servers import http_server
from tests.web.console_scene import make_scene
from tests.web.test_console_browser import Console, open_console
from tests.web.test_notices import channel

pytestmark = [pytest.mark.browser, pytest.mark.network_loopback, pytest.mark.slow]

AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as opened:
        yield opened


def axe(page: Page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]


def test_a_test_by_keyboard_and_nothing_for_axe_to_find(console: Console):
    scene = console.scene
    with http_server() as (port, got), http_server(403) as (other, _):
        channel(scene, "duty-chat", f"json://127.0.0.1:{port}/", "oncall", "lead")
        channel(scene, "pager", f"json://127.0.0.1:{other}/", "oncall", kinds=("drift", "break_glass"), language="fr")
        channel(scene, "mail", "", "legal", "team:reports")
        page = console.open("ben")
        page.goto(f"{console.url}/notices")
        page.get_by_role("button", name="Send a test through duty-chat").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("The test through duty-chat: it was taken.")
        page.get_by_role("button", name="Send a test through pager").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("did not get through: HTTP 403")
    assert [one["title"] for one in got] == ["Gardefou: A test"]
    for width in (1440, 390):
        for theme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            page.goto(f"{console.url}/notices")
            assert axe(page) == [], (width, theme)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
            if folder := os.environ.get("GARDEFOU_TEST_PICTURES"):
                page.screenshot(path=f"{folder}/notices-{width}-{theme}.png", full_page=True)
