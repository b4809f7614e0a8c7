"""Registry, people and record in Chromium: a list imported by mouse, and nothing that axe-core finds fault with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.console_scene import make_scene
from tests.web.test_console_browser import Console, open_console

pytestmark = [pytest.mark.browser, pytest.mark.network_loopback, pytest.mark.slow]

_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
_FAULTS = "axe.run().then(found => found.violations.map(one => one.id + ': ' + one.nodes[0].html))"


@pytest.fixture
def running(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as opened:
        yield opened


def faults(page: Page) -> list[str]:
    """Return what axe-core finds on a page, in both themes."""
    page.wait_for_load_state()
    found: list[str] = []
    for theme in ("light", "dark"):
        # What fades in has no contrast yet: still, it has.
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(_AXE.read_text())
        found += [f"{page.url} {theme} {one}" for one in page.evaluate(_FAULTS)]
    return found


def test_a_list_is_tried_and_imported_by_mouse_and_a_second_time_is_nothing(running: Console, tmp_path: Path):
    scene = running.scene
    file = tmp_path / "registry.csv"
    file.write_text("platform,ref,tier,because,until\nsandbox,3003,notable,a bakery,\nsandbox,3004,holy,,\n")
    page = running.open("ben")
    page.get_by_role("link", name="Registry", exact=True).click()
    page.get_by_role("link", name="Import a list").click()
    page.get_by_label("A CSV file, UTF-8").set_input_files(file)
    page.get_by_role("button", name="Try it: change nothing").click()
    expect(page.get_by_role("alert")).to_contain_text("1 line is wrong")
    expect(page.get_by_role("row", name=re.compile("3004"))).to_contain_text("tier is standard")
    expect(page.get_by_role("button", name="Import it now")).to_have_count(0)
    assert faults(page) == []

    pasted = page.get_by_label("Or paste it")
    pasted.fill(pasted.input_value().replace("holy", "protected"))
    page.get_by_role("button", name="Try it: change nothing").click()
    expect(page.get_by_role("status")).to_contain_text("Tried; nothing was changed. 2 lines are good.")
    assert faults(page) == []
    page.get_by_role("button", name="Import it now").click()
    expect(page.get_by_role("status")).to_contain_text("2 in force, 0 waiting for people, 0 unchanged.")
    assert faults(page) == []

    page.get_by_label("A CSV file, UTF-8").set_input_files(
        {"name": "again.csv", "mimeType": "text/csv", "buffer": file.read_bytes().replace(b"holy", b"protected")}
    )
    page.get_by_role("button", name="Try it: change nothing").click()
    expect(page.locator("main")).to_contain_text("there is nothing to import")
    page.get_by_role("link", name="Registry", exact=True).first.click()
    page.get_by_role("link", name="Notable", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("3003"))).to_contain_text("a bakery")
    assert faults(page) == []
    for path in ("/accounts?q=3003", "/accounts/sandbox/3003", "/people", "/record?q=sandbox/3003"):
        page.goto(f"{running.url}{path}")
        assert faults(page) == []
    page.get_by_role("link", name="the tier was set").click()
    assert faults(page) == []
    admin = running.open("zoe", width=390)
    admin.goto(f"{running.url}/people/{scene.staff['ben'].pseudonym}")
    assert faults(admin) == []
    assert admin.evaluate("document.documentElement.scrollWidth") == 390
