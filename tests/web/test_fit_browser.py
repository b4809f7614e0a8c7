"""Every page of the console in Chromium: axe finds nothing, nothing overflows, nothing is asked of another host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from gardefou.people.preferences import Preferences, prefer
from tests.web.chromium import FLAGS, chromium
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.pages import Furnished, addresses, furnish
from tests.web.test_console_browser import Console, press
from tests.web.test_live_browser import node, port_of

pytestmark = [pytest.mark.browser, pytest.mark.network_loopback, pytest.mark.slow, pytest.mark.xdist_group("fit")]

_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
#: What a page is held to: WCAG 2.2 A and AA, and what axe calls good practice.
_RUN = """async (only) => {
  const found = await axe.run(document, {runOnly: only, resultTypes: ["violations"]});
  return found.violations.map(one => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | ")}`);
}"""
_ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: All that a theme can change.
_COLOURS = ["color-contrast", "link-in-text-block"]
#: And all that the width can, once the page has been looked at in another.
_LAYOUT = [*_COLOURS, "target-size", "scrollable-region-focusable", "empty-table-header", "region", "label"]
#: What sticks out of the page, and cannot be reached without moving the whole page sideways.
_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  return document.documentElement.scrollWidth <= room ? [] : [...document.querySelectorAll("main *, header *, body > *")].filter(one => {
    const box = one.getBoundingClientRect();
    return (box.right > room + 1 || box.left < -1) && box.width && !one.closest(".unseen, .skip, .scroll, .nav, .tabs");
  }).slice(0, 4).map(one => `${one.tagName}.${one.className} ${one.outerHTML.slice(0, 120)}`).concat([`page ${document.documentElement.scrollWidth} of ${room}`]);
}"""
#: Words of ours in tables that stand on two lines, taken apart.
_BROKEN = """() => {
  const broken = [], range = document.createRange();
  for (const cell of document.querySelectorAll("main :is(td, th)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      for (const word of text.data.matchAll(/(?<=^|\\s)\\p{L}{2,16}(?=$|[\\s,.;:])/gu)) {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(one => Math.round(one.top))).size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""
_MOVES = """() => [...document.querySelectorAll("*")].filter(one => {
  const style = getComputedStyle(one);
  const long = text => text.split(",").some(part => parseFloat(part) > 0);
  return (style.animationName !== "none" && long(style.animationDuration)) || long(style.transitionDuration);
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def furnished(databases, tmp_path_factory) -> Iterator[tuple[Console, Furnished, Scene]]:
    """One server and one browser for all that follows."""
    with databases.fresh("sqlite") as url:
        scene = make_scene(url, tmp_path_factory.mktemp("node"), real_time=True)
        there = furnish(scene, paused=True)
        with node(scene) as server, sync_playwright() as player:
            browser = player.chromium.launch(executable_path=chromium(), args=list(FLAGS))
            console = Console(scene, f"http://127.0.0.1:{port_of(server)}", browser)
            yield console, there, scene
            browser.close()
            assert console.complaints == []


def all_pages(scene: Scene, there: Furnished, most: int = 99) -> list[str]:
    return [one for one in addresses(scene.web(), there, most) if not one.startswith("/signin")]


def look(page: Page, address: str, wrong: list[str], width: int) -> None:
    """Look at the page that is open in both themes and both directions of writing, as wide as this."""
    page.set_viewport_size({"width": width, "height": 900})
    # On a telephone it is the layout that is another; the colours are the same in both widths.
    themes: tuple[tuple[Literal["dark", "light"], list[str]], ...] = (("dark", _LAYOUT),)
    if width > 1000:
        themes = (("dark", _COLOURS), ("light", _ALL))
    for theme, rules in themes:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        wrong += [f"{address} at {width}, {theme}: {one}" for one in page.evaluate(_RUN, rules)]
    found: Any = {"too wide": page.evaluate(_WIDE), "moves": page.evaluate(_MOVES)}
    as_it_was = page.evaluate("document.documentElement.dir")
    page.evaluate("document.documentElement.dir = 'rtl'")
    found["too wide from right to left"] = page.evaluate(_WIDE)
    page.evaluate("as_it_was => { document.documentElement.dir = as_it_was }", as_it_was)
    wrong += [f"{address} at {width}: {what}: {one}" for what, ones in found.items() for one in ones]


def test_every_page_is_accessible_in_both_themes_and_fits_a_desk_and_a_telephone(furnished):
    console, there, scene = furnished
    page = console.open("ben")
    page.context.add_init_script(path=_AXE)
    wrong: list[str] = []
    # A few of a kind: a page of the same kind is made of the same pieces.
    wide, narrow = all_pages(scene, there, 4), set(all_pages(scene, there, 2))
    assert narrow <= set(wide)
    for address in wide:
        page.goto(f"{console.url}{address}")
        look(page, address, wrong, 1440)
        # A page lays itself out anew where its window becomes another, as on a telephone that is turned.
        if address in narrow:
            look(page, address, wrong, 390)
    page.context.close()
    assert wrong == [], "\n".join(wrong)


def test_on_a_small_desk_and_in_french_no_word_of_a_table_is_taken_apart(furnished):
    console, there, scene = furnished
    page = console.open("eve", width=1280)
    with scene.app.works.begin() as uow:
        prefer(uow.connection, scene.staff["eve"].id, Preferences(language="fr"))
    wrong: list[str] = []
    for address in all_pages(scene, there, 1):
        page.goto(f"{console.url}{address}")
        wrong += [f"{address}: {what}" for what in (*page.evaluate(_BROKEN), *page.evaluate(_WIDE))]
    # A long name beside it does not crush what is said.
    page.goto(f"{console.url}/record/{PLATFORM}/{there.events[0]}")
    narrow = "one => one.getBoundingClientRect().width < one.parentElement.getBoundingClientRect().width / 2"
    wrong += page.evaluate(f"[...document.querySelectorAll('.facts dd')].filter({narrow}).map(one => one.textContent)")
    page.context.close()
    assert wrong == [], "\n".join(wrong)


def test_on_a_small_desk_the_real_account_stands_in_sight_beside_its_lookalike(furnished):
    console, _, scene = furnished
    case = scene.report("2001", "impersonation")
    page = console.open("dee", width=1280)
    page.set_viewport_size({"width": 1280, "height": 800})
    for language in ("en", "fr"):
        with scene.app.works.begin() as uow:
            prefer(uow.connection, scene.staff["dee"].id, Preferences(language=language))
        page.goto(f"{console.url}/cases/{case}")
        assert page.evaluate(
            "[...document.querySelectorAll('.alikes .scroll')].map(one => one.scrollWidth - one.clientWidth)"
        ) == [0]
        expect(page.locator(".sides .real .handle")).to_be_in_viewport(ratio=1)
        expect(
            page.get_by_label("For whoever looks next" if language == "en" else "Pour qui regardera ensuite")
        ).to_be_in_viewport(ratio=1)
    page.context.close()


def test_signing_in_is_accessible_too(furnished):
    console, _, scene = furnished
    context = console.browser.new_context(viewport={"width": 390, "height": 800})
    context.add_init_script(path=_AXE)
    page = context.new_page()
    wrong: list[str] = []
    for width in (1440, 390):
        for address in ("/signin", f"/signin/{scene.link('ada')}", "/no/such/page"):
            page.goto(f"{console.url}{address}")
            look(page, address, wrong, width)
    context.close()
    assert wrong == [], "\n".join(wrong)


def test_all_of_it_is_reached_by_the_keyboard(furnished):
    console, there, _ = furnished
    page = console.open("ben")
    page.goto(f"{console.url}/enforcements/{there.enforcements[0]}")
    page.wait_for_load_state()

    # The first stop leads past the navigation.
    press(page, "Tab")
    expect(page.get_by_role("link", name="To the page's content")).to_be_focused()
    box = page.get_by_role("link", name="To the page's content").bounding_box()
    assert box is not None
    assert box["x"] >= 0, "the skip link is seen where it has the focus"
    press(page, "Enter")
    press(page, "Tab")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")

    # From there every field and button has its turn, in the sequence in which they stand, and is seen to have it.
    page.goto(f"{console.url}/enforcements/{there.enforcements[0]}")
    stops = "a[href], button, input:not([type=hidden]), select, textarea, summary"
    expected = page.evaluate(
        f"[...document.querySelectorAll('{stops}')].filter(one => one.getClientRects().length && !one.disabled).length"
    )
    reached: list[int] = []
    for _ in range(expected):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                f"""() => {{
              const one = document.activeElement, style = getComputedStyle(one);
              if (style.outlineStyle === "none" && one.tagName !== "BODY") return -2;
              return [...document.querySelectorAll('{stops}')].indexOf(one);
            }}"""
            )
        )
    assert -2 not in reached, "focus is seen everywhere"
    assert -1 not in reached
    assert reached == sorted(reached)

    # A dialog takes the focus, keeps it, and gives it back.
    opener = page.get_by_role("button", name="Keys")
    opener.focus()
    press(page, "Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    page.context.close()
