"""In Chromium: an account that is hacked is stopped on a telephone; figures are drawn in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.console_scene import make_scene
from tests.web.test_console_browser import Console, open_console

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network_loopback,
    pytest.mark.slow,
    pytest.mark.xdist_group("lead browser"),
]

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
#: What the shared parts of pages are answered for elsewhere.
_ELSEWHERE = {"empty-table-header"}


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as opened:
        yield opened


def barriers(page: Page) -> list[str]:
    """Return what stands in the way of people who read a page otherwise than by sight."""
    page.wait_for_load_state()
    page.evaluate(_AXE)
    found = page.evaluate("axe.run().then((found) => found.violations.map((one) => one.id))")
    return [one for one in found if one not in _ELSEWHERE]


def sizes(page: Page) -> list[float]:
    """Return the height of everything that a thumb presses on a page about one account."""
    # Text is there before the style is.
    page.wait_for_load_state()
    return page.eval_on_selector_all(
        ".hacked button, .hacked input:not([type=radio]):not([type=hidden]), .hacked textarea, .hacked .pick",
        "(all) => all.filter((one) => one.getClientRects().length).map((one) => one.getBoundingClientRect().height)",
    )


def test_a_hacked_account_is_stopped_and_let_stand_on_a_telephone(console: Console):
    scene = console.scene
    page = console.open("ada", width=390)
    page.goto(f"{console.url}/pause")
    page.get_by_role("link", name="This account is hacked").click()
    page.get_by_label("Handle or id of the account").fill("@president")
    page.get_by_role("button", name="Find it").click()
    expect(page.locator(".loud")).to_have_text("This is the REAL one: 41 million followers")
    assert min(sizes(page)) >= 48
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert barriers(page) == []
    expect(page.get_by_label("Lock")).to_be_checked()
    page.get_by_label("What happened").fill("It posts links to a wallet.")
    page.get_by_role("button", name="Break the glass").click()
    expect(page.get_by_role("status")).to_contain_text("Everyone on duty was told")
    assert scene.state("1001") == frozenset()

    other = console.open("dee", width=390)
    other.goto(f"{console.url}/hacked/sandbox/1001")
    assert min(sizes(other)) >= 48
    other.get_by_role("button", name="Yes, do it now").click()
    # The first one's page looks again by itself.
    expect(page.get_by_text("Undone by itself in")).to_be_visible()
    assert scene.state("1001") == {"locked"}

    third = console.open("cyd", width=390)
    third.goto(f"{console.url}/hacked/sandbox/1001")
    third.get_by_role("button", name="Let it stand").click()
    expect(third.get_by_role("status")).to_contain_text("It stands")
    assert barriers(third) == []


def test_figures_are_drawn_in_both_themes_and_as_wide_as_there_is_room(console: Console):
    console.scene.report("3001", count=3)
    page = console.open("ben")
    colours: set[str] = set()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.goto(f"{console.url}/?span=24h")
        expect(page.locator("[data-plot] canvas")).to_have_count(7)
        assert barriers(page) == []
        colours.add(
            page.evaluate(
                """() => {
                  const canvas = document.querySelector("[data-plot] canvas");
                  const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                  const count = {};
                  for (let at = 0; at < all.length; at += 4) if (all[at + 3] === 255) {
                    const one = `${all[at]},${all[at + 1]},${all[at + 2]}`;
                    count[one] = (count[one] || 0) + 1;
                  }
                  return Object.entries(count).sort((one, two) => two[1] - one[1]).slice(0, 3).join(" ");
                }"""
            )
        )
    assert len(colours) == 2
    page.set_viewport_size({"width": 390, "height": 844})
    width = page.locator("[data-canvas]").first.evaluate("(one) => one.clientWidth")
    expect(page.locator("[data-canvas] .uplot").first).to_have_css("width", f"{width}px")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("columnheader", name="Reports")).to_be_visible()
