"""The case in Chromium: all of it on one screen, by keyboard alone, and what changed meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gardefou.flow.cases import claim, note
from gardefou.flow.reports import NewReport, take_many
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.test_console_browser import Console, open_console, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network_loopback,
    pytest.mark.slow,
    pytest.mark.xdist_group("case browser"),
]

#: One grey point.
PNG = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as opened:
        yield opened


def report(scene: Scene, account: str, category: str, *, count: int, content: str | None = None) -> str:
    """Bring in an ordinary case: a few people, two wordings, a picture and a link."""
    given = [
        NewReport(
            platform=PLATFORM,
            kind="account" if content is None else "content",
            account=account,
            content=content,
            reporter=f"reader-{number}",
            category=category,
            text=f"Look at this account, please: it does it again and again.{' Really.' * (number % 2)}",
            evidence=(
                {"kind": "screenshot", "says": "A reply", "media_type": "image/png", "data": PNG},
                {"url": "https://elsewhere.example/posts/1"},
            ),
        )
        for number in range(count)
    ]
    return take_many(scene.app, scene.actor("ada"), given)[-1].case


def scrolls(page: Page, selector: str) -> int:
    """Return by how many pixels the inside of a box is taller than the box."""
    return int(page.eval_on_selector(selector, "box => box.scrollHeight - box.clientHeight"))


def inside(page: Page, selector: str) -> bool:
    """Whether the whole of an element is within the window, and nothing lies over it."""
    box = page.locator(selector).first.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440


def test_everything_for_a_decision_is_on_one_screen(console: Console):
    scene = console.scene
    ordinary = report(scene, "3001", "spam", count=4)
    item = report(scene, "3002", "scam", count=2, content="c2")
    real = report(scene, "1001", "impersonation", count=14)
    fake = report(scene, "2001", "impersonation", count=3)
    note(scene.app, scene.actor("dee"), ordinary, "Seen last week too.")
    page = console.open("ada")
    page.goto(f"{console.url}/cases/{report(scene, '3003', 'spam', count=1)}")
    press(page, "N")
    page.wait_for_url("**/queue*")
    undo = page.url.split("?")[1]
    for case in (ordinary, item, real, fake):
        # With what came of the last decision above it, as all day long.
        page.goto(f"{console.url}/cases/{case}?{undo}")
        expect(page.locator("#toast")).to_be_visible()
        page.get_by_label("Suspend").check()
        expect(page.locator("#consequence .line").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollHeight") <= 900
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440
        shown = [".tier", "#toast button", "section.grow h2", "#consequence .line", "#decision .act button", "#policy"]
        assert [one for one in shown if not inside(page, one)] == []
        if case in {ordinary, item}:
            assert [scrolls(page, box) for box in ("#decision .inside", "section.grow .inside")] == [0, 0]
    expect(page.locator(".sides")).to_contain_text("the REAL one")
    page.goto(f"{console.url}/cases/{real}")
    expect(page.locator(".loud")).to_have_text("This is the REAL one: 41 million followers")


def test_an_ordinary_decision_by_keyboard_alone_and_back(console: Console):
    scene = console.scene
    scene.report("3001")
    page = console.open("ada")
    press(page, "q")
    page.wait_for_url("**/queue")
    press(page, "j")
    page.wait_for_url("**/cases/*")
    press(page, "y")
    page.keyboard.type("sc")
    expect(page.locator("#meanings")).to_contain_text("Takes money, goods or credentials by deceit.")
    press(page, "Escape")
    press(page, "5")
    press(page, "2")
    # The label is chosen where the cursor is already.
    page.keyboard.type("scam")
    press(page, "Escape")
    expect(page.locator("#consequence")).to_contain_text("Suspends @cheap_watches_1 now.")
    expect(page.locator("#consequence")).to_contain_text("Labels @cheap_watches_1 as scam now.")
    press(page, "w")
    page.keyboard.type("Took money twice.")
    press(page, "Escape")
    press(page, "d")
    page.wait_for_url("**/queue*")
    toast = page.locator("#toast")
    expect(toast).to_contain_text("Suspend @cheap_watches_1: Carried out")
    assert scene.state("3001") == {"suspended", "label:scam"}
    # It stays: nobody has to be quick. Its button is reached by Tab as well as by its key.
    page.keyboard.press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.textContent").startswith("Undo"):
            break
        page.keyboard.press("Tab")
    else:
        pytest.fail("Undo is not reached by Tab")
    press(page, "u")
    expect(toast).to_contain_text("Taken back: the case is open again")
    expect(toast).to_contain_text("the platform confirmed it after")
    assert scene.state("3001") == frozenset()


def test_on_a_slow_line_a_decision_is_seen_to_be_on_its_way_and_no_other_key_sends_one(console: Console):
    case = console.scene.report("3001")
    page = console.open("ada")
    page.goto(f"{console.url}/cases/{case}")
    page.wait_for_load_state()
    # The line is so slow that nothing comes back.
    page.evaluate(
        """() => { window.sent = []; window.addEventListener("submit", event => {
          if (!event.defaultPrevented) window.sent.push(new URL(event.target.action).pathname.split("/").pop());
          event.preventDefault();
        }); }"""
    )
    for key in ("n", "s", "n"):
        press(page, key)
    assert page.evaluate("window.sent") == ["decide"]
    expect(page.get_by_role("button", name="No violation, next")).to_have_css("cursor", "progress")
    expect(page.get_by_role("button", name="Skip")).not_to_have_css("cursor", "progress")


def test_a_slip_is_undone_and_the_case_is_ones_own_again(console: Console):
    case = console.scene.report("3001")
    console.scene.report("3002")
    page = console.open("ada")
    page.goto(f"{console.url}/cases/{case}")
    press(page, "n")
    page.wait_for_url("**done=no_violation**")
    press(page, "u")
    page.wait_for_url(f"**/cases/{case}?done=reopened")
    expect(page.locator("#toast")).to_contain_text("the case is open again, and yours")
    expect(page.get_by_text("yours for")).to_be_visible()


def test_coming_back_to_a_case_says_what_changed_and_by_whom(console: Console):
    scene = console.scene
    case = scene.report("3001")
    page = console.open("ada")
    page.goto(f"{console.url}/cases/{case}")
    dee = scene.staff["dee"].pseudonym
    claim(scene.app, scene.actor("dee"), case)
    note(scene.app, scene.actor("dee"), case, "A wave.")
    scene.report("3001", count=3)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator("#news")).to_contain_text(f"{dee} took this case")
    expect(page.locator("#news")).to_contain_text(f"{dee} wrote a note")
    expect(page.locator("#news")).to_contain_text("3 more reports came in.")
    page.get_by_label("Suspend").check()
    with page.expect_response(lambda answer: answer.status == 409):
        press(page, "d")
    expect(page.get_by_role("alert")).to_contain_text("A colleague is working on this case")
    expect(page.get_by_role("alert")).to_contain_text(f"{dee} took this case")
    assert scene.state("3001") == frozenset()
    console.complaints[:] = [said for said in console.complaints if "409" not in said]


def test_skip_move_escalate_and_note_by_keyboard(console: Console):
    scene = console.scene
    for number in (1, 2, 3):
        scene.report(f"300{number}")
    page = console.open("ada")
    press(page, "q")
    page.wait_for_url("**/queue")
    press(page, "j")
    page.wait_for_url("**/cases/*")
    press(page, "t")
    page.keyboard.type("Seen before.")
    press(page, "Enter")
    expect(page.locator("#toast")).to_contain_text("The note is kept.")
    press(page, "m")
    expect(page.get_by_label("To which queue")).to_be_focused()
    press(page, "Escape")
    expect(page.get_by_label("To which queue")).to_be_hidden()
    press(page, "x")
    page.keyboard.type("A politician.")
    press(page, "Enter")
    expect(page.locator("#toast")).to_contain_text("Escalated")
    press(page, "s")
    expect(page.locator("#toast")).to_contain_text("Left to others")
    page.wait_for_url("**/cases/*done=skipped")


def test_media_are_blurred_and_grey_until_asked_for_and_links_lead_outside(console: Console, monkeypatch):
    case = report(console.scene, "3001", "spam", count=1)
    page = console.open("ada")
    page.goto(f"{console.url}/cases/{case}")
    picture = page.get_by_alt_text("A reply")
    expect(picture).to_have_css("filter", "blur(18px) grayscale(1)")
    page.get_by_role("checkbox", name="Show the picture").focus()
    press(page, " ")
    expect(picture).to_have_css("filter", "none")
    assert page.evaluate("document.querySelector('.media img').naturalWidth") == 1
    link = page.get_by_role("link", name="Opens outside: elsewhere.example")
    expect(link).to_have_attribute("rel", "noreferrer noopener external")

    # What is not shown says why, in place of a picture that is none.
    page.goto(f"{console.url}/queue")
    monkeypatch.setattr("gardefou.web.console.case.media_of", lambda *_: None)
    page.goto(f"{console.url}/cases/{case}")
    expect(page.locator(".evidence")).to_contain_text("There is no such picture; it may have been erased.")
    expect(page.locator(".media")).to_have_count(0)
    console.complaints[:] = [said for said in console.complaints if "404" not in said]
